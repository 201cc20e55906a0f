//! Streams that are not as they should be, and what else clients rely on.

use super::{assemble::assembled, *};
use crate::neutral::{ApiError, Head};

const ADDED: &str =
    r#"{"type":"response.output_item.added","output_index":0,"item":{"type":"message","content":[]}}"#;
const HEL: &str = r#"{"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"Hel"}"#;
const DONE: &str = r#"{"type":"response.output_item.done","output_index":0,"item":{"type":"message","content":[{"type":"output_text","text":"Hello"}]}}"#;
const COMPLETED: &str = r#"{"type":"response.completed","response":{"id":"resp_1","status":"completed"}}"#;

fn events(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

fn parts_of(texts: &[&str]) -> Vec<Part<'static>> {
    let stream = events(texts);
    let mut response = joined(read(&stream));
    std::mem::take(&mut response.choices[0].parts)
}

fn start() -> Event<'static> {
    Event::Start(Head { id: "resp_1".into(), model: "m".into(), created: Some(1) })
}

#[test]
fn a_stream_that_is_cut_off_has_no_end() {
    let stream = events(&[ADDED, HEL]);
    let told = read(&stream);

    assert_eq!(told.last(), Some(&Event::PartEnd { choice: 0 }));
    assert!(!told.contains(&Event::End));
    let written = String::from_utf8(written(told, Asked::default())).unwrap();
    assert!(!written.contains("response.completed"), "{written}");
}

#[test]
fn items_that_come_at_once_are_told_one_after_the_other() {
    let call = |index: u32| {
        format!(
            r#"{{"type":"response.output_item.added","output_index":{index},"item":{{"type":"function_call","call_id":"call_{index}","name":"n","arguments":""}}}}"#
        )
    };
    let delta = |index: u32, text: &str| {
        format!(
            r#"{{"type":"response.function_call_arguments.delta","output_index":{index},"delta":"{text}"}}"#
        )
    };
    let done = |index: u32| format!(r#"{{"type":"response.output_item.done","output_index":{index}}}"#);
    let stream = [
        call(0),
        call(1),
        delta(1, "b"),
        delta(0, "a"),
        call(2),
        delta(2, "c"),
        done(1),
        delta(0, "a"),
        done(0),
        delta(2, "c"),
        COMPLETED.to_owned(),
    ];
    let stream: Vec<_> = stream.iter().map(|text| &**text).collect();

    let expected = [call_of("call_0", "aa"), call_of("call_1", "b"), call_of("call_2", "cc")];
    assert_eq!(parts_of(&stream), expected);
}

fn call_of(id: &'static str, arguments: &'static str) -> Part<'static> {
    call(id, "n", arguments)
}

#[test]
fn a_server_may_leave_out_the_pieces_or_what_frames_them() {
    let hello = [Part::text("Hello")];

    assert_eq!(parts_of(&[DONE, COMPLETED]), hello);
    assert_eq!(parts_of(&[ADDED, DONE, COMPLETED, "[DONE]"]), hello);
    let text_done = r#"{"type":"response.output_text.done","text":"Hello"}"#;
    assert_eq!(parts_of(&[text_done, DONE, COMPLETED]), hello);
    let lo = r#"{"type":"response.output_text.delta","delta":"lo"}"#;
    assert_eq!(parts_of(&[HEL, lo, text_done, DONE, "17", COMPLETED]), hello);
    let part_done = r#"{"type":"response.content_part.done"}"#;
    assert_eq!(parts_of(&[HEL, lo, part_done, text_done, DONE, COMPLETED]), hello);
}

