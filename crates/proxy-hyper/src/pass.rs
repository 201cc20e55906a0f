//! What a proxy key lets its holder do, checked for one request.

use std::{sync::Arc, time::Instant};

use jiff::Timestamp;
use llm_formats::ErrorKind;
use rotator_core::{access::Terms, caps::Permit, record::Tokens, routes::Route};

use crate::error::ProxyError;

/// A request of somebody whose proxy key has terms.
pub(crate) struct Pass {
    terms: Arc<Terms>,
    /// Its place among the requests that the key may have at a time.
    pub(crate) permit: Option<Permit>,
}

impl Pass {
    /// Lets the request as far as its service. Whoever may not use all of them does not learn which there are.
    pub(crate) fn of(terms: Arc<Terms>, route: Option<&Route>, now: Timestamp) -> Result<Self, ProxyError> {
        if !terms.is_valid_at(now) {
            return Err(ProxyError::new(ErrorKind::Unauthenticated, "the proxy key has expired"));
        }
        if !terms.opens(route.map(|route| route.config.id)) {
            return Err(ProxyError::new(ErrorKind::Forbidden, "the proxy key does not open this service"));
        }
        terms.note_use(now);
        Ok(Self { terms, permit: None })
    }

    /// Whose request it is.
    pub(crate) fn terms(&self) -> &Arc<Terms> {
        &self.terms
    }
}

/// Counts what a request of a proxy key's holder has used.
pub(crate) fn charge(terms: &Terms, tokens: Tokens, now: Instant) {
    terms.entrance.charge(tokens.total(), now);
}
