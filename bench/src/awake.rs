//! Processors that do not sleep while latency is measured.
//!
//! A proxy is woken up twice per request. On a processor that sleeps, and above all on one of a virtual machine, that
//! takes longer than anything a proxy does, and says nothing about it. So each processor gets work of the lowest kind
//! there is (`SCHED_IDLE`), which every other process interrupts at once.

use std::{
    hint::spin_loop,
    io::{self, Read as _, Write as _},
    process::Command,
    thread::{self, available_parallelism},
};

use anyhow::{Result, ensure};

use crate::process::Process;

/// Keeps all processors awake until it is dropped.
pub(crate) fn keep() -> Result<Process> {
    let (process, mut lines) = Process::helper(&["stay-awake"])?;
    lines.next()?;
    Ok(process)
}

/// Is the helper: ends with its standard input.
pub(crate) fn run() -> Result<()> {
    let myself = std::process::id().to_string();
    // Threads inherit it.
    let lowered = Command::new("chrt").args(["--idle", "--pid", "0", &myself]).status()?;
    ensure!(lowered.success(), "chrt cannot lower a process to SCHED_IDLE");
    for _ in 0..available_parallelism()?.get() {
        thread::spawn(|| {
            loop {
                spin_loop();
            }
        });
    }
    writeln!(io::stdout(), "awake")?;
    io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
