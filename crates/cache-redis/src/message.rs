//! How news looks on its way: one JSON document for some of it.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use rotator_core::{
    model::{ConfigId, KeyId},
    pool::{News, Resting},
};
use serde::{Deserialize, Serialize};

/// What one instance tells the others.
#[derive(Serialize, Deserialize)]
struct Message {
    /// Who tells it: that one has no need to hear it.
    from: u64,
    news: Vec<Item>,
}

#[derive(Serialize, Deserialize)]
struct Item {
    pool: i64,
    key: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    model: Option<Box<str>>,
    #[serde(flatten)]
    event: Event,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Event {
    /// Times in milliseconds since 1970.
    Rests {
        ailment: Box<str>,
        reason: Box<str>,
        since: i64,
        until: i64,
        /// How much is left of it: clocks of instances differ.
        left: u64,
        strikes: u32,
    },
    Recovered {
        until: i64,
    },
    Reset {
        at: i64,
    },
}

/// News as it is sent.
pub(crate) fn encode(from: u64, news: &[(ConfigId, News)], now: Instant) -> Vec<u8> {
    let news = news.iter().map(|(pool, news)| Item::new(*pool, news, now)).collect();
    // Nothing of it can fail to be written as JSON.
    serde_json::to_vec(&Message { from, news }).unwrap_or_default()
}

/// What was sent by another instance than `to`. What cannot be read is left out: a newer version may tell more.
pub(crate) fn decode(to: u64, text: &[u8], now: Instant) -> Vec<(ConfigId, News)> {
    match serde_json::from_slice::<Message>(text) {
        Ok(Message { from, news }) if from != to => {
            news.into_iter().filter_map(|item| item.read(now)).collect()
        }
        _ => Vec::new(),
    }
}

impl Item {
    fn new(pool: ConfigId, news: &News, now: Instant) -> Self {
        let (key, model, event) = match news {
            News::Rests { told, end } => {
                let event = Event::Rests {
                    ailment: told.ailment.as_str().into(),
                    reason: told.reason.clone(),
                    since: told.since.as_millisecond(),
                    until: told.until.as_millisecond(),
                    left: millis(end.saturating_duration_since(now)),
                    strikes: told.strikes,
                };
                (told.key, told.model.clone(), event)
            }
            News::Recovered { key, model, until } => {
                (*key, model.clone(), Event::Recovered { until: until.as_millisecond() })
            }
            News::Reset { key, at } => (*key, None, Event::Reset { at: at.as_millisecond() }),
        };
        Self { pool: pool.0, key: key.0, model, event }
    }

    fn read(self, now: Instant) -> Option<(ConfigId, News)> {
        let (key, model) = (KeyId(self.key), self.model);
        let at = |millis| Timestamp::from_millisecond(millis).ok();
        let news = match self.event {
            Event::Rests { ailment, reason, since, until, left, strikes } => {
                let ailment = ailment.parse().ok()?;
                let (since, until) = (at(since)?, at(until)?);
                let told = Resting { key, model, ailment, reason, since, until, strikes };
                let end = now.checked_add(Duration::from_millis(left))?;
                News::Rests { told, end }
            }
            Event::Recovered { until } => News::Recovered { key, model, until: at(until)? },
            Event::Reset { at: millis } => News::Reset { key, at: at(millis)? },
        };
        Some((ConfigId(self.pool), news))
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use rotator_core::pool::Ailment;

    use super::*;

    #[test]
    fn news_is_read_as_it_was_told_by_all_but_the_teller() {
        let at = |millis| Timestamp::from_millisecond(millis).unwrap();
        let (told_at, heard_at) = (Instant::now(), Instant::now() + Duration::from_hours(1));
        let rest = |model: Option<&str>, end: Instant| {
            let told = Resting {
                key: KeyId(7),
                model: model.map(Into::into),
                ailment: Ailment::Exhausted,
                reason: "a \"rule\"".into(),
                since: at(1_000),
                until: at(61_000),
                strikes: 3,
            };
            News::Rests { told, end }
        };
        let recovered = News::Recovered { key: KeyId(8), model: Some("large".into()), until: at(5) };
        let put_back = News::Reset { key: KeyId(9), at: at(7) };
        let news = |now: Instant| {
            let end = now + Duration::from_secs(5);
            let news = [rest(None, end), rest(Some("large"), end), recovered.clone(), put_back.clone()];
            news.map(|news| (ConfigId(42), news))
        };

        let sent = encode(1, &news(told_at), told_at);

        assert_eq!(decode(2, &sent, heard_at), news(heard_at));
        assert_eq!(decode(1, &sent, heard_at), []);
    }

    #[test]
    fn what_cannot_be_read_is_left_out() {
        for text in ["", "7", "{}", r#"{"from":1,"news":[{"pool":1,"key":1,"event":"explodes"}]}"#] {
            assert_eq!(decode(2, text.as_bytes(), Instant::now()), [], "{text}");
        }
        let odd = r#"{"from":1,"news":[{"pool":1,"key":1,"event":"rests","ailment":"bored","reason":"","since":0,
            "until":0,"left":0,"strikes":1},{"pool":1,"key":2,"event":"reset","at":5}]}"#;
        let reset = News::Reset { key: KeyId(2), at: Timestamp::from_millisecond(5).unwrap() };
        assert_eq!(decode(2, odd.as_bytes(), Instant::now()), [(ConfigId(1), reset)]);
    }
}
