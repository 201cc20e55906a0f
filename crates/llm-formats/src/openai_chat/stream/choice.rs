//! One choice of a stream, of which the parts are brought into an order: one after the other.
//!
//! Words are told as they come, and so are the arguments of one call. What comes for another part before the open
//! call is complete waits.

use std::{borrow::Cow, collections::VecDeque};

use super::part::{Call, Form, Part};
use crate::{
    json::{Json, Members},
    neutral::{Asked, Error, Event, Seal, Stop, fields::Path},
    openai_chat::{
        request::signature,
        response::{Kind, as_text, made_up_id},
    },
};

/// So many bytes may wait.
const MAX_WAITING_BYTES: usize = 16 << 20;
/// So many parts may wait. No model calls more tools at once.
const MAX_WAITING_PARTS: usize = 1_024;

/// A choice that is under way.
#[derive(Debug)]
pub(super) struct Choice {
    index: u32,
    /// The open part, and those that wait for their turn behind it.
    parts: VecDeque<Part>,
    waiting_bytes: usize,
    /// How many calls have begun.
    calls: usize,
    has_refusal: bool,
    is_stopped: bool,
}

impl Choice {
    /// A choice of which nothing has come.
    pub(super) fn new(index: u32) -> Self {
        Self {
            index,
            parts: VecDeque::new(),
            waiting_bytes: 0,
            calls: 0,
            has_refusal: false,
            is_stopped: false,
        }
    }

    /// Which choice.
    pub(super) fn index(&self) -> u32 {
        self.index
    }

    /// Whether why it ends is told. What comes after that is nothing.
    pub(super) fn is_stopped(&self) -> bool {
        self.is_stopped
    }

    /// Whether it calls tools.
    pub(super) fn has_calls(&self) -> bool {
        self.calls > 0
    }

    /// Whether it is a refusal.
    pub(super) fn has_refusal(&self) -> bool {
        self.has_refusal
    }

    /// Words.
    pub(super) fn words<'a>(
        &mut self,
        kind: Kind,
        text: Cow<'a, str>,
        on_event: &mut dyn FnMut(Event<'a>),
    ) -> Result<(), Error> {
        self.has_refusal |= kind == Kind::Refusal;
        let goes_on =
            matches!(self.parts.back(), Some(Part { form: Form::Words(last), .. }) if *last == kind);
        if !goes_on {
            self.begin(Form::Words(kind), &mut |event| on_event(event))?;
        }
        self.piece(self.parts.len().saturating_sub(1), text, on_event)
    }

    /// A piece of a call; `number` stands for its index if it has none.
    pub(super) fn call<'a>(
        &mut self,
        mut delta: Members<'a>,
        number: u64,
        asked: &Asked,
        on_event: &mut dyn FnMut(Event<'a>),
    ) -> Result<(), Error> {
        let index = delta.take("index").and_then(|index| index.as_u64()).unwrap_or(number);
        let (tool, text, is_custom) = match (delta.take("function"), delta.take("custom")) {
            (None, Some(Json::Object(custom))) => (custom, "input", true),
            (Some(Json::Object(function)), _) => (function, "arguments", false),
            _ => (Members::new(), "arguments", false),
        };
        let mut tool = tool;
        let (id, name) = (word(&mut delta, "id"), word(&mut tool, "name"));
        let Some(at) = self.place(index, &id, &name) else {
            // It goes on with a call that was complete.
            if id.is_empty() && name.is_empty() {
                return Ok(());
            }
            let is_wrapped = !is_custom && asked.is_free_form(&name);
            let made_up = made_up_id(asked, self.calls);
            self.calls += 1;
            let mut call = Call { index, is_custom, is_wrapped, name: name.into_owned(), ..Call::default() };
            call.is_id_made_up = id.is_empty();
            call.id = if id.is_empty() { made_up } else { id.into_owned() };
            self.begin(Form::Call(call), &mut |event| on_event(event))?;
            return self.go_on(self.parts.len().saturating_sub(1), delta, tool.take(text), on_event);
        };
        if let Some(Part { form: Form::Call(call), .. }) = self.parts.get_mut(at) {
            if call.name.is_empty() {
                call.is_wrapped = !call.is_custom && asked.is_free_form(&name);
                call.name = name.into_owned();
            }
            if call.is_id_made_up && !id.is_empty() {
                call.is_id_made_up = false;
                call.id = id.into_owned();
            }
        }
        self.go_on(at, delta, tool.take(text), on_event)
    }

