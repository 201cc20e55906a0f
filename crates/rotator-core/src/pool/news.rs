//! What befalls keys, as the instances of an installation tell each other: a limit that one met rests the key for all.

use std::time::Instant;

use jiff::Timestamp;
use tokio::sync::mpsc;

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

/// Passes news on, to whoever tells other instances.
pub type NewsSender = mpsc::UnboundedSender<(ConfigId, News)>;

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
        // Nobody listens any more at the very end.
        let _ = self.sender.send((self.config, news));
    }
}
