//! What a translation costs, alone in this process, for every pair of formats.

use std::{hint::black_box, time::Duration};

use anyhow::{Context as _, Result};
use llm_formats::{
    Format, SseReader,
    endpoint::{Call, Framing, Operation},
    translate::{TranslatedRequest, translate_request},
};
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};

use crate::{
    report::{Amount, Row, Section},
    rotator, stats,
};

const TOOLS: usize = 20;
const TURNS: usize = 30;
/// The size of each turn's texts, so that the request of an agent has about 60 kB.
const TEXT_LEN: usize = 700;
const CHUNKS: usize = 1_000;
const REQUESTS: u32 = 50;
const REPEATS: usize = 9;

pub(super) fn run() -> Result<Section> {
    let mut section = Section::new(
        "Translating between formats",
        "In a loop, without a request around it, by the processor time of the thread. The request is an agent's, of about 60 kB: 20 tools and 30 turns with \
         calls and results. The stream is of 1000 words, and its events come one by one; it is compared with reading \
         the events alone.",
    );
    let agent = agent_request();
    for (client, api) in pairs() {
        let body = body_of(client, &agent)?;
        let rounds = (0..REPEATS).map(|_| megabytes_per_second(client, api, &body));
        let speed = stats::median(rounds.collect::<Result<Vec<_>>>()?);
        let measure = format!("request, {} on {}", name(client), name(api));
        section.rows.push(Row::new(measure, rotator::BINARY, Amount(speed, "MB/s")));
    }
    for (client, api) in pairs() {
        let stream = stream_of(api)?;
        let translated = request(client, api, &body_of(client, &question())?)?;
        let (mut ours, mut base) = (Vec::new(), Vec::new());
        for _ in 0..REPEATS {
            base.push(nanos_to_read(&stream));
            ours.push(nanos_to_translate(&translated, &stream));
        }
        let amount = Amount(stats::median(ours.iter().copied()), "ns");
        let measure = format!("event of a stream, {} on {}", name(client), name(api));
        let row = Row::new(measure, rotator::BINARY, amount);
        section.rows.push(row.against("reading", stats::paired_ratio(&ours, &base)));
    }
    Ok(section)
}

fn pairs() -> impl Iterator<Item = (Format, Format)> {
    let all = |client| Format::ALL.into_iter().map(move |api| (client, api));
    Format::ALL.into_iter().flat_map(all).filter(|(client, api)| client != api)
}

fn name(format: Format) -> &'static str {
    match format {
        Format::OpenAiChat => "Chat Completions",
        Format::OpenAiResponses => "Responses",
        Format::Anthropic => "Anthropic",
        Format::Gemini => "Gemini",
    }
}

fn request(client: Format, api: Format, body: &[u8]) -> Result<TranslatedRequest> {
    let stream = (client == Format::Gemini).then_some(Framing::Events);
    let call = Call { format: client, operation: Operation::Generate, model: Some("bench-1".into()), stream };
    translate_request(call, api, body, |_| None, "bench".into(), 1_700_000_000)
        .with_context(|| format!("{} on {}", name(client), name(api)))
}

/// A request of Chat Completions in the client's format.
fn body_of(client: Format, chat: &Value) -> Result<Vec<u8>> {
    match client {
        Format::OpenAiChat => Ok(serde_json::to_vec(chat)?),
        _ => request(Format::OpenAiChat, client, &serde_json::to_vec(chat)?)?.body.context("no body"),
    }
}

fn question() -> Value {
    json!({ "model": "bench-1", "stream": true, "messages": [{ "role": "user", "content": "Count." }] })
}

