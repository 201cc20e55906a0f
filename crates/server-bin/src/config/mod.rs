//! What an operator may set, as checked values.
//!
//! To add a variable, give it a row in [`variables`], a field in the struct of its section, and a line in that
//! section's `read`; `make env-examples config-reference` writes the documentation.

mod access;
mod cache;
mod logs;
mod mysql;
mod parse;
mod place;
mod reference;
mod report;
mod rests;
mod server;
mod sources;
mod storage;
mod upstream;
pub mod variables;
mod weak;

use std::path::PathBuf;

use admin_api::EffectiveSetting;

pub use access::Access;
pub use cache::{CacheKind, Redis, RedisPlace};
pub use logs::{LogFormat, Logs};
pub use mysql::{MySqlServer, MySqlTls};
pub use place::Place;
pub use reference::reference;
pub use report::{Language, effective, env_example, report};
pub use server::{Server, TlsFiles};
pub use sources::{Inputs, Layer, Setting, Values};
pub use storage::{Database, DatabaseKind};
pub use upstream::Upstream;

use rotator_core::pool::RestPolicy;
use variables::{Variable, Visibility};

/// Everything an operator may set.
pub struct Config {
    /// Who gets in.
    pub access: Access,
    /// The listener.
    pub server: Server,
    /// What is written down.
    pub logs: Logs,
    /// The way to the APIs.
    pub upstream: Upstream,
    /// How long keys rest.
    pub rests: RestPolicy,
    /// Where durable data is.
    pub database: Database,
    /// Where shared, expiring data is.
    pub cache: CacheKind,
    /// What is allowed but unwise, as sentences.
    pub warnings: Vec<String>,
    /// Every variable as it is in effect, without secrets.
    pub effective: Vec<EffectiveSetting>,
}

/// Why the configuration cannot be used: one sentence that says where, what and how to mend it.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// One variable is wrong, alone or beside others.
    #[error("{name} {problem}{found}")]
    Variable {
        /// Which.
        name: &'static str,
        /// A clause: "must be …".
        problem: String,
        /// What else would do, and what was found where, as far as it may be shown.
        found: String,
    },
    /// A variable of the environment is not text.
    #[error("{name} must be UTF-8 text; it comes from the environment")]
    Environment {
        /// Which.
        name: String,
    },
    /// The database is not the one that the rest of the configuration is for.
    #[error("{0}")]
    Database(String),
    /// The database was encrypted with a key that is not the configured one.
    #[error("{0}")]
    WrongKey(String),
    /// A file with settings or secrets cannot be used.
    #[error("{} {problem}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// A clause that follows the path.
        problem: String,
    },
}

/// Longest value that an error sentence repeats, in characters.
const MAX_SHOWN: usize = 60;

impl Config {
    /// Checks every value.
    pub fn read(values: &Values) -> Result<Self, ConfigError> {
        let mut warnings = Vec::new();
        let database = Database::read(values)?;
        let access = Access::read(values, &database, &mut warnings)?;
        if database.reset {
            warnings.push("RESET_DB_TABLES is true: every start deletes all stored data".into());
        }
        Ok(Self {
            access,
            server: Server::read(values)?,
            logs: Logs::read(values)?,
            upstream: Upstream::read(values)?,
            rests: rests::read(values)?,
            database,
            cache: CacheKind::read(values)?,
            warnings,
            effective: effective(values),
        })
    }
}

impl ConfigError {
    /// A variable that is wrong beside others.
    pub fn variable(variable: &Variable, problem: impl Into<String>) -> Self {
        Self::Variable { name: variable.name, problem: problem.into(), found: String::new() }
    }

    fn of_setting(variable: &Variable, problem: String, setting: &Setting, may_be_unset: bool) -> Self {
        let Setting { text, source } = setting;
        let way_out = if may_be_unset { ", or be unset to have one generated" } else { "" };
        let found = match variable.visibility {
            Visibility::Secret => format!("{way_out}; it comes from {source}"),
            Visibility::Public => {
                let shown: String = text.chars().take(MAX_SHOWN).collect();
                format!("{way_out}; it is {shown:?} in {source}")
            }
        };
        Self::Variable { name: variable.name, problem, found }
    }
}

impl Values {
    /// A value that has a default, or must be set.
    fn required<T>(
        &self,
        variable: &'static Variable,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<T, ConfigError> {
        self.optional(variable, parse)?.ok_or_else(|| ConfigError::variable(variable, "must be set"))
    }

    /// A value that may be missing.
    fn optional<T>(
        &self,
        variable: &'static Variable,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<Option<T>, ConfigError> {
        let Some(setting) = self.get(variable) else { return Ok(None) };
        let parsed = parse(&setting.text).map(Some);
        parsed.map_err(|problem| ConfigError::of_setting(variable, problem, &setting, self.makes(variable)))
    }
}
