//! The answer object around the items: what it says of itself, and of the request.

use super::items::Progress;
use crate::{
    json::{Json, Members},
    neutral::{ApiError, Asked, Head, Stop},
    openai_responses::error::code_in_stream,
    usage::Usage,
};

/// Begins an answer's id.
const ID_PREFIX: &str = "resp_";

/// An answer, by what stays the same while it comes.
#[derive(Debug)]
pub(in crate::openai_responses) struct Answer {
    id: String,
    model: String,
    created_at: u64,
}

/// How far an answer is.
#[derive(Debug, Clone, Copy)]
pub(in crate::openai_responses) enum Status<'s> {
    /// It comes.
    InProgress,
    /// All is said, or it is the tools' turn.
    Completed,
    /// It breaks off, for this reason.
    Incomplete(&'static str),
    /// The provider failed.
    Failed(&'s ApiError<'s>),
}

impl Status<'static> {
    /// The status of an answer that ends so. A refusal in words is complete; one without is a filter's.
    pub(in crate::openai_responses) fn at(stop: &Stop<'_>, has_refusal: bool) -> Self {
        match stop {
            Stop::End | Stop::Sequence(_) | Stop::ToolCalls => Self::Completed,
            Stop::Refusal if has_refusal => Self::Completed,
            Stop::Refusal | Stop::Filtered(_) => Self::Incomplete("content_filter"),
            // The client may ask for the rest in each of these cases, and there is no other word for them.
            Stop::MaxTokens | Stop::ContextWindow | Stop::Paused => Self::Incomplete("max_output_tokens"),
        }
    }
}

impl Status<'_> {
    /// What is to be said of the message with which the answer ends.
    pub(in crate::openai_responses) fn of_last_message(self) -> Progress {
        match self {
            Self::Incomplete(_) => Progress::Cut,
            _ => Progress::Whole,
        }
    }

    /// Its name, which an event of a stream has too.
    pub(in crate::openai_responses) fn name(self) -> &'static str {
        match self {
            Self::InProgress => "in_progress",
            Self::Completed => "completed",
            Self::Incomplete(_) => "incomplete",
            Self::Failed(_) => "failed",
        }
    }
}

impl Answer {
    /// An answer to what was asked. What the provider does not tell of it is made up.
    pub(in crate::openai_responses) fn new(head: &Head<'_>, asked: &Asked) -> Self {
        let id = if head.id.is_empty() { &asked.id } else { &*head.id };
        let id = if id.starts_with(ID_PREFIX) { id.to_owned() } else { format!("{ID_PREFIX}{id}") };
        let model = if head.model.is_empty() { asked.model.clone() } else { head.model.to_string() };
        Self { id, model, created_at: head.created.unwrap_or(asked.now) }
    }

    /// The id of one of its items: the same for the same answer and place.
    pub(in crate::openai_responses) fn item_id(&self, kind: &str, index: usize) -> String {
        let id = self.id.strip_prefix(ID_PREFIX).unwrap_or(&self.id);
        format!("{kind}_{id}_{index}")
    }

    /// The answer object.
    pub(in crate::openai_responses) fn object<'a>(
        &self,
        status: Status<'_>,
        output: Vec<Json<'a>>,
        usage: Option<Usage>,
        asked: &Asked,
    ) -> Json<'a> {
        let incomplete = match status {
            Status::Incomplete(reason) => Members::new().with("reason", reason).into(),
            _ => Json::Null,
        };
        let error = match status {
            Status::Failed(error) => Members::new()
                .with("code", code_in_stream(error))
                .with("message", error.message.to_string())
                .into(),
            _ => Json::Null,
        };
        let repeat = |name: &str| {
            let known = asked.repeated.iter().find(|(known, _)| *known == name);
            known.map(|(_, value)| value.clone())
        };
        let or_null = |name| repeat(name).unwrap_or_default();
        let or = |name, default: Json<'static>| repeat(name).unwrap_or(default);
        Members::new()
            .with("id", self.id.clone())
            .with("object", "response")
            .with("created_at", self.created_at)
            .with("status", status.name())
            .with("background", false)
            .with("error", error)
            .with("incomplete_details", incomplete)
            .with("instructions", or_null("instructions"))
            .with("max_output_tokens", or_null("max_output_tokens"))
            .with("max_tool_calls", or_null("max_tool_calls"))
            .with("model", self.model.clone())
            .with("output", output)
            .with("parallel_tool_calls", or("parallel_tool_calls", true.into()))
            .with("previous_response_id", Json::Null)
            .with("prompt_cache_key", or_null("prompt_cache_key"))
            .with(
                "reasoning",
                completed(repeat("reasoning"), [("effort", Json::Null), ("summary", Json::Null)]),
            )
            .with("safety_identifier", or_null("safety_identifier"))
            .with("service_tier", or("service_tier", "default".into()))
            .with("store", false)
            .with("temperature", or("temperature", 1.0.into()))
            .with("text", completed(repeat("text"), text_defaults()))
            .with("tool_choice", or("tool_choice", "auto".into()))
            .with("tools", or("tools", Json::Array(Vec::new())))
            .with("top_logprobs", or("top_logprobs", 0_u64.into()))
            .with("top_p", or("top_p", 1.0.into()))
            .with("truncation", or("truncation", "disabled".into()))
            .with("usage", usage.map_or(Json::Null, usage_object))
            .with("user", or_null("user"))
            .with("metadata", or("metadata", Members::new().into()))
            .into()
    }
}

fn text_defaults() -> [(&'static str, Json<'static>); 2] {
    [("format", Members::new().with("type", "text").into()), ("verbosity", "medium".into())]
}

/// An object of the client's, with the members that it left out.
fn completed(object: Option<Json<'static>>, defaults: [(&'static str, Json<'static>); 2]) -> Json<'static> {
    let mut members = match object {
        Some(Json::Object(members)) => members,
        _ => Members::new(),
    };
    for (name, default) in defaults {
        if members.get(name).is_none_or(Json::is_null) {
            members.take(name);
            members.push(name, default);
        }
    }
    members.into()
}

fn usage_object(usage: Usage) -> Json<'static> {
    let input = usage.input.saturating_add(usage.cached_read).saturating_add(usage.cache_write);
    let output = usage.output.saturating_add(usage.reasoning);
    let cached =
        Members::new().with("cache_write_tokens", usage.cache_write).with("cached_tokens", usage.cached_read);
    Members::new()
        .with("input_tokens", input)
        .with("input_tokens_details", cached)
        .with("output_tokens", output)
        .with("output_tokens_details", Members::new().with("reasoning_tokens", usage.reasoning))
        .with("total_tokens", input.saturating_add(output))
        .into()
}
