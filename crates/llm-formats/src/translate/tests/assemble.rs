//! The answer that a stream of any format amounts to.

use std::borrow::Cow;

use crate::{
    format::Format,
    neutral::{Choice, Content, Event, Part, PartKind, Reasoning, Response, Seal, ToolCall},
    sse::SseReader,
    translate::{stream::Reader, tests::asked},
};

/// How a stream is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Over {
    /// It was cut.
    Cut,
    End,
    Error,
}

/// Reads a stream as a client of this format does.
pub(super) fn read(client: Format, stream: &[u8]) -> (Response<'static>, Over) {
    let mut reader = Reader::new(client, &asked());
    let mut sse = SseReader::default();
    let mut answer = Answer::default();
    let read =
        |event: crate::sse::Event<'_>| reader.read(event.data, &mut |event| answer.add(event)).unwrap();
    sse.feed(stream, read).unwrap();
    reader.finish(&mut |event| answer.add(event));
    (answer.response, answer.over)
}

#[derive(Debug)]
struct Answer {
    response: Response<'static>,
    /// The choices of which a part is open.
    open: Vec<u32>,
    over: Over,
}

impl Default for Answer {
    fn default() -> Self {
        Self { response: Response::default(), open: Vec::new(), over: Over::Cut }
    }
}

impl Answer {
    fn choice(&mut self, choice: u32) -> &mut Choice<'static> {
        let choices = &mut self.response.choices;
        let index = choice as usize;
        if choices.len() <= index {
            choices.resize(index + 1, Choice::default());
        }
        &mut choices[index]
    }

    fn last(&mut self, choice: u32) -> &mut Content<'static> {
        assert!(self.open.contains(&choice), "no part is open");
        &mut self.choice(choice).parts.last_mut().unwrap().content
    }

    /// Adds an event. One out of order is a mistake.
    fn add(&mut self, event: Event<'_>) {
        assert_eq!(self.over, Over::Cut, "nothing comes after the end: {event:?}");
        match event {
            Event::Start(_) => assert!(self.response.choices.is_empty() && self.open.is_empty()),
            Event::PartStart { choice, part } => {
                assert!(!self.open.contains(&choice), "one part comes after the other");
                self.open.push(choice);
                self.choice(choice).parts.push(Part::from(begun(part)));
            }
            Event::Piece { choice, text } => match self.last(choice) {
                Content::Text(known) | Content::Refusal(known) => known.to_mut().push_str(&text),
                Content::ToolCall(call) => call.arguments.to_mut().push_str(&text),
                Content::Reasoning(Reasoning { texts, .. }) => match texts.last_mut() {
                    Some(known) => known.to_mut().push_str(&text),
                    None => texts.push(owned(text)),
                },
                other => panic!("{other:?}"),
            },
            Event::Paragraph { choice } => match self.last(choice) {
                Content::Reasoning(reasoning) => reasoning.texts.push("".into()),
                other => panic!("{other:?}"),
            },
            Event::Seal { choice, seal } => {
                let seal = Some(Seal { maker: seal.maker, data: owned(seal.data) });
                match self.last(choice) {
                    Content::Reasoning(reasoning) => reasoning.seal = seal,
                    Content::ToolCall(call) => call.seal = seal,
                    other => panic!("{other:?}"),
                }
            }
            Event::PartEnd { choice } => {
                assert!(self.open.contains(&choice), "no part is open");
                self.open.retain(|open| *open != choice);
            }
            Event::Stop { choice, stop } => {
                assert!(!self.open.contains(&choice), "a part is open");
                self.choice(choice).stop = stop.into_owned();
            }
            Event::Usage(usage) => self.response.usage = Some(usage),
            Event::Logprobs { .. } | Event::Ping => {}
            Event::End => self.over = Over::End,
            Event::Error(_) => self.over = Over::Error,
        }
    }
}

fn begun(part: PartKind<'_>) -> Content<'static> {
    match part {
        PartKind::Text => Content::Text("".into()),
        PartKind::Refusal => Content::Refusal("".into()),
        PartKind::Reasoning { .. } => Content::Reasoning(Reasoning::default()),
        PartKind::ToolCall { id, name, is_free_form } => Content::ToolCall(ToolCall {
            id: owned(id),
            name: owned(name),
            arguments: "".into(),
            is_free_form,
            seal: None,
        }),
    }
}

fn owned(text: Cow<'_, str>) -> Cow<'static, str> {
    text.into_owned().into()
}
