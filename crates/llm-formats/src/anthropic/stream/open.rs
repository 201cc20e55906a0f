//! The block that is written. It begins only when it is known which kind of block it is, and that it is not empty.

use std::borrow::Cow;

use super::write::send;
use crate::{
    anthropic::response::is_hidden,
    json::{Json, Members},
    neutral::{Event, PartKind, Seal, SealMaker},
};

/// A part that is told.
#[derive(Debug)]
pub(super) struct Open {
    part: PartKind<'static>,
    /// Its index, once it has begun.
    index: Option<u64>,
    /// Of a thought, for its end; of a call, for the block before it.
    seal: Option<Seal<'static>>,
    /// The first piece of a call, which waits for a seal: Gemini tells calls whole, the others in many pieces.
    held: Option<String>,
}

impl Open {
    pub(super) fn new(part: PartKind<'_>) -> Self {
        let part = match part {
            PartKind::Text => PartKind::Text,
            PartKind::Refusal => PartKind::Refusal,
            PartKind::Reasoning { .. } => PartKind::Reasoning { id: None },
            PartKind::ToolCall { id, name, is_free_form } => {
                let [id, name] = [id, name].map(|text| Cow::Owned(text.into_owned()));
                PartKind::ToolCall { id, name, is_free_form }
            }
        };
        Self { part, index: None, seal: None, held: None }
    }

    /// Takes an event that belongs to the part. `next` is the index of the next block.
    pub(super) fn take(&mut self, event: Event<'_>, next: &mut u64, out: &mut Vec<u8>) {
        match event {
            Event::Piece { choice: 0, text } if !text.is_empty() => self.say(&text, next, out),
            Event::Paragraph { choice: 0 } if self.index.is_some() => self.say("\n\n", next, out),
            Event::Seal { choice: 0, seal: Seal { maker, data } } => {
                self.seal = Some(Seal { maker, data: data.into_owned().into() });
            }
            _ => {}
        }
    }

    /// Whether it has words for why the model will not answer.
    pub(super) fn is_refusal(&self) -> bool {
        self.part == PartKind::Refusal && self.index.is_some()
    }

    /// Writes what is left of it, and its end.
    pub(super) fn end(mut self, next: &mut u64, out: &mut Vec<u8>) {
        match &self.part {
            PartKind::Text | PartKind::Refusal => {}
            PartKind::Reasoning { .. } => {
                if self.index.is_none()
                    && let Some(seal) = self.seal.take_if(|seal| is_hidden(seal))
                {
                    return redacted(seal, next, out);
                }
                if let Some(seal) = self.seal.take() {
                    let index = self.begin(next, out);
                    let signature = seal.write(SealMaker::Anthropic);
                    delta(index, "signature_delta", "signature", signature.into(), out);
                }
            }
            PartKind::ToolCall { is_free_form, .. } => {
                let is_free_form = *is_free_form;
                let index = self.release(next, out);
                if is_free_form {
                    delta(index, INPUT, JSON, "\"}".into(), out);
                }
            }
        }
        if let Some(index) = self.index {
            send("content_block_stop", Members::new().with("index", index), out);
        }
    }

    fn say(&mut self, text: &str, next: &mut u64, out: &mut Vec<u8>) {
        match &self.part {
            PartKind::Text | PartKind::Refusal => {
                let index = self.begin(next, out);
                delta(index, "text_delta", "text", text.into(), out);
            }
            PartKind::Reasoning { .. } => {
                let index = self.begin(next, out);
                delta(index, "thinking_delta", "thinking", text.into(), out);
            }
            PartKind::ToolCall { is_free_form, .. } => {
                let piece = if *is_free_form { escaped(text) } else { text.to_owned() };
                if self.index.is_none() && self.held.is_none() {
                    self.held = Some(piece);
                } else {
                    let index = self.release(next, out);
                    delta(index, INPUT, JSON, piece.into(), out);
                }
            }
        }
    }

    /// Begins a call, after its seal, with the piece that was held back.
    fn release(&mut self, next: &mut u64, out: &mut Vec<u8>) -> u64 {
        if let Some(index) = self.index {
            return index;
        }
        if let Some(seal) = self.seal.take() {
            redacted(seal, next, out);
        }
        let index = self.begin(next, out);
        if matches!(self.part, PartKind::ToolCall { is_free_form: true, .. }) {
            delta(index, INPUT, JSON, "{\"input\":\"".into(), out);
        }
        if let Some(piece) = self.held.take() {
            delta(index, INPUT, JSON, piece.into(), out);
        }
        index
    }

    /// Begins the block, if it has not begun.
    fn begin(&mut self, next: &mut u64, out: &mut Vec<u8>) -> u64 {
        if let Some(index) = self.index {
            return index;
        }
        let block = Members::new();
        let block = match &self.part {
            PartKind::Text | PartKind::Refusal => block.with("type", "text").with("text", ""),
            PartKind::Reasoning { .. } => {
                block.with("type", "thinking").with("thinking", "").with("signature", "")
            }
            PartKind::ToolCall { id, name, .. } => block
                .with("type", "tool_use")
                .with("id", &**id)
                .with("name", &**name)
                .with("input", Members::new()),
        };
        let index = start(block, next, out);
        self.index = Some(index);
        index
    }
}

const INPUT: &str = "input_json_delta";
const JSON: &str = "partial_json";

fn start(block: Members<'_>, next: &mut u64, out: &mut Vec<u8>) -> u64 {
    let index = *next;
    *next += 1;
    send("content_block_start", Members::new().with("index", index).with("content_block", block), out);
    index
}

fn delta(index: u64, kind: &'static str, name: &'static str, value: Json<'_>, out: &mut Vec<u8>) {
    let delta = Members::new().with("type", kind).with(name, value);
    send("content_block_delta", Members::new().with("index", index).with("delta", delta), out);
}

/// A seal without words, which is a block of its own.
fn redacted(seal: Seal<'_>, next: &mut u64, out: &mut Vec<u8>) {
    let data = seal.write(SealMaker::AnthropicRedacted);
    let block = Members::new().with("type", "redacted_thinking").with("data", data);
    let index = start(block, next, out);
    send("content_block_stop", Members::new().with("index", index), out);
}

/// A text as it stands within a JSON string.
fn escaped(text: &str) -> String {
    let quoted = String::from_utf8(Json::from(text).to_vec()).unwrap_or_default();
    let inner = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inner.unwrap_or_default().to_owned()
}
