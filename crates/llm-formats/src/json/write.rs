//! A tree as text. Most of it are the texts of a conversation, which are looked through eight bytes at a time.

use super::{
    Json,
    words::{WORD, first_special, is_special},
};

/// Appends a value.
pub(super) fn value(json: &Json<'_>, out: &mut Vec<u8>) {
    match json {
        Json::Null => out.extend_from_slice(b"null"),
        Json::Bool(true) => out.extend_from_slice(b"true"),
        Json::Bool(false) => out.extend_from_slice(b"false"),
        // A vector takes every byte: there is no error that could come.
        Json::Number(number) => drop(serde_json::to_writer(out, number)),
        Json::String(text) => string(text, out),
        Json::Array(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                value(item, out);
            }
            out.push(b']');
        }
        Json::Object(members) => {
            out.push(b'{');
            for (index, (name, member)) in members.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                string(name, out);
                out.push(b':');
                value(member, out);
            }
            out.push(b'}');
        }
    }
}

fn string(text: &str, out: &mut Vec<u8>) {
    out.reserve(text.len() + WORD);
    out.push(b'"');
    let mut rest = text.as_bytes();
    while let Some((word, behind)) = rest.split_first_chunk() {
        // To copy eight bytes and forget some of them is cheaper than to copy some.
        out.extend_from_slice(word);
        match first_special(*word) {
            None => rest = behind,
            Some(at) => {
                out.truncate(out.len() - WORD + at);
                escape(rest[at], out);
                rest = &rest[at + 1..];
            }
        }
    }
    while let Some(at) = rest.iter().position(|byte| is_special(*byte)) {
        out.extend_from_slice(&rest[..at]);
        escape(rest[at], out);
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

fn escape(byte: u8, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let short = match byte {
        b'"' | b'\\' => byte,
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        0x08 => b'b',
        0x0c => b'f',
        _ => {
            let [high, low] = [byte >> 4, byte & 0xf].map(|half| HEX[usize::from(half)]);
            out.extend_from_slice(&[b'\\', b'u', b'0', b'0', high, low]);
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_string_is_written_as_serde_json_writes_it(text in "[\0-\u{20}\"\\\\a-z\u{7f}é\u{2028}😀]{0,40}") {
            let mut ours = Vec::new();
            string(&text, &mut ours);

            prop_assert_eq!(String::from_utf8(ours).unwrap(), serde_json::to_string(&text).unwrap());
        }
    }
}
