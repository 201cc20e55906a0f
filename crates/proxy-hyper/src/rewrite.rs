//! The request as the upstream gets it: its path under the base path, its headers, the upstream key in its place.

use std::mem;

use bytes::{BufMut, BytesMut};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version, header, request::Parts,
    uri::PathAndQuery,
};
use http_body::Body as _;
use llm_formats::ErrorKind;
use rotator_core::{
    credential::{Credential, Place, ReadyCredential, ReadyPlace},
    model::{ApiFormat, BaseUrl, ConfigSpec, ConfigType, Target},
};
use smallvec::SmallVec;

use crate::{body::AttemptBody, error::ProxyError, headers, upgrade::Upgrade};

const ANTHROPIC_VERSION: HeaderName = HeaderName::from_static("anthropic-version");
/// What Anthropic's API is asked for when the client does not say: the version its documentation has had the longest.
const DEFAULT_ANTHROPIC_VERSION: HeaderValue = HeaderValue::from_static("2023-06-01");

/// What becomes of a version, such as `v1`, at the beginning of what follows a base path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PathVersion {
    /// It stays.
    Kept,
    /// It is left out where the base path ends with it: clients of LLM APIs put it there or not, and so do base URLs.
    Folded,
    /// It is left out where the base has a path: it names the version then, if not always as its last segment.
    InBase,
}

impl PathVersion {
    /// For what a client of a service of this type writes.
    pub(crate) fn of_clients(config_type: ConfigType) -> Self {
        match config_type {
            ConfigType::Generic => Self::Kept,
            ConfigType::Llm => Self::Folded,
        }
    }
}

/// A request but for its key: what every attempt has in common.
pub(crate) struct Outbound {
    pub(crate) method: Method,
    /// At each target of the route.
    paths: SmallVec<[PathAndQuery; 1]>,
    headers: HeaderMap,
}

impl Outbound {
    pub(crate) fn new<'a>(
        spec: &ConfigSpec,
        targets: impl Iterator<Item = &'a BaseUrl>,
        credential: &Credential,
        parts: &mut Parts,
        rest: &str,
        version: PathVersion,
    ) -> Result<Self, ProxyError> {
        let (method, mut headers) = (mem::take(&mut parts.method), mem::take(&mut parts.headers));
        headers::strip_request(&mut headers);
        if parts.version == Version::HTTP_2 {
            headers::join_cookies(&mut headers);
        }
        for name in &spec.headers.remove {
            headers.remove(name);
        }
        for (name, value) in &spec.headers.set {
            headers.insert(name, value.clone());
        }
        if let Target::Llm { api_format: ApiFormat::AnthropicNative, .. } = spec.target {
            headers.entry(ANTHROPIC_VERSION).or_insert(DEFAULT_ANTHROPIC_VERSION);
        }
        if let Place::Header(name) = &credential.place {
            // Holds the place, so that the copy that an attempt makes need not grow.
            headers.insert(name, HeaderValue::from_static(""));
        }
        let paths = targets.map(|url| join(url, rest, parts.uri.query(), version));
        Ok(Self { method, paths: paths.collect::<Result<_, _>>()?, headers })
    }

    /// A header that the upstream will get.
    pub(crate) fn header(&self, name: &HeaderName) -> Option<&HeaderValue> {
        self.headers.get(name)
    }

    /// The path that the preferred upstream would get.
    pub(crate) fn path(&self) -> &str {
        self.paths.first().map_or("", PathAndQuery::path)
    }

    /// The request of one attempt.
    pub(crate) fn request(
        &self,
        target: usize,
        credential: &ReadyCredential,
        body: AttemptBody,
        is_upgrade: bool,
    ) -> Result<Request<AttemptBody>, ProxyError> {
        let has_unknown_length = body.size_hint().exact().is_none();
        let mut request = Request::new(body);
        *request.method_mut() = self.method.clone();
        let headers = request.headers_mut();
        headers.clone_from(&self.headers);
        if has_unknown_length {
            // Said here, because hyper drops the body of a GET otherwise. Under HTTP/2 it takes this out.
            headers.insert(header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        }
        if is_upgrade {
            Upgrade::put_on(headers);
        }
        let path_and_query = self.paths.get(target).ok_or_else(no_target)?;
        let path_and_query = match &credential.place {
            ReadyPlace::Header(name, value) => {
                headers.insert(name, value.clone());
                path_and_query.clone()
            }
            ReadyPlace::Query(name, pair) => with_parameter(path_and_query, name, pair.expose())?,
        };
        *request.uri_mut() = Uri::from(path_and_query);
        Ok(request)
    }
}

