use std::{fmt, str::FromStr};

use http::uri::{Authority, Scheme};

/// Where a service's API lives: `http` or `https`, an authority, and a path under which everything stays.
///
/// Parsed once, kept as parts, and joined with a client's path as bytes: no URL resolver ever sees client input.
#[derive(Clone, PartialEq, Eq)]
pub struct BaseUrl {
    text: Box<str>,
    scheme: Scheme,
    authority: Authority,
    /// Begins with `/` unless empty, and never ends with one.
    path: Box<str>,
    query: Option<Box<str>>,
}

impl BaseUrl {
    /// The URL as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// `http` or `https`.
    pub fn scheme(&self) -> &Scheme {
        &self.scheme
    }

    /// Host and, where it was given, port.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Whether the connection is TLS.
    pub fn is_tls(&self) -> bool {
        self.scheme == Scheme::HTTPS
    }

    /// The port to connect to: the one given, or the scheme's own.
    pub fn port(&self) -> u16 {
        self.authority.port_u16().unwrap_or(if self.is_tls() { 443 } else { 80 })
    }

    /// The path every request stays under: empty, or `/a/b` without a final slash.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// A query that every request carries first.
    pub fn query(&self) -> Option<&str> {
        self.query.as_deref()
    }
}

impl FromStr for BaseUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.contains(['#', '\\'])
            || text.bytes().any(|b| b.is_ascii_control() || b == b' ' || !b.is_ascii())
        {
            return Err("must not contain '#', '\\', spaces, control or non-ASCII characters".into());
        }
        let uri: http::Uri =
            text.parse().map_err(|_| "is not a URL; write it like https://api.example.com/v1")?;
        let parts = uri.into_parts();
        let scheme = parts
            .scheme
            .filter(|s| *s == Scheme::HTTP || *s == Scheme::HTTPS)
            .ok_or("must begin with http:// or https://")?;
        let authority = parts.authority.ok_or("has no host")?;
        if authority.as_str().contains('@') {
            return Err("must not carry a user name or password; put credentials into the key pool".into());
        }
        let has_valid_port =
            authority.as_str() == authority.host() || authority.port_u16().is_some_and(|port| port > 0);
        if authority.host().is_empty() || !has_valid_port {
            return Err("has no valid host and port".into());
        }
        let (path, query) = match parts.path_and_query {
            Some(pq) => {
                (pq.path().trim_end_matches('/').into(), pq.query().filter(|q| !q.is_empty()).map(Into::into))
            }
            None => (Box::default(), None),
        };
        Ok(Self { text: text.into(), scheme, authority, path, query })
    }
}

impl fmt::Debug for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_is_kept_as_parts() {
        let url: BaseUrl = "https://api.example.com:8443/v1/?units=m".parse().unwrap();

        assert_eq!(url.authority().as_str(), "api.example.com:8443");
        assert_eq!((url.path(), url.query(), url.port()), ("/v1", Some("units=m"), 8443));
        assert_eq!("http://a".parse::<BaseUrl>().unwrap().port(), 80);
        assert_eq!("https://a".parse::<BaseUrl>().unwrap().path(), "");
    }

    #[test]
    fn what_is_not_plain_http_is_refused() {
        let refused = [
            "",
            "api.example.com",
            "ftp://a",
            "gopher://a",
            "//a",
            "https://",
            "https://u:p@a/",
            "http://a:0",
            "https://a/#f",
            "https://a\\@b",
            "https://a b",
            "https://ü",
            "http://a/\r\nX: y",
            "http://a:",
            "http://a:99999",
        ];
        for bad in refused {
            assert!(bad.parse::<BaseUrl>().is_err(), "{bad:?}");
        }
    }
}
