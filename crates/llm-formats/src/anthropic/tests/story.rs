//! Events made of an answer, and an answer made of events.

use crate::neutral::{Choice, Content, Event, Part, PartKind, Reasoning, Response, ToolCall};

/// The events of an answer with one choice, each text in pieces of so many characters.
pub(super) fn events_of(response: Response<'_>, piece: usize) -> Vec<Event<'_>> {
    let mut events = vec![Event::Start(response.head)];
    for choice in response.choices {
        for part in choice.parts {
            events_of_part(part, piece, &mut events);
        }
        events.push(Event::Stop { choice: 0, stop: choice.stop });
    }
    events.extend(response.usage.map(Event::Usage));
    events.push(Event::End);
    events
}

fn events_of_part<'a>(part: Part<'a>, piece: usize, events: &mut Vec<Event<'a>>) {
    let (kind, texts, seal) = match part.content {
        Content::Text(text) => (PartKind::Text, vec![text], None),
        Content::Refusal(text) => (PartKind::Refusal, vec![text], None),
        Content::Reasoning(Reasoning { texts, seal, id }) => (PartKind::Reasoning { id }, texts, seal),
        Content::ToolCall(ToolCall { id, name, arguments, is_free_form, seal }) => {
            (PartKind::ToolCall { id, name, is_free_form }, vec![arguments], seal)
        }
        content => panic!("{content:?}"),
    };
    events.push(Event::PartStart { choice: 0, part: kind });
    for (index, text) in texts.into_iter().enumerate() {
        if index > 0 {
            events.push(Event::Paragraph { choice: 0 });
        }
        let characters: Vec<char> = text.chars().collect();
        let pieces = characters.chunks(piece).map(|piece| piece.iter().collect::<String>().into());
        events.extend(pieces.map(|text| Event::Piece { choice: 0, text }));
    }
    events.extend(seal.map(|seal| Event::Seal { choice: 0, seal }));
    events.push(Event::PartEnd { choice: 0 });
}

/// Puts the answer together that events tell, and insists on their order.
#[derive(Debug, Default)]
pub(super) struct Collector<'a> {
    response: Response<'a>,
    choice: Choice<'a>,
    open: Option<Part<'a>>,
}

impl<'a> Collector<'a> {
    pub(super) fn collect(mut self, events: Vec<Event<'a>>) -> Option<Response<'a>> {
        let mut events = events.into_iter();
        let Some(Event::Start(head)) = events.next() else { panic!("a stream starts with `Start`") };
        self.response.head = head;
        let mut is_whole = false;
        for event in events {
            assert!(!is_whole, "nothing comes after the end: {event:?}");
            is_whole = event == Event::End;
            self.take(event);
        }
        assert_eq!(self.open, None);
        self.response.choices = vec![self.choice];
        is_whole.then_some(self.response)
    }

    fn take(&mut self, event: Event<'a>) {
        match event {
            Event::PartStart { part, .. } => {
                let content = match part {
                    PartKind::Text => Content::Text("".into()),
                    PartKind::Refusal => Content::Refusal("".into()),
                    PartKind::Reasoning { id } => {
                        Content::Reasoning(Reasoning { id, ..Reasoning::default() })
                    }
                    PartKind::ToolCall { id, name, is_free_form } => {
                        let arguments = "".into();
                        Content::ToolCall(ToolCall { id, name, arguments, is_free_form, seal: None })
                    }
                };
                assert_eq!(self.open.replace(content.into()), None);
            }
            Event::Piece { text, .. } => match &mut self.open.as_mut().unwrap().content {
                Content::Text(all) | Content::Refusal(all) => *all += text,
                Content::ToolCall(call) => call.arguments += text,
                Content::Reasoning(thought) => match thought.texts.last_mut() {
                    Some(all) => *all += text,
                    None => thought.texts.push(text),
                },
                content => panic!("{content:?}"),
            },
            Event::Paragraph { .. } => match &mut self.open.as_mut().unwrap().content {
                Content::Reasoning(thought) => thought.texts.push("".into()),
                content => panic!("{content:?}"),
            },
            Event::Seal { seal, .. } => match &mut self.open.as_mut().unwrap().content {
                Content::Reasoning(thought) => thought.seal = Some(seal),
                Content::ToolCall(call) => call.seal = Some(seal),
                content => panic!("{content:?}"),
            },
            Event::PartEnd { .. } => self.choice.parts.push(self.open.take().unwrap()),
            Event::Stop { stop, .. } => self.choice.stop = stop,
            Event::Usage(usage) => self.response.usage = Some(usage),
            Event::Ping | Event::End => {}
            event => panic!("{event:?}"),
        }
    }
}
