//! What a request has tried, and what it may still try after an attempt that failed.
//!
//! Three budgets, each its own: other keys (`max_attempts`), the same again because the upstream failed (`max_retries`,
//! and a share of all requests of the config), and the time for all of it (`total_timeout`).

use std::{rc::Rc, time::Duration};

use rotator_core::{
    budget::Budget,
    model::KeyId,
    pool::{Health, Penalty, Picked},
};
use smallvec::SmallVec;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use crate::{
    attempt::{Ask, pick},
    exchange::Exchange,
    trace,
};

/// How often a request is sent again because its upstream failed, unless its config says otherwise.
const MAX_RETRIES: u8 = 1;
/// Before a request is sent to the same target again: any time up to this, then to twice as long, and so on.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// An upstream that asks for a longer pause is not asked again.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// What a request has tried.
pub(crate) struct Plan<'a> {
    ask: &'a Ask,
    affinity: Option<u64>,
    /// Keys that the current target has seen.
    keys: SmallVec<[KeyId; 4]>,
    /// The current target last, by their places.
    targets: SmallVec<[usize; 2]>,
    /// What the last key was refused with, if that may have been the request's fault.
    doubt: Option<Box<Doubt<'a>>>,
    keys_left: u8,
    retries: u8,
    is_over: bool,
    /// When the head of an answer is due.
    deadline: Option<Instant>,
}

/// A refusal by status and rule, and what the key suffers for it.
pub(crate) struct Doubt<'a> {
    pub(crate) status: u16,
    pub(crate) rule: &'a str,
    pub(crate) penalty: Penalty,
}

/// One attempt.
pub(crate) struct Step {
    pub(crate) picked: Picked,
    /// Its place.
    pub(crate) target: usize,
    /// It goes out beside the first one, whose answer is late.
    pub(crate) is_hedge: bool,
    pub(crate) started: Instant,
    /// Before it begins.
    pause: Duration,
}

/// What may follow an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// Nothing: what came is the client's.
    Stop,
    /// Another key may fare better.
    OtherKey,
    /// The upstream failed, and did nothing or may do it twice: another target, or the same after a while.
    Again {
        /// What the upstream wants to be left alone for.
        told: Option<Duration>,
        /// Whether the same target may be asked again.
        same_target: bool,
    },
}

impl Step {
    fn now(picked: Picked, target: usize, started: Instant) -> Self {
        Self { picked, target, is_hedge: false, started, pause: Duration::ZERO }
    }

    /// Waits as long as it has to; then it begins.
    pub(crate) async fn pause(&mut self) {
        if !self.pause.is_zero() {
            // In a box, because it is rare.
            Box::pin(sleep(self.pause)).await;
        }
        self.started = Instant::now();
    }
}

impl<'a> Plan<'a> {
    pub(crate) fn new(exchange: &Exchange, ask: &'a Ask, affinity: Option<u64>) -> Self {
        let limits = &ask.route.config.spec.limits;
        Self {
            ask,
            affinity,
            keys: SmallVec::new(),
            targets: SmallVec::new(),
            doubt: None,
            keys_left: limits.max_attempts.map_or(exchange.worker.settings.max_attempts, Into::into),
            retries: 0,
            is_over: false,
            deadline: limits.total_timeout.map(|timeout| exchange.started() + timeout),
        }
    }

    /// The first attempt. Where a request may wait for a key, and has to, it does.
    pub(crate) async fn first(&mut self, exchange: &mut Exchange) -> Option<Step> {
        // Soon enough, without another look at the clock.
        let now = exchange.started();
        let targets = &self.ask.route.targets;
        let chance = if targets.slots().len() > 1 { fastrand::u64(..) } else { 0 };
        let target = targets.pick(&[], chance, now.into_std())?;
        self.targets.push(target);
        let config = &self.ask.route.config;
        let waits = config.spec.limits.queue_wait.is_some();
        let picked = if waits && exchange.worker.queues.is_waited_for(config.id) {
            None
        } else {
            pick(self.ask, self.affinity, &[], now).await
        };
        let picked = match picked {
            None if waits => Box::pin(self.wait(exchange)).await,
            picked => picked,
        };
        Some(Step::now(picked?, target, exchange.ready()))
    }

    /// Waits for a key, in turn with other clients.
    async fn wait(&self, exchange: &mut Exchange) -> Option<Picked> {
        let Ask { route, .. } = self.ask;
        let last = exchange.started() + route.config.spec.limits.queue_wait?;
        let last = self.deadline.map_or(last, |deadline| deadline.min(last));
        if route.pool.slots().is_empty() || self.next_chance() > last {
            return None;
        }
        let queues = Rc::clone(&exchange.worker.queues);
        let ticket = queues.join(route.config.id, exchange.client())?;
        timeout_at(last, ticket.turn()).await.ok()?;
        loop {
            let next = self.next_chance();
            if next > last {
                return None;
            }
            sleep_until(next).await;
            if let Some(picked) = pick(self.ask, self.affinity, &[], Instant::now()).await {
                // The upstream has all of its time still.
                self.ask.body.note_sending();
                trace::note_wait(exchange, self.ask);
                return Some(picked);
            }
        }
    }

