use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use super::gate::{Closed, Gate, Inside};
use crate::{
    cache::{Claim, Claimed, Hold, Ledger, Scope},
    model::Caps,
};

/// Lets requests in, as many as caps allow: those of a service, or those of a proxy key's holders. Where there are other
/// instances, they count together, and are asked; what is counted here only saves questions, and decides when nobody
/// answers.
pub struct Entrance {
    caps: Caps,
    gate: Arc<Gate>,
    ledger: Option<Arc<dyn Ledger>>,
    /// Until when all instances together let nobody in, in milliseconds since the epoch.
    closed_until: AtomicU64,
    epoch: Instant,
}

/// A request that was let in, until it is dropped.
#[derive(Debug)]
pub struct Permit {
    _here: Inside,
    /// It counts in all instances.
    _everywhere: Option<Box<Hold>>,
}

impl Entrance {
    /// One with these caps. What it had let in before counts on. The ledger is asked for only where something is bounded.
    pub fn new(
        caps: Caps,
        before: Option<&Self>,
        epoch: Instant,
        ledger: impl FnOnce() -> Option<Arc<dyn Ledger>>,
    ) -> Self {
        let gate = before.map_or_else(|| Arc::new(Gate::new(epoch)), |before| Arc::clone(&before.gate));
        let is_bounded = caps != Caps::default();
        let ledger = is_bounded.then(ledger).flatten();
        // What others told was told of caps that may have changed.
        Self { caps, gate, ledger, closed_until: AtomicU64::new(0), epoch }
    }

    /// Whether anything is bounded.
    #[inline]
    pub fn is_bounded(&self) -> bool {
        self.caps != Caps::default()
    }

    /// Whether other instances are to be asked, so that [`Entrance::admit`] lets in, and not [`Entrance::enter`].
    pub fn is_shared(&self) -> bool {
        self.ledger.is_some()
    }

    /// Lets a request in as far as this instance knows; `None` for caps that need no permit.
    #[inline]
    pub fn enter(&self, now: Instant) -> Result<Option<Permit>, Closed> {
        if !self.is_bounded() {
            return Ok(None);
        }
        Ok(self.gate.enter(&self.caps, now)?.map(|here| Permit { _here: here, _everywhere: None }))
    }

    /// Whether a request may come in, as far as is known here without a question. Nothing is counted: what another entrance
    /// counts first would be in vain.
    pub fn check(&self, now: Instant) -> Result<(), Closed> {
        if !self.is_bounded() {
            return Ok(());
        }
        self.gate.check(&self.caps, now)?;
        let until = Duration::from_millis(self.closed_until.load(Relaxed));
        let wait = until.saturating_sub(now.saturating_duration_since(self.epoch));
        if wait.is_zero() { Ok(()) } else { Err(self.closed_for(wait)) }
    }

    /// Lets a request in as far as all instances together allow.
    pub async fn admit(&self, now: Instant) -> Result<Option<Permit>, Closed> {
        let Some(ledger) = &self.ledger else { return self.enter(now) };
        let here = self.gate.look(&self.caps, now)?;
        let claim = Claim { keys: &[Scope::WHOLE], caps: &self.caps, turn: 0, rotates: false };
        let answer = match ledger.claim(claim) {
            Some(answer) => answer.await,
            None => None,
        };
        let hold = match answer {
            Some(Claimed { granted: Some(granted), .. }) => {
                self.gate.note(now);
                granted.hold
            }
            Some(Claimed { granted: None, full }) => {
                let Some((_, wait)) = full.first() else { return Err(Closed::Full) };
                let until = now.saturating_duration_since(self.epoch).saturating_add(*wait).as_millis();
                self.closed_until.fetch_max(u64::try_from(until).unwrap_or(u64::MAX), Relaxed);
                return Err(self.closed_for(*wait));
            }
            None => {
                self.gate.take(&self.caps, now)?;
                here.is_some().then(|| ledger.hold(Scope::WHOLE))
            }
        };
        let everywhere = hold.map(|number| Box::new(Hold::new(Arc::clone(ledger), number)));
        Ok(here.map(|here| Permit { _here: here, _everywhere: everywhere }))
    }

    /// Counts the tokens that a request has used.
    pub fn charge(&self, tokens: u64, now: Instant) {
        if self.caps.tokens_per_minute.is_some() {
            self.gate.charge(tokens, now);
            if let Some(ledger) = &self.ledger {
                ledger.charge(Scope::WHOLE, tokens);
            }
        }
    }

    /// Why all instances together may let nobody in for a while.
    fn closed_for(&self, wait: Duration) -> Closed {
        match (self.caps.per_minute, self.caps.tokens_per_minute) {
            (Some(_), Some(_)) => Closed::Spent(wait),
            (None, Some(_)) => Closed::UsedUp(wait),
            _ => Closed::For(wait),
        }
    }
}

