mod errors;
mod fixtures;
mod properties;
mod reading;
mod requests;
mod story;
mod streams;

use super::*;
use crate::{
    json::{Json, Members},
    neutral::{Asked, Event, Losses, Request, Response},
};

fn json(text: &str) -> Json<'_> {
    Json::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn text_of(json: &Json<'_>) -> String {
    String::from_utf8(json.to_vec()).unwrap()
}

fn member<'j, 'a>(json: &'j Json<'a>, path: &str) -> Option<&'j Json<'a>> {
    path.split('.').try_fold(json, |json, name| match (json, name.parse::<usize>()) {
        (Json::Array(items), Ok(index)) => items.get(index),
        (json, _) => json.as_object()?.get(name),
    })
}

fn parsed(text: &str) -> (Request<'_>, Losses) {
    let mut losses = Losses::default();
    let request = parse_request(json(text), &mut losses).unwrap();
    (request, losses)
}

fn built(request: Request<'_>) -> (Json<'_>, Losses) {
    let mut losses = Losses::default();
    let body = build_request(request, &mut losses).unwrap();
    (body, losses)
}

/// Name and data of every event.
fn sse(stream: &str) -> Vec<(&str, &str)> {
    stream
        .split_terminator("\n\n")
        .map(|event| {
            let (name, data) = event.split_once('\n').unwrap();
            (name.strip_prefix("event: ").unwrap(), data.strip_prefix("data: ").unwrap())
        })
        .collect()
}

fn read<'a>(stream: &'a str, asked: &Asked) -> Vec<Event<'a>> {
    let mut reader = StreamReader::new(asked);
    let mut events = Vec::new();
    for (_, data) in sse(stream) {
        reader.read(data.as_bytes(), &mut |event| events.push(event)).unwrap();
    }
    reader.finish(&mut |event| events.push(event));
    events
}

fn written(events: Vec<Event<'_>>, asked: &Asked) -> String {
    let mut writer = StreamWriter::new(asked.clone());
    let mut out = Vec::new();
    for event in events {
        writer.write(event, &mut out);
    }
    String::from_utf8(out).unwrap()
}

/// The message of a stream, put together as Anthropic's SDKs do it.
fn assemble(stream: &str) -> Option<Json<'static>> {
    let mut message = Members::new();
    let mut content: Vec<Members<'static>> = Vec::new();
    let mut inputs: Vec<String> = Vec::new();
    let mut is_whole = false;
    for (name, data) in sse(stream) {
        let Json::Object(mut event) = json(data).to_static() else { panic!("{data}") };
        assert_eq!(event.take("type"), Some(Json::from(name)));
        let index = event.get("index").and_then(Json::as_u64).map(|index| usize::try_from(index).unwrap());
        match name {
            "message_start" => {
                let Some(Json::Object(start)) = event.take("message") else { panic!("{data}") };
                message = start;
            }
            "content_block_start" => {
                assert_eq!(index, Some(content.len()));
                let Some(Json::Object(block)) = event.take("content_block") else { panic!("{data}") };
                content.push(block);
                inputs.push(String::new());
            }
            "content_block_delta" => {
                let index = index.unwrap();
                assert_eq!(index + 1, content.len(), "blocks are told one after the other");
                let Some(Json::Object(mut delta)) = event.take("delta") else { panic!("{data}") };
                let kind = delta.take("type").unwrap();
                let (name, is_whole) = match kind.as_str().unwrap() {
                    "text_delta" => ("text", false),
                    "thinking_delta" => ("thinking", false),
                    "signature_delta" => ("signature", true),
                    "input_json_delta" => ("partial_json", false),
                    kind => panic!("{kind}"),
                };
                let piece = delta.get(name).unwrap().as_str().unwrap().to_owned();
                if name == "partial_json" {
                    inputs[index].push_str(&piece);
                } else {
                    let before = content[index].get(name).unwrap().as_str().unwrap().to_owned();
                    replace(&mut content[index], name, if is_whole { piece } else { before + &piece }.into());
                }
            }
            "content_block_stop" => {
                let index = index.unwrap();
                if !inputs[index].is_empty() {
                    let input = json(&inputs[index]).to_static();
                    replace(&mut content[index], "input", input);
                }
            }
            "message_delta" => {
                let Some(Json::Object(delta)) = event.take("delta") else { panic!("{data}") };
                for (name, value) in delta {
                    replace(&mut message, &name, value);
                }
                replace(&mut message, "usage", event.take("usage").unwrap());
            }
            "message_stop" => is_whole = true,
            "ping" => {}
            name => panic!("{name}"),
        }
    }
    replace(&mut message, "content", content.into_iter().map(Json::from).collect());
    is_whole.then(|| message.into())
}

/// Puts a value in a member's place.
fn replace(members: &mut Members<'static>, name: &str, value: Json<'static>) {
    let mut value = Some(value);
    *members = std::mem::take(members)
        .into_iter()
        .map(|(known, old)| if known == name { (known, value.take().unwrap()) } else { (known, old) })
        .collect();
}

/// The answer that events tell, each part whole, if they end as they must.
fn collect(events: Vec<Event<'_>>) -> Option<Response<'_>> {
    story::Collector::default().collect(events)
}
