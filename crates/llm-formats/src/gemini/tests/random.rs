//! Random requests and answers that Gemini can tell without a loss.

use std::borrow::Cow;

use proptest::{collection::vec, option, prelude::*, sample::select};

use crate::{
    json::Json,
    neutral::{
        Choice, Content, Head, Logprobs, Media, MediaKind, Message, Output, Part, Reasoning, Request,
        Response, Role, Sampling, Seal, SealMaker, ServiceTier, Source, Stop, Thinking, ThinkingAmount,
        TokenLogprob, Tool, ToolCall, ToolChoice, ToolInput, ToolResult,
    },
    usage::Usage,
};

fn text() -> impl Strategy<Value = Cow<'static, str>> {
    "[a-z\"\\\\\u{2028}ü\n ]{1,12}".prop_map(Cow::Owned)
}

fn name() -> impl Strategy<Value = Cow<'static, str>> {
    select(vec!["get_weather", "f", "read-file"]).prop_map(Cow::Borrowed)
}

fn data() -> impl Strategy<Value = Cow<'static, str>> {
    "[a-zA-Z0-9+/]{4}{1,3}".prop_map(Cow::Owned)
}

fn seal(makers: &'static [SealMaker]) -> impl Strategy<Value = Seal<'static>> {
    (select(makers), data()).prop_map(|(maker, data)| Seal { maker, data })
}

const GEMINI: &[SealMaker] = &[SealMaker::Gemini];
const ALL: &[SealMaker] =
    &[SealMaker::Gemini, SealMaker::Anthropic, SealMaker::AnthropicRedacted, SealMaker::OpenAi];

fn arguments() -> impl Strategy<Value = Cow<'static, str>> {
    select(vec!["{}", r#"{"city":"Paris"}"#, r#"{"a_b":[1,{"c":null}],"d":"\"ü\n"}"#]).prop_map(Cow::Borrowed)
}

/// What the model says. Words do not follow on words, nor thoughts on thoughts: in a stream they would be one.
fn said(makers: &'static [SealMaker]) -> impl Strategy<Value = Vec<Part<'static>>> {
    let reasoning =
        (option::of(text()), option::of(seal(makers))).prop_filter_map("says nothing", |(text, seal)| {
            let texts: Vec<_> = text.into_iter().collect();
            let is_something = !texts.is_empty() || seal.is_some();
            is_something.then_some(Content::Reasoning(Reasoning { texts, seal, id: None }))
        });
    let call = (name(), arguments(), option::of(seal(GEMINI))).prop_map(|(name, arguments, seal)| {
        Content::ToolCall(ToolCall { id: "".into(), name, arguments, is_free_form: false, seal })
    });
    let content = prop_oneof![text().prop_map(Content::Text), reasoning, call];
    vec(content, 0..5).prop_map(|contents| {
        let mut parts: Vec<Part<'static>> = Vec::new();
        for content in contents {
            let is_more = parts.last().is_some_and(|last| {
                !matches!(content, Content::ToolCall(_))
                    && std::mem::discriminant(&last.content) == std::mem::discriminant(&content)
            });
            if !is_more {
                parts.push(content.into());
            }
        }
        parts
    })
}

/// Gives each call an id, and tells the calls.
fn numbered(parts: &mut [Part<'static>], count: &mut usize) -> Vec<ToolCall<'static>> {
    let mut calls = Vec::new();
    for part in parts {
        if let Content::ToolCall(call) = &mut part.content {
            *count += 1;
            call.id = format!("id-{count}").into();
            calls.push(call.clone());
        }
    }
    calls
}

fn logprob() -> impl Strategy<Value = f64> {
    (-40..0_i32).prop_map(|quarters| f64::from(quarters) / 4.0)
}

fn token(has_top: bool) -> impl Strategy<Value = TokenLogprob<'static>> {
    let top = vec((text(), logprob()), if has_top { 1..3 } else { 0..1 });
    (text(), logprob(), top).prop_map(|(token, logprob, top)| TokenLogprob { token, logprob, top })
}

fn choice() -> impl Strategy<Value = Choice<'static>> {
    let stop = select(vec![
        Stop::End,
        Stop::MaxTokens,
        Stop::Filtered("SAFETY".into()),
        Stop::Filtered("OTHER".into()),
    ]);
    let logprobs = any::<bool>().prop_flat_map(|has_top| vec(token(has_top), 0..3));
    (said(ALL), stop, logprobs).prop_map(|(parts, stop, logprobs)| {
        let has_calls = parts.iter().any(|part| matches!(part.content, Content::ToolCall(_)));
        let stop = if has_calls && stop == Stop::End { Stop::ToolCalls } else { stop };
        let logprobs = if parts.is_empty() { vec![] } else { logprobs };
        Choice { parts, stop, logprobs }
    })
}

fn usage() -> impl Strategy<Value = Usage> {
    (0..99_u64, 0..99_u64, 0..99_u64, 0..99_u64).prop_map(|(input, cached_read, output, reasoning)| Usage {
        input,
        cached_read,
        cache_write: 0,
        output,
        reasoning,
    })
}

/// An answer.
pub(super) fn response() -> impl Strategy<Value = Response<'static>> {
    (vec(choice(), 1..3), option::of(usage())).prop_map(|(mut choices, usage)| {
        let mut count = 0;
        for choice in &mut choices {
            numbered(&mut choice.parts, &mut count);
        }
        let head = Head { id: "answer".into(), model: "gemini-2.5-pro".into(), created: None };
        Response { head, choices, usage }
    })
}

fn schema() -> impl Strategy<Value = Json<'static>> {
    let schemas = vec![
        r#"{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}"#,
        r##"{"type":"object","properties":{"a":{"$ref":"#/$defs/A"}},"$defs":{"A":{"type":"integer"}}}"##,
    ];
    select(schemas).prop_map(|text| Json::parse(text.as_bytes()).unwrap())
}

fn tool() -> impl Strategy<Value = Tool<'static>> {
    (name(), option::of(text()), option::of(schema())).prop_map(|(name, description, schema)| Tool {
        name,
        description,
        input: ToolInput::Schema(schema),
        strict: None,
        cache: None,
    })
}

