//! Random answers, as any of the APIs may give them, for the tests of what every pair of formats has to keep.

use std::borrow::Cow;

use proptest::{collection::vec, option, prelude::*, sample::select};

use super::{
    Choice, Content, Event, Head, Part, Reasoning, Response, Seal, SealMaker, Stop, TokenLogprob, ToolCall,
};
use crate::usage::Usage;

/// The tools of which [`response`] has calls.
pub(crate) const TOOLS: [&str; 3] = ["get_weather", "read-file", FREE_FORM];
/// The one that takes plain text.
pub(crate) const FREE_FORM: &str = "patch";

fn words() -> impl Strategy<Value = Cow<'static, str>> {
    "[a-z \"\\\\\n\u{e9}\u{2028}\u{1f600}]{0,10}".prop_map(Cow::Owned)
}

/// What makes a thought its own.
pub(crate) fn seal() -> impl Strategy<Value = Seal<'static>> {
    let makers =
        vec![SealMaker::Anthropic, SealMaker::AnthropicRedacted, SealMaker::Gemini, SealMaker::OpenAi];
    (select(makers), "[a-zA-Z0-9+/]{4}{1,3}").prop_map(|(maker, data)| Seal { maker, data: data.into() })
}

fn reasoning() -> impl Strategy<Value = Content<'static>> {
    let id = option::of("rs_[a-z]{4}".prop_map(Cow::Owned));
    let paragraph = words().prop_filter("no API has empty paragraphs", |words| !words.is_empty());
    (vec(paragraph, 0..3), option::of(seal()), id)
        .prop_map(|(texts, seal, id)| Content::Reasoning(Reasoning { texts, seal, id }))
}

fn call() -> impl Strategy<Value = Content<'static>> {
    let arguments =
        select(vec!["", "{}", r#"{"city":"Paris"}"#, r#"{ "a_b": [1, {"c": null}], "d": "\"ü\n" }"#]);
    (select(TOOLS.to_vec()), arguments, words(), option::of(seal())).prop_map(
        |(name, arguments, plain, seal)| {
            let is_free_form = name == FREE_FORM;
            let arguments = if is_free_form { plain } else { arguments.into() };
            Content::ToolCall(ToolCall { id: "".into(), name: name.into(), arguments, is_free_form, seal })
        },
    )
}

/// Why an answer ended.
pub(crate) fn stop() -> impl Strategy<Value = Stop<'static>> {
    select(vec![
        Stop::End,
        Stop::MaxTokens,
        Stop::ContextWindow,
        Stop::Sequence(None),
        Stop::Sequence(Some("END".into())),
        Stop::ToolCalls,
        Stop::Refusal,
        Stop::Filtered("SAFETY".into()),
        Stop::Filtered("RECITATION".into()),
        Stop::Filtered("content_filter".into()),
        Stop::Paused,
    ])
}

fn logprob() -> impl Strategy<Value = TokenLogprob<'static>> {
    // Eighths are the same in every notation.
    let chance = || (-80..0_i32).prop_map(|eighths| f64::from(eighths) / 8.0);
    (words(), chance(), vec((words(), chance()), 0..2)).prop_map(|(token, logprob, top)| TokenLogprob {
        token,
        logprob,
        top,
    })
}

fn choice() -> impl Strategy<Value = Choice<'static>> {
    let content = prop_oneof![
        3 => words().prop_map(Content::Text),
        1 => words().prop_map(Content::Refusal),
        2 => reasoning(),
        3 => call(),
    ];
    (vec(content.prop_map(Part::from), 0..6), stop(), vec(logprob(), 0..3))
        .prop_map(|(parts, stop, logprobs)| Choice { parts, stop, logprobs })
}

/// What an answer used.
pub(crate) fn usage() -> impl Strategy<Value = Usage> {
    [0..1000_u64, 0..1000, 0..1000, 0..1000, 0..1000].prop_map(
        |[input, cached_read, cache_write, output, reasoning]| Usage {
            input,
            cached_read,
            cache_write,
            output,
            reasoning,
        },
    )
}

/// An answer. Its calls have ids of their own.
pub(crate) fn response() -> impl Strategy<Value = Response<'static>> {
    (vec(choice(), 1..3), option::of(usage())).prop_map(|(mut choices, usage)| {
        let parts = choices.iter_mut().flat_map(|choice| &mut choice.parts);
        let calls = parts.filter_map(|part| match &mut part.content {
            Content::ToolCall(call) => Some(call),
            _ => None,
        });
        for (number, call) in calls.enumerate() {
            call.id = format!("call_{number}").into();
        }
        let head = Head { id: "answer".into(), model: "m".into(), created: Some(7) };
        Response { head, choices, usage }
    })
}

/// The events of an answer, its words in pieces of so many characters.
pub(crate) fn events_in_pieces(response: Response<'static>, size: usize) -> Vec<Event<'static>> {
    let in_pieces = |event| match event {
        Event::Piece { choice, text } => {
            let letters: Vec<char> = text.chars().collect();
            let pieces = letters.chunks(size).map(|piece| piece.iter().collect::<String>().into());
            pieces.map(|text| Event::Piece { choice, text }).collect()
        }
        event => vec![event],
    };
    response.into_events().into_iter().flat_map(in_pieces).collect()
}
