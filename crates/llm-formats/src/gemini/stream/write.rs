//! Writing a stream.

use std::{borrow::Cow, collections::BTreeMap};

use crate::{
    gemini::{
        error::build_error,
        parts::{self, PARAGRAPH},
        response::{blocked, build_candidate, build_envelope},
    },
    json::{Json, Members},
    neutral::{Asked, Event, Head, PartKind, Seal, SealMaker, Stop, TokenLogprob, ToolCall},
    usage::Usage,
};

/// Writes a stream. Calls are written whole, and the usage with the end.
#[derive(Debug)]
pub(crate) struct StreamWriter {
    asked: Asked,
    framing: Framing,
    head: Head<'static>,
    choices: BTreeMap<u32, Choice>,
    usage: Option<Usage>,
    is_over: bool,
}

/// What stands around the chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    /// Server-sent events: the client asked for `?alt=sse`.
    Events,
    /// One JSON array over the whole stream.
    Array { is_begun: bool },
}

/// How far one of the answers is.
#[derive(Debug, Default)]
struct Choice {
    open: Open,
    /// The seal of the thought before, for the part that comes next.
    held: Option<Held>,
    tokens: Vec<TokenLogprob<'static>>,
    stop: Stop<'static>,
    has_said: bool,
    last: Last,
}

/// What was written last.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Last {
    /// A call, a seal, or nothing yet.
    #[default]
    Other,
    /// Words that were said.
    Text,
    /// A thought. More words of it and another one look the same.
    Thought,
}

#[derive(Debug)]
struct Held {
    seal: Seal<'static>,
    /// The thought has words.
    is_shown: bool,
}

/// The part that is open.
#[derive(Debug, Default)]
enum Open {
    #[default]
    Nothing,
    Text,
    Thought {
        has_text: bool,
        begins_paragraph: bool,
    },
    Call(ToolCall<'static>),
}

impl StreamWriter {
    /// Writes server-sent events.
    pub(crate) fn new(asked: Asked) -> Self {
        Self::framed(asked, Framing::Events)
    }

    /// Writes a JSON array.
    pub(crate) fn new_array(asked: Asked) -> Self {
        Self::framed(asked, Framing::Array { is_begun: false })
    }

    fn framed(asked: Asked, framing: Framing) -> Self {
        let (head, choices) = (Head::default(), BTreeMap::new());
        Self { asked, framing, head, choices, usage: None, is_over: false }
    }

    /// Appends what an event comes to. A comment or an empty line for [`Event::Ping`] would be taken for an answer by
    /// one or the other of Google's SDKs.
    pub(crate) fn write(&mut self, event: Event<'_>, out: &mut Vec<u8>) {
        if self.is_over {
            return;
        }
        match event {
            Event::Start(head) => {
                let (id, model) = (owned(head.id), owned(head.model));
                self.head = Head { id, model, created: head.created };
            }
            Event::PartStart { choice, part } => {
                let written = self.choices.entry(choice).or_default().start(part);
                self.chunk(choice, written, out);
            }
            Event::Piece { choice, text } => {
                let written = self.choices.entry(choice).or_default().piece(text);
                self.chunk(choice, written, out);
            }
            Event::Paragraph { choice } => self.choices.entry(choice).or_default().paragraph(),
            Event::Seal { choice, seal } => self.choices.entry(choice).or_default().seal(seal),
            Event::PartEnd { choice } => {
                for written in self.choices.entry(choice).or_default().end() {
                    self.chunk(choice, Some(written), out);
                }
            }
            Event::Logprobs { choice, tokens } => {
                self.choices.entry(choice).or_default().tokens.extend(tokens.into_iter().map(owned_token));
            }
            Event::Stop { choice, stop } => {
                let state = self.choices.entry(choice).or_default();
                state.stop = stop.into_owned();
                let written = state.place_held();
                self.chunk(choice, written, out);
            }
            Event::Usage(usage) => self.usage = Some(usage),
            Event::Ping => {}
            Event::End => self.end(out),
            Event::Error(error) => {
                self.frame(&build_error(&error, &self.asked.id), out);
                self.close(out);
            }
        }
    }

    /// Writes a piece of an answer.
    fn chunk(&mut self, choice: u32, part: Option<Members<'_>>, out: &mut Vec<u8>) {
        let Some(part) = part else { return };
        let state = self.choices.entry(choice).or_default();
        state.has_said = true;
        let candidate = build_candidate(vec![part], None, choice, std::mem::take(&mut state.tokens));
        let answer = Members::new().with("candidates", vec![candidate]);
        let chunk = build_envelope(answer, self.head.clone(), None, &self.asked);
        self.frame(&chunk.into(), out);
    }

