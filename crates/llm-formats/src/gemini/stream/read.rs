//! Reading a stream.

use std::{borrow::Cow, collections::BTreeMap};

use crate::{
    gemini::{
        part::{Piece, WirePart},
        response::{Answer, CallIds, Candidate, stop_of},
        seal,
    },
    json::Json,
    neutral::{Asked, Error, Event, PartKind, Seal, Stop, ToolCall},
};

/// Reads the events of a stream. Gemini says no word when it is over: it is complete when every answer has a reason
/// to end.
#[derive(Debug)]
pub(crate) struct StreamReader {
    asked: Asked,
    ids: CallIds,
    has_begun: bool,
    choices: BTreeMap<u32, Choice>,
    has_failed: bool,
}

/// How far one of the answers is.
#[derive(Debug, Default)]
struct Choice {
    open: Open,
    has_calls: bool,
    finish_reason: Option<String>,
}

/// The part that is open.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Open {
    #[default]
    Nothing,
    Text,
    Thought {
        is_sealed: bool,
    },
}

type OnEvent<'f, 'a> = dyn FnMut(Event<'a>) + 'f;

impl StreamReader {
    /// Reads the answer to a request.
    pub(crate) fn new(asked: &Asked) -> Self {
        let ids = CallIds::of(&asked.id);
        let choices = BTreeMap::new();
        Self { asked: asked.clone(), ids, has_begun: false, choices, has_failed: false }
    }

    /// Reads the data of one event.
    ///
    /// # Errors
    /// It is no JSON object.
    pub(crate) fn read<'a>(&mut self, data: &'a [u8], on_event: &mut OnEvent<'_, 'a>) -> Result<(), Error> {
        let answer = Answer::read(Json::parse(data)?)?;
        if self.has_failed {
            return Ok(());
        }
        if let Some(error) = answer.error {
            self.has_failed = true;
            on_event(Event::Error(error));
            return Ok(());
        }
        if !self.has_begun {
            self.has_begun = true;
            if !answer.head.id.is_empty() {
                self.ids = CallIds::of(&answer.head.id);
            }
            on_event(Event::Start(answer.head));
        }
        if let (Some(reason), true) = (answer.block_reason, answer.candidates.is_empty()) {
            self.choices.entry(0).or_default().finish_reason = Some(reason.into_owned());
        }
        for candidate in answer.candidates {
            let choice = self.choices.entry(candidate.index).or_default();
            choice.read(candidate, &mut self.ids, &self.asked, on_event);
        }
        if let Some(usage) = answer.usage {
            on_event(Event::Usage(usage));
        }
        Ok(())
    }

    /// The bytes are over.
    pub(crate) fn finish(&mut self, on_event: &mut OnEvent<'_, 'static>) {
        if self.has_failed {
            return;
        }
        let mut is_complete = !self.choices.is_empty();
        for (index, mut choice) in std::mem::take(&mut self.choices) {
            choice.close(index, on_event);
            match choice.finish_reason {
                Some(reason) => {
                    let stop: Stop<'static> = stop_of(reason.into(), choice.has_calls);
                    on_event(Event::Stop { choice: index, stop });
                }
                None => is_complete = false,
            }
        }
        if is_complete {
            on_event(Event::End);
        }
    }
}

