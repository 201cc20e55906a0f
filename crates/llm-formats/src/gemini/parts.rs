//! The parts of what the model says, between Gemini's and ours.
//!
//! Gemini has no place for the signature of a thought: it stands on the part that comes after the thought, a text or
//! a call. Ours belongs to the thought; only a signature that Gemini itself gave to a call stays with the call.

use std::borrow::Cow;

use super::{
    media,
    part::{Piece, WirePart},
    seal,
};
use crate::{
    json::{Json, Members},
    neutral::{Content, Losses, Part, Reasoning, Seal, ToolCall},
};

/// Puts a model's parts together as they come.
#[derive(Debug, Default)]
pub(super) struct ModelParts<'a>(Vec<Part<'a>>);

impl<'a> ModelParts<'a> {
    /// Adds one; `call_id` says what the result of a call will refer to.
    pub(super) fn push(
        &mut self,
        part: WirePart<'a>,
        call_id: impl FnOnce(Option<Cow<'a, str>>) -> Cow<'a, str>,
    ) {
        let WirePart { piece, seal } = part;
        match piece {
            Some(Piece::Text { text, is_thought: true }) => self.thought(text, seal),
            Some(Piece::Text { text, is_thought: false }) => {
                self.sealed(seal);
                if !text.is_empty() {
                    self.0.push(Part::text(text));
                }
            }
            Some(Piece::Media(media)) => {
                self.sealed(seal);
                self.0.push(Content::Media(media).into());
            }
            Some(Piece::Call { id, name, arguments }) => {
                let own = self.seal_of_call(seal);
                let id = call_id(id);
                let call = ToolCall { id, name, arguments, is_free_form: false, seal: own };
                self.0.push(Content::ToolCall(call).into());
            }
            Some(Piece::Result { .. }) | None => self.sealed(seal),
        }
    }

    /// All of them.
    pub(super) fn into_parts(self) -> Vec<Part<'a>> {
        self.0
    }

    fn thought(&mut self, text: Cow<'a, str>, seal: Option<Seal<'a>>) {
        if !text.is_empty() {
            match self.unsealed() {
                Some(reasoning) => reasoning.texts.push(text),
                None => self.reasoning(Reasoning { texts: vec![text], ..Reasoning::default() }),
            }
        }
        self.sealed(seal);
    }

    /// The seal belongs to the thought that came last; if it has one or there is none, to one that is hidden.
    fn sealed(&mut self, seal: Option<Seal<'a>>) {
        let Some(seal) = seal else { return };
        match self.unsealed() {
            Some(reasoning) => reasoning.seal = Some(seal),
            None => self.reasoning(Reasoning { seal: Some(seal), ..Reasoning::default() }),
        }
    }

    fn seal_of_call(&mut self, seal: Option<Seal<'a>>) -> Option<Seal<'a>> {
        if seal.as_ref().is_some_and(seal::is_foreign) {
            self.sealed(seal);
            return None;
        }
        seal
    }

    fn unsealed(&mut self) -> Option<&mut Reasoning<'a>> {
        match &mut self.0.last_mut()?.content {
            Content::Reasoning(reasoning) if reasoning.seal.is_none() => Some(reasoning),
            _ => None,
        }
    }

    fn reasoning(&mut self, reasoning: Reasoning<'a>) {
        self.0.push(Content::Reasoning(reasoning).into());
    }
}

/// Writes a model's parts. Results of tools are none of them.
pub(super) fn write_model<'a>(parts: Vec<Part<'a>>, losses: &mut Losses) -> Vec<Members<'a>> {
    let mut writer = ModelWriter::default();
    for part in parts {
        writer.write(part.content, losses);
    }
    writer.place_held();
    writer.wire
}

#[derive(Default)]
struct ModelWriter<'a> {
    wire: Vec<Members<'a>>,
    /// The seal of the thought before, for the part that comes next.
    held: Option<Seal<'a>>,
    /// Words of that thought were written last.
    is_after_thought: bool,
    /// Words that were said were written last.
    is_after_text: bool,
}

impl<'a> ModelWriter<'a> {
    fn write(&mut self, content: Content<'a>, losses: &mut Losses) {
        match content {
            Content::Text(text) | Content::Refusal(text) => {
                if !text.is_empty() {
                    let seal = self.held.take();
                    self.push(text_part(text, false, seal));
                    self.is_after_text = true;
                }
            }
            Content::Reasoning(reasoning) => {
                self.place_held();
                let text = paragraphs(reasoning.texts);
                if !text.is_empty() {
                    self.push(text_part(text, true, None));
                    self.is_after_thought = true;
                }
                self.held = reasoning.seal;
                if self.is_after_text {
                    // On the next text it would seem to belong to all words since the last thought.
                    self.place_held();
                }
            }
            Content::ToolCall(mut call) => {
                let takes_held = call.seal.is_none() && self.held.as_ref().is_some_and(seal::is_foreign);
                if takes_held {
                    call.seal = self.held.take();
                } else {
                    self.place_held();
                }
                self.push(call_part(call));
            }
            Content::Media(media) => {
                self.place_held();
                self.push(media::write(media, losses));
            }
            Content::ToolResult(_) => {}
        }
    }

    /// A seal that no part takes stands on its thought, or for itself.
    fn place_held(&mut self) {
        let Some(seal) = self.held.take() else { return };
        let is_after_thought = std::mem::take(&mut self.is_after_thought);
        match self.wire.last_mut().filter(|_| is_after_thought) {
            Some(thought) => thought.push("thoughtSignature", seal::write(seal)),
            None => self.push(text_part("".into(), false, Some(seal))),
        }
    }

