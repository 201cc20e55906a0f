//! The command line.

use std::{ffi::OsString, path::PathBuf};

use clap::{Args, Parser, Subcommand};

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
    /// Print the OpenAPI document of the admin API
    Openapi,
    /// Print a `.env` file that explains every setting
    EnvExample {
        /// Its language
        #[arg(long, value_enum, default_value_t = Language::En)]
        lang: Language,
    },
}

#[derive(Debug, Args)]
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

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

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
