//! What befalls keys, as the instances of an installation tell each other: a limit that one met rests the key for all.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Instant,
};

use jiff::Timestamp;
use tokio::sync::mpsc::{self, error::TrySendError};

use super::{
    health::{Health, Now, Resting},
    patient::Phase,
};
use crate::model::{ConfigId, KeyId};

/// What befell a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// It rests.
    Rests {
        /// How, by the clock of whoever tells.
        told: Resting,
        /// When it ends, by the clock here: clocks of instances differ, and short rests are as short as that.
        end: Instant,
    },
    /// A rest is over before its time, or without a trial.
    Recovered {
        /// Whose.
        key: KeyId,
        /// For requests of this model only.
        model: Option<Box<str>>,
        /// Until when it was to be: one that lasts longer is another, and goes on.
        until: Timestamp,
    },
    /// An admin put it back, whatever it suffered from.
    Reset {
        /// Which.
        key: KeyId,
        /// When.
        at: Timestamp,
    },
}

/// Passes news on, to whoever tells other instances. It never waits: of what does not fit, only that there was some is
/// known in the end.
#[derive(Debug, Clone)]
pub struct NewsSender {
    waiting: mpsc::Sender<(ConfigId, News)>,
    has_overflowed: Arc<AtomicBool>,
}

/// The other end of a [`NewsSender`].
#[derive(Debug)]
pub struct NewsReceiver {
    waiting: mpsc::Receiver<(ConfigId, News)>,
    has_overflowed: Arc<AtomicBool>,
}

/// Tells what befalls the keys of one config here.
pub(super) struct Herald {
    pub(super) config: ConfigId,
    pub(super) sender: NewsSender,
}

impl Health {
    /// The same, telling what befalls its keys.
    #[must_use]
    pub fn telling(self, config: ConfigId, sender: NewsSender) -> Self {
        self.ward().tell_by(Herald { config, sender });
        self
    }

    /// Every rest that is not over, as news.
    pub fn rests_as_news(&self, now: Instant) -> Vec<News> {
        let ward = self.ward();
        let going_on = ward.states().filter(|state| state.phase == Phase::Resting && state.until > now);
        going_on.map(|state| News::Rests { told: state.told.clone(), end: state.until }).collect()
    }

    /// Does what another instance told, in this order.
    pub fn learn(&self, news: Vec<News>, now: Now) {
        self.ward().quietly(|ward| {
            // Those that rest together are told one after the other.
            let mut resting = Vec::new();
            for news in news {
                if let News::Rests { told, end } = news {
                    resting.push((told.end_by(end, now.instant), told));
                    continue;
                }
                ward.restore(std::mem::take(&mut resting));
                match news {
                    News::Rests { .. } => {}
                    News::Recovered { key, model, until } => {
                        ward.forget(key, |state| state.told.model == model && state.told.until <= until);
                    }
                    News::Reset { key, at } => ward.learn_reset(key, at, now.instant),
                }
            }
            ward.restore(resting);
        });
    }
}

impl Herald {
    pub(super) fn tell(&self, news: News) {
        self.sender.send((self.config, news));
    }
}

impl NewsSender {
    /// Both ends, with room for so much news between them.
    pub fn with_room(room: usize) -> (Self, NewsReceiver) {
        let ((sender, receiver), has_overflowed) = (mpsc::channel(room), Arc::<AtomicBool>::default());
        let other = NewsReceiver { waiting: receiver, has_overflowed: Arc::clone(&has_overflowed) };
        (Self { waiting: sender, has_overflowed }, other)
    }

    fn send(&self, news: (ConfigId, News)) {
        // Nobody listens any more at the very end.
        if let Err(TrySendError::Full(news)) = self.waiting.try_send(news) {
            self.has_overflowed.store(true, SeqCst);
            // Where there is room by now, this wakes whoever has to know.
            let _ = self.waiting.try_send(news);
        }
    }
}

impl NewsReceiver {
    /// Waits for news, and adds at most so much of it; answers how much, which is 0 when no more can come.
    pub async fn receive(&mut self, news: &mut Vec<(ConfigId, News)>, most: usize) -> usize {
        self.waiting.recv_many(news, most).await
    }

    /// Whether there was news that did not fit, since it was last forgotten.
    pub fn has_overflowed(&self) -> bool {
        self.has_overflowed.load(SeqCst)
    }

    /// Forgets all that waits: whoever asks how keys stand after this misses nothing.
    pub fn forget(&mut self) {
        self.has_overflowed.store(false, SeqCst);
        while self.waiting.try_recv().is_ok() {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn news_that_does_not_fit_is_known_to_be_missing_until_it_is_made_up_for() {
        let (sender, mut receiver) = NewsSender::with_room(2);
        let send = |key: i64| {
            let reset = News::Reset { key: KeyId(key), at: Timestamp::UNIX_EPOCH };
            sender.send((ConfigId(1), reset));
        };
        let mut news = Vec::new();
        send(1);
        send(2);
        assert!(!receiver.has_overflowed());

        send(3);

        assert_eq!((receiver.receive(&mut news, 9).await, receiver.has_overflowed()), (2, true));
        receiver.forget();
        send(4);
        assert_eq!((receiver.receive(&mut news, 9).await, receiver.has_overflowed()), (1, false));
        drop(sender);
        assert_eq!(receiver.receive(&mut news, 9).await, 0);
    }
}
