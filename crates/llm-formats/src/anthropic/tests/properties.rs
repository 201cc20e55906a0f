//! What holds for every answer and every request.

use proptest::{option, prelude::*, sample::select};

use super::{story::events_of, *};
use crate::neutral::{
    Cache, Choice, Content, Effort, Head, Media, MediaKind, Message, Part, Reasoning, Role, Source, Stop,
    Thinking, ThinkingAmount, Tool, ToolCall, ToolChoice, ToolInput, ToolResult,
    arbitrary::{seal, stop, usage},
};

const TOOLS: [&str; 3] = ["get_weather", "files.read", "patch"];
const FREE_FORM: &str = "patch";

fn asked() -> Asked {
    let tools = TOOLS.map(str::to_owned).to_vec();
    Asked { tools, free_form_tools: vec![FREE_FORM.to_owned()], ..Asked::default() }
}

fn thought() -> impl Strategy<Value = Part<'static>> {
    (prop::collection::vec(".{1,8}", 0..3), option::of(seal())).prop_map(|(texts, seal)| {
        let texts = texts.into_iter().map(Into::into).collect();
        Content::Reasoning(Reasoning { texts, seal, id: None }).into()
    })
}

fn call() -> impl Strategy<Value = Part<'static>> {
    let arguments = prop::collection::btree_map("[a-z]{1,3}", ".{0,6}", 0..3);
    ("call_[0-9]{1,3}", select(TOOLS.to_vec()), arguments, ".{0,8}").prop_map(
        |(id, name, arguments, plain)| {
            let is_free_form = name == FREE_FORM;
            let arguments = if is_free_form { plain } else { serde_json::to_string(&arguments).unwrap() };
            let call = ToolCall {
                id: id.into(),
                name: name.into(),
                arguments: arguments.into(),
                is_free_form,
                seal: None,
            };
            Content::ToolCall(call).into()
        },
    )
}

fn response() -> impl Strategy<Value = Response<'static>> {
    let text = ".{0,12}".prop_map(Part::text);
    let refusal = ".{0,6}".prop_map(|words| Part::from(Content::Refusal(words.into())));
    let part = prop_oneof![3 => text, 1 => refusal, 2 => thought(), 2 => call()];
    let parts = prop::collection::vec(part, 0..5);
    ("msg_[a-z0-9]{4}", parts, stop(), option::of(usage())).prop_map(|(id, parts, stop, usage)| {
        let head = Head { id: id.into(), model: "claude".into(), created: None };
        Response { head, choices: vec![Choice { parts, stop, logprobs: Vec::new() }], usage }
    })
}

