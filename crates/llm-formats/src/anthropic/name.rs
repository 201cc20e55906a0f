//! Names of tools and ids of calls, in which Anthropic takes only `[a-zA-Z0-9_-]`.

use std::borrow::Cow;

use crate::{conversation::stable_hash, neutral::Asked};

const MAX_BYTES: usize = 128;
/// What is kept of a name that cannot be sent; the rest is room for `_` and sixteen digits.
const KEPT_BYTES: usize = MAX_BYTES - 17;

/// A name as Anthropic takes it. Of a name that it does not take, one that is always the same and its alone.
pub(super) fn sendable(name: Cow<'_, str>) -> Cow<'_, str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if (1..=MAX_BYTES).contains(&name.len()) && name.bytes().all(is_plain) {
        return name;
    }
    let plain = name.bytes().take(KEPT_BYTES).map(|byte| if is_plain(byte) { char::from(byte) } else { '_' });
    let plain: String = plain.collect();
    format!("{plain}_{:016x}", stable_hash(&name)).into()
}

/// A tool's name as the client has it.
pub(super) fn original<'a>(name: Cow<'a, str>, asked: &Asked) -> Cow<'a, str> {
    let is_sent_as = |tool: &&String| sendable(Cow::Borrowed(tool)) == name;
    match asked.tools.iter().find(is_sent_as) {
        Some(tool) if *tool != name => tool.clone().into(),
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_that_anthropic_takes_stays_as_it_is() {
        for name in ["get_weather", "mcp__files__read-file", "x"] {
            assert_eq!(sendable(name.into()), name);
        }
        assert_eq!(sendable("files.read".into()), "files_read_d5ab421fd0376a62");
    }

    proptest! {
        #[test]
        fn every_other_name_becomes_one_and_comes_back(names in prop::collection::hash_set(".{0,200}", 0..4)) {
            let asked = Asked { tools: names.into_iter().collect(), ..Asked::default() };
            for name in &asked.tools {
                let sent = sendable(name.into());

                prop_assert!((1..=MAX_BYTES).contains(&sent.len()));
                prop_assert!(sent.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte)));
                prop_assert_eq!(original(sent, &asked), name.as_str());
            }
        }
    }
}
