//! Tools that take plain text, for formats in which every tool takes an object: the text becomes its only member.

use std::{borrow::Cow, collections::HashMap};

use super::{Asked, Event, PartKind, Seal, Tool, ToolCall, ToolInput};
use crate::json::{Json, Members};

/// The member that holds the text.
const INPUT: &str = "input";

impl<'a> ToolCall<'a> {
    /// The arguments as a JSON object, also of a call that has plain text. What a model wrote may be no JSON; then it
    /// stands in an object as it is, for the model to see.
    pub fn into_object(self) -> Members<'a> {
        let text = match self.arguments {
            text if self.is_free_form => return Members::new().with(INPUT, text),
            text if text.trim().is_empty() => return Members::new(),
            text => text,
        };
        match &text {
            Cow::Borrowed(text) => object(text),
            Cow::Owned(text) => object(text).map(own),
        }
        .unwrap_or_else(|| Members::new().with(INPUT, text))
    }

    /// Makes the call one with plain text again, if its arguments are an object that was made for it.
    #[must_use]
    pub fn into_free_form(mut self) -> Self {
        if let Some(Json::String(text)) =
            object(&self.arguments).as_ref().and_then(|members| members.get(INPUT))
        {
            self.arguments = Cow::Owned(text.to_string());
        }
        self.is_free_form = true;
        self
    }
}

impl<'a> Tool<'a> {
    /// The schema of the object it takes.
    pub fn into_schema(self) -> Json<'a> {
        match self.input {
            ToolInput::Schema(Some(schema)) => schema,
            ToolInput::Schema(None) => {
                Members::new().with("type", "object").with("properties", Members::new()).into()
            }
            ToolInput::FreeForm { .. } => Members::new()
                .with("type", "object")
                .with("properties", Members::new().with(INPUT, Members::new().with("type", "string")))
                .with("required", vec![Json::from(INPUT)])
                .into(),
        }
    }
}

/// Makes calls of tools that take plain text out of calls with an object, in a stream. Such a call is held back until
/// it is whole; everything else passes.
#[derive(Debug)]
pub(crate) struct FreeFormCalls {
    asked: Asked,
    /// The calls that are held back, by their choice.
    held: HashMap<u32, ToolCall<'static>>,
}

impl FreeFormCalls {
    pub(crate) fn new(asked: Asked) -> Self {
        Self { asked, held: HashMap::new() }
    }

    /// Passes an event on, or the ones that it completes.
    pub(crate) fn pass(&mut self, event: Event<'_>, on_event: &mut dyn FnMut(Event<'_>)) {
        match event {
            Event::PartStart { choice, part: PartKind::ToolCall { id, name, is_free_form: false } }
                if self.asked.is_free_form(&name) =>
            {
                let (id, name) = (Cow::Owned(id.into_owned()), Cow::Owned(name.into_owned()));
                let arguments = Cow::Owned(String::new());
                self.held.insert(choice, ToolCall { id, name, arguments, is_free_form: false, seal: None });
            }
            Event::Piece { choice, text } if self.held.contains_key(&choice) => {
                self.held.entry(choice).and_modify(|call| call.arguments.to_mut().push_str(&text));
            }
            Event::Seal { choice, seal } if self.held.contains_key(&choice) => {
                let seal = Seal { maker: seal.maker, data: Cow::Owned(seal.data.into_owned()) };
                self.held.entry(choice).and_modify(|call| call.seal = Some(seal));
            }
            Event::PartEnd { choice } => {
                if let Some(call) = self.held.remove(&choice) {
                    let ToolCall { id, name, arguments, seal, .. } = call.into_free_form();
                    let part = PartKind::ToolCall { id, name, is_free_form: true };
                    on_event(Event::PartStart { choice, part });
                    if let Some(seal) = seal {
                        on_event(Event::Seal { choice, seal });
                    }
                    on_event(Event::Piece { choice, text: arguments });
                }
                on_event(Event::PartEnd { choice });
            }
            event => on_event(event),
        }
    }
}

fn object(text: &str) -> Option<Members<'_>> {
    match Json::parse(text.as_bytes()) {
        Ok(Json::Object(members)) => Some(members),
        _ => None,
    }
}

fn own<'a>(members: Members<'_>) -> Members<'a> {
    members.into_iter().map(|(name, value)| (Cow::Owned(name.into_owned()), value.to_static())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(arguments: &str, is_free_form: bool) -> ToolCall<'_> {
        ToolCall {
            id: "1".into(),
            name: "patch".into(),
            arguments: arguments.into(),
            is_free_form,
            seal: None,
        }
    }

    #[test]
    fn plain_text_goes_through_an_object_and_back() {
        let object = Json::from(call("*** Begin \"Patch\"\n", true).into_object()).to_vec();

        let back = call(std::str::from_utf8(&object).unwrap(), false).into_free_form();

        assert_eq!((&*back.arguments, back.is_free_form), ("*** Begin \"Patch\"\n", true));
    }

    #[test]
    fn a_streamed_call_becomes_one_with_plain_text_and_others_pass() {
        let asked = Asked { free_form_tools: vec!["patch".into()], ..Asked::default() };
        let start = |name: &'static str, is_free_form| Event::PartStart {
            choice: 0,
            part: PartKind::ToolCall { id: "1".into(), name: name.into(), is_free_form },
        };
        let piece = |text: &'static str| Event::Piece { choice: 0, text: text.into() };
        let end = Event::PartEnd { choice: 0 };
        let mut calls = FreeFormCalls::new(asked);
        let mut passed = Vec::new();

        for event in [start("patch", false), piece("{\"inp"), piece("ut\":\"a\\nb\"}"), end.clone()] {
            calls.pass(event, &mut |event| passed.push(format!("{event:?}")));
        }
        for event in [start("other", false), piece("{}"), end.clone()] {
            calls.pass(event, &mut |event| passed.push(format!("{event:?}")));
        }

        let expected =
            [start("patch", true), piece("a\nb"), end.clone(), start("other", false), piece("{}"), end];
        assert_eq!(passed, expected.map(|event| format!("{event:?}")));
    }

    #[test]
    fn arguments_become_an_object_whatever_the_model_wrote() {
        for (arguments, object) in [
            (r#"{"b":1,"a":[2]}"#, r#"{"b":1,"a":[2]}"#),
            ("", "{}"),
            ("[1]", r#"{"input":"[1]"}"#),
            (r#"{"a":"#, r#"{"input":"{\"a\":"}"#),
        ] {
            let written = Json::from(call(arguments, false).into_object()).to_vec();

            assert_eq!(String::from_utf8(written).unwrap(), object);
        }
    }
}
