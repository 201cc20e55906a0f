//! Reading a stream.

use std::borrow::Cow;

use super::blocks::{Blocks, Step};
use crate::{
    anthropic::{error, stop, usage},
    json::{Json, Members},
    neutral::{Asked, Error, Event, Head, PartKind, fields::Path},
    usage::Usage,
};

/// Reads a stream, event by event.
#[derive(Debug)]
pub(crate) struct StreamReader {
    blocks: Blocks,
    usage: Usage,
    progress: Progress,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Progress {
    Fresh,
    Started,
    Stopped,
    Over,
}

impl StreamReader {
    /// The reader of an answer to what was asked.
    pub(crate) fn new(asked: &Asked) -> Self {
        Self { blocks: Blocks::new(asked), usage: Usage::default(), progress: Progress::Fresh }
    }

    /// Reads the data of one event.
    ///
    /// # Errors
    /// It is no JSON object, or blocks are mixed beyond what can be held.
    pub(crate) fn read<'a>(
        &mut self,
        data: &'a [u8],
        on_event: &mut dyn FnMut(Event<'a>),
    ) -> Result<(), Error> {
        // The second is what some servers end every kind of stream with.
        if self.progress == Progress::Over || data == b"[DONE]" {
            return Ok(());
        }
        let Json::Object(mut event) = Json::parse(data)? else {
            return Err(Path::BODY.error("must be an object"));
        };
        let kind = event.take("type");
        let step = match kind.as_ref().and_then(Json::as_str).unwrap_or_default() {
            "content_block_start" => Step::Start,
            "content_block_delta" => Step::Delta,
            "content_block_stop" => Step::Stop,
            kind => {
                self.take(kind, event, on_event);
                return Ok(());
            }
        };
        self.start(Members::new(), on_event);
        self.blocks.take(step, event, data.len(), on_event)
    }

    /// The bytes are over.
    pub(crate) fn finish(&mut self, on_event: &mut dyn FnMut(Event<'static>)) {
        if self.progress != Progress::Over {
            self.blocks.close(on_event);
        }
    }

    /// Takes an event that belongs to no block.
    fn take<'a>(&mut self, kind: &str, mut event: Members<'a>, on_event: &mut dyn FnMut(Event<'a>)) {
        match kind {
            "message_start" => {
                if let Some(Json::Object(message)) = event.take("message") {
                    self.start(message, on_event);
                }
            }
            "message_delta" => self.delta(event, on_event),
            "message_stop" => {
                self.stop(Members::new(), on_event);
                self.progress = Progress::Over;
                on_event(Event::End);
            }
            "ping" => on_event(Event::Ping),
            "error" => {
                self.progress = Progress::Over;
                on_event(Event::Error(error::parse_event(event)));
            }
            _ => {}
        }
    }

    /// A stream without its first event begins with a nameless message.
    fn start<'a>(&mut self, mut message: Members<'a>, on_event: &mut dyn FnMut(Event<'a>)) {
        if self.progress > Progress::Fresh {
            return;
        }
        let mut text = |name| match message.take(name) {
            Some(Json::String(text)) => text,
            _ => Cow::default(),
        };
        self.progress = Progress::Started;
        on_event(Event::Start(Head { id: text("id"), model: text("model"), created: None }));
        self.count(&message, on_event);
    }

    fn delta<'a>(&mut self, mut event: Members<'a>, on_event: &mut dyn FnMut(Event<'a>)) {
        self.start(Members::new(), on_event);
        self.count(&event, on_event);
        match event.take("delta") {
            Some(Json::Object(delta)) if delta.get("stop_reason").is_some_and(|reason| !reason.is_null()) => {
                self.stop(delta, on_event);
            }
            _ => {}
        }
    }

    fn count<'a>(&mut self, told: &Members<'_>, on_event: &mut dyn FnMut(Event<'a>)) {
        if let Some(told) = told.get("usage").and_then(Json::as_object) {
            usage::update(&mut self.usage, told);
            on_event(Event::Usage(self.usage));
        }
    }

    /// The parts are over; a refusal's words come with the reason.
    fn stop<'a>(&mut self, mut told: Members<'a>, on_event: &mut dyn FnMut(Event<'a>)) {
        if self.progress >= Progress::Stopped {
            return;
        }
        self.start(Members::new(), on_event);
        self.blocks.close(on_event);
        self.progress = Progress::Stopped;
        if let Some(words) = stop::read_explanation(&mut told) {
            on_event(Event::PartStart { choice: 0, part: PartKind::Refusal });
            on_event(Event::Piece { choice: 0, text: words });
            on_event(Event::PartEnd { choice: 0 });
        }
        on_event(Event::Stop { choice: 0, stop: stop::read(&mut told) });
    }
}
