//! One account of a provider, and what it answers.

use std::time::Duration;

use http::Response;
use tokio::time::Instant;

use crate::support::upstream::{Body, ok, status};

/// An account with one key.
#[derive(Debug, Clone)]
pub struct Account {
    pub bucket: Bucket,
    /// Its key is not, or no longer, valid.
    pub is_revoked: bool,
    pub spent: Option<Spent>,
    pub trouble: Option<Trouble>,
}

/// A quota that is used up.
#[derive(Debug, Clone, Copy)]
pub struct Spent {
    /// What is answered: OpenAI says 429, others 402.
    pub status: u16,
    /// When it starts anew, which is told.
    pub until: Option<Instant>,
}

/// A limit on requests: this many a second, and so many at once.
#[derive(Debug, Clone, Copy)]
pub struct Bucket {
    per_second: f64,
    size: f64,
    level: f64,
    filled_at: Instant,
}

/// What is wrong with a provider, or with what it does for one account.
#[derive(Debug, Clone, Copy)]
pub enum Trouble {
    /// It answers 503, did nothing, and says when to come back.
    Overloaded,
    /// It answers with this status, and may have done the work.
    Fails(u16),
    /// It answers, but only after this long.
    Slow(Duration),
    /// It reads a request and closes the connection.
    Closes,
    /// It reads a request and never answers.
    Hangs,
}

/// What becomes of a request.
pub enum Reply {
    Says(Response<Body>),
    SaysAfter(Duration, Response<Body>),
    Closes,
    Hangs,
}

impl Bucket {
    /// A full one.
    pub fn new(per_second: f64, size: f64) -> Self {
        Self { per_second, size, level: size, filled_at: Instant::now() }
    }

    fn take(&mut self, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.filled_at).as_secs_f64();
        self.level = (self.level + passed * self.per_second).min(self.size);
        self.filled_at = now;
        let has_one = self.level >= 1.0;
        if has_one {
            self.level -= 1.0;
        }
        has_one
    }

    /// How long until it is this full.
    fn until(&self, level: f64) -> Duration {
        Duration::from_secs_f64((level - self.level).max(0.0) / self.per_second)
    }
}

impl Account {
    /// With nothing wrong with it.
    pub fn well(bucket: Bucket) -> Self {
        Self { bucket, is_revoked: false, spent: None, trouble: None }
    }

    /// How many requests a second it can answer with success.
    pub fn capacity(&self) -> f64 {
        let serves = matches!(self.trouble, None | Some(Trouble::Slow(_)));
        let works = serves && !self.is_revoked && self.spent.is_none();
        if works { self.bucket.per_second } else { 0.0 }
    }

    /// Answers the next request; trouble of the provider as a whole comes before the account's own.
    pub fn answer(&mut self, now: Instant, providers: Option<Trouble>) -> Reply {
        if self.is_revoked {
            return says(401, "invalid_api_key");
        }
        let trouble = providers.or(self.trouble);
        match trouble {
            Some(Trouble::Overloaded) => {
                return Reply::Says(come_back(error(503, "overloaded"), Duration::from_secs(1)));
            }
            Some(Trouble::Fails(code)) => return says(code, "server_error"),
            Some(Trouble::Closes) => return Reply::Closes,
            Some(Trouble::Hangs) => return Reply::Hangs,
            Some(Trouble::Slow(_)) | None => {}
        }
        if let Some(Spent { status, until }) = self.spent
            && until.is_none_or(|until| now < until)
        {
            let answer = error(status, "insufficient_quota");
            return Reply::Says(match until {
                Some(until) => come_back(answer, until - now),
                None => answer,
            });
        }
        let answer = self.within_limits(now);
        match trouble {
            Some(Trouble::Slow(time)) => Reply::SaysAfter(time, answer),
            _ => Reply::Says(answer),
        }
    }

    /// As OpenAI does it: what is left is told with every success, and a refusal says when there is more.
    fn within_limits(&mut self, now: Instant) -> Response<Body> {
        let bucket = &mut self.bucket;
        if !bucket.take(now) {
            return come_back(error(429, "rate_limit_exceeded"), bucket.until(1.0));
        }
        let reset = format!("{}ms", bucket.until(bucket.size).as_millis());
        let answer = with(ok("{}"), "x-ratelimit-limit-requests", &bucket.size.to_string());
        let answer = with(answer, "x-ratelimit-remaining-requests", &bucket.level.floor().to_string());
        with(answer, "x-ratelimit-reset-requests", &reset)
    }
}

fn says(code: u16, reason: &str) -> Reply {
    Reply::Says(error(code, reason))
}

fn error(code: u16, reason: &str) -> Response<Body> {
    status(code, format!(r#"{{"error":{{"message":"no","code":"{reason}"}}}}"#))
}

/// In whole seconds, and more exactly.
fn come_back(answer: Response<Body>, wait: Duration) -> Response<Body> {
    let answer = with(answer, "retry-after", &wait.as_secs_f64().ceil().to_string());
    with(answer, "retry-after-ms", &wait.as_millis().to_string())
}

fn with(mut answer: Response<Body>, name: &'static str, value: &str) -> Response<Body> {
    answer.headers_mut().insert(name, value.parse().unwrap());
    answer
}
