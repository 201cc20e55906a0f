//! A stream put together as a client does it that keeps the whole answer.

use serde_json::{Value, json};

/// What stands around the chunks.
#[derive(Clone, Copy)]
pub(super) enum Framing {
    Events,
    Array,
}

/// The answer that a stream tells.
pub(super) fn assembled(stream: &[u8], framing: Framing) -> Value {
    let chunks: Vec<Value> = match framing {
        Framing::Array => serde_json::from_slice(stream).unwrap(),
        Framing::Events => {
            let data = super::data_of(stream).into_iter();
            data.map(|data| serde_json::from_slice(data).unwrap()).collect()
        }
    };
    let mut answer = json!({});
    let mut candidates: Vec<Value> = Vec::new();
    for mut chunk in chunks {
        for candidate in chunk["candidates"].take().as_array_mut().into_iter().flatten() {
            if candidates.iter().all(|known| known["index"] != candidate["index"]) {
                let content = json!({ "parts": [], "role": "model" });
                candidates.push(json!({ "index": candidate["index"], "content": content }));
            }
            let known = candidates.iter_mut().find(|known| known["index"] == candidate["index"]);
            extend(known.unwrap(), candidate);
        }
        for (name, value) in chunk.as_object_mut().unwrap() {
            if !value.is_null() {
                answer[name] = value.take();
            }
        }
    }
    if !candidates.is_empty() {
        candidates.sort_by_key(|candidate| candidate["index"].as_u64());
        answer["candidates"] = candidates.into();
    }
    answer
}

fn extend(known: &mut Value, candidate: &mut Value) {
    let parts = known["content"]["parts"].as_array_mut().unwrap();
    for part in candidate["content"]["parts"].as_array_mut().unwrap() {
        add(parts, part.take());
    }
    if !candidate["finishReason"].is_null() {
        known["finishReason"] = candidate["finishReason"].take();
    }
    for list in ["chosenCandidates", "topCandidates"] {
        if let Value::Array(more) = candidate["logprobsResult"][list].take() {
            let known = &mut known["logprobsResult"][list];
            match known.as_array_mut() {
                Some(known) => known.extend(more),
                None => *known = more.into(),
            }
        }
    }
}

/// Words go on; a signature belongs to the thought before it, or to the text that begins with it.
fn add(parts: &mut Vec<Value>, part: Value) {
    let is_text = |part: &Value| part["text"].is_string();
    let is_signed = |part: &Value| part["thoughtSignature"].is_string();
    if part["text"] == "" && !is_signed(&part) {
        return;
    }
    let is_thought = part["thought"] == true;
    let goes_on = |last: &&mut Value| {
        is_text(last)
            && is_text(&part)
            && last["thought"] == part["thought"]
            && last["text"] != ""
            && !is_signed(if is_thought { last } else { &part })
    };
    match parts.last_mut().filter(goes_on) {
        Some(last) => {
            last["text"] =
                format!("{}{}", last["text"].as_str().unwrap(), part["text"].as_str().unwrap()).into();
            if is_signed(&part) {
                last["thoughtSignature"] = part["thoughtSignature"].clone();
            }
        }
        None => parts.push(part),
    }
}
