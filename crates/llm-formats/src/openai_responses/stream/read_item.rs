//! One item of a stream from an upstream.
//!
//! What is told piece by piece is told again whole. Servers that leave out the pieces are understood by that.

use std::borrow::Cow;

use crate::{
    json::{Json, Members},
    neutral::{Content, Event, PartKind, Reasoning, ToolCall},
    openai_responses::response::{item_parts, logprobs_of, says_nothing, text_of},
};

/// Where a stream is told.
type OnEvent<'e, 'a> = &'e mut dyn FnMut(Event<'a>);

/// An item, as far as it was told.
#[derive(Debug, Default)]
pub(super) struct Item {
    part: Option<OpenPart>,
    /// Where the next words of a message stand at least.
    next_index: u64,
    /// The id of what is thought, until that begins.
    reasoning_id: Option<String>,
    has_parts: bool,
}

/// A part that is not whole yet.
#[derive(Debug)]
struct OpenPart {
    kind: Kind,
    /// Where it stands in a message, or which paragraph it is in.
    index: u64,
    has_pieces: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Refusal,
    /// A summary of what was thought.
    Summary,
    /// What was thought, as it is: open models show it.
    Thoughts,
    Call,
}

impl Kind {
    fn is_words(self) -> bool {
        matches!(self, Self::Text | Self::Refusal)
    }
}

