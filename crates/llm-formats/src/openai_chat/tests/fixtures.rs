//! The fixtures: what the real API takes and gives, word for word.

use proptest::prelude::*;
use serde_json::Value;

use super::{
    assemble::{assembled, response_of},
    data, parsed, read, story, written,
};
use crate::{
    fixtures::{self, STORIES},
    format::Format,
    json::Json,
    neutral::{ApiError, Asked, Event, Losses},
    openai_chat::{StreamReader, build_request, build_response, parse_error, parse_request, parse_response},
};

fn fixture(story: &str, file: &str) -> String {
    fixtures::read(story, Format::OpenAiChat, file)
}

fn asked(story: &str) -> Asked {
    let mut request = story::request(story);
    request.include_usage = true;
    Asked::of(&request, "made-up".into(), 0)
}

fn value(json: &Json<'_>) -> Value {
    serde_json::from_slice(&json.to_vec()).unwrap()
}

/// Whether the API tells all that we tell, and perhaps more. What was not written into its cache it need not tell.
fn contains(real: &Value, ours: &Value) -> bool {
    match (real, ours) {
        (Value::Object(real), Value::Object(ours)) => ours.iter().all(|(name, ours)| match real.get(name) {
            Some(real) => contains(real, ours),
            None => ours == 0 || ours.is_null() || *ours == Value::Array(vec![]),
        }),
        (Value::Array(real), Value::Array(ours)) => {
            real.len() == ours.len() && real.iter().zip(ours).all(|(real, ours)| contains(real, ours))
        }
        (real, ours) => real == ours,
    }
}

#[test]
fn requests_are_read_and_written() {
    for story in STORIES {
        let real = fixture(story, "request.json");

        let (request, losses) = parsed(&real);
        assert_eq!((request.unwrap(), losses), (story::request(story), vec![]), "{story}");

        let mut losses = Losses::default();
        let built = build_request(story::request(story), &mut losses).unwrap();
        assert_eq!(value(&built), serde_json::from_str::<Value>(&real).unwrap(), "{story}");
        assert!(losses.is_empty(), "{story}: {losses:?}");
    }
}

#[test]
fn answers_are_read_and_written() {
    for story in STORIES {
        let real = fixture(story, "response.json");

        let answer = parse_response(Json::parse(real.as_bytes()).unwrap(), &asked(story)).unwrap();
        assert_eq!(answer, story::response(story), "{story}");

        let (built, real) =
            (value(&build_response(answer, &asked(story))), serde_json::from_str(&real).unwrap());
        assert!(contains(&real, &built), "{story}: {built:#}");
    }
}

#[test]
fn streams_are_read_and_written() {
    for story in STORIES {
        let real = fixture(story, "stream.sse");

        let events = read(&asked(story), data(&real));
        assert_eq!(response_of(events.clone()), (story::response(story), true), "{story}");

        let whole = value(&build_response(story::response(story), &asked(story)));
        assert_eq!(assembled(&written(&asked(story), events)), whole, "{story}");
    }
}

#[test]
fn errors_are_read() {
    let body = fixture("error", "response.json");
    let error = ApiError {
        status: 429,
        message: "Too many requests.".into(),
        code: Some("rate_limit_exceeded".into()),
        param: None,
    };
    assert_eq!(parse_error(429, body.as_bytes()), error);

    let stream = fixture("error", "stream.sse");
    let events = read(&Asked::default(), data(&stream));
    assert!(matches!(&events[2], Event::Piece { text, .. } if text == "Hel"), "{events:?}");
    assert!(matches!(&events[3..], [Event::Error(ApiError { status: 500, .. })]), "{events:?}");
}

proptest! {
    #[test]
    fn a_spoilt_fixture_is_taken_too(
        story in prop::sample::select(STORIES.to_vec()),
        file in prop::sample::select(vec!["request.json", "response.json", "stream.sse"]),
        at in any::<prop::sample::Index>(),
        with in prop::sample::select(vec!["null", "7", "\"\"", "[]", "{}", "\"", ","]),
    ) {
        let mut text = fixture(story, file);
        // A value begins behind a colon or a bracket.
        let places: Vec<_> = text.match_indices([':', '[']).map(|(at, _)| at + 1).collect();
        let place = places[at.index(places.len())];
        let end = text[place..].find([',', '}', ']', '\n']).map_or(text.len(), |length| place + length);
        text.replace_range(place..end, with);

        let mut reader = StreamReader::new(&Asked::default());
        for data in data(&text) {
            let _ = reader.read(data.as_bytes(), &mut |_| {});
        }
        if let Ok(json) = Json::parse(text.as_bytes()) {
            let _ = parse_request(json.clone(), &mut Losses::default());
            let _ = parse_response(json, &Asked::default());
        }
    }
}
