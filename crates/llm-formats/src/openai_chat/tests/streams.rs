//! Streams of APIs that have ways of their own, and ours.

use super::{assemble::response_of, data, read, written};
use crate::{
    neutral::{ApiError, Asked, Content, Event, Head, PartKind, Seal, SealMaker, Stop},
    openai_chat::StreamReader,
    usage::Usage,
};

const STOP: &str = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;

fn asked() -> Asked {
    Asked { free_form_tools: vec!["patch".into()], id: "req-1".into(), now: 7, ..Asked::default() }
}

/// A chunk with these calls.
fn calls(calls: &str) -> String {
    format!(r#"{{"choices":[{{"index":0,"delta":{{"tool_calls":[{calls}]}}}}]}}"#)
}

/// Name, id and arguments of the calls in a stream.
fn called(chunks: &[String]) -> Vec<(String, String, String)> {
    let events = read(&asked(), chunks.iter().map(String::as_str).chain([STOP]));
    let (answer, _) = response_of(events);
    let parts = answer.choices.into_iter().flat_map(|choice| choice.parts);
    let call = |content| match content {
        Content::ToolCall(call) => {
            (call.name.into_owned(), call.id.into_owned(), call.arguments.into_owned())
        }
        other => panic!("{other:?}"),
    };
    parts.map(|part| call(part.content)).collect()
}

fn expected(calls: &[(&str, &str, &str)]) -> Vec<(String, String, String)> {
    calls.iter().map(|(name, id, arguments)| ((*name).into(), (*id).into(), (*arguments).into())).collect()
}

fn begun() -> Event<'static> {
    Event::Start(Head { id: "x".into(), model: "m".into(), created: None })
}

