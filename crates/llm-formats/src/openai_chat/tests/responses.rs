//! Answers of APIs that have ways of their own.

use crate::{
    json::Json,
    neutral::{Asked, Choice, Content, Part, Reasoning, Response, Stop, ToolCall},
    openai_chat::{build_response, parse_response},
};

fn asked() -> Asked {
    Asked { free_form_tools: vec!["patch".into()], id: "req-1".into(), ..Asked::default() }
}

/// The first choice of an answer with this one choice.
fn choice(choice: &'static str) -> Choice<'static> {
    let body = format!(r#"{{"id":"x","choices":[{choice}]}}"#).leak();
    parse_response(Json::parse(body.as_bytes()).unwrap(), &asked()).unwrap().choices.remove(0)
}

fn error(body: &'static str) -> String {
    parse_response(Json::parse(body.as_bytes()).unwrap(), &asked()).unwrap_err().to_string()
}

fn thought(text: &'static str) -> Part<'static> {
    Content::Reasoning(Reasoning { texts: vec![text.into()], ..Reasoning::default() }).into()
}

#[test]
fn thoughts_are_found_wherever_they_stand() {
    for message in [
        r#"{"message":{"content":"4","reasoning_content":"hm"},"finish_reason":"stop"}"#,
        r#"{"message":{"content":"4","reasoning":"hm","reasoning_details":[{}]},"finish_reason":"stop"}"#,
        r#"{"message":{"content":"4","reasoning":"hm","reasoning_content":"hm"},"finish_reason":"stop"}"#,
        r#"{"message":{"content":[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]},{"type":"text","text":"4"}]}}"#,
    ] {
        assert_eq!(choice(message).parts, [thought("hm"), Part::text("4")], "{message}");
    }
}

#[test]
fn calls_are_calls_whatever_the_reason_says() {
    let choice = choice(
        r#"{"message":{"content":"","tool_calls":[{"function":{"name":"look","arguments":{"a":1}}},{"nothing":1}]},
            "finish_reason":"stop"}"#,
    );

    let (id, name, arguments) = ("call_req-1_0".into(), "look".into(), r#"{"a":1}"#.into());
    let call = ToolCall { id, name, arguments, is_free_form: false, seal: None };
    assert_eq!((choice.parts, choice.stop), (vec![Content::ToolCall(call).into()], Stop::ToolCalls));
}

#[test]
fn a_function_made_for_plain_text_gives_plain_text() {
    let choice = choice(
        r#"{"message":{"tool_calls":[{"id":"c","type":"function","function":{"name":"patch","arguments":"{\"input\":\"*** x\"}"}}]}}"#,
    );

    let Content::ToolCall(call) = &choice.parts[0].content else { panic!() };
    assert_eq!((&*call.arguments, call.is_free_form), ("*** x", true));
}

#[test]
fn a_stop_text_is_told_where_the_provider_tells_it() {
    let choice = choice(r#"{"message":{"content":"a"},"finish_reason":"stop","stop_reason":"END"}"#);

    assert_eq!(choice.stop, Stop::Sequence(Some("END".into())));
}

#[test]
fn choices_stand_in_their_order() {
    let body =
        br#"{"choices":[{"index":1,"message":{"content":"b"}},{"index":0,"message":{"content":"a"}}]}"#;

    let answer = parse_response(Json::parse(body).unwrap(), &asked()).unwrap();

    let parts: Vec<_> = answer.choices.into_iter().flat_map(|choice| choice.parts).collect();
    assert_eq!(parts, [Part::text("a"), Part::text("b")]);
}

#[test]
fn an_error_in_place_of_an_answer_is_told() {
    assert!(error(r#"{"error":{"message":"no credit","code":402}}"#).contains("no credit"));
    assert!(
        error(r#"{"choices":[{"index":0,"error":{"message":"overloaded","code":503}}]}"#)
            .contains("overloaded")
    );
    assert_eq!(error("{}"), "`choices` is missing");
    assert_eq!(error("[]"), "the body must be an object");
}

#[test]
fn a_client_of_the_deprecated_functions_gets_one_function_call() {
    let call = |name: &'static str| {
        let call = ToolCall {
            id: "c".into(),
            name: name.into(),
            arguments: "".into(),
            is_free_form: false,
            seal: None,
        };
        Content::ToolCall(call).into()
    };
    let choice =
        Choice { parts: vec![call("look"), call("find")], stop: Stop::ToolCalls, ..Choice::default() };
    let asked = Asked { has_functions: true, ..asked() };

    let text = build_response(Response { choices: vec![choice], ..Response::default() }, &asked).to_vec();

    let answer: serde_json::Value = serde_json::from_slice(&text).unwrap();
    let choice = &answer["choices"][0];
    assert_eq!(choice["message"]["function_call"], serde_json::json!({ "name": "look", "arguments": "{}" }));
    assert_eq!(
        (&choice["message"]["tool_calls"], &choice["finish_reason"]),
        (&serde_json::Value::Null, &serde_json::json!("function_call"))
    );
}
