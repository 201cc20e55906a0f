//! The program `api-key-rotator`.

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use clap::Parser as _;
use server_bin::{cli::Cli, commands, config::ConfigError, process};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const FAILED: u8 = 1;
const MISCONFIGURED: u8 = 2;

fn main() -> ExitCode {
    let unprotected = process::harden();
    let (command, inputs) = Cli::parse().into_parts(std::env::vars_os().collect());
    match commands::run(command, &inputs, &unprotected) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to be done about a closed standard error.
            let _ = writeln!(io::stderr(), "api-key-rotator: {error:#}");
            ExitCode::from(if error.is::<ConfigError>() { MISCONFIGURED } else { FAILED })
        }
    }
}