fn no_target() -> ProxyError {
    ProxyError::new(ErrorKind::Unavailable, "this service has no such target")
}

/// Base path, rest and query, byte by byte. Nothing is resolved, so nothing can leave the base path.
fn join(
    base: &BaseUrl,
    rest: &str,
    query: Option<&str>,
    version: PathVersion,
) -> Result<PathAndQuery, ProxyError> {
    let rest = match version {
        PathVersion::Kept => rest,
        PathVersion::Folded => fold_version(base.path(), rest),
        PathVersion::InBase if base.path().is_empty() => rest,
        PathVersion::InBase => rest.strip_prefix("/v1").unwrap_or(rest),
    };
    let length =
        base.path().len() + rest.len() + query.map_or(0, str::len) + base.query().map_or(0, str::len) + 3;
    let mut bytes = BytesMut::with_capacity(length);
    bytes.put(base.path().as_bytes());
    bytes.put(rest.as_bytes());
    if bytes.is_empty() {
        bytes.put_u8(b'/');
    }
    for (i, query) in [base.query(), query].into_iter().flatten().enumerate() {
        bytes.put_u8(if i == 0 { b'?' } else { b'&' });
        bytes.put(query.as_bytes());
    }
    PathAndQuery::from_maybe_shared(bytes.freeze())
        .map_err(|_| ProxyError::bad_request("the path is not a URL path"))
}

/// `…/v1` + `/v1/chat` is `…/v1/chat`.
fn fold_version<'a>(base_path: &str, rest: &'a str) -> &'a str {
    let Some(version) = base_path.rsplit('/').next().filter(|segment| is_version(segment)) else {
        return rest;
    };
    match rest.strip_prefix('/').and_then(|rest| rest.strip_prefix(version)) {
        Some(tail) if tail.is_empty() || tail.starts_with('/') => tail,
        _ => rest,
    }
}

/// `v1`, `v2`, `v1beta`, …
fn is_version(segment: &str) -> bool {
    segment.strip_prefix('v').is_some_and(|rest| {
        rest.starts_with(|c: char| c.is_ascii_digit()) && rest.bytes().all(|b| b.is_ascii_alphanumeric())
    })
}

