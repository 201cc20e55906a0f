//! Random answers, and their events in random pieces.

use std::borrow::Cow;

use proptest::{collection::vec, option, prelude::*};

use super::*;
use crate::neutral::{
    Head, TokenLogprob,
    arbitrary::{seal, usage},
};

fn words() -> impl Strategy<Value = String> {
    "[a-z \"\\\\\n\u{e9}\u{1f600}]{1,12}"
}

fn part() -> impl Strategy<Value = Part<'static>> {
    let text = words().prop_map(|text| Content::Text(text.into()));
    let refusal = words().prop_map(|text| Content::Refusal(text.into()));
    let reasoning =
        (vec(words(), 0..3), option::of(seal()), option::of("rs_[a-z]{4}")).prop_map(|(texts, seal, id)| {
            let texts = texts.into_iter().map(Cow::Owned).collect();
            Content::Reasoning(Reasoning { texts, seal, id: id.map(Cow::Owned) })
        });
    let call = ("call_[a-z]{4}", "[a-z_]{1,8}", words(), any::<bool>(), option::of(seal())).prop_map(
        |(id, name, arguments, is_free_form, seal)| {
            let (id, name, arguments) = (id.into(), name.into(), arguments.into());
            Content::ToolCall(ToolCall { id, name, arguments, is_free_form, seal })
        },
    );
    prop_oneof![text, refusal, reasoning, call].prop_map(Part::from)
}

fn stop() -> impl Strategy<Value = Stop<'static>> {
    let stops = [
        Stop::End,
        Stop::MaxTokens,
        Stop::ContextWindow,
        Stop::Sequence(None),
        Stop::ToolCalls,
        Stop::Refusal,
        Stop::Filtered("SAFETY".into()),
        Stop::Paused,
    ];
    prop::sample::select(stops.to_vec())
}

fn logprob() -> impl Strategy<Value = TokenLogprob<'static>> {
    // Eighths are the same in every notation.
    let chance = || (-80..0_i32).prop_map(|eighths| f64::from(eighths) / 8.0);
    (words(), chance(), vec((words(), chance()), 0..2)).prop_map(|(token, logprob, top)| {
        let top = top.into_iter().map(|(token, logprob)| (token.into(), logprob)).collect();
        TokenLogprob { token: token.into(), logprob, top }
    })
}

/// Any answer of one choice.
pub(super) fn response() -> impl Strategy<Value = Response<'static>> {
    let head = ("resp_[a-z0-9]{1,8}", "[a-z0-9.-]{1,8}", 0..2_000_000_000_u64)
        .prop_map(|(id, model, created)| Head { id: id.into(), model: model.into(), created: Some(created) });
    (head, vec(part(), 0..6), stop(), vec(logprob(), 0..3), option::of(usage())).prop_map(
        |(head, parts, stop, logprobs, usage)| Response {
            head,
            choices: vec![Choice { parts, stop, logprobs }],
            usage,
        },
    )
}

/// The events of an answer. A cut is where, of a hundred, a text is cut in two.
pub(super) fn events_of(response: &Response<'static>, cut: usize) -> Vec<Event<'static>> {
    let choice = 0;
    let mut events = vec![Event::Start(response.head.clone())];
    let mut logprobs = response.choices[0].logprobs.clone();
    let piece = |events: &mut Vec<Event<'static>>, text: &str| {
        let (one, other) = text.split_at(text.floor_char_boundary(text.len() * cut / 100));
        for text in [one, other] {
            events.push(Event::Piece { choice, text: text.to_owned().into() });
        }
    };
    for part in response.choices[0].parts.iter().map(|part| &part.content) {
        let (kind, texts, seal) = match part {
            Content::Text(text) => (PartKind::Text, vec![text.clone()], &None),
            Content::Refusal(text) => (PartKind::Refusal, vec![text.clone()], &None),
            Content::Reasoning(Reasoning { texts, seal, id }) => {
                (PartKind::Reasoning { id: id.clone() }, texts.clone(), seal)
            }
            Content::ToolCall(call) => {
                let (id, name) = (call.id.clone(), call.name.clone());
                let kind = PartKind::ToolCall { id, name, is_free_form: call.is_free_form };
                (kind, vec![call.arguments.clone()], &call.seal)
            }
            Content::Media(_) | Content::ToolResult(_) => continue,
        };
        let is_call = matches!(kind, PartKind::ToolCall { .. });
        let is_text = kind == PartKind::Text;
        events.push(Event::PartStart { choice, part: kind });
        let seal = seal.clone().map(|seal| Event::Seal { choice, seal });
        events.extend(seal.clone().filter(|_| is_call));
        for (index, text) in texts.iter().enumerate() {
            if index > 0 {
                events.push(Event::Paragraph { choice });
            }
            piece(&mut events, text);
        }
        if is_text && !logprobs.is_empty() {
            events.push(Event::Logprobs { choice, tokens: std::mem::take(&mut logprobs) });
        }
        events.extend(seal.filter(|_| !is_call));
        events.push(Event::PartEnd { choice });
        events.push(Event::Ping);
    }
    events.push(Event::Stop { choice, stop: response.choices[0].stop.clone() });
    events.extend(response.usage.map(Event::Usage));
    events.push(Event::End);
    events
}

/// What of an answer comes through this format.
pub(super) fn carried(mut response: Response<'static>, answer: &serde_json::Value) -> Response<'static> {
    let choice = &mut response.choices[0];
    let mut parts: Vec<Content<'static>> = Vec::new();
    for part in choice.parts.drain(..) {
        match part.content {
            Content::ToolCall(mut call) => {
                let seal = call.seal.take();
                parts.extend(
                    seal.map(|seal| {
                        Content::Reasoning(Reasoning { seal: Some(seal), ..Reasoning::default() })
                    }),
                );
                parts.push(Content::ToolCall(call));
            }
            content => parts.push(content),
        }
    }
    // Ids of thoughts are made up where there are none, as the items have them.
    let items = answer["output"].as_array().unwrap().iter();
    let mut ids = items.filter(|item| item["type"] == "reasoning").map(|item| item["id"].as_str().unwrap());
    for part in &mut parts {
        if let Content::Reasoning(reasoning) = part {
            reasoning.id = Some(ids.next().unwrap().to_owned().into());
        }
    }
    parts.retain(|part| !matches!(part, Content::Reasoning(thought) if thought.texts.is_empty() && thought.seal.is_none()));
    let has_call = parts.iter().any(|part| matches!(part, Content::ToolCall(_)));
    let has_refusal = parts.iter().any(|part| matches!(part, Content::Refusal(_)));
    if !parts.iter().any(|part| matches!(part, Content::Text(_))) {
        choice.logprobs.clear();
    }
    choice.stop = match &choice.stop {
        Stop::MaxTokens | Stop::ContextWindow | Stop::Paused => Stop::MaxTokens,
        Stop::Filtered(_) => Stop::Filtered("content_filter".into()),
        Stop::Refusal if !has_refusal => Stop::Filtered("content_filter".into()),
        _ if has_call => Stop::ToolCalls,
        _ if has_refusal => Stop::Refusal,
        _ => Stop::End,
    };
    choice.parts = parts.into_iter().map(Part::from).collect();
    response
}

pub(super) fn owned_logprob(chance: TokenLogprob<'_>) -> TokenLogprob<'static> {
    let top = chance.top.into_iter().map(|(token, logprob)| (token.into_owned().into(), logprob)).collect();
    TokenLogprob { token: chance.token.into_owned().into(), logprob: chance.logprob, top }
}
