//! nginx as a measure: with the header swap alone, and doing our whole job.

use std::{fs, net::SocketAddr, path::Path};

use anyhow::Result;

use crate::fixture::{PROXY_KEY, SLUG, UPSTREAM_KEYS};

/// Puts one key on every request.
pub(crate) const SWAP: &str = include_str!("../nginx/swap.conf");
/// Checks the proxy key, rotates the keys, logs every request as JSON.
pub(crate) const FULL: &str = include_str!("../nginx/full.conf");

/// What differs from one start to the next.
pub(crate) struct Setup<'a> {
    pub(crate) folder: &'a Path,
    pub(crate) listen: SocketAddr,
    pub(crate) upstream: SocketAddr,
    pub(crate) workers: usize,
    /// Per worker, on both sides together; the table is made at the start, so it should not be larger than needed.
    pub(crate) connections: u32,
}

/// Writes a configuration with its blanks filled.
pub(crate) fn configure(template: &str, setup: &Setup<'_>) -> Result<()> {
    let processes = match setup.workers {
        // A single process is what the counting tools can follow from its start to its end.
        1 => "worker_processes 1; master_process off;".into(),
        n => format!("worker_processes {n};"),
    };
    let mut text = template
        .replace("@PROCESSES@", &processes)
        .replace("@FOLDER@", &setup.folder.display().to_string())
        .replace("@CONNECTIONS@", &setup.connections.to_string())
        .replace("@LISTEN@", &setup.listen.to_string())
        .replace("@UPSTREAM@", &setup.upstream.to_string())
        .replace("@SLUG@", SLUG)
        .replace("@PROXY_KEY@", PROXY_KEY);
    for (number, key) in UPSTREAM_KEYS.iter().enumerate() {
        text = text.replace(&format!("@KEY_{number}@"), key);
    }
    Ok(fs::write(setup.folder.join("nginx.conf"), text)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_blank_is_left_in_a_configuration() {
        let address = "127.0.0.1:1".parse().unwrap();
        for template in [SWAP, FULL] {
            let folder = tempfile::tempdir().unwrap();
            let setup = Setup {
                folder: folder.path(),
                listen: address,
                upstream: address,
                workers: 2,
                connections: 9,
            };
            configure(template, &setup).unwrap();
            let text = fs::read_to_string(folder.path().join("nginx.conf")).unwrap();
            assert!(!text.contains('@'), "{text}");
        }
    }
}