impl fmt::Debug for Entrance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entrance").field("caps", &self.caps).field("gate", &self.gate).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;
    use crate::cache::{Granted, others::Others};

    const WAIT: Duration = Duration::from_secs(30);

    fn caps(concurrent: u32, per_minute: u32, tokens_per_minute: u32) -> Caps {
        let [concurrent, per_minute, tokens_per_minute] =
            [concurrent, per_minute, tokens_per_minute].map(NonZeroU32::new);
        Caps { concurrent, per_minute, tokens_per_minute }
    }

    fn granted(hold: Option<u64>) -> Claimed {
        Claimed { granted: Some(Granted { place: 0, hold }), full: Vec::new() }
    }

    fn full() -> Claimed {
        Claimed { granted: None, full: vec![(0, WAIT)] }
    }

    /// An entrance, and the others, who give these answers, the last one first.
    fn shared(caps: Caps, answers: Vec<Claimed>) -> (Entrance, Arc<Others>) {
        let others = Arc::new(Others::answering(answers));
        let ledger = Arc::clone(&others);
        (Entrance::new(caps, None, Instant::now(), || Some(ledger)), others)
    }

    #[tokio::test]
    async fn a_request_that_the_others_let_in_counts_everywhere_until_it_ends() {
        let (entrance, others) = shared(caps(1, 0, 0), vec![granted(Some(8)), granted(Some(7))]);
        let now = Instant::now();

        let permit = entrance.admit(now).await.unwrap();
        assert_eq!((permit.is_some(), others.held()), (true, vec![7]));
        assert_eq!(entrance.admit(now).await.unwrap_err(), Closed::Full);
        assert_eq!(others.asked(), [vec![Scope::WHOLE]], "it is known here that there is no room");

        drop(permit);
        assert!(others.held().is_empty());
        assert!(entrance.admit(now).await.unwrap().is_some());
    }

    #[tokio::test]
    async fn who_is_refused_by_the_others_does_not_count() {
        let answers = vec![granted(None), full(), full(), full()];
        let (entrance, _) = shared(caps(0, 1, 0), answers);
        let now = Instant::now();

        for _ in 0..3 {
            assert_eq!(entrance.admit(now).await.unwrap_err(), Closed::For(WAIT));
        }
        assert!(entrance.admit(now).await.is_ok());
        assert!(matches!(entrance.admit(now).await, Err(Closed::For(_))), "by itself");
    }

    #[tokio::test]
    async fn a_look_counts_nothing_and_knows_what_the_others_have_told() {
        let (entrance, others) = shared(caps(1, 1, 0), vec![full()]);
        let now = Instant::now();

        assert!((0..3).all(|_| entrance.check(now).is_ok()));
        assert_eq!(entrance.admit(now).await.unwrap_err(), Closed::For(WAIT));
        assert!(matches!(entrance.check(now), Err(Closed::For(wait)) if wait > WAIT / 2));
        assert!(entrance.check(now + WAIT).is_ok());
        assert_eq!(others.asked().len(), 1);

        let _inside = entrance.enter(now).unwrap();
        assert_eq!(entrance.check(now + WAIT), Err(Closed::Full));
    }

    #[tokio::test]
    async fn it_is_told_what_there_is_too_much_of() {
        for (caps, answer, expected) in [
            (caps(2, 0, 0), Claimed::default(), Closed::Full),
            (caps(2, 5, 0), full(), Closed::For(WAIT)),
            (caps(2, 0, 5), full(), Closed::UsedUp(WAIT)),
            (caps(0, 5, 5), full(), Closed::Spent(WAIT)),
        ] {
            let (entrance, _) = shared(caps, vec![answer]);
            assert_eq!(entrance.admit(Instant::now()).await.unwrap_err(), expected);
        }
    }

    #[tokio::test]
    async fn when_nobody_answers_the_caps_are_kept_here_and_the_others_are_to_know() {
        let (entrance, others) = shared(caps(3, 2, 0), Vec::new());
        let now = Instant::now();

        let permits = [entrance.admit(now).await.unwrap(), entrance.admit(now).await.unwrap()];
        assert!(matches!(entrance.admit(now).await, Err(Closed::For(_))));

        assert_eq!(others.held().len(), 2);
        drop(permits);
        assert!(others.held().is_empty());
    }

    #[tokio::test]
    async fn tokens_are_told_to_the_others_where_they_are_bounded() {
        let (bounded, others) = shared(caps(0, 0, 50), Vec::new());
        bounded.charge(60, Instant::now());
        assert_eq!(others.used(), 60);
        assert!(matches!(bounded.admit(Instant::now()).await, Err(Closed::UsedUp(_))));

        let (unbounded, others) = shared(caps(0, 5, 0), Vec::new());
        unbounded.charge(60, Instant::now());
        assert_eq!(others.used(), 0);
    }

    #[test]
    fn where_nothing_is_bounded_nobody_is_asked_and_what_was_let_in_counts_on() {
        let ask_nobody = || unreachable!("there is nothing to share");
        let open = Entrance::new(Caps::default(), None, Instant::now(), ask_nobody);
        assert!(!open.is_shared() && open.enter(Instant::now()).unwrap().is_none());

        let before = Entrance::new(caps(1, 0, 0), None, Instant::now(), || None);
        let _inside = before.enter(Instant::now()).unwrap();
        let after = Entrance::new(caps(1, 0, 0), Some(&before), Instant::now(), || None);
        assert_eq!(after.enter(Instant::now()).unwrap_err(), Closed::Full);
    }
}
