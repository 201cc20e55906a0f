//! The stories as no format tells them.

use crate::{
    json::Json,
    neutral::{
        Asked, Choice, Content, Head, Media, MediaKind, Message, Output, Part, Reasoning, Request, Response,
        Role, Sampling, Seal, SealMaker, Source, Stop, Thinking, ThinkingAmount, Tool, ToolCall, ToolChoice,
        ToolInput, ToolResult,
    },
    usage::Usage,
};

/// A story.
pub(super) struct Story {
    pub(super) name: &'static str,
    pub(super) request: fn() -> Request<'static>,
    /// None when it is an error.
    pub(super) response: Option<fn() -> Response<'static>>,
}

/// What every answer has to know.
pub(super) fn asked() -> Asked {
    Asked { model: "gemini-2.5-pro".into(), ..Asked::default() }
}

const fn story(
    name: &'static str,
    request: fn() -> Request<'static>,
    response: fn() -> Response<'static>,
) -> Story {
    Story { name, request, response: Some(response) }
}

pub(super) const STORIES: &[Story] = &[
    story(
        "text",
        || Request { max_tokens: Some(64), ..asks("Say hello.") },
        || Response { usage: Some(usage(9, 3)), ..says("Hello!") },
    ),
    story("multi_turn", multi_turn, || says("Your name is Ada.")),
    story("system", system, || says("Yes.")),
    story("image", image, || says("A cat.")),
    story(
        "one_tool",
        || Request { tool_choice: Some(ToolChoice::Auto), ..asks_with_tool("How is the weather in Paris?") },
        || answer(vec![call("call_1", r#"{"city":"Paris"}"#)], Stop::ToolCalls),
    ),
    story(
        "parallel_tools",
        || Request { tool_choice: Some(ToolChoice::Auto), ..asks_with_tool(TWO_CITIES) },
        || answer(two_calls(), Stop::ToolCalls),
    ),
    story("tool_result", tool_result, || says("It is 18 degrees in Paris.")),
    story("reasoning", reasoning, || Response {
        usage: Some(Usage { reasoning: 12, ..usage(30, 5) }),
        ..answer(vec![thought("Two and two.", "c2lnMg=="), Part::text("4")], Stop::End)
    }),
    story("structured_output", structured_output, || says(r#"{"name":"Ada","age":36}"#)),
    // Gemini does not tell that it was a text that ended the answer.
    story("stop_sequence", || Request { stop: vec!["END".into()], ..asks("Count.") }, || says("one two ")),
    story(
        "max_tokens",
        || Request { max_tokens: Some(5), ..asks("Count.") },
        || answer(vec![Part::text("One two three")], Stop::MaxTokens),
    ),
    story(
        "refusal",
        || asks("Do harm."),
        || answer(vec![Part::text("I cannot help with that.")], Stop::Filtered("SAFETY".into())),
    ),
    story(
        "usage",
        || asks("Say hello."),
        || Response {
            usage: Some(Usage { input: 60, cached_read: 40, cache_write: 0, output: 20, reasoning: 10 }),
            ..says("Hello!")
        },
    ),
    Story { name: "error", request: || asks("Say hello."), response: None },
];

const TWO_CITIES: &str = "How is the weather in Paris and in Rome?";

fn user(parts: Vec<Part<'static>>) -> Message<'static> {
    Message::new(Role::User, parts)
}

fn assistant(parts: Vec<Part<'static>>) -> Message<'static> {
    Message::new(Role::Assistant, parts)
}

fn asks(text: &'static str) -> Request<'static> {
    Request { messages: vec![user(vec![Part::text(text)])], ..Request::default() }
}

fn says(text: &'static str) -> Response<'static> {
    answer(vec![Part::text(text)], Stop::End)
}

fn answer(parts: Vec<Part<'static>>, stop: Stop<'static>) -> Response<'static> {
    let head = Head { id: "mAitaLmkHPPlz7IPvtfUqQ4".into(), model: "gemini-2.5-pro".into(), created: None };
    let choices = vec![Choice { parts, stop, logprobs: vec![] }];
    Response { head, choices, usage: Some(usage(25, 6)) }
}

fn usage(input: u64, output: u64) -> Usage {
    Usage { input, output, ..Usage::default() }
}

fn schema(text: &'static str) -> Json<'static> {
    Json::parse(text.as_bytes()).unwrap()
}

fn call(id: &'static str, arguments: &'static str) -> Part<'static> {
    Content::ToolCall(ToolCall {
        id: id.into(),
        name: "get_weather".into(),
        arguments: arguments.into(),
        is_free_form: false,
        seal: None,
    })
    .into()
}

fn two_calls() -> Vec<Part<'static>> {
    vec![
        Part::text("I will look."),
        call("call_1", r#"{"city":"Paris"}"#),
        call("call_2", r#"{"city":"Rome"}"#),
    ]
}

fn thought(text: &'static str, signature: &'static str) -> Part<'static> {
    let seal = Some(Seal { maker: SealMaker::Gemini, data: signature.into() });
    Content::Reasoning(Reasoning { texts: vec![text.into()], seal, id: None }).into()
}

fn asks_with_tool(text: &'static str) -> Request<'static> {
    let tool = Tool {
        name: "get_weather".into(),
        description: Some("The weather of a city.".into()),
        input: ToolInput::Schema(Some(schema(
            r#"{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}"#,
        ))),
        strict: None,
        cache: None,
    };
    Request { tools: vec![tool], ..asks(text) }
}

fn multi_turn() -> Request<'static> {
    let messages = vec![
        user(vec![Part::text("My name is Ada.")]),
        assistant(vec![Part::text("Hello, Ada!")]),
        user(vec![Part::text("What is my name?")]),
    ];
    Request { messages, ..Request::default() }
}

fn system() -> Request<'static> {
    let messages = vec![
        Message::new(Role::System, vec![Part::text("Answer in one word.")]),
        user(vec![Part::text("Is the sky blue?")]),
    ];
    let sampling = Sampling { temperature: Some(0.5), top_p: Some(0.9), ..Sampling::default() };
    Request { messages, sampling, ..Request::default() }
}

fn image() -> Request<'static> {
    let picture = |source| Content::Media(Media { kind: MediaKind::Image, source, name: None, detail: None });
    let here = Source::Base64 { mime: "image/png".into(), data: "iVBORw0KGgo=".into() };
    let there = Source::Url { url: "https://example.com/cat.png".into(), mime: Some("image/png".into()) };
    let parts = vec![Part::text("What is in this picture?"), picture(here).into(), picture(there).into()];
    Request { messages: vec![user(parts)], ..Request::default() }
}

fn tool_result() -> Request<'static> {
    let result = |id: &'static str, text: &'static str, is_error| {
        Content::ToolResult(ToolResult {
            id: id.into(),
            name: Some("get_weather".into()),
            parts: vec![Part::text(text)],
            is_error,
            is_free_form: false,
        })
    };
    let results = vec![
        result("call_1", "18 degrees", false).into(),
        result("call_2", "no such city", true).into(),
        Part::text("So?"),
    ];
    let mut request = asks_with_tool(TWO_CITIES);
    request.messages.extend([assistant(two_calls()), user(results)]);
    Request { tool_choice: Some(ToolChoice::None), ..request }
}

fn reasoning() -> Request<'static> {
    let messages = vec![
        user(vec![Part::text("What is 1+1?")]),
        assistant(vec![thought("One and one.", "c2lnMQ=="), Part::text("2")]),
        user(vec![Part::text("And 2+2?")]),
    ];
    let thinking = Thinking { amount: ThinkingAmount::Budget(8_192), is_shown: Some(true) };
    Request { messages, thinking: Some(thinking), ..Request::default() }
}

/// Gemini has no name for a schema, and always keeps to it.
fn structured_output() -> Request<'static> {
    let schema = schema(
        r#"{"type":"object","properties":{"name":{"type":"string"},"age":{"type":"integer"}},"required":["name","age"],"additionalProperties":false}"#,
    );
    let output = Output::JsonSchema { name: None, description: None, schema, strict: None };
    Request { output, ..asks("Who is Ada?") }
}
