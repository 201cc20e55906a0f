//! A whole answer, for a client of this format.

use std::borrow::Cow;

use super::{
    answer::{Answer, Status},
    items::{self, Progress},
};
use crate::{
    json::Json,
    neutral::{Asked, Content, Part, Reasoning, Response},
};

/// Writes an answer. This format has but one: others beside the first have no place.
pub(crate) fn build_response<'a>(response: Response<'a>, asked: &Asked) -> Json<'a> {
    let answer = Answer::new(&response.head, asked);
    let choice = response.choices.into_iter().next().unwrap_or_default();
    let has_refusal = choice.parts.iter().any(|part| matches!(part.content, Content::Refusal(_)));
    let status = Status::at(&choice.stop, has_refusal);
    let logprobs = choice.logprobs.into_iter().map(items::logprob).collect();
    let output = build_output(choice.parts, logprobs, status, &answer, asked);
    answer.object(status, output, response.usage, asked)
}

/// Words in a row are one message. The chances of words stand at the first ones.
fn build_output<'a>(
    parts: Vec<Part<'a>>,
    mut logprobs: Vec<Json<'a>>,
    status: Status<'_>,
    answer: &Answer,
    asked: &Asked,
) -> Vec<Json<'a>> {
    let (mut output, mut content) = (Vec::new(), Vec::new());
    for part in parts {
        match part.content {
            Content::Text(text) => content.push(items::text_part(text, std::mem::take(&mut logprobs))),
            Content::Refusal(text) => content.push(items::refusal_part(text)),
            Content::Reasoning(reasoning) => {
                end_message(&mut content, Progress::Whole, &mut output, answer);
                output.push(build_reasoning(reasoning, output.len(), answer));
            }
            Content::ToolCall(mut call) => {
                end_message(&mut content, Progress::Whole, &mut output, answer);
                if let Some(seal) = call.seal.take() {
                    let reasoning = Reasoning { seal: Some(seal), ..Reasoning::default() };
                    output.push(build_reasoning(reasoning, output.len(), answer));
                }
                let id = answer.item_id(items::call_prefix(call.is_free_form), output.len());
                output.push(items::call(id, Progress::Whole, call, asked));
            }
            // No model answers with the results of tools; what it paints has no place here.
            Content::ToolResult(_) | Content::Media(_) => {}
        }
    }
    end_message(&mut content, status.of_last_message(), &mut output, answer);
    output
}

fn build_reasoning<'a>(reasoning: Reasoning<'a>, index: usize, answer: &Answer) -> Json<'a> {
    let id = reasoning.id.unwrap_or_else(|| Cow::Owned(answer.item_id("rs", index)));
    items::reasoning(id, reasoning.texts, reasoning.seal)
}

fn end_message<'a>(
    content: &mut Vec<Json<'a>>,
    progress: Progress,
    output: &mut Vec<Json<'a>>,
    answer: &Answer,
) {
    if !content.is_empty() {
        let id = answer.item_id("msg", output.len());
        output.push(items::message(id, progress, std::mem::take(content)));
    }
}
