//! Keys that rest.

use rotator_core::{
    model::{ConfigId, KeyId},
    pool::{Ailment, Resting},
    store::StoreError,
};
use rusqlite::{Row, Transaction};

use crate::{error, rows};

/// Replaces what is kept of these keys.
pub(crate) fn put(tx: &Transaction<'_>, keys: &[KeyId], rests: &[Resting]) -> Result<(), StoreError> {
    let mut delete = tx.prepare_cached("DELETE FROM key_rests WHERE key_id = ?1").map_err(error::store)?;
    for key in keys {
        delete.execute([key.0]).map_err(error::store)?;
    }
    // A key that is gone rests no more.
    let sql = "INSERT INTO key_rests (key_id, model, ailment, reason, since, until, strikes)
               SELECT id, ?2, ?3, ?4, ?5, ?6, ?7 FROM api_keys WHERE id = ?1";
    let mut insert = tx.prepare_cached(sql).map_err(error::store)?;
    for rest in rests {
        let values = (
            rest.key.0,
            rest.model.as_deref().unwrap_or_default(),
            rest.ailment.as_str(),
            &*rest.reason,
            rest.since.as_millisecond(),
            rest.until.as_millisecond(),
            rest.strikes,
        );
        insert.execute(values).map_err(error::store)?;
    }
    Ok(())
}

/// Every rest, with the config of its key.
pub(crate) fn all(tx: &Transaction<'_>) -> Result<Vec<(ConfigId, Resting)>, StoreError> {
    let sql = "SELECT k.proxy_config_id, r.* FROM key_rests r JOIN api_keys k ON k.id = r.key_id ORDER BY key_id, model";
    tx.prepare_cached(sql)
        .and_then(|mut select| select.query_map((), read)?.filter_map(Result::transpose).collect())
        .map_err(error::store)
}

/// `None` when a newer version knows why, and we do not.
fn read(row: &Row<'_>) -> rusqlite::Result<Option<(ConfigId, Resting)>> {
    let Ok(ailment) = row.get_ref("ailment")?.as_str()?.parse::<Ailment>() else { return Ok(None) };
    let model: String = row.get("model")?;
    let rest = Resting {
        key: KeyId(row.get("key_id")?),
        model: Some(model).filter(|model| !model.is_empty()).map(Into::into),
        ailment,
        reason: row.get::<_, String>("reason")?.into(),
        since: rows::time(row.get("since")?),
        until: rows::time(row.get("until")?),
        strikes: row.get("strikes")?,
    };
    Ok(Some((ConfigId(row.get("proxy_config_id")?), rest)))
}
