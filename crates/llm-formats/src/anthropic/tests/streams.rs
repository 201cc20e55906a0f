//! What streams do beyond the stories.

use super::{story::events_of, *};
use crate::neutral::{
    Choice, Content, Error, Head, Part, PartKind, Reasoning, Seal, SealMaker, Stop, ToolCall,
};

fn call(name: &'static str, arguments: &'static str, seal: Option<SealMaker>) -> Part<'static> {
    let seal = seal.map(|maker| Seal { maker, data: "c2ln".into() });
    let is_free_form = name == "patch";
    let call =
        ToolCall { id: "1".into(), name: name.into(), arguments: arguments.into(), is_free_form, seal };
    Content::ToolCall(call).into()
}

fn response(parts: Vec<Part<'static>>) -> Response<'static> {
    let head = Head { id: "msg_1".into(), model: "m".into(), created: None };
    Response { head, choices: vec![Choice { parts, ..Choice::default() }], usage: None }
}

/// Server-sent events of such data.
fn stream(events: &[&str]) -> String {
    events.iter().fold(String::new(), |all, data| all + "event: x\ndata: " + data + "\n\n")
}

fn asked() -> Asked {
    let names = vec!["files.read".to_owned(), "patch".to_owned()];
    Asked { tools: names, free_form_tools: vec!["patch".to_owned()], ..Asked::default() }
}

#[test]
fn a_stream_begins_with_a_message_and_a_ping() {
    let head = Head { id: "chatcmpl-1".into(), model: "gpt".into(), created: Some(1) };
    let asked = Asked { model: "claude".into(), ..Asked::default() };

    let stream = written(vec![Event::Start(head), Event::Ping], &asked);

    assert_eq!(
        stream,
        concat!(
            "event: message_start\n",
            r#"data: {"type":"message_start","message":{"id":"chatcmpl-1","type":"message","role":"assistant","#,
            r#""model":"claude","content":[],"stop_reason":null,"stop_sequence":null,"stop_details":null,"#,
            r#""usage":{"input_tokens":0,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":0}}}"#,
            "\n\nevent: ping\ndata: {\"type\":\"ping\"}\n\nevent: ping\ndata: {\"type\":\"ping\"}\n\n"
        )
    );
}

#[test]
fn the_seal_of_a_call_comes_before_it_whenever_it_is_told() {
    let sealed = response(vec![call("f", r#"{"a":1}"#, Some(SealMaker::Gemini))]);
    let whole = build_response(sealed.clone(), &Asked::default());

    for piece in [1000, 1] {
        let mut events = events_of(sealed.clone(), piece);
        if piece == 1 {
            let at = events.iter().position(|event| matches!(event, Event::Seal { .. })).unwrap();
            let seal = events.remove(at);
            events.insert(2, seal);
        }
        let stream = written(events, &Asked::default());

        assert_eq!(assemble(&stream).as_ref().map(text_of), Some(text_of(&whole)));
    }
    assert_eq!(
        member(&whole, "content.0"),
        Some(&json(r#"{"type":"redacted_thinking","data":"akr1.gemini.c2ln"}"#))
    );
}

#[test]
fn a_tool_that_takes_plain_text_goes_through_an_object() {
    let plain = response(vec![call("patch", "say \"hi\"\n\u{1}ü", None), call("patch", "", None)]);

    let stream = written(events_of(plain.clone(), 1), &asked());

    assert!(stream.contains(r#""partial_json":"\\\"""#), "{stream}");
    let whole = build_response(plain.clone(), &asked());
    assert_eq!(assemble(&stream).as_ref().map(text_of), Some(text_of(&whole)));
    let back = collect(read(&stream, &asked())).unwrap();
    assert_eq!(back.choices[0].parts, plain.choices[0].parts);
}

#[test]
fn a_name_that_could_not_be_sent_comes_back_as_the_client_has_it() {
    let block = r#"{"type":"tool_use","id":"1","name":"files_read_d5ab421fd0376a62","input":{"p":1}}"#;
    let body = format!(r#"{{"content":[{block}],"stop_reason":"tool_use"}}"#);
    let start = format!(r#"{{"type":"content_block_start","index":0,"content_block":{block}}}"#);
    let stream = stream(&[&start, r#"{"type":"message_stop"}"#]);

    let whole = parse_response(json(&body), &asked()).unwrap();
    let streamed = collect(read(&stream, &asked())).unwrap();

    for response in [whole, streamed] {
        assert_eq!(response.choices[0].parts, [call("files.read", r#"{"p":1}"#, None)]);
    }
}

#[test]
fn a_call_without_input_has_an_empty_object() {
    let block = r#"{"type":"tool_use","id":"1","name":"f","input":{}}"#;
    let stream = stream(&[&format!(r#"{{"type":"content_block_start","index":0,"content_block":{block}}}"#)]);

    let events = read(&stream, &asked());

    assert_eq!(events[2..], [Event::Piece { choice: 0, text: "{}".into() }, Event::PartEnd { choice: 0 }]);
}

#[test]
fn hidden_thoughts_are_told_where_their_maker_has_them() {
    for (maker, block) in [
        (SealMaker::Anthropic, r#"{"type":"thinking","thinking":"","signature":"c2ln"}"#),
        (SealMaker::AnthropicRedacted, r#"{"type":"redacted_thinking","data":"c2ln"}"#),
        (SealMaker::OpenAi, r#"{"type":"redacted_thinking","data":"akr1.openai.c2ln"}"#),
    ] {
        let seal = Some(Seal { maker, data: "c2ln".into() });
        let hidden = response(vec![Content::Reasoning(Reasoning { seal, ..Reasoning::default() }).into()]);

        let whole = build_response(hidden.clone(), &Asked::default());
        let stream = written(events_of(hidden.clone(), 1), &Asked::default());

        assert_eq!(member(&whole, "content.0"), Some(&json(block)));
        assert_eq!(assemble(&stream).as_ref().map(text_of), Some(text_of(&whole)));
        assert_eq!(collect(read(&stream, &asked())).unwrap().choices[0].parts, hidden.choices[0].parts);
    }
}

#[test]
fn the_words_of_a_refusal_that_stand_beside_the_answer_are_told() {
    let details = r#"{"type":"refusal","category":"bio","explanation":"No."}"#;
    let body = format!(r#"{{"content":[],"stop_reason":"refusal","stop_details":{details}}}"#);
    let delta =
        format!(r#"{{"type":"message_delta","delta":{{"stop_reason":"refusal","stop_details":{details}}}}}"#);
    let stream = stream(&[&delta, r#"{"type":"message_stop"}"#]);

    let whole = parse_response(json(&body), &asked()).unwrap();
    let streamed = collect(read(&stream, &asked())).unwrap();

    for response in [whole, streamed] {
        assert_eq!(response.choices[0].parts, [Content::Refusal("No.".into()).into()]);
        assert_eq!(response.choices[0].stop, Stop::Refusal);
    }
}

#[test]
fn mixed_blocks_are_brought_into_order() {
    let stream = stream(&[
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
        r#"{"type":"content_block_start","index":1,"content_block":{"type":"server_tool_use","id":"x"}}"#,
        r#"{"type":"content_block_start","index":2,"content_block":{"type":"text","text":"c"}}"#,
        r#"{"type":"content_block_delta","index":2,"delta":{"type":"text_delta","text":"d"}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a"}}"#,
        r#"{"type":"content_block_stop","index":2}"#,
        r#"{"type":"content_block_stop","index":1}"#,
        r#"{"type":"content_block_start","index":3,"content_block":{"type":"text","text":"e"}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"b"}}"#,
        r#"{"type":"content_block_stop","index":0}"#,
        r#"{"type":"content_block_delta","index":3,"delta":{"type":"text_delta","text":"f"}}"#,
        r#"{"type":"content_block_stop","index":3}"#,
        r#"{"type":"message_stop"}"#,
    ]);

    let response = collect(read(&stream, &asked())).unwrap();

    assert_eq!(response.choices[0].parts, [Part::text("ab"), Part::text("cd"), Part::text("ef")]);
}

#[test]
fn what_is_held_back_has_a_bound() {
    let mut reader = StreamReader::new(&asked());
    let long = "x".repeat(1 << 20);
    let start = r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#;
    reader.read(start.as_bytes(), &mut |_| {}).unwrap();
    let delta = format!(
        r#"{{"type":"content_block_delta","index":1,"delta":{{"type":"text_delta","text":"{long}"}}}}"#
    );

    let results: Vec<_> = (0..4).map(|_| reader.read(delta.as_bytes(), &mut |_| {})).collect();

    assert!(results[..3].iter().all(Result::is_ok));
    assert!(matches!(results[3], Err(Error::Invalid { .. })));
}

#[test]
fn a_stream_that_breaks_off_closes_its_part_and_has_no_end() {
    let whole = written(events_of(response(vec![Part::text("Hello")]), 2), &asked());
    let cut = &whole[..whole.find("event: content_block_stop").unwrap()];

    let events = read(cut, &asked());

    assert_eq!(events.last(), Some(&Event::PartEnd { choice: 0 }));
    assert!(collect(events.clone()).is_none());
    assert!(!written(events, &asked()).contains("message_stop"));
}

#[test]
fn after_the_end_or_an_error_nothing_is_written_or_read() {
    let end = written(vec![Event::Start(Head::default()), Event::End, Event::Ping, Event::End], &asked());
    assert_eq!(end.matches("event: ping").count(), 1);
    assert!(end.ends_with("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"));

    let late = format!("{end}{end}event: x\ndata: [DONE]\n\n");
    assert_eq!(read(&late, &asked()), read(&end, &asked()));
}

#[test]
fn an_error_that_came_as_an_answer_is_none() {
    let error = json(r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#);

    assert!(matches!(parse_response(error, &asked()), Err(Error::Invalid { path, .. }) if path == "content"));
}

#[test]
fn events_that_nobody_knows_and_other_choices_are_skipped() {
    let delta = r#"{"type":"message_delta","delta":{},"usage":{"output_tokens":0}}"#;
    let unknown = stream(&[r#"{"type":"unheard_of"}"#, delta]);
    let events = read(&unknown, &asked());
    assert!(!events.iter().any(|event| matches!(event, Event::Stop { .. })), "{events:?}");

    let other = vec![
        Event::Start(Head::default()),
        Event::PartStart { choice: 1, part: PartKind::Text },
        Event::Piece { choice: 1, text: "no".into() },
        Event::PartEnd { choice: 1 },
        Event::Stop { choice: 1, stop: Stop::MaxTokens },
        Event::End,
    ];
    let stream = written(other, &asked());
    assert!(!stream.contains("no\"") && stream.contains(r#""stop_reason":"end_turn""#), "{stream}");
}
