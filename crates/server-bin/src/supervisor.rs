//! What systemd wants to hear from a service of `Type=notify`: that it serves, that it ends, and that it is not stuck.
//!
//! The protocol is `sd_notify(3)`: datagrams of `NAME=value` lines to the socket that `NOTIFY_SOCKET` names. Where none is
//! named, nobody listens and nothing is sent.

use std::{
    ffi::{OsStr, OsString},
    io,
    os::unix::net::{SocketAddr as UnixAddr, UnixDatagram},
    process,
    sync::Arc,
    time::Duration,
};

use tokio::{task::spawn_blocking, time::sleep};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::{commands::healthcheck, config};

/// Whoever started this process and wants to hear from it.
#[derive(Debug, Default)]
pub struct Supervisor {
    socket: Option<(UnixDatagram, UnixAddr)>,
    /// How long it waits for a sign of life.
    patience: Option<Duration>,
}

/// Signs of life within the time that one is waited for: a slow answer or two do no harm.
const SIGNS: u32 = 4;

impl Supervisor {
    /// The one that the environment tells of, if any.
    pub fn of(environment: &[(OsString, OsString)]) -> io::Result<Self> {
        let get = |wanted: &str| environment.iter().find(|(name, _)| name == wanted).map(|(_, value)| value);
        let Some(address) = get("NOTIFY_SOCKET") else { return Ok(Self::default()) };
        let number = |name| get(name).and_then(|value| value.to_str()?.parse::<u64>().ok());
        // A watchdog that is another process's, such as a wrapper's, is none of ours.
        let is_ours = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(process::id()));
        let patience = number("WATCHDOG_USEC").filter(|us| *us > 0 && is_ours).map(Duration::from_micros);
        Ok(Self { socket: Some((UnixDatagram::unbound()?, unix_address(address)?)), patience })
    }

    /// Tells that the server listens, gives signs of life until its end begins, and tells of that.
    pub async fn follow(self, server: config::Server, end: CancellationToken) {
        self.ready();
        if let Some(patience) = self.patience {
            end.run_until_cancelled(self.watch(Arc::new(server), patience)).await;
        }
        end.cancelled().await;
        self.stopping();
    }

    fn ready(&self) {
        self.tell("READY=1\nSTATUS=serving\n");
    }

    fn stopping(&self) {
        self.tell("STOPPING=1\nSTATUS=finishing what is under way\n");
    }

    /// Gives signs of life for as long as the server answers as it answers clients, by way of the data path.
    async fn watch(&self, server: Arc<config::Server>, patience: Duration) {
        loop {
            let asked = Arc::clone(&server);
            match spawn_blocking(move || healthcheck::run(&asked, true)).await {
                Ok(Ok(())) => self.tell("WATCHDOG=1\n"),
                Ok(Err(error)) => warn!(error = format!("{error:#}"), "no sign of life for the supervisor"),
                Err(_) => warn!("no sign of life for the supervisor: the server could not be asked"),
            }
            sleep(patience / SIGNS).await;
        }
    }

    fn tell(&self, text: &str) {
        let Some((socket, address)) = &self.socket else { return };
        if let Err(error) = socket.send_to_addr(text.as_bytes(), address) {
            warn!(%error, "the supervisor cannot be told how the server is");
        }
    }
}

/// A path, or after `@` a name that is no file's.
fn unix_address(text: &OsStr) -> io::Result<UnixAddr> {
    #[cfg(target_os = "linux")]
    {
        use std::os::{linux::net::SocketAddrExt as _, unix::ffi::OsStrExt as _};
        if let Some(name) = text.as_bytes().strip_prefix(b"@") {
            return UnixAddr::from_abstract_name(name);
        }
    }
    UnixAddr::from_pathname(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
        pairs.iter().map(|(name, value)| (name.into(), value.into())).collect()
    }

    fn heard(listener: &UnixDatagram) -> String {
        let mut text = [0; 256];
        listener.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let length = listener.recv(&mut text).unwrap();
        String::from_utf8(text[..length].to_vec()).unwrap()
    }

    #[test]
    fn a_supervisor_is_told_by_a_path() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("notify");
        let listener = UnixDatagram::bind(&path).unwrap();
        let supervisor = Supervisor::of(&environment(&[("NOTIFY_SOCKET", path.to_str().unwrap())])).unwrap();

        supervisor.ready();
        assert_eq!(heard(&listener), "READY=1\nSTATUS=serving\n");
        supervisor.stopping();
        assert!(heard(&listener).starts_with("STOPPING=1\n"));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_supervisor_is_told_by_an_abstract_name() {
        use std::os::linux::net::SocketAddrExt as _;
        let name = format!("api-key-rotator-test-{}", process::id());
        let listener = UnixDatagram::bind_addr(&UnixAddr::from_abstract_name(&name).unwrap()).unwrap();
        let supervisor = Supervisor::of(&environment(&[("NOTIFY_SOCKET", &format!("@{name}"))])).unwrap();

        supervisor.ready();
        assert!(heard(&listener).starts_with("READY=1\n"));
    }

    #[test]
    fn without_a_socket_nobody_is_told_and_a_socket_that_is_gone_harms_nothing() {
        Supervisor::of(&[]).unwrap().ready();
        Supervisor::of(&environment(&[("NOTIFY_SOCKET", "/nowhere/notify")])).unwrap().ready();
    }

    #[test]
    fn the_watchdog_of_another_process_is_not_fed() {
        let of = |pid: &str| {
            let set = [("NOTIFY_SOCKET", "/run/notify"), ("WATCHDOG_USEC", "4000000"), ("WATCHDOG_PID", pid)];
            Supervisor::of(&environment(&set)).unwrap().patience
        };

        assert_eq!(of(&process::id().to_string()), Some(Duration::from_secs(4)));
        assert_eq!(of("1"), None);
    }
}
