//! Embeddings: `OpenAI`'s `/embeddings` and Gemini's `:embedContent` and `:batchEmbedContents`.
//!
//! Follows <https://platform.openai.com/docs/api-reference/embeddings> and
//! <https://ai.google.dev/api/embeddings> as of November 2026. Anthropic has none.

pub(crate) mod gemini;
pub(crate) mod openai;

use std::borrow::Cow;

/// Texts that a model is to turn into vectors.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct EmbeddingsRequest<'a> {
    /// The model's name. Gemini has it in the path.
    pub(crate) model: Cow<'a, str>,
    /// The texts.
    pub(crate) inputs: Vec<Cow<'a, str>>,
    /// How many numbers a vector has.
    pub(crate) dimensions: Option<u64>,
    /// How the client wants to read the vectors.
    pub(crate) wants: Wants,
}

/// How a client wants to read the vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Wants {
    /// A list of vectors, as numbers.
    #[default]
    Numbers,
    /// A list of vectors, as base64 of little-endian 32-bit floating-point numbers. `OpenAI`'s SDKs want it so.
    Base64,
    /// The only vector, as Gemini's `:embedContent` gives it.
    Single,
}

/// The vectors.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct EmbeddingsResponse<'a> {
    /// The model that made them; may be empty.
    pub(crate) model: Cow<'a, str>,
    /// A vector for each text, in their order.
    pub(crate) vectors: Vec<Vec<f64>>,
    /// How many tokens the texts have, if told.
    pub(crate) tokens: Option<u64>,
}
