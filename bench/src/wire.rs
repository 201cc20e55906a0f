//! HTTP/1.1 as bytes: just enough to make load and to answer it, at as little cost as can be.

use anyhow::{Context, Result, bail, ensure};

/// The head of a message, its empty line included.
pub(crate) struct Head<'a>(&'a str);

/// Finds the end of a body, and counts its bytes without the framing.
pub(crate) enum Body {
    Sized { left: usize },
    Chunked(Chunk),
}

/// Where in a chunked body the next byte is.
pub(crate) enum Chunk {
    Size(usize),
    Data { left: usize },
    DataEnd,
    Trailer { line: usize },
    Done,
}

impl<'a> Head<'a> {
    /// `None` while its end has not arrived.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Option<Self>> {
        let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") else { return Ok(None) };
        let text = str::from_utf8(&bytes[..end + 4]).context("a head that is not text")?;
        Ok(Some(Self(text)))
    }

    /// In bytes.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The path of a request, or the status of an answer.
    pub(crate) fn second_word(&self) -> &'a str {
        self.0.split([' ', '\r']).nth(1).unwrap_or_default()
    }

    /// The value of the first header of this name.
    pub(crate) fn header(&self, name: &str) -> Option<&'a str> {
        let mut fields = self.0.lines().filter_map(|line| line.split_once(':'));
        fields.find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    /// How the body is framed.
    pub(crate) fn body(&self) -> Result<Body> {
        if let Some(length) = self.header("content-length") {
            return Ok(Body::Sized { left: length.parse().context("a wrong content-length")? });
        }
        ensure!(self.header("transfer-encoding") == Some("chunked"), "a body without framing:\n{}", self.0);
        Ok(Body::Chunked(Chunk::Size(0)))
    }
}

impl Body {
    /// Takes the next bytes and says how many of them are body. Bytes after the end are an error: nobody here
    /// pipelines.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Result<usize> {
        match self {
            Self::Sized { left } => {
                *left = left.checked_sub(bytes.len()).context("bytes after the body")?;
                Ok(bytes.len())
            }
            Self::Chunked(chunk) => chunk.feed(bytes),
        }
    }

    /// Whether the body has ended.
    pub(crate) fn is_done(&self) -> bool {
        matches!(self, Self::Sized { left: 0 } | Self::Chunked(Chunk::Done))
    }
}

impl Chunk {
    fn feed(&mut self, mut bytes: &[u8]) -> Result<usize> {
        let mut body = 0;
        while let [first, rest @ ..] = bytes {
            bytes = rest;
            *self = match (&*self, first) {
                (Self::Size(0), b'\n') => Self::Trailer { line: 0 },
                (Self::Size(left), b'\n') => Self::Data { left: *left },
                (Self::Size(size), b'\r') => Self::Size(*size),
                (Self::Size(size), digit) => Self::Size(size * 16 + hex(*digit)?),
                (Self::Data { left }, _) => {
                    let taken = (*left).min(rest.len() + 1);
                    body += taken;
                    bytes = &rest[taken - 1..];
                    if taken == *left { Self::DataEnd } else { Self::Data { left: left - taken } }
                }
                (Self::DataEnd, b'\n') => Self::Size(0),
                (Self::DataEnd, _) => Self::DataEnd,
                (Self::Trailer { line: 0 }, b'\n') => Self::Done,
                (Self::Trailer { .. }, b'\n') => Self::Trailer { line: 0 },
                (Self::Trailer { line }, b'\r') => Self::Trailer { line: *line },
                (Self::Trailer { line }, _) => Self::Trailer { line: line + 1 },
                (Self::Done, _) => bail!("bytes after the last chunk"),
            };
        }
        Ok(body)
    }
}

fn hex(digit: u8) -> Result<usize> {
    let digit = char::from(digit).to_digit(16).context("a chunk size that is no number")?;
    Ok(usize::try_from(digit)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_parsed_once_it_is_whole() {
        let bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Thing:  a b \r\n\r\nhello";

        assert!(Head::parse(&bytes[..bytes.len() - 6]).unwrap().is_none());
        let head = Head::parse(bytes).unwrap().unwrap();
        assert_eq!((head.len(), head.second_word()), (bytes.len() - 5, "200"));
        assert_eq!(head.header("x-thing"), Some("a b"));
        assert_eq!(head.header("missing"), None);
    }

    #[test]
    fn a_sized_body_ends_at_its_length() {
        let mut body = Body::Sized { left: 5 };

        assert_eq!(body.feed(b"he").unwrap(), 2);
        assert!(!body.is_done());
        assert_eq!(body.feed(b"llo").unwrap(), 3);
        assert!(body.is_done());
        assert!(body.feed(b"!").is_err());
    }

    #[test]
    fn a_chunked_body_is_counted_wherever_it_is_cut() {
        let bytes = b"A\r\n0123456789\r\n3\r\nabc\r\n0\r\nTrailer: x\r\n\r\n";

        for cut in 0..bytes.len() {
            let mut body = Body::Chunked(Chunk::Size(0));
            let counted = body.feed(&bytes[..cut]).unwrap() + body.feed(&bytes[cut..]).unwrap();
            assert_eq!((counted, body.is_done()), (13, true), "cut at {cut}");
        }
    }

    #[test]
    fn a_body_without_framing_is_refused() {
        assert!(Head::parse(b"HTTP/1.1 200 OK\r\n\r\n").unwrap().unwrap().body().is_err());
        assert!(Body::Chunked(Chunk::Size(0)).feed(b"zz\r\n").is_err());
    }
}
