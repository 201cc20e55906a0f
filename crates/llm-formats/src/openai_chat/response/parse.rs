//! Reading a whole answer.

use std::borrow::Cow;

use super::{
    stop::read_stop,
    words::{Kind, said},
};
use crate::{
    json::{Json, Members},
    neutral::{Asked, Choice, Content, Error, Head, Part, Reasoning, Response, ToolCall, fields::Path},
    openai_chat::{error, logprobs, request::signature, usage},
};

/// Reads a whole answer.
pub(crate) fn parse_response<'a>(body: Json<'a>, asked: &Asked) -> Result<Response<'a>, Error> {
    let Json::Object(mut body) = body else { return Err(Path::BODY.error("must be an object")) };
    let Some(Json::Array(mut choices)) = body.take("choices") else { return Err(no_answer(&mut body)) };
    // They come in order, but nobody promises it.
    choices.sort_by_key(|choice| choice.as_object().and_then(|choice| choice.get("index")?.as_u64()));
    let choices = choices.into_iter().filter_map(|json| match json {
        Json::Object(choice) => Some(read_choice(choice, asked)),
        _ => None,
    });
    let choices = choices.collect::<Result<_, _>>()?;
    let usage = body.take("usage").as_ref().and_then(usage::read);
    Ok(Response { head: head(&mut body), choices, usage })
}

/// Some answer 200 before they know that they cannot, OpenRouter for one.
fn no_answer(body: &mut Members<'_>) -> Error {
    match error::take(body) {
        Some(error) => {
            Path::BODY.member("error").error(format!("came instead of an answer: {}", error.message))
        }
        None => Path::BODY.member("choices").error("is missing"),
    }
}

/// What tells an answer from others, out of the answer or a chunk of it.
pub(in super::super) fn head<'a>(body: &mut Members<'a>) -> Head<'a> {
    let mut text = |name| match body.take(name) {
        Some(Json::String(text)) => text,
        _ => Cow::default(),
    };
    let (id, model) = (text("id"), text("model"));
    Head { id, model, created: body.take("created").and_then(|created| created.as_u64()) }
}

fn read_choice<'a>(mut choice: Members<'a>, asked: &Asked) -> Result<Choice<'a>, Error> {
    if let Some(error) = choice.get("error").is_some().then(|| error::take(&mut choice)).flatten() {
        let path = Path::BODY.member("choices");
        return Err(path.error(format!("has an error instead of an answer: {}", error.message)));
    }
    let mut parts = Vec::new();
    if let Some(Json::Object(mut message)) = choice.take("message") {
        said(&mut message, &mut |kind, text| say(&mut parts, kind, text));
        if let Some(Json::Array(calls)) = message.take("tool_calls") {
            let calls = calls.into_iter().enumerate();
            let calls = calls.filter_map(|(number, json)| read_call(json, number, asked));
            parts.extend(calls.map(|call| Part::from(Content::ToolCall(call))));
        }
    }
    let has = |is_such: fn(&Content<'_>) -> bool| parts.iter().any(|part| is_such(&part.content));
    let has_calls = has(|content| matches!(content, Content::ToolCall(_)));
    let has_refusal = has(|content| matches!(content, Content::Refusal(_)));
    let stop = read_stop(&mut choice, has_calls, has_refusal).unwrap_or_default();
    Ok(Choice { parts, stop, logprobs: logprobs::read(choice.take("logprobs")) })
}

/// Appends words: to the last part, if it is of their kind.
fn say<'a>(parts: &mut Vec<Part<'a>>, kind: Kind, words: Cow<'a, str>) {
    match (kind, parts.last_mut().map(|part| &mut part.content)) {
        (Kind::Text, Some(Content::Text(text))) | (Kind::Refusal, Some(Content::Refusal(text))) => {
            text.to_mut().push_str(&words);
        }
        (Kind::Reasoning, Some(Content::Reasoning(reasoning))) => {
            if let Some(text) = reasoning.texts.last_mut() {
                text.to_mut().push_str(&words);
            }
        }
        (Kind::Text, _) => parts.push(Part::text(words)),
        (Kind::Refusal, _) => parts.push(Content::Refusal(words).into()),
        (Kind::Reasoning, _) => {
            let reasoning = Reasoning { texts: vec![words], ..Reasoning::default() };
            parts.push(Content::Reasoning(reasoning).into());
        }
    }
}

fn read_call<'a>(json: Json<'a>, number: usize, asked: &Asked) -> Option<ToolCall<'a>> {
    let Json::Object(mut call) = json else { return None };
    let id = match call.take("id") {
        Some(Json::String(id)) if !id.is_empty() => id,
        _ => made_up_id(asked, number).into(),
    };
    let seal = call.take("extra_content").and_then(signature);
    let (mut tool, text, is_free_form) = match (call.take("function"), call.take("custom")) {
        (Some(Json::Object(function)), _) => (function, "arguments", false),
        (None, Some(Json::Object(custom))) => (custom, "input", true),
        _ => return None,
    };
    let Json::String(name) = tool.take("name")? else { return None };
    let arguments = tool.take(text).map(as_text).unwrap_or_default();
    let call = ToolCall { id, name, arguments, is_free_form, seal };
    let was_free_form = !is_free_form && asked.is_free_form(&call.name);
    Some(if was_free_form { call.into_free_form() } else { call })
}

/// The id of a call to which the provider gives none.
pub(in super::super) fn made_up_id(asked: &Asked, number: usize) -> String {
    format!("call_{}_{number}", asked.id)
}

/// Arguments, which some APIs give as an object.
pub(in super::super) fn as_text(arguments: Json<'_>) -> Cow<'_, str> {
    match arguments {
        Json::String(text) => text,
        object => String::from_utf8_lossy(&object.to_vec()).into_owned().into(),
    }
}
