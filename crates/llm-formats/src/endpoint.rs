//! What a path asks of an LLM API, and where another API has the same.

use std::borrow::Cow;

use crate::format::Format;

/// What a client asks of an API by its path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The format in which it asks.
    pub format: Format,
    /// What for.
    pub operation: Operation,
    /// The model, where the path names it.
    pub model: Option<String>,
    /// How a stream is to be framed, where the path decides that it comes.
    pub stream: Option<Framing>,
}

/// What can be asked of an API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// An answer of a model.
    Generate,
    /// How many tokens a request has.
    CountTokens,
    /// The vector of a text, or of several.
    Embed,
    /// The vectors of several texts, of which Gemini has a method of its own.
    EmbedBatch,
    /// The models there are.
    Models,
    /// One of them.
    Model,
}

/// How the events of a stream are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// Server-sent events.
    Events,
    /// The items of a JSON array: Gemini, unless asked for `alt=sse`.
    Array,
}

impl Call {
    /// What a request asks: `rest` is the path behind the service's name, `shared` the format of a client on a path
    /// that several APIs have. `None` for anything that only one API knows.
    pub fn of(is_get: bool, rest: &str, query: Option<&str>, shared: Format) -> Option<Self> {
        let path = rest.trim_start_matches('/').trim_end_matches('/');
        let path = VERSIONS.iter().find_map(|version| path.strip_prefix(version)).unwrap_or(path);
        let call = |format, operation| Some(Self { format, operation, model: None, stream: None });
        match (is_get, path) {
            (false, "chat/completions") => call(Format::OpenAiChat, Operation::Generate),
            (false, "responses") => call(Format::OpenAiResponses, Operation::Generate),
            (false, "responses/input_tokens") => call(Format::OpenAiResponses, Operation::CountTokens),
            (false, "messages") => call(Format::Anthropic, Operation::Generate),
            (false, "messages/count_tokens") => call(Format::Anthropic, Operation::CountTokens),
            (false, "embeddings") => call(Format::OpenAiChat, Operation::Embed),
            (true, "models") => call(shared, Operation::Models),
            (true, _) => {
                let model = path.strip_prefix("models/").filter(|model| !model.contains(':'))?;
                Some(Self { model: Some(decoded(model)?), ..call(shared, Operation::Model)? })
            }
            (false, _) => Self::of_gemini(path.strip_prefix("models/")?, query),
        }
    }

    fn of_gemini(path: &str, query: Option<&str>) -> Option<Self> {
        let (model, method) = path.rsplit_once(':')?;
        let (operation, stream) = match method {
            "generateContent" => (Operation::Generate, None),
            "streamGenerateContent" => (Operation::Generate, Some(framing(query))),
            "countTokens" => (Operation::CountTokens, None),
            "embedContent" => (Operation::Embed, None),
            "batchEmbedContents" => (Operation::EmbedBatch, None),
            _ => return None,
        };
        Some(Self { format: Format::Gemini, operation, model: Some(decoded(model)?), stream })
    }

    /// Whether an API of this format understands it as it is. Both of `OpenAI`'s share all but the answers of models.
    pub fn is_native_to(&self, api: Format) -> bool {
        match self.operation {
            Operation::Generate | Operation::CountTokens => self.format == api,
            Operation::Embed | Operation::EmbedBatch | Operation::Models | Operation::Model => {
                self.format.dialect() == api.dialect()
            }
        }
    }

    /// Where an API of this format has it, as path and query; `None` if it has nothing like it.
    pub fn path_at(&self, api: Format, model: &str, is_stream: bool) -> Option<Cow<'static, str>> {
        let model = || escaped(model.strip_prefix("models/").unwrap_or(model));
        Some(match (api, self.operation) {
            (Format::OpenAiChat, Operation::Generate) => "/v1/chat/completions".into(),
            (Format::OpenAiResponses, Operation::Generate) => "/v1/responses".into(),
            (Format::OpenAiResponses, Operation::CountTokens) => "/v1/responses/input_tokens".into(),
            (Format::OpenAiChat | Format::OpenAiResponses, Operation::Embed | Operation::EmbedBatch) => {
                "/v1/embeddings".into()
            }
            (Format::Anthropic, Operation::Generate) => "/v1/messages".into(),
            (Format::Anthropic, Operation::CountTokens) => "/v1/messages/count_tokens".into(),
            (Format::Gemini, Operation::Generate) if is_stream => {
                format!("/v1beta/models/{}:streamGenerateContent?alt=sse", model()).into()
            }
            (Format::Gemini, Operation::Generate) => {
                format!("/v1beta/models/{}:generateContent", model()).into()
            }
            (Format::Gemini, Operation::CountTokens) => {
                format!("/v1beta/models/{}:countTokens", model()).into()
            }
            (Format::Gemini, Operation::Embed | Operation::EmbedBatch) => {
                format!("/v1beta/models/{}:batchEmbedContents", model()).into()
            }
            (Format::Gemini, Operation::Models) => "/v1beta/models?pageSize=1000".into(),
            (Format::Gemini, Operation::Model) => format!("/v1beta/models/{}", model()).into(),
            (Format::Anthropic, Operation::Models) => "/v1/models?limit=1000".into(),
            (_, Operation::Models) => "/v1/models".into(),
            (_, Operation::Model) => format!("/v1/models/{}", model()).into(),
            (Format::OpenAiChat, Operation::CountTokens)
            | (Format::Anthropic, Operation::Embed | Operation::EmbedBatch) => return None,
        })
    }
}

