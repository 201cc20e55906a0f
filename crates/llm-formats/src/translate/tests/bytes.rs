//! No bytes do harm, and every stream that begins is brought to an end that the client knows.

use std::{fs, sync::LazyLock};

use proptest::{collection::vec, prelude::*, sample::Index};
use serde_json::{Value, json};

use super::{
    assemble::{self, Over},
    pairs, streamed, translation,
};
use crate::{
    endpoint::{Call, Operation},
    fixtures::{self, STORIES},
    format::Format,
    translate::translate_request,
};

/// What is done to a text.
#[derive(Debug, Clone)]
enum Change {
    Flip {
        at: Index,
        bit: u8,
    },
    Cut {
        at: Index,
    },
    /// Of a JSON text: one of its values goes, comes twice, or is another one.
    Drop {
        which: Index,
    },
    Double {
        which: Index,
    },
    Replace {
        which: Index,
        by: Value,
    },
}

fn change() -> impl Strategy<Value = Change> {
    let values = vec![
        json!(null),
        json!(-1),
        json!(1e300),
        json!(u64::MAX),
        json!(""),
        json!([]),
        json!({}),
        json!([[]]),
    ];
    prop_oneof![
        (any::<Index>(), 0..8_u8).prop_map(|(at, bit)| Change::Flip { at, bit }),
        any::<Index>().prop_map(|at| Change::Cut { at }),
        any::<Index>().prop_map(|which| Change::Drop { which }),
        any::<Index>().prop_map(|which| Change::Double { which }),
        (any::<Index>(), prop::sample::select(values)).prop_map(|(which, by)| Change::Replace { which, by }),
    ]
}

fn changed(mut text: Vec<u8>, change: &Change) -> Vec<u8> {
    match change {
        _ if text.is_empty() => {}
        Change::Flip { at, bit } => {
            let at = at.index(text.len());
            text[at] ^= 1 << bit;
        }
        Change::Cut { at } => text.truncate(at.index(text.len())),
        Change::Drop { which } | Change::Double { which } | Change::Replace { which, .. } => {
            // Of a stream, one event.
            let events: Vec<_> = text.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
            let at = which.index(events.len());
            let parsed = if events.iter().any(|line| line.starts_with(b"data: ")) {
                events[at].strip_prefix(b"data: ").map(|data| (&b"data: "[..], data.to_vec()))
            } else {
                Some((&b""[..], std::mem::take(&mut text)))
            };
            let Some((prefix, data)) = parsed else { return text };
            let Ok(mut value) = serde_json::from_slice::<Value>(&data) else {
                return [prefix, &data].concat();
            };
            let mut left = which.index(count(&value).max(1));
            alter(&mut value, &mut left, change);
            let data = [prefix, &serde_json::to_vec(&value).unwrap()].concat();
            if prefix.is_empty() {
                return data;
            }
            let mut events = events;
            events[at] = data;
            return events.join(&b'\n');
        }
    }
    text
}

/// How many values stand in a value.
fn count(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.iter().map(|item| 1 + count(item)).sum(),
        Value::Object(members) => members.values().map(|member| 1 + count(member)).sum(),
        _ => 0,
    }
}

/// Changes the value within `value` before which so many are `left`.
fn alter(value: &mut Value, left: &mut usize, change: &Change) -> bool {
    let keys: Vec<String> = match value {
        Value::Array(items) => (0..items.len()).map(|index| index.to_string()).collect(),
        Value::Object(members) => members.keys().cloned().collect(),
        _ => return false,
    };
    for (index, key) in keys.into_iter().enumerate() {
        if *left == 0 {
            match (change, value) {
                (Change::Replace { by, .. }, Value::Array(items)) => items[index] = by.clone(),
                (Change::Replace { by, .. }, Value::Object(members)) => members[&key] = by.clone(),
                (Change::Double { .. }, Value::Array(items)) => items.insert(index, items[index].clone()),
                (_, Value::Array(items)) => drop(items.remove(index)),
                (_, Value::Object(members)) => drop(members.remove(&key)),
                _ => {}
            }
            return true;
        }
        *left -= 1;
        let inner = match value {
            Value::Array(items) => items.get_mut(index),
            Value::Object(members) => members.get_mut(&key),
            _ => None,
        };
        if inner.is_some_and(|inner| alter(inner, left, change)) {
            return true;
        }
    }
    false
}

/// The story of every fixture, each as file name and text, by format.
static FIXTURES: LazyLock<Vec<(Format, &str, Vec<u8>)>> = LazyLock::new(|| {
    let mut files = Vec::new();
    for story in STORIES.into_iter().chain(["error"]) {
        for format in Format::ALL {
            for file in ["request.json", "response.json", "stream.sse"] {
                if let Ok(text) = fs::read(fixtures::path(story, fixtures::name(format), file)) {
                    files.push((format, file, text));
                }
            }
        }
    }
    files
});

fn fixture(format: Format, file: &str, which: Index) -> Vec<u8> {
    let of_kind: Vec<_> = FIXTURES
        .iter()
        .filter(|(of, name, _)| *of == format && *name == file)
        .map(|(_, _, text)| text)
        .collect();
    (*which.get(&of_kind)).clone()
}

/// All that can be done with bytes.
fn survive(client: Format, api: Format, request: &[u8], answer: &[u8], stream: &[u8], sizes: &[usize]) {
    for operation in [Operation::Generate, Operation::CountTokens, Operation::Embed] {
        let call = Call { format: client, operation, model: Some("m".into()), stream: None };
        let _ = translate_request(call, api, request, |_| None, "made-up".into(), 7);
    }
    let translation = translation(client, api);
    let _ = translation.answer(answer);
    if let Ok(at_once) = translation.answer_as_stream(answer) {
        assert_eq!(assemble::read(client, &at_once).1, Over::End, "{client:?} on {api:?}");
    }
    for status in [0, 400, 429, 529] {
        let (_, body) = translation.error(status, answer, "r");
        serde_json::from_slice::<Value>(&body).unwrap();
    }
    let (told, is_whole) = streamed(&translation, stream, sizes);
    let over = assemble::read(client, &told).1;
    assert_ne!(over, Over::Cut, "{client:?} on {api:?}");
    assert!(is_whole || over == Over::Error, "{client:?} on {api:?}");
}

proptest! {
    #[test]
    fn any_bytes_are_survived_by_every_pair(
        bytes in vec(any::<u8>(), 0..200),
        sizes in vec(1..50_usize, 1..5),
    ) {
        let events = [b"data: ", &bytes[..], b"\n\n"].concat();
        for (client, api) in pairs() {
            survive(client, api, &bytes, &bytes, &events, &sizes);
        }
    }

    #[test]
    fn changed_stories_are_survived_by_every_pair(
        which in any::<Index>(),
        changes in vec(change(), 1..4),
        sizes in vec(1..300_usize, 1..5),
    ) {
        for (client, api) in pairs() {
            let changed = |format, file| changes.iter().fold(fixture(format, file, which), changed);
            let request = changed(client, "request.json");
            let answer = changed(api, "response.json");
            survive(client, api, &request, &answer, &changed(api, "stream.sse"), &sizes);
        }
    }
}
