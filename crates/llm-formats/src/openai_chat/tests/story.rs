//! The stories of the fixtures, as this API can tell them.

use crate::{
    json::Json,
    neutral::{
        Choice, Content, Effort, Head, Media, MediaKind, Message, Output, Part, Reasoning, Request, Response,
        Role, Sampling, Source, Stop, Thinking, ThinkingAmount, Tool, ToolCall, ToolChoice, ToolInput,
        ToolResult,
    },
    usage::Usage,
};

const PERSON: &str = r#"{"type":"object","properties":{"name":{"type":"string"},"age":{"type":"integer"}},"required":["name","age"],"additionalProperties":false}"#;
const CITY: &str = r#"{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}"#;

fn json(text: &'static str) -> Json<'static> {
    Json::parse(text.as_bytes()).unwrap()
}

fn said(role: Role, text: &'static str) -> Message<'static> {
    Message::new(role, vec![Part::text(text)])
}

fn call(id: &'static str, arguments: &'static str) -> Part<'static> {
    let (id, name, arguments) = (id.into(), "get_weather".into(), arguments.into());
    Content::ToolCall(ToolCall { id, name, arguments, is_free_form: false, seal: None }).into()
}

fn both_calls() -> Vec<Part<'static>> {
    vec![
        Part::text("I will look."),
        call("call_1", r#"{"city":"Paris"}"#),
        call("call_2", r#"{"city":"Rome"}"#),
    ]
}

fn result(id: &'static str, text: &'static str) -> Message<'static> {
    let (id, parts) = (id.into(), vec![Part::text(text)]);
    // That a call failed is not told here.
    let result = ToolResult { id, name: None, parts, is_error: false, is_free_form: false };
    Message::new(Role::User, vec![Content::ToolResult(result).into()])
}

fn thought(text: &'static str) -> Part<'static> {
    Content::Reasoning(Reasoning { texts: vec![text.into()], ..Reasoning::default() }).into()
}

fn image(source: Source<'static>) -> Part<'static> {
    Content::Media(Media { kind: MediaKind::Image, source, name: None, detail: None }).into()
}

fn weather() -> Vec<Tool<'static>> {
    vec![Tool {
        name: "get_weather".into(),
        description: Some("The weather of a city.".into()),
        input: ToolInput::Schema(Some(json(CITY))),
        strict: None,
        cache: None,
    }]
}

/// What is asked in a story.
pub(super) fn request(story: &str) -> Request<'static> {
    let model = match story {
        "reasoning" => "deepseek-reasoner",
        "stop_sequence" => "gpt-4.1",
        _ => "gpt-5.2",
    };
    let of = |messages| Request { model: model.into(), messages, ..Request::default() };
    let user = |text| of(vec![said(Role::User, text)]);
    let both = "How is the weather in Paris and in Rome?";
    let tools = |request, choice| Request { tools: weather(), tool_choice: Some(choice), ..request };
    match story {
        "text" => Request { max_tokens: Some(64), ..user("Say hello.") },
        "multi_turn" => of(vec![
            said(Role::User, "My name is Ada."),
            said(Role::Assistant, "Hello, Ada!"),
            said(Role::User, "What is my name?"),
        ]),
        "system" => Request {
            sampling: Sampling { temperature: Some(0.5), top_p: Some(0.9), ..Sampling::default() },
            ..of(vec![said(Role::System, "Answer in one word."), said(Role::User, "Is the sky blue?")])
        },
        "image" => of(vec![Message::new(
            Role::User,
            vec![
                Part::text("What is in this picture?"),
                image(Source::Base64 { mime: "image/png".into(), data: "iVBORw0KGgo=".into() }),
                image(Source::Url { url: "https://example.com/cat.png".into(), mime: None }),
            ],
        )]),
        "one_tool" => tools(user("How is the weather in Paris?"), ToolChoice::Auto),
        "parallel_tools" => tools(user(both), ToolChoice::Auto),
        "tool_result" => {
            let asked = of(vec![
                said(Role::User, both),
                Message::new(Role::Assistant, both_calls()),
                result("call_1", "18 degrees"),
                result("call_2", "no such city"),
                said(Role::User, "So?"),
            ]);
            tools(asked, ToolChoice::None)
        }
        "reasoning" => Request {
            thinking: Some(Thinking { amount: ThinkingAmount::Effort(Effort::Medium), is_shown: None }),
            ..of(vec![
                said(Role::User, "What is 1+1?"),
                Message::new(Role::Assistant, vec![thought("One and one."), Part::text("2")]),
                said(Role::User, "And 2+2?"),
            ])
        },
        "structured_output" => {
            let name = Some("person".into());
            let output =
                Output::JsonSchema { name, description: None, schema: json(PERSON), strict: Some(true) };
            Request { output, ..user("Who is Ada?") }
        }
        "stop_sequence" => Request { stop: vec!["END".into()], ..user("Count.") },
        "max_tokens" => Request { max_tokens: Some(5), ..user("Count.") },
        "refusal" => user("Do harm."),
        "usage" => user("Say hello."),
        story => panic!("{story}"),
    }
}

/// What is answered in a story.
pub(super) fn response(story: &str) -> Response<'static> {
    let (id, model) = match story {
        "reasoning" => ("e4a1c0de-7c3b-4b7e-9a55-2d1f0b6c8a90", "deepseek-reasoner"),
        "stop_sequence" => ("chatcmpl-CeK3vQ0bYwT7mXhRz1fJ8uLpN5sDa", "gpt-4.1-2025-04-14"),
        _ => ("chatcmpl-CeK3vQ0bYwT7mXhRz1fJ8uLpN5sDa", "gpt-5.2-2025-12-11"),
    };
    let refusal = Content::Refusal("I cannot help with that.".into());
    let (parts, stop) = match story {
        "text" | "usage" => (vec![Part::text("Hello!")], Stop::End),
        "multi_turn" => (vec![Part::text("Your name is Ada.")], Stop::End),
        "system" => (vec![Part::text("Yes.")], Stop::End),
        "image" => (vec![Part::text("A cat.")], Stop::End),
        "one_tool" => (vec![call("call_1", r#"{"city":"Paris"}"#)], Stop::ToolCalls),
        "parallel_tools" => (both_calls(), Stop::ToolCalls),
        "tool_result" => (vec![Part::text("It is 18 degrees in Paris.")], Stop::End),
        "reasoning" => (vec![thought("Two and two."), Part::text("4")], Stop::End),
        "structured_output" => (vec![Part::text(r#"{"name":"Ada","age":36}"#)], Stop::End),
        // That it was the stop text that ended it is not told here.
        "stop_sequence" => (vec![Part::text("one two ")], Stop::End),
        "max_tokens" => (vec![Part::text("One two three")], Stop::MaxTokens),
        "refusal" => (vec![refusal.into()], Stop::Refusal),
        story => panic!("{story}"),
    };
    let [input, output, reasoning, cached_read, cache_write] = match story {
        "text" => [9, 3, 0, 0, 0],
        "reasoning" => [30, 5, 12, 0, 0],
        "usage" => [40, 20, 10, 40, 20],
        _ => [25, 6, 0, 0, 0],
    };
    Response {
        head: Head { id: id.into(), model: model.into(), created: Some(1_795_000_000) },
        choices: vec![Choice { parts, stop, logprobs: Vec::new() }],
        usage: Some(Usage { input, cached_read, cache_write, output, reasoning }),
    }
}
