//! The blocks of a stream as they are read, brought into order: one after the other.

use std::{borrow::Cow, collections::BTreeMap};

use crate::{
    anthropic::name::original,
    json::{Json, Members},
    neutral::{Asked, Error, Event, PartKind, Seal, SealMaker, ToolCall, fields::Path},
};

/// What is held back of blocks of which it is not the turn. Anthropic itself never mixes blocks.
const MAX_HELD_BYTES: usize = 4 << 20;
/// Anthropic has one choice only.
const CHOICE: u32 = 0;

/// What happens to a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Start,
    Delta,
    Stop,
}

/// The block that is told, and those that wait for its end.
#[derive(Debug)]
pub(super) struct Blocks {
    asked: Asked,
    open: Option<(u64, Block)>,
    waiting: BTreeMap<u64, Vec<(Step, Json<'static>)>>,
    held_bytes: usize,
}

#[derive(Debug)]
enum Block {
    /// Words, of the answer or of a thought.
    Words,
    Call(Call),
    /// One of the many that only Anthropic has.
    Unknown,
}

#[derive(Debug)]
struct Call {
    name: String,
    is_free_form: bool,
    /// The whole input, if it came at the start; else what came of it in pieces and is not told yet.
    input: String,
    is_told: bool,
}

impl Blocks {
    pub(super) fn new(asked: &Asked) -> Self {
        Self { asked: asked.clone(), open: None, waiting: BTreeMap::new(), held_bytes: 0 }
    }

    /// Takes an event of `bytes` bytes.
    ///
    /// # Errors
    /// Blocks are mixed, and more than can be held.
    pub(super) fn take<'a>(
        &mut self,
        step: Step,
        event: Members<'a>,
        bytes: usize,
        on_event: &mut dyn FnMut(Event<'a>),
    ) -> Result<(), Error> {
        let index = event.get("index").and_then(Json::as_u64).unwrap_or_default();
        if self.open.as_ref().is_some_and(|(open, _)| *open != index) {
            self.held_bytes += bytes;
            if self.held_bytes > MAX_HELD_BYTES {
                return Err(Path::BODY.error("mixes more blocks than can be brought into order"));
            }
            self.waiting.entry(index).or_default().push((step, Json::from(event).to_static()));
            return Ok(());
        }
        self.step(step, index, event, on_event);
        while self.open.is_none() && self.go_on(on_event) {}
        Ok(())
    }

    /// Ends all blocks.
    pub(super) fn close<'a>(&mut self, on_event: &mut dyn FnMut(Event<'a>)) {
        self.end(on_event);
        while self.go_on(on_event) {
            self.end(on_event);
        }
    }

    /// Tells what waits of the next block, if there is one.
    fn go_on<'a>(&mut self, on_event: &mut dyn FnMut(Event<'a>)) -> bool {
        let Some((index, events)) = self.waiting.pop_first() else { return false };
        for (step, event) in events {
            if let Json::Object(event) = event {
                self.step(step, index, event, on_event);
            }
        }
        true
    }

    fn step<'a>(
        &mut self,
        step: Step,
        index: u64,
        mut event: Members<'a>,
        on_event: &mut dyn FnMut(Event<'a>),
    ) {
        match (step, &mut self.open) {
            (Step::Start, _) => {
                self.end(on_event);
                if let Some(Json::Object(block)) = event.take("content_block") {
                    self.open = Some((index, Block::begin(block, &self.asked, on_event)));
                }
            }
            (Step::Delta, Some((_, block))) => {
                if let Some(Json::Object(delta)) = event.take("delta") {
                    block.take(delta, on_event);
                }
            }
            (Step::Stop, Some(_)) => self.end(on_event),
            (Step::Delta | Step::Stop, None) => {}
        }
    }

    fn end<'a>(&mut self, on_event: &mut dyn FnMut(Event<'a>)) {
        if let Some((_, block)) = self.open.take() {
            block.end(on_event);
        }
    }
}

