//! Watches the answers of LLM services for what they used, while they pass.

use std::{io, sync::Arc};

use http::{HeaderMap, Method, Response, header};
use llm_formats::{Usage, UsageReader};
use rotator_core::{
    model::{ConfigType, KeyId},
    prices::Money,
    record::Tokens,
    routes::Route,
};
use tokio::time::Instant;

use crate::{
    answer_body::AnswerBody,
    attempt::Ask,
    content_coding::Unpacker,
    metrics::WorkerMetrics,
    service::is_event_stream,
    untold::{Prompt, Untold},
    worker::Worker,
};

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
    stream: Option<StreamUnderWay>,
    /// For an estimate, until the answer has told what it used.
    prompt: Option<Prompt>,
}

/// Counted as long as the stream is read.
struct StreamUnderWay(Arc<WorkerMetrics>);

/// What is known of a request that has ended.
pub(crate) struct Settled {
    pub(crate) used: Option<Used>,
    /// What is still to be estimated.
    pub(crate) untold: Option<Box<Untold>>,
}

/// What a request used.
#[derive(Clone, Copy)]
pub(crate) struct Used {
    pub(crate) tokens: Tokens,
    /// Where the model's price is known.
    pub(crate) cost: Option<Money>,
}

/// An answer's text.
struct Text {
    reader: UsageReader,
    /// How much more is read.
    left: usize,
}

impl Meter {
    /// `None` for an answer that tells nothing, or in a way that we cannot read.
    pub(crate) fn of(
        worker: &Worker,
        ask: &Ask,
        key: KeyId,
        response: &Response<AnswerBody>,
        is_failure: bool,
    ) -> Option<Box<Self>> {
        // Who asks for a stored answer with a GET is told again what that used.
        let is_metered = ask.route.config.spec.target.config_type() == ConfigType::Llm
            && ask.outbound.method == Method::POST
            && response.status().is_success();
        if !is_metered {
            return None;
        }
        let headers = response.headers();
        let is_stream = is_event_stream(headers);
        let reader = if is_stream {
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
        let prompt = if is_failure { None } else { Prompt::of(&ask.body, &worker.budgets.prompts) };
        let route = Arc::clone(&ask.route);
        let stream = is_stream.then(|| StreamUnderWay::begin(&worker.metrics));
        Some(Box::new(Self { answer, is_over: false, route, key, stream, prompt }))
    }

    /// Reads the next bytes.
    pub(crate) fn watch(&mut self, bytes: &[u8]) {
        if !self.is_over {
            self.is_over = self.answer.write(bytes).is_err();
        }
        if let Unpacker::Identity(text) = &self.answer
            && text.reader.has_told()
        {
            self.prompt = None;
        }
    }

    /// Counts what a request for this model has used, as far as the answer has told, and what that cost.
    pub(crate) fn settle(mut self, model: Option<&str>) -> Settled {
        let reader = &mut self.answer.text().reader;
        let used = reader.usage().map(|usage| {
            let Usage { input, cached_read, cache_write, output, reasoning } = usage;
            let tokens = Tokens { input, cached_read, cache_write, output, reasoning };
            let cost = self.route.charge(self.key, model, tokens, Instant::now().into_std());
            Used { tokens, cost }
        });
        let said = reader.take_said();
        // JSON without a text is no model's answer: a file's, or a number of tokens.
        let is_answer = if self.stream.is_some() { !said.has_not_begun() } else { !said.is_empty() };
        let Self { route, key, prompt, .. } = self;
        let untold = prompt
            .filter(|_| is_answer && !said.is_over())
            .map(|prompt| Box::new(Untold { place: 0, route, key, terms: None, prompt, said }));
        Settled { used, untold }
    }
}

impl StreamUnderWay {
    fn begin(metrics: &Arc<WorkerMetrics>) -> Self {
        metrics.active_streams.add(1);
        Self(Arc::clone(metrics))
    }
}

impl Drop for StreamUnderWay {
    fn drop(&mut self) {
        self.0.active_streams.sub(1);
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
