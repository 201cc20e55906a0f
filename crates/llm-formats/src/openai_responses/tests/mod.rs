//! What is told of one story in this format and in none is the same, whole and in pieces.

mod assemble;
mod fixtures;
mod random;
mod random_requests;
mod requests;
mod round_trips;
mod streams;

use super::*;
use crate::{
    json::Json,
    neutral::{
        Asked, Choice, Content, Event, Losses, Message, Part, PartKind, Reasoning, Request, Response, Role,
        Seal, SealMaker, Stop, ToolCall,
    },
    usage::Usage,
};

fn json(text: &str) -> Json<'static> {
    Json::parse(text.as_bytes()).unwrap().to_static()
}

/// A JSON text as a tree in which the order of members does not count.
fn value(json: &Json<'_>) -> serde_json::Value {
    serde_json::from_slice(&json.to_vec()).unwrap()
}

fn parse(text: &str) -> Result<(Request<'static>, Losses), crate::neutral::Error> {
    let mut losses = Losses::default();
    parse_request(json(text), &mut losses).map(|request| (request, losses))
}

fn call(id: &'static str, name: &'static str, arguments: &'static str) -> Part<'static> {
    let (id, name, arguments) = (id.into(), name.into(), arguments.into());
    Content::ToolCall(ToolCall { id, name, arguments, is_free_form: false, seal: None }).into()
}

fn sealed(maker: SealMaker, data: &'static str) -> Seal<'static> {
    Seal { maker, data: data.into() }
}

/// The data of the events of a stream. Names are the types that stand in the data.
fn data_of(stream: &[u8]) -> Vec<Vec<u8>> {
    let stream = std::str::from_utf8(stream).unwrap();
    let blocks = stream.split("\n\n").filter(|block| !block.is_empty() && !block.starts_with(':'));
    blocks
        .map(|block| {
            let (name, data) = block.split_once('\n').unwrap();
            let data = data.strip_prefix("data: ").unwrap();
            assert_eq!(
                Some(name.strip_prefix("event: ").unwrap()),
                json(data).as_object().unwrap().get("type").unwrap().as_str()
            );
            data.as_bytes().to_vec()
        })
        .collect()
}

/// What a reader makes of the events of a stream.
fn read(events: &[Vec<u8>]) -> Vec<Event<'_>> {
    let mut reader = StreamReader::new(&Asked::default());
    let mut told = Vec::new();
    for data in events {
        reader.read(data, &mut |event| told.push(event)).unwrap();
    }
    reader.finish(&mut |event| told.push(event));
    told
}

/// What a writer makes of events.
fn written<'a>(events: impl IntoIterator<Item = Event<'a>>, asked: Asked) -> Vec<u8> {
    let mut writer = StreamWriter::new(asked);
    let mut out = Vec::new();
    for event in events {
        writer.write(event, &mut out);
    }
    out
}

/// The whole answer that events tell.
fn joined(events: Vec<Event<'_>>) -> Response<'static> {
    let mut response = Response { choices: vec![Choice::default()], ..Response::default() };
    let mut is_open = false;
    for event in events {
        let choice = &mut response.choices[0];
        match event {
            Event::Start(head) => {
                response.head = crate::neutral::Head {
                    id: head.id.into_owned().into(),
                    model: head.model.into_owned().into(),
                    created: head.created,
                };
            }
            Event::PartStart { part, .. } => {
                assert!(!std::mem::replace(&mut is_open, true), "two parts at once");
                choice.parts.push(begun(part));
            }
            Event::PartEnd { .. } => assert!(std::mem::replace(&mut is_open, false), "no part is open"),
            Event::Stop { stop, .. } => choice.stop = stop.into_owned(),
            Event::Usage(usage) => response.usage = Some(usage),
            Event::Logprobs { tokens, .. } => {
                choice.logprobs.extend(tokens.into_iter().map(random::owned_logprob));
            }
            Event::Ping | Event::End => {}
            Event::Error(error) => panic!("{error:?}"),
            event => {
                assert!(is_open);
                add(&mut choice.parts.last_mut().unwrap().content, event);
            }
        }
    }
    assert!(!is_open);
    response
}

fn begun(part: PartKind<'_>) -> Part<'static> {
    match part {
        PartKind::Text => Content::Text("".into()),
        PartKind::Refusal => Content::Refusal("".into()),
        PartKind::Reasoning { id } => {
            Content::Reasoning(Reasoning { id: id.map(|id| id.into_owned().into()), ..Reasoning::default() })
        }
        PartKind::ToolCall { id, name, is_free_form } => Content::ToolCall(ToolCall {
            id: id.into_owned().into(),
            name: name.into_owned().into(),
            arguments: "".into(),
            is_free_form,
            seal: None,
        }),
    }
    .into()
}

fn add(content: &mut Content<'static>, event: Event<'_>) {
    match (content, event) {
        (Content::Text(text) | Content::Refusal(text), Event::Piece { text: piece, .. }) => {
            text.to_mut().push_str(&piece);
        }
        (Content::ToolCall(call), Event::Piece { text, .. }) => call.arguments.to_mut().push_str(&text),
        (Content::Reasoning(reasoning), Event::Piece { text, .. }) => match reasoning.texts.last_mut() {
            Some(last) => last.to_mut().push_str(&text),
            None => reasoning.texts.push(text.into_owned().into()),
        },
        (Content::Reasoning(reasoning), Event::Paragraph { .. }) => reasoning.texts.push("".into()),
        (Content::Reasoning(reasoning), Event::Seal { seal, .. }) => {
            reasoning.seal = Some(Seal { maker: seal.maker, data: seal.data.into_owned().into() });
        }
        (content, event) => panic!("{event:?} in {content:?}"),
    }
}
