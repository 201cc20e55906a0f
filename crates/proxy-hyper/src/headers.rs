//! Which headers go through, in both directions.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use smallvec::SmallVec;

/// Removes what belongs to one connection only: RFC 9110 §7.6.1, and every header that a `Connection` line names.
/// Must come before we put the upstream key in, or a client could name and so remove it.
pub(crate) fn strip_hop_by_hop(headers: &mut HeaderMap) {
    strip(headers, is_hop_by_hop);
}

/// Removes from a request what belongs to its connection, and what says where it came from: we neither pass that on nor
/// add to it. `expect` has been dealt with by then: the body is asked for when the upstream wants it.
pub(crate) fn strip_request(headers: &mut HeaderMap) {
    strip(headers, |name| {
        is_hop_by_hop(name)
            || matches!(name, "forwarded" | "expect" | "x-real-ip" | "via")
            || name.starts_with("x-forwarded-")
    });
}

/// Makes one line of the cookies that HTTP/2 sends one by one: RFC 9113 §8.2.3.
pub(crate) fn join_cookies(headers: &mut HeaderMap) {
    let lines: Vec<&[u8]> = headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if lines.len() > 1
        && let Ok(joined) = HeaderValue::from_bytes(&lines.join(&b"; "[..]))
    {
        headers.insert(header::COOKIE, joined);
    }
}

fn strip(headers: &mut HeaderMap, goes: impl Fn(&str) -> bool) {
    let mut doomed: SmallVec<[HeaderName; 4]> = SmallVec::new();
    for (name, value) in &*headers {
        if *name == header::CONNECTION {
            let options = value.as_bytes().split(|b| *b == b',').map(<[u8]>::trim_ascii);
            doomed.extend(options.filter_map(|option| HeaderName::from_bytes(option).ok()));
        }
        if goes(name.as_str()) {
            doomed.push(name.clone());
        }
    }
    for name in doomed {
        headers.remove(name);
    }
}

fn is_hop_by_hop(name: &str) -> bool {
    matches!(
        name,
        "connection"
            | "keep-alive"
            | "proxy-connection"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
            | "proxy-authorization"
            | "proxy-authenticate"
            | "http2-settings"
    )
}

/// Masks a key wherever an upstream's answer shows it back in a header, as a redirect of a request with the key in its
/// query does.
pub(crate) fn scrub(headers: &mut HeaderMap, key: &str) {
    for value in headers.values_mut() {
        if let Some(masked) = crate::scrub::mask(value.as_bytes(), key.as_bytes())
            && let Ok(masked) = masked.as_slice().try_into()
        {
            *value = masked;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_header_that_any_connection_line_names_is_removed() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "close, x-first"),
            ("connection", "X-Second , host"),
            ("x-first", "1"),
            ("x-second", "2"),
            ("keep-alive", "timeout=5"),
            ("te", "trailers"),
            ("x-third", "3"),
        ] {
            headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_static(value));
        }

        strip_hop_by_hop(&mut headers);

        assert_eq!(headers.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["x-third"]);
    }

    #[test]
    fn a_key_that_comes_back_in_a_header_is_scrubbed() {
        let mut headers = HeaderMap::new();
        headers.insert("location", HeaderValue::from_static("https://b/?k=sk-secret-1&x=1"));
        headers.insert("etag", HeaderValue::from_static("e"));

        scrub(&mut headers, "sk-secret-1");

        assert_eq!(headers["location"], "https://b/?k=***********&x=1");
        assert_eq!(headers["etag"], "e");
    }

    proptest! {
        #[test]
        fn any_connection_line_removes_what_it_names_and_nothing_else(
            lines in prop::collection::vec("[abcABC, \u{80}-\u{ff}]{0,8}", 0..3),
            names in prop::collection::vec("[a-d]{1,2}", 0..8),
        ) {
            let mut headers = HeaderMap::new();
            for (name, n) in names.iter().zip(0..) {
                headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from(n));
            }
            for line in &lines {
                headers.append(header::CONNECTION, HeaderValue::from_bytes(line.as_bytes()).unwrap());
            }
            let named: Vec<_> = lines.iter().flat_map(|line| line.split(',')).map(str::trim_ascii).collect();
            let mut kept = headers.clone();
            for name in names.iter().filter(|name| named.iter().any(|n| n.eq_ignore_ascii_case(name))) {
                kept.remove(name);
            }
            kept.remove(header::CONNECTION);

            strip_hop_by_hop(&mut headers);

            prop_assert_eq!(headers, kept);
        }
    }
}
