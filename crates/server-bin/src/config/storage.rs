//! Where durable data is.

use std::path::{Path, PathBuf};

use super::{ConfigError, MySqlServer, Values, parse, variables as var};

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
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DatabaseKind {
    /// A file.
    Sqlite,
    /// A server, asked for by this variable.
    MySql(&'static str, MySqlServer),
}

impl Database {
    /// Checks the variables of this section.
    pub fn read(values: &Values) -> Result<Self, ConfigError> {
        let server = MySqlServer::read(values)?;
        let kind =
            server.map_or(DatabaseKind::Sqlite, |(variable, server)| DatabaseKind::MySql(variable, server));
        let path = values.required(&var::DATABASE_PATH, file_path)?;
        Ok(Self { kind, path, reset: values.required(&var::RESET_DB_TABLES, parse::flag)? })
    }
}

impl Database {
    /// The folder of the database file, which also holds what this instance keeps for itself.
    pub fn folder(&self) -> &Path {
        self.path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."))
    }

    /// What it is called in the log and in the panel.
    pub fn type_name(&self) -> &'static str {
        match self.kind {
            DatabaseKind::Sqlite => "sqlite",
            DatabaseKind::MySql(..) => "mysql",
        }
    }

    /// Where it is, without a password.
    pub fn place(&self) -> String {
        match &self.kind {
            DatabaseKind::Sqlite => self.path.display().to_string(),
            DatabaseKind::MySql(_, server) => format!("{server:?}"),
        }
    }
}

fn file_path(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text.trim());
    if path.file_name().is_none() || text.trim().ends_with('/') || path.is_dir() {
        return Err("must be the path of a file, such as ./data/api_key_rotator.db".into());
    }
    Ok(path)
}

/// The name of a machine.
pub(super) fn host(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.contains(['/', '@', ' ']) {
        return Err("must be a host name or an address, without a scheme or a path".into());
    }
    Ok(text.to_owned())
}
