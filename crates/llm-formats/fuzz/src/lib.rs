//! What the targets share: which pair of formats an input is for.

use llm_formats::{
    Format,
    endpoint::{Call, Framing, Operation},
    translate::{TranslatedRequest, Translation, translate_request},
};

/// The client's call and the API's format, by one byte.
pub fn pair(byte: u8) -> (Call, Format) {
    let [client, api] = [byte, byte >> 2].map(|bits| Format::ALL[usize::from(bits & 3)]);
    let stream = match byte >> 4 & 3 {
        0 | 1 => None,
        2 => Some(Framing::Events),
        _ => Some(Framing::Array),
    };
    let operation = match byte >> 6 {
        0 | 1 => Operation::Generate,
        2 => Operation::CountTokens,
        _ => Operation::Embed,
    };
    let stream = stream.filter(|_| client == Format::Gemini && operation == Operation::Generate);
    (Call { format: client, operation, model: Some("m".into()), stream }, api)
}

/// Translates a request.
pub fn request(call: Call, api: Format, body: &[u8]) -> Option<TranslatedRequest> {
    translate_request(call, api, body, |_| None, "made-up".into(), 7).ok()
}

/// How the answer to some request comes back.
pub fn translation(byte: u8) -> Option<Translation> {
    let (call, api) = pair(byte);
    let body = match (call.operation, call.format) {
        (Operation::Embed, Format::Gemini) => r#"{"content":{"parts":[{"text":"a"}]}}"#,
        (Operation::Embed, _) => r#"{"input":"a"}"#,
        (_, Format::OpenAiResponses) => r#"{"input":"a","tools":[{"type":"custom","name":"patch"}]}"#,
        (_, Format::Gemini) => r#"{"contents":[{"role":"user","parts":[{"text":"a"}]}]}"#,
        _ => r#"{"max_tokens":9,"messages":[{"role":"user","content":"a"}]}"#,
    };
    request(call, api, body.as_bytes()).map(|request| request.translation)
}
