//! Keys that rest.

use mysql_async::Row;
use rotator_core::{
    model::{ConfigId, KeyId},
    pool::{Ailment, Resting},
    store::StoreError,
};
use serde_json::{Value, json};

use crate::{
    connection::Session,
    error::Fault,
    keys::list_of,
    rows::{self, get},
};

/// Longest name of a model that the table takes, in bytes. What rests for a longer one is tried after a restart.
const LONGEST_MODEL: usize = 1024;

/// Replaces what is kept of these keys.
pub(crate) async fn put(tx: &mut Session, keys: &[KeyId], rests: &[Resting]) -> Result<(), StoreError> {
    if !keys.is_empty() {
        tx.execute(&format!("DELETE FROM key_rests WHERE key_id IN ({})", list_of(keys)), ()).await?;
    }
    let rests: Vec<Value> = rests.iter().filter_map(values).collect();
    if rests.is_empty() {
        return Ok(());
    }
    // A key that is gone rests no more.
    tx.execute(
        "INSERT INTO key_rests (key_id, model, ailment, reason, since, until, strikes)
         SELECT k.id, r.model, r.ailment, r.reason, r.since, r.until, r.strikes
         FROM json_table(?, '$[*]' COLUMNS (key_id BIGINT PATH '$[0]', model TEXT PATH '$[1]',
             ailment VARCHAR(32) PATH '$[2]', reason TEXT PATH '$[3]', since BIGINT PATH '$[4]',
             until BIGINT PATH '$[5]', strikes BIGINT PATH '$[6]')) AS r
         JOIN api_keys AS k ON k.id = r.key_id",
        (Value::from(rests).to_string(),),
    )
    .await?;
    Ok(())
}

fn values(rest: &Resting) -> Option<Value> {
    let model = rest.model.as_deref().unwrap_or_default();
    let values = json!([
        rest.key.0,
        model,
        rest.ailment.as_str(),
        rest.reason,
        rest.since.as_millisecond(),
        rest.until.as_millisecond(),
        rest.strikes,
    ]);
    (model.len() <= LONGEST_MODEL).then_some(values)
}

/// Every rest, with the config of its key.
pub(crate) async fn all(tx: &mut Session) -> Result<Vec<(ConfigId, Resting)>, StoreError> {
    let sql = "SELECT k.proxy_config_id, r.* FROM key_rests r JOIN api_keys k ON k.id = r.key_id ORDER BY key_id, model";
    let found = tx.rows(sql, ()).await?;
    Ok(found.iter().map(read).filter_map(Result::transpose).collect::<Result<_, _>>()?)
}

/// `None` when a newer version knows why, and we do not.
fn read(row: &Row) -> Result<Option<(ConfigId, Resting)>, Fault> {
    let Ok(ailment) = get::<String>(row, "ailment")?.parse::<Ailment>() else { return Ok(None) };
    let model: String = get(row, "model")?;
    let rest = Resting {
        key: KeyId(get(row, "key_id")?),
        model: Some(model).filter(|model| !model.is_empty()).map(Into::into),
        ailment,
        reason: get::<String>(row, "reason")?.into(),
        since: rows::time(get(row, "since")?),
        until: rows::time(get(row, "until")?),
        strikes: get(row, "strikes")?,
    };
    Ok(Some((ConfigId(get(row, "proxy_config_id")?), rest)))
}
