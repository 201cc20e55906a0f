//! Where an upstream API wants its key, and the key made ready for that place.

use std::{fmt, str::FromStr};

use http::{HeaderName, HeaderValue, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use zeroize::Zeroizing;

use crate::{
    model::{ApiFormat, Target},
    secret::Secret,
};

/// Where an upstream key goes, and what stands around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// Header or query parameter.
    pub place: Place,
    /// The text around the key.
    pub template: Template,
}

/// Header or query parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In this header.
    Header(HeaderName),
    /// In this query parameter.
    Query(Box<str>),
}

/// The text around a key: `Bearer {key}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    before: Box<str>,
    after: Box<str>,
}

/// A key made ready once, when the snapshot is built, so that a request only clones a reference count.
#[derive(PartialEq, Eq)]
pub struct ReadyCredential {
    /// Where it goes.
    pub place: ReadyPlace,
    /// The key alone, to be found in what an upstream says.
    pub secret: Secret,
}

/// A key in its place.
#[derive(PartialEq, Eq)]
pub enum ReadyPlace {
    /// Set this header.
    Header(HeaderName, HeaderValue),
    /// Append `name=value`, percent-encoded; the first field is the parameter's plain name.
    Query(Box<str>, Secret),
}

const KEY: &str = "{key}";
/// RFC 3986 `unreserved`: everything else in a query value is encoded.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Whether a header belongs to HTTP itself, so that no rule or credential may set it.
pub fn is_ours_to_set(name: &HeaderName) -> bool {
    const OURS: [HeaderName; 8] = [
        header::HOST,
        header::CONTENT_LENGTH,
        header::TRANSFER_ENCODING,
        header::CONNECTION,
        header::UPGRADE,
        header::TE,
        header::TRAILER,
        header::EXPECT,
    ];
    OURS.contains(name)
}

impl Credential {
    /// Where a target wants its key: what its config says, or what its format says.
    ///
    /// `OpenAI`: `Authorization: Bearer`; Anthropic: `x-api-key`; Gemini: `x-goog-api-key`.
    pub fn of(target: &Target) -> Self {
        match target {
            Target::Generic { credential, .. } | Target::Llm { credential: Some(credential), .. } => {
                credential.clone()
            }
            Target::Llm { api_format, .. } => match api_format {
                ApiFormat::OpenAiCompatible | ApiFormat::OpenAiResponses => {
                    Self::header(header::AUTHORIZATION, "Bearer ")
                }
                ApiFormat::AnthropicNative => Self::header(HeaderName::from_static("x-api-key"), ""),
                ApiFormat::GeminiNative => Self::header(HeaderName::from_static("x-goog-api-key"), ""),
            },
        }
    }

    fn header(name: HeaderName, before: &str) -> Self {
        Self {
            place: Place::Header(name),
            template: Template { before: before.into(), after: Box::default() },
        }
    }

    /// The key in its place; `None` if the template and the key together are no header value.
    pub fn ready(&self, secret: &Secret) -> Option<ReadyCredential> {
        let Template { before, after } = &self.template;
        let text = Zeroizing::new(format!("{before}{}{after}", secret.expose()));
        let place = match &self.place {
            Place::Header(name) => {
                let mut value = HeaderValue::from_str(&text).ok()?;
                value.set_sensitive(true);
                ReadyPlace::Header(name.clone(), value)
            }
            Place::Query(name) => {
                let pair =
                    format!("{}={}", utf8_percent_encode(name, QUERY), utf8_percent_encode(&text, QUERY));
                ReadyPlace::Query(name.clone(), Secret::parse(&pair).ok()?)
            }
        };
        Some(ReadyCredential { place, secret: secret.clone() })
    }
}

impl FromStr for Template {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (before, after) = text
            .split_once(KEY)
            .filter(|(_, after)| !after.contains(KEY))
            .ok_or("must contain {key} once, like 'Bearer {key}'")?;
        if text.bytes().any(|b| !(0x20..0x7f).contains(&b)) {
            return Err("must be printable ASCII".into());
        }
        Ok(Self { before: before.into(), after: after.into() })
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{KEY}{}", self.before, self.after)
    }
}

impl fmt::Debug for ReadyCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            ReadyPlace::Header(name, _) => write!(f, "Header({name})"),
            ReadyPlace::Query(name, _) => write!(f, "Query({name})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_ready_for_its_place() {
        let key = Secret::parse("k&1").unwrap();
        let header = Credential::header(header::AUTHORIZATION, "Bearer ");
        let query =
            Credential { place: Place::Query("access key".into()), template: "{key}".parse().unwrap() };

        match header.ready(&key).unwrap().place {
            ReadyPlace::Header(_, value) => assert!(value == "Bearer k&1" && value.is_sensitive()),
            ReadyPlace::Query(..) => unreachable!(),
        }
        match query.ready(&key).unwrap().place {
            ReadyPlace::Query(_, pair) => assert_eq!(pair.expose(), "access%20key=k%261"),
            ReadyPlace::Header(..) => unreachable!(),
        }
    }

    #[test]
    fn a_template_holds_the_key_exactly_once() {
        for bad in ["", "Bearer", "{key}{key}", "a\r\n{key}"] {
            assert!(bad.parse::<Template>().is_err(), "{bad:?}");
        }
        assert_eq!("Basic {key}==".parse::<Template>().unwrap().to_string(), "Basic {key}==");
    }
}
