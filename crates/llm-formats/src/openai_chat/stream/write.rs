//! Writing a stream.

use std::borrow::Cow;

use crate::{
    json::{Json, Members},
    neutral::{Asked, Event, Head, PartKind, Seal, Stop},
    openai_chat::{
        error::build_error,
        logprobs,
        response::{BLANK_LINE, complete, finish_reason, signature},
        usage,
    },
    usage::Usage,
};

/// Writes a stream. Why choices end and what it took are held back until the stream is complete: what is cut off
/// before must not look like a whole answer.
#[derive(Debug)]
pub(crate) struct StreamWriter {
    asked: Asked,
    head: Head<'static>,
    choices: Vec<Choice>,
    usage: Option<Usage>,
    is_over: bool,
}

/// A choice that is under way.
#[derive(Debug)]
struct Choice {
    index: u32,
    open: Open,
    /// How many calls have begun.
    calls: u64,
    has_refusal: bool,
    thoughts: Thoughts,
    stop: Option<Stop<'static>>,
}

/// The open part of a choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    Nothing,
    Text,
    Refusal,
    Reasoning,
    Function { has_arguments: bool },
    Custom,
}

/// How far the thoughts of a choice are told. All paragraphs become one text here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Thoughts {
    Nothing,
    Told,
    /// The next one is a paragraph of its own.
    Paragraph,
}

impl StreamWriter {
    /// A writer of the answer to a request.
    pub(crate) fn new(asked: Asked) -> Self {
        Self { head: Head::default(), asked, choices: Vec::new(), usage: None, is_over: false }
    }

    /// Appends what an event becomes, which may be nothing yet.
    pub(crate) fn write(&mut self, event: Event<'_>, out: &mut Vec<u8>) {
        if self.is_over {
            return;
        }
        match event {
            Event::Start(head) => {
                let head = complete(head, &self.asked);
                self.head = Head {
                    id: head.id.into_owned().into(),
                    model: head.model.into_owned().into(),
                    created: Some(head.created.unwrap_or(self.asked.now)),
                };
                self.choice(0, out);
            }
            Event::PartStart { choice, part } => self.part_start(choice, part, out),
            Event::Piece { choice, text } => self.piece(choice, text, out),
            Event::Paragraph { choice } => {
                let at = self.choice(choice, out);
                self.choices[at].paragraph();
            }
            Event::Seal { choice, seal } => self.seal(choice, seal, out),
            Event::PartEnd { choice } => self.part_end(choice, out),
            Event::Logprobs { choice, tokens } => {
                self.choice(choice, out);
                self.choice_chunk(choice, Members::new(), logprobs::write(tokens), None, out);
            }
            Event::Stop { choice, stop } => {
                let at = self.choice(choice, out);
                self.choices[at].stop = Some(stop.into_owned());
            }
            Event::Usage(usage) => self.usage = Some(usage),
            Event::Ping => out.extend_from_slice(b": ping\n\n"),
            Event::End => self.end(out),
            Event::Error(error) => {
                self.is_over = true;
                sse(&build_error(&error, ""), out);
            }
        }
    }

    /// Where a choice stands; a new one begins with the role.
    fn choice(&mut self, index: u32, out: &mut Vec<u8>) -> usize {
        if let Some(at) = self.choices.iter().position(|choice| choice.index == index) {
            return at;
        }
        self.choices.push(Choice::new(index));
        let role = Members::new().with("role", "assistant").with("content", "").with("refusal", Json::Null);
        self.delta(index, role, out);
        self.choices.len() - 1
    }

    fn part_start(&mut self, index: u32, part: PartKind<'_>, out: &mut Vec<u8>) {
        let at = self.choice(index, out);
        let choice = &mut self.choices[at];
        let (kind, text) = match part {
            PartKind::Text => return choice.open = Open::Text,
            PartKind::Refusal => return choice.open = Open::Refusal,
            PartKind::Reasoning { .. } => {
                choice.open = Open::Reasoning;
                return choice.paragraph();
            }
            PartKind::ToolCall { is_free_form: true, .. } => ("custom", "input"),
            PartKind::ToolCall { is_free_form: false, .. } => ("function", "arguments"),
        };
        let PartKind::ToolCall { id, name, is_free_form } = part else { return };
        if self.asked.has_functions && choice.calls > 0 {
            return choice.open = Open::Nothing;
        }
        choice.open = if is_free_form { Open::Custom } else { Open::Function { has_arguments: false } };
        let call = Members::new()
            .with("index", choice.calls)
            .with("id", id)
            .with("type", kind)
            .with(kind, Members::new().with("name", name).with(text, ""));
        choice.calls += 1;
        self.call_delta(index, call, out);
    }

