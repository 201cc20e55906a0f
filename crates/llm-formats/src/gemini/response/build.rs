//! Writing an answer.

use std::borrow::Cow;

use super::{block_word, finish_word, logprobs, usage};
use crate::{
    gemini::parts,
    json::{Json, Members},
    neutral::{Asked, Choice, Head, Losses, Response, Stop, TokenLogprob},
    usage::Usage,
};

/// Writes an answer.
pub(crate) fn build_response<'a>(response: Response<'a>, asked: &Asked) -> Json<'a> {
    let Response { head, choices, usage } = response;
    let refused = match &choices[..] {
        [only] if only.parts.is_empty() => blocked(&only.stop),
        _ => None,
    };
    let answer = refused.unwrap_or_else(|| {
        let candidates = choices.into_iter().zip(0..).map(|(choice, index)| build_choice(choice, index));
        Members::new().with("candidates", candidates.collect::<Json<'a>>())
    });
    build_envelope(answer, head, usage, asked).into()
}

fn build_choice(choice: Choice<'_>, index: u32) -> Json<'_> {
    let parts = parts::write_model(choice.parts, &mut Losses::default());
    build_candidate(parts, Some(&choice.stop), index, choice.logprobs)
}

/// A candidate, or a piece of it when it does not stop yet.
pub(in crate::gemini) fn build_candidate<'a>(
    parts: Vec<Members<'a>>,
    stop: Option<&Stop<'_>>,
    index: u32,
    tokens: Vec<TokenLogprob<'a>>,
) -> Json<'a> {
    Members::new()
        .with("content", parts::content("model", parts))
        .with_some("finishReason", stop.map(finish_word))
        .with("index", u64::from(index))
        .with_some("logprobsResult", (!tokens.is_empty()).then(|| logprobs::write(tokens)))
        .into()
}

/// What stands in place of the candidates when the provider showed nothing.
pub(in crate::gemini) fn blocked(stop: &Stop<'_>) -> Option<Members<'static>> {
    let word = block_word(stop)?;
    Some(Members::new().with("promptFeedback", Members::new().with("blockReason", word)))
}

/// An answer with what every answer has.
pub(in crate::gemini) fn build_envelope<'a>(
    answer: Members<'a>,
    head: Head<'a>,
    usage: Option<Usage>,
    asked: &Asked,
) -> Members<'a> {
    let known = |own: &str, told: Cow<'a, str>| if own.is_empty() { told } else { own.to_owned().into() };
    let id = if head.id.is_empty() { asked.id.clone().into() } else { head.id };
    answer
        .with_some("usageMetadata", usage.map(usage::write))
        .with("modelVersion", known(&asked.model, head.model))
        .with("responseId", id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::neutral::Part;

    fn built(response: Response<'_>) -> String {
        let asked = Asked { model: "gemini-2.5-pro".into(), id: "req-1".into(), ..Asked::default() };
        String::from_utf8(build_response(response, &asked).to_vec()).unwrap()
    }

    #[test]
    fn an_answer_that_is_not_shown_is_a_refused_prompt() {
        let choice = Choice { stop: Stop::Filtered("content_filter".into()), ..Choice::default() };

        assert_eq!(
            built(Response { choices: vec![choice], ..Response::default() }),
            r#"{"promptFeedback":{"blockReason":"SAFETY"},"modelVersion":"gemini-2.5-pro","responseId":"req-1"}"#
        );
    }

    #[test]
    fn several_answers_are_several_candidates() {
        let choice = |text| Choice { parts: vec![Part::text(text)], ..Choice::default() };
        let head = Head { id: "r".into(), model: "other".into(), created: None };

        let text = built(Response { head, choices: vec![choice("a"), choice("b")], usage: None });

        assert_eq!(
            text,
            concat!(
                r#"{"candidates":[{"content":{"parts":[{"text":"a"}],"role":"model"},"finishReason":"STOP","index":0},"#,
                r#"{"content":{"parts":[{"text":"b"}],"role":"model"},"finishReason":"STOP","index":1}],"#,
                r#""modelVersion":"gemini-2.5-pro","responseId":"r"}"#
            )
        );
    }
}
