//! A stream from an upstream of this format.

use std::collections::BTreeMap;

use super::read_item::Item;
use crate::{
    json::{Json, Members},
    neutral::{Asked, Error, Event, Head, PartKind},
    openai_responses::{
        error::parse_error_event,
        response::{Has, head_of, stop_of, text_of, usage_of},
    },
};

/// More bytes than this do not wait for their turn.
const MAX_WAITING_BYTES: usize = 16 << 20;

/// Reads a stream. Items that come at once are told one after the other.
#[derive(Debug, Default)]
pub(crate) struct StreamReader {
    has_begun: bool,
    /// The item that is told, by its place.
    current: Option<(u64, Item)>,
    /// Events of items whose turn it is not.
    waiting: BTreeMap<u64, Vec<Json<'static>>>,
    waiting_bytes: usize,
    has: Has,
    is_over: bool,
}

impl StreamReader {
    /// A stream that tells all of itself.
    pub(crate) fn new(_asked: &Asked) -> Self {
        Self::default()
    }

    /// Reads one event.
    pub(crate) fn read<'a>(
        &mut self,
        data: &'a [u8],
        on_event: &mut dyn FnMut(Event<'a>),
    ) -> Result<(), Error> {
        if self.is_over || data.trim_ascii() == b"[DONE]" {
            return Ok(());
        }
        let Json::Object(mut event) = Json::parse(data)? else { return Ok(()) };
        let kind = event.get("type").and_then(Json::as_str).unwrap_or_default();
        match kind {
            "response.created" | "response.in_progress" | "response.queued" => {
                if let Some(Json::Object(mut response)) = event.take("response") {
                    self.begin(&mut response, on_event);
                }
            }
            "response.completed" | "response.incomplete" => self.end(event, on_event),
            "response.failed" | "error" => {
                on_event(Event::Error(parse_error_event(event)));
                self.is_over = true;
            }
            "keepalive" => on_event(Event::Ping),
            _ => return self.sort(event, data.len(), on_event),
        }
        Ok(())
    }

    /// No more bytes come.
    pub(crate) fn finish(&mut self, on_event: &mut dyn FnMut(Event<'static>)) {
        if !self.is_over {
            self.end_items(on_event);
        }
        self.is_over = true;
    }

    fn begin<'a>(&mut self, response: &mut Members<'a>, on_event: &mut dyn FnMut(Event<'a>)) {
        if !std::mem::replace(&mut self.has_begun, true) {
            on_event(Event::Start(head_of(response)));
        }
    }

    /// Tells an event of an item, or keeps it until it is that item's turn.
    fn sort<'a>(
        &mut self,
        event: Members<'a>,
        bytes: usize,
        on_event: &mut dyn FnMut(Event<'a>),
    ) -> Result<(), Error> {
        let told = event.get("output_index").and_then(Json::as_u64);
        let current = self.current.as_ref().map(|(place, _)| *place);
        let place = told.or(current).unwrap_or_default();
        if current.is_some_and(|current| current != place) {
            self.waiting_bytes += bytes;
            if self.waiting_bytes > MAX_WAITING_BYTES {
                let why = "tells too much of one item before another one is whole";
                return Err(Error::Invalid { path: "output_index".into(), why: why.into() });
            }
            self.waiting.entry(place).or_default().push(Json::Object(event).to_static());
            return Ok(());
        }
        self.tell(place, event, on_event);
        while self.current.is_none()
            && let Some((place, events)) = self.waiting.pop_first()
        {
            for event in events {
                if let Json::Object(event) = event {
                    self.tell(place, event, on_event);
                }
            }
        }
        if self.waiting.is_empty() {
            self.waiting_bytes = 0;
        }
        Ok(())
    }

    fn tell<'a>(&mut self, place: u64, event: Members<'a>, on_event: &mut dyn FnMut(Event<'a>)) {
        if !std::mem::replace(&mut self.has_begun, true) {
            on_event(Event::Start(Head::default()));
        }
        let has = &mut self.has;
        let mut on_event = |event: Event<'a>| {
            if let Event::PartStart { part, .. } = &event {
                has.call |= matches!(part, PartKind::ToolCall { .. });
                has.refusal |= *part == PartKind::Refusal;
            }
            on_event(event);
        };
        let (_, item) = self.current.get_or_insert_with(|| (place, Item::default()));
        if item.read(event, &mut on_event) {
            self.current = None;
        }
    }

    /// Tells what waits, and that it is whole: nothing more will come of it.
    fn end_items<'a>(&mut self, on_event: &mut dyn FnMut(Event<'a>)) {
        loop {
            if let Some((_, mut item)) = self.current.take() {
                item.end(on_event);
            }
            let Some((place, events)) = self.waiting.pop_first() else { return };
            for event in events {
                if let Json::Object(event) = event {
                    self.tell(place, event, on_event);
                }
            }
        }
    }

    fn end<'a>(&mut self, mut event: Members<'a>, on_event: &mut dyn FnMut(Event<'a>)) {
        let Some(Json::Object(mut response)) = event.take("response") else { return };
        self.begin(&mut response, on_event);
        self.end_items(on_event);
        if text_of(&mut event, "type").is_some_and(|kind| kind == "response.incomplete") {
            response.push("status", "incomplete");
        }
        let usage = usage_of(&mut response);
        let stop = stop_of(&mut response, self.has);
        on_event(Event::Stop { choice: 0, stop });
        if let Some(usage) = usage {
            on_event(Event::Usage(usage));
        }
        on_event(Event::End);
        self.is_over = true;
    }
}
