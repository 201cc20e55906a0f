//! The servers that run on this installation's database, and how the one is that answers.

use axum::{Json, extract::State};
use jiff::Timestamp;
use rotator_core::store::{self, LiveInstance};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    admin::{Admin, Onlooker},
    error::ApiError,
    state::AdminState,
};

/// The servers that run.
#[derive(Serialize, ToSchema)]
pub(crate) struct Instances {
    /// Those that have told of themselves in the last seconds, longest running first.
    items: Vec<Instance>,
}

/// A server, as it told of itself when it was last seen.
#[derive(Serialize, ToSchema)]
struct Instance {
    /// Its own until it ends.
    id: String,
    /// The machine's name.
    hostname: String,
    /// The program's version.
    version: String,
    /// `lightweight` or `enterprise`.
    build: String,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    started_at: Timestamp,
    /// When it told this.
    #[schema(value_type = String, format = DateTime)]
    last_seen_at: Timestamp,
    /// Whether it does what one does for all, such as deleting old request records.
    is_leader: bool,
    /// Of a leader: the how manyth it is.
    #[schema(required)]
    term: Option<u64>,
    /// What its requests are served by.
    snapshot: Snapshot,
    /// How the database is.
    database: Dependency,
    /// How the cache is.
    cache: Dependency,
}

/// How this instance is, as it knows without asking anybody.
#[derive(Debug, Clone)]
pub struct Vitals {
    /// What it would tell of itself now, and whether it leads.
    pub live: LiveInstance,
    /// Requests of clients between their head and the end of their answer.
    pub active_requests: u64,
    /// Those of them whose answer is an LLM's stream that is under way.
    pub active_streams: u64,
    /// Open client connections.
    pub client_connections: u64,
    /// How its request log keeps up.
    pub request_log: RequestLogState,
    /// Of when the snapshot is that it keeps on disk, where it keeps one.
    pub last_snapshot_at: Option<Timestamp>,
}

/// How the request log keeps up with the requests.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RequestLogState {
    /// Batches of records that wait to be written.
    pub batches_waiting: usize,
    /// How many may wait; beyond them records are lost.
    pub batches_at_most: usize,
    /// Records that were lost since the server started: the database was away, or did not keep up.
    pub records_lost: u64,
}

/// The server that answers, as it is now.
#[derive(Serialize, ToSchema)]
pub(crate) struct CurrentInstance {
    #[serde(flatten)]
    instance: Instance,
    /// Requests of clients between their head and the end of their answer.
    active_requests: u64,
    /// Those of them whose answer is an LLM's stream that is under way.
    active_streams: u64,
    /// Open connections of clients.
    client_connections: u64,
    /// How the request log keeps up with the requests.
    request_log: RequestLogState,
    /// Of when the configuration is that a start without the database would serve; null where none is kept: a database
    /// that is a file is not away.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    last_snapshot_at: Option<Timestamp>,
}

/// What the requests of a server are served by.
#[derive(Serialize, ToSchema)]
struct Snapshot {
    /// How often the configuration had been changed; the same number is the same configuration.
    #[schema(required)]
    revision: Option<u64>,
    /// How long ago that was known to be the latest configuration.
    age_seconds: u64,
}

/// How something is that a server depends on.
#[derive(Serialize, ToSchema)]
struct Dependency {
    /// Whether it answers.
    status: DependencyStatus,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
}

/// Whether something answers that a server depends on.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum DependencyStatus {
    /// It answers.
    Ok,
    /// It does not: what was known of it is made do with.
    Degraded,
}

/// List the servers that run
///
/// One that ends is gone at once, one that crashed within half a minute.
#[utoipa::path(
    get,
    path = "/instances",
    operation_id = "listInstances",
    tag = "installation",
    responses((status = 200, description = "The servers", body = Instances))
)]
pub(crate) async fn list(_: Admin, State(state): State<AdminState>) -> Result<Json<Instances>, ApiError> {
    let mut items: Vec<Instance> = state.store().instances().await?.into_iter().map(Instance::from).collect();
    items.sort_by_key(|instance| instance.started_at);
    Ok(Json(Instances { items }))
}

/// Show how the server is that answers
///
/// As it knows itself: nothing is asked for it. It is answered also while the database is away, even to a session that
/// may have ended.
#[utoipa::path(
    get,
    path = "/instances/current",
    operation_id = "showCurrentInstance",
    tag = "installation",
    responses((status = 200, description = "The server", body = CurrentInstance))
)]
pub(crate) async fn current(_: Onlooker, State(state): State<AdminState>) -> Json<CurrentInstance> {
    Json(state.vitals().into())
}

impl From<Vitals> for CurrentInstance {
    fn from(vitals: Vitals) -> Self {
        let Vitals {
            live,
            active_requests,
            active_streams,
            client_connections,
            request_log,
            last_snapshot_at,
        } = vitals;
        Self {
            instance: live.into(),
            active_requests,
            active_streams,
            client_connections,
            request_log,
            last_snapshot_at,
        }
    }
}

impl From<LiveInstance> for Instance {
    fn from(live: LiveInstance) -> Self {
        let LiveInstance { instance, term } = live;
        Self {
            id: instance.id,
            hostname: instance.hostname,
            version: instance.version,
            build: instance.build,
            started_at: instance.started_at,
            last_seen_at: instance.told_at,
            is_leader: term.is_some(),
            term: term.map(|term| term.0),
            snapshot: Snapshot { revision: instance.revision, age_seconds: instance.snapshot_age },
            database: instance.database.into(),
            cache: instance.cache.into(),
        }
    }
}

impl From<store::Dependency> for Dependency {
    fn from(dependency: store::Dependency) -> Self {
        let status = if dependency.is_up { DependencyStatus::Ok } else { DependencyStatus::Degraded };
        Self { status, since: dependency.since }
    }
}
