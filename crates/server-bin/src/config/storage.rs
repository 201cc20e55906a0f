//! Where data is: durable, and shared with expiry.

use std::path::{Path, PathBuf};

use super::{ConfigError, Values, parse, variables as var};

/// Where durable data is.
#[derive(Debug, Clone)]
pub struct Database {
    /// Which database.
    pub kind: DatabaseKind,
    /// Its file, if it is one.
    pub path: PathBuf,
    /// Whether to begin with an empty one.
    pub reset: bool,
}

/// A database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatabaseKind {
    /// A file.
    Sqlite,
    /// A server, asked for by this variable.
    MySql(&'static str),
}

/// Where shared, expiring data is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheKind {
    /// In this process.
    Memory,
    /// A server, asked for by this variable.
    Redis(&'static str),
}

const MAX_REDIS_DATABASE: u32 = 16_383;

impl Database {
    /// Checks the variables of this section.
    pub fn read(values: &Values) -> Result<Self, ConfigError> {
        let url = values.optional(&var::DATABASE_URL, mysql_url)?;
        let host = values.optional(&var::DB_HOST, host)?;
        values.required(&var::DB_PORT, parse::port)?;
        let path = values.required(&var::DATABASE_PATH, file_path)?;
        let kind = match (url, host) {
            (Some(()), _) => DatabaseKind::MySql(var::DATABASE_URL.name),
            (None, Some(())) => DatabaseKind::MySql(var::DB_HOST.name),
            (None, None) => DatabaseKind::Sqlite,
        };
        Ok(Self { kind, path, reset: values.required(&var::RESET_DB_TABLES, parse::flag)? })
    }
}

impl CacheKind {
    /// Checks the variables of this section.
    pub fn read(values: &Values) -> Result<Self, ConfigError> {
        let url = values.optional(&var::REDIS_URL, redis_url)?;
        let host = values.optional(&var::REDIS_HOST, host)?;
        values.required(&var::REDIS_PORT, parse::port)?;
        values.required(&var::REDIS_DB, redis_database)?;
        Ok(match (url, host) {
            (Some(()), _) => Self::Redis(var::REDIS_URL.name),
            (None, Some(())) => Self::Redis(var::REDIS_HOST.name),
            (None, None) => Self::Memory,
        })
    }
}

impl Values {
    /// The folder of the database file, which also holds the generated secrets.
    pub fn data_folder(&self) -> Result<PathBuf, ConfigError> {
        let path = self.required(&var::DATABASE_PATH, file_path)?;
        Ok(match path.parent() {
            Some(folder) if folder != Path::new("") => folder.into(),
            _ => ".".into(),
        })
    }
}

fn file_path(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text.trim());
    if path.file_name().is_none() || text.trim().ends_with('/') || path.is_dir() {
        return Err("must be the path of a file, such as ./data/api_key_rotator.db".into());
    }
    Ok(path)
}

fn mysql_url(text: &str) -> Result<(), String> {
    if text.trim().starts_with("mysql://") {
        return Ok(());
    }
    Err("must begin with mysql://; for SQLite set DATABASE_PATH to a file instead".into())
}

fn redis_url(text: &str) -> Result<(), String> {
    if ["redis://", "rediss://"].iter().any(|scheme| text.trim().starts_with(scheme)) {
        return Ok(());
    }
    Err("must begin with redis:// or rediss://".into())
}

fn redis_database(text: &str) -> Result<u32, String> {
    text.trim()
        .parse()
        .ok()
        .filter(|number| *number <= MAX_REDIS_DATABASE)
        .ok_or_else(|| format!("must be the number of a database, from 0 to {MAX_REDIS_DATABASE}"))
}

fn host(text: &str) -> Result<(), String> {
    let text = text.trim();
    if text.contains(['/', '@', ' ']) {
        return Err("must be a host name or an address, without a scheme or a path".into());
    }
    Ok(())
}
