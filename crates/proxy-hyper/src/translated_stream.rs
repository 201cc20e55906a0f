//! An upstream's stream on its way to a client that speaks another format.

use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::Frame;
use llm_formats::translate::StreamTranslator;

use crate::{relay::Relay, response::BoxError};

/// A stream that is translated as it passes.
pub(crate) struct TranslatedStream {
    relay: Box<Relay>,
    /// `None` when the client has got all of it.
    translator: Option<StreamTranslator>,
    bytes: u64,
}

impl TranslatedStream {
    pub(crate) fn new(relay: Box<Relay>, translator: StreamTranslator) -> Self {
        Self { relay, translator: Some(translator), bytes: 0 }
    }

    pub(crate) fn is_end_stream(&self) -> bool {
        self.translator.is_none()
    }

    pub(crate) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let mut out = Vec::new();
        while let Some(translator) = &mut self.translator {
            let polled = ready!(self.relay.poll_frame(cx));
            let mut is_whole = true;
            match polled {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        translator.feed(&data, &mut out);
                    }
                }
                Some(Err(error)) => {
                    translator.fail(502, &error.to_string(), &mut out);
                    self.translator = None;
                }
                None => {
                    is_whole = self.translator.take().is_none_or(|translator| translator.finish(&mut out));
                }
            }
            self.bytes += out.len() as u64;
            self.relay.note_translated(self.bytes, is_whole);
            if !out.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(out.into()))));
            }
        }
        Poll::Ready(None)
    }
}