impl Block {
    fn begin<'a>(mut block: Members<'a>, asked: &Asked, on_event: &mut dyn FnMut(Event<'a>)) -> Self {
        let kind = block.take("type");
        match kind.as_ref().and_then(Json::as_str).unwrap_or_default() {
            "text" => {
                on_event(Event::PartStart { choice: CHOICE, part: PartKind::Text });
                say(text(&mut block, "text"), on_event);
                Self::Words
            }
            "thinking" => {
                on_event(Event::PartStart { choice: CHOICE, part: PartKind::Reasoning { id: None } });
                say(text(&mut block, "thinking"), on_event);
                seal(SealMaker::Anthropic, text(&mut block, "signature"), on_event);
                Self::Words
            }
            "redacted_thinking" => {
                on_event(Event::PartStart { choice: CHOICE, part: PartKind::Reasoning { id: None } });
                seal(SealMaker::AnthropicRedacted, text(&mut block, "data"), on_event);
                Self::Words
            }
            "tool_use" => {
                let name = original(text(&mut block, "name"), asked);
                let is_free_form = asked.is_free_form(&name);
                let input = block.take("input").filter(|input| *input != Members::new().into());
                let input = input.map(|input| String::from_utf8(input.to_vec()).unwrap_or_default());
                let (input, call) = (input.unwrap_or_default(), name.to_string());
                let part = PartKind::ToolCall { id: text(&mut block, "id"), name, is_free_form };
                on_event(Event::PartStart { choice: CHOICE, part });
                Self::Call(Call { name: call, is_free_form, input, is_told: false })
            }
            _ => Self::Unknown,
        }
    }

    fn take<'a>(&mut self, mut delta: Members<'a>, on_event: &mut dyn FnMut(Event<'a>)) {
        let kind = delta.take("type");
        match (kind.as_ref().and_then(Json::as_str).unwrap_or_default(), self) {
            ("text_delta", Self::Words) => say(text(&mut delta, "text"), on_event),
            ("thinking_delta", Self::Words) => say(text(&mut delta, "thinking"), on_event),
            ("signature_delta", Self::Words) => {
                seal(SealMaker::Anthropic, text(&mut delta, "signature"), on_event);
            }
            ("input_json_delta", Self::Call(call)) => {
                call.take(text(&mut delta, "partial_json"), on_event);
            }
            _ => {}
        }
    }

    fn end<'a>(self, on_event: &mut dyn FnMut(Event<'a>)) {
        match self {
            Self::Words => {}
            Self::Call(call) => call.end(on_event),
            Self::Unknown => return,
        }
        on_event(Event::PartEnd { choice: CHOICE });
    }
}

impl Call {
    fn take<'a>(&mut self, piece: Cow<'a, str>, on_event: &mut dyn FnMut(Event<'a>)) {
        if self.is_free_form {
            self.input.push_str(&piece);
        } else if !piece.is_empty() {
            self.is_told = true;
            say(piece, on_event);
        }
    }

    /// Tells what is not told yet. A call of a tool that takes nothing has no pieces, but is an object all the same.
    fn end<'a>(self, on_event: &mut dyn FnMut(Event<'a>)) {
        let Self { name, is_free_form, input, is_told } = self;
        if is_free_form {
            let call = ToolCall {
                id: "".into(),
                name: name.into(),
                arguments: input.into(),
                is_free_form,
                seal: None,
            };
            say(call.into_free_form().arguments, on_event);
        } else if !is_told {
            say(if input.is_empty() { "{}".into() } else { input.into() }, on_event);
        }
    }
}

fn say<'a>(text: Cow<'a, str>, on_event: &mut dyn FnMut(Event<'a>)) {
    if !text.is_empty() {
        on_event(Event::Piece { choice: CHOICE, text });
    }
}

fn seal<'a>(maker: SealMaker, text: Cow<'a, str>, on_event: &mut dyn FnMut(Event<'a>)) {
    if !text.is_empty() {
        on_event(Event::Seal { choice: CHOICE, seal: Seal::read(maker, text) });
    }
}

fn text<'a>(members: &mut Members<'a>, name: &str) -> Cow<'a, str> {
    match members.take(name) {
        Some(Json::String(text)) => text,
        _ => Cow::default(),
    }
}
