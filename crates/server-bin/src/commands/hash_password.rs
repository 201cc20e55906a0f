//! `hash-password`: a password from the terminal or from standard input, its Argon2id hash on standard output.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use anyhow::{Context as _, ensure};
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

/// Reads the password and answers its hash.
pub(super) fn run() -> anyhow::Result<String> {
    let password = if io::stdin().is_terminal() { ask()? } else { read_line()? };
    Ok(admin_api::hash_password(&password)?)
}

/// Asks twice, since nobody sees what they type.
fn ask() -> anyhow::Result<Zeroizing<String>> {
    let first = without_echo("Password: ")?;
    let second = without_echo("Again: ")?;
    ensure!(first == second, "the two passwords differ");
    Ok(first)
}

fn without_echo(prompt: &str) -> anyhow::Result<Zeroizing<String>> {
    let stdin = io::stdin();
    let mut terminal = io::stderr();
    write!(terminal, "{prompt}")?;
    terminal.flush()?;
    let before = tcgetattr(&stdin).context("the terminal cannot be asked for its settings")?;
    let mut silent = before.clone();
    silent.local_modes.remove(LocalModes::ECHO);
    tcsetattr(&stdin, OptionalActions::Now, &silent)
        .context("the terminal cannot be told to hide what is typed")?;
    let line = read_line();
    tcsetattr(&stdin, OptionalActions::Now, &before)?;
    writeln!(terminal)?;
    line
}

fn read_line() -> anyhow::Result<Zeroizing<String>> {
    let mut line = Zeroizing::new(String::new());
    io::stdin().lock().read_line(&mut line).context("the password cannot be read from standard input")?;
    Ok(Zeroizing::new(line.trim_end_matches(['\r', '\n']).to_owned()))
}
