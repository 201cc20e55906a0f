//! The stories of `tests/fixtures`, in this format's own words.

use serde_json::Value;

use super::*;
use crate::{fixtures, format::Format};

/// Members that only the provider can know, or that say nothing.
const UNKNOWABLE: [&str; 7] = [
    "completed_at",
    "frequency_penalty",
    "presence_penalty",
    "prompt_cache_retention",
    "obfuscation",
    "item_id",
    "id",
];

fn fixture(case: &str, file: &str) -> String {
    fixtures::read(case, Format::OpenAiResponses, file)
}

/// Whether everything that stands in the expected tree stands in the found one, as far as we can know it.
fn assert_has(found: &Value, expected: &Value, place: &str) {
    match (found, expected) {
        (Value::Object(found), Value::Object(expected)) => {
            for (name, expected) in expected {
                if UNKNOWABLE.contains(&name.as_str()) {
                    continue;
                }
                // What the provider puts where nothing was asked, and a seal of what is not whole yet.
                let is_default =
                    (name == "effort" && expected == "none") || (name == "description" && expected.is_null());
                let is_half = name == "encrypted_content" && expected == "c2ln";
                if !is_default && !is_half {
                    let found = found.get(name).unwrap_or_else(|| panic!("{place}.{name} is missing"));
                    assert_has(found, expected, &format!("{place}.{name}"));
                }
            }
        }
        (Value::Array(found), Value::Array(expected)) => {
            assert_eq!(found.len(), expected.len(), "{place}");
            for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
                assert_has(found, expected, &format!("{place}[{index}]"));
            }
        }
        (Value::Number(found), Value::Number(expected)) => {
            assert_eq!(found.as_f64(), expected.as_f64(), "{place}");
        }
        _ => assert_eq!(found, expected, "{place}"),
    }
}

