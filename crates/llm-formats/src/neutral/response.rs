//! What a model answers, in all four formats.

use std::borrow::Cow;

use super::Part;
use crate::usage::Usage;

/// What tells an answer from others.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Head<'a> {
    /// The answer's id, as the provider gave it; may be empty.
    pub id: Cow<'a, str>,
    /// The model that answers; may be empty.
    pub model: Cow<'a, str>,
    /// When, in seconds since 1970.
    pub created: Option<u64>,
}

/// A whole answer.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Response<'a> {
    /// What tells it from others.
    pub head: Head<'a>,
    /// One answer, or as many as were asked for.
    pub choices: Vec<Choice<'a>>,
    /// What it took.
    pub usage: Option<Usage>,
}

/// One of the answers.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Choice<'a> {
    /// What is said.
    pub parts: Vec<Part<'a>>,
    /// Why it ends.
    pub stop: Stop<'a>,
    /// The chances of its words.
    pub logprobs: Vec<TokenLogprob<'a>>,
}

/// Why an answer ends.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Stop<'a> {
    /// All is said.
    #[default]
    End,
    /// It would have become too long.
    MaxTokens,
    /// The prompt and the answer do not fit into the model together.
    ContextWindow,
    /// One of the texts that end it came up.
    Sequence(Option<Cow<'a, str>>),
    /// It is the tools' turn.
    ToolCalls,
    /// The model will not answer.
    Refusal,
    /// The provider will not show it; the word for why is the provider's.
    Filtered(Cow<'a, str>),
    /// The provider made a break; the client may send all of it back to go on.
    Paused,
}

impl Stop<'_> {
    /// The same, borrowing from nothing.
    pub fn into_owned(self) -> Stop<'static> {
        match self {
            Self::End => Stop::End,
            Self::MaxTokens => Stop::MaxTokens,
            Self::ContextWindow => Stop::ContextWindow,
            Self::Sequence(text) => Stop::Sequence(text.map(|text| text.into_owned().into())),
            Self::ToolCalls => Stop::ToolCalls,
            Self::Refusal => Stop::Refusal,
            Self::Filtered(word) => Stop::Filtered(word.into_owned().into()),
            Self::Paused => Stop::Paused,
        }
    }
}

/// The chance of a word.
#[derive(Debug, Clone, PartialEq)]
pub struct TokenLogprob<'a> {
    /// The word, or a piece of one.
    pub token: Cow<'a, str>,
    /// The logarithm of its chance.
    pub logprob: f64,
    /// Others that might have stood there.
    pub top: Vec<(Cow<'a, str>, f64)>,
}
