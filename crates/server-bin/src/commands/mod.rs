//! What each command does.

mod hash_password;
pub(crate) mod healthcheck;
mod import;
mod keys;
mod migrate;
mod serve;

use std::io::{self, Write as _};

use crate::{
    backends,
    cli::{self, Command},
    config::{self, CacheKind, Config, Database, Inputs},
    secrets::{self, Completed},
};

/// Does it. `unprotected` is what the system refused to protect, for the log.
pub fn run(command: Command, inputs: &Inputs, unprotected: &[String]) -> anyhow::Result<()> {
    match command {
        Command::Serve => serve::run(inputs, unprotected),
        Command::Healthcheck { live } => healthcheck::run(&load(inputs)?.0.server, live),
        Command::CheckConfig => check_config(inputs),
        Command::HashPassword => print(&hash_password::run()?),
        Command::Rekey => keys::rekey(inputs),
        Command::Backup { path } => keys::backup(inputs, &path),
        Command::Migrate(options) => migrate::run(inputs, &options),
        Command::Import(options) => import::run(inputs, &options),
        Command::Openapi => print(&admin_api::openapi_json()?),
        Command::EnvExample { lang } => print(config::env_example(lang).trim_end()),
        Command::ConfigReference { lang } => print(config::reference(lang).trim_end()),
        Command::Completions { shell } => print(cli::completions(shell)?.trim_end()),
        Command::Man => print(cli::man_page()?.trim_end()),
    }
}

/// Reads and checks everything, and writes nothing.
fn load(inputs: &Inputs) -> anyhow::Result<(Config, Completed)> {
    let values = inputs.read()?;
    let database = Database::read(&values)?;
    backends::check(&database, &CacheKind::read(&values)?)?;
    let secrets = secrets::complete(values, &database)?;
    let config = Config::read(&secrets.values)?;
    Ok((config, secrets))
}

fn check_config(inputs: &Inputs) -> anyhow::Result<()> {
    let (config, secrets) = load(inputs)?;
    let mut text = config::report(&secrets.values);
    for warning in &config.warnings {
        text.push_str("\n\nwarning: ");
        text.push_str(warning);
    }
    text.push_str("\n\nThe configuration can be used.");
    print(&text)
}

/// Writes a line to standard output; a reader that left early is no failure.
fn print(text: &str) -> anyhow::Result<()> {
    match writeln!(io::stdout(), "{text}") {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