    /// When it is worth looking for a key again.
    fn next_chance(&self) -> Instant {
        const SOON: Duration = Duration::from_millis(20);
        let (pool, soon) = (&self.ask.route.pool, Instant::now() + SOON);
        match pool.health().next_to_end() {
            Some((_, at)) if !pool.may_be_at_work() => Instant::from_std(at).max(soon),
            // At work, or on trial.
            _ => soon,
        }
    }

    /// An attempt begins.
    pub(crate) fn begin(&mut self, exchange: &mut Exchange, step: &Step) {
        let key = step.picked.slot().id;
        self.keys.push(key);
        exchange.key_id = Some(key);
        exchange.attempts += 1;
    }

    /// Nothing of an attempt was sent: nobody has seen the key.
    pub(crate) fn take_back(&mut self, step: &Step) {
        let unseen = step.picked.slot().id;
        self.keys.retain(|key| *key != unseen);
    }

    /// An attempt beside the first one, whose answer is late: with another key, if one is free now.
    pub(crate) async fn hedge(&mut self, exchange: &Exchange, budget: &Budget) -> Option<Step> {
        let (target, now) = (self.targets.last().copied()?, Instant::now());
        // Whoever waits for a key has a better claim to it.
        let is_waited_for = exchange.worker.queues.is_waited_for(self.ask.route.config.id);
        if self.keys_left < 2 || is_waited_for || self.is_late(now) || !budget.spend() {
            return None;
        }
        let Some(picked) = pick(self.ask, self.affinity, &self.keys, now).await else {
            budget.give_back();
            return None;
        };
        self.keys_left -= 1;
        Some(Step { is_hedge: true, ..Step::now(picked, target, now) })
    }

    /// One of two attempts ended so that nothing may follow it, whatever comes of the other.
    pub(crate) fn stop(&mut self) {
        self.is_over = true;
    }

    /// When the head of an answer is due.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// The attempt that follows, if any does.
    pub(crate) async fn next(&mut self, next: Next) -> Option<Step> {
        if self.is_over || !self.ask.body.is_replayable() {
            return None;
        }
        match next {
            Next::Stop => None,
            Next::OtherKey => {
                self.keys_left = self.keys_left.saturating_sub(1);
                let (target, now) = (self.targets.last().copied()?, Instant::now());
                if self.keys_left == 0 || self.is_late(now) {
                    return None;
                }
                let picked = pick(self.ask, self.affinity, &self.keys, now).await?;
                Some(Step::now(picked, target, now))
            }
            Next::Again { told, same_target } => self.again(told, same_target).await,
        }
    }

    async fn again(&mut self, told: Option<Duration>, same_target: bool) -> Option<Step> {
        let route = &self.ask.route;
        let now = Instant::now();
        if self.retries >= route.config.spec.limits.max_retries.unwrap_or(MAX_RETRIES) {
            return None;
        }
        let other = route.targets.pick(&self.targets, fastrand::u64(..), now.into_std());
        let (target, pause) = match other {
            Some(other) => {
                self.keys.clear();
                (other, Duration::ZERO)
            }
            None if same_target => (self.targets.last().copied()?, self.pause(told)?),
            None => return None,
        };
        if self.is_late(now + pause) {
            return None;
        }
        let picked = pick(self.ask, self.affinity, &self.keys, now).await?;
        if !route.retry_budget.spend() {
            return None;
        }
        self.retries += 1;
        self.targets.push(target);
        Some(Step { pause, ..Step::now(picked, target, now) })
    }

    /// What the upstream asks for, else a time by chance that grows. `None` when that is too long to wait for.
    fn pause(&self, told: Option<Duration>) -> Option<Duration> {
        let longest = FIRST_PAUSE.saturating_mul(1 << self.retries.min(5)).min(LONGEST_PAUSE);
        let pause = told.unwrap_or_else(|| longest.mul_f64(fastrand::f64()));
        (pause <= LONGEST_PAUSE).then_some(pause)
    }

    fn is_late(&self, at: Instant) -> bool {
        self.deadline.is_some_and(|deadline| at >= deadline)
    }

    /// Whether this key met with the same as the one before it: then it was the request's fault, and neither suffers.
    pub(crate) fn confirms(&mut self, health: &Health, doubt: Box<Doubt<'a>>) -> bool {
        match self.doubt.take() {
            Some(earlier) if (earlier.status, earlier.rule) == (doubt.status, doubt.rule) => {
                health.refund(earlier.penalty);
                health.refund(doubt.penalty);
                true
            }
            _ => {
                self.doubt = Some(doubt);
                false
            }
        }
    }

    /// No second key is there to confirm that it was the last key's fault.
    pub(crate) fn forgive(&mut self, health: &Health) {
        if let Some(doubt) = self.doubt.take() {
            health.refund(doubt.penalty);
        }
    }
}
