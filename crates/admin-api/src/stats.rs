//! What requests came to over time.

use axum::{Json, extract::State};
use jiff::{SignedDuration, Timestamp};
use rotator_core::{
    model::ConfigId,
    prices::Money,
    record::{Histogram, StatusClass, Tally},
    store::{KeyStats, Stats, StatsQuery},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    admin::Admin,
    error::ApiError,
    query::Params,
    requests::{Services, UsageView},
    state::AdminState,
};

/// Over which requests.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct StatsParams {
    /// The last hour in steps of a minute (`1h`, the default), the last day in steps of ten (`24h`), the last week in
    /// steps of an hour (`7d`), or the last 30 days in steps of six (`30d`).
    #[param(pattern = "^(1h|24h|7d|30d)$")]
    range: Option<String>,
    /// To this proxy config.
    #[param(value_type = Option<i64>)]
    config_id: Option<String>,
}

/// What requests came to over time. A request counts when it has ended.
#[derive(Serialize, ToSchema)]
#[schema(as = Stats)]
pub(crate) struct StatsView {
    /// Where the first step begins.
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
    /// Where the last step ends: the one that is under way.
    #[schema(value_type = String, format = DateTime)]
    until: Timestamp,
    /// How long a step is, in seconds.
    step_seconds: i64,
    /// All of it together.
    total: TallyView,
    /// Step by step, without those in which nothing ended.
    series: Vec<StepView>,
    /// The services with the most requests, at most eight.
    services: Vec<ServiceStats>,
    /// The models with the most requests that succeeded, at most eight.
    models: Vec<ModelStats>,
    /// The keys with the most requests among the latest 50 000 or so, at most eight.
    keys: Vec<KeyView>,
}

/// A step of the series.
#[derive(Serialize, ToSchema)]
#[schema(as = StatsStep)]
struct StepView {
    /// When it begins.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    #[serde(flatten)]
    tally: TallyView,
}

/// What some requests came to.
#[derive(Serialize, ToSchema)]
#[schema(as = Tally)]
struct TallyView {
    /// How many there were.
    requests: u64,
    /// Answered with a status below 400.
    success: u64,
    /// Answered with 429.
    limited: u64,
    /// Answered with another status of 400 to 499.
    client_error: u64,
    /// Answered with 500 or more.
    server_error: u64,
    /// Not answered: the client left first.
    no_answer: u64,
    /// Succeeded with another attempt than the first.
    rescued: u64,
    /// What they used, as far as it is known.
    tokens: UsageView,
    /// What that cost, in US dollars: a number with all its decimals.
    #[schema(value_type = f64, example = 0.001_237_5)]
    cost: Money,
    /// How long they took, in microseconds.
    duration_us: Percentiles,
    /// How long the bodies of their answers took to begin, in microseconds.
    first_byte_us: Percentiles,
}

/// Times that so many in a hundred do not exceed, from counts by size: good to a third or so. Null where there are none.
#[derive(Serialize, ToSchema)]
struct Percentiles {
    /// Half of them.
    #[schema(required)]
    p50: Option<u64>,
    /// 95 in a hundred.
    #[schema(required)]
    p95: Option<u64>,
    /// 99 in a hundred.
    #[schema(required)]
    p99: Option<u64>,
}

/// What the requests to a service came to.
#[derive(Serialize, ToSchema)]
struct ServiceStats {
    /// Which proxy config.
    config_id: i64,
    /// Its name; null when it is gone.
    #[schema(required)]
    config_name: Option<String>,
    #[serde(flatten)]
    tally: TallyView,
}

/// What the requests for a model came to.
#[derive(Serialize, ToSchema)]
struct ModelStats {
    /// Its name, as clients gave it.
    model: Box<str>,
    #[serde(flatten)]
    tally: TallyView,
}

/// What came of a key's requests.
#[derive(Serialize, ToSchema)]
#[schema(as = KeyStats)]
struct KeyView {
    /// Which key answered, or was tried last.
    key_id: i64,
    /// Its proxy config.
    #[schema(required)]
    config_id: Option<i64>,
    /// The name of that; null when it is gone.
    #[schema(required)]
    config_name: Option<String>,
    /// How many requests.
    requests: u64,
    /// How many of them did not succeed.
    failed: u64,
}

/// A range, and the steps that make it up.
struct Range {
    name: &'static str,
    step: SignedDuration,
    steps: i32,
}

