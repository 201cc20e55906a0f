//! Who is asking: the [`Admin`] extractor, and [`Onlooker`] for what an outage must not hide. A handler without either is
//! public.

use std::net::IpAddr;

use axum::{
    extract::{FromRequestParts, OptionalFromRequestParts},
    http::{HeaderMap, Uri, header, request::Parts},
};
use jiff::Timestamp;
use rotator_core::store::{Change, StoreError};

use crate::{ClientAddr, RequestId, error::ApiError, state::AdminState, token::Session};

/// The cookie that carries the panel's session token.
pub(crate) const SESSION_COOKIE: &str = "akr_session";
/// The header that carries the CSRF token.
const CSRF_HEADER: &str = "x-csrf-token";

/// The signed-in admin behind a request.
pub(crate) struct Admin {
    pub(crate) session: Session,
    pub(crate) caller: Caller,
    username: String,
    now: Timestamp,
}

/// Whoever may see how the server is: an admin, and also somebody whose session the store cannot say to have ended, since
/// it is away.
pub(crate) struct Onlooker;

/// Where a request comes from.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) address: Option<IpAddr>,
    request_id: String,
}

/// What a request shows to prove its session.
enum Shown<'a> {
    /// In the header `Authorization`: only a program that means it sends it.
    Bearer(&'a str),
    /// In the cookie: the browser adds it to whatever request any page causes.
    Cookie(&'a str),
}

impl Admin {
    pub(crate) fn username(&self) -> &str {
        &self.username
    }

    /// What the audit log will say of a change that this request makes.
    pub(crate) fn change(&self) -> Change {
        self.caller.change(&self.username, self.now)
    }
}

impl Session {
    /// Whether it has expired, or somebody has signed out of it. The store is asked each time: a session that ended on
    /// one instance has ended on all.
    pub(crate) async fn has_ended(&self, state: &AdminState) -> Result<bool, StoreError> {
        let now = state.now();
        Ok(self.expires_at <= now || state.store().revoked_sessions(now).await?.contains(&self.id))
    }
}

impl Caller {
    fn of(parts: &Parts) -> Self {
        let address = parts.extensions.get().map(|ClientAddr(address)| *address);
        let request_id = parts.extensions.get().map_or_else(String::new, |RequestId(id)| id.clone());
        Self { address, request_id }
    }

    /// What the audit log will say of a change by this user.
    pub(crate) fn change(&self, actor: &str, at: Timestamp) -> Change {
        Change { at, actor: actor.into(), address: self.address, request_id: self.request_id.clone() }
    }
}

impl FromRequestParts<AdminState> for Admin {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AdminState) -> Result<Self, ApiError> {
        let now = state.now();
        let shown = shown(&parts.headers).ok_or(ApiError::Unauthenticated)?;
        let (Shown::Bearer(token) | Shown::Cookie(token)) = shown;
        let session = state.tokens().verify(token, now).ok_or(ApiError::Unauthenticated)?;
        if session.has_ended(state).await? {
            return Err(ApiError::Unauthenticated);
        }
        if matches!(shown, Shown::Cookie(_)) && !parts.method.is_safe() {
            let token = parts.headers.get(CSRF_HEADER).ok_or(ApiError::CrossSite)?;
            if !is_same_origin(parts, state) || !state.tokens().is_csrf_token(&session, token.as_bytes()) {
                return Err(ApiError::CrossSite);
            }
        }
        Ok(Self { session, caller: Caller::of(parts), username: state.username().into(), now })
    }
}

impl OptionalFromRequestParts<AdminState> for Admin {
    type Rejection = std::convert::Infallible;

    /// Whatever is wrong with a session, the request is then a stranger's.
    async fn from_request_parts(
        parts: &mut Parts,
        state: &AdminState,
    ) -> Result<Option<Self>, Self::Rejection> {
        Ok(<Self as FromRequestParts<_>>::from_request_parts(parts, state).await.ok())
    }
}

impl FromRequestParts<AdminState> for Onlooker {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AdminState) -> Result<Self, ApiError> {
        match <Admin as FromRequestParts<_>>::from_request_parts(parts, state).await {
            // The store is not asked before the token has proved good.
            Ok(_) | Err(ApiError::Unavailable(_)) => Ok(Self),
            Err(error) => Err(error),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self::of(parts))
    }
}

/// `Authorization` decides alone when it is there, so that a wrong token is never mended by a cookie.
fn shown(headers: &HeaderMap) -> Option<Shown<'_>> {
    let mut lines = headers.get_all(header::AUTHORIZATION).iter();
    match (lines.next(), lines.next()) {
        (Some(line), None) => {
            let (scheme, token) = line.to_str().ok()?.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then_some(Shown::Bearer(token.trim()))
        }
        (Some(_), Some(_)) => None,
        (None, _) => session_cookie(headers).map(Shown::Cookie),
    }
}

fn session_cookie(headers: &HeaderMap) -> Option<&str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    lines
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(name, value)| (name == SESSION_COOKIE).then_some(value))
}

/// Whether the browser says that a page of ours sent this. A client that says nothing is no browser that matters.
fn is_same_origin(parts: &Parts, state: &AdminState) -> bool {
    let text = |name| parts.headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let from_our_site = text("sec-fetch-site").is_none_or(|site| site == "same-origin");
    let from_our_origin = text("origin").is_none_or(|origin| {
        let authority = |url: &str| url.parse::<Uri>().ok().and_then(|uri| uri.authority().cloned());
        let ours = [
            text("host").and_then(|host| host.parse().ok()),
            parts.uri.authority().cloned(),
            authority(&state.settings().proxy_public_base_url),
        ];
        authority(origin).is_some_and(|theirs| ours.into_iter().flatten().any(|known| known == theirs))
    });
    from_our_site && from_our_origin
}
