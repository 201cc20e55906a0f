//! A request whose client speaks another format than the API: read whole, translated, and sent like any other.

use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header, request::Parts};
use llm_formats::{
    Dialect, ErrorKind, Format,
    endpoint::Call,
    neutral::{Error, Losses},
    translate::{TranslatedRequest, Translation, translate_request},
};
use rotator_core::{
    model::{ApiFormat, OutputFormat, Target},
    routes::Route,
};

use crate::{
    body::RequestBody,
    content_coding::{self, Packed},
    error::ProxyError,
    exchange::Exchange,
    rewrite::PathVersion,
    send::body_error,
    service::body_too_large,
};

/// How the answer to a translated request goes back.
pub(crate) struct Translated {
    pub(crate) translation: Translation,
    pub(crate) losses: Losses,
}

/// What a service translates between.
#[derive(Clone, Copy)]
pub(crate) struct Formats {
    /// What clients speak, on a path that several APIs have.
    shared: Format,
    api: Format,
    is_strict: bool,
}

/// Begin the names of headers that mean something to one vendor only.
const VENDORS: [&str; 4] = ["anthropic-", "openai-", "x-goog-", "x-stainless-"];
/// What describes the body, and what it may come back as: ours to say.
const OURS: [HeaderName; 4] =
    [header::CONTENT_LENGTH, header::CONTENT_ENCODING, header::CONTENT_TYPE, header::ACCEPT_ENCODING];
const JSON: HeaderValue = HeaderValue::from_static("application/json");

impl Translated {
    /// What becomes of the version in the API's path.
    pub(crate) fn version(&self) -> PathVersion {
        match self.translation.api().dialect() {
            Dialect::OpenAi => PathVersion::InBase,
            Dialect::Anthropic | Dialect::Gemini => PathVersion::Folded,
        }
    }
}

impl Formats {
    /// `None` for a service through which bytes pass as they are.
    pub(crate) fn of(route: &Route) -> Option<Self> {
        let Target::Llm { api_format, output_format, translation_strict, .. } = &route.config.spec.target
        else {
            return None;
        };
        if output_format.is_pass_through(*api_format) {
            return None;
        }
        let api = match api_format {
            ApiFormat::OpenAiCompatible => Format::OpenAiChat,
            ApiFormat::OpenAiResponses => Format::OpenAiResponses,
            ApiFormat::AnthropicNative => Format::Anthropic,
            ApiFormat::GeminiNative => Format::Gemini,
        };
        let shared = match output_format {
            OutputFormat::None => api,
            OutputFormat::OpenAi => Format::OpenAiChat,
            OutputFormat::OpenAiResponses => Format::OpenAiResponses,
            OutputFormat::Anthropic => Format::Anthropic,
            OutputFormat::Gemini => Format::Gemini,
        };
        Some(Self { shared, api, is_strict: *translation_strict })
    }

    /// What a request asks for. The path tells the format it is in, so that one service serves clients of several;
    /// `None` when it is the API's own.
    ///
    /// # Errors
    /// Only one API knows this path.
    pub(crate) fn call(self, parts: &Parts, rest: &str) -> Result<Option<Call>, ProxyError> {
        let is_get = matches!(parts.method, Method::GET | Method::HEAD);
        let call = Some(Call::of(is_get, rest, parts.uri.query(), self.shared))
            .filter(|_| is_get || parts.method == Method::POST)
            .flatten();
        let Some(call) = call else {
            let message = format!(
                "{} {rest} has no counterpart at the API behind this service, which speaks another format",
                parts.method
            );
            return Err(ProxyError { gave_up: true, ..ProxyError::new(ErrorKind::NotImplemented, message) });
        };
        Ok(Some(call).filter(|call| !call.is_native_to(self.api)))
    }

    /// Makes a request one that the API understands: its URI, its headers, and the body that is given back.
    pub(crate) async fn translate(
        self,
        exchange: &mut Exchange,
        route: &Route,
        call: Call,
        parts: &mut Parts,
        body: &RequestBody,
        max_bytes: u64,
    ) -> Result<RequestBody, ProxyError> {
        let text = read(&parts.headers, body, max_bytes).await?;
        let now = u64::try_from(exchange.started_at().as_second()).unwrap_or_default();
        let id = exchange.id.as_str().to_owned();
        let alias = |model: &str| match &route.config.spec.target {
            Target::Llm { model_aliases, .. } => model_aliases.get(model).map(str::to_owned),
            Target::Generic { .. } => None,
        };
        let TranslatedRequest { path, body: text, losses, translation } =
            translate_request(call, self.api, &text, alias, id, now).map_err(|error| refusal(&error))?;
        if self.is_strict && !losses.is_empty() {
            let message = format!(
                "the API behind this service has nothing like {}; leave it out, or have translation_strict switched off",
                losses.names().join(", ")
            );
            return Err(ProxyError::bad_request(message));
        }
        parts.uri =
            Uri::try_from(&*path).map_err(|_| ProxyError::bad_request("the model's name makes no path"))?;
        strip(&mut parts.headers);
        let body = if let Some(text) = text {
            parts.headers.insert(header::CONTENT_TYPE, JSON);
            body.replaced_by(text).ok_or_else(no_room)?
        } else {
            // The answer to a HEAD has nothing that could be translated.
            parts.method = Method::GET;
            RequestBody::empty()
        };
        exchange.translated = Some(Box::new(Translated { translation, losses }));
        Ok(body)
    }
}

/// Whether a request only asks if there is anything at all, as Claude Code does while it starts. One in another format
/// than the API's is answered without it: an API has nothing at its root. It needs a proxy key, as all requests do;
/// who has none is told so, whatever the name of the service.
pub(crate) fn is_greeting(method: &Method, rest: &str) -> bool {
    *method == Method::HEAD && matches!(rest, "" | "/")
}

/// The whole body, unpacked.
async fn read(headers: &HeaderMap, body: &RequestBody, max_bytes: u64) -> Result<Vec<u8>, ProxyError> {
    let Some(text) = body.read_text().await else {
        return Err(body_error(body, max_bytes).unwrap_or_else(no_room));
    };
    let is_packed = |coding: &&HeaderValue| !coding.as_bytes().eq_ignore_ascii_case(b"identity");
    let Some(coding) = headers.get(header::CONTENT_ENCODING).filter(is_packed) else { return Ok(text) };
    let limit = usize::try_from(max_bytes).unwrap_or(usize::MAX);
    let coding = coding.to_str().unwrap_or_default();
    content_coding::decode(coding, &text, limit).map_err(|packed| match packed {
        Packed::TooLong => body_too_large(max_bytes),
        Packed::Unreadable => {
            ProxyError::bad_request("the body's Content-Encoding cannot be read here; send it without")
        }
    })
}

fn no_room() -> ProxyError {
    let message = "too many large requests are on their way; try again in a moment";
    ProxyError::new(ErrorKind::Unavailable, message)
}

fn refusal(error: &Error) -> ProxyError {
    match error {
        Error::NoEndpoint { .. } => {
            ProxyError { gave_up: true, ..ProxyError::new(ErrorKind::NotImplemented, error.to_string()) }
        }
        _ => ProxyError::bad_request(error.to_string()),
    }
}

fn strip(headers: &mut HeaderMap) {
    let is_vendors = |name: &&HeaderName| VENDORS.iter().any(|vendor| name.as_str().starts_with(vendor));
    let doomed: Vec<_> = headers.keys().filter(is_vendors).cloned().collect();
    for name in doomed.iter().chain(&OURS) {
        headers.remove(name);
    }
}
