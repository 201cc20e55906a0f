//! What goes wrong in a translation, and errors that a provider tells.

use std::borrow::Cow;

/// Why a body could not be translated.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is no JSON text.
    #[error("the body is not JSON: {0}")]
    NotJson(#[from] serde_json::Error),
    /// A value in it is not what it has to be.
    #[error("{} {why}", place(path))]
    Invalid {
        /// Where it stands, such as `messages[0].role`; empty for the body itself.
        path: String,
        /// What it has to be, as the end of a sentence that begins with the place.
        why: Cow<'static, str>,
    },
    /// The other API has no such method.
    #[error("the API behind this service has nothing like {what}")]
    NoEndpoint {
        /// What the client asked for.
        what: &'static str,
    },
    /// The other format has nothing like it, and without it the answer would be to another question.
    #[error("{what} cannot be translated: the API behind this service has nothing like it")]
    NoCounterpart {
        /// What it is, by its name in the client's format.
        what: Cow<'static, str>,
    },
}

fn place(path: &str) -> Cow<'_, str> {
    if path.is_empty() { "the body".into() } else { format!("`{path}`").into() }
}

/// An error that a provider tells, in all four formats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError<'a> {
    /// The HTTP status, or what it would have been.
    pub status: u16,
    /// The sentence.
    pub message: Cow<'a, str>,
    /// The provider's own word for it, such as `context_length_exceeded`.
    pub code: Option<Cow<'a, str>>,
    /// The parameter that it is about.
    pub param: Option<Cow<'a, str>>,
}
