//! The command line.

use std::{ffi::OsString, path::PathBuf};

use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::{
    backends::VERSION,
    config::{Inputs, Language, variables as var},
};

const AFTER_HELP: &str = "\
Without a command the server starts. It needs no configuration: secrets that are not set are made at the
first start and kept beside the database. `check-config` shows every setting and where it comes from;
`env-example` prints all of them with an explanation.

Settings are taken from, weakest first: defaults, the --config file, .env, the environment, these options.
Secrets are never options, since other users of a machine can read the options of a process.

Exit codes: 0 done, 1 failed, 2 wrong command line or configuration.";

const IMPORT_HELP: &str = "\
Run it with --dry-run first: it says which services and keys would be added, what cannot be carried over, and why.
They go into the database that the server's settings name. A service that is there already, with the same slug and
address, gets the keys that it has not; running an import twice adds nothing. The source is only read.

GATEWAY   SOURCE
gpt-load  its SQLite file, mysql://user:password@host:3306/database, a plain pg_dump, or an export in JSON
one-api   its SQLite file, mysql://…, or a plain pg_dump
new-api   the same
litellm   its config.yaml; what it refers to as os.environ/NAME is taken from the environment of this command";

const MIGRATE_HELP: &str = "\
Services, keys with their states and counters, prices, webhooks, ended sessions, the audit log and the request
log are copied, under their ids; the source stays as it is. Stop its server first. A copy that was interrupted
is completed by the same command. At the end every service and every key is compared.

DATABASE is sqlite:PATH, or mysql://user:password@host:3306/database (also with @tcp(host:3306), as in the old
project). Other users of the machine can read a password here: `mysql` alone means the server that DATABASE_URL
or DB_HOST and DB_PASSWORD name, and `sqlite` alone the file that DATABASE_PATH names.

Keys are encrypted anew, with the ENCRYPTION_KEY that a server on the new database would use. The source's may
be another: the one beside its file (secrets.env), ENCRYPTION_KEY_PREVIOUS, or --from-encryption-key-file.";

/// Owns your API keys, hands out one proxy key, and rotates.
#[derive(Debug, Parser)]
#[command(name = "api-key-rotator", version = VERSION, after_help = AFTER_HELP, disable_help_subcommand = true)]
pub struct Cli {
    #[command(flatten)]
    sources: Sources,
    #[command(subcommand)]
    command: Option<Command>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start the server (the default)
    Serve,
    /// Ask the running server how it is; exit 0 when it is well
    Healthcheck {
        /// Ask only whether the process lives, not whether it serves
        #[arg(long)]
        live: bool,
    },
    /// Check the configuration and print it, without secrets
    CheckConfig,
    /// Print a hash to use as `ADMIN_PASSWORD`; the password comes from the terminal or standard input
    HashPassword,
    /// Protect the stored keys with a new `ENCRYPTION_KEY`
    Rekey,
    /// Copy the database to a new file, also while the server runs; keys stay encrypted in it
    Backup {
        /// The new file
        path: PathBuf,
    },
    /// Copy everything into another database: from SQLite to MySQL, or back
    #[command(after_help = MIGRATE_HELP)]
    Migrate(Migrate),
    /// Add the services and keys of another gateway
    #[command(after_help = IMPORT_HELP)]
    Import(Import),
    /// Print the OpenAPI document of the admin API
    Openapi,
    /// Print a `.env` file that explains every setting
    EnvExample {
        /// Its language
        #[arg(long, value_enum, default_value_t = Language::En)]
        lang: Language,
    },
    /// Print the reference of all settings, as `docs/CONFIGURATION.md` has it
    #[command(hide = true)]
    ConfigReference {
        /// Its language
        #[arg(long, value_enum, default_value_t = Language::En)]
        lang: Language,
    },
    /// Print what completes commands and options in a shell, such as `source <(api-key-rotator completions bash)`
    Completions {
        /// Which shell
        shell: Shell,
    },
    /// Print the manual page, such as for `man -l <(api-key-rotator man)`
    #[command(hide = true)]
    Man,
}

