use super::{Histogram, RequestRecord, Tokens};
use crate::{model::ConfigId, prices::Money};

/// What many requests came to: one row of counts, in which any two can be added up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tally([u64; Self::COUNTS]);

/// What the requests of a minute came to that were for the same service and model; stores may make one of an hour's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TallyRow {
    /// When the minute or hour began in which they ended, in milliseconds since 1970.
    pub at: i64,
    /// The service; `None` where they ended before one was found.
    pub config_id: Option<ConfigId>,
    /// The model, cut at 100 characters; empty where it is not told apart.
    pub model: Box<str>,
    /// What they came to.
    pub tally: Tally,
}

/// What a client was answered, roughly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusClass {
    /// A status below 400.
    Success,
    /// 429.
    Limited,
    /// Another of 400 to 499.
    ClientError,
    /// 500 or more.
    ServerError,
    /// Nothing: it left first.
    NoAnswer,
}

/// In milliseconds.
const MINUTE: i64 = 60_000;
/// How many rows one batch of records makes before further models are not told apart: clients choose their names.
const MOST_ROWS: usize = 64;
const LONGEST_MODEL: usize = 100;
/// The most that one request adds to a count. More is a mistake, and sums must not overflow.
const MOST: u64 = 1 << 40;

impl Tally {
    /// How many counts it has.
    pub const COUNTS: usize = Self::FIRST_BYTES + Histogram::BUCKETS;
    const RESCUED: usize = StatusClass::ALL.len();
    const TOKENS: usize = Self::RESCUED + 1;
    const COST: usize = Self::TOKENS + Tokens::BUCKETS.len();
    const DURATIONS: usize = Self::COST + 1;
    const FIRST_BYTES: usize = Self::DURATIONS + Histogram::BUCKETS;

    /// What no requests came to.
    pub const NOTHING: Self = Self([0; Self::COUNTS]);

    /// What its counts are called, in their order.
    pub fn names() -> Vec<String> {
        let histogram = |name| (0..Histogram::BUCKETS).map(move |bucket| format!("{name}_{bucket}"));
        let classes = StatusClass::ALL.map(|class| class.as_str().to_owned());
        let tokens = Tokens::BUCKETS.map(|bucket| format!("tokens_{bucket}"));
        let counts = classes.into_iter().chain(["rescued".into()]).chain(tokens).chain(["cost".into()]);
        counts.chain(histogram("duration")).chain(histogram("first_byte")).collect()
    }

    /// The tally with these counts.
    pub fn of(counts: [u64; Self::COUNTS]) -> Self {
        Self(counts)
    }

    /// Its counts, in the order of their names.
    pub fn counts(&self) -> &[u64; Self::COUNTS] {
        &self.0
    }

    /// Adds a request.
    pub fn add(&mut self, record: &RequestRecord) {
        let counts = &mut self.0;
        counts[StatusClass::of(record.status) as usize] += 1;
        counts[Self::RESCUED] += u64::from(record.attempts > 1 && (1..400).contains(&record.status));
        if let Some(tokens) = record.usage {
            for (count, tokens) in counts[Self::TOKENS..].iter_mut().zip(tokens.buckets()) {
                *count += tokens.min(MOST);
            }
        }
        if let Some(cost) = record.cost {
            counts[Self::COST] += cost.nanos().min(MOST);
        }
        counts[Self::DURATIONS + Histogram::bucket(record.duration_us)] += 1;
        if let Some(first_byte) = record.first_byte_us {
            counts[Self::FIRST_BYTES + Histogram::bucket(first_byte)] += 1;
        }
    }

    /// Adds what others came to.
    pub fn merge(&mut self, others: &Self) {
        for (count, more) in self.0.iter_mut().zip(others.0) {
            *count = count.saturating_add(more);
        }
    }

    /// How many requests there were.
    pub fn total(&self) -> u64 {
        self.0[..Self::RESCUED].iter().sum()
    }

    /// How many were answered like this.
    pub fn requests(&self, class: StatusClass) -> u64 {
        self.0[class as usize]
    }

