//! Reading a stream.

use super::choice::Choice;
use crate::{
    json::{Json, Members},
    neutral::{ApiError, Asked, Error, Event, Head, Stop},
    openai_chat::{
        error, logprobs,
        response::{head, read_stop, said},
        usage,
    },
};

/// What ends a stream.
const DONE: &[u8] = b"[DONE]";
/// More answers at once are not read; the API makes 128 at most.
const MAX_CHOICES: usize = 128;

/// Reads a stream, event by event.
#[derive(Debug)]
pub(crate) struct StreamReader {
    asked: Asked,
    choices: Vec<Choice>,
    has_begun: bool,
    is_over: bool,
}

impl StreamReader {
    /// A reader of the answer to a request.
    pub(crate) fn new(asked: &Asked) -> Self {
        Self { asked: asked.clone(), choices: Vec::new(), has_begun: false, is_over: false }
    }

    /// The data of the next event.
    pub(crate) fn read<'a>(
        &mut self,
        data: &'a [u8],
        on_event: &mut dyn FnMut(Event<'a>),
    ) -> Result<(), Error> {
        let data = data.trim_ascii();
        if self.is_over || data.is_empty() {
            return Ok(());
        }
        if data == DONE {
            self.end(&mut |event| on_event(event));
            return Ok(());
        }
        let Json::Object(mut chunk) = Json::parse(data)? else { return Ok(()) };
        if let Some(error) = error::take(&mut chunk) {
            self.fail(error, on_event);
            return Ok(());
        }
        let usage = chunk.take("usage").as_ref().and_then(usage::read);
        let choices = match chunk.take("choices") {
            Some(Json::Array(choices)) => choices,
            _ => Vec::new(),
        };
        // Azure begins with a chunk about its filters, in which even the id is empty.
        if choices.is_empty() && usage.is_none() {
            return Ok(());
        }
        if !self.has_begun {
            self.has_begun = true;
            on_event(Event::Start(head(&mut chunk)));
        }
        for choice in choices {
            if let Json::Object(choice) = choice {
                self.choice(choice, on_event)?;
            }
        }
        if let Some(usage) = usage.filter(|_| !self.is_over) {
            on_event(Event::Usage(usage));
        }
        Ok(())
    }

    /// The bytes are over. Some APIs leave `[DONE]` out: then it ends well if every choice says why it ends.
    pub(crate) fn finish(&mut self, on_event: &mut dyn FnMut(Event<'static>)) {
        if !self.is_over && !self.choices.is_empty() && self.choices.iter().all(Choice::is_stopped) {
            self.end(on_event);
        }
        self.is_over = true;
    }

    fn choice<'a>(
        &mut self,
        mut members: Members<'a>,
        on_event: &mut dyn FnMut(Event<'a>),
    ) -> Result<(), Error> {
        if members.get("error").is_some()
            && let Some(error) = error::take(&mut members)
        {
            self.fail(error, on_event);
            return Ok(());
        }
        let index = members.take("index").and_then(|index| index.as_u64()).unwrap_or(0);
        let Some(choice) = choice_of(&mut self.choices, index).filter(|choice| !choice.is_stopped()) else {
            return Ok(());
        };
        if let Some(Json::Object(mut delta)) = members.take("delta") {
            let mut words = Vec::new();
            said(&mut delta, &mut |kind, text| words.push((kind, text)));
            for (kind, text) in words {
                choice.words(kind, text, on_event)?;
            }
            if let Some(Json::Array(calls)) = delta.take("tool_calls") {
                for (call, number) in calls.into_iter().zip(0..) {
                    if let Json::Object(call) = call {
                        choice.call(call, number, &self.asked, on_event)?;
                    }
                }
            }
        }
        let tokens = logprobs::read(members.take("logprobs"));
        if !tokens.is_empty() {
            on_event(Event::Logprobs { choice: choice.index(), tokens });
        }
        if let Some(stop) = read_stop(&mut members, choice.has_calls(), choice.has_refusal()) {
            choice.stop(stop, on_event);
        }
        Ok(())
    }

    fn fail<'a>(&mut self, error: ApiError<'a>, on_event: &mut dyn FnMut(Event<'a>)) {
        if !self.is_over {
            self.is_over = true;
            on_event(Event::Error(error));
        }
    }

    fn end(&mut self, on_event: &mut dyn FnMut(Event<'static>)) {
        self.is_over = true;
        if !self.has_begun {
            on_event(Event::Start(Head::default()));
        }
        for choice in &mut self.choices {
            let stop = match (choice.has_calls(), choice.has_refusal()) {
                (true, _) => Stop::ToolCalls,
                (false, true) => Stop::Refusal,
                (false, false) => Stop::End,
            };
            choice.stop(stop, on_event);
        }
        on_event(Event::End);
    }
}

/// The choice of an index, which may be a new one.
fn choice_of(choices: &mut Vec<Choice>, index: u64) -> Option<&mut Choice> {
    let index = u32::try_from(index).ok()?;
    let at = match choices.iter().position(|choice| choice.index() == index) {
        Some(at) => at,
        None if choices.len() == MAX_CHOICES => return None,
        None => {
            choices.push(Choice::new(index));
            choices.len() - 1
        }
    };
    choices.get_mut(at)
}
