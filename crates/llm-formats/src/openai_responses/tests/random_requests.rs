//! Random requests, of what this format has words for.

use proptest::{collection::vec, option, prelude::*, sample::select};

use super::*;
use crate::neutral::{
    Effort, Logprobs, Media, MediaKind, Output, Sampling, ServiceTier, Source, Thinking, ThinkingAmount,
    Tool, ToolChoice, ToolInput, ToolResult,
};

fn words() -> impl Strategy<Value = String> {
    "[a-z \"\\\\\n\u{e9}]{1,10}"
}

fn said() -> impl Strategy<Value = Content<'static>> {
    prop_oneof![words().prop_map(|text| Content::Text(text.into())), media().prop_map(Content::Media)]
}

fn media() -> impl Strategy<Value = Media<'static>> {
    let image = any::<bool>().prop_map(|is_url| {
        let source = if is_url {
            Source::Url { url: "https://example.com/a.png".into(), mime: None }
        } else {
            Source::Base64 { mime: "image/png".into(), data: "AA==".into() }
        };
        Media { kind: MediaKind::Image, source, name: None, detail: Some("high".into()) }
    });
    let file = words().prop_map(|name| {
        let source = Source::Base64 { mime: "application/pdf".into(), data: "AA==".into() };
        Media { kind: MediaKind::Document, source, name: Some(name.into()), detail: None }
    });
    prop_oneof![image, file]
}

fn result() -> impl Strategy<Value = Content<'static>> {
    ("call_[a-z]{3}", vec(said(), 0..3), any::<bool>()).prop_map(|(id, parts, is_free_form)| {
        let parts = parts.into_iter().map(Part::from).collect();
        Content::ToolResult(ToolResult { id: id.into(), name: None, parts, is_error: false, is_free_form })
    })
}

fn answered() -> impl Strategy<Value = Content<'static>> {
    let text = words().prop_map(|text| Content::Text(text.into()));
    let refusal = words().prop_map(|text| Content::Refusal(text.into()));
    let call = ("call_[a-z]{3}", "[a-z]{1,5}", words(), any::<bool>()).prop_map(
        |(id, name, arguments, is_free_form)| {
            let (id, name, arguments) = (id.into(), name.into(), arguments.into());
            Content::ToolCall(ToolCall { id, name, arguments, is_free_form, seal: None })
        },
    );
    let thought = (vec(words(), 0..3), "[a-z]{1,5}").prop_map(|(texts, seal)| {
        let texts = texts.into_iter().map(Into::into).collect();
        let seal = Some(Seal { maker: SealMaker::OpenAi, data: seal.into() });
        Content::Reasoning(Reasoning { texts, seal, id: Some("rs_1".into()) })
    });
    prop_oneof![text, refusal, call, thought]
}

fn message() -> impl Strategy<Value = Message<'static>> {
    let turn =
        |role, parts: Vec<Content<'static>>| Message::new(role, parts.into_iter().map(Part::from).collect());
    let rules = select(vec![Role::System, Role::Developer]);
    prop_oneof![
        (rules, words()).prop_map(move |(role, text)| turn(role, vec![Content::Text(text.into())])),
        vec(said(), 1..3).prop_map(move |parts| turn(Role::User, parts)),
        vec(result(), 1..3).prop_map(move |parts| turn(Role::User, parts)),
        vec(answered(), 1..4).prop_map(move |parts| turn(Role::Assistant, parts)),
    ]
}

fn tool() -> impl Strategy<Value = Tool<'static>> {
    let schema = || Some(json(r#"{"type":"object","properties":{"a":{"type":"string"}}}"#));
    ("[a-z]{1,5}", option::of(words()), any::<bool>(), option::of(any::<bool>())).prop_map(
        move |(name, description, is_free_form, strict)| {
            let input = if is_free_form {
                ToolInput::FreeForm { format: Some(json(r#"{"type":"text"}"#)) }
            } else {
                ToolInput::Schema(schema())
            };
            Tool { name: name.into(), description: description.map(Into::into), input, strict, cache: None }
        },
    )
}

fn tool_choice() -> impl Strategy<Value = ToolChoice<'static>> {
    let allowed = ToolChoice::Allowed { names: vec!["a".into(), "b".into()], required: true };
    select(vec![
        ToolChoice::Auto,
        ToolChoice::None,
        ToolChoice::Required,
        ToolChoice::Tool("a".into()),
        allowed,
    ])
}

fn output() -> impl Strategy<Value = Output<'static>> {
    let schema = Output::JsonSchema {
        name: None,
        description: Some("d".into()),
        schema: json(r#"{"type":"object"}"#),
        strict: Some(true),
    };
    select(vec![Output::Text, Output::JsonObject, schema])
}

fn thinking() -> impl Strategy<Value = Thinking> {
    let efforts = select(Effort::ALL.to_vec()).prop_map(ThinkingAmount::Effort);
    let budget = (0..40_000_u64).prop_map(ThinkingAmount::Budget);
    let amount = prop_oneof![efforts, budget, Just(ThinkingAmount::Adaptive)];
    (amount, option::of(any::<bool>())).prop_map(|(amount, is_shown)| Thinking { amount, is_shown })
}

/// A request of which nothing is lost.
pub(super) fn request() -> impl Strategy<Value = Request<'static>> {
    let what = (vec(message(), 0..5), vec(tool(), 0..3), option::of(tool_choice()), output());
    let tiers = vec![ServiceTier::Auto, ServiceTier::Standard, ServiceTier::Flex, ServiceTier::Priority];
    let how = (option::of(thinking()), option::of(select(tiers)), option::of(0..5_u64), any::<[bool; 4]>());
    (what, how).prop_map(|((messages, tools, tool_choice, output), (thinking, service_tier, top, flags))| {
        let [stream, has_logprobs, is_sampled, is_known] = flags;
        Request {
            model: "m".into(),
            messages,
            tools,
            tool_choice,
            parallel_tool_calls: Some(stream),
            max_tokens: top,
            sampling: Sampling { temperature: is_sampled.then_some(0.5), ..Sampling::default() },
            logprobs: has_logprobs.then_some(Logprobs { top }),
            thinking,
            output,
            verbosity: is_known.then(|| "low".into()),
            stream,
            user: is_known.then(|| "u".into()),
            metadata: is_known.then(|| json(r#"{"a":"b"}"#)),
            service_tier,
            prompt_cache_key: is_known.then(|| "k".into()),
            ..Request::default()
        }
    })
}
