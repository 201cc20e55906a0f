//! Reading an answer.

use super::{Answer, CallIds, Candidate, finish::stop_of};
use crate::{
    gemini::parts::ModelParts,
    json::Json,
    neutral::{Asked, Choice, Content, Error, Part, Response, Stop},
};

/// Reads an answer.
pub(crate) fn parse_response<'a>(body: Json<'a>, asked: &Asked) -> Result<Response<'a>, Error> {
    let answer = Answer::read(body)?;
    let id = if answer.head.id.is_empty() { &asked.id } else { &*answer.head.id };
    let mut ids = CallIds::of(id);
    let mut candidates = answer.candidates;
    candidates.sort_by_key(|candidate| candidate.index);
    let mut choices: Vec<_> =
        candidates.into_iter().map(|candidate| choice(candidate, &mut ids, asked)).collect();
    if choices.is_empty() {
        let stop = answer.block_reason.map_or(Stop::End, Stop::Filtered);
        choices.push(Choice { stop, ..Choice::default() });
    }
    Ok(Response { head: answer.head, choices, usage: answer.usage })
}

fn choice<'a>(candidate: Candidate<'a>, ids: &mut CallIds, asked: &Asked) -> Choice<'a> {
    let mut parts = ModelParts::default();
    for part in candidate.parts {
        parts.push(part, |id| id.unwrap_or_else(|| ids.next().into()));
    }
    let parts: Vec<_> = parts.into_parts().into_iter().map(|part| of_asked_form(part, asked)).collect();
    let has_calls = parts.iter().any(|part| matches!(part.content, Content::ToolCall(_)));
    let stop = stop_of(candidate.finish_reason.unwrap_or("STOP".into()), has_calls);
    Choice { parts, stop, logprobs: candidate.logprobs }
}

/// A call of a tool that takes plain text has plain text again.
fn of_asked_form<'a>(part: Part<'a>, asked: &Asked) -> Part<'a> {
    match part.content {
        Content::ToolCall(call) if asked.is_free_form(&call.name) => {
            Content::ToolCall(call.into_free_form()).into()
        }
        _ => part,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Response<'_> {
        let asked = Asked { id: "req-1".into(), free_form_tools: vec!["patch".into()], ..Asked::default() };
        parse_response(Json::parse(text.as_bytes()).unwrap(), &asked).unwrap()
    }

    #[test]
    fn calls_without_ids_get_ids_of_their_answer() {
        for (text, id) in [
            (r#"{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f"}}]}}]}"#, "call_req-1_1"),
            (
                r#"{"response_id":"x.y","candidates":[{"content":{"parts":[{"function_call":{"name":"f"}}]}}]}"#,
                "call_xy_1",
            ),
            (r#"{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","id":"7"}}]}}]}"#, "7"),
        ] {
            let response = parsed(text);

            let Content::ToolCall(call) = &response.choices[0].parts[0].content else { panic!() };
            assert_eq!((&*call.id, &response.choices[0].stop), (id, &Stop::ToolCalls));
        }
    }

    #[test]
    fn a_refused_prompt_is_a_filtered_answer() {
        let response = parsed(r#"{"promptFeedback":{"blockReason":"PROHIBITED_CONTENT"}}"#);

        assert_eq!(response.choices[0].stop, Stop::Filtered("PROHIBITED_CONTENT".into()));
    }

    #[test]
    fn a_tool_of_plain_text_gets_plain_text() {
        let response = parsed(
            r#"{"candidates":[{"content":{"parts":[{"functionCall":{"name":"patch","args":{"input":"a\nb"}}}]}}]}"#,
        );

        let Content::ToolCall(call) = &response.choices[0].parts[0].content else { panic!() };
        assert_eq!((&*call.arguments, call.is_free_form), ("a\nb", true));
    }

    #[test]
    fn what_cannot_be_understood_is_skipped() {
        let response = parsed(
            r#"{"candidates":[7,{"index":1,"content":{"parts":[{"text":"b"},{"text":7},{"unknown":{}}]}},
                {"index":0,"content":{"parts":[{"text":"a"}]},"finishReason":"MAX_TOKENS"}],"usageMetadata":7}"#,
        );

        assert_eq!(response.choices.len(), 2);
        assert_eq!(response.choices[0].parts, [Part::text("a")]);
        assert_eq!(response.choices[0].stop, Stop::MaxTokens);
        assert_eq!(response.choices[1].parts, [Part::text("b")]);
        assert!(parse_response(Json::Null, &Asked::default()).is_err());
    }
}
