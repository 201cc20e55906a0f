//! An answer and its stream say the same after a translation.

use proptest::{collection::vec, prelude::*};
use serde_json::Value;

use super::{
    asked,
    assemble::{self, Over},
    pairs, streamed, translation,
};
use crate::{
    endpoint::Framing,
    format::Format,
    json::Json,
    neutral::{
        Content, Reasoning, Response, Seal, SealMaker, Stop,
        arbitrary::{events_in_pieces, response},
    },
    translate::{formats, stream::Writer},
    usage::Usage,
};

/// What an answer says, without how it is cut into parts.
#[derive(Debug, Clone, PartialEq)]
enum Said {
    Text(String),
    Refusal(String),
    Reasoning(String),
    Seal(Seal<'static>),
    Call { id: String, name: String, arguments: Value, is_free_form: bool },
}

#[derive(Debug, PartialEq)]
struct Told {
    choices: Vec<(Vec<Said>, Stop<'static>)>,
    usage: Option<Usage>,
}

fn told(response: Response<'static>, has_chat: bool) -> Told {
    let choices = response.choices.into_iter().map(|choice| {
        let mut said: Vec<Said> = Vec::new();
        for part in choice.parts {
            say(part.content, &mut said);
        }
        (if has_chat { by_kind(said) } else { said }, choice.stop)
    });
    Told { choices: choices.collect(), usage: response.usage }
}

fn say(content: Content<'static>, said: &mut Vec<Said>) {
    match content {
        Content::Text(text) => match said.last_mut() {
            _ if text.is_empty() => {}
            Some(Said::Text(known)) => known.push_str(&text),
            _ => said.push(Said::Text(text.into_owned())),
        },
        Content::Refusal(text) => match said.last_mut() {
            _ if text.is_empty() => {}
            Some(Said::Refusal(known)) => known.push_str(&text),
            _ => said.push(Said::Refusal(text.into_owned())),
        },
        Content::Reasoning(reasoning) => {
            let texts: Vec<_> = reasoning.texts.into_iter().filter(|text| !text.is_empty()).collect();
            if !texts.is_empty() {
                said.push(Said::Reasoning(texts.join("\n\n")));
            }
            said.extend(reasoning.seal.map(Said::Seal));
        }
        Content::ToolCall(call) => {
            said.extend(call.seal.map(Said::Seal));
            let text = || Value::String(call.arguments.to_string());
            // Some formats carry the object, not the text of it.
            let arguments = if call.is_free_form {
                text()
            } else {
                serde_json::from_str(&call.arguments).unwrap_or_else(|_| text())
            };
            let (id, name) = (call.id.into_owned(), call.name.into_owned());
            said.push(Said::Call { id, name, arguments, is_free_form: call.is_free_form });
        }
        other => panic!("{other:?}"),
    }
}

/// A whole answer of Chat Completions has one place for each kind of words, while a stream of it has an order: so
/// either is compared kind by kind.
fn by_kind(mut said: Vec<Said>) -> Vec<Said> {
    said.sort_by_key(|said| match said {
        Said::Reasoning(_) => 0,
        Said::Text(_) => 1,
        Said::Refusal(_) => 2,
        Said::Seal(_) | Said::Call { .. } => 3,
    });
    let mut joined: Vec<Said> = Vec::new();
    for said in said {
        match (joined.last_mut(), said) {
            (Some(Said::Text(known)), Said::Text(text))
            | (Some(Said::Refusal(known)), Said::Refusal(text))
            | (Some(Said::Reasoning(known)), Said::Reasoning(text)) => known.push_str(&text),
            (_, said) => joined.push(said),
        }
    }
    joined
}

/// The answer as this API may give it: all seals are its own, of calls only where it has some, and the parts of an
/// answer of Chat Completions have the order in which it is read.
fn of_api(api: Format, mut response: Response<'static>) -> Response<'static> {
    for choice in &mut response.choices {
        for part in &mut choice.parts {
            match &mut part.content {
                Content::ToolCall(call) if matches!(api, Format::Gemini | Format::OpenAiChat) => {
                    call.seal.iter_mut().for_each(|seal| seal.maker = SealMaker::Gemini);
                }
                Content::ToolCall(call) => call.seal = None,
                Content::Reasoning(Reasoning { seal: Some(seal), .. }) => seal.maker = maker(api, seal.maker),
                _ => {}
            }
        }
        if api == Format::OpenAiChat {
            choice.parts.sort_by_key(|part| match part.content {
                Content::Reasoning(_) => 0,
                Content::Text(_) => 1,
                Content::Refusal(_) => 2,
                _ => 3,
            });
        }
    }
    response
}

fn maker(api: Format, random: SealMaker) -> SealMaker {
    match api {
        Format::OpenAiChat | Format::OpenAiResponses => SealMaker::OpenAi,
        Format::Anthropic if random == SealMaker::AnthropicRedacted => SealMaker::AnthropicRedacted,
        Format::Anthropic => SealMaker::Anthropic,
        Format::Gemini => SealMaker::Gemini,
    }
}

fn native_stream(api: Format, response: Response<'static>, piece: usize) -> Vec<u8> {
    let mut writer = Writer::new(api, Some(Framing::Events), asked());
    let mut stream = Vec::new();
    for event in events_in_pieces(response, piece) {
        writer.write(event, &mut stream);
    }
    stream
}

proptest! {
    #[test]
    fn a_translated_stream_says_what_the_translated_answer_says(
        response in response(),
        piece in 1..6_usize,
        sizes in vec(1..300_usize, 1..8),
    ) {
        for (client, api) in pairs() {
            let has_chat = [client, api].contains(&Format::OpenAiChat);
            let translation = translation(client, api);
            let response = of_api(api, response.clone());
            let whole = formats::build_response(api, response.clone(), &asked()).to_vec();
            let stream = native_stream(api, response, piece);

            let answer = translation.answer(&whole).unwrap();
            let (stream, is_whole) = streamed(&translation, &stream, &sizes);
            let at_once = translation.answer_as_stream(&whole).unwrap();

            let expected = told(formats::parse_response(client, Json::parse(&answer).unwrap().to_static(), &asked()).unwrap(), has_chat);
            for stream in [&stream, &at_once] {
                let (streamed, over) = assemble::read(client, stream);
                prop_assert_eq!((is_whole, over), (true, Over::End), "{:?} on {:?}", client, api);
                prop_assert_eq!(&told(streamed, has_chat), &expected, "{:?} on {:?}", client, api);
            }
        }
    }
}