    /// How many succeeded with another attempt than the first.
    pub fn rescued(&self) -> u64 {
        self.0[Self::RESCUED]
    }

    /// What they used.
    pub fn tokens(&self) -> Tokens {
        let [input, cached_read, cache_write, output, reasoning] = self.slice(Self::TOKENS);
        Tokens { input, cached_read, cache_write, output, reasoning }
    }

    /// What that cost, as far as it is known.
    pub fn cost(&self) -> Money {
        Money::from_nanos(self.0[Self::COST])
    }

    /// How long they took.
    pub fn durations(&self) -> Histogram {
        Histogram::of(self.slice(Self::DURATIONS))
    }

    /// How long their answers took to begin.
    pub fn first_bytes(&self) -> Histogram {
        Histogram::of(self.slice(Self::FIRST_BYTES))
    }

    fn slice<const N: usize>(&self, start: usize) -> [u64; N] {
        std::array::from_fn(|place| self.0[start + place])
    }
}

impl StatusClass {
    /// Each of them.
    pub const ALL: [Self; 5] =
        [Self::Success, Self::Limited, Self::ClientError, Self::ServerError, Self::NoAnswer];

    /// The class of a status, where 0 is no answer.
    pub fn of(status: u16) -> Self {
        match status {
            0 => Self::NoAnswer,
            429 => Self::Limited,
            1..400 => Self::Success,
            400..500 => Self::ClientError,
            500.. => Self::ServerError,
        }
    }

    /// The name under which it is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Limited => "limited",
            Self::ClientError => "client_error",
            Self::ServerError => "server_error",
            Self::NoAnswer => "no_answer",
        }
    }
}

impl TallyRow {
    /// What these requests came to, minute by minute, in the order of minute, service and model.
    pub fn of(records: &[RequestRecord]) -> Vec<Self> {
        let mut rows = Vec::new();
        Self::add(&mut rows, records);
        rows.sort_unstable_by(|one: &Self, other| one.key().cmp(&other.key()));
        rows
    }

    /// Adds what these requests came to.
    pub fn add(rows: &mut Vec<Self>, records: &[RequestRecord]) {
        let mut last = 0;
        for record in records {
            let (at, config_id, model) = (minute(record), record.config_id, model(record));
            let is_it =
                |row: &Self, model: &str| row.at == at && row.config_id == config_id && *row.model == *model;
            if !rows.get(last).is_some_and(|row| is_it(row, model)) {
                let model = if rows.len() < MOST_ROWS || rows.iter().any(|row| is_it(row, model)) {
                    model
                } else {
                    ""
                };
                last = rows.iter().position(|row| is_it(row, model)).unwrap_or(rows.len());
                if last == rows.len() {
                    rows.push(Self { at, config_id, model: model.into(), tally: Tally::NOTHING });
                }
            }
            rows[last].tally.add(record);
        }
    }

    fn key(&self) -> (i64, Option<i64>, &str) {
        (self.at, self.config_id.map(|id| id.0), &self.model)
    }
}

/// When the minute began in which a request ended.
fn minute(record: &RequestRecord) -> i64 {
    let duration = i64::try_from(record.duration_us / 1000).unwrap_or(i64::MAX);
    let ended = record.started_at.as_millisecond().saturating_add(duration);
    ended - ended.rem_euclid(MINUTE)
}

