//! Writing a stream.

use super::open::Open;
use crate::{
    anthropic::{
        error::build_error,
        response,
        stop::{Ending, Said},
        usage,
    },
    json::{Json, Members},
    neutral::{Asked, Event, Head, PartKind, Stop},
    usage::Usage,
};

/// Writes a stream, event by event. Anthropic has one choice only; the first is told.
#[derive(Debug)]
pub(crate) struct StreamWriter {
    asked: Asked,
    usage: Usage,
    said: Said,
    ending: Option<Ending<'static>>,
    open: Option<Open>,
    /// The index of the next block.
    next: u64,
    has_started: bool,
    is_over: bool,
}

impl StreamWriter {
    /// The writer of an answer to what was asked.
    pub(crate) fn new(asked: Asked) -> Self {
        Self {
            asked,
            usage: Usage::default(),
            said: Said::default(),
            ending: None,
            open: None,
            next: 0,
            has_started: false,
            is_over: false,
        }
    }

    /// Appends what the client is to see of an event.
    pub(crate) fn write(&mut self, event: Event<'_>, out: &mut Vec<u8>) {
        if self.is_over {
            return;
        }
        match event {
            Event::Start(head) => self.start(head, out),
            Event::PartStart { choice: 0, part } => {
                self.said.has_calls |= matches!(part, PartKind::ToolCall { .. });
                self.open = Some(Open::new(part));
            }
            Event::PartEnd { choice: 0 } => self.end(out),
            Event::Stop { choice: 0, stop } => self.ending = Some(Ending::of(stop, self.said).into_owned()),
            Event::Usage(usage) => self.usage = usage,
            Event::Ping => send("ping", Members::new(), out),
            Event::End => self.finish(out),
            Event::Error(error) => {
                self.is_over = true;
                frame("error", &build_error(&error, ""), out);
            }
            event => {
                if let Some(open) = &mut self.open {
                    open.take(event, &mut self.next, out);
                }
            }
        }
    }

    fn start(&mut self, head: Head<'_>, out: &mut Vec<u8>) {
        self.has_started = true;
        let message = response::begin(head, &self.asked)
            .with("content", Vec::new())
            .with("stop_reason", Json::Null)
            .with("stop_sequence", Json::Null)
            .with("stop_details", Json::Null)
            .with("usage", usage::write(self.usage));
        send("message_start", Members::new().with("message", message), out);
        send("ping", Members::new(), out);
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        if let Some(open) = self.open.take() {
            self.said.has_refusal |= open.is_refusal();
            open.end(&mut self.next, out);
        }
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        if !self.has_started {
            self.start(Head::default(), out);
        }
        self.end(out);
        self.is_over = true;
        let mut delta = Members::new();
        let ending = self.ending.take();
        ending.unwrap_or_else(|| Ending::of(Stop::End, self.said)).write(&mut delta);
        let event = Members::new().with("delta", delta).with("usage", usage::write(self.usage));
        send("message_delta", event, out);
        send("message_stop", Members::new(), out);
    }
}

/// Appends an event. SDKs skip those without an `event:` line.
pub(super) fn send(name: &'static str, members: Members<'_>, out: &mut Vec<u8>) {
    let event = Members::new().with("type", name).into_iter().chain(members).collect::<Members<'_>>();
    frame(name, &event.into(), out);
}

fn frame(name: &str, data: &Json<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\ndata: ");
    data.write(out);
    out.extend_from_slice(b"\n\n");
}
