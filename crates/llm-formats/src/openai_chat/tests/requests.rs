//! What a client asks, and what an upstream is asked.

use serde_json::{Value, json};

use super::parsed;
use crate::{
    json::Json,
    neutral::{
        Asked, Cache, Content, Effort, Losses, Media, MediaKind, Message, Output, Part, Reasoning, Request,
        Role, Sampling, Seal, SealMaker, ServiceTier, Source, Thinking, ThinkingAmount, Tool, ToolCall,
        ToolChoice, ToolInput, ToolResult,
    },
    openai_chat::build_request,
};

/// A request as an upstream gets it, and what was lost.
fn built(request: Request<'_>) -> (Value, Vec<String>) {
    let mut losses = Losses::default();
    let body = build_request(request, &mut losses).unwrap().to_vec();
    (serde_json::from_slice(&body).unwrap(), losses.names().to_vec())
}

fn to(model: &'static str) -> Request<'static> {
    Request { model: model.into(), messages: vec![said(Role::User, "hi")], ..Request::default() }
}

fn of(messages: Vec<Message<'static>>) -> Request<'static> {
    Request { messages, ..to("deepseek-chat") }
}

fn said(role: Role, text: &'static str) -> Message<'static> {
    Message::new(role, vec![Part::text(text)])
}

fn called(id: &'static str, seal: Option<Seal<'static>>) -> Part<'static> {
    let (id, name, arguments) = (id.into(), "look".into(), "".into());
    Content::ToolCall(ToolCall { id, name, arguments, is_free_form: false, seal }).into()
}

fn gave(id: &'static str, parts: Vec<Part<'static>>) -> Part<'static> {
    let result = ToolResult { id: id.into(), name: None, parts, is_error: false, is_free_form: false };
    Content::ToolResult(result).into()
}

fn media(kind: MediaKind, source: Source<'static>) -> Part<'static> {
    Content::Media(Media { kind, source, name: None, detail: None }).into()
}

fn picture() -> Part<'static> {
    media(MediaKind::Image, Source::Base64 { mime: "image/png".into(), data: "AA==".into() })
}

fn patch_tool() -> Tool<'static> {
    let format = r#"{"type":"grammar","syntax":"lark","definition":"start: x"}"#;
    let input = ToolInput::FreeForm { format: Some(Json::parse(format.as_bytes()).unwrap()) };
    Tool { name: "patch".into(), description: None, input, strict: None, cache: None }
}

#[test]
fn everything_that_a_client_may_ask_is_understood() {
    let (request, losses) = parsed(
        r#"{"model":"m","messages":[{"role":"developer","content":"be brief","name":"boss"}],
            "max_tokens":1,"max_completion_tokens":2,"n":2,"stop":"END","seed":-7,"top_k":5,
            "presence_penalty":0.5,"frequency_penalty":-0.5,"logprobs":true,"top_logprobs":3,
            "reasoning_effort":"high","verbosity":"low","user":"old","safety_identifier":"new",
            "metadata":{"a":"b"},"service_tier":"flex","prompt_cache_key":"k","parallel_tool_calls":false,
            "stream":true,"stream_options":{"include_usage":true,"include_obfuscation":false},
            "response_format":{"type":"json_object"},"modalities":["text"],"store":false,"audio":null}"#,
    );

    let request = request.unwrap();
    assert_eq!(losses, [""; 0]);
    assert_eq!(request.messages[0].role, Role::Developer);
    assert_eq!(request.messages[0].name.as_deref(), Some("boss"));
    assert_eq!(
        (request.max_tokens, request.choices, &*request.stop),
        (Some(2), Some(2), &["END".into()][..])
    );
    let Sampling { top_k, presence_penalty, frequency_penalty, seed, .. } = request.sampling;
    assert_eq!(
        (top_k, presence_penalty, frequency_penalty, seed),
        (Some(5), Some(0.5), Some(-0.5), Some(-7))
    );
    assert_eq!(request.logprobs.unwrap().top, Some(3));
    assert_eq!(request.thinking.unwrap().amount, ThinkingAmount::Effort(Effort::High));
    assert_eq!((request.verbosity.as_deref(), request.user.as_deref()), (Some("low"), Some("new")));
    assert!(request.metadata.is_some() && request.stream && request.include_usage);
    assert_eq!((request.service_tier, request.output), (Some(ServiceTier::Flex), Output::JsonObject));
    assert_eq!((request.prompt_cache_key.as_deref(), request.parallel_tool_calls), (Some("k"), Some(false)));
}

