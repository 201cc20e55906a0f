//! Reading an answer. What nobody knows in it is skipped.

use std::borrow::Cow;

use crate::{
    anthropic::{name::original, stop, usage},
    json::{Json, Members},
    neutral::{
        Asked, Choice, Content, Error, Head, Part, Reasoning, Response, Seal, SealMaker, ToolCall,
        fields::Path,
    },
    usage::Usage,
};

/// Reads an answer.
///
/// # Errors
/// It has no content, not even an empty one: then it is something else, such as an error that came with status 200.
pub(crate) fn parse_response<'a>(body: Json<'a>, asked: &Asked) -> Result<Response<'a>, Error> {
    let Json::Object(mut body) = body else { return Err(Path::BODY.error("must be an object")) };
    let Some(Json::Array(blocks)) = body.take("content") else {
        return Err(Path::BODY.member("content").error("must be an array of blocks"));
    };
    let mut parts: Vec<_> = blocks.into_iter().filter_map(|block| part(block, asked)).collect();
    let told = body.take("usage");
    let usage = told.as_ref().and_then(Json::as_object).map(|told| {
        let mut usage = Usage::default();
        usage::update(&mut usage, told);
        usage
    });
    let explanation = stop::read_explanation(&mut body);
    parts.extend(explanation.map(|words| Content::Refusal(words).into()));
    let choice = Choice { parts, stop: stop::read(&mut body), logprobs: Vec::new() };
    let head = Head { id: text(&mut body, "id"), model: text(&mut body, "model"), created: None };
    Ok(Response { head, choices: vec![choice], usage })
}

fn part<'a>(block: Json<'a>, asked: &Asked) -> Option<Part<'a>> {
    let Json::Object(mut block) = block else { return None };
    let content = match block.get("type")?.as_str()? {
        "text" => Content::Text(text(&mut block, "text")),
        "thinking" => {
            let texts = Some(text(&mut block, "thinking")).filter(|text| !text.is_empty());
            let signature = Some(text(&mut block, "signature")).filter(|signature| !signature.is_empty());
            let seal = signature.map(|signature| Seal::read(SealMaker::Anthropic, signature));
            Content::Reasoning(Reasoning { texts: texts.into_iter().collect(), seal, id: None })
        }
        "redacted_thinking" => {
            let seal = Seal::read(SealMaker::AnthropicRedacted, text(&mut block, "data"));
            Content::Reasoning(Reasoning { seal: Some(seal), ..Reasoning::default() })
        }
        "tool_use" => {
            let name = original(text(&mut block, "name"), asked);
            let input = block.take("input").unwrap_or_else(|| Members::new().into());
            let call = ToolCall {
                id: text(&mut block, "id"),
                arguments: String::from_utf8(input.to_vec()).unwrap_or_default().into(),
                is_free_form: false,
                seal: None,
                name,
            };
            let is_free_form = asked.is_free_form(&call.name);
            Content::ToolCall(if is_free_form { call.into_free_form() } else { call })
        }
        _ => return None,
    };
    Some(content.into())
}

fn text<'a>(members: &mut Members<'a>, name: &str) -> Cow<'a, str> {
    match members.take(name) {
        Some(Json::String(text)) => text,
        _ => Cow::default(),
    }
}
