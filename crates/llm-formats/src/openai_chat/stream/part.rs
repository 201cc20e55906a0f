//! A part of a choice that has not been told whole yet.

use std::borrow::Cow;

use super::json_end::JsonEnd;
use crate::{
    neutral::{Event, PartKind, Seal, ToolCall},
    openai_chat::response::Kind,
};

/// A part of a choice, from its first piece until it is told whole.
#[derive(Debug)]
pub(super) struct Part {
    /// Which choice.
    choice: u32,
    /// What it is.
    pub(super) form: Form,
    /// Pieces that are not told yet.
    waiting: String,
    /// Whether its beginning is told.
    is_open: bool,
}

/// What a part is.
#[derive(Debug)]
pub(super) enum Form {
    /// Words.
    Words(Kind),
    /// A call.
    Call(Call),
}

/// A call in the making.
#[derive(Debug, Default)]
pub(super) struct Call {
    /// Its number at the provider.
    pub(super) index: u64,
    /// Its id; made up while the provider tells none.
    pub(super) id: String,
    /// Whether the id is made up.
    pub(super) is_id_made_up: bool,
    /// The tool's name; empty while it is not told.
    pub(super) name: String,
    /// Its pieces are plain text.
    pub(super) is_custom: bool,
    /// Its pieces are an object made for plain text, which must come whole before the text can be told.
    pub(super) is_wrapped: bool,
    /// What the provider wants to see again.
    pub(super) seal: Option<Seal<'static>>,
    /// How far its arguments have come.
    pub(super) end: JsonEnd,
}

impl Part {
    /// A part of which nothing is told.
    pub(super) fn new(choice: u32, form: Form) -> Self {
        Self { choice, form, waiting: String::new(), is_open: false }
    }

    /// Whether its pieces can be told as they come.
    fn flows(&self) -> bool {
        self.is_open && !matches!(&self.form, Form::Call(call) if call.is_wrapped)
    }

    /// Whether nothing more will come, once another part has begun. Of a call only its own end says so.
    pub(super) fn is_complete(&self) -> bool {
        match &self.form {
            Form::Words(_) => true,
            Form::Call(call) => call.is_custom || call.end.is_complete(),
        }
    }

    /// How many bytes wait in it.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// The next piece: told if that is possible, else kept.
    pub(super) fn piece<'a>(&mut self, text: Cow<'a, str>, on_event: &mut dyn FnMut(Event<'a>)) {
        if let Form::Call(call) = &mut self.form {
            call.end.read(&text);
        }
        if text.is_empty() {
        } else if self.flows() {
            on_event(Event::Piece { choice: self.choice, text });
        } else {
            self.waiting.push_str(&text);
        }
    }

    /// Tells its beginning, and what waited for that. A call without a name goes on waiting, unless it `must` not.
    pub(super) fn open(&mut self, must: bool, on_event: &mut dyn FnMut(Event<'static>)) {
        let choice = self.choice;
        let part = match &self.form {
            _ if self.is_open => return,
            Form::Words(Kind::Text) => PartKind::Text,
            Form::Words(Kind::Refusal) => PartKind::Refusal,
            Form::Words(Kind::Reasoning) => PartKind::Reasoning { id: None },
            Form::Call(call) if call.name.is_empty() && !must => return,
            Form::Call(call) => PartKind::ToolCall {
                id: call.id.clone().into(),
                name: call.name.clone().into(),
                is_free_form: call.is_custom || call.is_wrapped,
            },
        };
        on_event(Event::PartStart { choice, part });
        self.is_open = true;
        self.seal(on_event);
        if self.flows() {
            self.tell_waiting(on_event);
        }
    }

    /// Tells the seal, once there is one.
    pub(super) fn seal(&mut self, on_event: &mut dyn FnMut(Event<'static>)) {
        if let Form::Call(call) = &mut self.form
            && self.is_open
            && let Some(seal) = call.seal.take()
        {
            on_event(Event::Seal { choice: self.choice, seal });
        }
    }

    /// Tells whatever is left of it, and its end.
    pub(super) fn close(mut self, on_event: &mut dyn FnMut(Event<'static>)) {
        self.open(true, on_event);
        if let Form::Call(Call { is_wrapped: true, .. }) = self.form {
            self.waiting = unwrapped(std::mem::take(&mut self.waiting));
        }
        self.tell_waiting(on_event);
        on_event(Event::PartEnd { choice: self.choice });
    }

    fn tell_waiting(&mut self, on_event: &mut dyn FnMut(Event<'static>)) {
        if !self.waiting.is_empty() {
            let text = std::mem::take(&mut self.waiting).into();
            on_event(Event::Piece { choice: self.choice, text });
        }
    }
}

/// The plain text in an object that was made for it.
fn unwrapped(arguments: String) -> String {
    let call = ToolCall {
        id: Cow::default(),
        name: Cow::default(),
        arguments: arguments.into(),
        is_free_form: false,
        seal: None,
    };
    call.into_free_form().arguments.into_owned()
}
