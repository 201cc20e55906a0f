//! What is written is read again, streamed or not.

use proptest::prelude::*;
use serde_json::Value;

use super::{
    assemble::{assembled, events_of, response_of},
    data, random, read, written,
};
use crate::{
    json::Json,
    neutral::{Asked, Choice, Content, Event, Losses, Part, Reasoning, Response, Stop},
    openai_chat::{StreamReader, build_response, parse_error, parse_request, parse_response},
};

fn asked() -> Asked {
    Asked { include_usage: true, id: "made-up".into(), now: 7, ..Asked::default() }
}

/// What this API can carry of an answer: thoughts first and as one text, then one text, one refusal, and the calls.
fn carried(response: Response<'static>) -> Response<'static> {
    joined(response, "\n\n")
}

fn joined(mut response: Response<'static>, between: &str) -> Response<'static> {
    response.choices = response.choices.into_iter().map(|choice| carried_choice(choice, between)).collect();
    response
}

fn carried_choice(choice: Choice<'static>, between: &str) -> Choice<'static> {
    let (mut thoughts, mut text, mut refusal, mut calls) = (vec![], String::new(), String::new(), vec![]);
    for part in choice.parts {
        match part.content {
            Content::Text(words) => text += &words,
            Content::Refusal(words) => refusal += &words,
            Content::Reasoning(reasoning) => {
                thoughts.extend(reasoning.texts.into_iter().filter(|text| !text.is_empty()));
            }
            Content::ToolCall(mut call) => {
                if !call.is_free_form && call.arguments.trim().is_empty() {
                    call.arguments += "{}";
                }
                calls.push(Part::from(Content::ToolCall(call)));
            }
            other => panic!("{other:?}"),
        }
    }
    let (has_calls, has_refusal) = (!calls.is_empty(), !refusal.is_empty());
    let mut parts = Vec::new();
    if !thoughts.is_empty() {
        let reasoning = Reasoning { texts: vec![thoughts.join(between).into()], ..Reasoning::default() };
        parts.push(Content::Reasoning(reasoning).into());
    }
    if !text.is_empty() {
        parts.push(Part::text(text));
    }
    if has_refusal {
        parts.push(Content::Refusal(refusal.into()).into());
    }
    parts.append(&mut calls);
    let stop = match choice.stop {
        Stop::MaxTokens | Stop::ContextWindow => Stop::MaxTokens,
        Stop::Filtered(word) => Stop::Filtered(word),
        Stop::ToolCalls => Stop::ToolCalls,
        Stop::Refusal if !has_refusal => Stop::Filtered("content_filter".into()),
        _ if has_calls => Stop::ToolCalls,
        _ if has_refusal => Stop::Refusal,
        _ => Stop::End,
    };
    Choice { parts, stop, logprobs: choice.logprobs }
}

fn value(json: &Json<'_>) -> Value {
    serde_json::from_slice(&json.to_vec()).unwrap()
}

proptest! {
    #[test]
    fn a_written_answer_is_read_again(response in random::response()) {
        let text = build_response(response.clone(), &asked()).to_vec();

        let read = parse_response(Json::parse(&text).unwrap(), &asked()).unwrap();

        prop_assert_eq!(read, carried(response));
    }

    #[test]
    fn a_stream_amounts_to_the_whole_answer(response in random::response()) {
        let stream = written(&asked(), events_of(&response));

        prop_assert!(stream.ends_with("\n\ndata: [DONE]\n\n"));
        prop_assert_eq!(assembled(&stream), value(&build_response(response, &asked())));
    }

    #[test]
    fn a_written_stream_is_read_again(response in random::response()) {
        let stream = written(&asked(), events_of(&response));

        let (read, is_complete) = response_of(read(&asked(), data(&stream)));

        prop_assert!(is_complete);
        // What stands between two thoughts has become a part of them.
        prop_assert_eq!(joined(read, ""), carried(response));
    }

    #[test]
    fn a_cut_stream_is_never_taken_for_a_whole_one(response in random::response(), cut in any::<prop::sample::Index>()) {
        let events = events_of(&response);
        let cut = cut.index(events.len());

        let stream = written(&asked(), events[..cut].to_vec());

        prop_assert!(!stream.contains("[DONE]") && !stream.contains(r#""finish_reason":""#));
        prop_assert!(!read(&asked(), data(&stream)).contains(&Event::End));
    }

    #[test]
    fn any_bytes_are_taken(bytes in any::<Vec<u8>>(), text in "[\\[\\]{}:,\"a1.e \\\\u0-]{0,40}") {
        for body in [&bytes, text.as_bytes()] {
            let _ = parse_error(500, body);
            let _ = StreamReader::new(&asked()).read(body, &mut |_| {});
            if let Ok(json) = Json::parse(body) {
                let _ = parse_request(json.clone(), &mut Losses::default());
                let _ = parse_response(json, &asked());
            }
        }
    }
}
