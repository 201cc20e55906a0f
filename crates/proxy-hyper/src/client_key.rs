//! The proxy key, wherever a client put it; taken out of the request so that it goes no further.

use http::{HeaderMap, HeaderName, HeaderValue, header, request::Parts, uri::PathAndQuery};
use llm_formats::ErrorKind;
use percent_encoding::percent_decode_str;
use rotator_core::{
    access::{Holder, ProxyKeys, Remembered},
    model::ConfigType,
};

use crate::error::ProxyError;

const X_PROXY_KEY: HeaderName = HeaderName::from_static("x-proxy-key");
/// Where SDKs put a key; none of these reaches an upstream from an LLM client.
const LLM_KEY_HEADERS: [HeaderName; 4] = [
    HeaderName::from_static("x-api-key"),
    HeaderName::from_static("x-anthropic-api-key"),
    HeaderName::from_static("x-goog-api-key"),
    HeaderName::from_static("api-key"),
];

/// Takes the proxy key out of a request and says whose it is; `None` when the request shows none.
///
/// `/proxy` reads `X-Proxy-Key`, else `Authorization: Bearer`; `/llm` reads every place an SDK uses. Two different keys
/// in one request are refused: which one counts would depend on who reads it.
pub(crate) fn authenticate(
    parts: &mut Parts,
    config_type: ConfigType,
    keys: &ProxyKeys,
    remembered: &Remembered,
) -> Result<Option<Holder>, ProxyError> {
    let headers = &mut parts.headers;
    let mut shown = Shown::default();
    shown.take(headers, &X_PROXY_KEY)?;
    match config_type {
        ConfigType::Generic => {
            if shown.0.is_none() {
                shown.take_bearer(headers)?;
            }
        }
        ConfigType::Llm => {
            shown.take_bearer(headers)?;
            for name in &LLM_KEY_HEADERS {
                shown.take(headers, name)?;
            }
            if let Some((key, rest)) = parts.uri.path_and_query().and_then(without_key_parameter) {
                shown.see(HeaderValue::from_bytes(&key).map_err(|_| refused())?)?;
                let mut uri = std::mem::take(&mut parts.uri).into_parts();
                uri.path_and_query = Some(rest);
                parts.uri = http::Uri::from_parts(uri).map_err(|_| refused())?;
            }
        }
    }
    let Some(key) = shown.0 else { return Ok(None) };
    keys.check_again(key.as_bytes(), remembered).map(Some).ok_or_else(refused)
}

pub(crate) fn missing(config_type: ConfigType) -> ProxyError {
    let message = match config_type {
        ConfigType::Generic => "no proxy key; send it as the header X-Proxy-Key",
        ConfigType::Llm => {
            "no proxy key; use it as the API key of your SDK, or send it as Authorization: Bearer"
        }
    };
    ProxyError::new(ErrorKind::Unauthenticated, message)
}

pub(crate) fn refused() -> ProxyError {
    ProxyError::new(ErrorKind::Unauthenticated, "the proxy key is not valid")
}

/// The key shown so far.
#[derive(Default)]
struct Shown(Option<HeaderValue>);

impl Shown {
    fn see(&mut self, key: HeaderValue) -> Result<(), ProxyError> {
        match &self.0 {
            Some(known) if *known != key => {
                let message = "the request shows two different keys; send the proxy key in one place only";
                Err(ProxyError::new(ErrorKind::Unauthenticated, message))
            }
            _ => {
                self.0 = Some(key);
                Ok(())
            }
        }
    }

    fn take(&mut self, headers: &mut HeaderMap, name: &HeaderName) -> Result<(), ProxyError> {
        let before = headers.len();
        let Some(key) = headers.remove(name) else { return Ok(()) };
        if before - headers.len() > 1 {
            return Err(ProxyError::bad_request(format!("the header {name} is there twice")));
        }
        if key.is_empty() { Ok(()) } else { self.see(key) }
    }