/// Clients put one of these before the path or not.
const VERSIONS: [&str; 5] = ["v1/v1/", "v1/", "v1beta/", "v1alpha/", "openai/v1/"];

fn framing(query: Option<&str>) -> Framing {
    let wants_events = |query: &str| query.split('&').any(|pair| pair.eq_ignore_ascii_case("alt=sse"));
    if query.is_some_and(wants_events) { Framing::Events } else { Framing::Array }
}

/// A segment of a path as text; names such as `ft:gpt-4o:acme` may come escaped.
fn decoded(segment: &str) -> Option<String> {
    Some(percent_encoding::percent_decode_str(segment).decode_utf8().ok()?.into_owned())
}

/// A text as one segment of a path: whatever a client calls a model, it leads nowhere else.
fn escaped(text: &str) -> String {
    const SEGMENT: &percent_encoding::AsciiSet =
        &percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'@');
    match text {
        // These would mean another place, escaped or not.
        "." | ".." => "%20".into(),
        text => percent_encoding::utf8_percent_encode(text, SEGMENT).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn call(rest: &str, query: Option<&str>) -> Option<Call> {
        Call::of(false, rest, query, Format::OpenAiChat)
    }

    #[test]
    fn a_path_tells_format_and_operation_with_and_without_a_version() {
        for (path, format, operation) in [
            ("/v1/chat/completions", Format::OpenAiChat, Operation::Generate),
            ("/chat/completions/", Format::OpenAiChat, Operation::Generate),
            ("/v1/v1/responses", Format::OpenAiResponses, Operation::Generate),
            ("/v1/messages", Format::Anthropic, Operation::Generate),
            ("/v1/messages/count_tokens", Format::Anthropic, Operation::CountTokens),
            ("/v1beta/models/gemini-2.5-pro:countTokens", Format::Gemini, Operation::CountTokens),
            ("/models/e:batchEmbedContents", Format::Gemini, Operation::EmbedBatch),
            ("/v1/embeddings", Format::OpenAiChat, Operation::Embed),
        ] {
            let call = call(path, None).unwrap();
            assert_eq!((call.format, call.operation), (format, operation), "{path}");
        }
        for path in ["/v1/files", "/v1/audio/speech", "/", "", "/v1/models/x:predict", "/v1/chat"] {
            assert_eq!(call(path, None), None, "{path}");
        }
    }

    #[test]
    fn gemini_streams_come_as_events_only_when_asked() {
        let stream = |query| call("/v1beta/models/g:streamGenerateContent", query).unwrap().stream;

        assert_eq!(stream(Some("x=1&alt=sse")), Some(Framing::Events));
        assert_eq!(stream(Some("alt=json")), Some(Framing::Array));
        assert_eq!(stream(None), Some(Framing::Array));
    }

    #[test]
    fn a_list_of_models_is_in_the_clients_format() {
        let list = |rest| Call::of(true, rest, None, Format::Anthropic).unwrap();

        assert_eq!(list("/v1/models").operation, Operation::Models);
        assert_eq!(list("/v1/models/a%2Fb").model.as_deref(), Some("a/b"));
        assert_eq!(list("/v1/models/a%2Fb").format, Format::Anthropic);
    }

    proptest! {
        #[test]
        fn a_models_name_leads_nowhere_else(model in "\\PC{0,12}|\\.{1,3}|[./%?#:]{0,6}") {
            let call = call("/v1/messages", None).unwrap();

            let path = call.path_at(Format::Gemini, &model, false).unwrap();

            let segment = path.strip_prefix("/v1beta/models/").unwrap().strip_suffix(":generateContent").unwrap();
            prop_assert!(!segment.contains(['/', '?', '#', '\\', ':']) && segment != "." && segment != "..");
        }
    }
}