impl Choice {
    fn read<'a>(
        &mut self,
        candidate: Candidate<'a>,
        ids: &mut CallIds,
        asked: &Asked,
        on_event: &mut OnEvent<'_, 'a>,
    ) {
        let choice = candidate.index;
        for WirePart { piece, seal } in candidate.parts {
            match piece {
                Some(Piece::Text { text, is_thought: true }) => {
                    self.thought(choice, text, on_event);
                    self.seal(choice, seal, on_event);
                }
                Some(Piece::Text { text, is_thought: false }) => self.text(choice, text, seal, on_event),
                Some(Piece::Call { id, name, arguments }) => {
                    let id = id.unwrap_or_else(|| ids.next().into());
                    let is_free_form = asked.is_free_form(&name);
                    let call = ToolCall { id, name, arguments, is_free_form: false, seal };
                    self.call(choice, if is_free_form { call.into_free_form() } else { call }, on_event);
                }
                Some(Piece::Media(_) | Piece::Result { .. }) | None => self.seal(choice, seal, on_event),
            }
        }
        if !candidate.logprobs.is_empty() {
            on_event(Event::Logprobs { choice, tokens: candidate.logprobs });
        }
        if let Some(reason) = candidate.finish_reason {
            self.finish_reason = Some(reason.into_owned());
        }
    }

    fn thought<'a>(&mut self, choice: u32, text: Cow<'a, str>, on_event: &mut OnEvent<'_, 'a>) {
        if text.is_empty() {
            return;
        }
        if self.open != (Open::Thought { is_sealed: false }) {
            self.open_thought(choice, on_event);
        }
        on_event(Event::Piece { choice, text });
    }

    /// A signature that comes with words belongs to the thought before them; with the last words, to one after them.
    fn text<'a>(
        &mut self,
        choice: u32,
        text: Cow<'a, str>,
        seal: Option<Seal<'a>>,
        on_event: &mut OnEvent<'_, 'a>,
    ) {
        let (before, after) = if self.open == Open::Text { (None, seal) } else { (seal, None) };
        self.seal(choice, before, on_event);
        if !text.is_empty() {
            if self.open != Open::Text {
                self.close(choice, on_event);
                on_event(Event::PartStart { choice, part: PartKind::Text });
                self.open = Open::Text;
            }
            on_event(Event::Piece { choice, text });
        }
        self.seal(choice, after, on_event);
    }

    fn call<'a>(&mut self, choice: u32, mut call: ToolCall<'a>, on_event: &mut OnEvent<'_, 'a>) {
        let seal = call.seal.take();
        let (before, own) = match seal {
            Some(seal) if seal::is_foreign(&seal) => (Some(seal), None),
            own => (None, own),
        };
        self.seal(choice, before, on_event);
        self.close(choice, on_event);
        self.has_calls = true;
        let ToolCall { id, name, arguments, is_free_form, .. } = call;
        on_event(Event::PartStart { choice, part: PartKind::ToolCall { id, name, is_free_form } });
        if let Some(seal) = own {
            on_event(Event::Seal { choice, seal });
        }
        on_event(Event::Piece { choice, text: arguments });
        on_event(Event::PartEnd { choice });
    }

    /// The seal of the open thought, or else of one that is hidden.
    fn seal<'a>(&mut self, choice: u32, seal: Option<Seal<'a>>, on_event: &mut OnEvent<'_, 'a>) {
        let Some(seal) = seal else { return };
        if self.open != (Open::Thought { is_sealed: false }) {
            self.open_thought(choice, on_event);
        }
        on_event(Event::Seal { choice, seal });
        self.open = Open::Thought { is_sealed: true };
    }

    fn open_thought(&mut self, choice: u32, on_event: &mut OnEvent<'_, '_>) {
        self.close(choice, on_event);
        on_event(Event::PartStart { choice, part: PartKind::Reasoning { id: None } });
        self.open = Open::Thought { is_sealed: false };
    }

    fn close(&mut self, choice: u32, on_event: &mut OnEvent<'_, '_>) {
        if std::mem::take(&mut self.open) != Open::Nothing {
            on_event(Event::PartEnd { choice });
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::neutral::SealMaker;

    fn events(chunks: &[&'static str]) -> Vec<Event<'static>> {
        let mut reader = StreamReader::new(&Asked { id: "r".into(), ..Asked::default() });
        let mut events = Vec::new();
        for chunk in chunks {
            reader.read(chunk.as_bytes(), &mut |event| events.push(event)).unwrap();
        }
        reader.finish(&mut |event| events.push(event));
        events
    }

    fn parts(events: &[Event<'_>]) -> String {
        let told = events.iter().map(|event| match event {
            Event::PartStart { part: PartKind::Text, .. } => "text(".to_owned(),
            Event::PartStart { part: PartKind::Reasoning { .. }, .. } => "thought(".to_owned(),
            Event::PartStart { part: PartKind::ToolCall { id, .. }, .. } => format!("{id}("),
            Event::Piece { text, .. } => format!("{text}|"),
            Event::Seal { seal, .. } => format!("#{}", seal.data),
            Event::PartEnd { .. } => ")".to_owned(),
            Event::Stop { stop, .. } => format!("{stop:?}"),
            Event::End => ".".to_owned(),
            _ => String::new(),
        });
        told.collect()
    }

    #[test]
    fn pieces_become_parts_and_signatures_belong_to_thoughts() {
        let told = parts(&events(&[
            r#"{"candidates":[{"content":{"parts":[{"text":"Hm","thought":true}]}}]}"#,
            r#"{"candidates":[{"content":{"parts":[{"text":".","thought":true}]}}]}"#,
            r#"{"candidates":[{"content":{"parts":[{"text":"a","thoughtSignature":"c2ln"}]}}]}"#,
            r#"{"candidates":[{"content":{"parts":[{"text":"b"},{"functionCall":{"name":"f","args":{"x":1}}}]}}]}"#,
            r#"{"candidates":[{"content":{"parts":[{"text":""}]},"finishReason":"STOP"}]}"#,
        ]));

        assert_eq!(told, r#"thought(Hm|.|#c2ln)text(a|b|)call_r_1({"x":1}|)ToolCalls."#);
    }

    #[test]
    fn a_signature_after_the_words_is_a_hidden_thought_after_them() {
        let told = parts(&events(&[
            r#"{"candidates":[{"content":{"parts":[{"text":"a"}]}}]}"#,
            r#"{"candidates":[{"content":{"parts":[{"text":"","thoughtSignature":"c2ln"}]},"finishReason":"STOP"}]}"#,
        ]));

        assert_eq!(told, "text(a|)thought(#c2ln)End.");
    }

    #[test]
    fn a_stream_without_a_reason_to_end_has_no_end() {
        let told = parts(&events(&[r#"{"candidates":[{"content":{"parts":[{"text":"a"}]}}]}"#]));

        assert_eq!(told, "text(a|)");
        assert_eq!(parts(&events(&[])), "");
    }

    #[test]
    fn a_refused_prompt_is_a_filtered_answer() {
        let told = parts(&events(&[r#"{"promptFeedback":{"blockReason":"SAFETY"}}"#]));

        assert_eq!(told, "Filtered(\"SAFETY\").");
    }

    #[test]
    fn nothing_comes_after_an_error() {
        let events = events(&[
            r#"{"candidates":[{"content":{"parts":[{"text":"Hel"}]}}]}"#,
            r#"{"error":{"code":503,"message":"overloaded","status":"UNAVAILABLE"}}"#,
            r#"{"candidates":[{"content":{"parts":[{"text":"lo"}]},"finishReason":"STOP"}]}"#,
        ]);

        let Some(Event::Error(error)) = events.last() else { panic!("{events:?}") };
        assert_eq!((error.status, &*error.message), (503, "overloaded"));
    }

    #[test]
    fn a_seal_that_travelled_belongs_to_a_thought_also_on_a_call() {
        let seal = Seal { maker: SealMaker::Anthropic, data: "s".into() };
        let signature = seal::write(seal.clone());
        let chunk = format!(
            r#"{{"candidates":[{{"content":{{"parts":[{{"functionCall":{{"name":"f","id":"1"}},"thoughtSignature":"{signature}"}}]}}}}]}}"#
        );

        assert_eq!(parts(&events(&[chunk.leak()])), "thought(#s)1({}|)");
    }

    #[test]
    fn the_seal_of_a_call_comes_before_its_arguments() {
        let chunk = r#"{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","id":"1"},"thoughtSignature":"c2ln"}]}}]}"#;

        assert_eq!(parts(&events(&[chunk])), "1(#c2ln{}|)");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(data in any::<Vec<u8>>(), text in "[\\[\\]{}:,\"a-z0-9 ]{0,60}") {
            let mut reader = StreamReader::new(&Asked::default());
            let _ = reader.read(&data, &mut |_| ());
            let _ = reader.read(text.as_bytes(), &mut |_| ());
            reader.finish(&mut |_| ());
        }
    }
}
