//! The proxy key in the body of an LLM request, `{"api_key": "…", …}`: for services that allow it, as the old project
//! did for all.

use std::rc::Rc;

use http::{HeaderMap, header, request::Parts};
use http_body::Body as _;
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use llm_formats::take_member;
use rotator_core::{access::Holder, model::ConfigType};
use tokio::time::timeout;

use crate::{
    body::Upload,
    client_key::{missing, refused},
    connection::OpenBody,
    error::ProxyError,
    target::Target,
    worker::Worker,
};

/// The member that holds the key.
const API_KEY: &str = "api_key";
/// The longest body that is read for a key: until then nobody knows whose it is.
const MAX_BODY: usize = 64 << 10;

/// Takes the proxy key out of a body and says whose it is, with the body that is left. For requests that show no key
/// elsewhere.
///
/// Where one service allows it, the bodies for all are read, and the answer is the same: nobody learns without a key
/// which service it is, or that there is one of this name.
pub(crate) async fn authenticate(
    worker: &Rc<Worker>,
    target: &Target<'_>,
    parts: &mut Parts,
    incoming: Incoming,
    open: Option<OpenBody>,
) -> Result<(Holder, Upload), ProxyError> {
    let none = || missing(target.config_type);
    let may_be = target.config_type == ConfigType::Llm
        && is_json(&parts.headers)
        && incoming.size_hint().lower() <= MAX_BODY as u64
        && worker.takes_body_keys();
    if !may_be {
        return Err(none());
    }
    let reading = Limited::new(incoming, MAX_BODY).collect();
    let read = timeout(worker.settings.client.head_timeout, reading).await;
    let body = read.ok().and_then(Result::ok).ok_or_else(none)?.to_bytes();
    open.into_iter().for_each(OpenBody::end);
    let twice = |_| ProxyError::bad_request("the body has two members api_key");
    let taken = take_member(&body, API_KEY).map_err(twice)?.ok_or_else(none)?;
    let holder = worker.proxy_keys(|keys| keys.check(taken.text.as_bytes())).ok_or_else(refused)?;
    if !worker.route(ConfigType::Llm, target.slug).is_some_and(|route| route.takes_body_key()) {
        return Err(none());
    }
    parts.headers.remove(header::CONTENT_LENGTH);
    Ok((holder, Upload::Whole(taken.rest.into())))
}

fn is_json(headers: &HeaderMap) -> bool {
    let media_type =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.as_bytes().split(|b| *b == b';').next());
    media_type.is_some_and(|media_type| media_type.trim_ascii().eq_ignore_ascii_case(b"application/json"))
}
