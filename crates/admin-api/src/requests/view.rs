//! A request as JSON.

use std::{
    collections::{HashMap, HashSet},
    net::IpAddr,
};

use jiff::Timestamp;
use rotator_core::{
    model::{ConfigId, ConfigSpec},
    prices::Money,
    record::{RequestOutcome, Tokens},
    store::LoggedRequest,
};
use serde::Serialize;
use utoipa::{
    ToSchema,
    openapi::{Object, ObjectBuilder, schema::Type},
};

use super::trace::TraceView;
use crate::state::AdminState;

/// A request, as the log has it.
#[derive(Serialize, ToSchema)]
#[schema(as = LoggedRequest)]
pub(crate) struct RequestView {
    /// What the client was answered as `x-request-id`.
    #[schema(pattern = "^[0-9a-f]{32}$")]
    request_id: String,
    /// Its place in the log: the list after this `cursor` begins with the request before it.
    cursor: String,
    /// When its head had arrived.
    #[schema(value_type = String, format = DateTime)]
    started_at: Timestamp,
    /// To which proxy config; null when it ended before one was found.
    #[schema(required)]
    config_id: Option<i64>,
    /// That config's slug; null when it is gone.
    #[schema(required)]
    config_slug: Option<String>,
    /// That config's name; null when it is gone.
    #[schema(required)]
    config_name: Option<String>,
    /// The key that it was answered with, or last tried with.
    #[schema(required)]
    key_id: Option<i64>,
    /// Which proxy key the client showed: its id.
    #[schema(required)]
    proxy_key: Option<u32>,
    /// Its method.
    method: String,
    /// Its path without the query, cut at 512 bytes.
    path: Box<str>,
    /// What the client was answered; 0 when it left first.
    status: u16,
    /// How it ended.
    #[schema(schema_with = outcome)]
    outcome: &'static str,
    /// How many keys were tried.
    attempts: u8,
    /// From head to end, in microseconds.
    duration_us: u64,
    /// From head to the first byte of the answer's body, in microseconds.
    #[schema(required)]
    first_byte_us: Option<u64>,
    /// Bytes of the body that the client sent.
    bytes_in: u64,
    /// Bytes of the body that it was sent.
    bytes_out: u64,
    /// The client's address.
    #[schema(value_type = String)]
    client: IpAddr,
    /// The model that it was for; null when its service is no LLM's, or it named none.
    #[schema(required)]
    model: Option<Box<str>>,
    /// What it used; null when its service is no LLM's, or its answer neither told nor showed it.
    #[schema(required)]
    usage: Option<UsageView>,
    /// Whether that is estimated, in part at least: from the texts of the request and of the answer as far as it came,
    /// where the upstream did not tell.
    usage_estimated: bool,
    /// What that cost, in US dollars: a number with all its decimals; null when it is not known what it used, or what the
    /// model costs.
    #[schema(required, value_type = Option<f64>, example = 0.001_237_5)]
    cost: Option<Money>,
    /// Whether the log tells how it came to its answer: it does when more happened than that the first key answered.
    has_trace: bool,
}

/// Tokens that a request used. No token is in two of these.
#[derive(Serialize, ToSchema)]
#[schema(as = TokenUsage)]
pub(crate) struct UsageView {
    /// Of the prompt, but for those of the provider's cache.
    input: u64,
    /// Of the prompt, read from the provider's cache.
    cached_read: u64,
    /// Of the prompt, written to the provider's cache.
    cache_write: u64,
    /// Of the answer, but for its reasoning where that is told.
    output: u64,
    /// Of the reasoning before the answer, where it is told.
    reasoning: u64,
}

/// A request, and how it came to its answer.
#[derive(Serialize, ToSchema)]
pub(crate) struct RequestDetail {
    #[serde(flatten)]
    request: RequestView,
    trace: TraceView,
}

/// What the services of some requests are called.
pub(crate) struct Services(HashMap<ConfigId, Service>);

struct Service {
    slug: String,
    name: String,
}

impl RequestView {
    pub(super) fn of(LoggedRequest { row, record }: &LoggedRequest, services: &Services) -> Self {
        let service = record.config_id.and_then(|id| services.0.get(&id));
        Self {
            request_id: record.request_id.to_string(),
            cursor: row.to_string(),
            started_at: record.started_at,
            config_id: record.config_id.map(|id| id.0),
            config_slug: service.map(|service| service.slug.clone()),
            config_name: service.map(|service| service.name.clone()),
            key_id: record.key_id.map(|id| id.0),
            proxy_key: record.proxy_key,
            method: record.method.to_string(),
            path: record.path.clone(),
            status: record.status,
            outcome: record.outcome.as_str(),
            attempts: record.attempts,
            duration_us: record.duration_us,
            first_byte_us: record.first_byte_us,
            bytes_in: record.bytes_in,
            bytes_out: record.bytes_out,
            client: record.client,
            model: record.model.clone(),
            usage: record.usage.map(UsageView::from),
            usage_estimated: record.usage_estimated,
            cost: record.cost,
            has_trace: record.trace.is_some(),
        }
    }
}

impl From<Tokens> for UsageView {
    fn from(Tokens { input, cached_read, cache_write, output, reasoning }: Tokens) -> Self {
        Self { input, cached_read, cache_write, output, reasoning }
    }
}

impl RequestDetail {
    pub(super) fn of(mut request: LoggedRequest, services: &Services) -> Self {
        let view = RequestView::of(&request, services);
        let trace = match request.record.trace.take() {
            Some(trace) => TraceView::from(*trace),
            None => TraceView::told_by(&request.record),
        };
        Self { request: view, trace }
    }
}

impl Services {
    /// Those of these requests.
    pub(super) async fn of(state: &AdminState, requests: &[LoggedRequest]) -> Self {
        Self::with_ids(state, requests.iter().filter_map(|request| request.record.config_id)).await
    }

    /// Those that are still there. One that cannot be read is known by its id alone.
    pub(crate) async fn with_ids(state: &AdminState, ids: impl Iterator<Item = ConfigId>) -> Self {
        let mut unknown: HashSet<ConfigId> = ids.collect();
        let mut services = HashMap::new();
        for route in state.routes().table().load().iter() {
            if unknown.remove(&route.config.id) {
                services.insert(route.config.id, Service::of(&route.config.spec));
            }
        }
        // Only active ones are in the snapshot.
        for id in unknown {
            if let Ok(Some(summary)) = state.store().config(id).await {
                services.insert(id, Service::of(&summary.config.spec));
            }
        }
        Self(services)
    }

    /// What one of them is called in paths.
    pub(crate) fn slug(&self, id: ConfigId) -> Option<&str> {
        self.0.get(&id).map(|service| &*service.slug)
    }

    /// What one of them is called.
    pub(crate) fn name(&self, id: ConfigId) -> Option<&str> {
        self.0.get(&id).map(|service| &*service.name)
    }
}

impl Service {
    fn of(spec: &ConfigSpec) -> Self {
        Self { slug: spec.slug.to_string(), name: spec.name.clone() }
    }
}

fn outcome() -> Object {
    let names = RequestOutcome::ALL.map(RequestOutcome::as_str);
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(names)).build()
}
