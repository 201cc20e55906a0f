//! What operators want to be told of, where, and how that is said.
//!
//! A [`Webhook`] is an address and the events that go there; an [`Event`] is something that happened; a [`Letter`] is
//! an event as one webhook gets it. A [`Courier`] takes it there.

mod event;
mod letter;
mod sentence;
mod webhook;

use std::time::Duration;

use async_trait::async_trait;

pub use event::{Affected, Event, EventKind, Level, PoolState, Service, WatchedPart};
pub use letter::Letter;
pub use sentence::Language;
pub use webhook::{Format, Notifications, SigningSecret, Webhook, WebhookUrl};

/// Takes letters to webhooks. The data path implements it: it has the connections, and knows which addresses may be
/// called.
#[async_trait]
pub trait Courier: Send + Sync {
    /// Sends a letter once, and waits for the answer.
    async fn deliver(&self, letter: Letter) -> Receipt;
}

/// What became of a letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// What was answered; `None` when the webhook could not be reached.
    pub status: Option<u16>,
    /// How long it took.
    pub latency: Duration,
    /// The beginning of what was answered, or why nothing was.
    pub message: String,
}

impl Receipt {
    /// Whether the webhook took the letter.
    pub fn is_delivered(&self) -> bool {
        self.status.is_some_and(|status| (200..300).contains(&status))
    }

    /// Whether the same letter may be taken another time.
    pub fn may_pass(&self) -> bool {
        self.status.is_none_or(|status| status >= 500 || matches!(status, 408 | 429))
    }
}
