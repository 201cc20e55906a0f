//! Named values of the installation.

use crate::{connection::Session, error::Fault, rows};

/// The data key, wrapped by the operator's key.
pub(crate) const DATA_KEY: &str = "data_key";
/// Where operators are told of what happens, sealed.
pub(crate) const NOTIFICATIONS: &str = "notifications";
/// What tokens cost: JSON.
pub(crate) const PRICES: &str = "prices";
/// The store that this one is being filled from.
pub(crate) const TRANSFER: &str = "transfer";
/// Set from when the old project's rows were taken over until its tables are gone.
pub(crate) const ADOPTED: &str = "adopted";

pub(crate) async fn get(tx: &mut Session, name: &str) -> Result<Option<String>, Fault> {
    let row = tx.row("SELECT value FROM settings WHERE name = ?", (name,)).await?;
    row.map(|row| rows::get(&row, "value")).transpose()
}

pub(crate) async fn put(tx: &mut Session, name: &str, value: &str) -> Result<(), Fault> {
    let sql =
        "INSERT INTO settings (name, value) VALUES (?, ?) ON DUPLICATE KEY UPDATE value = VALUES(value)";
    tx.execute(sql, (name, value)).await.map(drop)
}

pub(crate) async fn remove(tx: &mut Session, name: &str) -> Result<(), Fault> {
    tx.execute("DELETE FROM settings WHERE name = ?", (name,)).await.map(drop)
}