fn reasoning(text: &'static str, seal: &'static str, id: &'static str) -> Part<'static> {
    let seal = Some(sealed(SealMaker::OpenAi, seal));
    Content::Reasoning(Reasoning { texts: vec![text.into()], seal, id: Some(id.into()) }).into()
}

/// What the answers tell, in no format.
fn answers() -> Vec<(&'static str, Vec<Part<'static>>, Stop<'static>, Usage)> {
    let usage = |input, output| Usage { input, output, ..Usage::default() };
    let text = |text: &'static str| vec![Part::text(text)];
    let paris = || call("call_1", "get_weather", r#"{"city":"Paris"}"#);
    let rome = || call("call_2", "get_weather", r#"{"city":"Rome"}"#);
    let refusal = Content::Refusal("I cannot help with that.".into());
    let thought = reasoning("Two and two.", "c2lnMg==", "rs_0f2a6c1de48b7a90006920a1c201");
    let used = Usage { input: 40, cached_read: 40, cache_write: 20, output: 20, reasoning: 10 };
    vec![
        ("text", text("Hello!"), Stop::End, usage(9, 3)),
        ("multi_turn", text("Your name is Ada."), Stop::End, usage(25, 6)),
        ("system", text("Yes."), Stop::End, usage(25, 6)),
        ("image", text("A cat."), Stop::End, usage(25, 6)),
        ("one_tool", vec![paris()], Stop::ToolCalls, usage(25, 6)),
        ("parallel_tools", vec![Part::text("I will look."), paris(), rome()], Stop::ToolCalls, usage(25, 6)),
        ("tool_result", text("It is 18 degrees in Paris."), Stop::End, usage(25, 6)),
        ("reasoning", vec![thought, Part::text("4")], Stop::End, Usage { reasoning: 12, ..usage(30, 5) }),
        ("structured_output", text(r#"{"name":"Ada","age":36}"#), Stop::End, usage(25, 6)),
        ("stop_sequence", text("one two "), Stop::End, usage(25, 6)),
        ("max_tokens", text("One two three"), Stop::MaxTokens, usage(25, 6)),
        ("refusal", vec![refusal.into()], Stop::Refusal, usage(25, 6)),
        ("usage", text("Hello!"), Stop::End, used),
    ]
}

fn asked(case: &str) -> Asked {
    let (request, _) = parse(&fixture(case, "request.json")).unwrap();
    Asked::of(&request, "made_up".into(), 7)
}

#[test]
fn a_request_goes_through_the_neutral_types_and_back() {
    for (case, ..) in answers() {
        let text = fixture(case, "request.json");
        let (request, mut losses) = parse(&text).unwrap();

        let built = build_request(request, &mut losses).unwrap();

        assert_eq!(value(&built), serde_json::from_str::<Value>(&text).unwrap(), "{case}");
        assert!(losses.is_empty(), "{case}: {losses:?}");
    }
}

#[test]
fn an_answer_tells_its_story() {
    for (case, parts, stop, usage) in answers() {
        let response = parse_response(json(&fixture(case, "response.json")), &asked(case)).unwrap();

        assert_eq!(response.head.model, "gpt-5.2-2025-12-11", "{case}");
        assert_eq!(response.head.created, Some(1_795_000_000), "{case}");
        assert_eq!(response.choices, [Choice { parts, stop, logprobs: Vec::new() }], "{case}");
        assert_eq!(response.usage, Some(usage), "{case}");
    }
}

#[test]
fn an_answer_is_written_as_the_provider_writes_it() {
    for (case, ..) in answers() {
        let text = fixture(case, "response.json");
        let response = parse_response(json(&text), &asked(case)).unwrap();

        let built = build_response(response, &asked(case));

        assert_has(&value(&built), &serde_json::from_str(&text).unwrap(), case);
    }
}

#[test]
fn a_stream_tells_the_same_story() {
    for (case, ..) in answers() {
        let stream = data_of(fixture(case, "stream.sse").as_bytes());
        let events = read(&stream);

        assert_eq!(events.last(), Some(&Event::End), "{case}");
        let whole = fixture(case, "response.json");
        assert_eq!(joined(events), parse_response(json(&whole), &asked(case)).unwrap(), "{case}");
    }
}

#[test]
fn a_stream_is_written_as_the_provider_writes_it() {
    for (case, ..) in answers() {
        let expected = data_of(fixture(case, "stream.sse").as_bytes());

        let found = data_of(&written(read(&expected), asked(case)));

        assert_eq!(found.len(), expected.len(), "{case}");
        for (found, expected) in found.iter().zip(&expected) {
            let [found, expected] =
                [found, expected].map(|data| serde_json::from_slice::<Value>(data).unwrap());
            assert_has(&found, &expected, &format!("{case}: {}", expected["type"]));
        }
    }
}

#[test]
fn an_error_is_told_whole_and_in_the_middle_of_a_stream() {
    let body = fixture("error", "response.json");
    let error = parse_error(429, body.as_bytes());
    assert_eq!((&*error.message, error.code.as_deref()), ("Too many requests.", Some("rate_limit_exceeded")));

    let expected = data_of(fixture("error", "stream.sse").as_bytes());
    let events = read(&expected);
    let Some(Event::Error(error)) = events.last() else { panic!("{events:?}") };
    assert_eq!((error.status, &*error.message), (500, "The server is overloaded."));

    let found = data_of(&written(events, asked("error")));
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(&expected) {
        let [found, expected] = [found, expected].map(|data| serde_json::from_slice::<Value>(data).unwrap());
        assert_has(&found, &expected, &expected["type"].to_string());
    }
}

#[test]
fn a_conversation_tells_its_story() {
    let (request, _) = parse(&fixture("tool_result", "request.json")).unwrap();

    let roles: Vec<_> = request.messages.iter().map(|message| (message.role, message.parts.len())).collect();
    assert_eq!(roles, [(Role::User, 1), (Role::Assistant, 3), (Role::User, 2), (Role::User, 1)]);

    let (request, _) = parse(&fixture("reasoning", "request.json")).unwrap();
    let thought = reasoning("One and one.", "c2lnMQ==", "rs_0f2a6c1de48b7a90006920a1b101");
    assert_eq!(request.messages[1], Message::new(Role::Assistant, vec![thought, Part::text("2")]));
}
