//! The report as a file that people read.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::SystemTime,
};

use anyhow::{Context as _, Result};
use jiff::{Timestamp, tz::TimeZone};

use crate::{report, report::Section, rotator};

const INTRODUCTION: &str = "\
Written by `make bench`; do not edit. Measure again before you quote it.

**Only ratios, differences and counts mean anything elsewhere.** The column \"this machine\" is what one machine did \
on one day, with clients, proxies and upstream sharing its processors. Subjects took turns in one run, and a ratio is \
the median of the ratios of neighbouring turns.

- **nginx swap** puts one key on every request and does nothing else.
- **nginx full** does the job of a key proxy: it checks the proxy key by a `map`, rotates seven keys by \
`split_clients` and writes a JSON access log. Both configurations are in `bench/nginx/`.
- **api-key-rotator** runs as users get it: access check, rotation over seven keys, request log and metrics on.

Every answer was checked for its status and its length, and the upstream refused requests without one of its keys. \
\"must\" is what we promise, \"aim\" what we strive for.
";

/// Writes the report.
pub(crate) fn write(path: &Path, sections: &[Section], command: &str) -> Result<()> {
    let mut text = format!("# Benchmarks\n\n{INTRODUCTION}\n{}", machine(command)?);
    for section in sections {
        text.push('\n');
        text.push_str(&report::render(section));
    }
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

fn machine(command: &str) -> Result<String> {
    let now = Timestamp::try_from(SystemTime::now())?.to_zoned(TimeZone::UTC);
    let processors = fs::read_to_string("/proc/cpuinfo")?;
    let model = processors.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let rows = [
        ("date", now.date().to_string()),
        ("cores", thread::available_parallelism()?.to_string()),
        ("processor", model.map_or("unknown", |(_, name)| name).to_owned()),
        ("kernel", kernel.trim().to_owned()),
        ("nginx", version("nginx", "-v")),
        ("valgrind", version("valgrind", "--version")),
        (rotator::BINARY, rotator::find_binary().map_or_else(|_| "none".into(), |b| version(b, "--version"))),
        ("measured by", format!("`{command}`")),
    ];
    let rows = rows.map(|(name, value)| format!("| {name} | {value} |\n"));
    Ok(format!("| | |\n| --- | --- |\n{}", rows.concat()))
}

/// The first line that a program prints about itself, wherever it prints it.
fn version(program: impl AsRef<Path>, flag: &str) -> String {
    let output = Command::new(program.as_ref()).arg(flag).stdin(Stdio::null()).output();
    let text = output.map(|o| [o.stdout, o.stderr].concat()).unwrap_or_default();
    String::from_utf8_lossy(&text).lines().next().unwrap_or("none").to_owned()
}
