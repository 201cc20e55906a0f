//! Tells operators by webhook what happens, beside the requests: looks every few seconds, and sends what is news.

mod watch;

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use rotator_core::{
    notifications::{Courier, Event, Letter, Notifications},
    routes::Route,
};
use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval, sleep},
};
use tracing::{info, warn};

use self::watch::{Pool, Sight, Watch};
use crate::{clock, data::Data, membership::Leading};

/// Between two looks.
pub const INTERVAL: Duration = Duration::from_secs(5);
/// Before a letter that was not taken is sent again.
const PAUSES: [Duration; 2] = [Duration::from_secs(5), Duration::from_secs(30)];
/// How many letters may be under way; more are dropped.
const LETTERS: usize = 256;

/// Tells operators what happens.
pub struct Notices {
    data: Data,
    courier: Arc<dyn Courier>,
    leading: Leading,
    /// Under which clients reach the server.
    server: String,
    watch: Watch,
    /// As the store last told.
    known: Notifications,
    letters: JoinSet<()>,
}

impl Notices {
    /// Of what happens to this data, taken by this courier.
    pub fn new(data: Data, courier: Arc<dyn Courier>, leading: Leading, server: String) -> Self {
        let (watch, known, letters) = (Watch::default(), Notifications::default(), JoinSet::new());
        Self { data, courier, leading, server, watch, known, letters }
    }

    /// Looks for ever. What the first look sees is no news.
    pub async fn send(mut self, tick: Duration) {
        let mut looks = interval(tick);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            self.read().await;
            for event in self.look() {
                self.tell(&event);
            }
            while self.letters.try_join_next().is_some() {}
        }
    }

    /// Who is told; as it was while the store is away.
    async fn read(&mut self) {
        if !self.data.health.store_is_up() {
            return;
        }
        match self.data.store.notifications().await {
            Ok(known) => self.known = known,
            Err(error) => warn!(error = &error as &dyn std::error::Error, "webhooks cannot be read"),
        }
    }

    fn look(&mut self) -> Vec<Event> {
        let Data { routes, health, .. } = &self.data;
        let pool = |route: &Arc<Route>| Pool {
            service: (&route.config).into(),
            total: route.pool.slots().len(),
            ailing: route.pool.health().ailing(),
        };
        let sight = Sight {
            pools: routes.table().load().iter().map(pool).collect(),
            database_is_up: health.store_is_up(),
            cache_is_up: health.cache_is_up(),
        };
        let low_keys = usize::try_from(self.known.low_keys).unwrap_or(usize::MAX);
        self.watch.look(sight, low_keys, self.leading.borrow().is_some(), Instant::now())
    }

    /// Sends an event to whoever wants to hear of it.
    fn tell(&mut self, event: &Event) {
        let wants = |events: &BTreeSet<_>| event.kind().is_some_and(|kind| events.contains(&kind));
        for webhook in self.known.webhooks.iter().filter(|webhook| wants(&webhook.events)) {
            if self.letters.len() >= LETTERS {
                warn!(event = event.name(), "too many notifications are under way; this one is dropped");
                continue;
            }
            let id = format!("msg_{:016x}", fastrand::u64(..));
            let letter = Letter::new(webhook, event, &self.server, clock::now(), id);
            self.letters.spawn(deliver(Arc::clone(&self.courier), letter, event.name()));
        }
    }
}

/// Sends a letter until it is taken, or it is no use.
async fn deliver(courier: Arc<dyn Courier>, letter: Letter, event: &'static str) {
    let mut pauses = PAUSES.into_iter();
    loop {
        let receipt = courier.deliver(letter.clone()).await;
        let webhook = letter.to.masked();
        if receipt.is_delivered() {
            return info!(event, webhook, "notification sent");
        }
        let Some(pause) = pauses.next().filter(|_| receipt.may_pass()) else {
            // What was answered is not ours to log.
            let reason = receipt.status.is_none().then_some(receipt.message);
            return warn!(event, webhook, status = receipt.status, reason, "notification lost");
        };
        sleep(pause).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use rotator_core::notifications::{Format, Language, Receipt, Webhook};

    use super::*;

    /// Answers with one status after the other, and then with the last.
    struct Answers(Mutex<Vec<Option<u16>>>, Mutex<Vec<Letter>>);

    #[async_trait::async_trait]
    impl Courier for Answers {
        async fn deliver(&self, letter: Letter) -> Receipt {
            self.1.lock().unwrap().push(letter);
            let mut answers = self.0.lock().unwrap();
            let status = if answers.len() > 1 { answers.remove(0) } else { answers[0] };
            Receipt { status, latency: Duration::ZERO, message: String::new() }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_letter_is_sent_again_while_that_may_help_and_three_times_at_most() {
        for (answers, wanted) in [
            (vec![Some(204)], 1),
            (vec![None, Some(200)], 2),
            (vec![Some(503), Some(429), Some(200)], 3),
            (vec![Some(500)], 3),
            (vec![Some(404)], 1),
            (vec![Some(302)], 1),
        ] {
            let courier = Arc::new(Answers(Mutex::new(answers.clone()), Mutex::default()));
            let url = "https://hooks.example.com/x".parse().unwrap();
            let (format, language) = (Format::Json, Language::En);
            let webhook = Webhook { id: 1, url, secret: None, format, language, events: BTreeSet::new() };
            let letter = Letter::new(&webhook, &Event::Test, "http://here", clock::now(), "msg_1".into());

            deliver(Arc::clone(&courier) as Arc<dyn Courier>, letter.clone(), "test").await;

            let sent = courier.1.lock().unwrap();
            assert_eq!(*sent, vec![letter; wanted], "{answers:?}");
        }
    }
}