/// An answer as far as Anthropic's format can carry it.
fn carried(mut response: Response<'static>) -> Response<'static> {
    let choice = &mut response.choices[0];
    let has = |is: fn(&Content<'_>) -> bool| choice.parts.iter().any(|part| is(&part.content));
    let has_calls = has(|content| matches!(content, Content::ToolCall(_)));
    let has_refusal = has(|content| matches!(content, Content::Refusal(words) if !words.is_empty()));
    choice.stop = match std::mem::take(&mut choice.stop) {
        Stop::End if has_calls => Stop::ToolCalls,
        Stop::End if has_refusal => Stop::Refusal,
        Stop::Filtered(_) => Stop::Refusal,
        stop => stop,
    };
    let parts = std::mem::take(&mut choice.parts).into_iter().filter_map(|part| match part.content {
        Content::Text(text) | Content::Refusal(text) => (!text.is_empty()).then(|| Part::text(text)),
        Content::Reasoning(thought) if thought.texts.is_empty() && thought.seal.is_none() => None,
        Content::Reasoning(thought) if thought.texts.is_empty() => Some(Content::Reasoning(thought).into()),
        Content::Reasoning(thought) => {
            let texts = vec![thought.texts.join("\n\n").into()];
            Some(Content::Reasoning(Reasoning { texts, ..thought }).into())
        }
        content => Some(content.into()),
    });
    choice.parts = parts.collect();
    response.usage = Some(response.usage.unwrap_or_default());
    response
}

fn conversation() -> impl Strategy<Value = Request<'static>> {
    let text = "[ a\n]{0,4}".prop_map(Part::text);
    let image = Just(Part::from(Content::Media(Media {
        kind: MediaKind::Image,
        source: Source::Url { url: "https://example.com".into(), mime: None },
        name: None,
        detail: None,
    })));
    let result = (text.clone(), any::<bool>()).prop_map(|(text, is_error)| {
        let result =
            ToolResult { id: "call_1".into(), name: None, parts: vec![text], is_error, is_free_form: false };
        Part::from(Content::ToolResult(result))
    });
    let part = prop_oneof![text, image, result, thought(), call()];
    let part = (part, prop::bool::weighted(0.3)).prop_map(|(mut part, is_marked)| {
        part.cache = is_marked.then(Cache::default);
        part
    });
    let role = select(vec![Role::System, Role::Developer, Role::User, Role::Assistant]);
    let message =
        (role, prop::collection::vec(part, 0..4)).prop_map(|(role, parts)| Message::new(role, parts));
    let amount = select(vec![
        ThinkingAmount::Adaptive,
        ThinkingAmount::Effort(Effort::None),
        ThinkingAmount::Effort(Effort::Max),
        ThinkingAmount::Budget(5),
        ThinkingAmount::Budget(u64::MAX),
    ]);
    let choice = select(vec![
        ToolChoice::Auto,
        ToolChoice::None,
        ToolChoice::Required,
        ToolChoice::Tool("patch".into()),
    ]);
    (
        prop::collection::vec(message, 0..6),
        select(vec!["claude-sonnet-4-5", "claude-opus-4-7", "other"]),
        option::of((amount, any::<Option<bool>>())),
        option::of(choice),
        option::of(0..20_000_u64),
        any::<bool>(),
    )
        .prop_map(|(messages, model, thinking, tool_choice, max_tokens, is_cached)| Request {
            model: model.into(),
            messages,
            tools: TOOLS.map(|name| tool(name.into())).into(),
            tool_choice,
            max_tokens,
            thinking: thinking.map(|(amount, is_shown)| Thinking { amount, is_shown }),
            prompt_cache_key: is_cached.then(|| "k".into()),
            ..Request::default()
        })
}

fn tool(name: std::borrow::Cow<'static, str>) -> Tool<'static> {
    Tool { name, description: None, input: ToolInput::Schema(None), strict: None, cache: None }
}

/// Insists on what Anthropic insists on.
fn assert_sendable(body: &Json<'_>) {
    let Some(Json::Array(turns)) = member(body, "messages") else { panic!("no messages") };
    for (index, turn) in turns.iter().enumerate() {
        let role = if index % 2 == 0 { "user" } else { "assistant" };
        assert_eq!(member(turn, "role"), Some(&role.into()));
        let blocks = match member(turn, "content") {
            Some(Json::Array(blocks)) => blocks,
            Some(Json::String(text)) => {
                assert!(!text.trim().is_empty());
                continue;
            }
            content => panic!("{content:?}"),
        };
        assert!(!blocks.is_empty());
        let kinds: Vec<_> =
            blocks.iter().map(|block| member(block, "type").unwrap().as_str().unwrap()).collect();
        let results = kinds.iter().take_while(|kind| **kind == "tool_result").count();
        assert!(!kinds[results..].contains(&"tool_result"), "{kinds:?}");
        for block in blocks {
            assert!(member(block, "text").is_none_or(|text| !text.as_str().unwrap().trim().is_empty()));
            let is_thought = member(block, "thinking").or(member(block, "data")).is_some();
            assert!(!is_thought || member(block, "cache_control").is_none());
        }
    }
    let text = String::from_utf8(body.to_vec()).unwrap();
    assert!(text.matches("cache_control").count() <= 4);
    assert!(!text.contains("akr1."));
    if let Some(budget) = member(body, "thinking.budget_tokens").and_then(Json::as_u64) {
        assert!((1_024..=member(body, "max_tokens").unwrap().as_u64().unwrap()).contains(&budget));
        assert!(matches!(
            member(body, "tool_choice.type").and_then(Json::as_str),
            None | Some("auto" | "none")
        ));
    }
}

proptest! {
    #[test]
    fn a_stream_put_together_is_the_whole_answer(response in response(), piece in 1..5_usize) {
        let whole = build_response(response.clone(), &asked());

        let stream = written(events_of(response, piece), &asked());

        prop_assert_eq!(assemble(&stream).as_ref().map(text_of), Some(text_of(&whole)));
    }

    #[test]
    fn an_answer_comes_back_as_far_as_the_format_carries_it(response in response()) {
        let body = build_response(response.clone(), &asked());

        prop_assert_eq!(parse_response(body, &asked()).unwrap(), carried(response));
    }

    #[test]
    fn a_stream_comes_back_as_far_as_the_format_carries_it(response in response(), piece in 1..5_usize) {
        let stream = written(events_of(response.clone(), piece), &asked());

        prop_assert_eq!(collect(read(&stream, &asked())), Some(carried(response)));
    }

    #[test]
    fn every_request_is_one_that_anthropic_takes_and_can_be_read_again(request in conversation()) {
        let (body, _) = built(request);

        assert_sendable(&body);
        let mut losses = Losses::default();
        parse_request(body, &mut losses).unwrap();
        prop_assert!(losses.is_empty(), "{:?}", losses);
    }

    #[test]
    fn any_bytes_are_survived(
        bytes in any::<Vec<u8>>(),
        words in prop::collection::vec(select(WORDS.to_vec()), 0..30),
    ) {
        let mixed = words.concat();
        for text in [&bytes[..], mixed.as_bytes()] {
            let error = parse_error(500, text);
            build_error(&error, "r");
            let mut reader = StreamReader::new(&asked());
            let mut writer = StreamWriter::new(asked());
            let mut out = Vec::new();
            let _ = reader.read(text, &mut |event| writer.write(event, &mut out));
            reader.finish(&mut |event| writer.write(event, &mut out));
            if let Ok(json) = Json::parse(text) {
                let _ = parse_response(json.clone(), &asked()).map(|response| build_response(response, &asked()));
                let mut losses = Losses::default();
                let _ = parse_request(json, &mut losses).and_then(|request| build_request(request, &mut losses));
            }
        }
    }
}

/// What bodies consist of.
const WORDS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "1",
    "null",
    "\"\"",
    "\"type\"",
    "\"text\"",
    "\"content\"",
    "\"messages\"",
    "\"role\"",
    "\"user\"",
    "\"model\"",
    "\"tools\"",
    "\"thinking\"",
    "\"content_block_start\"",
    "\"index\"",
    "\"content_block\"",
    "\"tool_use\"",
    "\"error\"",
    "\"source\"",
    "{\"type\":\"text\",\"text\":\"a\"}",
];
