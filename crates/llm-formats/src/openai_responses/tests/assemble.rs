//! A client that believes only the pieces, and checks what is told whole against them.

use serde_json::{Value, json};

/// The answer that a stream tells, and how it ends. Everything that is told twice must be told the same.
pub(super) fn assembled(events: &[Vec<u8>]) -> (Value, String) {
    let mut output: Vec<Value> = Vec::new();
    let mut last = (Value::Null, String::new());
    for (number, data) in events.iter().enumerate() {
        let event: Value = serde_json::from_slice(data).unwrap();
        assert_eq!(event["sequence_number"], number, "{event}");
        let kind = event["type"].as_str().unwrap().strip_prefix("response.").unwrap_or("error");
        assert!(last.1.is_empty(), "{kind} comes after the end");
        match kind {
            "created" | "in_progress" => {
                assert_eq!(kind == "created", number == 0);
                assert_eq!(event["response"]["status"], "in_progress");
            }
            "output_item.added" => {
                assert_eq!(event["output_index"], output.len());
                output.push(event["item"].clone());
            }
            "completed" | "incomplete" | "failed" => last = (event["response"].clone(), kind.to_owned()),
            "error" => {}
            _ => change(&mut output, kind, &event),
        }
    }
    if last.1 == "completed" || last.1 == "incomplete" {
        assert_eq!(last.0["output"], Value::Array(output), "the whole answer is its items");
        assert_eq!(last.0["status"], last.1.as_str());
    }
    last
}

fn change(output: &mut [Value], kind: &str, event: &Value) {
    let index = event["output_index"].as_u64().unwrap();
    assert_eq!(index + 1, output.len() as u64, "items come one after the other");
    let item = output.last_mut().unwrap();
    if kind == "output_item.done" {
        for (name, value) in item.as_object().unwrap() {
            let grows = matches!(name.as_str(), "status" | "encrypted_content");
            assert!(grows || event["item"][name] == *value, "{name} of {event} is not {value}");
        }
        *item = event["item"].clone();
        return;
    }
    assert_eq!(event["item_id"], item["id"]);
    let (what, step) = kind.split_once('.').unwrap();
    let (list, at, member) = match what {
        "content_part" => ("content", "content_index", ""),
        "output_text" => ("content", "content_index", "text"),
        "refusal" => ("content", "content_index", "refusal"),
        "reasoning_summary_part" => ("summary", "summary_index", ""),
        "reasoning_summary_text" => ("summary", "summary_index", "text"),
        "function_call_arguments" => ("", "", "arguments"),
        "custom_tool_call_input" => ("", "", "input"),
        _ => panic!("{kind} is not known"),
    };
    let place = if list.is_empty() {
        item
    } else {
        let parts = item[list].as_array_mut().unwrap();
        let index = event[at].as_u64().unwrap();
        assert_eq!(index + 1, parts.len() as u64 + u64::from(step == "added"), "{event}");
        if step == "added" {
            return parts.push(event["part"].clone());
        }
        parts.last_mut().unwrap()
    };
    match (step, member) {
        ("done", "") => assert_eq!(event["part"], *place),
        ("done", member) => assert_eq!(event[member], place[member]),
        ("delta", member) => {
            let text = format!("{}{}", place[member].as_str().unwrap(), event["delta"].as_str().unwrap());
            place[member] = json!(text);
            for logprob in event["logprobs"].as_array().into_iter().flatten() {
                place["logprobs"].as_array_mut().unwrap().push(logprob.clone());
            }
        }
        step => panic!("{step:?} is not known"),
    }
}
