//! Which service a path names, and the bytes that go on to it.

use rotator_core::model::ConfigType;

use crate::error::ProxyError;

/// What a path under `/proxy` or `/llm` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Target<'a> {
    pub(crate) config_type: ConfigType,
    pub(crate) slug: &'a str,
    /// Empty, or beginning with `/`.
    pub(crate) rest: &'a str,
}

impl<'a> Target<'a> {
    /// `None` when the path is not the data path's.
    pub(crate) fn of(path: &'a str) -> Option<Self> {
        let (config_type, tail) = if let Some(tail) = path.strip_prefix("/proxy/") {
            (ConfigType::Generic, tail)
        } else {
            (ConfigType::Llm, path.strip_prefix("/llm/")?)
        };
        let (slug, rest) = tail.split_at(tail.find('/').unwrap_or(tail.len()));
        Some(Self { config_type, slug, rest })
    }
}

/// Refuses a path that some server could read as leaving the base path: what is checked is what is forwarded, byte by
/// byte, but not every server agrees with us on what the bytes mean.
pub(crate) fn check_rest(rest: &str, allow_encoded_slashes: bool) -> Result<(), ProxyError> {
    let refuse = |what: &str| {
        Err(ProxyError::bad_request(format!(
            "the path contains {what}, which is not forwarded; write the path without it"
        )))
    };
    if rest.starts_with("//") {
        return refuse("an empty first segment ('//')");
    }
    if !rest.bytes().any(|b| matches!(b, b'.' | b'%' | b'\\')) {
        return Ok(());
    }
    if rest.contains('\\') || contains_encoded(rest, *b"5c") {
        return refuse("a backslash");
    }
    if contains_encoded(rest, *b"00") {
        return refuse("a NUL ('%00')");
    }
    if !allow_encoded_slashes && contains_encoded(rest, *b"2f") {
        return refuse("an encoded slash ('%2F'); the service's setting allow_encoded_slashes lets it pass");
    }
    if rest.split('/').any(is_dot_segment) {
        return refuse("a dot segment ('.' or '..')");
    }
    Ok(())
}

fn contains_encoded(text: &str, hex: [u8; 2]) -> bool {
    text.as_bytes().windows(3).any(|w| w[0] == b'%' && w[1..].eq_ignore_ascii_case(&hex))
}

/// `.`, `..`, with any dot as `%2e`, and with or without a parameter (`..;a=b`). With `%2F` allowed, its parts count.
fn is_dot_segment(segment: &str) -> bool {
    let lower = segment.to_ascii_lowercase().replace("%2e", ".").replace("%3b", ";");
    lower.split("%2f").any(|part| matches!(part.split(';').next(), Some("." | "..")))
}

#[cfg(test)]
mod tests {
    use percent_encoding::percent_decode_str;
    use proptest::prelude::*;

    use super::*;

    /// How deep below its base a path leads at the least, for a server that decodes first, takes a backslash for a
    /// slash, and leaves out parameters.
    fn lowest(rest: &str) -> i32 {
        let decoded = percent_decode_str(rest).decode_utf8_lossy().replace('\\', "/");
        let names = decoded.split('/').map(|segment| segment.split(';').next().unwrap_or_default());
        let steps = names.scan(0, |depth, name| {
            *depth += match name {
                ".." => -1,
                "" | "." => 0,
                _ => 1,
            };
            Some(*depth)
        });
        steps.min().unwrap_or_default()
    }

    #[test]
    fn a_path_names_a_service() {
        let target = Target::of("/llm/openai/v1/chat").unwrap();

        assert_eq!((target.config_type, target.slug, target.rest), (ConfigType::Llm, "openai", "/v1/chat"));
        assert_eq!(Target::of("/proxy/weather").unwrap().rest, "");
        assert_eq!(Target::of("/proxy/weather/").unwrap().rest, "/");
        for other in
            ["/", "", "*", "/proxy", "/llm", "/proxyx/a", "/api/admin", "/PROXY/a", "//proxy/a", "/%70roxy/a"]
        {
            assert_eq!(Target::of(other), None, "{other}");
        }
    }

    #[test]
    fn a_path_that_could_leave_its_base_is_refused() {
        for bad in [
            "/..",
            "/.",
            "/a/../b",
            "/%2e%2e/",
            "/.%2e/",
            "/%2E./x",
            "/..%2f..%2fadmin",
            "/a%2Fb",
            "/..\\",
            "/%5c",
            "//evil",
            "/;/../x",
            "/..;/x",
            "/..%3bx/",
            "/a%00",
        ] {
            assert!(check_rest(bad, false).is_err(), "{bad}");
        }
        assert!(check_rest("/%2e%2e%2fx", true).is_err());
        assert!(check_rest("/a%2Fb", true).is_ok());
        for good in [
            "",
            "/",
            "/v1/models/gemini-2.5-pro:generateContent",
            "/a.b/...",
            "/a//b",
            "/%252e",
            "/%7E",
            "/..a",
        ] {
            assert!(check_rest(good, false).is_ok(), "{good}");
        }
    }

    proptest! {
        #[test]
        fn a_target_is_its_path_in_parts(path in "(/(proxy|llm)/|.{0,4})[a-z/%.é]{0,12}") {
            if let Some(Target { config_type, slug, rest }) = Target::of(&path) {
                let prefix = if config_type == ConfigType::Llm { "/llm/" } else { "/proxy/" };
                prop_assert_eq!(format!("{prefix}{slug}{rest}"), &*path);
                prop_assert!(!slug.contains('/') && (rest.is_empty() || rest.starts_with('/')));
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(5000))]

        #[test]
        fn a_path_that_passes_never_leads_out_of_its_base(
            rest in r"/(/|\.|\.\.|%2[eE]|%2[fF]|\\|%5c|;|%3[bB]|%00|%|a){0,6}",
            allow_encoded_slashes: bool,
        ) {
            if check_rest(&rest, allow_encoded_slashes).is_ok() {
                prop_assert!(lowest(&rest) >= 0, "{}", rest);
                let names_one_place = !rest.contains('\\') && !rest.contains("%00") && !rest.starts_with("//");
                prop_assert!(names_one_place, "{}", rest);
            }
        }
    }
}
