use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use super::RateWindow;
use crate::model::Caps;

/// Lets as many requests in as may be. It outlives the snapshots: who is in counts on.
#[derive(Debug)]
pub(super) struct Gate {
    inside: AtomicU32,
    minute: RateWindow,
    tokens: RateWindow,
}

/// A request inside, until it is dropped.
#[derive(Debug)]
pub(super) struct Inside(Arc<Gate>);

/// Why a request may not come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    /// As many are inside as may be at a time.
    Full,
    /// As many came in the last minute as may.
    For(Duration),
    /// Those that came have used as many tokens in the last minute as they may.
    UsedUp(Duration),
    /// One of these two.
    Spent(Duration),
}

impl Gate {
    /// An empty one.
    pub(super) fn new(epoch: Instant) -> Self {
        Self { inside: AtomicU32::new(0), minute: RateWindow::new(epoch), tokens: RateWindow::new(epoch) }
    }

    /// Lets a request in, if these caps allow it; `None` for caps that need no place.
    pub(super) fn enter(self: &Arc<Self>, caps: &Caps, now: Instant) -> Result<Option<Inside>, Closed> {
        let permit = self.place(caps)?;
        self.check_tokens(caps, now)?;
        self.take(caps, now)?;
        Ok(permit)
    }

    /// The same for a request that is counted in the minute only when others have let it in too.
    pub(super) fn look(self: &Arc<Self>, caps: &Caps, now: Instant) -> Result<Option<Inside>, Closed> {
        let permit = self.place(caps)?;
        self.check_minute(caps, now)?;
        Ok(permit)
    }

    /// Whether a request may come in; nothing is taken.
    pub(super) fn check(&self, caps: &Caps, now: Instant) -> Result<(), Closed> {
        if caps.concurrent.is_some_and(|most| self.inside.load(Relaxed) >= most.get()) {
            return Err(Closed::Full);
        }
        self.check_minute(caps, now)
    }

    /// Counts a request in the minute, if there is room for it.
    pub(super) fn take(&self, caps: &Caps, now: Instant) -> Result<(), Closed> {
        let Some(limit) = caps.per_minute else { return Ok(()) };
        self.minute.take(limit.get(), now).map(drop).map_err(Closed::For)
    }

    /// Counts a request in the minute that others have let in.
    pub(super) fn note(&self, now: Instant) {
        self.minute.charge(1, now);
    }

    /// A place among those who may be inside at a time.
    fn place(self: &Arc<Self>, caps: &Caps) -> Result<Option<Inside>, Closed> {
        let Some(most) = caps.concurrent else { return Ok(None) };
        let claim = |inside: u32| (inside < most.get()).then(|| inside + 1);
        self.inside.fetch_update(Relaxed, Relaxed, claim).map_err(|_| Closed::Full)?;
        Ok(Some(Inside(Arc::clone(self))))
    }

    fn check_minute(&self, caps: &Caps, now: Instant) -> Result<(), Closed> {
        self.check_tokens(caps, now)?;
        let wait = caps.per_minute.map_or(Duration::ZERO, |limit| self.minute.wait(limit.get(), now));
        if wait.is_zero() { Ok(()) } else { Err(Closed::For(wait)) }
    }

    fn check_tokens(&self, caps: &Caps, now: Instant) -> Result<(), Closed> {
        let Some(limit) = caps.tokens_per_minute else { return Ok(()) };
        let wait = self.tokens.wait(limit.get(), now);
        if wait.is_zero() { Ok(()) } else { Err(Closed::UsedUp(wait)) }
    }

    /// Counts the tokens that a request has used.
    pub(super) fn charge(&self, tokens: u64, now: Instant) {
        self.tokens.charge(tokens, now);
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.inside.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    fn caps(concurrent: u32, per_minute: u32) -> Caps {
        Caps {
            concurrent: NonZeroU32::new(concurrent),
            per_minute: NonZeroU32::new(per_minute),
            ..Caps::default()
        }
    }

    #[test]
    fn as_many_are_inside_as_may_be_and_whoever_leaves_makes_room() {
        let (gate, now) = (Arc::new(Gate::new(Instant::now())), Instant::now());
        let enter = || gate.enter(&caps(2, 0), now);

        let first = enter().unwrap();
        let _second = enter().unwrap();
        assert_eq!(enter().unwrap_err(), Closed::Full);
        drop(first);
        assert!(enter().unwrap().is_some());
    }

    #[test]
    fn who_is_refused_for_the_minute_takes_no_place() {
        let (gate, now) = (Arc::new(Gate::new(Instant::now())), Instant::now());

        assert!(gate.enter(&caps(5, 1), now).is_ok());
        assert!(matches!(gate.enter(&caps(5, 1), now), Err(Closed::For(_))));
        assert_eq!(gate.inside.load(Relaxed), 0);
    }

    #[test]
    fn who_comes_when_all_tokens_are_used_is_refused_and_takes_no_place() {
        let start = Instant::now();
        let gate = Arc::new(Gate::new(start));
        let caps = Caps { tokens_per_minute: NonZeroU32::new(100), ..caps(5, 1) };
        let enter = |seconds| gate.enter(&caps, start + Duration::from_secs(seconds));

        gate.charge(100, start);

        assert_eq!(enter(1).unwrap_err(), Closed::UsedUp(Duration::from_mins(1)));
        assert_eq!(gate.inside.load(Relaxed), 0);
        // Nor in the minute.
        assert!(enter(61).is_ok());
    }

    #[test]
    fn without_caps_everybody_is_let_in_and_nothing_is_counted() {
        let gate = Arc::new(Gate::new(Instant::now()));

        assert!((0..1_000).all(|_| gate.enter(&caps(0, 0), Instant::now()).unwrap().is_none()));
        assert!(gate.enter(&caps(1, 1), Instant::now()).is_ok());
    }
}
