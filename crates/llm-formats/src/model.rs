//! Which model a request is for.

use std::borrow::Cow;

use serde::Deserialize;

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    model: Cow<'a, str>,
}

/// The longest name that is believed to be one.
const MAX_LEN: usize = 200;

/// The model that a request names: in its path, as Gemini (`/models/{model}:generateContent`) and Azure
/// (`/deployments/{model}/…`) have it, or in the member `model` of its body.
pub fn requested_model<'a>(path: &'a str, body: &'a [u8]) -> Option<Cow<'a, str>> {
    let in_path = ["/models/", "/deployments/"].into_iter().find_map(|place| {
        let (_, rest) = path.split_once(place)?;
        rest.split(['/', ':', '?']).next().filter(|model| !model.is_empty())
    });
    let in_body = || serde_json::from_slice::<Body<'_>>(body).ok().map(|body| body.model);
    in_path.map(Cow::Borrowed).or_else(in_body).filter(|model| (1..=MAX_LEN).contains(&model.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_named_by_path_or_body() {
        for (path, body, model) in [
            ("/v1/chat/completions", r#"{"messages":[],"model":"gpt-5"}"#, Some("gpt-5")),
            ("/v1/messages", r#"{"model":"claude-\u0073onnet"}"#, Some("claude-sonnet")),
            ("/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse", "{}", Some("gemini-2.5-pro")),
            ("/openai/deployments/mine/chat/completions", "{}", Some("mine")),
            ("/v1/models", r#"{"model":""}"#, None),
            ("/v1/chat/completions", r#"{"model":7}"#, None),
            ("/v1/chat/completions", r#"{"model":"cut"#, None),
            ("/v1/files", "", None),
        ] {
            assert_eq!(requested_model(path, body.as_bytes()).as_deref(), model, "{path} {body}");
        }
        let long = format!(r#"{{"model":"{}"}}"#, "m".repeat(201));
        assert_eq!(requested_model("/v1/chat/completions", long.as_bytes()), None);
    }
}