#[test]
fn thoughts_are_read_as_a_summary_or_as_they_are() {
    let done = r#"{"type":"response.output_item.done","item":{"type":"reasoning","id":"rs_1","encrypted_content":"s","summary":[]}}"#;
    let delta = |kind: &str, index: u32| {
        format!(
            r#"{{"type":"response.{kind}.delta","summary_index":{index},"content_index":{index},"delta":"t{index}"}}"#
        )
    };
    for kind in ["reasoning_summary_text", "reasoning_text"] {
        let parts = parts_of(&[&delta(kind, 0), &delta(kind, 1), done, COMPLETED]);

        let texts = vec!["t0".into(), "t1".into()];
        let seal = Some(sealed(SealMaker::OpenAi, "s"));
        assert_eq!(parts, [Content::Reasoning(Reasoning { texts, seal, id: None }).into()], "{kind}");
    }
    let hidden = parts_of(&[done, COMPLETED]);
    assert!(matches!(&hidden[0].content, Content::Reasoning(thought) if thought.texts.is_empty()));
    assert_eq!(
        parts_of(&[r#"{"type":"response.output_item.done","item":{"type":"reasoning"}}"#, COMPLETED]),
        []
    );
}

#[test]
fn a_failure_ends_a_stream() {
    let failed =
        r#"{"type":"response.failed","response":{"error":{"code":"rate_limit_exceeded","message":"Wait."}}}"#;
    let flat = r#"{"type":"error","code":"server_error","message":"Wait.","param":null}"#;
    let bare = r#"{"type":"error"}"#;
    for (event, status, message) in
        [(failed, 429, "Wait."), (flat, 500, "Wait."), (bare, 500, "The provider tells no reason.")]
    {
        let stream = events(&[HEL, event, failed, COMPLETED]);
        let told = read(&stream);

        let Some(Event::Error(error)) = told.last() else { panic!("{told:?}") };
        assert_eq!((error.status, &*error.message), (status, message));
    }
}

#[test]
fn an_error_is_told_in_every_way_that_clients_read() {
    let error = ApiError { status: 529, message: "Overloaded".into(), code: None, param: None };
    let stream = written([start(), Event::Error(error), Event::End], Asked::default());
    let stream = data_of(&stream);

    let (answer, end) = assembled(&stream);

    let event = value(&json(std::str::from_utf8(&stream[2]).unwrap()));
    assert_eq!((&event["code"], &event["message"]), (&"server_error".into(), &"Overloaded".into()));
    assert_eq!((&event["error"]["code"], &event["error"]["type"]), (&event["code"], &"server_error".into()));
    assert_eq!((end.as_str(), &answer["error"]["message"]), ("failed", &event["message"]));
}

#[test]
fn a_ping_is_a_comment_and_other_choices_have_no_place() {
    let other = PartKind::Text;
    let events = [Event::Ping, start(), Event::PartStart { choice: 1, part: other }, Event::End, Event::Ping];

    let stream = String::from_utf8(written(events, Asked::default())).unwrap();

    assert!(stream.starts_with(": ping\n\nevent: response.created\n"), "{stream}");
    assert!(!stream.contains("output_item"), "{stream}");
    assert!(stream.ends_with("}\n\n"), "{stream}");
}

#[test]
fn a_seal_of_a_call_stands_before_it_and_comes_back_onto_it() {
    let seal = sealed(SealMaker::Gemini, "sig");
    let id = "call_1".into();
    let part = PartKind::ToolCall { id, name: "n".into(), is_free_form: false };
    let stream = data_of(&written(
        [
            start(),
            Event::PartStart { choice: 0, part },
            Event::Seal { choice: 0, seal: seal.clone() },
            Event::Piece { choice: 0, text: "{}".into() },
            Event::PartEnd { choice: 0 },
            Event::End,
        ],
        Asked::default(),
    ));
    let (answer, _) = assembled(&stream);

    let request = serde_json::json!({ "model": "m", "input": answer["output"] }).to_string();
    let (request, losses) = parse(&request).unwrap();

    let Content::ToolCall(call) = &request.messages[0].parts[0].content else { panic!("{request:?}") };
    assert_eq!(call.seal, Some(seal));
    assert!(losses.is_empty(), "{losses:?}");
}

#[test]
fn a_call_goes_back_into_its_namespace() {
    let tools = r#"{"model":"m","input":"x","tools":[
        {"type":"namespace","name":"agents","description":"d","tools":[{"type":"function","name":"spawn"}]}]}"#;
    let (request, losses) = parse(tools).unwrap();
    assert_eq!((&*request.tools[0].name, losses.is_empty()), ("agents__spawn", true));
    let asked = Asked::of(&request, "1".into(), 1);
    let parts = vec![call("call_1", "agents__spawn", "{}")];
    let choices = vec![Choice { parts, ..Choice::default() }];

    let answer = value(&build_response(Response { choices, ..Response::default() }, &asked));

    let item = &answer["output"][0];
    assert_eq!((&item["namespace"], &item["name"]), (&"agents".into(), &"spawn".into()));
    let again = serde_json::json!({ "model": "m", "input": [item] }).to_string();
    assert_eq!(parse(&again).unwrap().0.messages[0].parts, [call("call_1", "agents__spawn", "{}")]);
}

#[test]
fn an_answer_repeats_what_was_asked() {
    let text = r#"{"model":"m","input":"x","instructions":"Be brief.","temperature":0.5,"metadata":{"a":"b"},
        "text":{"verbosity":"low"},"reasoning":{"summary":"auto"},"tool_choice":"none","max_output_tokens":5}"#;
    let (request, _) = parse(text).unwrap();
    let asked = Asked::of(&request, "made_up".into(), 7);

    let answer = value(&build_response(Response::default(), &asked));

    for (name, expected) in [
        ("id", r#""resp_made_up""#),
        ("created_at", "7"),
        ("model", r#""m""#),
        ("instructions", r#""Be brief.""#),
        ("temperature", "0.5"),
        ("top_p", "1.0"),
        ("metadata", r#"{"a":"b"}"#),
        ("text", r#"{"format":{"type":"text"},"verbosity":"low"}"#),
        ("reasoning", r#"{"effort":null,"summary":"auto"}"#),
        ("tool_choice", r#""none""#),
        ("max_output_tokens", "5"),
        ("output", "[]"),
        ("usage", "null"),
    ] {
        assert_eq!(answer[name].to_string(), expected, "{name}");
    }
}
