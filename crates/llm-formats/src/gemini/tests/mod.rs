//! The stories that every format tells, and random requests and answers on their way there and back.

mod assemble;
mod events;
mod random;
mod stories;

use proptest::prelude::*;
use serde_json::Value;

use self::{
    assemble::{Framing, assembled},
    events::{collected, events_of, in_one_piece},
    stories::{STORIES, asked},
};
use super::{
    StreamReader, StreamWriter, build_request, build_response, parse_error, parse_request, parse_response,
};
use crate::{
    fixtures,
    format::Format,
    json::Json,
    neutral::{Asked, Event, Head, Losses, Request, Response},
};

/// A file of a story.
fn fixture(story: &str, name: &str) -> Vec<u8> {
    fixtures::read(story, Format::Gemini, name).into_bytes()
}

/// The data of every event of a stream.
fn data_of(stream: &[u8]) -> Vec<&[u8]> {
    stream.split(|byte| *byte == b'\n').filter_map(|line| line.strip_prefix(b"data: ")).collect()
}

fn value(json: &Json<'_>) -> Value {
    serde_json::from_slice(&json.to_vec()).unwrap()
}

/// What Google tells and nobody else knows: which kinds of media the tokens are for.
fn without_details(mut answer: Value) -> Value {
    if let Some(usage) = answer.get_mut("usageMetadata").and_then(Value::as_object_mut) {
        usage.retain(|name, _| !name.ends_with("Details"));
    }
    answer
}

fn read_stream(stream: &[u8], asked: &Asked) -> Vec<Event<'static>> {
    let mut reader = StreamReader::new(asked);
    let mut events = Vec::new();
    for data in data_of(stream) {
        reader.read(data, &mut |event| events.push(events::owned(event))).unwrap();
    }
    reader.finish(&mut |event| events.push(event));
    events
}

fn written(mut writer: StreamWriter, events: Vec<Event<'static>>) -> Vec<u8> {
    let mut out = Vec::new();
    for event in events {
        writer.write(event, &mut out);
    }
    out
}

#[test]
fn every_story_is_read_and_written_as_google_tells_it() {
    for story in STORIES {
        let request = fixture(story.name, "request.json");
        let mut losses = Losses::default();
        let parsed = parse_request(Json::parse(&request).unwrap(), &mut losses).unwrap();
        assert_eq!(parsed, (story.request)(), "{}", story.name);

        let asked_for = Request { model: "gemini-2.5-pro".into(), ..parsed };
        let built = build_request(asked_for, &mut losses).unwrap();
        assert_eq!(value(&built), serde_json::from_slice::<Value>(&request).unwrap(), "{}", story.name);
        assert!(losses.is_empty(), "{}: {losses:?}", story.name);
    }
}

#[test]
fn the_answer_of_every_story_is_read_and_written_as_google_tells_it() {
    for (story, expected) in STORIES.iter().filter_map(|story| Some((story, story.response?()))) {
        let answer = fixture(story.name, "response.json");
        let parsed = parse_response(Json::parse(&answer).unwrap(), &asked()).unwrap();
        assert_eq!(parsed, expected, "{}", story.name);

        let theirs = without_details(serde_json::from_slice(&answer).unwrap());
        assert_eq!(value(&build_response(parsed, &asked())), theirs, "{}", story.name);
    }
}

#[test]
fn the_stream_of_every_story_tells_the_same_answer() {
    for (story, expected) in STORIES.iter().filter_map(|story| Some((story, story.response?()))) {
        let stream = fixture(story.name, "stream.sse");
        let events = read_stream(&stream, &asked());
        assert_eq!(events.last(), Some(&Event::End), "{}", story.name);
        assert_eq!(collected(events), expected, "{}", story.name);
    }
}

#[test]
fn an_error_is_told_in_an_answer_and_in_a_stream() {
    let error = parse_error(429, &fixture("error", "response.json")).message.into_owned();
    assert_eq!(error, "Too many requests.");

    let events = read_stream(&fixture("error", "stream.sse"), &asked());

    assert!(events.iter().any(|event| matches!(event, Event::Piece { text, .. } if text == "Hel")));
    let Some(Event::Error(error)) = events.last().cloned() else { panic!("{events:?}") };
    assert_eq!((error.status, error.code.as_deref()), (503, Some("UNAVAILABLE")));
    let told = written(StreamWriter::new(Asked::default()), vec![Event::Error(error), Event::End]);
    assert_eq!(read_stream(&told, &asked()), events[events.len() - 1..]);
}

#[test]
fn a_stream_without_an_end_is_not_ended() {
    let piece = Event::Piece { choice: 0, text: "Hel".into() };
    let events = || vec![Event::Start(Head::default()), piece.clone(), Event::Ping];

    let told = written(StreamWriter::new(asked()), events());
    let array = written(StreamWriter::new_array(asked()), events());

    assert!(!String::from_utf8(told.clone()).unwrap().contains("finishReason"));
    assert_eq!(read_stream(&told, &asked()).last(), Some(&Event::PartEnd { choice: 0 }));
    assert!(array.starts_with(b"[{") && array.ends_with(b"}"));
}

#[test]
fn a_line_of_a_stream_has_no_character_that_ends_a_line_elsewhere() {
    let text = "a\u{2028}b\u{2029}\u{85}\n";
    let piece = Event::Piece { choice: 0, text: text.into() };

    let told = String::from_utf8(written(StreamWriter::new(asked()), vec![piece])).unwrap();

    assert!(told.contains(r"a\u2028b\u2029\u0085\n"), "{told}");
    let events = read_stream(told.as_bytes(), &asked());
    assert!(events.contains(&Event::Piece { choice: 0, text: text.into() }));
}

proptest! {
    #[test]
    fn a_request_comes_back_from_google(request in random::request()) {
        let mut losses = Losses::default();

        let built = build_request(request.clone(), &mut losses).unwrap().to_vec();
        let parsed = parse_request(Json::parse(&built).unwrap(), &mut losses).unwrap();

        prop_assert!(losses.is_empty(), "{:?}", losses);
        prop_assert_eq!(parsed, Request { model: "".into(), ..request });
    }

    #[test]
    fn an_answer_comes_back_from_google(response in random::response()) {
        let built = build_response(response.clone(), &asked()).to_vec();

        let parsed = parse_response(Json::parse(&built).unwrap(), &asked()).unwrap();

        prop_assert_eq!(parsed, response);
    }

    #[test]
    fn a_stream_says_what_the_answer_says(response in random::response(), size in 1_usize..6) {
        let events = events_of(&response, size);

        let told = written(StreamWriter::new(asked()), events.clone());
        let array = written(StreamWriter::new_array(asked()), events.clone());

        let built = value(&build_response(response.clone(), &asked()));
        prop_assert_eq!(assembled(&told, Framing::Events), built.clone());
        prop_assert_eq!(assembled(&array, Framing::Array), built);
        let read = read_stream(&told, &asked());
        prop_assert_eq!(read.last(), Some(&Event::End));
        prop_assert_eq!(in_one_piece(read), in_one_piece(events));
    }

    #[test]
    fn any_request_is_read_or_refused(text in "[\\[\\]{}:,\"a-z0-9_ ]{0,80}") {
        if let Ok(json) = Json::parse(text.as_bytes()) {
            let _ = parse_request(json.clone(), &mut Losses::default());
            let _: Result<Response<'_>, _> = parse_response(json, &asked());
        }
    }
}