    /// Where the call stands to which a piece belongs. Some APIs give one index to all; a new id tells them apart.
    fn place(&self, index: u64, id: &str, name: &str) -> Option<usize> {
        let is_new = |call: &Call| !call.is_id_made_up && !id.is_empty() && !name.is_empty() && call.id != id;
        let at = self
            .parts
            .iter()
            .rposition(|part| matches!(&part.form, Form::Call(call) if call.index == index))?;
        match &self.parts.get(at)?.form {
            Form::Call(call) if !is_new(call) => Some(at),
            _ => None,
        }
    }

    /// The seal and the arguments in a piece of a call.
    fn go_on<'a>(
        &mut self,
        at: usize,
        mut delta: Members<'a>,
        arguments: Option<Json<'a>>,
        on_event: &mut dyn FnMut(Event<'a>),
    ) -> Result<(), Error> {
        if let Some(part) = self.parts.get_mut(at) {
            if let Form::Call(call) = &mut part.form
                && let Some(seal) = delta.take("extra_content").and_then(signature)
            {
                call.seal = Some(Seal { maker: seal.maker, data: seal.data.into_owned().into() });
            }
            part.seal(&mut |event| on_event(event));
        }
        self.piece(at, arguments.map(as_text).unwrap_or_default(), on_event)
    }

    fn begin(&mut self, form: Form, on_event: &mut dyn FnMut(Event<'static>)) -> Result<(), Error> {
        if self.parts.len() >= MAX_WAITING_PARTS {
            return Err(Path::BODY.member("choices").error("has more parts at once than any model makes"));
        }
        self.parts.push_back(Part::new(self.index, form));
        self.advance(on_event);
        Ok(())
    }

    fn piece<'a>(
        &mut self,
        at: usize,
        text: Cow<'a, str>,
        on_event: &mut dyn FnMut(Event<'a>),
    ) -> Result<(), Error> {
        let Some(part) = self.parts.get_mut(at) else { return Ok(()) };
        let waited = part.waiting();
        part.piece(text, on_event);
        self.waiting_bytes += part.waiting() - waited;
        if self.waiting_bytes > MAX_WAITING_BYTES {
            return Err(Path::BODY.member("choices").error("has longer calls at once than any model makes"));
        }
        self.advance(&mut |event| on_event(event));
        Ok(())
    }

    /// Opens the first part, and goes on to the next one as soon as it is complete.
    fn advance(&mut self, on_event: &mut dyn FnMut(Event<'static>)) {
        while let Some(first) = self.parts.front_mut() {
            let waited = first.waiting();
            first.open(false, on_event);
            self.waiting_bytes -= waited - first.waiting();
            if self.parts.len() == 1 || !self.parts.front().is_some_and(Part::is_complete) {
                return;
            }
            self.close_first(on_event);
        }
    }

    fn close_first(&mut self, on_event: &mut dyn FnMut(Event<'static>)) {
        if let Some(first) = self.parts.pop_front() {
            self.waiting_bytes -= first.waiting();
            first.close(on_event);
        }
    }

    /// Tells whatever is left, and why it ends.
    pub(super) fn stop<'a>(&mut self, stop: Stop<'a>, on_event: &mut dyn FnMut(Event<'a>)) {
        if self.is_stopped {
            return;
        }
        self.is_stopped = true;
        while !self.parts.is_empty() {
            self.close_first(&mut |event| on_event(event));
        }
        on_event(Event::Stop { choice: self.index, stop });
    }
}

fn word<'a>(members: &mut Members<'a>, name: &str) -> Cow<'a, str> {
    match members.take(name) {
        Some(Json::String(word)) => word,
        _ => Cow::default(),
    }
}
