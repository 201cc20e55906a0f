//! One part of a content, as it stands in requests, answers and streams.

use std::borrow::Cow;

use super::{media, seal, spelling};
use crate::{
    json::{Json, Members},
    neutral::{Content, Error, Losses, Media, Part, Seal, fields::Path},
};

/// A part.
#[derive(Debug)]
pub(super) struct WirePart<'a> {
    /// What it says. None is known where only a signature stands, or something that we cannot carry.
    pub(super) piece: Option<Piece<'a>>,
    /// Its signature.
    pub(super) seal: Option<Seal<'a>>,
}

/// What a part says.
#[derive(Debug)]
pub(super) enum Piece<'a> {
    /// Words.
    Text {
        /// The words.
        text: Cow<'a, str>,
        /// The model thought them.
        is_thought: bool,
    },
    /// A picture, a document, a sound, a film.
    Media(Media<'a>),
    /// A `functionCall`.
    Call {
        /// Its id, if it has one.
        id: Option<Cow<'a, str>>,
        /// The tool.
        name: Cow<'a, str>,
        /// A JSON object.
        arguments: Cow<'a, str>,
    },
    /// A `functionResponse`.
    Result {
        /// The id of its call, if it has one.
        id: Option<Cow<'a, str>>,
        /// The tool.
        name: Cow<'a, str>,
        /// What it gave.
        parts: Vec<Part<'a>>,
        /// It failed.
        is_error: bool,
    },
}

/// Reads a part.
pub(super) fn read<'a>(json: Json<'a>, path: Path<'_>, losses: &mut Losses) -> Result<WirePart<'a>, Error> {
    let mut fields = spelling::fields(json, path)?;
    let seal = fields.text("thoughtSignature")?.and_then(seal::read);
    let is_thought = fields.flag("thought")?.unwrap_or(false);
    let piece = if let Some(text) = fields.text("text")? {
        Some(Piece::Text { text, is_thought })
    } else if let Some(json) = fields.json("inlineData") {
        Some(Piece::Media(media::read_inline(json, path.member("inlineData"), losses)?))
    } else if let Some(json) = fields.json("fileData") {
        Some(Piece::Media(media::read_file(json, path.member("fileData"), losses)?))
    } else if let Some(json) = fields.json("functionCall") {
        Some(read_call(json, path.member("functionCall"), losses)?)
    } else if let Some(json) = fields.json("functionResponse") {
        Some(read_result(json, path.member("functionResponse"), losses)?)
    } else {
        None
    };
    fields.finish(losses);
    Ok(WirePart { piece, seal })
}

fn read_call<'a>(json: Json<'a>, path: Path<'_>, losses: &mut Losses) -> Result<Piece<'a>, Error> {
    let mut fields = spelling::fields(json, path)?;
    let id = fields.text("id")?.filter(|id| !id.is_empty());
    let name = fields.need_text("name")?;
    let arguments = Json::from(fields.object("args")?.unwrap_or_default());
    fields.finish(losses);
    Ok(Piece::Call { id, name, arguments: text_of(arguments) })
}

fn read_result<'a>(json: Json<'a>, path: Path<'_>, losses: &mut Losses) -> Result<Piece<'a>, Error> {
    let mut fields = spelling::fields(json, path)?;
    let id = fields.text("id")?.filter(|id| !id.is_empty());
    let name = fields.need_text("name")?;
    let (text, is_error) = told(fields.object("response")?.unwrap_or_default());
    let mut parts: Vec<_> = text.map(Part::text).into_iter().collect();
    let parts_path = path.member("parts");
    for (index, json) in fields.array("parts")?.into_iter().enumerate() {
        let part = read(json, parts_path.item(index), losses)?;
        match part.piece {
            Some(Piece::Media(media)) => parts.push(Content::Media(media).into()),
            Some(Piece::Text { text, .. }) => parts.push(Part::text(text)),
            Some(_) => return Err(parts_path.item(index).error("must be a text or media")),
            None => {}
        }
    }
    fields.finish(losses);
    Ok(Piece::Result { id, name, parts, is_error })
}

/// What a tool's answer says, and whether it is an error. SDKs wrap a text into the only member of an object, of which
/// the name says what it is; anything else is told as it is.
fn told(response: Members<'_>) -> (Option<Cow<'_, str>>, bool) {
    let only_name = response.iter().next().map(|(name, _)| name).filter(|_| response.len() == 1);
    let is_error = only_name == Some("error");
    if is_error || only_name.is_some_and(|name| name == "output" || name == "result") {
        return (response.into_iter().next().map(|(_, value)| text_of(value)), is_error);
    }
    ((!response.is_empty()).then(|| text_of(response.into())), false)
}

/// The text that a value is, or else its JSON text.
fn text_of(value: Json<'_>) -> Cow<'_, str> {
    match value {
        Json::String(text) => text,
        // What is written is UTF-8.
        other => String::from_utf8(other.to_vec()).unwrap_or_default().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(text: &str) -> Result<WirePart<'_>, Error> {
        read(
            Json::parse(text.as_bytes()).unwrap(),
            Path::BODY.member("parts").item(0),
            &mut Losses::default(),
        )
    }

    fn result(response: &str) -> (Vec<Part<'static>>, bool) {
        let text = format!(r#"{{"function_response":{{"name":"f","response":{response}}}}}"#);
        let json = Json::parse(text.as_bytes()).unwrap().to_static();
        match read(json, Path::BODY, &mut Losses::default()).unwrap().piece {
            Some(Piece::Result { parts, is_error, .. }) => (parts, is_error),
            piece => panic!("{piece:?}"),
        }
    }

    #[test]
    fn a_tools_answer_is_a_text_whatever_wraps_it() {
        for (response, text, is_error) in [
            (r#"{"output":"18"}"#, "18", false),
            (r#"{"result":{"a_b":[1]}}"#, r#"{"a_b":[1]}"#, false),
            (r#"{"error":"no such city"}"#, "no such city", true),
            (r#"{"output":"18","unit":"C"}"#, r#"{"output":"18","unit":"C"}"#, false),
            (r#"{"temperature":18}"#, r#"{"temperature":18}"#, false),
        ] {
            assert_eq!(result(response), (vec![Part::text(text)], is_error), "{response}");
        }
        assert_eq!(result("{}"), (vec![], false));
    }

    #[test]
    fn a_wrong_part_is_named_by_its_place() {
        for (text, message) in [
            ("7", "`parts[0]` must be an object"),
            (r#"{"function_call":{}}"#, "`parts[0].functionCall.name` is missing"),
            (r#"{"functionCall":{"name":"f","args":[]}}"#, "`parts[0].functionCall.args` must be an object"),
            (r#"{"inlineData":{"mimeType":"a/b"}}"#, "`parts[0].inlineData.data` is missing"),
        ] {
            assert_eq!(part(text).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn what_is_not_known_is_lost_by_name_and_its_signature_stays() {
        let mut losses = Losses::default();
        let json = Json::parse(br#"{"executable_code":{"code":"1"},"thoughtSignature":"c2ln"}"#).unwrap();

        let part = read(json, Path::BODY.member("parts").item(0), &mut losses).unwrap();

        assert!(part.piece.is_none() && part.seal.is_some());
        assert_eq!(losses.names(), ["parts[].executableCode"]);
    }
}
