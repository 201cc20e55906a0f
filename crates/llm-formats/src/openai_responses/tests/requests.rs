//! What clients ask beyond the stories.

use super::*;
use crate::neutral::{
    Cache, Effort, Error, Logprobs, Media, MediaKind, Output, Sampling, ServiceTier, Source, Thinking,
    ThinkingAmount, Tool, ToolChoice, ToolInput, ToolResult,
};

fn built(request: Request<'_>) -> (serde_json::Value, Losses) {
    let mut losses = Losses::default();
    let built = build_request(request, &mut losses).unwrap();
    (value(&built), losses)
}

fn error(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

fn with(member: &str) -> String {
    format!(r#"{{"model":"m","input":"x",{member}}}"#)
}

fn item(item: &str) -> String {
    format!(r#"{{"model":"m","input":[{item}]}}"#)
}

#[test]
fn a_plain_text_is_a_message() {
    let (request, losses) = parse(r#"{"model":"m","input":"Hello"}"#).unwrap();

    assert_eq!(request.messages, [Message::new(Role::User, vec![Part::text("Hello")])]);
    assert!(losses.is_empty());
}

#[test]
fn a_request_of_codex_loses_nothing_but_the_tools_that_nobody_else_runs() {
    let text = r#"{"model":"gpt-5.2","stream":true,"tool_choice":"auto","parallel_tool_calls":true,
        "reasoning":{"summary":"auto"},"store":false,"include":["reasoning.encrypted_content"],
        "prompt_cache_key":"k","client_metadata":{"turn_id":"t"},
        "tools":[
            {"type":"function","name":"exec_command","description":"d","strict":false,"parameters":{"type":"object"}},
            {"type":"custom","name":"apply_patch","description":"d","format":{"type":"grammar","syntax":"lark","definition":"x"}},
            {"type":"namespace","name":"agents","description":"d","tools":[{"type":"function","name":"spawn","parameters":{}}]},
            {"type":"web_search","external_web_access":false}],
        "input":[
            {"type":"additional_tools","id":"at_1","role":"developer","tools":[{"type":"namespace","name":"functions","tools":[{"type":"custom","name":"exec"}]}]},
            {"type":"message","id":"msg_1","role":"developer","content":[{"type":"input_text","text":"Be brief."}]},
            {"role":"user","content":"say ping"},
            {"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"hm"}],"content":null,"encrypted_content":"c2ln"},
            {"type":"function_call","status":"completed","id":"fc_1","name":"exec_command","arguments":"{\"cmd\":\"ls\"}","call_id":"call_1"},
            {"type":"custom_tool_call","status":"completed","call_id":"call_2","name":"apply_patch","input":"*** Begin"},
            {"type":"local_shell_call","call_id":"call_3","status":"completed","action":{"type":"exec","command":["ls"]}},
            {"type":"function_call_output","id":"fco_1","call_id":"call_1","output":"hi"},
            {"type":"custom_tool_call_output","call_id":"call_2","output":[{"type":"input_text","text":"done"},{"type":"input_image","image_url":"data:image/png;base64,AA=="}]},
            {"type":"local_shell_call_output","call_id":"call_3","output":"x"},
            {"type":"web_search_call","id":"ws_1","status":"completed","action":{}}]}"#;

    let (request, losses) = parse(text).unwrap();

    assert_eq!(losses.names(), ["tools[].web_search", "input[].web_search_call"]);
    let names: Vec<_> = request.tools.iter().map(|tool| &*tool.name).collect();
    assert_eq!(names, ["exec_command", "apply_patch", "agents__spawn", "exec"]);
    let turns: Vec<_> = request.messages.iter().map(|turn| (turn.role, turn.parts.len())).collect();
    assert_eq!(turns, [(Role::Developer, 1), (Role::User, 1), (Role::Assistant, 4), (Role::User, 3)]);
    let thinking = Thinking { amount: ThinkingAmount::Adaptive, is_shown: Some(true) };
    assert_eq!((request.thinking, request.stream), (Some(thinking), true));
    assert_eq!(Asked::of(&request, String::new(), 0).free_form_tools, ["apply_patch", "exec"]);
    let Content::ToolCall(patch) = &request.messages[2].parts[2].content else { panic!() };
    assert_eq!((&*patch.arguments, patch.is_free_form), ("*** Begin", true));
    let Content::ToolResult(result) = &request.messages[3].parts[1].content else { panic!() };
    assert_eq!((&*result.id, result.parts.len(), result.is_free_form), ("call_2", 2, true));
}

#[test]
fn what_was_said_in_a_row_is_one_turn() {
    let message = |role: &str| format!(r#"{{"role":"{role}","content":"x"}}"#);
    let output = r#"{"type":"function_call_output","call_id":"call_1","output":""}"#;
    let call = r#"{"type":"function_call","call_id":"call_1","name":"n","arguments":"{}"}"#;
    let thought = r#"{"type":"reasoning","summary":[]}"#;
    let (user, assistant) = (message("user"), message("assistant"));
    for (items, expected) in [
        (&[&*user, &user][..], &[1, 1][..]),
        (&[&assistant, &assistant], &[1, 1]),
        (&[thought, &assistant, call, call, output, output, &user], &[4, 2, 1]),
        (&[&user, output, call], &[1, 1, 1]),
    ] {
        let (request, _) = parse(&item(&items.join(","))).unwrap();

        let turns: Vec<_> = request.messages.iter().map(|turn| turn.parts.len()).collect();
        assert_eq!(turns, expected, "{items:?}");
    }
}

#[test]
fn only_a_seal_without_words_belongs_to_the_call_after_it() {
    let call = r#"{"type":"function_call","call_id":"call_1","name":"n","arguments":"{}"}"#;
    for (summary, seal, parts) in [
        ("", "akr1.gemini.x", 1),
        (r#"{"type":"summary_text","text":"hm"}"#, "akr1.gemini.x", 2),
        ("", "akr1.anthropic.x", 2),
        ("", "x", 2),
    ] {
        let thought = format!(r#"{{"type":"reasoning","summary":[{summary}],"encrypted_content":"{seal}"}}"#);
        let (request, _) = parse(&item(&format!("{thought},{call}"))).unwrap();

        assert_eq!(request.messages[0].parts.len(), parts, "{thought}");
    }
}

#[test]
fn options_become_neutral_and_come_back() {
    let text = r#"{"model":"m","input":[{"type":"message","role":"user","content":[{"type":"input_text","text":"x"}]}],
        "tools":[{"type":"custom","name":"t","format":{"type":"text"}}],
        "tool_choice":{"type":"allowed_tools","mode":"required","tools":[{"type":"custom","name":"t"}]},
        "parallel_tool_calls":false,"max_output_tokens":9,"temperature":0.5,"top_p":0.25,"top_logprobs":2,
        "reasoning":{"effort":"xhigh"},"text":{"format":{"type":"json_object"},"verbosity":"low"},
        "metadata":{"a":"b"},"safety_identifier":"u","service_tier":"flex","prompt_cache_key":"k",
        "store":false,"include":["reasoning.encrypted_content","message.output_text.logprobs"],"stream":true}"#;
    let (request, losses) = parse(text).unwrap();

    assert!(losses.is_empty(), "{losses:?}");
    let sampling = Sampling { temperature: Some(0.5), top_p: Some(0.25), ..Sampling::default() };
    assert_eq!(request.sampling, sampling);
    assert_eq!(request.tool_choice, Some(ToolChoice::Allowed { names: vec!["t".into()], required: true }));
    let amount = ThinkingAmount::Effort(Effort::XHigh);
    assert_eq!(request.thinking, Some(Thinking { amount, is_shown: Some(false) }));
    assert_eq!(request.output, Output::JsonObject);
    assert_eq!((request.service_tier, request.user.as_deref()), (Some(ServiceTier::Flex), Some("u")));
    assert_eq!(request.logprobs, Some(Logprobs { top: Some(2) }));
    let (built, losses) = built(request);
    assert_eq!(built, serde_json::from_str::<serde_json::Value>(text).unwrap());
    assert!(losses.is_empty(), "{losses:?}");
}

#[test]
fn what_is_stored_elsewhere_has_no_counterpart() {
    for text in [
        with(r#""previous_response_id":"resp_1""#),
        with(r#""conversation":"conv_1""#),
        with(r#""prompt":{"id":"p"}"#),
        with(r#""background":true"#),
        item(r#"{"type":"item_reference","id":"msg_1"}"#),
        item(r#"{"type":"compaction","encrypted_content":"x"}"#),
        item(r#"{"role":"user","content":[{"type":"input_image","file_id":"file_1"}]}"#),
        item(r#"{"role":"user","content":[{"type":"input_file","file_id":"file_1"}]}"#),
        item(r#"{"role":"user","content":[{"type":"computer_screenshot"}]}"#),
    ] {
        assert!(matches!(parse(&text), Err(Error::NoCounterpart { .. })), "{text}");
    }
    for nothing in ["previous_response_id", "conversation", "prompt", "background"] {
        assert!(parse(&with(&format!(r#""{nothing}":null"#))).is_ok(), "{nothing}");
    }
}

#[test]
fn only_what_would_change_something_is_lost() {
    for (members, lost) in [
        (r#""store":true"#, &["store"][..]),
        (r#""store":false,"truncation":"disabled","background":false,"stream_options":{}"#, &[]),
        (r#""truncation":"auto""#, &["truncation"]),
        (r#""service_tier":"scale""#, &["service_tier"]),
        (r#""include":["file_search_call.results"]"#, &["include[].file_search_call.results"]),
        (r#""tool_choice":{"type":"web_search_preview"}"#, &["tool_choice.web_search_preview"]),
        (r#""reasoning":{"effort":"low","context":"all_turns"}"#, &["reasoning.context"]),
        (r#""prompt_cache_retention":"24h""#, &["prompt_cache_retention"]),
        (r#""metadata":{},"max_tool_calls":3"#, &[]),
    ] {
        let (_, losses) = parse(&with(members)).unwrap();

        assert_eq!(losses.names(), lost, "{members}");
    }
}

#[test]
fn an_error_says_what_is_wrong_and_where() {
    for (text, expected) in [
        (r#"{"model":"m"}"#.to_owned(), "`input` is missing"),
        (r#"{"input":"x"}"#.to_owned(), "`model` is missing"),
        ("7".to_owned(), "the body must be an object"),
        (r#"{"model":"m","input":7}"#.to_owned(), "`input` must be a string or an array"),
        (
            item(r#"{"role":"critic","content":"x"}"#),
            "`input[0].role` must be user, assistant, system or developer",
        ),
        (item(r#"{"type":"function_call","name":"n","arguments":"{}"}"#), "`input[0].call_id` is missing"),
        (
            item(r#"{"role":"user","content":[{"type":"input_file"}]}"#),
            "`input[0].content[0]` needs `file_data` or `file_url`",
        ),
        (with(r#""tool_choice":"any""#), "`tool_choice` must be none, auto, required or an object"),
        (
            with(r#""reasoning":{"effort":"huge"}"#),
            "`reasoning.effort` must be none, minimal, low, medium, high, xhigh or max",
        ),
        (with(r#""text":{"format":{"type":"json_schema"}}"#), "`text.format.schema` is missing"),
        (with(r#""tools":[{"type":"function"}]"#), "`tools[0].name` is missing"),
        (
            with(r#""tools":[{"type":"namespace","name":"n","tools":[7]}]"#),
            "`tools[0].tools[0]` must be an object",
        ),
    ] {
        assert_eq!(error(&text), expected, "{text}");
    }
}

#[test]
fn files_are_read_wherever_they_are() {
    let content = r#"{"role":"user","content":[
        {"type":"input_file","filename":"a.pdf","file_data":"data:application/pdf;base64,AA=="},
        {"type":"input_file","file_data":"AA=="},
        {"type":"input_file","file_url":"https://example.com/a.pdf"},
        {"type":"input_image","image_url":"data:image\/png;charset=x;base64,AA==","detail":"low"}]}"#;
    let (request, losses) = parse(&item(content)).unwrap();

    assert!(losses.is_empty(), "{losses:?}");
    let media: Vec<_> = request.messages[0]
        .parts
        .iter()
        .map(|part| match &part.content {
            Content::Media(media) => media.clone(),
            content => panic!("{content:?}"),
        })
        .collect();
    let pdf = Source::Base64 { mime: "application/pdf".into(), data: "AA==".into() };
    let png = Source::Base64 { mime: "image/png".into(), data: "AA==".into() };
    let kind = MediaKind::Document;
    assert_eq!(media[0], Media { kind, source: pdf.clone(), name: Some("a.pdf".into()), detail: None });
    assert_eq!(media[1], Media { kind, source: pdf, name: None, detail: None });
    assert_eq!(media[2].source, Source::Url { url: "https://example.com/a.pdf".into(), mime: None });
    let kind = MediaKind::Image;
    assert_eq!(media[3], Media { kind, source: png, name: None, detail: Some("low".into()) });
}

#[test]
fn what_this_api_has_no_word_for_is_named() {
    let tool = Tool {
        name: "t".into(),
        description: None,
        input: ToolInput::Schema(None),
        strict: None,
        cache: Some(Cache { ttl: Some("1h".into()) }),
    };
    let foreign = Reasoning { seal: Some(sealed(SealMaker::Anthropic, "s")), ..Reasoning::default() };
    let result = ToolResult {
        id: "call_1".into(),
        name: None,
        parts: vec![Part::text("no")],
        is_error: true,
        is_free_form: false,
    };
    let request = Request {
        model: "m".into(),
        messages: vec![
            Message::new(Role::Assistant, vec![Content::Reasoning(foreign).into(), Part::text("a")]),
            Message {
                name: Some("n".into()),
                ..Message::new(Role::User, vec![Content::ToolResult(result).into()])
            },
        ],
        tools: vec![tool],
        sampling: Sampling { top_k: Some(1), seed: Some(1), ..Sampling::default() },
        stop: vec!["END".into()],
        choices: Some(2),
        thinking: Some(Thinking { amount: ThinkingAmount::Budget(32_000), is_shown: Some(true) }),
        cache: Some(Cache::default()),
        ..Request::default()
    };

    let (built, losses) = built(request);

    let expected = ["stop", "n", "top_k", "seed", "reasoning", "name", "is_error", "cache_control.ttl"];
    assert_eq!(losses.names(), expected);
    assert_eq!(built["reasoning"], serde_json::json!({ "effort": "high", "summary": "auto" }));
    assert_eq!(built["tools"][0]["strict"], false);
    assert_eq!(built["tools"][0]["parameters"]["type"], "object");
    let items: Vec<_> = built["input"].as_array().unwrap().iter().map(|item| item["type"].clone()).collect();
    assert_eq!(items, ["message", "function_call_output"]);
}

#[test]
fn thoughts_are_asked_for_only_where_there_may_be_any() {
    let sealed = serde_json::json!(["reasoning.encrypted_content"]);
    for (model, include) in [
        ("gpt-5.2", &sealed),
        ("o3", &sealed),
        ("gpt-oss-120b", &sealed),
        ("my-deployment", &sealed),
        ("gpt-4o-mini", &serde_json::Value::Null),
        ("openai/gpt-4.1", &serde_json::Value::Null),
        ("ft:gpt-4o:x", &serde_json::Value::Null),
    ] {
        let (built, _) = built(Request { model: model.into(), ..Request::default() });

        assert_eq!((&built["include"], &built["store"]), (include, &false.into()), "{model}");
    }
}

#[test]
fn a_sound_has_no_counterpart() {
    let source = Source::Url { url: "https://example.com/a.mp3".into(), mime: None };
    let sound = Media { kind: MediaKind::Audio, source, name: None, detail: None };
    let messages = vec![Message::new(Role::User, vec![Content::Media(sound).into()])];
    let request = Request { messages, ..Request::default() };

    let built = build_request(request, &mut Losses::default());

    assert!(matches!(built, Err(Error::NoCounterpart { .. })));
}

#[test]
fn an_answer_that_failed_is_none() {
    let body = r#"{"status":"failed","error":{"code":"server_error","message":"Sorry."},"output":[]}"#;

    let error = parse_response(json(body), &Asked::default()).unwrap_err();

    assert_eq!(error.to_string(), "`error` tells a failure: Sorry.");
}