const RANGES: [Range; 4] = [
    Range { name: "1h", step: SignedDuration::from_mins(1), steps: 60 },
    Range { name: "24h", step: SignedDuration::from_mins(10), steps: 144 },
    Range { name: "7d", step: SignedDuration::from_hours(1), steps: 168 },
    Range { name: "30d", step: SignedDuration::from_hours(6), steps: 120 },
];

/// Show what requests came to over time
///
/// Counted as requests end, so that asking is cheap however many there were. What is counted stays when old requests
/// are deleted from the log.
#[utoipa::path(
    get,
    path = "/stats",
    operation_id = "showStats",
    tag = "request log",
    params(StatsParams),
    responses((status = 200, description = "What they came to", body = StatsView))
)]
pub(crate) async fn show(
    _: Admin,
    State(state): State<AdminState>,
    Params(params): Params<StatsParams>,
) -> Result<Json<StatsView>, ApiError> {
    let query = params.into_query(state.now())?;
    let found = state.store().stats(&query).await?;
    let ids =
        found.services.iter().map(|(id, _)| *id).chain(found.keys.iter().filter_map(|key| key.config_id));
    let services = Services::with_ids(&state, ids).await;
    Ok(Json(StatsView::of(&query, found, &services)))
}

impl StatsParams {
    fn into_query(self, now: Timestamp) -> Result<StatsQuery, ApiError> {
        let name = self.range.as_deref().unwrap_or(RANGES[0].name);
        let range = RANGES.iter().find(|range| range.name == name);
        let Range { step, steps, .. } =
            range.ok_or_else(|| ApiError::field("range", "must be 1h, 24h, 7d or 30d"))?;
        let config_id = self.config_id.map(|text| text.parse().map(ConfigId)).transpose();
        let step_ms = i64::try_from(step.as_millis()).unwrap_or(i64::MAX);
        let now = now.as_millisecond();
        let until = Timestamp::from_millisecond(now - now.rem_euclid(step_ms) + step_ms);
        let until = until.map_err(ApiError::internal)?;
        Ok(StatsQuery {
            since: until - *step * *steps,
            until,
            step_ms,
            config_id: config_id
                .map_err(|_| ApiError::field("config_id", "must be an id: a whole number"))?,
        })
    }
}

impl StatsView {
    fn of(query: &StatsQuery, stats: Stats, services: &Services) -> Self {
        let mut total = Tally::NOTHING;
        for (_, tally) in &stats.series {
            total.merge(tally);
        }
        let name = |id: ConfigId| services.name(id).map(ToOwned::to_owned);
        Self {
            since: query.since,
            until: query.until,
            step_seconds: query.step_ms / 1000,
            total: TallyView::of(&total),
            series: stats
                .series
                .iter()
                .map(|(at, tally)| StepView { at: *at, tally: TallyView::of(tally) })
                .collect(),
            services: stats
                .services
                .iter()
                .map(|(id, tally)| ServiceStats {
                    config_id: id.0,
                    config_name: name(*id),
                    tally: TallyView::of(tally),
                })
                .collect(),
            models: stats
                .models
                .into_iter()
                .map(|(model, tally)| ModelStats { model, tally: TallyView::of(&tally) })
                .collect(),
            keys: stats.keys.iter().map(|key| KeyView::of(key, key.config_id.and_then(name))).collect(),
        }
    }
}

impl TallyView {
    fn of(tally: &Tally) -> Self {
        Self {
            requests: tally.total(),
            success: tally.requests(StatusClass::Success),
            limited: tally.requests(StatusClass::Limited),
            client_error: tally.requests(StatusClass::ClientError),
            server_error: tally.requests(StatusClass::ServerError),
            no_answer: tally.requests(StatusClass::NoAnswer),
            rescued: tally.rescued(),
            tokens: tally.tokens().into(),
            cost: tally.cost(),
            duration_us: Percentiles::of(&tally.durations()),
            first_byte_us: Percentiles::of(&tally.first_bytes()),
        }
    }
}

impl Percentiles {
    fn of(times: &Histogram) -> Self {
        let [p50, p95, p99] = [50, 95, 99].map(|percent| times.percentile(percent));
        Self { p50, p95, p99 }
    }
}

impl KeyView {
    fn of(key: &KeyStats, config_name: Option<String>) -> Self {
        let KeyStats { key_id, config_id, requests, failed } = *key;
        Self { key_id: key_id.0, config_id: config_id.map(|id| id.0), config_name, requests, failed }
    }
}
