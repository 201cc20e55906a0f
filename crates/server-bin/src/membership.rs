//! Tells the store again and again that this instance lives. Of all that do one leads: it does what is done once for all.

use std::{sync::Arc, time::Duration};

use rotator_core::{
    routes::Routes,
    store::{Store, StoreError, Term},
};
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Instant, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{data::Data, health::Health, identity::Identity};

/// In which term this instance leads; `None` while it does not.
pub type Leading = watch::Receiver<Option<Term>>;

/// How often the store is told and asked.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Between two beats.
    pub beat: Duration,
    /// How long a beat counts. A leader that died is followed after this and a look.
    pub ttl: Duration,
    /// Between two looks whether anybody leads. A leader that left is followed after one.
    pub look: Duration,
}

/// This instance among all.
pub struct Membership {
    store: Arc<dyn Store>,
    routes: Arc<Routes>,
    health: Arc<Health>,
    identity: Identity,
    pace: Pace,
    leading: watch::Sender<Option<Term>>,
    /// When the lead ends unless the store hears of us again.
    leads_until: Instant,
}

impl Default for Pace {
    /// A leader that died is followed within half a minute.
    fn default() -> Self {
        Self {
            beat: Duration::from_secs(10),
            ttl: Duration::from_secs(25),
            look: Duration::from_millis(2_500),
        }
    }
}

impl Membership {
    /// Joins, until it is told to leave.
    pub fn join(
        data: &Data,
        identity: Identity,
        pace: Pace,
        leave: CancellationToken,
    ) -> (Leading, JoinHandle<()>) {
        let Data { store, routes, health, .. } = data.clone();
        let leading = watch::Sender::default();
        let told = leading.subscribe();
        let membership = Self { store, routes, health, identity, pace, leading, leads_until: Instant::now() };
        (told, tokio::spawn(membership.run(leave)))
    }

    async fn run(mut self, leave: CancellationToken) {
        let beating = async {
            loop {
                self.beat().await;
                self.pause().await;
            }
        };
        leave.run_until_cancelled(beating).await;
        self.lead(None);
        if let Err(error) = self.store.leave(self.identity.id()).await {
            warn!(
                error = &error as &dyn std::error::Error,
                "other instances find out by themselves that this one ends"
            );
        }
    }

    /// Tells the store that we live, and learns whether we lead. A leader who is not heard in time leads no more.
    async fn beat(&mut self) {
        let began = Instant::now();
        let left = self.leads_until.saturating_duration_since(began);
        let patience = if self.is_leading() { left } else { self.pace.beat };
        let told = self.identity.describe(&self.routes, &self.health);
        match timeout(patience, self.store.beat(&told, self.pace.ttl)).await {
            Ok(Ok(term)) => {
                self.leads_until = began + self.pace.ttl;
                self.lead(term);
            }
            // Whether it was not heard or not answered: what counts is the beat before.
            Ok(Err(_)) | Err(_) if Instant::now() >= self.leads_until => self.lead(None),
            Ok(Err(_)) | Err(_) => {}
        }
    }

    /// Waits until the next beat. One who follows looks meanwhile whether there still is a leader.
    async fn pause(&self) {
        let mut due = Instant::now() + self.pace.beat;
        if self.is_leading() {
            due = due.min(self.leads_until);
        }
        while Instant::now() < due {
            // Instances that were started together do not ask together.
            let look = self.pace.look.mul_f64(0.75 + fastrand::f64() / 4.0);
            sleep_until(due.min(Instant::now() + look)).await;
            if self.must_hurry().await.is_ok_and(|must| must) {
                return;
            }
        }
    }

    /// Whether nobody leads.
    async fn must_hurry(&self) -> Result<bool, StoreError> {
        if self.is_leading() {
            return Ok(false);
        }
        Ok(self.store.instances().await?.iter().all(|instance| instance.term.is_none()))
    }

    fn is_leading(&self) -> bool {
        self.leading.borrow().is_some()
    }

    fn lead(&self, term: Option<Term>) {
        let before = self.leading.send_replace(term);
        match (before, term) {
            (Some(_), None) => info!("another instance may lead now"),
            (before, Some(term)) if before != Some(term) => info!(term = term.0, "this instance leads"),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::data;

    const LONG: Duration = Duration::from_mins(1);
    const SHORT: Duration = Duration::from_millis(5);

    async fn leads(leading: &mut Leading) -> Term {
        leading.wait_for(Option::is_some).await.unwrap().unwrap()
    }

    #[test]
    fn a_leader_that_died_is_followed_within_half_a_minute() {
        let Pace { beat, ttl, look } = Pace::default();

        assert_eq!(beat, Duration::from_secs(10));
        assert!(2 * beat < ttl && ttl + look < Duration::from_secs(30));
    }

    #[tokio::test]
    async fn one_leads_until_it_leaves_and_then_another_does() {
        let folder = TempDir::new().unwrap();
        let (data, _store) = data::tests::open(&folder).await;
        let pace = Pace { beat: LONG, ttl: LONG, look: SHORT };
        let leave = CancellationToken::new();
        let (mut one, ends) = Membership::join(&data, Identity::begin(), pace, leave.clone());
        let first = leads(&mut one).await;
        let (mut other, _) = Membership::join(&data, Identity::begin(), pace, CancellationToken::new());
        while data.store.instances().await.unwrap().len() < 2 {
            sleep_until(Instant::now() + SHORT).await;
        }
        assert_eq!(*other.borrow(), None);

        leave.cancel();
        ends.await.unwrap();
        assert_eq!(*one.borrow(), None);
        assert!(leads(&mut other).await > first);
        assert_eq!(data.store.instances().await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn one_that_died_is_followed_when_its_time_is_over() {
        let folder = TempDir::new().unwrap();
        let (data, _store) = data::tests::open(&folder).await;
        let pace = Pace { beat: LONG, ttl: 10 * SHORT, look: SHORT };
        let (mut one, dies) = Membership::join(&data, Identity::begin(), pace, CancellationToken::new());
        let first = leads(&mut one).await;
        dies.abort();

        let (mut other, _) =
            Membership::join(&data, Identity::begin(), Pace { ttl: LONG, ..pace }, CancellationToken::new());
        assert!(leads(&mut other).await > first);
    }

    #[tokio::test]
    async fn a_leader_tells_again_in_time_and_goes_on_leading() {
        let folder = TempDir::new().unwrap();
        let (data, _store) = data::tests::open(&folder).await;
        let pace = Pace { beat: SHORT, ttl: LONG, look: SHORT };
        let (mut one, _) = Membership::join(&data, Identity::begin(), pace, CancellationToken::new());
        let first = leads(&mut one).await;
        let told_at = async || data.store.instances().await.unwrap()[0].instance.told_at;
        let before = told_at().await;

        while told_at().await == before {
            sleep_until(Instant::now() + SHORT).await;
        }
        assert_eq!(*one.borrow(), Some(first));
    }
}