    fn take_bearer(&mut self, headers: &mut HeaderMap) -> Result<(), ProxyError> {
        let mut key = Self::default();
        key.take(headers, &header::AUTHORIZATION)?;
        let Some(value) = key.0 else { return Ok(()) };
        let bytes = value.as_bytes();
        let bearer = bytes.len() > 7 && bytes[..7].eq_ignore_ascii_case(b"bearer ");
        let token = if bearer { bytes[7..].trim_ascii() } else { b"" };
        if token.is_empty() {
            return Ok(());
        }
        // A part of a header value is a header value.
        HeaderValue::from_bytes(token).map_err(|_| refused()).and_then(|token| self.see(token))
    }
}

/// The value of `?key=`, and the path and query without it; every other parameter keeps its bytes and its place.
fn without_key_parameter(path_and_query: &PathAndQuery) -> Option<(Vec<u8>, PathAndQuery)> {
    let query = path_and_query.query()?;
    let value = query.split('&').find_map(|pair| pair.strip_prefix("key="))?;
    let key = percent_decode_str(value).collect();
    let kept: Vec<&str> =
        query.split('&').filter(|pair| !pair.starts_with("key=") && *pair != "key").collect();
    let path = path_and_query.path();
    let rest = if kept.is_empty() { path.to_owned() } else { format!("{path}?{}", kept.join("&")) };
    Some((key, rest.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use http::Request;
    use rotator_core::secret::Secret;

    use super::*;

    const KEY: &str = "pk-0123456789abcdef";
    /// Stands for no key at all.
    const NONE: u16 = 0;

    fn check(config_type: ConfigType, uri: &str, headers: &[(&str, &str)]) -> Result<Parts, u16> {
        let mut request = Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        let keys = ProxyKeys::new(&[Secret::parse(KEY).unwrap()]);
        authenticate(&mut parts, config_type, &keys, &Remembered::default())
            .map_err(|e| e.kind.status())
            .and_then(|key| key.map(|_| parts).ok_or(NONE))
    }

    #[test]
    fn a_key_is_found_where_its_clients_put_it_and_taken_out() {
        let bearer = format!("Bearer {KEY}");
        for (config_type, name, value) in [
            (ConfigType::Generic, "x-proxy-key", KEY),
            (ConfigType::Generic, "authorization", &bearer),
            (ConfigType::Llm, "authorization", &bearer),
            (ConfigType::Llm, "x-api-key", KEY),
            (ConfigType::Llm, "x-anthropic-api-key", KEY),
            (ConfigType::Llm, "x-goog-api-key", KEY),
            (ConfigType::Llm, "api-key", KEY),
        ] {
            let parts = check(config_type, "/a?b=1", &[(name, value), ("x-other", "o")]).unwrap();
            assert_eq!(parts.headers.len(), 1, "{name}");
        }
    }

    #[test]
    fn the_query_keeps_its_bytes_without_the_key() {
        let uri = format!("/v1beta/models?a=%20&key={KEY}&a=2&alt=sse");

        let parts = check(ConfigType::Llm, &uri, &[]).unwrap();

        assert_eq!(parts.uri, "/v1beta/models?a=%20&a=2&alt=sse");
        assert_eq!(check(ConfigType::Generic, &uri, &[]).unwrap_err(), NONE);
    }

    #[test]
    fn what_is_no_single_valid_key_is_refused() {
        for (headers, refusal) in [
            (&[][..], NONE),
            (&[("authorization", "Bearer ")], NONE),
            (&[("authorization", "Basic cGs6")], NONE),
            (&[("x-api-key", "")], NONE),
            (&[("x-api-key", "wrong")], 401),
            (&[("x-api-key", KEY), ("authorization", "Bearer other")], 401),
        ] {
            assert_eq!(check(ConfigType::Llm, "/a", headers).unwrap_err(), refusal, "{headers:?}");
        }
        assert_eq!(check(ConfigType::Llm, "/a", &[("x-api-key", KEY), ("x-api-key", KEY)]).unwrap_err(), 400);
    }

    #[test]
    fn a_generic_client_may_use_authorization_for_the_upstream() {
        let parts =
            check(ConfigType::Generic, "/a", &[("x-proxy-key", KEY), ("authorization", "Bearer user")])
                .unwrap();

        assert_eq!(parts.headers["authorization"], "Bearer user");
    }
}
