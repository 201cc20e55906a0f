//! What happens in a stream, in all four formats.
//!
//! The parts of a choice come one after the other: [`Event::PartStart`], pieces, [`Event::PartEnd`], and only then the
//! next. After all parts comes [`Event::Stop`], once for each choice. Usage may come at any time and more than once;
//! the last one counts. Only a stream that ended as its format demands has [`Event::End`].

use std::borrow::Cow;

use super::{ApiError, Choice, Content, Head, Part, Response, Seal, Stop, TokenLogprob};
use crate::usage::Usage;

/// Something that happens in a stream.
#[derive(Debug, Clone, PartialEq)]
pub enum Event<'a> {
    /// It begins. Comes first, and once.
    Start(Head<'a>),
    /// A part of a choice begins.
    PartStart {
        /// Which choice.
        choice: u32,
        /// What kind of part.
        part: PartKind<'a>,
    },
    /// A piece of the open part: words, or of a tool call a piece of its arguments.
    Piece {
        /// Which choice.
        choice: u32,
        /// The piece.
        text: Cow<'a, str>,
    },
    /// A new paragraph of the open reasoning begins.
    Paragraph {
        /// Which choice.
        choice: u32,
    },
    /// The seal of the open part. Of a call it comes before the first piece.
    Seal {
        /// Which choice.
        choice: u32,
        /// The seal, whole.
        seal: Seal<'a>,
    },
    /// The open part is complete.
    PartEnd {
        /// Which choice.
        choice: u32,
    },
    /// The chances of the words that came last.
    Logprobs {
        /// Which choice.
        choice: u32,
        /// The words.
        tokens: Vec<TokenLogprob<'a>>,
    },
    /// A choice is complete.
    Stop {
        /// Which choice.
        choice: u32,
        /// Why.
        stop: Stop<'a>,
    },
    /// What it took so far.
    Usage(Usage),
    /// The provider is still there.
    Ping,
    /// The stream is complete.
    End,
    /// The provider failed; nothing comes after it.
    Error(ApiError<'a>),
}

/// A kind of part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PartKind<'a> {
    /// Words.
    Text,
    /// Words for why the model will not answer.
    Refusal,
    /// What the model thinks.
    Reasoning {
        /// Its id, in `OpenAI`'s Responses.
        id: Option<Cow<'a, str>>,
    },
    /// The model wants a tool to run.
    ToolCall {
        /// What its result will refer to.
        id: Cow<'a, str>,
        /// The tool's name.
        name: Cow<'a, str>,
        /// The tool takes plain text instead of JSON.
        is_free_form: bool,
    },
}

impl<'a> Response<'a> {
    /// The same answer as the events of a stream.
    pub fn into_events(self) -> Vec<Event<'a>> {
        let mut events = vec![Event::Start(self.head)];
        for (choice, Choice { parts, stop, logprobs }) in (0..).zip(self.choices) {
            for Part { content, .. } in parts {
                part_events(choice, content, &mut events);
            }
            if !logprobs.is_empty() {
                events.push(Event::Logprobs { choice, tokens: logprobs });
            }
            events.push(Event::Stop { choice, stop });
        }
        events.extend(self.usage.map(Event::Usage));
        events.push(Event::End);
        events
    }
}

/// Media and results of tools are nothing that a model says; none of the formats streams them.
fn part_events<'a>(choice: u32, content: Content<'a>, events: &mut Vec<Event<'a>>) {
    let (part, seal_before, texts, seal) = match content {
        Content::Text(text) => (PartKind::Text, None, vec![text], None),
        Content::Refusal(text) => (PartKind::Refusal, None, vec![text], None),
        Content::Reasoning(reasoning) => {
            (PartKind::Reasoning { id: reasoning.id }, None, reasoning.texts, reasoning.seal)
        }
        Content::ToolCall(call) => {
            let part = PartKind::ToolCall { id: call.id, name: call.name, is_free_form: call.is_free_form };
            (part, call.seal, vec![call.arguments], None)
        }
        Content::Media(_) | Content::ToolResult(_) => return,
    };
    events.push(Event::PartStart { choice, part });
    events.extend(seal_before.map(|seal| Event::Seal { choice, seal }));
    for (i, text) in texts.into_iter().enumerate() {
        if i > 0 {
            events.push(Event::Paragraph { choice });
        }
        events.push(Event::Piece { choice, text });
    }
    events.extend(seal.map(|seal| Event::Seal { choice, seal }));
    events.push(Event::PartEnd { choice });
}
