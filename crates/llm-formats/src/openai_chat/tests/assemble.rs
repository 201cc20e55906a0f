//! Whole answers out of streams, as clients make them.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::data;
use crate::neutral::{
    Choice, Content, Event, Part, PartKind, Reasoning, Response, Seal, TokenLogprob, ToolCall,
};

/// The answer that chunks amount to, in the shape of one that is not streamed.
pub(super) fn assembled(stream: &str) -> Value {
    let (mut answer, mut choices) = (Map::new(), BTreeMap::<u64, Value>::new());
    for data in data(stream).filter(|data| *data != "[DONE]") {
        let chunk: Value = serde_json::from_str(data).unwrap();
        assert_eq!(chunk["object"], "chat.completion.chunk");
        for name in ["id", "created", "model"] {
            let told = answer.entry(name).or_insert(chunk[name].clone());
            assert_eq!(*told, chunk[name], "every chunk has the same {name}");
        }
        for choice in chunk["choices"].as_array().unwrap() {
            let index = choice["index"].as_u64().unwrap();
            add(choices.entry(index).or_insert_with(|| json!({ "index": index })), choice);
        }
        if !chunk["usage"].is_null() {
            assert_eq!(chunk["choices"], json!([]));
            answer.insert("usage".into(), chunk["usage"].clone());
        }
    }
    answer.insert("object".into(), "chat.completion".into());
    answer.insert("choices".into(), choices.into_values().map(settled).collect());
    answer.into()
}

/// Adds a piece: texts grow, lists with indices are added item by item, the rest is replaced.
fn add(whole: &mut Value, piece: &Value) {
    match (whole, piece) {
        (Value::Object(whole), Value::Object(piece)) => {
            for (name, value) in piece {
                match whole.get_mut(name) {
                    Some(known) if name != "index" && name != "type" => add(known, value),
                    _ => drop(whole.insert(name.clone(), value.clone())),
                }
            }
        }
        (Value::Array(whole), Value::Array(items)) => {
            for item in items {
                match item
                    .get("index")
                    .and_then(|index| whole.iter_mut().find(|known| known["index"] == *index))
                {
                    Some(known) => add(known, item),
                    None => whole.push(item.clone()),
                }
            }
        }
        (Value::String(whole), Value::String(piece)) => whole.push_str(piece),
        (_, Value::Null) => {}
        (whole, piece) => *whole = piece.clone(),
    }
}

/// A choice as it stands in an answer that is not streamed.
fn settled(mut choice: Value) -> Value {
    let mut message = choice["delta"].take();
    choice.as_object_mut().unwrap().remove("delta");
    let is_empty = message["content"] == "";
    if is_empty && (message.get("tool_calls").is_some() || !message["refusal"].is_null()) {
        message["content"] = Value::Null;
    }
    for call in message.get_mut("tool_calls").and_then(Value::as_array_mut).into_iter().flatten() {
        call.as_object_mut().unwrap().remove("index");
    }
    message["annotations"] = json!([]);
    choice["message"] = message;
    choice
}

/// The answer that events amount to, and whether it is complete. Events out of order are a mistake.
pub(super) fn response_of(events: Vec<Event<'_>>) -> (Response<'static>, bool) {
    let mut answer = Response::default();
    let (mut choices, mut open) =
        (BTreeMap::<u32, Choice<'static>>::new(), BTreeMap::<u32, Part<'static>>::new());
    let mut is_complete = false;
    for (at, event) in events.into_iter().enumerate() {
        assert!(!is_complete, "nothing comes after the end");
        assert_eq!(at == 0, matches!(event, Event::Start(_)), "it begins once: {event:?}");
        match event {
            Event::Start(head) => {
                answer.head.id = head.id.into_owned().into();
                answer.head.model = head.model.into_owned().into();
                answer.head.created = head.created;
            }
            Event::PartStart { choice, part } => {
                choices.entry(choice).or_default();
                assert!(open.insert(choice, begun(part)).is_none(), "one part after the other");
            }
            Event::Piece { choice, text } => grow(open.get_mut(&choice).unwrap(), &text),
            Event::Paragraph { choice } => match &mut open.get_mut(&choice).unwrap().content {
                Content::Reasoning(reasoning) => reasoning.texts.push("".into()),
                other => panic!("{other:?}"),
            },
            Event::Seal { choice, seal } => put(open.get_mut(&choice).unwrap(), &seal),
            Event::PartEnd { choice } => {
                let part = open.remove(&choice).unwrap();
                choices.get_mut(&choice).unwrap().parts.push(part);
            }
            Event::Logprobs { choice, tokens } => {
                let tokens = tokens.into_iter().map(|token| TokenLogprob {
                    token: token.token.into_owned().into(),
                    logprob: token.logprob,
                    top: token.top.into_iter().map(|(token, at)| (token.into_owned().into(), at)).collect(),
                });
                choices.entry(choice).or_default().logprobs.extend(tokens);
            }
            Event::Stop { choice, stop } => {
                assert!(!open.contains_key(&choice), "a choice ends after its parts");
                choices.entry(choice).or_default().stop = stop.into_owned();
            }
            Event::Usage(usage) => answer.usage = Some(usage),
            Event::Ping => {}
            Event::End => is_complete = true,
            Event::Error(error) => panic!("{error:?}"),
        }
    }
    answer.choices = choices.into_values().collect();
    (answer, is_complete)
}

