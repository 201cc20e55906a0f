//! A stream, for a client of this format.

use super::open::{Open, Place};
use crate::{
    json::{Json, Members},
    neutral::{ApiError, Asked, Event, Head, PartKind},
    openai_responses::{
        error,
        response::answer::{Answer, Status},
    },
    usage::Usage,
};

/// Writes a stream. Only the first choice has a place in this format.
#[derive(Debug)]
pub(crate) struct StreamWriter {
    asked: Asked,
    answer: Option<Answer>,
    open: Open,
    /// The items that are whole, to be told once more at the end.
    output: Vec<Json<'static>>,
    sequence: u64,
    has_refusal: bool,
    /// How the answer ends.
    status: Status<'static>,
    usage: Option<Usage>,
    is_over: bool,
}

/// Where the events of a stream go.
#[derive(Debug)]
pub(super) struct Sink<'s> {
    out: &'s mut Vec<u8>,
    sequence: &'s mut u64,
}

impl Sink<'_> {
    /// Appends an event.
    pub(super) fn event(&mut self, kind: &str, members: Members<'_>) {
        self.out.extend_from_slice(b"event: ");
        self.out.extend_from_slice(kind.as_bytes());
        self.out.extend_from_slice(b"\ndata: ");
        let head = Members::new().with("type", kind).with("sequence_number", *self.sequence);
        Json::Object(head.into_iter().chain(members).collect()).write(self.out);
        self.out.extend_from_slice(b"\n\n");
        *self.sequence += 1;
    }
}

impl StreamWriter {
    /// The stream that answers what was asked.
    pub(crate) fn new(asked: Asked) -> Self {
        Self {
            asked,
            answer: None,
            open: Open::Nothing,
            output: Vec::new(),
            sequence: 0,
            has_refusal: false,
            status: Status::Completed,
            usage: None,
            is_over: false,
        }
    }

    /// Appends what an event becomes. After the end nothing is written any more.
    pub(crate) fn write(&mut self, event: Event<'_>, out: &mut Vec<u8>) {
        if self.is_over {
            return;
        }
        if event == Event::Ping {
            return out.extend_from_slice(b": ping\n\n");
        }
        let answer = match self.answer.take() {
            Some(answer) => answer,
            None => self.begin(&event, out),
        };
        let sink = Sink { out, sequence: &mut self.sequence };
        let mut place = Place { answer: &answer, asked: &self.asked, output: &mut self.output, sink };
        match event {
            Event::PartStart { choice: 0, part } => {
                self.has_refusal |= part == PartKind::Refusal;
                self.open.start(part, &mut place);
            }
            Event::Piece { choice: 0, text } => self.open.piece(&text, &mut place),
            Event::Paragraph { choice: 0 } => self.open.paragraph(&mut place),
            Event::Seal { choice: 0, seal } => self.open.seal(seal, &mut place),
            Event::Logprobs { choice: 0, tokens } => self.open.logprobs(tokens, &mut place),
            Event::PartEnd { choice: 0 } => self.open.end_part(&mut place),
            Event::Stop { choice: 0, stop } => self.status = Status::at(&stop, self.has_refusal),
            Event::Usage(usage) => self.usage = Some(usage),
            Event::End => {
                self.open.end_last(self.status.of_last_message(), &mut place);
                self.end(&answer, self.status, out);
            }
            Event::Error(error) => {
                place.sink.event("error", error_event(&error));
                self.end(&answer, Status::Failed(&error), out);
            }
            _ => {}
        }
        self.answer = Some(answer);
    }

    fn begin(&mut self, event: &Event<'_>, out: &mut Vec<u8>) -> Answer {
        let answer = match event {
            Event::Start(head) => Answer::new(head, &self.asked),
            _ => Answer::new(&Head::default(), &self.asked),
        };
        let object = answer.object(Status::InProgress, Vec::new(), None, &self.asked);
        let mut sink = Sink { out, sequence: &mut self.sequence };
        sink.event("response.created", Members::new().with("response", object.clone()));
        sink.event("response.in_progress", Members::new().with("response", object));
        answer
    }

    fn end(&mut self, answer: &Answer, status: Status<'_>, out: &mut Vec<u8>) {
        let output = std::mem::take(&mut self.output);
        let object = answer.object(status, output, self.usage, &self.asked);
        let kind = format!("response.{}", status.name());
        Sink { out, sequence: &mut self.sequence }.event(&kind, Members::new().with("response", object));
        self.is_over = true;
    }
}

/// The reference has the members of an error in the event itself, the real API has them in an object within. Some
/// clients read the one, some the other.
fn error_event(error: &ApiError<'_>) -> Members<'static> {
    let code = error::code_in_stream(error);
    let within = error::object(error).into_iter().filter(|(name, _)| name != "code");
    let within: Members<'_> = within.chain([("code".into(), code.into())]).collect();
    Members::new()
        .with("code", code)
        .with("message", error.message.to_string())
        .with("param", error.param.as_ref().map_or(Json::Null, |param| param.to_string().into()))
        .with("error", within)
}
