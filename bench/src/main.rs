//! Measures the proxy beside nginx, in one run, as ratios.
//!
//! The harness starts a mock upstream, the proxies and the clients, each in processes of their own, on loopback, and
//! ends them. A new question is a file in [`scenario`]; a new subject a variant of [`lab::Subject`].

mod accounting;
mod admin;
mod awake;
mod document;
mod fixture;
mod gate;
mod lab;
mod limits;
mod load;
mod nginx;
mod process;
mod report;
mod rotator;
mod scenario;
mod stats;
mod targets;
mod tool;
mod upstream;
mod wire;

use std::{
    io::{self, Write as _},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::Result;
use clap::{Args, Parser, Subcommand, ValueEnum as _};

use lab::{Lab, Subject};
use scenario::{Effort, Scenario};

/// The product's own, which decides how close together the keys of a pool lie.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures the proxy beside nginx, in one run, as ratios.
#[derive(Parser)]
#[command(args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    role: Option<Role>,
    #[command(flatten)]
    comparison: Comparison,
}

#[derive(Args)]
struct Comparison {
    /// Measure less: two to three minutes instead of nine.
    #[arg(long)]
    quick: bool,
    /// Measure these only.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Subject::value_variants().to_vec())]
    subjects: Vec<Subject>,
    /// Answer these questions only.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Scenario::value_variants().to_vec())]
    scenarios: Vec<Scenario>,
    /// Write the report to this file as well.
    #[arg(long)]
    report: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Role {
    /// Fail if a request costs more than this; quick, and the same on a busy machine.
    Gate(gate::Bounds),
    /// Be the mock upstream. The harness starts it.
    #[command(hide = true)]
    Upstream,
    /// Be the clients. The harness starts it.
    #[command(hide = true)]
    Load { plan: String },
    /// Keep all processors awake. The harness starts it.
    #[command(hide = true)]
    StayAwake,
}

fn main() -> Result<ExitCode> {
    let cli = Cli::parse();
    match cli.role {
        None => compare(&cli.comparison)?,
        Some(Role::Gate(bounds)) => return gate::run(&bounds),
        Some(Role::Upstream) => upstream::run()?,
        Some(Role::Load { plan }) => load::run(&plan)?,
        Some(Role::StayAwake) => awake::run()?,
    }
    Ok(ExitCode::SUCCESS)
}

fn compare(comparison: &Comparison) -> Result<()> {
    limits::raise()?;
    let Comparison { quick, subjects, scenarios, report } = comparison;
    let effort = if *quick { Effort::QUICK } else { Effort::FULL };
    let lab = Lab::open(subjects)?;
    let mut sections = Vec::new();
    for scenario in scenarios.iter().filter(|s| !s.needs_rotator() || subjects.contains(&Subject::Rotator)) {
        let section = scenario.run(&lab, subjects, effort)?;
        writeln!(io::stdout(), "{}", report::render(&section))?;
        sections.push(section);
    }
    let Some(path) = report else { return Ok(()) };
    document::write(path, &sections, if *quick { "make bench-quick" } else { "make bench" })
}
