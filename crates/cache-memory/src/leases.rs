use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use rotator_core::cache::LeaseToken;
use tokio::time::Instant;

/// Who holds which name. Names are few and fixed in the code, so none is ever forgotten: a token must go on growing
/// after its lease has ended.
#[derive(Default)]
pub(crate) struct Leases(Mutex<HashMap<Box<str>, Lease>>);

struct Lease {
    holder: Box<str>,
    token: LeaseToken,
    ends: Instant,
}

impl Leases {
    pub(crate) fn take(&self, name: &str, holder: &str, ttl: Duration, now: Instant) -> Option<LeaseToken> {
        let mut leases = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let token = match leases.get(name) {
            Some(lease) if lease.ends <= now => LeaseToken(lease.token.0 + 1),
            Some(lease) if *lease.holder == *holder => lease.token,
            Some(_) => return None,
            None => LeaseToken(1),
        };
        leases.insert(name.into(), Lease { holder: holder.into(), token, ends: now + ttl });
        Some(token)
    }
}