/// The same path and query with the key's parameter at the end; a parameter of the same name from the client is dropped,
/// so that the key is there exactly once.
fn with_parameter(path_and_query: &PathAndQuery, name: &str, pair: &str) -> Result<PathAndQuery, ProxyError> {
    let is_same_name = |pair: &&str| {
        let theirs = pair.split('=').next().unwrap_or_default();
        percent_encoding::percent_decode_str(theirs).eq(name.bytes())
    };
    let mut text = String::with_capacity(path_and_query.as_str().len() + pair.len() + 1);
    text.push_str(path_and_query.path());
    text.push('?');
    for kept in
        path_and_query.query().into_iter().flat_map(|q| q.split('&')).filter(|pair| !is_same_name(pair))
    {
        text.push_str(kept);
        text.push('&');
    }
    text.push_str(pair);
    PathAndQuery::from_maybe_shared(bytes::Bytes::from(text))
        .map_err(|_| ProxyError::bad_request("the query is not a URL query"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn joined(base: &str, rest: &str, query: Option<&str>, fold: bool) -> String {
        let version = if fold { PathVersion::Folded } else { PathVersion::Kept };
        join(&base.parse().unwrap(), rest, query, version).unwrap().to_string()
    }

    #[test]
    fn a_base_with_a_path_names_the_version_of_a_translated_request() {
        for (base, path) in [
            ("http://a", "/v1/chat/completions"),
            ("http://a/v1", "/v1/chat/completions"),
            ("http://a/v1beta/openai", "/v1beta/openai/chat/completions"),
        ] {
            let joined =
                join(&base.parse().unwrap(), "/v1/chat/completions", None, PathVersion::InBase).unwrap();

            assert_eq!(joined, path);
        }
    }

    #[test]
    fn path_and_query_are_joined_byte_by_byte() {
        assert_eq!(joined("http://a", "", None, false), "/");
        assert_eq!(joined("http://a/b/", "/c%7e//d", Some("q=%20&q=2"), false), "/b/c%7e//d?q=%20&q=2");
        assert_eq!(joined("http://a/b?k=1", "", Some("q"), false), "/b?k=1&q");
        assert_eq!(joined("http://a/b", "/", None, false), "/b/");
    }

    #[test]
    fn a_version_in_base_and_path_is_folded_for_llm_services() {
        assert_eq!(joined("http://a/v1", "/v1/chat/completions", None, true), "/v1/chat/completions");
        assert_eq!(joined("http://a/api/v1beta", "/v1beta/models", None, true), "/api/v1beta/models");
        assert_eq!(joined("http://a/v1", "/chat", None, true), "/v1/chat");
        assert_eq!(joined("http://a/v1", "/v1beta/x", None, true), "/v1/v1beta/x");
        assert_eq!(joined("http://a/v1", "/v1x", None, true), "/v1/v1x");
        assert_eq!(joined("http://a/v1", "/v1/a", None, false), "/v1/v1/a");
        assert_eq!(joined("http://a/vx", "/vx/a", None, true), "/vx/vx/a");
    }

    #[test]
    fn the_key_parameter_is_there_exactly_once() {
        let client: PathAndQuery = "/a?x=1&access_key=mine&y=2&access%5Fkey=mine".parse().unwrap();

        let ours = with_parameter(&client, "access_key", "access_key=k").unwrap();

        assert_eq!(ours, "/a?x=1&y=2&access_key=k");
        assert_eq!(with_parameter(&"/a".parse().unwrap(), "k", "k=v").unwrap(), "/a?k=v");
    }

    proptest! {
        #[test]
        fn what_is_joined_stays_below_the_base_and_keeps_its_bytes(
            base in "(/[a-z]{1,3}){0,2}(/v1)?",
            rest in "(/v1[!-~é]{0,2})?(/[!-~é]{0,6}){0,3}",
            query in prop::option::of("[!-~é]{0,12}"),
            fold: bool,
        ) {
            // Only what hyper takes for a path and a query comes so far.
            prop_assume!(!rest.contains(['?', '#']) && query.iter().all(|query| !query.contains('#')));
            let base: BaseUrl = format!("http://a{base}").parse().unwrap();
            let version = if fold { PathVersion::Folded } else { PathVersion::Kept };
            let Ok(joined) = join(&base, &rest, query.as_deref(), version) else { return Ok(()) };

            let below = joined.path().strip_prefix(base.path()).unwrap();
            let is_folded = fold && base.path().ends_with("/v1") && format!("/v1{below}") == rest;
            let is_root = rest.is_empty() && base.path().is_empty() && below == "/";
            let is_path = below.is_empty() || below.starts_with('/');
            prop_assert!(is_path && (below == rest || is_folded || is_root), "{} {} {}", base.path(), rest, joined);
            prop_assert_eq!(joined.query(), query.as_deref());
        }

        #[test]
        fn every_other_parameter_stays_where_it_is(query in "(k|K|%6B|%6b|=|&|1){0,8}") {
            let client: PathAndQuery = format!("/a?{query}").parse().unwrap();

            let ours = with_parameter(&client, "k", "k=v").unwrap();

            let is_ours = |pair: &str| matches!(pair.split('=').next(), Some("k" | "%6B" | "%6b"));
            let kept: Vec<_> = query.split('&').filter(|pair| !is_ours(pair)).chain(["k=v"]).collect();
            prop_assert_eq!(ours.query().unwrap(), kept.join("&"));
        }
    }
}
