//! A stream from one format to another, piece by piece.

use std::borrow::Cow;

use crate::{
    anthropic,
    endpoint::Framing,
    format::Format,
    gemini,
    neutral::{ApiError, Asked, Error, Event, FreeFormCalls},
    openai_chat, openai_responses,
    sse::{EventTooLong, SseReader},
};

/// Said of a stream that is over before its format's end.
const CUT: &str = "the upstream broke off its answer";

/// Translates a stream of server-sent events.
#[derive(Debug)]
pub struct StreamTranslator {
    events: SseReader,
    route: Route,
}

/// The way of an event.
#[derive(Debug)]
struct Route {
    reader: Reader,
    free_form: FreeFormCalls,
    writer: Writer,
    /// The end has been written, or an error.
    is_over: bool,
}

/// Reads an API's events.
#[derive(Debug)]
pub(crate) enum Reader {
    OpenAiChat(Box<openai_chat::StreamReader>),
    OpenAiResponses(Box<openai_responses::StreamReader>),
    Anthropic(Box<anthropic::StreamReader>),
    Gemini(Box<gemini::StreamReader>),
}

/// Writes a client's events.
#[derive(Debug)]
pub(crate) enum Writer {
    OpenAiChat(Box<openai_chat::StreamWriter>),
    OpenAiResponses(Box<openai_responses::StreamWriter>),
    Anthropic(Box<anthropic::StreamWriter>),
    Gemini(Box<gemini::StreamWriter>),
}

impl StreamTranslator {
    pub(crate) fn new(reader: Reader, writer: Writer, asked: Asked) -> Self {
        let route = Route { reader, free_form: FreeFormCalls::new(asked), writer, is_over: false };
        Self { events: SseReader::default(), route }
    }

    /// Reads a piece, and appends what the client gets for it.
    pub fn feed(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        let Self { events, route } = self;
        let read = events.feed(piece, |event| route.read(event.data, out));
        if let Err(EventTooLong) = read {
            route.fail(502, "the upstream sent an event that is too long", out);
        }
    }

    /// The stream is over. Says whether it had come to its end; if not, the client is told.
    pub fn finish(self, out: &mut Vec<u8>) -> bool {
        let Self { events, mut route } = self;
        events.finish(|event| route.read(event.data, out));
        route.finish(out);
        let is_whole = route.is_over;
        route.fail(502, CUT, out);
        is_whole
    }

    /// Tells the client that nothing more comes, and why.
    pub fn fail(&mut self, status: u16, message: &str, out: &mut Vec<u8>) {
        self.route.fail(status, message, out);
    }
}

impl Route {
    fn read(&mut self, data: &[u8], out: &mut Vec<u8>) {
        if self.is_over {
            return;
        }
        let Self { reader, free_form, writer, is_over } = self;
        let read = reader.read(data, &mut |event| {
            *is_over |= matches!(event, Event::End | Event::Error(_));
            free_form.pass(event, &mut |event| writer.write(event, out));
        });
        if read.is_err() {
            self.fail(502, "the upstream sent an event that cannot be read", out);
        }
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        if self.is_over {
            return;
        }
        let Self { reader, free_form, writer, is_over } = self;
        reader.finish(&mut |event| {
            *is_over |= matches!(event, Event::End | Event::Error(_));
            free_form.pass(event, &mut |event| writer.write(event, out));
        });
    }

    fn fail(&mut self, status: u16, message: &str, out: &mut Vec<u8>) {
        if self.is_over {
            return;
        }
        self.is_over = true;
        let error = ApiError { status, message: Cow::Borrowed(message), code: None, param: None };
        self.writer.write(Event::Error(error), out);
    }
}

impl Reader {
    pub(crate) fn new(api: Format, asked: &Asked) -> Self {
        match api {
            Format::OpenAiChat => Self::OpenAiChat(Box::new(openai_chat::StreamReader::new(asked))),
            Format::OpenAiResponses => {
                Self::OpenAiResponses(Box::new(openai_responses::StreamReader::new(asked)))
            }
            Format::Anthropic => Self::Anthropic(Box::new(anthropic::StreamReader::new(asked))),
            Format::Gemini => Self::Gemini(Box::new(gemini::StreamReader::new(asked))),
        }
    }

    pub(super) fn read<'a>(
        &mut self,
        data: &'a [u8],
        on_event: &mut dyn FnMut(Event<'a>),
    ) -> Result<(), Error> {
        match self {
            Self::OpenAiChat(reader) => reader.read(data, on_event),
            Self::OpenAiResponses(reader) => reader.read(data, on_event),
            Self::Anthropic(reader) => reader.read(data, on_event),
            Self::Gemini(reader) => reader.read(data, on_event),
        }
    }

    pub(super) fn finish(&mut self, on_event: &mut dyn FnMut(Event<'static>)) {
        match self {
            Self::OpenAiChat(reader) => reader.finish(on_event),
            Self::OpenAiResponses(reader) => reader.finish(on_event),
            Self::Anthropic(reader) => reader.finish(on_event),
            Self::Gemini(reader) => reader.finish(on_event),
        }
    }
}

impl Writer {
    pub(crate) fn new(client: Format, framing: Option<Framing>, asked: Asked) -> Self {
        match client {
            Format::OpenAiChat => Self::OpenAiChat(Box::new(openai_chat::StreamWriter::new(asked))),
            Format::OpenAiResponses => {
                Self::OpenAiResponses(Box::new(openai_responses::StreamWriter::new(asked)))
            }
            Format::Anthropic => Self::Anthropic(Box::new(anthropic::StreamWriter::new(asked))),
            Format::Gemini if framing == Some(Framing::Array) => {
                Self::Gemini(Box::new(gemini::StreamWriter::new_array(asked)))
            }
            Format::Gemini => Self::Gemini(Box::new(gemini::StreamWriter::new(asked))),
        }
    }

    pub(crate) fn write(&mut self, event: Event<'_>, out: &mut Vec<u8>) {
        match self {
            Self::OpenAiChat(writer) => writer.write(event, out),
            Self::OpenAiResponses(writer) => writer.write(event, out),
            Self::Anthropic(writer) => writer.write(event, out),
            Self::Gemini(writer) => writer.write(event, out),
        }
    }
}
