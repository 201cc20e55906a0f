//! Random answers.

use std::borrow::Cow;

use proptest::{collection::vec, option, prelude::*};

use crate::neutral::{
    Choice, Content, Head, Part, Reasoning, Response, Stop, TokenLogprob, ToolCall,
    arbitrary::{seal, usage},
};

type Text = Cow<'static, str>;

fn text() -> impl Strategy<Value = Text> {
    "\\PC{0,12}".prop_map(Cow::from)
}

fn word() -> impl Strategy<Value = Text> {
    "[a-z_]{1,8}".prop_map(Cow::from)
}

fn reasoning() -> impl Strategy<Value = Reasoning<'static>> {
    (vec(text(), 0..3), option::of(seal())).prop_map(|(texts, seal)| Reasoning { texts, seal, id: None })
}

fn tool_call() -> impl Strategy<Value = ToolCall<'static>> {
    let arguments = prop_oneof![
        Just(Text::from(r#"{"city":"Paris","at":{"lines":["}\""]}}"#)),
        Just(Text::from("")),
        text(),
    ];
    (word(), word(), arguments, any::<bool>(), option::of(seal())).prop_map(
        |(id, name, arguments, is_free_form, seal)| ToolCall { id, name, arguments, is_free_form, seal },
    )
}

fn part() -> impl Strategy<Value = Part<'static>> {
    prop_oneof![
        3 => text().prop_map(Content::Text),
        1 => text().prop_map(Content::Refusal),
        2 => reasoning().prop_map(Content::Reasoning),
        3 => tool_call().prop_map(Content::ToolCall),
    ]
    .prop_map(Part::from)
}

fn stop() -> impl Strategy<Value = Stop<'static>> {
    prop_oneof![
        Just(Stop::End),
        Just(Stop::MaxTokens),
        Just(Stop::ContextWindow),
        option::of(text()).prop_map(Stop::Sequence),
        Just(Stop::ToolCalls),
        Just(Stop::Refusal),
        Just(Stop::Filtered("content_filter".into())),
        Just(Stop::Paused),
    ]
}

fn token() -> impl Strategy<Value = TokenLogprob<'static>> {
    let chance = || (-80_i32..1).prop_map(|eighths| f64::from(eighths) / 8.0);
    (text(), chance(), vec((text(), chance()), 0..2)).prop_map(|(token, logprob, top)| TokenLogprob {
        token,
        logprob,
        top,
    })
}

fn choice() -> impl Strategy<Value = Choice<'static>> {
    (vec(part(), 0..6), stop(), vec(token(), 0..3)).prop_map(|(parts, stop, logprobs)| Choice {
        parts,
        stop,
        logprobs,
    })
}

/// A random answer.
pub(super) fn response() -> impl Strategy<Value = Response<'static>> {
    let head = (word(), word(), 0..4_000_000_000_u64);
    let head = head.prop_map(|(id, model, created)| Head { id, model, created: Some(created) });
    (head, vec(choice(), 1..4), option::of(usage())).prop_map(|(head, choices, usage)| Response {
        head,
        choices,
        usage,
    })
}