impl Item {
    /// Reads an event; says whether the item is whole with it.
    pub(super) fn read<'a>(&mut self, mut event: Members<'a>, on_event: OnEvent<'_, 'a>) -> bool {
        let kind = text_of(&mut event, "type").unwrap_or_default();
        match kind.strip_prefix("response.").unwrap_or_default() {
            "output_item.added" => self.added(event, on_event),
            "output_item.done" => {
                self.done(event, on_event);
                return true;
            }
            "content_part.added" => self.words_added(event, on_event),
            "content_part.done" if self.part.as_ref().is_some_and(|part| part.kind.is_words()) => {
                self.end(on_event);
            }
            "output_text.delta" => self.piece(Kind::Text, event, on_event),
            "refusal.delta" => self.piece(Kind::Refusal, event, on_event),
            "reasoning_summary_text.delta" => self.piece(Kind::Summary, event, on_event),
            "reasoning_text.delta" => self.piece(Kind::Thoughts, event, on_event),
            "function_call_arguments.delta" | "custom_tool_call_input.delta" => {
                self.piece(Kind::Call, event, on_event);
            }
            "output_text.done" => self.whole(Kind::Text, "text", event, on_event),
            "refusal.done" => self.whole(Kind::Refusal, "refusal", event, on_event),
            "reasoning_summary_text.done" => self.whole(Kind::Summary, "text", event, on_event),
            "reasoning_text.done" => self.whole(Kind::Thoughts, "text", event, on_event),
            "function_call_arguments.done" => self.whole(Kind::Call, "arguments", event, on_event),
            "custom_tool_call_input.done" => self.whole(Kind::Call, "input", event, on_event),
            _ => {}
        }
        false
    }

    /// Nothing more comes of the open part.
    pub(super) fn end(&mut self, on_event: OnEvent<'_, '_>) {
        if let Some(part) = self.part.take() {
            self.next_index = part.index.saturating_add(1);
            on_event(Event::PartEnd { choice: 0 });
        }
    }

    /// A call begins here; words and thoughts begin with what they consist of.
    fn added<'a>(&mut self, mut event: Members<'a>, on_event: OnEvent<'_, 'a>) {
        for part in event.take("item").map(item_parts).unwrap_or_default() {
            match part.content {
                Content::ToolCall(call) => self.start(Kind::Call, 0, call_kind(&call), on_event),
                Content::Reasoning(reasoning) => self.reasoning_id = reasoning.id.map(Cow::into_owned),
                _ => {}
            }
        }
    }

    fn words_added<'a>(&mut self, mut event: Members<'a>, on_event: OnEvent<'_, 'a>) {
        let part = event.take("part");
        let kind = part.as_ref().and_then(|part| part.as_object()?.get("type")?.as_str());
        let kind = match kind {
            Some("output_text") => Kind::Text,
            Some("refusal") => Kind::Refusal,
            _ => return,
        };
        self.open(kind, &event, on_event);
    }

    fn piece<'a>(&mut self, kind: Kind, mut event: Members<'a>, on_event: OnEvent<'_, 'a>) {
        if !self.open(kind, &event, on_event) {
            return;
        }
        self.tell_piece(text_of(&mut event, "delta").unwrap_or_default(), on_event);
        let tokens = logprobs_of(&mut event);
        if !tokens.is_empty() {
            on_event(Event::Logprobs { choice: 0, tokens });
        }
    }

    /// A text that was told in pieces before, if it was.
    fn whole<'a>(&mut self, kind: Kind, member: &str, mut event: Members<'a>, on_event: OnEvent<'_, 'a>) {
        let is_open = self.open(kind, &event, on_event);
        if is_open && self.part.as_ref().is_some_and(|part| !part.has_pieces) {
            self.tell_piece(text_of(&mut event, member).unwrap_or_default(), on_event);
        }
    }

    fn tell_piece<'a>(&mut self, text: Cow<'a, str>, on_event: OnEvent<'_, 'a>) {
        if text.is_empty() {
            return;
        }
        if let Some(part) = &mut self.part {
            part.has_pieces = true;
        }
        on_event(Event::Piece { choice: 0, text });
    }

    /// Makes the part that an event is about the open one, if it can be.
    fn open<'a>(&mut self, kind: Kind, event: &Members<'a>, on_event: OnEvent<'_, 'a>) -> bool {
        let index = if kind == Kind::Summary { "summary_index" } else { "content_index" };
        let index = event.get(index).and_then(Json::as_u64).unwrap_or_default();
        if let Some(part) = &mut self.part {
            if part.kind == kind && (part.index == index || kind == Kind::Call) {
                return true;
            }
            if part.kind == kind && !kind.is_words() {
                (part.index, part.has_pieces) = (index, false);
                on_event(Event::Paragraph { choice: 0 });
                return true;
            }
            if !part.kind.is_words() || !kind.is_words() {
                return false;
            }
        }
        let part = match kind {
            Kind::Text => PartKind::Text,
            Kind::Refusal => PartKind::Refusal,
            Kind::Summary | Kind::Thoughts => {
                PartKind::Reasoning { id: self.reasoning_id.take().map(Cow::Owned) }
            }
            Kind::Call => return false,
        };
        if index < self.next_index {
            return false;
        }
        self.start(kind, index, part, on_event);
        true
    }

    fn start<'a>(&mut self, kind: Kind, index: u64, part: PartKind<'a>, on_event: OnEvent<'_, 'a>) {
        self.end(on_event);
        self.has_parts = true;
        self.part = Some(OpenPart { kind, index, has_pieces: false });
        on_event(Event::PartStart { choice: 0, part });
    }

    /// The item is whole, and told once more.
    fn done<'a>(&mut self, mut event: Members<'a>, on_event: OnEvent<'_, 'a>) {
        let had_parts = self.has_parts;
        for part in event.take("item").map(item_parts).unwrap_or_default() {
            if had_parts {
                self.complete(part.content, on_event);
            } else if !says_nothing(&part.content) {
                self.tell(part.content, on_event);
            }
        }
        self.end(on_event);
    }

    /// What a part is only known to have when it is whole.
    fn complete<'a>(&mut self, content: Content<'a>, on_event: OnEvent<'_, 'a>) {
        let Some(part) = &self.part else { return };
        match content {
            Content::Reasoning(Reasoning { seal: Some(seal), .. }) => {
                on_event(Event::Seal { choice: 0, seal });
            }
            Content::ToolCall(call) if !part.has_pieces => self.tell_piece(call.arguments, on_event),
            _ => {}
        }
    }

    /// A part of which nothing was told before.
    fn tell<'a>(&mut self, content: Content<'a>, on_event: OnEvent<'_, 'a>) {
        match content {
            Content::Text(text) => {
                self.start(Kind::Text, 0, PartKind::Text, on_event);
                self.tell_piece(text, on_event);
            }
            Content::Refusal(text) => {
                self.start(Kind::Refusal, 0, PartKind::Refusal, on_event);
                self.tell_piece(text, on_event);
            }
            Content::ToolCall(call) => {
                self.start(Kind::Call, 0, call_kind(&call), on_event);
                self.tell_piece(call.arguments, on_event);
            }
            Content::Reasoning(Reasoning { texts, seal, id }) => {
                self.start(Kind::Summary, 0, PartKind::Reasoning { id }, on_event);
                for (index, text) in texts.into_iter().enumerate() {
                    if index > 0 {
                        on_event(Event::Paragraph { choice: 0 });
                    }
                    self.tell_piece(text, on_event);
                }
                if let Some(seal) = seal {
                    on_event(Event::Seal { choice: 0, seal });
                }
            }
            Content::Media(_) | Content::ToolResult(_) => {}
        }
    }
}

fn call_kind<'a>(call: &ToolCall<'a>) -> PartKind<'a> {
    PartKind::ToolCall { id: call.id.clone(), name: call.name.clone(), is_free_form: call.is_free_form }
}
