//! Records on their way into another store, or from one.

use rotator_core::{
    store::{LoggedRequest, StoreError},
    transfer::{Export, PIECE, Piece},
};
use rusqlite::Transaction;

use super::{FURTHER, PLAIN, Values, record};
use crate::error;

/// The records after a row, as many as one piece takes. Those that make no sense are left out.
pub(crate) fn export(tx: &Transaction<'_>, after: i64) -> Result<Export, StoreError> {
    let found: Vec<(i64, Option<_>)> = tx
        .prepare_cached("SELECT * FROM requests WHERE id > ?1 ORDER BY id LIMIT ?2")
        .and_then(|mut select| {
            select.query_map((after, PIECE), |row| Ok((row.get("id")?, record(row)?)))?.collect()
        })
        .map_err(error::store)?;
    let (last, rows) = (found.last().map(|(row, _)| *row), found.len());
    let records =
        found.into_iter().filter_map(|(row, record)| Some(LoggedRequest { row, record: record? })).collect();
    Ok(Export::up_to(last, rows, Piece::Requests(records)))
}

/// Takes records of another store under their own rows.
pub(crate) fn import(tx: &Transaction<'_>, records: &[LoggedRequest]) -> rusqlite::Result<()> {
    let columns = [PLAIN.as_slice(), &FURTHER].concat();
    let sql = format!(
        "INSERT INTO requests (id, {}) VALUES (?, {}) ON CONFLICT (id) DO NOTHING",
        columns.join(", "),
        vec!["?"; columns.len()].join(", ")
    );
    let mut insert = tx.prepare_cached(&sql)?;
    for LoggedRequest { row, record } in records {
        let mut values = Values { insert: &mut insert, bound: 0 };
        values.bind(row)?;
        values.bind_record(record, true)?;
        insert.raw_execute()?;
    }
    Ok(())
}
