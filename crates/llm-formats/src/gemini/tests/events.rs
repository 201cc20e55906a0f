//! Answers as events, and events as answers.

use std::borrow::Cow;

use crate::neutral::{
    ApiError, Choice, Content, Event, Head, Part, PartKind, Reasoning, Response, Seal, TokenLogprob, ToolCall,
};

/// The events that tell an answer, in pieces of so many characters.
pub(super) fn events_of(response: &Response<'static>, size: usize) -> Vec<Event<'static>> {
    let mut events = vec![Event::Start(response.head.clone())];
    for (choice, told) in (0..).zip(&response.choices) {
        for part in &told.parts {
            part_events(choice, &part.content, size, &mut events);
        }
        if !told.logprobs.is_empty() {
            events.push(Event::Logprobs { choice, tokens: told.logprobs.clone() });
        }
        events.push(Event::Stop { choice, stop: told.stop.clone() });
    }
    events.extend(response.usage.map(Event::Usage));
    events.push(Event::End);
    events
}

fn part_events(choice: u32, content: &Content<'static>, size: usize, events: &mut Vec<Event<'static>>) {
    let (part, texts, seal) = match content.clone() {
        Content::Text(text) => (PartKind::Text, vec![text], None),
        Content::Reasoning(Reasoning { texts, seal, id }) => (PartKind::Reasoning { id }, texts, seal),
        Content::ToolCall(ToolCall { id, name, arguments, is_free_form, seal }) => {
            (PartKind::ToolCall { id, name, is_free_form }, vec![arguments], seal)
        }
        content => panic!("no part of a stream: {content:?}"),
    };
    events.push(Event::PartStart { choice, part });
    for (index, text) in texts.into_iter().enumerate() {
        if index > 0 {
            events.push(Event::Paragraph { choice });
        }
        let letters: Vec<char> = text.chars().collect();
        let pieces = letters.chunks(size).map(|piece| piece.iter().collect::<String>());
        events.extend(pieces.map(|text| Event::Piece { choice, text: text.into() }));
    }
    events.extend(seal.map(|seal| Event::Seal { choice, seal }));
    events.push(Event::PartEnd { choice });
}

/// The answer that events tell.
pub(super) fn collected(events: Vec<Event<'static>>) -> Response<'static> {
    let mut response = Response::default();
    for event in events {
        let choice = match &event {
            Event::PartStart { choice, .. } | Event::Stop { choice, .. } => *choice as usize,
            _ => 0,
        };
        if response.choices.len() <= choice {
            response.choices.resize(choice + 1, Choice::default());
        }
        collect(event, &mut response);
    }
    response
}

fn collect(event: Event<'static>, response: &mut Response<'static>) {
    match event {
        Event::Start(head) => response.head = head,
        Event::PartStart { choice, part } => {
            response.choices[choice as usize].parts.push(Part { content: begun(part), cache: None });
        }
        Event::Piece { choice, text } => match last(response, choice) {
            Some(Content::Text(known)) => known.to_mut().push_str(&text),
            Some(Content::ToolCall(call)) => call.arguments.to_mut().push_str(&text),
            Some(Content::Reasoning(reasoning)) => match reasoning.texts.last_mut() {
                Some(known) => known.to_mut().push_str(&text),
                None => reasoning.texts.push(text),
            },
            part => panic!("a piece of {part:?}"),
        },
        Event::Seal { choice, seal } => match last(response, choice) {
            Some(Content::ToolCall(call)) => call.seal = Some(seal),
            Some(Content::Reasoning(reasoning)) => reasoning.seal = Some(seal),
            part => panic!("a seal of {part:?}"),
        },
        Event::Logprobs { choice, tokens } => response.choices[choice as usize].logprobs.extend(tokens),
        Event::Stop { choice, stop } => response.choices[choice as usize].stop = stop,
        Event::Usage(usage) => response.usage = Some(usage),
        Event::PartEnd { .. } | Event::End | Event::Ping => {}
        event @ (Event::Paragraph { .. } | Event::Error(_)) => panic!("unexpected: {event:?}"),
    }
}

fn last<'r>(response: &'r mut Response<'static>, choice: u32) -> Option<&'r mut Content<'static>> {
    response.choices[choice as usize].parts.last_mut().map(|part| &mut part.content)
}

fn begun(part: PartKind<'static>) -> Content<'static> {
    match part {
        PartKind::Text | PartKind::Refusal => Content::Text("".into()),
        PartKind::Reasoning { id } => Content::Reasoning(Reasoning { id, ..Reasoning::default() }),
        PartKind::ToolCall { id, name, is_free_form } => {
            Content::ToolCall(ToolCall { id, name, arguments: "".into(), is_free_form, seal: None })
        }
    }
}

/// The same events in an order that does not depend on how they were cut: choice by choice, each part in one piece,
/// chances and usage last.
pub(super) fn in_one_piece(events: Vec<Event<'static>>) -> Vec<Event<'static>> {
    let is_complete = events.last() == Some(&Event::End);
    let mut whole = events_of(&collected(events), usize::MAX);
    if !is_complete {
        whole.pop();
    }
    whole
}

/// The event, borrowing from nothing.
pub(super) fn owned(event: Event<'_>) -> Event<'static> {
    match event {
        Event::Start(Head { id, model, created }) => {
            Event::Start(Head { id: text(id), model: text(model), created })
        }
        Event::PartStart { choice, part } => Event::PartStart { choice, part: owned_kind(part) },
        Event::Piece { choice, text: piece } => Event::Piece { choice, text: text(piece) },
        Event::Paragraph { choice } => Event::Paragraph { choice },
        Event::Seal { choice, seal } => {
            Event::Seal { choice, seal: Seal { maker: seal.maker, data: text(seal.data) } }
        }
        Event::PartEnd { choice } => Event::PartEnd { choice },
        Event::Logprobs { choice, tokens } => {
            Event::Logprobs { choice, tokens: tokens.into_iter().map(owned_token).collect() }
        }
        Event::Stop { choice, stop } => Event::Stop { choice, stop: stop.into_owned() },
        Event::Usage(usage) => Event::Usage(usage),
        Event::Ping => Event::Ping,
        Event::End => Event::End,
        Event::Error(ApiError { status, message, code, param }) => Event::Error(ApiError {
            status,
            message: text(message),
            code: code.map(text),
            param: param.map(text),
        }),
    }
}

fn text(text: Cow<'_, str>) -> Cow<'static, str> {
    text.into_owned().into()
}

fn owned_kind(part: PartKind<'_>) -> PartKind<'static> {
    match part {
        PartKind::Text => PartKind::Text,
        PartKind::Refusal => PartKind::Refusal,
        PartKind::Reasoning { id } => PartKind::Reasoning { id: id.map(text) },
        PartKind::ToolCall { id, name, is_free_form } => {
            PartKind::ToolCall { id: text(id), name: text(name), is_free_form }
        }
    }
}

fn owned_token(token: TokenLogprob<'_>) -> TokenLogprob<'static> {
    let top = token.top.into_iter().map(|(token, logprob)| (text(token), logprob)).collect();
    TokenLogprob { token: text(token.token), logprob: token.logprob, top }
}
