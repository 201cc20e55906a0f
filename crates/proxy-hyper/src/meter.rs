//! Watches the answers of LLM services for what they used, while they pass.

use std::{io, sync::Arc};

use http::{HeaderMap, Method, Response, header};
use llm_formats::{Usage, UsageReader};
use rotator_core::{
    model::{ConfigType, KeyId},
    record::Tokens,
    routes::Route,
};
use tokio::time::Instant;

use crate::{answer_body::AnswerBody, attempt::Ask, content_coding::Unpacker, service::is_event_stream};

/// How much text of a compressed answer is looked into.
const MAX_UNPACKED: usize = 64 << 20;

/// Reads an answer that passes.
pub(crate) struct Meter {
    answer: Unpacker<Text>,
    /// The rest cannot be read.
    is_over: bool,
    /// Who has used what it used.
    route: Arc<Route>,
    key: KeyId,
}

/// An answer's text.
struct Text {
    reader: UsageReader,
    /// How much more is read.
    left: usize,
}

impl Meter {
    /// `None` for an answer that tells nothing, or in a way that we cannot read.
    pub(crate) fn of(ask: &Ask, key: KeyId, response: &Response<AnswerBody>) -> Option<Box<Self>> {
        // Who asks for a stored answer with a GET is told again what that used.
        let is_metered = ask.route.config.spec.target.config_type() == ConfigType::Llm
            && ask.outbound.method == Method::POST
            && response.status().is_success();
        if !is_metered {
            return None;
        }
        let headers = response.headers();
        let reader = if is_event_stream(headers) {
            UsageReader::of_events()
        } else if is_json(headers) {
            UsageReader::of_json()
        } else {
            return None;
        };
        let mut codings = headers.get_all(header::CONTENT_ENCODING).iter();
        let answer = match (codings.next(), codings.next()) {
            (None, _) => Unpacker::Identity(Text { reader, left: usize::MAX }),
            (Some(coding), None) => {
                Unpacker::new(coding.to_str().ok()?, Text { reader, left: MAX_UNPACKED })?
            }
            _ => return None,
        };
        Some(Box::new(Self { answer, is_over: false, route: Arc::clone(&ask.route), key }))
    }

    /// Reads the next bytes.
    pub(crate) fn watch(&mut self, bytes: &[u8]) {
        if !self.is_over {
            self.is_over = self.answer.write(bytes).is_err();
        }
    }

    /// Counts what has been used, as far as the answer has told.
    pub(crate) fn settle(mut self) -> Option<Tokens> {
        let Usage { input, cached_read, cache_write, output, reasoning } =
            self.answer.text().reader.usage()?;
        let tokens = Tokens { input, cached_read, cache_write, output, reasoning };
        self.route.charge(self.key, tokens, Instant::now().into_std());
        Some(tokens)
    }
}

impl io::Write for Text {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.left = self.left.checked_sub(text.len()).ok_or(io::ErrorKind::FileTooLarge)?;
        self.reader.feed(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Whether a body is JSON: `application/json`, or a media type that is written in it.
fn is_json(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|value| {
        let value = value.as_bytes();
        let end = value.iter().position(|byte| *byte == b';').unwrap_or(value.len());
        let media_type = value[..end].trim_ascii_end();
        media_type.last_chunk::<4>().is_some_and(|end| end.eq_ignore_ascii_case(b"json"))
    })
}