fn tool_choice() -> impl Strategy<Value = ToolChoice<'static>> {
    let names = || vec![Cow::Borrowed("f"), Cow::Borrowed("g")];
    select(vec![
        ToolChoice::Auto,
        ToolChoice::None,
        ToolChoice::Required,
        ToolChoice::Tool("f".into()),
        ToolChoice::Allowed { names: names(), required: true },
        ToolChoice::Allowed { names: names(), required: false },
    ])
}

fn media() -> impl Strategy<Value = Content<'static>> {
    let of = |kind, source| Content::Media(Media { kind, source, name: None, detail: None });
    prop_oneof![
        data().prop_map(move |data| of(MediaKind::Audio, Source::Base64 { mime: "audio/wav".into(), data })),
        Just(of(
            MediaKind::Document,
            Source::Url { url: "https://a.b/c".into(), mime: Some("application/pdf".into()) }
        )),
    ]
}

/// What a user says, with the results of the calls before.
fn turn() -> impl Strategy<Value = (Vec<Part<'static>>, Vec<Part<'static>>, bool)> {
    let asked = prop_oneof![text().prop_map(Content::Text), media()].prop_map(Part::from);
    (vec(asked, 1..3), said(GEMINI), any::<bool>())
}

fn results(calls: Vec<ToolCall<'static>>, is_error: bool) -> impl Iterator<Item = Part<'static>> {
    calls.into_iter().map(move |call| {
        let parts = vec![Part::text("18 degrees")];
        let (id, name) = (call.id, Some(call.name));
        Content::ToolResult(ToolResult { id, name, parts, is_error, is_free_form: false }).into()
    })
}

fn messages() -> impl Strategy<Value = Vec<Message<'static>>> {
    (option::of(text()), vec(turn(), 1..4)).prop_map(|(system, turns)| {
        let mut messages: Vec<_> =
            system.map(|text| Message::new(Role::System, vec![Part::text(text)])).into_iter().collect();
        let (mut count, mut open) = (0, Vec::new());
        for (asked, mut said, is_error) in turns {
            let parts = results(std::mem::take(&mut open), is_error).chain(asked).collect();
            messages.push(Message::new(Role::User, parts));
            if said.is_empty() {
                said.push(Part::text("Yes."));
            }
            open = numbered(&mut said, &mut count);
            messages.push(Message::new(Role::Assistant, said));
        }
        messages
    })
}

fn sampling() -> impl Strategy<Value = Sampling> {
    let number = || option::of(select(vec![0.0, 0.5, 1.5]));
    (number(), number(), option::of(1..50_u64), number(), number(), option::of(-9..9_i64)).prop_map(
        |(temperature, top_p, top_k, presence_penalty, frequency_penalty, seed)| Sampling {
            temperature,
            top_p,
            top_k,
            presence_penalty,
            frequency_penalty,
            seed,
        },
    )
}

fn output() -> impl Strategy<Value = Output<'static>> {
    prop_oneof![
        Just(Output::Text),
        Just(Output::JsonObject),
        schema().prop_map(|schema| Output::JsonSchema {
            name: None,
            description: None,
            schema,
            strict: None
        }),
    ]
}

fn thinking() -> impl Strategy<Value = Thinking> {
    let amount =
        prop_oneof![Just(ThinkingAmount::Adaptive), (128..32_768_u64).prop_map(ThinkingAmount::Budget)];
    (amount, option::of(any::<bool>())).prop_map(|(amount, is_shown)| Thinking { amount, is_shown })
}

/// A request.
pub(super) fn request() -> impl Strategy<Value = Request<'static>> {
    let limits = (option::of(1..99_u64), vec(text(), 0..5), option::of(1..3_u64), option::of(thinking()));
    let logprobs = option::of(option::of(1..5_u64).prop_map(|top| Logprobs { top }));
    let tier = option::of(select(vec![ServiceTier::Standard, ServiceTier::Flex, ServiceTier::Priority]));
    let tools = (vec(tool(), 0..3), option::of(tool_choice()));
    (messages(), tools, limits, sampling(), (logprobs, output(), tier)).prop_map(
        |(messages, (tools, tool_choice), (max_tokens, stop, choices, thinking), sampling, rest)| {
            let (logprobs, output, service_tier) = rest;
            Request {
                model: "gemini-2.5-pro".into(),
                messages,
                tools,
                tool_choice,
                max_tokens,
                stop,
                choices,
                thinking,
                sampling,
                logprobs,
                output,
                service_tier,
                ..Request::default()
            }
        },
    )
}
