//! Which key would serve a request now, and why.

use std::time::Instant;

use axum::{Json, extract::State};
use rotator_core::{
    model::{ConfigId, Strategy},
    pool::affinity_of,
    routes::Route,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{NO_CONFIG, schema::strategy};
use crate::{
    admin::Admin,
    body::{Body, Form},
    error::{ApiError, ErrorBody},
    query::Id,
    state::AdminState,
};

/// Most keys to tell of that are passed over.
const MAX_PASSED_OVER: usize = 100;

/// A request that is only imagined.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Imagined {
    /// The model that it is for.
    model: Option<String>,
    /// What its conversation is known by under `sticky`: the value of the config's header, or a name in the body.
    conversation: Option<String>,
}

/// What would become of it.
#[derive(Serialize, ToSchema)]
pub(crate) struct Simulation {
    /// How keys take turns.
    #[schema(schema_with = strategy)]
    strategy: &'static str,
    /// The keys that it would try one after the other, if each refused it; none when all rest.
    keys: Vec<i64>,
    /// Why the first of them, or why none.
    reason: &'static str,
    /// Where it would be sent.
    #[schema(required)]
    target: Option<String>,
    /// How many keys are in rotation.
    keys_in_rotation: usize,
    /// Keys that it would pass over: at most 100.
    passed_over: Vec<PassedOver>,
    /// How many there are.
    passed_over_count: usize,
}

/// A key that would be passed over.
#[derive(Serialize, ToSchema)]
struct PassedOver {
    /// Which key.
    id: i64,
    /// `cooling`, `exhausted`, `invalid`, `quota_group` when its whole quota group rests, `on_trial`, or `at_limit` when
    /// its own limit is reached.
    why: &'static str,
}

impl Form for Imagined {}

/// Tell which key would serve a request now
///
/// Nothing is sent and no turn is taken.
#[utoipa::path(
    post,
    path = "/proxy-configs/{id}/simulate",
    operation_id = "simulateRequest",
    tag = "proxy configs",
    params(("id" = i64, Path)),
    request_body = Imagined,
    responses(
        (status = 200, description = "What would become of the request", body = Simulation),
        (status = 409, description = "The config is switched off", body = ErrorBody),
    )
)]
pub(crate) async fn simulate(
    _: Admin,
    State(state): State<AdminState>,
    Id(id): Id,
    Body(imagined): Body<Imagined>,
) -> Result<Json<Simulation>, ApiError> {
    let config = state.store().config(ConfigId(id)).await?.ok_or(NO_CONFIG)?.config;
    let spec = &config.spec;
    let table = state.routes().table().load();
    let route = table.find(spec.target.config_type(), spec.slug.as_str()).ok_or(ApiError::SwitchedOff)?;
    Ok(Json(Simulation::of(route, &imagined, state.settings().max_attempts)))
}

impl Simulation {
    fn of(route: &Route, imagined: &Imagined, max_attempts: u8) -> Self {
        let (spec, now) = (&route.config.spec, Instant::now());
        let attempts = spec.limits.max_attempts.map_or(max_attempts, Into::into);
        let affinity = imagined.conversation.as_deref().map(|name| affinity_of(name.as_bytes()));
        let model = imagined.model.as_deref();
        let keys = route.pool.preview(affinity, model, attempts.into(), now);
        let (passed_over, more) = route.pool.health().passed_over(model, MAX_PASSED_OVER);
        let reason = match spec.strategy {
            _ if keys.is_empty() && route.pool.slots().is_empty() => {
                "the config has no key that is switched on"
            }
            _ if keys.is_empty() => "every key rests, or has done all it may",
            Strategy::RoundRobin => "it is this key's turn",
            Strategy::Weighted => "it is this key's turn, by its weight",
            Strategy::LeastConnections => {
                "it has the fewest requests in flight, and it is its turn among equals"
            }
            Strategy::Random => "chance: any key that does not rest may be next",
            Strategy::Sticky if affinity.is_some() => {
                "it is the conversation's key, or the next one while that rests"
            }
            Strategy::Sticky => "nothing names the conversation, so it is this key's turn",
        };
        Self {
            strategy: spec.strategy.as_str(),
            keys: keys.into_iter().map(|key| key.0).collect(),
            reason,
            target: route.targets.preview(now).map(|slot| slot.url.as_str().to_owned()),
            keys_in_rotation: route.pool.slots().len(),
            passed_over_count: passed_over.len() + more,
            passed_over: passed_over.into_iter().map(|(key, why)| PassedOver { id: key.0, why }).collect(),
        }
    }
}
