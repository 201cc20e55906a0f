//! Every pair of formats against golden files: one story in each format's own words goes through every translation.
//!
//! `fixtures/{story}/{format}` is the story as that API tells it; `fixtures/{story}/{client}-on-{api}` is what the API
//! gets of that client's request, and what the client gets of the API's answer. `UPDATE_FIXTURES=1` writes the latter
//! anew, to be read before they are committed.

use std::fs;

use serde_json::{Value, json};

use super::pairs;
use crate::{
    endpoint::Call,
    fixtures::{self, STORIES, name},
    format::Format,
    translate::{TranslatedRequest, translate_request},
};

const REQUEST_ID: &str = "0198c0de-0000-7000-8000-000000000001";
const NOW: u64 = 1_767_225_600;

fn model(format: Format) -> &'static str {
    match format {
        Format::OpenAiChat | Format::OpenAiResponses => "gpt-5.2",
        Format::Anthropic => "claude-sonnet-4-5",
        Format::Gemini => "gemini-2.5-pro",
    }
}

fn call(client: Format, is_stream: bool) -> Call {
    let (rest, query) = match client {
        Format::OpenAiChat => ("/v1/chat/completions", None),
        Format::OpenAiResponses => ("/v1/responses", None),
        Format::Anthropic => ("/v1/messages", None),
        Format::Gemini if is_stream => {
            ("/v1beta/models/gemini-2.5-pro:streamGenerateContent", Some("alt=sse"))
        }
        Format::Gemini => ("/v1beta/models/gemini-2.5-pro:generateContent", None),
    };
    Call::of(false, rest, query, client).unwrap()
}

/// Compares with a golden file, or writes it.
fn check(story: &str, pair: &str, file: &str, text: &str, problems: &mut Vec<String>) {
    let path = fixtures::path(story, pair, file);
    if std::env::var_os("UPDATE_FIXTURES").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    } else if fs::read_to_string(&path).unwrap_or_default() != text {
        problems.push(format!("{story}/{pair}/{file} is now:\n{text}"));
    }
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap() + "\n"
}

fn translated(story: &str, client: Format, api: Format, is_stream: bool) -> TranslatedRequest {
    // Any request may fail.
    let asking = if story == "error" { "text" } else { story };
    let mut request: Value = serde_json::from_str(&fixtures::read(asking, client, "request.json")).unwrap();
    if is_stream && client != Format::Gemini {
        request["stream"] = json!(true);
    }
    let alias = |_: &str| Some(model(api).to_owned());
    let body = serde_json::to_vec(&request).unwrap();
    translate_request(call(client, is_stream), api, &body, alias, REQUEST_ID.to_owned(), NOW)
        .unwrap_or_else(|error| panic!("{story}: {} on {}: {error}", name(client), name(api)))
}

fn stream(story: &str, client: Format, api: Format, piece: usize) -> String {
    let mut translator = translated(story, client, api, true).translation.stream();
    let mut out = Vec::new();
    for piece in fixtures::read(story, api, "stream.sse").as_bytes().chunks(piece) {
        translator.feed(piece, &mut out);
    }
    translator.finish(&mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn every_story_goes_through_every_pair() {
    let mut problems = Vec::new();
    for story in STORIES.into_iter().chain(["error"]) {
        for (client, api) in pairs() {
            let pair = format!("{}-on-{}", name(client), name(api));
            let request = translated(story, client, api, false);
            let body: Value = serde_json::from_slice(request.body.as_deref().unwrap()).unwrap();
            let told = json!({ "path": request.path, "dropped": request.losses.names(), "body": body });
            check(story, &pair, "request.json", &pretty(&told), &mut problems);

            let answer = fixtures::read(story, api, "response.json");
            let answer = if story == "error" {
                let (status, body) = request.translation.error(429, answer.as_bytes(), REQUEST_ID);
                json!({ "status": status, "body": serde_json::from_slice::<Value>(&body).unwrap() })
            } else {
                serde_json::from_slice(&request.translation.answer(answer.as_bytes()).unwrap()).unwrap()
            };
            check(story, &pair, "response.json", &pretty(&answer), &mut problems);

            let whole = stream(story, client, api, usize::MAX);
            check(story, &pair, "stream.sse", &whole, &mut problems);
            for piece in [1, 7] {
                assert_eq!(stream(story, client, api, piece), whole, "{story} {pair} in pieces of {piece}");
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
