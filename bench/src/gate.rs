//! The part of the benchmark that a test suite can rely on.

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use anyhow::Result;

use crate::{
    lab::{Lab, Subject},
    report::Amount,
    scenario::per_request,
    targets,
    tool::Tool,
};

/// What a request may cost.
#[derive(clap::Args)]
pub(crate) struct Bounds {
    /// User instructions per request, by callgrind.
    #[arg(long, default_value_t = targets::INSTRUCTIONS.must)]
    max_instructions: f64,
    /// System calls per request, by strace.
    #[arg(long, default_value_t = targets::SYSTEM_CALLS.must)]
    max_syscalls: f64,
}

/// Counts, prints, and fails when a bound is exceeded.
pub(crate) fn run(bounds: &Bounds) -> Result<ExitCode> {
    Tool::Callgrind.check()?;
    Tool::Strace.check()?;
    let lab = Lab::open(&[Subject::Rotator])?;
    let mut code = ExitCode::SUCCESS;
    for (what, tool, bound) in [
        ("user instructions", Tool::Callgrind, bounds.max_instructions),
        ("system calls", Tool::Strace, bounds.max_syscalls),
    ] {
        let cost = per_request(&lab, Subject::Rotator, tool)?;
        let within = cost <= bound;
        let verdict = if within { "within" } else { "ABOVE" };
        writeln!(io::stdout(), "{what} per request: {}, {verdict} the bound of {bound}", Amount(cost, ""))?;
        if !within {
            code = ExitCode::FAILURE;
        }
    }
    Ok(code)
}
