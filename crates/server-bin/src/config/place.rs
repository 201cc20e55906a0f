//! A database, as `--from` and `--to` name it.

use super::{ConfigError, Database, DatabaseKind, Inputs, Values, variables as var};

/// A database that was named on the command line, and the settings that hold for it.
pub struct Place {
    /// Where it is.
    pub database: Database,
    /// The settings of a server that uses it.
    pub values: Values,
}

const SQLITE: &str = "sqlite";
const MYSQL: &str = "mysql";

impl Place {
    /// `sqlite:PATH` and `mysql://…`, in either form; `sqlite` and `mysql` alone mean what is configured.
    pub fn parse(option: &'static str, text: &str, inputs: &Inputs) -> Result<Self, ConfigError> {
        let text = text.trim();
        let mut inputs = inputs.clone();
        let is_sqlite = text == SQLITE || text.starts_with("sqlite:");
        match text.strip_prefix("sqlite:") {
            Some(path) => inputs.flags.push((var::DATABASE_PATH.name, path.to_owned())),
            None if text.starts_with("mysql://") => {
                inputs.flags.push((var::DATABASE_URL.name, text.to_owned()));
            }
            None if is_sqlite || text == MYSQL => {}
            None => {
                let problem = "must be sqlite:PATH or mysql://user:password@host:3306/database; sqlite or mysql alone means \
                               the one that is configured";
                return Err(Self::wrong(option, problem));
            }
        }
        let values = inputs.read()?;
        let configured = Database::read(&values)?;
        let kind = match configured.kind {
            _ if is_sqlite => DatabaseKind::Sqlite,
            DatabaseKind::Sqlite => {
                let problem = "is mysql, and no server is configured; set DATABASE_URL, or DB_HOST and what belongs to it";
                return Err(Self::wrong(option, problem));
            }
            mysql @ DatabaseKind::MySql(..) => mysql,
        };
        // Whatever RESET_DB_TABLES says is for a server's start.
        Ok(Self { database: Database { kind, reset: false, ..configured }, values })
    }

    fn wrong(option: &'static str, problem: &str) -> ConfigError {
        ConfigError::Variable { name: option, problem: problem.into(), found: String::new() }
    }
}
