//! What a conversation is known by, so that it keeps its key under `sticky`.

use http::HeaderName;
use llm_formats::{KnownBy, known_by};
use rotator_core::{model::ConfigType, pool::affinity_of, routes::Route};

use crate::{body::RequestBody, rewrite::Outbound};

/// The conversation of a request: the value of the config's header, else the start of the conversation in the body of
/// an LLM request. `None` when the strategy does not ask, or nothing tells.
pub(crate) async fn of(route: &Route, outbound: &Outbound, body: &RequestBody) -> Option<u64> {
    if !route.pool.wants_affinity() {
        return None;
    }
    let spec = &route.config.spec;
    let named = |name: &HeaderName| outbound.header(name).map(|value| affinity_of(value.as_bytes()));
    if let Some(affinity) = spec.sticky_header.as_ref().and_then(named) {
        return Some(affinity);
    }
    match spec.target.config_type() {
        ConfigType::Llm => Some(match known_by(&body.read_ahead().await?)? {
            KnownBy::Name(name) => affinity_of(name.as_bytes()),
            KnownBy::Opening(hash) => hash,
        }),
        ConfigType::Generic => None,
    }
}
