//! A request comes in, as far as its service has room, and what its proxy key lets its holder do.

use std::time::Duration;

use llm_formats::ErrorKind;
use rotator_core::{
    caps::{Closed, Entrance},
    routes::Route,
};
use tokio::time::Instant;

use crate::{error::ProxyError, exchange::Exchange};

/// Whose room there is none of.
const SERVICE: &str = "this service";
const PROXY_KEY: &str = "this proxy key";

/// Takes a place in a service, and one of those that the proxy key has.
pub(crate) async fn enter(exchange: &mut Exchange, route: &Route) -> Result<(), ProxyError> {
    let of_key = exchange.pass.as_ref().map(|pass| &pass.terms().entrance);
    if !route.entrance.is_bounded() && !of_key.is_some_and(Entrance::is_bounded) {
        return Ok(());
    }
    // Not when the head came: a body may have been read since.
    let now = Instant::now().into_std();
    if of_key.is_some() {
        // What the service refuses is not to count in the key's minute.
        route.entrance.check(now).map_err(|closed| shut(SERVICE, closed))?;
    }
    if route.entrance.is_shared() || of_key.is_some_and(Entrance::is_shared) {
        // In a box: most requests need no room for it.
        return Box::pin(admit(exchange, route, now)).await;
    }
    if let Some(pass) = &mut exchange.pass {
        pass.permit = pass.terms().entrance.enter(now).map_err(|closed| shut(PROXY_KEY, closed))?;
    }
    exchange.permit = route.entrance.enter(now).map_err(|closed| shut(SERVICE, closed))?;
    Ok(())
}

/// The same where other instances are asked.
async fn admit(exchange: &mut Exchange, route: &Route, now: std::time::Instant) -> Result<(), ProxyError> {
    if let Some(pass) = &mut exchange.pass {
        pass.permit = pass.terms().entrance.admit(now).await.map_err(|closed| shut(PROXY_KEY, closed))?;
    }
    exchange.permit = route.entrance.admit(now).await.map_err(|closed| shut(SERVICE, closed))?;
    Ok(())
}

/// The answer where no more may come in now.
fn shut(what: &str, closed: Closed) -> ProxyError {
    let (has_done, retry_after) = match closed {
        Closed::Full => ("serves as many requests as it may at a time", Duration::from_secs(1)),
        Closed::For(wait) => ("has served as many requests as it may in a minute", wait),
        Closed::UsedUp(wait) => ("has used as many tokens as it may in a minute", wait),
        Closed::Spent(wait) => ("has done as much as it may in a minute", wait),
    };
    let message = format!("{what} {has_done}");
    ProxyError { retry_after: Some(retry_after), ..ProxyError::new(ErrorKind::RateLimited, message) }
}