/// The model that a request is counted under. One that nobody answered for may be no model at all.
fn model(record: &RequestRecord) -> &str {
    let name = record.model.as_deref().filter(|_| StatusClass::of(record.status) == StatusClass::Success);
    let name = name.unwrap_or_default();
    name.char_indices().nth(LONGEST_MODEL).map_or(name, |(end, _)| &name[..end])
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use http::Method;
    use jiff::Timestamp;

    use super::*;
    use crate::record::{RequestId, RequestOutcome};

    /// A request that began in this millisecond.
    fn record(milliseconds: i64) -> RequestRecord {
        RequestRecord {
            request_id: RequestId::from_bits(1),
            started_at: Timestamp::from_millisecond(milliseconds).unwrap(),
            config_id: Some(ConfigId(7)),
            key_id: None,
            proxy_key: None,
            method: Method::POST,
            path: "/llm/openai/v1/chat/completions".into(),
            status: 200,
            outcome: RequestOutcome::Completed,
            attempts: 1,
            duration_us: 1_000,
            first_byte_us: None,
            bytes_in: 0,
            bytes_out: 0,
            client: Ipv4Addr::LOCALHOST.into(),
            model: Some("gpt-5".into()),
            usage: None,
            usage_estimated: false,
            cost: None,
            trace: None,
        }
    }

    /// Minute, model and number of requests of each row.
    fn shape(rows: &[TallyRow]) -> Vec<(i64, &str, u64)> {
        rows.iter().map(|row| (row.at / MINUTE, &*row.model, row.tally.total())).collect()
    }

    #[test]
    fn a_request_counts_in_the_minute_in_which_it_ended() {
        let rows = TallyRow::of(&[record(119_999), record(60_000), record(0), record(60_001)]);

        assert_eq!(shape(&rows), [(0, "gpt-5", 1), (1, "gpt-5", 2), (2, "gpt-5", 1)]);
    }

    #[test]
    fn models_that_were_not_answered_for_are_not_told_apart() {
        let refused = RequestRecord { status: 404, model: Some("junk".into()), ..record(0) };
        let none = RequestRecord { model: None, ..record(0) };
        let other = RequestRecord { config_id: None, ..refused.clone() };

        let rows = TallyRow::of(&[refused, record(0), none, other]);

        assert_eq!(shape(&rows), [(0, "", 1), (0, "", 2), (0, "gpt-5", 1)]);
    }

    #[test]
    fn many_models_and_long_ones_do_not_make_many_rows_or_long_ones() {
        let named = |name: String| RequestRecord { model: Some(name.into()), ..record(0) };
        let many: Vec<_> = (0..1000).map(|number| named(format!("model-{number}"))).collect();

        let rows = TallyRow::of(&many);

        assert_eq!(rows.len(), MOST_ROWS + 1);
        assert_eq!(rows.iter().map(|row| row.tally.total()).sum::<u64>(), 1000);
        assert_eq!(&*TallyRow::of(&[named("é".repeat(101))])[0].model, "é".repeat(100));
    }

    #[test]
    fn what_a_request_adds_is_read_back() {
        let tokens = Tokens { input: 1, cached_read: 2, cache_write: 3, output: 4, reasoning: u64::MAX };
        let rescued = RequestRecord {
            attempts: 2,
            usage: Some(tokens),
            cost: Some(Money::from_nanos(5)),
            first_byte_us: Some(70_000),
            ..record(0)
        };
        let mut tally = Tally::NOTHING;
        for status in [429, 404, 503, 0] {
            tally.add(&RequestRecord { status, attempts: 2, ..record(0) });
        }
        tally.add(&rescued);
        let mut both = Tally::of(*tally.counts());
        both.merge(&tally);

        for class in StatusClass::ALL {
            assert_eq!((tally.requests(class), both.requests(class)), (1, 2), "{}", class.as_str());
        }
        assert_eq!((tally.total(), tally.rescued(), tally.cost()), (5, 1, Money::from_nanos(5)));
        assert_eq!(tally.tokens(), Tokens { reasoning: MOST, ..tokens });
        assert_eq!(tally.durations().percentile(50), Some(512));
        assert_eq!(tally.first_bytes().percentile(50), Some(98_304));
    }

    #[test]
    fn every_count_has_a_name_of_its_own() {
        let mut names = Tally::names();
        assert_eq!((names.len(), names[Tally::COST].as_str()), (Tally::COUNTS, "cost"));
        assert_eq!(
            (names[Tally::TOKENS].as_str(), names[Tally::FIRST_BYTES].as_str()),
            ("tokens_input", "first_byte_0")
        );
        names.sort_unstable();
        names.dedup();

        assert_eq!(names.len(), Tally::COUNTS);
    }
}
