//! What each worker counts. One thread writes, so a plain load and store do; readers add the workers up.

use std::{
    fmt::{self, Write as _},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use rotator_core::{model::ConfigType, outcome::Kind};

/// A number that one thread moves and any may read.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, n: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_add(n), Relaxed);
    }

    pub(crate) fn sub(&self, n: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_sub(n), Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// Upper bounds of the latency buckets, in microseconds.
const BUCKETS_US: [u64; 14] = [
    500,
    1_000,
    2_500,
    5_000,
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    5_000_000,
    30_000_000,
    120_000_000,
];
const CLASSES: [&str; 6] = ["none", "1xx", "2xx", "3xx", "4xx", "5xx"];
const KINDS: [&str; 2] = ["generic", "llm"];

/// How long something took, in buckets.
#[derive(Debug, Default)]
pub(crate) struct Histogram {
    buckets: [Counter; BUCKETS_US.len() + 1],
    sum_us: Counter,
}

impl Histogram {
    pub(crate) fn record(&self, us: u64) {
        let bucket = BUCKETS_US.partition_point(|bound| *bound < us);
        self.buckets[bucket].add(1);
        self.sum_us.add(us);
    }
}

/// What one worker counts.
#[derive(Debug, Default)]
pub(crate) struct WorkerMetrics {
    requests: [[Counter; CLASSES.len()]; KINDS.len()],
    pub(crate) duration: Histogram,
    pub(crate) first_byte: Histogram,
    pub(crate) active_requests: Counter,
    pub(crate) active_streams: Counter,
    pub(crate) client_connections: Counter,
    pub(crate) upstream_connections_opened: Counter,
    attempts: [Counter; Kind::ALL.len()],
    pub(crate) retries: Counter,
    pub(crate) rescued: Counter,
    pub(crate) rests: Counter,
    /// Hedges whose answer was taken, and those whose was not.
    pub(crate) hedges: [Counter; 2],
    /// Requests of conversations whose attempts went to their own key, and to another.
    pub(crate) sticky: [Counter; 2],
    pub(crate) bytes_in: Counter,
    pub(crate) bytes_out: Counter,
    pub(crate) client_aborts: Counter,
    pub(crate) upstream_cuts: Counter,
    pub(crate) records_dropped: Counter,
}

impl WorkerMetrics {
    pub(crate) fn count_request(&self, config_type: ConfigType, status: u16) {
        let class = usize::from(status / 100).min(CLASSES.len() - 1);
        self.requests[config_type as usize][class].add(1);
    }

    pub(crate) fn count_attempt(&self, kind: Kind) {
        self.attempts[kind as usize].add(1);
    }
}

/// The counts of every worker.
#[derive(Debug, Clone)]
pub struct Metrics(pub(crate) Arc<[Arc<WorkerMetrics>]>);

/// A metric of one number over all workers.
type Reading = (&'static str, &'static str, &'static str, fn(&WorkerMetrics) -> &Counter);

const READINGS: [Reading; 12] = [
    ("akr_active_requests", "gauge", "Requests between their head and the end of their answer.", |w| {
        &w.active_requests
    }),
    ("akr_active_streams", "gauge", "Streams of LLM answers that are under way.", |w| &w.active_streams),
    ("akr_client_connections", "gauge", "Open client connections.", |w| &w.client_connections),
    ("akr_upstream_connections_opened_total", "counter", "Connections opened to upstreams.", |w| {
        &w.upstream_connections_opened
    }),
    ("akr_retries_total", "counter", "Attempts after one of the same request that had failed.", |w| {
        &w.retries
    }),
    (
        "akr_rescued_requests_total",
        "counter",
        "Requests that succeeded after an attempt that had failed.",
        |w| &w.rescued,
    ),
    ("akr_key_rests_total", "counter", "Times that a key was sent to rest.", |w| &w.rests),
    ("akr_request_bytes_total", "counter", "Body bytes from clients.", |w| &w.bytes_in),
    ("akr_response_bytes_total", "counter", "Body bytes to clients.", |w| &w.bytes_out),
    ("akr_client_aborts_total", "counter", "Requests whose client left before the end of the answer.", |w| {
        &w.client_aborts
    }),
    ("akr_upstream_cuts_total", "counter", "Answers that broke off.", |w| &w.upstream_cuts),
    (
        "akr_request_records_dropped_total",
        "counter",
        "Request records lost because the log writer fell behind.",
        |w| &w.records_dropped,
    ),
];

impl Metrics {
    /// Requests between their head and the end of their answer.
    pub fn active_requests(&self) -> u64 {
        self.sum(|w| &w.active_requests)
    }

    /// Those of them whose answer is an LLM's stream that is under way.
    pub fn active_streams(&self) -> u64 {
        self.sum(|w| &w.active_streams)
    }

    /// Open client connections.
    pub fn client_connections(&self) -> u64 {
        self.sum(|w| &w.client_connections)
    }

    /// Request records lost because the log writer fell behind.
    pub fn records_dropped(&self) -> u64 {
        self.sum(|w| &w.records_dropped)
    }

    /// Prometheus text exposition format, version 0.0.4.
    pub fn render(&self) -> String {
        let mut text = String::from(
            "# HELP akr_requests_total Requests by service type and status class.\n# TYPE akr_requests_total counter\n",
        );
        for (k, kind) in KINDS.iter().enumerate() {
            for (c, class) in CLASSES.iter().enumerate() {
                let count = self.sum(|w| &w.requests[k][c]);
                line(
                    &mut text,
                    format_args!("akr_requests_total{{type=\"{kind}\",class=\"{class}\"}} {count}"),
                );
            }
        }
        line(
            &mut text,
            format_args!(
                "# HELP akr_upstream_attempts_total Attempts, by what came of them.\n# TYPE akr_upstream_attempts_total counter"
            ),
        );
        for kind in Kind::ALL {
            let (outcome, count) = (kind.as_str(), self.sum(|w| &w.attempts[kind as usize]));
            line(&mut text, format_args!("akr_upstream_attempts_total{{outcome=\"{outcome}\"}} {count}"));
        }
        line(
            &mut text,
            format_args!(
                "# HELP akr_sticky_picks_total Attempts under sticky, by whether they went to the conversation's own key.\n# TYPE akr_sticky_picks_total counter"
            ),
        );
        for (key, place) in [("own", 0), ("other", 1)] {
            let count = self.sum(|w| &w.sticky[place]);
            line(&mut text, format_args!("akr_sticky_picks_total{{key=\"{key}\"}} {count}"));
        }
        line(
            &mut text,
            format_args!(
                "# HELP akr_hedges_total Second attempts beside a first one whose answer was late, by whose was taken.\n# TYPE akr_hedges_total counter"
            ),
        );
        for (outcome, place) in [("won", 0), ("lost", 1)] {
            let count = self.sum(|w| &w.hedges[place]);
            line(&mut text, format_args!("akr_hedges_total{{outcome=\"{outcome}\"}} {count}"));
        }
        for (name, kind, help, read) in READINGS {
            line(
                &mut text,
                format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {}", self.sum(read)),
            );
        }
        self.render_histogram(&mut text, "akr_request_duration_seconds", "From head to end.", |w| {
            &w.duration
        });
        self.render_histogram(
            &mut text,
            "akr_time_to_first_byte_seconds",
            "From head to the answer's first byte.",
            |w| &w.first_byte,
        );
        text
    }

    fn sum(&self, read: impl Fn(&WorkerMetrics) -> &Counter) -> u64 {
        self.0.iter().fold(0, |sum, worker| sum.wrapping_add(read(worker).get()))
    }

    fn render_histogram(
        &self,
        text: &mut String,
        name: &str,
        help: &str,
        of: fn(&WorkerMetrics) -> &Histogram,
    ) {
        line(text, format_args!("# HELP {name} {help}\n# TYPE {name} histogram"));
        let mut cumulative = 0;
        for (i, bound) in BUCKETS_US.iter().enumerate() {
            cumulative += self.sum(|w| &of(w).buckets[i]);
            line(text, format_args!("{name}_bucket{{le=\"{}\"}} {cumulative}", seconds(*bound)));
        }
        cumulative += self.sum(|w| &of(w).buckets[BUCKETS_US.len()]);
        let sum = seconds(self.sum(|w| &of(w).sum_us));
        line(text, format_args!("{name}_bucket{{le=\"+Inf\"}} {cumulative}"));
        line(
            text,
            format_args!(
                "{name}_sum {sum}
{name}_count {cumulative}"
            ),
        );
    }
}

/// Adds a line. Writing to a string cannot fail.
fn line(text: &mut String, line: fmt::Arguments<'_>) {
    let _ = writeln!(text, "{line}");
}

/// Microseconds as seconds, exactly.
fn seconds(us: u64) -> String {
    format!("{}.{:06}", us / 1_000_000, us % 1_000_000)
}
