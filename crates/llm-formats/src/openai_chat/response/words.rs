//! The words in a message, or in a piece of one.

use std::borrow::Cow;

use crate::json::{Json, Members};

/// What words are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Kind {
    /// The answer.
    Text,
    /// Why there is none.
    Refusal,
    /// What the model thinks.
    Reasoning,
}

/// Takes the words out of a message or a piece of one, in the order in which a model says them; none are empty.
pub(in super::super) fn said<'a>(message: &mut Members<'a>, on_words: &mut dyn FnMut(Kind, Cow<'a, str>)) {
    // Some say the same in both.
    let of_openrouter = message.take("reasoning");
    if let Some(Json::String(text)) = message.take("reasoning_content").or(of_openrouter) {
        tell(Kind::Reasoning, text, on_words);
    }
    match message.take("content") {
        Some(Json::String(text)) => tell(Kind::Text, text, on_words),
        Some(Json::Array(parts)) => parts.into_iter().for_each(|json| part(json, on_words)),
        _ => {}
    }
    if let Some(Json::String(text)) = message.take("refusal") {
        tell(Kind::Refusal, text, on_words);
    }
}

/// Mistral's thinking models answer in parts.
fn part<'a>(json: Json<'a>, on_words: &mut dyn FnMut(Kind, Cow<'a, str>)) {
    let Json::Object(mut part) = json else { return };
    if let Some(Json::Array(thoughts)) = part.take("thinking") {
        for thought in thoughts {
            if let Json::Object(mut thought) = thought
                && let Some(Json::String(text)) = thought.take("text")
            {
                tell(Kind::Reasoning, text, on_words);
            }
        }
    }
    if let Some(Json::String(text)) = part.take("text") {
        tell(Kind::Text, text, on_words);
    }
}

fn tell<'a>(kind: Kind, text: Cow<'a, str>, on_words: &mut dyn FnMut(Kind, Cow<'a, str>)) {
    if !text.is_empty() {
        on_words(kind, text);
    }
}
