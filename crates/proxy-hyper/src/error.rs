//! What we answer when we answer ourselves, in the dialect of the path.

use std::{borrow::Cow, time::Duration};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use llm_formats::{Dialect, ErrorKind, error_body, problem_body};
use rotator_core::record::RequestId;

use crate::{request_id, response::ResponseBody};

/// Told by `OpenAI`'s and Anthropic's SDKs: do not send this again, we have done so already.
const X_SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// A request that ends with an answer of our own.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct ProxyError {
    pub(crate) kind: ErrorKind,
    /// For the client: what is wrong and how to mend it. Never a key, an address of ours or an upstream's.
    pub(crate) message: Cow<'static, str>,
    pub(crate) retry_after: Option<Duration>,
    /// The methods that are allowed, of a 405.
    pub(crate) allow: Option<HeaderValue>,
    /// The client should not send this again: we tried what there is to try.
    pub(crate) gave_up: bool,
    /// The connection cannot be trusted to be in step any more.
    pub(crate) close: bool,
}

/// Who reads the error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience {
    /// A client of `/proxy`: RFC 9457 problem JSON.
    Rest,
    /// A client of `/llm`: its dialect's error object.
    Llm(Dialect),
}

/// Whose request it is, and which.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asker {
    pub(crate) audience: Audience,
    pub(crate) id: RequestId,
}

impl ProxyError {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, message: message.into(), retry_after: None, allow: None, gave_up: false, close: false }
    }

    pub(crate) fn bad_request(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::BadRequest, message)
    }

    pub(crate) fn closing(self) -> Self {
        Self { close: true, ..self }
    }

    pub(crate) fn response(&self, asker: Asker) -> Response<ResponseBody> {
        let Asker { audience, id: request_id } = asker;
        let (body, content_type) = match audience {
            Audience::Rest => {
                (problem_body(self.kind, &self.message, request_id.as_str()), "application/problem+json")
            }
            Audience::Llm(dialect) => {
                (error_body(dialect, self.kind, &self.message, request_id.as_str()), "application/json")
            }
        };
        let mut response = Response::new(ResponseBody::Full(Some(Bytes::from(body))));
        *response.status_mut() =
            StatusCode::from_u16(self.kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        request_id::put_on(headers, request_id);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        if let Some(wait) = self.retry_after {
            // Not a second too early.
            let seconds = wait.as_millis().div_ceil(1000).max(1);
            headers
                .insert(header::RETRY_AFTER, HeaderValue::from(u64::try_from(seconds).unwrap_or(u64::MAX)));
        }
        if let Some(allow) = &self.allow {
            headers.insert(header::ALLOW, allow.clone());
        }
        if self.gave_up {
            headers.insert(X_SHOULD_RETRY, HeaderValue::from_static("false"));
        }
        if self.kind == ErrorKind::Unauthenticated {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if self.close {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

/// Marks an upstream's last answer: we tried other keys already.
pub(crate) fn mark_given_up(headers: &mut http::HeaderMap) {
    headers.insert(X_SHOULD_RETRY, HeaderValue::from_static("false"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request_id::RequestIds;

    #[test]
    fn nobody_is_told_to_come_back_before_the_time() {
        for (wait, told) in [(0, "1"), (999, "1"), (1_000, "1"), (1_001, "2"), (39_990, "40")] {
            let error = ProxyError {
                retry_after: Some(Duration::from_millis(wait)),
                ..ProxyError::new(ErrorKind::RateLimited, "wait")
            };
            let response = error.response(Asker { audience: Audience::Rest, id: RequestIds::new().next() });
            assert_eq!(response.headers()[header::RETRY_AFTER], told, "{wait} ms");
        }
    }
}
