//! One acceptor hands each socket to the worker with the fewest connections: few or long-lived connections spread
//! evenly too, which the kernel's choice among `SO_REUSEPORT` listeners does not promise.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{net::TcpListener, sync::mpsc, time::sleep};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::worker::Mail;

/// Out of file descriptors, say: it passes, and trying at once would burn a core.
const BACK_OFF: Duration = Duration::from_millis(50);

/// A worker's inbox, and how many connections it has.
pub(crate) type Inbox = (mpsc::UnboundedSender<Mail>, Arc<AtomicUsize>);

/// Accepts until it is stopped.
pub(crate) async fn run(listener: TcpListener, workers: Vec<Inbox>, stop: CancellationToken) {
    let mut failing = false;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => return,
        };
        match accepted.and_then(|(socket, peer)| Ok((socket.into_std()?, peer))) {
            Ok((socket, peer)) => {
                failing = false;
                let Some((inbox, connections)) = workers.iter().min_by_key(|(_, n)| n.load(Relaxed)) else {
                    return;
                };
                connections.fetch_add(1, Relaxed);
                if inbox.send(Mail::Socket(socket, peer)).is_err() {
                    connections.fetch_sub(1, Relaxed);
                }
            }
            Err(error) if is_one_connections_own(&error) => {}
            Err(error) => {
                if !failing {
                    warn!(%error, "cannot accept connections, trying again");
                }
                failing = true;
                sleep(BACK_OFF).await;
            }
        }
    }
}

/// The client left before it was accepted: accept(2).
fn is_one_connections_own(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset)
}