fn agent_request() -> Value {
    let text = |number: usize| {
        format!("{number} lines of \"text\", as they stand in files.\n").repeat(TEXT_LEN / 47)
    };
    let tools = (0..TOOLS).map(|number| {
        let path = json!({ "type": "string", "description": "The path, from the root of the project." });
        let range = json!({ "type": "array", "items": { "type": "integer", "minimum": 1 } });
        let parameters = json!({
            "type": "object",
            "properties": { "path": path, "range": range, "mode": { "type": "string", "enum": ["text", "binary"] } },
            "required": ["path"],
        });
        let description = text(number)[..TEXT_LEN / 2].to_owned();
        let function = json!({ "name": format!("tool_{number}"), "description": description, "parameters": parameters });
        json!({ "type": "function", "function": function })
    });
    let mut messages = vec![
        json!({ "role": "system", "content": text(0).repeat(4) }),
        json!({ "role": "user", "content": "Mend the tests." }),
    ];
    for turn in 0..TURNS {
        let (id, arguments) =
            (format!("call_{turn}"), format!(r#"{{"path":"src/{turn}.rs","range":[1,{turn}]}}"#));
        let function = json!({ "name": format!("tool_{}", turn % TOOLS), "arguments": arguments });
        let calls = json!([{ "id": id, "type": "function", "function": function }]);
        messages.push(json!({ "role": "assistant", "content": text(turn), "tool_calls": calls }));
        messages.push(json!({ "role": "tool", "tool_call_id": id, "content": text(turn) }));
    }
    let tools: Vec<Value> = tools.collect();
    json!({ "model": "bench-1", "stream": true, "messages": messages, "tools": tools })
}

/// An API's stream, as its events.
fn stream_of(api: Format) -> Result<Vec<Vec<u8>>> {
    let chunk = |delta: Value, finish_reason: Value| {
        let choice = json!({ "index": 0, "delta": delta, "finish_reason": finish_reason });
        let chunk = json!({
            "id": "chatcmpl-bench",
            "object": "chat.completion.chunk",
            "created": 1_700_000_000,
            "model": "bench-1",
            "choices": [choice],
        });
        format!("data: {chunk}\n\n")
    };
    let mut stream = chunk(json!({ "content": " token" }), Value::Null).repeat(CHUNKS);
    stream += &chunk(json!({}), json!("stop"));
    stream += "data: [DONE]\n\n";
    if api != Format::OpenAiChat {
        let translated = request(api, Format::OpenAiChat, &body_of(api, &question())?)?;
        let (mut translator, mut out) = (translated.translation.stream(), Vec::new());
        translator.feed(stream.as_bytes(), &mut out);
        translator.finish(&mut out);
        stream = String::from_utf8(out)?;
    }
    Ok(stream.split_inclusive("\n\n").map(|event| event.as_bytes().to_vec()).collect())
}

fn megabytes_per_second(client: Format, api: Format, body: &[u8]) -> Result<f64> {
    let start = cpu();
    for _ in 0..REQUESTS {
        black_box(request(client, api, black_box(body))?);
    }
    let bytes = f64::from(REQUESTS) * f64::from(u32::try_from(body.len())?);
    Ok(bytes / cpu().saturating_sub(start).as_secs_f64() / 1e6)
}

fn nanos_to_translate(translated: &TranslatedRequest, stream: &[Vec<u8>]) -> f64 {
    per_event(stream, || {
        let (mut translator, mut out) = (translated.translation.stream(), Vec::new());
        for event in stream {
            out.clear();
            translator.feed(event, &mut out);
            black_box(&out);
        }
    })
}

fn nanos_to_read(stream: &[Vec<u8>]) -> f64 {
    per_event(stream, || {
        let mut reader = SseReader::default();
        for event in stream {
            let _ = reader.feed(event, |event| {
                black_box(event.data);
            });
        }
    })
}

#[expect(clippy::cast_precision_loss, reason = "a stream has a thousand events")]
fn per_event(stream: &[Vec<u8>], run: impl FnOnce()) -> f64 {
    let start = cpu();
    run();
    cpu().saturating_sub(start).as_secs_f64() * 1e9 / stream.len() as f64
}

/// The processor time that this thread has used.
fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::from_secs(time.tv_sec.unsigned_abs()) + Duration::from_nanos(time.tv_nsec.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_of_an_agent_has_the_size_that_is_told() {
        for client in Format::ALL {
            let length = body_of(client, &agent_request()).unwrap().len();
            assert!((54_000..72_000).contains(&length), "{length} bytes for {}", name(client));
        }
    }

    #[test]
    fn every_stream_is_translated_to_its_end() {
        for (client, api) in pairs() {
            let translated = request(client, api, &body_of(client, &question()).unwrap()).unwrap();
            let (mut translator, mut out) = (translated.translation.stream(), Vec::new());
            translator.feed(&stream_of(api).unwrap().concat(), &mut out);
            assert!(translator.finish(&mut out), "{} on {}", name(client), name(api));
        }
    }
}
