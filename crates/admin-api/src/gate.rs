//! Where passwords are checked: two at a time, and not after too many failures.

use std::{
    net::{IpAddr, Ipv6Addr},
    sync::Arc,
    time::Duration,
};

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use rotator_core::cache::{Cache, Taken, Window};
use tokio::{sync::Semaphore, task::spawn_blocking, time::timeout};
use tracing::warn;

use crate::{error::ApiError, password::AdminCredentials};

/// Checks passwords.
pub(crate) struct PasswordGate {
    credentials: Arc<AdminCredentials>,
    cache: Arc<dyn Cache>,
    /// Bounds the processors and the memory (19 MiB each) that a flood of guesses can occupy, and with them how many
    /// guesses can be under way when the last allowed failure is counted.
    turns: Semaphore,
}

/// A name and a password that somebody shows.
pub(crate) struct Attempt<'a> {
    /// What the password opens: each door counts its failures apart.
    pub(crate) door: Door,
    pub(crate) address: Option<IpAddr>,
    pub(crate) username: &'a str,
    pub(crate) password: &'a str,
}

/// What a password opens.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Door {
    /// A session.
    SignIn,
    /// The texts of keys.
    Reveal,
}

/// How many checks may run at once.
const TURNS: usize = 2;
/// How long a check may wait for its turn.
const PATIENCE: Duration = Duration::from_secs(5);
/// Failures per address.
const PER_ADDRESS: (u32, Duration) = (5, Duration::from_mins(1));
/// Failures per user name, wherever they come from.
const PER_USER: (u32, Duration) = (10, Duration::from_mins(15));

impl PasswordGate {
    pub(crate) fn new(credentials: Arc<AdminCredentials>, cache: Arc<dyn Cache>) -> Self {
        Self { credentials, cache, turns: Semaphore::new(TURNS) }
    }

    /// Whether the name and the password are the admin's. A failure counts; after too many, nothing is checked.
    pub(crate) async fn check(&self, attempt: Attempt<'_>) -> Result<bool, ApiError> {
        let Ok(Ok(_turn)) = timeout(PATIENCE, self.turns.acquire()).await else {
            return Err(ApiError::TooManyAttempts(PATIENCE));
        };
        let names = attempt.window_names();
        for window in windows(&names) {
            // Nothing fits on top of a full window, not even nothing: a look that counts no event.
            let full = Window { limit: window.limit.saturating_sub(1), ..window };
            if let Some(wait) = self.take(&full, 0).await {
                return Err(ApiError::TooManyAttempts(wait));
            }
        }
        let right = self.compare(attempt.username, attempt.password).await?;
        if !right {
            for window in windows(&names) {
                self.take(&window, 1).await;
            }
        }
        Ok(right)
    }

    async fn compare(&self, username: &str, password: &str) -> Result<bool, ApiError> {
        if !self.credentials.is_slow() {
            return Ok(self.credentials.check(username, password));
        }
        let credentials = Arc::clone(&self.credentials);
        let (username, password) = (username.to_owned(), password.to_owned());
        spawn_blocking(move || credentials.check(&username, &password)).await.map_err(ApiError::internal)
    }

    /// How long to wait until the events fit. While the cache is away nobody waits: an operator must be able to get in
    /// and mend it, and [`TURNS`] still bounds the guesses.
    async fn take(&self, window: &Window<'_>, cost: u32) -> Option<Duration> {
        match self.cache.take(window, cost).await {
            Ok(Taken::Yes) => None,
            Ok(Taken::No { retry_after }) => Some(retry_after),
            Err(error) => {
                warn!(error = &error as &dyn std::error::Error, "failed sign-ins are not counted");
                None
            }
        }
    }
}

impl Attempt<'_> {
    /// Of the address's window and the user's. A user name may be of any length and content: its digest stands for it.
    fn window_names(&self) -> [String; 2] {
        let door = match self.door {
            Door::SignIn => "sign-in",
            Door::Reveal => "reveal",
        };
        let address = self.address.map_or_else(|| "unknown".into(), |a| network(a).to_string());
        let user = URL_SAFE_NO_PAD.encode(digest(&SHA256, self.username.as_bytes()));
        [format!("{door}:address:{address}"), format!("{door}:user:{user}")]
    }
}

fn windows([address, user]: &[String; 2]) -> [Window<'_>; 2] {
    let window = |name, (limit, period)| Window { name, limit, period };
    [window(address, PER_ADDRESS), window(user, PER_USER)]
}

/// What one subscriber has: an IPv4 address, or an IPv6 /64.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.into(),
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_subscriber_counts_as_one_address() {
        let of = |text: &str| network(text.parse().unwrap()).to_string();

        assert_eq!(of("2001:db8:1:2:3:4:5:6"), of("2001:db8:1:2::1"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:203.0.113.7"), "203.0.113.7");
    }
}