/// What to copy from where to where.
#[derive(Debug, Args)]
pub struct Migrate {
    /// The database to copy: sqlite:PATH or mysql://…
    #[arg(long, value_name = "DATABASE")]
    pub from: String,
    /// The database to copy into, which must be empty: sqlite:PATH or mysql://…
    #[arg(long, value_name = "DATABASE")]
    pub to: String,
    /// Check everything, say what would be copied, and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Leave the request log behind, which may be large
    #[arg(long)]
    pub skip_request_log: bool,
    /// A file that holds the `ENCRYPTION_KEY` of the database to copy, if none that is set opens it
    #[arg(long, value_name = "FILE")]
    pub from_encryption_key_file: Option<PathBuf>,
}

/// What to import from where.
#[derive(Debug, Args)]
pub struct Import {
    /// Whose data it is
    #[arg(long, value_enum, value_name = "GATEWAY")]
    pub from: Gateway,
    /// Its database file, mysql://…, its plain `pg_dump`, its export, or its `config.yaml`
    pub source: String,
    /// Say what would be added and what cannot be, and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// A file that holds the `ENCRYPTION_KEY` of gpt-load, if it had one
    #[arg(long, value_name = "FILE")]
    pub from_encryption_key_file: Option<PathBuf>,
}

/// Another gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Gateway {
    /// gpt-load 1
    GptLoad,
    /// one-api
    OneApi,
    /// new-api
    NewApi,
    /// `LiteLLM`
    Litellm,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Settings")]
struct Sources {
    /// Read settings from a TOML file
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Read settings from this file instead of .env
    #[arg(long, global = true, value_name = "FILE")]
    env_file: Option<PathBuf>,
    /// Listen on this address (`BIND_ADDRESS`)
    #[arg(long, global = true, value_name = "ADDRESS")]
    bind: Option<String>,
    /// Listen on this port (`BACKEND_PORT`)
    #[arg(long, global = true)]
    port: Option<String>,
    /// Keep data in this file and beside it (`DATABASE_PATH`)
    #[arg(long, global = true, value_name = "FILE")]
    database: Option<String>,
    /// Log this much (`LOG_LEVEL`)
    #[arg(long, global = true, value_name = "LEVEL")]
    log_level: Option<String>,
    /// Log as text or json (`LOG_FORMAT`)
    #[arg(long, global = true, value_name = "FORMAT")]
    log_format: Option<String>,
}

impl Cli {
    /// What to do, and what to configure it with.
    pub fn into_parts(self, environment: Vec<(OsString, OsString)>) -> (Command, Inputs) {
        let Sources { config, env_file, bind, port, database, log_level, log_format } = self.sources;
        let flags = [
            (var::BIND_ADDRESS.name, bind),
            (var::BACKEND_PORT.name, port),
            (var::DATABASE_PATH.name, database),
            (var::LOG_LEVEL.name, log_level),
            (var::LOG_FORMAT.name, log_format),
        ];
        let flags = flags.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        let inputs = Inputs { config_file: config, env_file, environment, flags };
        (self.command.unwrap_or(Command::Serve), inputs)
    }
}

/// What completes the command line in a shell.
pub fn completions(shell: Shell) -> anyhow::Result<String> {
    let (mut command, mut text) = (Cli::command(), Vec::new());
    let name = command.get_name().to_owned();
    clap_complete::generate(shell, &mut command, name, &mut text);
    Ok(String::from_utf8(text)?)
}

/// The manual page.
pub fn man_page() -> anyhow::Result<String> {
    let mut text = Vec::new();
    clap_mangen::Man::new(Cli::command()).render(&mut text)?;
    Ok(String::from_utf8(text)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn no_option_carries_a_secret() {
        let values = ["--bind=::1", "--port=1", "--database=d", "--log-level=off", "--log-format=json"];
        let (_, inputs) = Cli::parse_from(["api-key-rotator"].iter().chain(&values)).into_parts(Vec::new());

        assert_eq!(inputs.flags.len(), values.len());
        for (name, _) in inputs.flags {
            let variable = var::ALL.iter().find(|variable| variable.name == name).unwrap();
            assert_eq!(variable.visibility, var::Visibility::Public, "{name}");
        }
    }

    #[test]
    fn without_a_command_the_server_starts() {
        let (command, inputs) = Cli::parse_from(["api-key-rotator", "--port", "0"]).into_parts(Vec::new());

        assert!(matches!(command, Command::Serve));
        assert_eq!(inputs.flags, [("BACKEND_PORT", "0".to_owned())]);
    }
}
