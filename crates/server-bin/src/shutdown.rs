//! From a signal to the end.

use std::time::Duration;

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time::sleep,
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// The steps of an end, in order.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    /// Say that nothing new is wanted, and still take it.
    pub unready: CancellationToken,
    /// Take nothing new, and finish what is under way.
    pub drain: CancellationToken,
    /// Drop everything.
    pub now: CancellationToken,
}

impl Shutdown {
    /// Waits for signals: the first one begins the end, the second one completes it. `delay` is how long load balancers
    /// have to hear that nothing new is wanted; a person at a terminal need not wait for it.
    pub fn on_signals(&self, delay: Duration) -> std::io::Result<()> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let shutdown = self.clone();
        tokio::spawn(async move {
            let by_person = next(&mut terminate, &mut interrupt).await;
            info!("shutting down; a second signal ends everything at once");
            shutdown.unready.cancel();
            let mut second = std::pin::pin!(next(&mut terminate, &mut interrupt));
            if !by_person {
                tokio::select! {
                    () = sleep(delay) => {}
                    _ = &mut second => return shutdown.at_once(),
                }
            }
            shutdown.drain.cancel();
            second.await;
            shutdown.at_once();
        });
        Ok(())
    }

    fn at_once(&self) {
        warn!("second signal: ending now");
        self.drain.cancel();
        self.now.cancel();
    }
}

/// The next signal; whether it was a person's.
async fn next(terminate: &mut Signal, interrupt: &mut Signal) -> bool {
    tokio::select! {
        _ = terminate.recv() => false,
        _ = interrupt.recv() => true,
    }
}
