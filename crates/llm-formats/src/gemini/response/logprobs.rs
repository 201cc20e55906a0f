//! `logprobsResult`: the chances of words.

use std::borrow::Cow;

use crate::{
    gemini::spelling,
    json::{Json, Members},
    neutral::{TokenLogprob, fields::Path},
};

/// Reads it.
pub(super) fn read(json: Json<'_>) -> Vec<TokenLogprob<'_>> {
    let Ok(mut fields) = spelling::fields(json, Path::BODY) else { return Vec::new() };
    let chosen = fields.array("chosenCandidates").unwrap_or_default();
    let mut tops = fields.array("topCandidates").unwrap_or_default().into_iter();
    let tokens = chosen.into_iter().filter_map(|json| {
        let top = tops.next().map(candidates).unwrap_or_default();
        let (token, logprob) = candidate(json)?;
        Some(TokenLogprob { token, logprob, top })
    });
    tokens.collect()
}

fn candidates(json: Json<'_>) -> Vec<(Cow<'_, str>, f64)> {
    let candidates = spelling::fields(json, Path::BODY).ok().and_then(|mut top| top.array("candidates").ok());
    candidates.unwrap_or_default().into_iter().filter_map(candidate).collect()
}

fn candidate(json: Json<'_>) -> Option<(Cow<'_, str>, f64)> {
    let mut fields = spelling::fields(json, Path::BODY).ok()?;
    let logprob = fields.number("logProbability").ok()?.unwrap_or_default();
    Some((fields.text("token").ok()??, logprob))
}

/// Writes it.
pub(super) fn write(tokens: Vec<TokenLogprob<'_>>) -> Members<'_> {
    let has_tops = tokens.iter().any(|token| !token.top.is_empty());
    let (mut chosen, mut tops) = (Vec::new(), Vec::new());
    for TokenLogprob { token, logprob, top } in tokens {
        chosen.push(written((token, logprob)));
        let candidates: Json<'_> = top.into_iter().map(written).collect();
        tops.push(Json::Object(Members::new().with("candidates", candidates)));
    }
    Members::new().with_some("topCandidates", has_tops.then_some(tops)).with("chosenCandidates", chosen)
}

fn written((token, logprob): (Cow<'_, str>, f64)) -> Json<'_> {
    Members::new().with("token", token).with("logProbability", logprob).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chances_are_written_and_read_again() {
        let token =
            |top: Vec<(Cow<'static, str>, f64)>| TokenLogprob { token: "a".into(), logprob: -0.5, top };

        for tokens in [
            vec![token(vec![]), token(vec![])],
            vec![token(vec![("a".into(), -0.5), ("b".into(), -1.5)]), token(vec![])],
        ] {
            let text = Json::from(write(tokens.clone())).to_vec();

            assert_eq!(read(Json::parse(&text).unwrap()), tokens);
        }
        assert_eq!(read(Json::Null), vec![]);
    }
}
