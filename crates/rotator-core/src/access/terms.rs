//! What a proxy key lets its holder do.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering::Relaxed},
    },
    time::Instant,
};

use jiff::Timestamp;

use super::Ledgers;
use crate::{
    cache::Scope,
    caps::Entrance,
    model::{ConfigId, ProxyKey, ProxyKeyId, ProxyKeySpec},
};

/// What a proxy key lets its holder do, and what its holders have done.
#[derive(Debug)]
pub struct Terms {
    id: ProxyKeyId,
    spec: ProxyKeySpec,
    /// Lets requests in.
    pub entrance: Entrance,
    uses: Arc<Uses>,
}

/// When a key was last shown, in milliseconds since 1970; 0 for never.
#[derive(Debug, Default)]
struct Uses {
    last: AtomicI64,
    written: AtomicI64,
}

impl Terms {
    /// Those of a key. What its holders have done goes on from the terms it had before.
    pub(super) fn new(key: &ProxyKey, before: Option<&Self>, epoch: Instant, ledgers: Ledgers<'_>) -> Self {
        let ledger = || ledgers(Scope::ProxyKey(key.id));
        let entrance = Entrance::new(key.spec.caps, before.map(|terms| &terms.entrance), epoch, ledger);
        let uses = before.map(|terms| Arc::clone(&terms.uses)).unwrap_or_default();
        Self { id: key.id, spec: key.spec.clone(), entrance, uses }
    }

    /// What an admin wrote.
    pub fn spec(&self) -> &ProxyKeySpec {
        &self.spec
    }

    /// Whose they are.
    pub fn id(&self) -> ProxyKeyId {
        self.id
    }

    /// Whether it still lets anybody in.
    pub fn is_valid_at(&self, now: Timestamp) -> bool {
        self.spec.expires_at.is_none_or(|end| now < end)
    }

    /// Whether it opens a service; `None` stands for one that is not there.
    pub fn opens(&self, service: Option<ConfigId>) -> bool {
        let Some(services) = &self.spec.services else { return true };
        service.is_some_and(|service| services.contains(&service))
    }

    /// A request showed it.
    pub fn note_use(&self, now: Timestamp) {
        self.uses.last.fetch_max(now.as_millisecond(), Relaxed);
    }

    /// When it was last shown, if that was after the last call.
    pub(super) fn take_use(&self) -> Option<(ProxyKeyId, Timestamp)> {
        let last = self.uses.last.load(Relaxed);
        let is_news = self.uses.written.swap(last, Relaxed) < last;
        is_news.then(|| Timestamp::from_millisecond(last).ok().map(|at| (self.id, at)))?
    }
}