    /// The last chunk tells why each answer ends. Like Google's own it has an empty text.
    fn end(&mut self, out: &mut Vec<u8>) {
        let mut choices = std::mem::take(&mut self.choices);
        if choices.is_empty() {
            choices.insert(0, Choice::default());
        }
        let is_only = choices.len() == 1;
        let refused = choices.values().next().filter(|choice| is_only && !choice.has_said);
        let answer = refused.and_then(|choice| blocked(&choice.stop)).unwrap_or_else(|| {
            let candidates = choices.into_iter().map(|(index, choice)| {
                let nothing = vec![parts::text_part("".into(), false, None)];
                build_candidate(nothing, Some(&choice.stop), index, choice.tokens)
            });
            Members::new().with("candidates", candidates.collect::<Json<'_>>())
        });
        let chunk = build_envelope(answer, self.head.clone(), self.usage, &self.asked);
        self.frame(&chunk.into(), out);
        self.close(out);
    }

    fn frame(&mut self, chunk: &Json<'_>, out: &mut Vec<u8>) {
        match &mut self.framing {
            Framing::Events => {
                out.extend_from_slice(b"data: ");
                write_on_one_line(chunk, out);
                out.extend_from_slice(b"\n\n");
            }
            Framing::Array { is_begun } => {
                out.extend_from_slice(if *is_begun { b"\n,\n" } else { b"[" });
                *is_begun = true;
                write_on_one_line(chunk, out);
            }
        }
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        self.is_over = true;
        if self.framing != Framing::Events {
            out.push(b']');
        }
    }
}

impl Choice {
    fn start(&mut self, part: PartKind<'_>) -> Option<Members<'static>> {
        let (open, written) = match part {
            PartKind::Text | PartKind::Refusal => (Open::Text, None),
            PartKind::Reasoning { .. } => {
                let written = self.place_held();
                let begins_paragraph = self.last == Last::Thought;
                (Open::Thought { has_text: false, begins_paragraph }, written)
            }
            PartKind::ToolCall { id, name, is_free_form } => {
                let (id, name) = (owned(id), owned(name));
                (Open::Call(ToolCall { id, name, arguments: "".into(), is_free_form, seal: None }), None)
            }
        };
        self.open = open;
        written
    }

    fn piece<'a>(&mut self, text: Cow<'a, str>) -> Option<Members<'a>> {
        match &mut self.open {
            _ if text.is_empty() => None,
            Open::Call(call) => {
                call.arguments.to_mut().push_str(&text);
                None
            }
            Open::Thought { has_text, begins_paragraph } => {
                *has_text = true;
                self.last = Last::Thought;
                let begins = std::mem::take(begins_paragraph);
                let text = if begins { format!("{PARAGRAPH}{text}").into() } else { text };
                Some(parts::text_part(text, true, None))
            }
            Open::Text | Open::Nothing => {
                self.last = Last::Text;
                let seal = self.held.take().map(|held| held.seal);
                Some(parts::text_part(text, false, seal))
            }
        }
    }

    fn paragraph(&mut self) {
        if let Open::Thought { has_text, begins_paragraph } = &mut self.open {
            *begins_paragraph |= *has_text;
        }
    }

    fn seal(&mut self, seal: Seal<'_>) {
        let seal = Seal { maker: seal.maker, data: owned(seal.data) };
        match &mut self.open {
            Open::Call(call) => call.seal = Some(seal),
            Open::Thought { has_text, .. } => self.held = Some(Held { seal, is_shown: *has_text }),
            Open::Text | Open::Nothing => self.held = Some(Held { seal, is_shown: false }),
        }
    }

    fn end(&mut self) -> Vec<Members<'static>> {
        let mut call = match std::mem::take(&mut self.open) {
            Open::Call(call) => call,
            // On the next text it would seem to belong to all words since the last thought.
            Open::Thought { .. } if self.last == Last::Text => {
                return self.place_held().into_iter().collect();
            }
            _ => return Vec::new(),
        };
        self.last = Last::Other;
        let is_foreign = |held: &Held| held.seal.maker != SealMaker::Gemini;
        if call.seal.is_none() && self.held.as_ref().is_some_and(is_foreign) {
            call.seal = self.held.take().map(|held| held.seal);
        }
        self.place_held().into_iter().chain([parts::call_part(call)]).collect()
    }

    /// A seal that no part takes stands on its thought, or for itself.
    fn place_held(&mut self) -> Option<Members<'static>> {
        let Held { seal, is_shown } = self.held.take()?;
        self.last = Last::Other;
        Some(parts::text_part("".into(), is_shown, Some(seal)))
    }
}

/// Google's SDK for Python takes more characters for the end of a line than JSON escapes.
fn write_on_one_line(json: &Json<'_>, out: &mut Vec<u8>) {
    const LINE_ENDS: [char; 3] = ['\u{85}', '\u{2028}', '\u{2029}'];
    let written = json.to_vec();
    match std::str::from_utf8(&written) {
        Ok(text) if text.contains(LINE_ENDS) => {
            for piece in text.split_inclusive(LINE_ENDS) {
                let text = piece.trim_end_matches(LINE_ENDS);
                out.extend_from_slice(text.as_bytes());
                let end = piece.chars().next_back().filter(|end| LINE_ENDS.contains(end));
                if let Some(end) = end {
                    out.extend_from_slice(format!("\\u{:04x}", u32::from(end)).as_bytes());
                }
            }
        }
        _ => out.extend_from_slice(&written),
    }
}

fn owned(text: Cow<'_, str>) -> Cow<'static, str> {
    text.into_owned().into()
}

fn owned_token(token: TokenLogprob<'_>) -> TokenLogprob<'static> {
    let top = token.top.into_iter().map(|(token, logprob)| (owned(token), logprob)).collect();
    TokenLogprob { token: owned(token.token), logprob: token.logprob, top }
}
