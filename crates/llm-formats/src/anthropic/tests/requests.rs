//! What Anthropic is sent, beyond the stories.

use super::*;
use crate::neutral::{
    Cache, Content, Effort, Error, Media, MediaKind, Message, Output, Part, Reasoning, Role, Sampling, Seal,
    SealMaker, ServiceTier, Source, Thinking, ThinkingAmount, Tool, ToolCall, ToolChoice, ToolInput,
    ToolResult,
};

fn user(text: &'static str) -> Message<'static> {
    Message::new(Role::User, vec![Part::text(text)])
}

fn assistant(parts: Vec<Part<'static>>) -> Message<'static> {
    Message::new(Role::Assistant, parts)
}

fn request(messages: Vec<Message<'static>>) -> Request<'static> {
    Request { model: "claude-sonnet-4-5".into(), messages, ..Request::default() }
}

fn call(id: &'static str) -> Part<'static> {
    let call =
        ToolCall { id: id.into(), name: "f".into(), arguments: "{}".into(), is_free_form: false, seal: None };
    Content::ToolCall(call).into()
}

fn result(id: &'static str, parts: Vec<Part<'static>>, is_error: bool) -> Part<'static> {
    Content::ToolResult(ToolResult { id: id.into(), name: None, parts, is_error, is_free_form: false }).into()
}

fn thought(maker: Option<SealMaker>) -> Part<'static> {
    let seal = maker.map(|maker| Seal { maker, data: "c2ln".into() });
    Content::Reasoning(Reasoning { texts: vec!["Hm.".into()], seal, id: None }).into()
}

fn tool(name: &'static str) -> Tool<'static> {
    Tool { name: name.into(), description: None, input: ToolInput::Schema(None), strict: None, cache: None }
}

fn thinking(amount: ThinkingAmount) -> Thinking {
    Thinking { amount, is_shown: None }
}

#[test]
fn what_anthropic_demands_is_there_when_nobody_told_it() {
    let (body, losses) = built(request(vec![user("hi")]));

    assert_eq!(
        body,
        json(
            r#"{"model":"claude-sonnet-4-5","max_tokens":32000,"messages":[{"role":"user","content":"hi"}]}"#
        )
    );
    assert!(losses.is_empty());
}

#[test]
fn turns_begin_with_the_user_and_nothing_in_them_is_empty() {
    let (body, _) = built(request(vec![
        Message::new(Role::Developer, vec![Part::text("be brief"), Part::text(" ")]),
        assistant(vec![Part::text("Hello."), Part::text("")]),
        user(" \n"),
        user("a"),
        user("b"),
        assistant(vec![Part::text("so \n")]),
    ]));

    assert_eq!(member(&body, "system"), Some(&"be brief".into()));
    assert_eq!(
        text_of(member(&body, "messages").unwrap()),
        text_of(&json(
            r#"[{"role":"user","content":"."},
                {"role":"assistant","content":"Hello."},
                {"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]},
                {"role":"assistant","content":"so"}]"#
        ))
    );
}

#[test]
fn instructions_alone_are_a_conversation_too() {
    let (body, _) = built(request(vec![Message::new(Role::System, vec![Part::text("Say hello.")])]));

    assert_eq!(member(&body, "messages"), Some(&json(r#"[{"role":"user","content":"."}]"#)));
}

#[test]
fn results_come_first_in_their_turn_and_an_error_has_words() {
    let (body, _) = built(request(vec![
        user("go"),
        assistant(vec![call("call:1"), call("2")]),
        user("quick!"),
        Message::new(
            Role::User,
            vec![result("call:1", vec![Part::text("")], true), result("2", vec![], false)],
        ),
    ]));

    let results = member(&body, "messages.2.content").unwrap();
    assert_eq!(member(results, "0.tool_use_id"), member(&body, "messages.1.content.0.id"));
    assert!(member(results, "0.tool_use_id").unwrap().as_str().unwrap().starts_with("call_1_"));
    assert_eq!(
        (member(results, "0.content"), member(results, "0.is_error")),
        (Some(&".".into()), Some(&true.into()))
    );
    assert_eq!((member(results, "1.content"), member(results, "1.is_error")), (None, None));
    assert_eq!(member(results, "2.text"), Some(&"quick!".into()));
}

#[test]
fn a_thought_goes_back_to_its_maker_only() {
    let hidden = Reasoning {
        seal: Some(Seal { maker: SealMaker::AnthropicRedacted, data: "ZGF0YQ==".into() }),
        ..Reasoning::default()
    };
    let (body, losses) = built(request(vec![
        user("a"),
        assistant(vec![
            thought(Some(SealMaker::OpenAi)),
            thought(None),
            thought(Some(SealMaker::Anthropic)),
            Content::Reasoning(hidden).into(),
            Part::text("b"),
        ]),
        user("c"),
    ]));

    assert_eq!(losses.names(), ["reasoning"]);
    assert_eq!(
        member(&body, "messages.1.content"),
        Some(&json(
            r#"[{"type":"thinking","thinking":"Hm.","signature":"c2ln"},
                {"type":"redacted_thinking","data":"ZGF0YQ=="},{"type":"text","text":"b"}]"#
        ))
    );
}

#[test]
fn thinking_is_told_as_the_models_generation_knows_it() {
    use Effort::{Medium, Minimal, XHigh};
    for (model, amount, told) in [
        (
            "claude-sonnet-4-5",
            ThinkingAmount::Effort(Medium),
            r#"{"thinking":{"type":"enabled","budget_tokens":8192}}"#,
        ),
        (
            "claude-sonnet-4-5",
            ThinkingAmount::Budget(100),
            r#"{"thinking":{"type":"enabled","budget_tokens":1024}}"#,
        ),
        (
            "claude-sonnet-4-5",
            ThinkingAmount::Adaptive,
            r#"{"thinking":{"type":"enabled","budget_tokens":8192}}"#,
        ),
        ("claude-sonnet-4-5", ThinkingAmount::Effort(Effort::None), "{}"),
        ("claude-opus-4-6", ThinkingAmount::Adaptive, r#"{"thinking":{"type":"adaptive"}}"#),
        (
            "claude-opus-4-6",
            ThinkingAmount::Effort(XHigh),
            r#"{"thinking":{"type":"adaptive"},"output_config":{"effort":"high"}}"#,
        ),
        (
            "claude-opus-4-7",
            ThinkingAmount::Effort(XHigh),
            r#"{"thinking":{"type":"adaptive"},"output_config":{"effort":"xhigh"}}"#,
        ),
        (
            "claude-opus-4-7",
            ThinkingAmount::Effort(Minimal),
            r#"{"thinking":{"type":"adaptive"},"output_config":{"effort":"low"}}"#,
        ),
        (
            "claude-opus-4-7",
            ThinkingAmount::Budget(10_000),
            r#"{"thinking":{"type":"adaptive"},"output_config":{"effort":"high"}}"#,
        ),
        ("claude-opus-4-7", ThinkingAmount::Budget(0), "{}"),
        ("claude-opus-5", ThinkingAmount::Effort(Effort::None), r#"{"output_config":{"effort":"low"}}"#),
    ] {
        let request =
            Request { model: model.into(), thinking: Some(thinking(amount)), ..request(vec![user("a")]) };

        let Json::Object(mut body) = built(request).0 else { panic!() };

        let told_members = ["thinking", "output_config"].map(|name| (name.into(), body.take(name)));
        let told_members = told_members.into_iter().filter_map(|(name, value)| Some((name, value?)));
        assert_eq!(Json::Object(told_members.collect()), json(told), "{model} {amount:?}");
    }
}

#[test]
fn the_limit_of_tokens_is_above_a_budget() {
    for (told, written) in
        [(None, 32_000_u64), (Some(100), 8_292), (Some(8_192), 16_384), (Some(9_000), 9_000)]
    {
        let (body, _) = built(Request {
            max_tokens: told,
            thinking: Some(thinking(ThinkingAmount::Effort(Effort::Medium))),
            ..request(vec![user("a")])
        });

        assert_eq!(member(&body, "max_tokens"), Some(&written.into()), "{told:?}");
    }
}

#[test]
fn a_budget_is_given_up_where_anthropic_would_refuse_it() {
    let results = || Message::new(Role::User, vec![result("1", vec![], false)]);
    let unfinished = vec![user("a"), assistant(vec![Part::text("I look."), call("1")]), results()];
    let thoughtful =
        vec![user("a"), assistant(vec![thought(Some(SealMaker::Anthropic)), call("1")]), results()];
    let prefilled = vec![user("a"), assistant(vec![Part::text("b")])];
    let finished = vec![user("a"), assistant(vec![Part::text("b")]), user("c")];
    for (model, messages, choice, thinks) in [
        ("claude-sonnet-4-5", vec![user("a")], Some(ToolChoice::Required), false),
        ("claude-sonnet-4-5", vec![user("a")], Some(ToolChoice::Auto), true),
        ("claude-sonnet-4-5", unfinished.clone(), None, false),
        ("claude-sonnet-4-5", thoughtful, None, true),
        ("claude-sonnet-4-5", prefilled, None, false),
        ("claude-sonnet-4-5", finished, None, true),
        ("claude-opus-4-6", unfinished, Some(ToolChoice::Required), true),
    ] {
        let (body, losses) = built(Request {
            model: model.into(),
            tools: vec![tool("f")],
            tool_choice: choice.clone(),
            thinking: Some(thinking(ThinkingAmount::Effort(Effort::Low))),
            max_tokens: Some(5),
            ..request(messages.clone())
        });

        assert_eq!(member(&body, "thinking").is_some(), thinks, "{model} {choice:?} {messages:?}");
        assert_eq!(losses.names().contains(&"reasoning_effort".to_owned()), !thinks);
        assert!(thinks || member(&body, "max_tokens") == Some(&5_u64.into()));
    }
}

#[test]
fn sampling_is_told_as_far_as_the_model_takes_it() {
    let all = Sampling {
        temperature: Some(1.5),
        top_p: Some(0.9),
        top_k: Some(40),
        presence_penalty: Some(0.1),
        frequency_penalty: Some(0.0),
        seed: Some(-1),
    };
    let request = |model: &'static str, sampling, thinking| Request {
        model: model.into(),
        sampling,
        thinking,
        ..request(vec![user("a")])
    };

    let (older, losses) = built(request("claude-sonnet-4-5", all, None));
    assert_eq!(losses.names(), ["temperature", "top_p", "presence_penalty", "seed"]);
    assert_eq!((member(&older, "temperature"), member(&older, "top_p")), (Some(&1.0.into()), None));
    assert_eq!(member(&older, "top_k"), Some(&40_u64.into()));

    let thinks = Some(thinking(ThinkingAmount::Effort(Effort::Low)));
    for (model, thinking) in [("claude-opus-4-7", None), ("claude-sonnet-4-5", thinks)] {
        let (body, losses) = built(request(model, all, thinking));
        assert_eq!(losses.names(), ["temperature", "top_p", "top_k", "presence_penalty", "seed"]);
        assert!(["temperature", "top_p", "top_k"].iter().all(|name| member(&body, name).is_none()));
    }

    let defaults = Sampling { temperature: Some(1.0), top_p: Some(0.5), ..Sampling::default() };
    let (body, losses) = built(request("claude-sonnet-4-5", defaults, None));
    assert_eq!((member(&body, "temperature"), member(&body, "top_p")), (None, Some(&0.5.into())));
    assert!(losses.is_empty());
}

#[test]
fn tools_have_names_and_schemas_that_anthropic_takes() {
    let free_form = ToolInput::FreeForm { format: Some(Json::from("lark")) };
    let untyped = ToolInput::Schema(Some(json(r#"{"properties":{}}"#)));
    let (body, losses) = built(Request {
        tools: vec![
            Tool { strict: Some(true), ..tool("files.read") },
            Tool { input: untyped, strict: Some(false), ..tool("b") },
            Tool { input: free_form, ..tool("patch") },
        ],
        tool_choice: Some(ToolChoice::Tool("files.read".into())),
        parallel_tool_calls: Some(false),
        ..request(vec![user("a")])
    });

    assert_eq!(losses.names(), ["tools[].format"]);
    let expected = r#"[
        {"name":"files_read_d5ab421fd0376a62","input_schema":{"type":"object","properties":{}},"strict":true},
        {"name":"b","input_schema":{"type":"object","properties":{}}},
        {"name":"patch","input_schema":{"type":"object","properties":{"input":{"type":"string"}},"required":["input"]}}]"#;
    assert_eq!(member(&body, "tools"), Some(&json(expected)));
    assert_eq!(
        member(&body, "tool_choice"),
        Some(&json(
            r#"{"type":"tool","name":"files_read_d5ab421fd0376a62","disable_parallel_tool_use":true}"#
        ))
    );
}

#[test]
fn a_choice_among_some_tools_leaves_only_those() {
    for (names, required, tools, choice) in [
        (
            &["b"][..],
            true,
            Some(r#"[{"name":"b","input_schema":{"type":"object","properties":{}}}]"#),
            Some(r#"{"type":"any"}"#),
        ),
        (&[][..], false, None, None),
    ] {
        let names = names.iter().map(|name| (*name).into()).collect();
        let (body, _) = built(Request {
            tools: vec![tool("a"), tool("b")],
            tool_choice: Some(ToolChoice::Allowed { names, required }),
            ..request(vec![user("a")])
        });

        assert_eq!(member(&body, "tools"), tools.map(json).as_ref());
        assert_eq!(member(&body, "tool_choice"), choice.map(json).as_ref());
    }
}

#[test]
fn a_prompt_cache_key_marks_the_ends_of_the_instructions_and_of_the_last_turn() {
    let messages = vec![
        Message::new(Role::System, vec![Part::text("s")]),
        user("a"),
        assistant(vec![Part::text("b")]),
        user("c"),
    ];
    let (body, losses) = built(Request { prompt_cache_key: Some("k".into()), ..request(messages) });

    let marker = json(r#"{"type":"ephemeral"}"#);
    assert_eq!(member(&body, "system.0.cache_control"), Some(&marker));
    assert_eq!(member(&body, "messages.2.content.0.cache_control"), Some(&marker));
    assert_eq!(String::from_utf8(body.to_vec()).unwrap().matches("cache_control").count(), 2);
    assert!(losses.is_empty());
}

#[test]
fn the_last_four_of_a_clients_own_markers_stay() {
    let marked =
        |text: &'static str| Part { cache: Some(Cache { ttl: Some("1h".into()) }), ..Part::text(text) };
    let messages = vec![
        Message::new(Role::System, vec![marked("s")]),
        Message::new(Role::User, vec![marked("a"), marked("b"), marked("c"), Part::text("d")]),
    ];
    let tools = vec![Tool { cache: Some(Cache::default()), ..tool("f") }];
    let (body, _) = built(Request { tools, prompt_cache_key: Some("k".into()), ..request(messages) });

    assert_eq!(member(&body, "tools.0.cache_control"), None);
    assert_eq!(member(&body, "system.0.cache_control.ttl"), Some(&"1h".into()));
    assert_eq!(String::from_utf8(body.to_vec()).unwrap().matches("cache_control").count(), 4);
}

#[test]
fn media_that_anthropic_cannot_take_is_refused_with_its_name() {
    let media = |kind, mime: &'static str| {
        let source = Source::Base64 { mime: mime.into(), data: "AA==".into() };
        Part::from(Content::Media(Media { kind, source, name: None, detail: Some("high".into()) }))
    };
    for (part, what) in [
        (media(MediaKind::Audio, "audio/wav"), "input_audio"),
        (media(MediaKind::Document, "text/csv"), "text/csv"),
    ] {
        let request = request(vec![Message::new(Role::User, vec![part])]);
        let error = build_request(request, &mut Losses::default()).unwrap_err();
        assert!(matches!(&error, Error::NoCounterpart { what: told } if told.contains(what)), "{error}");
    }

    let picture = media(MediaKind::Image, "image/jpg");
    let messages = vec![Message::new(Role::User, vec![picture.clone()]), assistant(vec![picture]), user("a")];
    let (body, losses) = built(request(messages));
    assert_eq!(member(&body, "messages.0.content.0.source.media_type"), Some(&"image/jpeg".into()));
    assert_eq!(losses.names(), ["image_url", "detail"]);
}

#[test]
fn what_has_no_counterpart_is_named_and_what_would_be_refused_is_left_out() {
    let mut named = user("a");
    named.name = Some("Ada".into());
    let (body, losses) = built(Request {
        choices: Some(2),
        verbosity: Some("low".into()),
        metadata: Some(Members::new().into()),
        output: Output::JsonObject,
        stop: vec!["\n".into(), "END".into()],
        user: Some("ada@example.com".into()),
        service_tier: Some(ServiceTier::Flex),
        ..request(vec![named])
    });

    assert_eq!(
        losses.names(),
        ["n", "verbosity", "metadata", "messages[].name", "stop", "user", "response_format", "service_tier"]
    );
    assert_eq!(member(&body, "stop_sequences"), Some(&json(r#"["END"]"#)));
    for (name, is_sent) in [("user-1", true), ("+1 (415) 555-0100", false), ("12345", true)] {
        let (body, _) = built(Request { user: Some(name.into()), ..request(vec![user("a")]) });
        assert_eq!(member(&body, "metadata.user_id").is_some(), is_sent, "{name}");
    }
}