fn grow(part: &mut Part<'static>, text: &str) {
    match &mut part.content {
        Content::Text(whole) | Content::Refusal(whole) => whole.to_mut().push_str(text),
        Content::ToolCall(call) => call.arguments.to_mut().push_str(text),
        Content::Reasoning(reasoning) => match reasoning.texts.last_mut() {
            Some(whole) => whole.to_mut().push_str(text),
            None => reasoning.texts.push(text.to_owned().into()),
        },
        other => panic!("{other:?}"),
    }
}

fn put(part: &mut Part<'static>, seal: &Seal<'_>) {
    let seal = Some(Seal { maker: seal.maker, data: seal.data.to_string().into() });
    match &mut part.content {
        Content::Reasoning(reasoning) => reasoning.seal = seal,
        Content::ToolCall(call) => call.seal = seal,
        other => panic!("{other:?}"),
    }
}

fn begun(part: PartKind<'_>) -> Part<'static> {
    match part {
        PartKind::Text => Content::Text("".into()),
        PartKind::Refusal => Content::Refusal("".into()),
        PartKind::Reasoning { .. } => Content::Reasoning(Reasoning::default()),
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

/// The events of an answer, the choices taking turns, and words cut into pieces.
pub(super) fn events_of(answer: &Response<'static>) -> Vec<Event<'static>> {
    let mut events = vec![Event::Start(answer.head.clone())];
    let mut choices: Vec<_> = answer
        .choices
        .iter()
        .zip(0..)
        .map(|(choice, index)| events_of_choice(choice, index).into_iter())
        .collect();
    while !choices.is_empty() {
        choices.retain_mut(|choice| choice.next().map(|event| events.push(event)).is_some());
    }
    events.extend(answer.usage.map(Event::Usage));
    events.push(Event::End);
    events
}

fn events_of_choice(of: &Choice<'static>, choice: u32) -> Vec<Event<'static>> {
    let mut events = Vec::new();
    for part in of.parts.iter().cloned() {
        let (kind, texts, seal) = match part.content {
            Content::Text(text) => (PartKind::Text, vec![text], None),
            Content::Refusal(text) => (PartKind::Refusal, vec![text], None),
            Content::Reasoning(Reasoning { texts, seal, id }) => (PartKind::Reasoning { id }, texts, seal),
            Content::ToolCall(ToolCall { id, name, arguments, is_free_form, seal }) => {
                (PartKind::ToolCall { id, name, is_free_form }, vec![arguments], seal)
            }
            other => panic!("{other:?}"),
        };
        events.push(Event::PartStart { choice, part: kind });
        for (number, text) in texts.iter().enumerate() {
            if number > 0 {
                events.push(Event::Paragraph { choice });
            }
            let middle = text.floor_char_boundary(text.len() / 2);
            for piece in [&text[..middle], &text[middle..]] {
                events.push(Event::Piece { choice, text: piece.to_owned().into() });
            }
        }
        events.extend(seal.map(|seal| Event::Seal { choice, seal }));
        events.push(Event::PartEnd { choice });
    }
    if !of.logprobs.is_empty() {
        events.push(Event::Logprobs { choice, tokens: of.logprobs.clone() });
    }
    events.push(Event::Stop { choice, stop: of.stop.clone() });
    events
}