#[test]
fn pieces_of_several_calls_are_brought_into_order() {
    let told = called(&[
        calls(r#"{"index":0,"id":"a","function":{"name":"look","arguments":"{\"n\""}}"#),
        calls(
            r#"{"index":1,"id":"b","function":{"name":"find","arguments":"{\"m"}},{"index":0,"function":{"arguments":":[1"}}"#,
        ),
        calls(r#"{"index":1,"function":{"arguments":"\":2}"}},{"index":0,"function":{"arguments":"]}"}}"#),
    ]);

    assert_eq!(told, expected(&[("look", "a", r#"{"n":[1]}"#), ("find", "b", r#"{"m":2}"#)]));
}

#[test]
fn the_pieces_of_a_call_are_told_as_they_come() {
    let mut reader = StreamReader::new(&asked());
    let mut told = |chunk: String| {
        let mut events = Vec::new();
        reader.read(chunk.as_bytes(), &mut |event| events.push(format!("{event:?}"))).unwrap();
        events.len()
    };

    assert_eq!(told(calls(r#"{"index":0,"id":"a","function":{"name":"look","arguments":"{\"a\":"}}"#)), 3);
    assert_eq!(told(calls(r#"{"index":0,"function":{"arguments":"1}"}}"#)), 1);
    // The first is complete: its end, the beginning of the next, and a piece of that.
    assert_eq!(told(calls(r#"{"index":1,"id":"b","function":{"name":"look","arguments":"{\"b\""}}"#)), 3);
    assert_eq!(told(calls(r#"{"index":1,"function":{"arguments":":2}"}}"#)), 1);
}

#[test]
fn calls_without_ids_or_with_one_index_for_all_are_told_apart() {
    let told = called(&[calls(r#"{"function":{"name":"look","arguments":"{}"}}"#)]);
    assert_eq!(told, expected(&[("look", "call_req-1_0", "{}")]));

    let told = called(&[
        calls(r#"{"index":0,"id":"a","function":{"name":"look","arguments":"{}"}}"#),
        calls(r#"{"index":0,"id":"b","function":{"name":"look","arguments":"{}"}}"#),
    ]);
    assert_eq!(told, expected(&[("look", "a", "{}"), ("look", "b", "{}")]));
}

#[test]
fn a_name_may_come_late() {
    let told = called(&[
        calls(r#"{"index":0,"id":"a"}"#),
        calls(r#"{"index":0,"function":{"arguments":"{\"a\""}}"#),
        calls(r#"{"index":0,"function":{"name":"look","arguments":":1}"}}"#),
    ]);

    assert_eq!(told, expected(&[("look", "a", r#"{"a":1}"#)]));
}

#[test]
fn plain_text_is_told_as_such() {
    let told = called(&[
        calls(r#"{"index":0,"id":"a","type":"custom","custom":{"name":"shell","input":"ls"}}"#),
        calls(r#"{"index":0,"custom":{"input":" -l"}}"#),
        calls(
            r#"{"index":1,"id":"b","type":"function","function":{"name":"patch","arguments":"{\"input\":"}}"#,
        ),
        calls(r#"{"index":1,"function":{"arguments":"\"***\"}"}}"#),
    ]);

    assert_eq!(told, expected(&[("shell", "a", "ls -l"), ("patch", "b", "***")]));
}

#[test]
fn endless_calls_are_refused() {
    let mut reader = StreamReader::new(&asked());
    let endless = calls(&format!(
        r#"{{"index":1,"id":"b","function":{{"name":"look","arguments":"{}"}}}}"#,
        " ".repeat(1 << 20)
    ));
    let mut read = |chunk: &str| reader.read(chunk.as_bytes(), &mut |_| {});
    read(&calls(r#"{"index":0,"id":"a","function":{"name":"look","arguments":"{"}}"#)).unwrap();

    let refused = (0..20).find(|_| read(&endless).is_err());

    assert_eq!(refused, Some(16));
}

#[test]
fn a_stream_is_complete_with_its_end_or_with_all_its_reasons() {
    let hello = r#"{"id":"x","choices":[{"index":0,"delta":{"content":"Hello"}}]}"#;
    let ends = |chunks: &[&'static str]| read(&asked(), chunks.iter().copied()).contains(&Event::End);

    assert!(ends(&[hello, STOP, "[DONE]"]));
    assert!(ends(&[hello, STOP]));
    assert!(ends(&[hello, "[DONE]"]));
    assert!(!ends(&[hello]));
    assert!(!ends(&[]));
    assert!(!ends(&[hello, STOP, r#"{"choices":[{"index":1,"delta":{"content":"Hel"}}]}"#]));
}

#[test]
fn a_chunk_about_filters_begins_nothing() {
    let filters = r#"{"id":"","model":"","choices":[],"prompt_filter_results":[]}"#;
    let hello =
        r#"{"id":"x","model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"Hello"}}]}"#;

    let events = read(&asked(), [filters, hello]);

    assert_eq!(events[0], begun());
    assert_eq!(events.len(), 3);
}

#[test]
fn an_error_ends_a_stream_in_every_shape() {
    for (error, status) in [
        (r#"{"error":{"message":"m","code":"rate_limit_exceeded"}}"#, 429),
        (
            r#"{"error":{"message":"m","code":502},"choices":[{"delta":{"content":""},"finish_reason":"error"}]}"#,
            502,
        ),
        (r#"{"object":"error","message":"m","type":"BadRequestError","code":400}"#, 400),
        (
            r#"{"choices":[{"index":0,"delta":{},"error":{"message":"m","code":503},"finish_reason":"error"}]}"#,
            503,
        ),
    ] {
        let events = read(&asked(), [error, STOP, "[DONE]"]);

        let last = events.last();
        assert!(
            matches!(last, Some(Event::Error(told)) if told.status == status && told.message == "m"),
            "{error}"
        );
    }
}

#[test]
fn usage_is_told_wherever_it_comes() {
    let events = read(
        &asked(),
        [
            r#"{"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1}}"#,
            r#"{"choices":[],"usage":{"prompt_tokens":2,"completion_tokens":3}}"#,
            "[DONE]",
        ],
    );

    let usage = Usage { input: 2, output: 3, ..Usage::default() };
    assert_eq!(events[events.len() - 2..], [Event::Usage(usage), Event::End]);
}

#[test]
fn who_does_not_want_the_usage_does_not_get_it() {
    for include_usage in [false, true] {
        let events = vec![
            begun(),
            Event::Usage(Usage::default()),
            Event::Stop { choice: 0, stop: Stop::End },
            Event::End,
        ];

        let stream = written(&Asked { include_usage, ..asked() }, events);

        assert_eq!(stream.contains(r#""choices":[],"usage":{"#), include_usage);
        assert_eq!(stream.contains(r#""usage":null"#), include_usage);
    }
}

#[test]
fn a_seal_travels_with_its_call() {
    let seal = Seal { maker: SealMaker::Gemini, data: "c2ln".into() };
    let part = PartKind::ToolCall { id: "a".into(), name: "look".into(), is_free_form: false };
    let events = vec![
        begun(),
        Event::PartStart { choice: 0, part },
        Event::Seal { choice: 0, seal: seal.clone() },
        Event::PartEnd { choice: 0 },
    ];

    let stream = written(&asked(), events);

    assert!(stream.contains(
        r#"{"index":0,"function":{"arguments":""},"extra_content":{"google":{"thought_signature":"c2ln"}}}"#
    ));
    let read = read(&asked(), data(&stream).chain([STOP]));
    assert!(read.contains(&Event::Seal { choice: 0, seal }));
}

#[test]
fn an_error_is_told_and_nothing_after_it() {
    let error = ApiError {
        status: 529,
        message: "Overloaded".into(),
        code: Some("overloaded_error".into()),
        param: None,
    };

    let stream = written(&asked(), vec![begun(), Event::Ping, Event::Error(error), Event::Ping, Event::End]);

    let mut events = stream.split_inclusive("\n\n").skip(1);
    assert_eq!(events.next(), Some(": ping\n\n"));
    assert_eq!(
        events.next(),
        Some(
            "data: {\"error\":{\"message\":\"Overloaded\",\"type\":\"server_error\",\"param\":null,\"code\":null}}\n\n"
        )
    );
    assert_eq!(events.next(), None);
}

#[test]
fn a_client_of_the_deprecated_functions_gets_the_pieces_of_one_function_call() {
    let call = |name: &'static str| {
        let part = PartKind::ToolCall { id: "c".into(), name: name.into(), is_free_form: false };
        let piece = |text: &'static str| Event::Piece { choice: 0, text: text.into() };
        [Event::PartStart { choice: 0, part }, piece("{\"n\""), piece(":1}"), Event::PartEnd { choice: 0 }]
    };
    let end = [Event::Stop { choice: 0, stop: Stop::ToolCalls }, Event::End];
    let events = [begun()].into_iter().chain(call("look")).chain(call("find")).chain(end);

    let stream = written(&Asked { has_functions: true, ..asked() }, events.collect());

    let deltas = stream.matches(r#""function_call":{"#).count();
    assert_eq!(
        (deltas, stream.contains("find"), stream.contains("tool_calls")),
        (3, false, false),
        "{stream}"
    );
    assert!(stream.contains(r#"{"function_call":{"name":"look","arguments":""}}"#), "{stream}");
    assert!(stream.contains(r#""finish_reason":"function_call""#), "{stream}");
}
