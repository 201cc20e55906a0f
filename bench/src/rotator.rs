//! Us, with everything switched on.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Result, ensure};
use tempfile::TempDir;

use crate::{
    admin::{self, Admin, PASSWORD},
    fixture::PROXY_KEY,
    lab::Sharing,
    process::{Process, free_address},
    scenario,
};

/// The binary under test.
pub(crate) const BINARY: &str = "api-key-rotator";

/// A data folder with the mock upstream registered; every start gets a copy, so that all begin alike.
pub(crate) struct Seed(TempDir);

impl Seed {
    /// Lets the rotator make its data folder, and registers the upstream over the admin API.
    pub(crate) fn prepare(binary: &Path, upstream: SocketAddr) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let address = free_address()?;
        let log = folder.path().join("log");
        let mut process =
            Process::server(BINARY, &mut configure(Command::new(binary), folder.path(), address, 1), &log)?;
        process.wait_for(&log, || admin::is_ready(address))?;
        Admin::login(address)?.register(upstream, scenario::CHAT)?;
        let pid = process.id();
        process.terminate(pid)?;
        Ok(Self(folder))
    }

    /// Copies the data into an empty folder.
    pub(crate) fn copy_to(&self, folder: &Path) -> Result<()> {
        for entry in fs::read_dir(self.0.path())? {
            let entry = entry?;
            fs::copy(entry.path(), folder.join(entry.file_name()))?;
        }
        Ok(())
    }
}

/// The binary that was built beside this one.
pub(crate) fn find_binary() -> Result<PathBuf> {
    let binary = std::env::current_exe()?.with_file_name(BINARY);
    ensure!(
        binary.exists(),
        "{} is missing: build it first, with `cargo build --release -p server-bin`",
        binary.display()
    );
    Ok(binary)
}

/// Whether the binary knows Redis.
pub(crate) fn is_enterprise() -> Result<bool> {
    let version = Command::new(find_binary()?).arg("--version").output()?;
    Ok(String::from_utf8_lossy(&version.stdout).contains("enterprise"))
}

/// The counter of turns of the only service, where an instance shares them.
pub(crate) fn turns_name(lease: u16) -> String {
    format!("{}{{1}}:turns", prefix(lease))
}

/// Lets a configured instance take its turns from Redis. Those that take as many at a time would rotate as one.
pub(crate) fn share(command: &mut Command, Sharing { redis, lease }: Sharing) {
    command
        .env("REDIS_URL", format!("redis://{redis}"))
        .env("REDIS_PREFIX", prefix(lease))
        .env("ROTATION_LEASE", lease.to_string());
}

fn prefix(lease: u16) -> String {
    format!("lease-{lease}:")
}

/// Sets everything that must be set, and leaves the rest as users get it. The command may be a tool's that starts the
/// binary.
pub(crate) fn configure(mut command: Command, folder: &Path, address: SocketAddr, workers: usize) -> Command {
    command
        .current_dir(folder)
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("ADMIN_USERNAME", "admin")
        .env("ADMIN_PASSWORD", PASSWORD)
        .env("JWT_SECRET", "bench-jwt-secret-0f9e8d7c6b5a49382716")
        .env("ENCRYPTION_KEY", "YmVuY2gtZW5jcnlwdGlvbi1rZXktMDEyMzQ1Njc4OWE=")
        .env("GLOBAL_PROXY_KEYS", PROXY_KEY)
        .env("BIND_ADDRESS", address.ip().to_string())
        .env("BACKEND_PORT", address.port().to_string())
        .env("DATABASE_PATH", folder.join("rotator.db"))
        .env("LOG_LEVEL", "info")
        .env("WORKERS", workers.to_string());
    command
}
