//! What a process and its descendants cost, as the kernel counts it.

use std::{fs, time::Duration};

use anyhow::{Context as _, Result, ensure};

/// A line of `/proc/{pid}/stat`, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stat {
    pid: u32,
    parent: u32,
    /// User and system time in clock ticks, of ended threads too.
    ticks: u64,
}

/// The processor time, user and system, that a process and its descendants used so far.
pub(crate) fn cpu(root: u32) -> Result<Duration> {
    let ticks: u64 = tree(root)?.iter().map(|stat| stat.ticks).sum();
    Ok(Duration::from_secs(1) * u32::try_from(ticks)?
        / u32::try_from(rustix::param::clock_ticks_per_second())?)
}

/// The resident memory of a process and its descendants, in KiB. A page that several of them share counts for each.
pub(crate) fn resident_kib(root: u32) -> Result<u32> {
    // One that ends meanwhile has none any more, and says nothing about it.
    let resident = |pid: u32| parse_resident(&fs::read_to_string(format!("/proc/{pid}/status")).ok()?);
    let total = tree(root)?.iter().filter_map(|stat| resident(stat.pid)).sum();
    ensure!(total > 0, "the process to be measured has ended");
    Ok(total)
}

/// The descendants of a process, parents before children.
pub(crate) fn descendants(root: u32) -> Result<Vec<u32>> {
    Ok(tree(root)?.iter().map(|stat| stat.pid).filter(|pid| *pid != root).collect())
}

fn tree(root: u32) -> Result<Vec<Stat>> {
    let all = processes()?;
    let mut tree: Vec<Stat> = all.iter().filter(|stat| stat.pid == root).cloned().collect();
    let mut next = 0;
    while let Some(parent) = tree.get(next).map(|stat| stat.pid) {
        tree.extend(all.iter().filter(|stat| stat.parent == parent).cloned());
        next += 1;
    }
    Ok(tree)
}

fn processes() -> Result<Vec<Stat>> {
    let folders = fs::read_dir("/proc").context("cannot read /proc: the bench needs Linux")?;
    // A process may end between being listed and being read.
    let stats = folders.flatten().filter_map(|folder| fs::read_to_string(folder.path().join("stat")).ok());
    Ok(stats.filter_map(|line| parse_stat(&line)).collect())
}

/// Fields as in proc(5): 1 pid, 2 (name), 3 state, 4 parent, …, 14 utime, 15 stime. The name may hold anything, so the
/// fields are counted from its last parenthesis.
fn parse_stat(line: &str) -> Option<Stat> {
    let (pid, rest) = line.split_once(' ')?;
    let fields: Vec<&str> = rest.rsplit_once(") ")?.1.split(' ').collect();
    let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
    Some(Stat {
        pid: pid.parse().ok()?,
        parent: number(4)?.try_into().ok()?,
        ticks: number(14)? + number(15)?,
    })
}

fn parse_resident(status: &str) -> Option<u32> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "4242 (a) b (c) S 17 4242 4242 0 -1 4194304 900 0 0 0 120 34 5 6 20 0 3 0 99 1 2 3";

    #[test]
    fn a_stat_line_is_read_whatever_the_name_of_the_process() {
        assert_eq!(parse_stat(LINE), Some(Stat { pid: 4242, parent: 17, ticks: 154 }));
        assert_eq!(parse_stat("4242 (cut"), None);
    }

    #[test]
    fn resident_memory_is_read_from_the_status() {
        assert_eq!(parse_resident("Name:\tx\nVmHWM:\t 9000 kB\nVmRSS:\t    4321 kB\n"), Some(4321));
        assert_eq!(parse_resident("Name:\tkthreadd\n"), None);
    }

    #[test]
    fn this_process_is_found_with_its_children() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();

        let me = std::process::id();
        let found = descendants(me).unwrap();
        let (memory, time) = (resident_kib(me).unwrap(), cpu(me));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(found.contains(&child.id()));
        assert!(memory > 100 && time.is_ok());
    }
}
