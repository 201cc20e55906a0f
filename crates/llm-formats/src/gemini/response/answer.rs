//! A `GenerateContentResponse`: a whole answer, or a chunk of a stream.

use std::borrow::Cow;

use super::{logprobs, usage};
use crate::{
    gemini::{
        error,
        part::{self, WirePart},
        spelling,
    },
    json::Json,
    neutral::{
        ApiError, Error, Head, Losses, TokenLogprob,
        fields::{Fields, Path},
    },
    usage::Usage,
};

/// What a `GenerateContentResponse` says. Whatever cannot be understood is skipped.
#[derive(Debug)]
pub(in crate::gemini) struct Answer<'a> {
    pub(in crate::gemini) head: Head<'a>,
    pub(in crate::gemini) candidates: Vec<Candidate<'a>>,
    pub(in crate::gemini) usage: Option<Usage>,
    /// Why the prompt was refused.
    pub(in crate::gemini) block_reason: Option<Cow<'a, str>>,
    /// An error instead of an answer, in the middle of a stream.
    pub(in crate::gemini) error: Option<ApiError<'a>>,
}

/// One of the answers, or a piece of it.
#[derive(Debug)]
pub(in crate::gemini) struct Candidate<'a> {
    pub(in crate::gemini) index: u32,
    pub(in crate::gemini) parts: Vec<WirePart<'a>>,
    pub(in crate::gemini) finish_reason: Option<Cow<'a, str>>,
    pub(in crate::gemini) logprobs: Vec<TokenLogprob<'a>>,
}

impl<'a> Answer<'a> {
    /// Reads one.
    ///
    /// # Errors
    /// It is no object.
    pub(in crate::gemini) fn read(body: Json<'a>) -> Result<Self, Error> {
        let mut fields = spelling::fields(body, Path::BODY)?;
        let candidates = fields.array("candidates").unwrap_or_default();
        let candidates =
            candidates.into_iter().zip(0..).filter_map(|(json, place)| Candidate::read(json, place));
        let feedback = fields.json("promptFeedback").and_then(|json| spelling::fields(json, Path::BODY).ok());
        Ok(Self {
            head: Head {
                id: text(&mut fields, "responseId").unwrap_or_default(),
                model: text(&mut fields, "modelVersion").unwrap_or_default(),
                created: None,
            },
            candidates: candidates.collect(),
            usage: fields.json("usageMetadata").and_then(usage::read),
            block_reason: feedback.and_then(|mut feedback| text(&mut feedback, "blockReason")),
            error: fields.json("error").and_then(|json| error::read_status(500, json)),
        })
    }
}

impl<'a> Candidate<'a> {
    /// `place` is its index where it tells none.
    fn read(json: Json<'a>, place: u32) -> Option<Self> {
        let mut fields = spelling::fields(json, Path::BODY).ok()?;
        let content = fields.json("content").and_then(|json| spelling::fields(json, Path::BODY).ok());
        let parts = content.and_then(|mut content| content.array("parts").ok()).unwrap_or_default();
        let mut ignored = Losses::default();
        let parts = parts.into_iter().filter_map(|json| part::read(json, Path::BODY, &mut ignored).ok());
        let parts = parts.collect();
        let index = fields.count("index").ok().flatten().and_then(|index| u32::try_from(index).ok());
        Some(Self {
            index: index.unwrap_or(place),
            parts,
            finish_reason: text(&mut fields, "finishReason")
                .filter(|reason| reason != "FINISH_REASON_UNSPECIFIED"),
            logprobs: fields.json("logprobsResult").map(logprobs::read).unwrap_or_default(),
        })
    }
}

fn text<'a>(fields: &mut Fields<'a, '_>, name: &str) -> Option<Cow<'a, str>> {
    fields.text(name).ok().flatten().filter(|text| !text.is_empty())
}
