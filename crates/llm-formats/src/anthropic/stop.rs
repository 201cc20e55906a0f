//! Why an answer ends.

use std::borrow::Cow;

use crate::{
    json::{Json, Members},
    neutral::Stop,
};

/// The members of a message, or of a stream's last delta, that tell why it ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ending<'a> {
    reason: &'static str,
    sequence: Option<Cow<'a, str>>,
}

/// What an answer consists of, as far as it has to do with its end. Some providers tell no more than that it ended.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Said {
    pub(super) has_calls: bool,
    pub(super) has_refusal: bool,
}

/// Reads the end from the members that tell it.
pub(super) fn read<'a>(told: &mut Members<'a>) -> Stop<'a> {
    let sequence = match told.take("stop_sequence") {
        Some(Json::String(sequence)) => Some(sequence),
        _ => None,
    };
    match told.get("stop_reason").and_then(Json::as_str) {
        Some("max_tokens") => Stop::MaxTokens,
        Some("model_context_window_exceeded") => Stop::ContextWindow,
        Some("stop_sequence") => Stop::Sequence(sequence),
        Some("tool_use") => Stop::ToolCalls,
        Some("refusal") => Stop::Refusal,
        Some("pause_turn") => Stop::Paused,
        _ => Stop::End,
    }
}

/// The words for why the model will not answer, which newer models tell beside the answer.
pub(super) fn read_explanation<'a>(told: &mut Members<'a>) -> Option<Cow<'a, str>> {
    let Some(Json::Object(mut details)) = told.take("stop_details") else { return None };
    match details.take("explanation") {
        Some(Json::String(explanation)) if !explanation.is_empty() => Some(explanation),
        _ => None,
    }
}

impl<'a> Ending<'a> {
    /// The end of an answer that consists of what was `said`.
    pub(super) fn of(stop: Stop<'a>, said: Said) -> Self {
        let (reason, sequence) = match stop {
            Stop::End if said.has_calls => ("tool_use", None),
            Stop::End if said.has_refusal => ("refusal", None),
            Stop::End => ("end_turn", None),
            Stop::MaxTokens => ("max_tokens", None),
            Stop::ContextWindow => ("model_context_window_exceeded", None),
            Stop::Sequence(sequence) => ("stop_sequence", sequence),
            Stop::ToolCalls => ("tool_use", None),
            Stop::Refusal | Stop::Filtered(_) => ("refusal", None),
            Stop::Paused => ("pause_turn", None),
        };
        Self { reason, sequence }
    }

    /// The same, borrowing from nothing.
    pub(super) fn into_owned(self) -> Ending<'static> {
        let Self { reason, sequence } = self;
        Ending { reason, sequence: sequence.map(|sequence| sequence.into_owned().into()) }
    }

    /// Appends its members.
    pub(super) fn write(self, members: &mut Members<'a>) {
        members.push("stop_reason", self.reason);
        members.push("stop_sequence", self.sequence.map_or(Json::Null, Json::from));
        let details = Members::new()
            .with("type", "refusal")
            .with("category", Json::Null)
            .with("explanation", Json::Null);
        let details = (self.reason == "refusal").then_some(details);
        members.push("stop_details", details.map_or(Json::Null, Json::from));
    }
}