#[test]
fn what_openrouter_adds_to_thinking_is_understood() {
    for (asked, amount, is_shown) in [
        (r#""reasoning":{"effort":"low"}"#, ThinkingAmount::Effort(Effort::Low), None),
        (r#""reasoning":{"max_tokens":2000,"exclude":true}"#, ThinkingAmount::Budget(2000), Some(false)),
        (r#""reasoning":{"enabled":true}"#, ThinkingAmount::Adaptive, None),
        (r#""reasoning":{"enabled":false}"#, ThinkingAmount::Effort(Effort::None), None),
        (r#""include_reasoning":true"#, ThinkingAmount::Adaptive, Some(true)),
    ] {
        let body = format!(r#"{{"model":"m","messages":[{{"role":"user","content":"hi"}}],{asked}}}"#);

        let (request, losses) = parsed(&body);

        let thinking = Some(Thinking { amount, is_shown });
        assert_eq!((request.unwrap().thinking, losses), (thinking, vec![]), "{asked}");
    }
}

#[test]
fn what_cannot_be_carried_is_named() {
    let (request, losses) = parsed(
        r#"{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"hi","strange":1}]}],
            "logit_bias":{"5":1},"store":true,"service_tier":"scale","prediction":{"type":"content"},
            "web_search_options":{}}"#,
    );

    assert!(request.is_ok());
    let lost = ["messages[].content[].strange", "service_tier", "store", "logit_bias", "prediction"];
    assert_eq!(losses, [&lost[..], &["web_search_options"]].concat());
}

#[test]
fn what_would_change_the_question_is_an_error() {
    for (messages, error) in [
        (
            r#"[{"role":"user","content":[{"type":"file","file":{"file_id":"f"}}]}]"#,
            "`messages[0].content[0].file.file_id` cannot be translated",
        ),
        (r#"[{"role":"assistant","audio":{"id":"a"}}]"#, "`messages[0].audio` cannot be translated"),
        ("[]", "`messages` must have at least one message"),
        (r#"[{"role":"robot"}]"#, "`messages[0].role` must be one of"),
        (r#"[{"role":"function","name":"f","content":"1"}]"#, "no `function_call` comes before it"),
        (r#"[{"role":"tool","content":"1"}]"#, "`messages[0].tool_call_id` is missing"),
        (
            r#"[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:,x"}}]}]"#,
            "`messages[0].content[0].image_url.url` must be `data:`",
        ),
    ] {
        let body = format!(r#"{{"model":"m","messages":{messages}}}"#);

        let told = parsed(&body).0.unwrap_err().to_string();

        assert!(told.contains(error), "{told}");
    }
}

#[test]
fn media_are_read_and_written() {
    let content = r#"[{"type":"image_url","image_url":{"url":"https://x/1.png","detail":"low"}},
        {"type":"input_audio","input_audio":{"data":"AA==","format":"mp3"}},
        {"type":"file","file":{"filename":"a.pdf","file_data":"data:application/pdf;base64,AA=="}},
        {"type":"video_url","video_url":{"url":"https://x/1.mp4"}}]"#;
    let body = format!(r#"{{"model":"qwen","messages":[{{"role":"user","content":{content}}}]}}"#);

    let (request, losses) = parsed(&body);
    let request = request.unwrap();
    let kinds: Vec<_> = request.messages[0]
        .parts
        .iter()
        .map(|part| match &part.content {
            Content::Media(media) => media.kind,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(kinds, [MediaKind::Image, MediaKind::Audio, MediaKind::Document, MediaKind::Video]);
    assert_eq!(losses, [""; 0]);

    let (again, losses) = built(request);
    assert_eq!(again["messages"][0]["content"], serde_json::from_str::<Value>(content).unwrap());
    assert_eq!(losses, [""; 0]);
}

#[test]
fn media_that_no_upstream_of_the_kind_takes_are_an_error() {
    let url = || Source::Url { url: "https://x".into(), mime: None };
    for (model, kind) in
        [("qwen", MediaKind::Audio), ("qwen", MediaKind::Document), ("gpt-5.2", MediaKind::Video)]
    {
        let messages = vec![Message::new(Role::User, vec![media(kind, url())])];
        let request = Request { messages, ..to(model) };

        assert!(build_request(request, &mut Losses::default()).is_err(), "{model} {kind:?}");
    }
}

#[test]
fn deprecated_functions_are_tools() {
    let (request, losses) = parsed(
        r#"{"model":"m","functions":[{"name":"look","parameters":{"type":"object"}}],"function_call":{"name":"look"},
            "messages":[{"role":"user","content":"hi"},
            {"role":"assistant","content":null,"function_call":{"name":"look","arguments":"{}"}},
            {"role":"function","name":"look","content":"18"}]}"#,
    );

    let request = request.unwrap();
    assert_eq!((&*request.tools[0].name, losses.len()), ("look", 0));
    assert!(Asked::of(&request, String::new(), 0).has_functions);
    assert_eq!(request.tool_choice, Some(ToolChoice::Tool("look".into())));
    let (again, _) = built(request);
    assert_eq!(again["messages"][1]["tool_calls"][0]["id"], again["messages"][2]["tool_call_id"]);
    assert_eq!(again["messages"][2]["content"], "18");
}

#[test]
fn tools_of_plain_text_are_custom_tools_where_they_are_known_and_functions_elsewhere() {
    let chosen = r#"{"model":"gpt-5.2","messages":[{"role":"user","content":"hi"},
        {"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"custom","custom":{"name":"patch","input":"*** x"}}]},
        {"role":"tool","tool_call_id":"c","content":"done"}],
        "tools":[{"type":"custom","custom":{"name":"patch","format":{"type":"grammar","grammar":{"syntax":"lark","definition":"start: x"}}}}],
        "tool_choice":{"type":"custom","custom":{"name":"patch"}}}"#;

    let (request, losses) = parsed(chosen);
    let request = request.unwrap();
    assert_eq!((&request.tools[..], losses.len()), (&[patch_tool()][..], 0));
    assert!(
        matches!(&request.messages[2].parts[0].content, Content::ToolResult(result) if result.is_free_form)
    );

    let (known, losses) = built(request.clone());
    assert_eq!((known, losses), (serde_json::from_str(chosen).unwrap(), vec![]));

    let (unknown, losses) = built(Request { model: "deepseek-chat".into(), ..request });
    assert_eq!(unknown["tools"][0]["function"]["parameters"]["required"], json!(["input"]));
    let call = &unknown["messages"][1]["tool_calls"][0]["function"];
    assert_eq!(*call, json!({ "name": "patch", "arguments": r#"{"input":"*** x"}"# }));
    assert_eq!(unknown["tool_choice"]["function"]["name"], "patch");
    assert_eq!(losses, ["tools[].format"]);
}

#[test]
fn a_choice_among_some_tools_hides_the_others_where_it_is_not_known() {
    let tool = |name: &'static str| Tool { name: name.into(), ..patch_tool() };
    let choice = ToolChoice::Allowed { names: vec!["b".into()], required: true };
    let request =
        |model| Request { tools: vec![tool("a"), tool("b")], tool_choice: Some(choice.clone()), ..to(model) };

    let (known, _) = built(request("gpt-5.2"));
    assert_eq!(known["tools"].as_array().unwrap().len(), 2);
    assert_eq!(known["tool_choice"]["allowed_tools"]["mode"], "required");
    let (parsed, _) = parsed_again(&known);
    assert_eq!(parsed, Some(choice.clone()));

    let (unknown, _) = built(request("qwen3-max"));
    assert_eq!((&unknown["tools"][0]["function"]["name"], &unknown["tools"][1]), (&json!("b"), &Value::Null));
    assert_eq!(unknown["tool_choice"], "required");
}

fn parsed_again(body: &Value) -> (Option<ToolChoice<'static>>, Vec<String>) {
    let text = body.to_string().leak();
    let (request, losses) = parsed(text);
    (request.unwrap().tool_choice, losses)
}

#[test]
fn a_choice_among_no_tools_is_not_sent() {
    for (choice, lost) in [(ToolChoice::None, 0), (ToolChoice::Auto, 0), (ToolChoice::Required, 1)] {
        let request = Request { tool_choice: Some(choice), parallel_tool_calls: Some(true), ..to("gpt-5.2") };

        let (body, losses) = built(request);

        assert!(body.get("tool_choice").is_none() && body.get("parallel_tool_calls").is_none());
        assert_eq!(losses.len(), lost);
    }
}

#[test]
fn an_upstream_gets_what_its_kind_of_model_understands() {
    let request = |model| Request {
        messages: vec![said(Role::Developer, "be brief"), said(Role::User, "hi")],
        max_tokens: Some(9),
        thinking: Some(Thinking { amount: ThinkingAmount::Budget(1_024), is_shown: None }),
        verbosity: Some("low".into()),
        prompt_cache_key: Some("k".into()),
        service_tier: Some(ServiceTier::Priority),
        ..to(model)
    };

    let (gpt, losses) = built(request("gpt-5.2"));
    assert_eq!(losses, [""; 0]);
    assert_eq!(
        (&gpt["messages"][0]["role"], &gpt["max_completion_tokens"]),
        (&json!("developer"), &json!(9))
    );
    assert_eq!((&gpt["verbosity"], &gpt["reasoning_effort"]), (&json!("low"), &json!("low")));
    assert_eq!((&gpt["prompt_cache_key"], &gpt["service_tier"]), (&json!("k"), &json!("priority")));
    assert!(gpt.get("max_tokens").is_none());

    let (old, losses) = built(request("gpt-4o"));
    assert_eq!(losses, ["reasoning_effort", "verbosity"]);
    assert_eq!((&old["messages"][0]["role"], &old["max_tokens"]), (&json!("system"), &json!(9)));

    let (other, losses) = built(request("deepseek-reasoner"));
    assert_eq!(losses, ["verbosity", "service_tier", "prompt_cache_key"]);
    assert_eq!((&other["max_tokens"], &other["reasoning_effort"]), (&json!(9), &json!("low")));
    assert!(other.get("max_completion_tokens").is_none());
}

#[test]
fn what_the_api_does_not_know_is_named() {
    let cached = Part { cache: Some(Cache::default()), ..Part::text("hi") };
    let request = Request {
        messages: vec![
            Message::new(Role::System, vec![cached, picture()]),
            Message::new(
                Role::Assistant,
                vec![picture(), called("c", Some(Seal { maker: SealMaker::Gemini, data: "s".into() }))],
            ),
        ],
        sampling: Sampling { top_k: Some(1), ..Sampling::default() },
        thinking: Some(Thinking { amount: ThinkingAmount::Adaptive, is_shown: Some(true) }),
        metadata: Some(Json::Null),
        user: Some("x".repeat(65).into()),
        ..to("gpt-5.2")
    };

    let (_, losses) = built(request);

    let lost =
        ["metadata", "top_k", "cache_control", "image_url", "thought_signature", "reasoning.summary", "user"];
    assert_eq!(losses, lost);
}

#[test]
fn a_stream_is_always_asked_for_its_usage() {
    let (body, _) = built(Request { stream: true, include_usage: false, ..to("m") });

    assert_eq!((&body["stream"], &body["stream_options"]), (&json!(true), &json!({ "include_usage": true })));
}

#[test]
fn texts_of_one_message_are_one_string() {
    let texts = || vec![Part::text("a"), Part::text("b")];

    let (body, _) = built(of(vec![
        Message::new(Role::System, texts()),
        Message::new(Role::User, texts()),
        Message::new(Role::Assistant, texts()),
        Message::new(Role::User, vec![]),
    ]));

    let contents: Vec<_> =
        body["messages"].as_array().unwrap().iter().map(|message| &message["content"]).collect();
    assert_eq!(contents, ["a\n\nb", "a\n\nb", "ab", ""]);
}

#[test]
fn pictures_of_results_follow_all_results_in_a_message_of_the_user() {
    let (body, _) = built(of(vec![
        Message::new(Role::Assistant, vec![called("1", None), called("2", None)]),
        Message::new(Role::User, vec![gave("1", vec![picture()])]),
        Message::new(Role::User, vec![Part::text("and?"), gave("2", vec![Part::text("18")])]),
        said(Role::Assistant, "so"),
        Message::new(Role::User, vec![gave("3", vec![Part::text("a"), picture()])]),
    ]));

    let messages = body["messages"].as_array().unwrap();
    let roles: Vec<_> = messages.iter().map(|message| message["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["assistant", "tool", "tool", "user", "assistant", "tool", "user"]);
    assert_eq!(
        (&messages[0]["content"], &messages[0]["tool_calls"][0]["function"]["arguments"]),
        (&Value::Null, &json!("{}"))
    );
    assert!(messages[1]["content"].as_str().unwrap().contains("next message"));
    assert_eq!(messages[3]["content"][0]["type"], "image_url");
    assert_eq!(messages[3]["content"][1], json!({ "type": "text", "text": "and?" }));
    assert_eq!((&messages[5]["content"], messages[6]["content"].as_array().unwrap().len()), (&json!("a"), 1));
}

#[test]
fn one_turn_of_the_assistant_is_one_message() {
    let thought =
        || Content::Reasoning(Reasoning { texts: vec!["hm".into()], ..Reasoning::default() }).into();

    let (body, losses) = built(of(vec![
        Message::new(Role::Assistant, vec![thought()]),
        Message::new(Role::Assistant, vec![called("1", None)]),
        Message::new(Role::Assistant, vec![called("2", None)]),
        Message::new(Role::User, vec![gave("1", vec![]), gave("2", vec![])]),
        said(Role::Assistant, "a"),
        said(Role::Assistant, "b"),
    ]));

    let messages = body["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 5);
    assert_eq!(messages[0]["tool_calls"].as_array().unwrap().len(), 2);
    assert_eq!((&messages[0]["reasoning_content"], losses.len()), (&json!("hm"), 0));
    assert_eq!((&messages[3]["content"], &messages[4]["content"]), (&json!("a"), &json!("b")));
}

#[test]
fn thoughts_go_only_to_whom_they_may_have_come_from() {
    let sealed = |maker| Some(Seal { maker, data: "s".into() });
    for (model, seal, is_sent) in [
        ("deepseek-chat", None, true),
        ("deepseek-chat", Some(Seal { maker: SealMaker::Anthropic, data: "".into() }), true),
        ("deepseek-chat", sealed(SealMaker::Anthropic), false),
        ("gpt-5.2", None, false),
    ] {
        let reasoning = Reasoning { texts: vec!["hm".into()], seal, id: None };
        let messages =
            vec![Message::new(Role::Assistant, vec![Content::Reasoning(reasoning).into(), Part::text("a")])];

        let (body, losses) = built(Request { messages, ..to(model) });

        assert_eq!(body["messages"][0].get("reasoning_content").is_some(), is_sent, "{model}");
        assert_eq!(losses.is_empty(), is_sent, "{model}");
    }
}

#[test]
fn geminis_seals_go_to_gemini() {
    let body = r#"{"model":"gemini-3-pro","messages":[{"role":"assistant","content":null,"tool_calls":[
        {"id":"c","type":"function","function":{"name":"look","arguments":"{}"},
         "extra_content":{"google":{"thought_signature":"c2ln"}}}]}]}"#;

    let (request, losses) = parsed(body);

    assert_eq!(losses, [""; 0]);
    assert_eq!(built(request.unwrap()), (serde_json::from_str(body).unwrap(), vec![]));
}

#[test]
fn markers_of_the_prompt_cache_are_read_in_both_spellings() {
    for marker in [
        r#""cache_control":{"type":"ephemeral","ttl":"1h"}"#,
        r#""prompt_cache_breakpoint":{"mode":"explicit","ttl":"1h"}"#,
    ] {
        let body = format!(
            r#"{{"model":"m","messages":[{{"role":"user","content":[{{"type":"text","text":"hi",{marker}}}]}}]}}"#
        );

        let (request, losses) = parsed(&body);

        let cache = request.unwrap().messages[0].parts[0].cache.clone();
        assert_eq!((cache, losses), (Some(Cache { ttl: Some("1h".into()) }), vec![]));
    }
}
