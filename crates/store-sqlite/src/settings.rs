//! Named values of the installation.

use rusqlite::{Connection, OptionalExtension};

/// The data key, wrapped by the operator's key.
pub(crate) const DATA_KEY: &str = "data_key";
/// Set from when plain text was deleted until no free page holds any of it.
pub(crate) const SCRUB: &str = "scrub";
/// The store that this one is being filled from.
pub(crate) const TRANSFER: &str = "transfer";
/// Where operators are told of what happens, sealed.
pub(crate) const NOTIFICATIONS: &str = "notifications";
/// What tokens cost: JSON.
pub(crate) const PRICES: &str = "prices";

pub(crate) fn get(conn: &Connection, name: &str) -> rusqlite::Result<Option<String>> {
    conn.query_one("SELECT value FROM settings WHERE name = ?1", [name], |row| row.get(0)).optional()
}

pub(crate) fn put(conn: &Connection, name: &str, value: &str) -> rusqlite::Result<()> {
    let sql = "INSERT INTO settings (name, value) VALUES (?1, ?2)
               ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    conn.execute(sql, [name, value]).map(drop)
}

pub(crate) fn remove(conn: &Connection, name: &str) -> rusqlite::Result<()> {
    conn.execute("DELETE FROM settings WHERE name = ?1", [name]).map(drop)
}
