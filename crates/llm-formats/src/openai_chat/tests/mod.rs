//! The module as a whole: hand-checked fixtures, round trips of random answers, and single behaviours.

mod assemble;
mod fixtures;
mod random;
mod requests;
mod responses;
mod round_trips;
mod story;
mod streams;

use super::{StreamReader, StreamWriter, parse_request};
use crate::{
    json::Json,
    neutral::{Asked, Error, Event, Losses, Request},
};

/// A parsed request, and what was lost.
fn parsed(body: &str) -> (Result<Request<'_>, Error>, Vec<String>) {
    let mut losses = Losses::default();
    let request = parse_request(Json::parse(body.as_bytes()).unwrap(), &mut losses);
    (request, losses.names().to_vec())
}

/// The events in the data of a stream's events, and in its end.
fn read<'a>(asked: &Asked, stream: impl IntoIterator<Item = &'a str>) -> Vec<Event<'a>> {
    let mut reader = StreamReader::new(asked);
    let mut events = Vec::new();
    for data in stream {
        reader.read(data.as_bytes(), &mut |event| events.push(event)).unwrap();
    }
    reader.finish(&mut |event| events.push(event));
    events
}

/// The stream that events become.
fn written(asked: &Asked, events: Vec<Event<'_>>) -> String {
    let mut writer = StreamWriter::new(asked.clone());
    let mut stream = Vec::new();
    for event in events {
        writer.write(event, &mut stream);
    }
    String::from_utf8(stream).unwrap()
}

/// The data of the events in a stream.
fn data(stream: &str) -> impl Iterator<Item = &str> {
    stream.split("\n\n").filter_map(|event| event.strip_prefix("data: "))
}