    fn push(&mut self, part: Members<'a>) {
        self.wire.push(part);
        self.is_after_thought = false;
        self.is_after_text = false;
    }
}

/// Words, or a thought.
pub(super) fn text_part<'a>(text: Cow<'a, str>, is_thought: bool, seal: Option<Seal<'a>>) -> Members<'a> {
    Members::new()
        .with("text", text)
        .with_some("thought", is_thought.then_some(true))
        .with_some("thoughtSignature", seal.map(seal::write))
}

/// A call.
pub(super) fn call_part(mut call: ToolCall<'_>) -> Members<'_> {
    let seal = call.seal.take();
    let named = Members::new().with("id", call.id.clone()).with("name", call.name.clone());
    let function_call = named.with("args", call.into_object());
    Members::new().with("functionCall", function_call).with_some("thoughtSignature", seal.map(seal::write))
}

/// Gemini has no paragraphs of thoughts.
fn paragraphs(mut texts: Vec<Cow<'_, str>>) -> Cow<'_, str> {
    match texts.len() {
        0 | 1 => texts.pop().unwrap_or_default(),
        _ => texts.join(PARAGRAPH).into(),
    }
}

/// What stands between two paragraphs of a thought.
pub(super) const PARAGRAPH: &str = "\n\n";

/// A content of a role.
pub(super) fn content<'a>(role: &'static str, parts: Vec<Members<'a>>) -> Members<'a> {
    let parts: Vec<_> = parts.into_iter().map(Json::Object).collect();
    Members::new().with("parts", parts).with("role", role)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        gemini::part,
        neutral::{SealMaker, fields::Path},
    };

    fn read(text: &str) -> Vec<Part<'_>> {
        let Ok(Json::Array(items)) = Json::parse(text.as_bytes()) else { panic!("{text}") };
        let mut parts = ModelParts::default();
        for json in items {
            let part = part::read(json, Path::BODY, &mut Losses::default()).unwrap();
            parts.push(part, |id| id.unwrap_or("none".into()));
        }
        parts.into_parts()
    }

    #[test]
    fn a_thought_takes_one_seal_only() {
        let seal = |data: &'static str| Some(Seal { maker: SealMaker::Gemini, data: data.into() });
        let shown = Reasoning { texts: vec!["a".into()], seal: seal("c2ln"), id: None };
        let hidden = Reasoning { seal: seal("Z2lz"), ..Reasoning::default() };
        let parts = [shown, hidden].map(|thought| Part::from(Content::Reasoning(thought)));

        let text = written(parts.to_vec());

        assert_eq!(read(&text), parts, "{text}");
    }

    fn written(parts: Vec<Part<'_>>) -> String {
        let wire = write_model(parts, &mut Losses::default());
        let json: Json<'_> = wire.into_iter().map(Json::Object).collect();
        String::from_utf8(json.to_vec()).unwrap()
    }

    fn reasoning(texts: &[&'static str], maker: SealMaker) -> Part<'static> {
        let texts = texts.iter().map(|text| Cow::Borrowed(*text)).collect();
        let seal = Some(Seal { maker, data: "c2ln".into() });
        Content::Reasoning(Reasoning { texts, seal, id: None }).into()
    }

    #[test]
    fn the_signature_of_a_thought_stands_on_the_text_after_it() {
        let wire = r#"[{"text":"Hm.","thought":true},{"text":"4","thoughtSignature":"c2ln"}]"#;

        let parts = read(wire);

        assert_eq!(parts, [reasoning(&["Hm."], SealMaker::Gemini), Part::text("4")]);
        assert_eq!(written(parts), wire);
    }

    #[test]
    fn a_signature_on_a_text_without_a_thought_is_a_hidden_thought() {
        let wire = r#"[{"text":"4","thoughtSignature":"c2ln"}]"#;

        let parts = read(wire);

        assert_eq!(parts, [reasoning(&[], SealMaker::Gemini), Part::text("4")]);
        assert_eq!(written(parts), wire);
    }

    #[test]
    fn geminis_signature_of_a_call_stays_with_the_call() {
        let wire = concat!(
            r#"[{"text":"Hm.","thought":true},"#,
            r#"{"functionCall":{"id":"1","name":"f","args":{}},"thoughtSignature":"c2ln"}]"#
        );

        let parts = read(wire);

        assert!(matches!(&parts[0].content, Content::Reasoning(Reasoning { seal: None, .. })));
        assert!(matches!(&parts[1].content, Content::ToolCall(ToolCall { seal: Some(_), .. })));
        assert_eq!(written(parts), wire);
    }

    #[test]
    fn another_providers_seal_travels_on_the_call_after_the_thought() {
        let call = ToolCall {
            id: "1".into(),
            name: "f".into(),
            arguments: "{}".into(),
            is_free_form: false,
            seal: None,
        };
        let parts = vec![reasoning(&["Hm."], SealMaker::Anthropic), Content::ToolCall(call).into()];

        let wire = written(parts.clone());

        assert!(wire.starts_with(r#"[{"text":"Hm.","thought":true},{"functionCall""#), "{wire}");
        assert_eq!(read(&wire), parts);
    }

    #[test]
    fn a_seal_that_no_part_takes_stands_on_its_thought_or_for_itself() {
        let thought = written(vec![reasoning(&["a", "b"], SealMaker::Gemini)]);
        let hidden = written(vec![Part::text("4"), reasoning(&[], SealMaker::Gemini)]);

        assert_eq!(thought, r#"[{"text":"a\n\nb","thought":true,"thoughtSignature":"c2ln"}]"#);
        assert_eq!(hidden, r#"[{"text":"4"},{"text":"","thoughtSignature":"c2ln"}]"#);
    }
}
