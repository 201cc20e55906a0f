//! Counting the tokens of a prompt: Anthropic's `/messages/count_tokens`, Gemini's `:countTokens`, and
//! `/responses/input_tokens` of `OpenAI`'s Responses. Chat Completions has no such method.
//!
//! The body is that of the request whose prompt is counted, with a few members less. So there is no second parser:
//! [`counted`] makes a request of it that the format's own parser reads, and [`counting`] makes it of what the format's
//! own builder wrote.

use crate::{
    format::Format,
    gemini::spelling,
    json::{Json, Members},
    neutral::{
        Error,
        fields::{Fields, Path},
    },
};

/// Members of a request that Anthropic counts.
const ANTHROPIC: [&str; 6] = ["messages", "model", "system", "thinking", "tool_choice", "tools"];
/// Members of a request that `OpenAI` counts.
const RESPONSES: [&str; 9] = [
    "input",
    "instructions",
    "model",
    "parallel_tool_calls",
    "previous_response_id",
    "reasoning",
    "text",
    "tool_choice",
    "tools",
];
/// Gemini's member that holds a whole request, where more than its contents is to be counted.
const WHOLE: &str = "generateContentRequest";

/// The request whose prompt is to be counted.
///
/// # Errors
/// The body is no object.
pub(crate) fn counted(format: Format, body: Json<'_>) -> Result<Json<'_>, Error> {
    match format {
        Format::Gemini => {
            let mut fields = spelling::fields(body, Path::BODY)?;
            match fields.json(WHOLE) {
                Some(whole) => Ok(whole),
                None => Ok(Members::new().with_some("contents", fields.json("contents")).into()),
            }
        }
        // A request for an answer has to have a limit; it has no part in what is counted.
        Format::Anthropic => match body {
            Json::Object(members) if members.get("max_tokens").is_none() => {
                Ok(members.with("max_tokens", 1_u64).into())
            }
            body => Ok(body),
        },
        Format::OpenAiChat | Format::OpenAiResponses => Ok(body),
    }
}

/// The body that asks how many tokens the prompt of a request has. `model` is its name at Gemini.
///
/// # Errors
/// The format has no such method.
pub(crate) fn counting<'a>(format: Format, request: Json<'a>, model: &str) -> Result<Json<'a>, Error> {
    let only = |names: &[&str], request| match request {
        Json::Object(members) => {
            let counted = members.into_iter().filter(|(name, _)| names.contains(&&**name));
            Json::Object(counted.collect())
        }
        other => other,
    };
    match format {
        Format::Anthropic => Ok(only(&ANTHROPIC, request)),
        Format::OpenAiResponses => Ok(only(&RESPONSES, request)),
        Format::Gemini => {
            let resource =
                if model.starts_with("models/") { model.to_owned() } else { format!("models/{model}") };
            let whole = match request {
                Json::Object(members) => members.with("model", resource).into(),
                other => other,
            };
            Ok(Members::new().with(WHOLE, whole).into())
        }
        Format::OpenAiChat => Err(Error::NoEndpoint { what: "counting tokens" }),
    }
}

/// How many tokens an answer tells.
///
/// # Errors
/// It tells none.
pub(crate) fn parse_count(format: Format, body: Json<'_>) -> Result<u64, Error> {
    let name = member(format);
    let mut fields = Fields::of(body, Path::BODY)?;
    fields.count(name)?.ok_or_else(|| Path::BODY.member(name).error("is missing"))
}

/// The answer that tells so many tokens.
pub(crate) fn build_count(format: Format, tokens: u64) -> Json<'static> {
    let object = (format == Format::OpenAiResponses).then_some("response.input_tokens");
    Members::new().with_some("object", object).with(member(format), tokens).into()
}

fn member(format: Format) -> &'static str {
    match format {
        Format::Gemini => "totalTokens",
        Format::Anthropic | Format::OpenAiChat | Format::OpenAiResponses => "input_tokens",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Json<'_> {
        Json::parse(text.as_bytes()).unwrap()
    }

    fn text(json: &Json<'_>) -> String {
        String::from_utf8(json.to_vec()).unwrap()
    }

    #[test]
    fn gemini_counts_contents_or_a_whole_request() {
        for (body, request) in [
            (r#"{"contents":[{"a_b":1}]}"#, r#"{"contents":[{"a_b":1}]}"#),
            (r#"{"generate_content_request":{"contents":[]}}"#, r#"{"contents":[]}"#),
        ] {
            assert_eq!(text(&counted(Format::Gemini, json(body)).unwrap()), request);
        }
        assert_eq!(
            text(&counting(Format::Gemini, json(r#"{"contents":[]}"#), "gemini-2.5-pro").unwrap()),
            r#"{"generateContentRequest":{"contents":[],"model":"models/gemini-2.5-pro"}}"#
        );
    }

    #[test]
    fn the_others_count_a_request_without_what_makes_the_answer() {
        let body = counted(Format::Anthropic, json(r#"{"model":"m","messages":[]}"#)).unwrap();
        assert_eq!(text(&body), r#"{"model":"m","messages":[],"max_tokens":1}"#);
        assert_eq!(text(&counting(Format::Anthropic, body, "").unwrap()), r#"{"model":"m","messages":[]}"#);

        let body = json(r#"{"model":"m","input":"a","stream":true,"max_output_tokens":5}"#);
        assert_eq!(
            text(&counting(Format::OpenAiResponses, body, "").unwrap()),
            r#"{"model":"m","input":"a"}"#
        );
        assert!(counting(Format::OpenAiChat, Json::Null, "").is_err());
    }

    #[test]
    fn a_count_is_told_in_every_format() {
        for (format, expected) in [
            (Format::Anthropic, r#"{"input_tokens":7}"#),
            (Format::OpenAiResponses, r#"{"object":"response.input_tokens","input_tokens":7}"#),
            (Format::Gemini, r#"{"totalTokens":7}"#),
        ] {
            let told = build_count(format, 7);

            assert_eq!(text(&told), expected);
            assert_eq!(parse_count(format, told).unwrap(), 7);
        }
        assert_eq!(
            parse_count(Format::Gemini, json("{}")).unwrap_err().to_string(),
            "`totalTokens` is missing"
        );
    }
}