    fn piece(&mut self, index: u32, text: Cow<'_, str>, out: &mut Vec<u8>) {
        let at = self.choice(index, out);
        let choice = &mut self.choices[at];
        if text.is_empty() {
            return;
        }
        match choice.open {
            Open::Nothing => {}
            Open::Text => self.delta(index, Members::new().with("content", text), out),
            Open::Refusal => {
                choice.has_refusal = true;
                self.delta(index, Members::new().with("refusal", text), out);
            }
            Open::Reasoning => {
                let text = match std::mem::replace(&mut choice.thoughts, Thoughts::Told) {
                    Thoughts::Paragraph => format!("{BLANK_LINE}{text}").into(),
                    Thoughts::Nothing | Thoughts::Told => text,
                };
                self.delta(index, Members::new().with("reasoning_content", text), out);
            }
            Open::Function { has_arguments } => {
                choice.open = Open::Function { has_arguments: has_arguments || !text.trim().is_empty() };
                let call = choice.call().with("function", Members::new().with("arguments", text));
                self.call_delta(index, call, out);
            }
            Open::Custom => {
                let call = choice.call().with("custom", Members::new().with("input", text));
                self.call_delta(index, call, out);
            }
        }
    }

    /// The seal of a call. Thoughts have no place for theirs.
    fn seal(&mut self, index: u32, seal: Seal<'_>, out: &mut Vec<u8>) {
        let at = self.choice(index, out);
        let choice = &self.choices[at];
        let call = match choice.open {
            // SDKs want to see the function in every piece of a call.
            Open::Function { .. } => choice.call().with("function", Members::new().with("arguments", "")),
            Open::Custom => choice.call().with("custom", Members::new().with("input", "")),
            Open::Nothing | Open::Text | Open::Refusal | Open::Reasoning => return,
        };
        self.call_delta(index, call.with("extra_content", signature(seal)), out);
    }

    fn part_end(&mut self, index: u32, out: &mut Vec<u8>) {
        let at = self.choice(index, out);
        // Clients read JSON here, also of a tool that takes nothing.
        if self.choices[at].open == (Open::Function { has_arguments: false }) {
            self.piece(index, "{}".into(), out);
        }
        self.choices[at].open = Open::Nothing;
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.is_over = true;
        for choice in &self.choices {
            if let Some(stop) = &choice.stop {
                let reason = finish_reason(stop, choice.has_refusal, &self.asked);
                self.choice_chunk(choice.index, Members::new(), Json::Null, Some(reason), out);
            }
        }
        if let Some(usage) = self.usage.filter(|_| self.asked.include_usage) {
            let chunk = self.chunk(Vec::new()).with("usage", usage::write(usage));
            sse(&chunk.into(), out);
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
    }

    fn call_delta(&self, index: u32, mut call: Members<'_>, out: &mut Vec<u8>) {
        let delta = if self.asked.has_functions {
            Members::new().with_some("function_call", call.take("function"))
        } else {
            Members::new().with("tool_calls", vec![Json::from(call)])
        };
        self.delta(index, delta, out);
    }

    fn delta(&self, index: u32, delta: Members<'_>, out: &mut Vec<u8>) {
        self.choice_chunk(index, delta, Json::Null, None, out);
    }

    fn choice_chunk(
        &self,
        index: u32,
        delta: Members<'_>,
        logprobs: Json<'_>,
        finish_reason: Option<&'static str>,
        out: &mut Vec<u8>,
    ) {
        let choice = Members::new()
            .with("index", u64::from(index))
            .with("delta", delta)
            .with("logprobs", logprobs)
            .with("finish_reason", finish_reason.map_or(Json::Null, Json::from));
        // Who wants the usage at the end is told in every chunk before that it is not there yet.
        let usage = self.asked.include_usage.then_some(Json::Null);
        sse(&self.chunk(vec![choice.into()]).with_some("usage", usage).into(), out);
    }

    fn chunk<'c>(&'c self, choices: Vec<Json<'c>>) -> Members<'c> {
        Members::new()
            .with("id", &*self.head.id)
            .with("object", "chat.completion.chunk")
            .with_some("created", self.head.created)
            .with("model", &*self.head.model)
            .with("choices", choices)
    }
}

impl Choice {
    fn new(index: u32) -> Self {
        Self {
            index,
            open: Open::Nothing,
            calls: 0,
            has_refusal: false,
            thoughts: Thoughts::Nothing,
            stop: None,
        }
    }

    /// The next thought is a paragraph of its own, if it is not the first.
    fn paragraph(&mut self) {
        if self.thoughts == Thoughts::Told {
            self.thoughts = Thoughts::Paragraph;
        }
    }

    /// A piece of the open call, without what it is a piece of.
    fn call(&self) -> Members<'static> {
        Members::new().with("index", self.calls.saturating_sub(1))
    }
}

/// Appends an event of the stream.
fn sse(data: &Json<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"data: ");
    data.write(out);
    out.extend_from_slice(b"\n\n");
}
