//! Tables of another program's database.

use std::collections::BTreeMap;

use mysql_async::Row;

use crate::{
    Server,
    connection::{OPENING_PATIENCE, Session},
    error::{Error, Fault, code},
};

/// Those of these tables that a database has: their rows with the columns as text, those that are null left out. Changes
/// nothing.
pub async fn read_foreign(
    server: &Server,
    tables: &[&str],
) -> Result<BTreeMap<String, Vec<BTreeMap<String, String>>>, Error> {
    let read = async {
        let mut conn = Session::connect(server, OPENING_PATIENCE).await?;
        let mut found = BTreeMap::new();
        for table in tables {
            match conn.texts(&format!("SELECT * FROM `{table}`")).await {
                Ok(rows) => {
                    found.insert((*table).to_owned(), rows.iter().map(text).collect());
                }
                Err(fault) if fault.code() == Some(code::NO_SUCH_TABLE) => {}
                Err(fault) => return Err(fault),
            }
        }
        conn.close().await;
        Ok::<_, Fault>(found)
    };
    read.await.map_err(|fault| fault.of(server))
}

fn text(row: &Row) -> BTreeMap<String, String> {
    let columns = row.columns_ref().iter().enumerate();
    let value = |index| row.get_opt::<Option<Vec<u8>>, _>(index)?.ok()?;
    columns
        .filter_map(|(index, column)| {
            Some((column.name_str().into_owned(), String::from_utf8_lossy(&value(index)?).into_owned()))
        })
        .collect()
}
