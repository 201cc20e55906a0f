//! The chances of words.

use std::borrow::Cow;

use crate::{
    json::{Json, Members},
    neutral::TokenLogprob,
};

/// The words of a choice's `logprobs`, refused ones among them.
pub(super) fn read(logprobs: Option<Json<'_>>) -> Vec<TokenLogprob<'_>> {
    let Some(Json::Object(mut logprobs)) = logprobs else { return Vec::new() };
    let mut tokens = Vec::new();
    for name in ["content", "refusal"] {
        if let Some(Json::Array(items)) = logprobs.take(name) {
            tokens.extend(items.into_iter().filter_map(token));
        }
    }
    tokens
}

fn token(json: Json<'_>) -> Option<TokenLogprob<'_>> {
    let Json::Object(mut token) = json else { return None };
    let top = match token.take("top_logprobs") {
        Some(Json::Array(others)) => others.into_iter().filter_map(chance).collect(),
        _ => Vec::new(),
    };
    let (token, logprob) = chance(token.into())?;
    Some(TokenLogprob { token, logprob, top })
}

fn chance(json: Json<'_>) -> Option<(Cow<'_, str>, f64)> {
    let Json::Object(mut token) = json else { return None };
    let logprob = token.take("logprob")?.as_f64()?;
    match token.take("token")? {
        Json::String(token) => Some((token, logprob)),
        _ => None,
    }
}

/// The `logprobs` of a choice; `null` without any.
pub(super) fn write(tokens: Vec<TokenLogprob<'_>>) -> Json<'_> {
    if tokens.is_empty() {
        return Json::Null;
    }
    let content: Json<'_> = tokens
        .into_iter()
        .map(|TokenLogprob { token, logprob, top }| {
            let top: Json<'_> =
                top.into_iter().map(|(token, logprob)| known(token, logprob).into()).collect();
            Json::from(known(token, logprob).with("top_logprobs", top))
        })
        .collect();
    Members::new().with("content", content).with("refusal", Json::Null).into()
}

fn known(token: Cow<'_, str>, logprob: f64) -> Members<'_> {
    let bytes: Json<'_> = token.bytes().map(|byte| Json::from(u64::from(byte))).collect();
    Members::new().with("token", token).with("logprob", logprob).with("bytes", bytes)
}
