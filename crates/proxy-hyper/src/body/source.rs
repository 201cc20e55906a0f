//! What a request body is read from, and what is kept of it.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http_body::{Body as _, Frame};
use hyper::body::Incoming;
use llm_formats::ModelReader;
use smallvec::SmallVec;

use crate::{byte_budget::ByteBudget, connection::OpenBody};

/// Where a body comes from, and what is kept of it.
pub(super) struct Source {
    /// `None` when there is no body.
    pub(super) incoming: Option<Incoming>,
    /// Present until the body ended.
    pub(super) open: Option<OpenBody>,
    pub(super) kept: SmallVec<[Bytes; 2]>,
    pub(super) kept_bytes: usize,
    /// Read ahead, but not kept: sent once, after what was kept.
    pub(super) late: Option<Frame<Bytes>>,
    /// Whether everything that came is in `kept`.
    pub(super) is_whole: bool,
    /// Looks for the model where not all is kept.
    model: Option<Box<ModelReader>>,
    pub(super) limits: BodyLimits,
}

/// A body as it gets here.
pub(crate) enum Upload {
    /// The client is sending it.
    Coming(Incoming, Option<OpenBody>),
    /// It has been read.
    Whole(Bytes),
}

/// Bounds on one body.
#[derive(Clone)]
pub(crate) struct BodyLimits {
    pub(crate) max_bytes: u64,
    pub(crate) max_replay_bytes: usize,
    pub(crate) budget: Arc<ByteBudget>,
    /// Whether it may name a model, which is looked for.
    pub(crate) names_model: bool,
    /// Between two parts of it.
    pub(crate) frame_timeout: Duration,
}

impl Upload {
    /// How long it is at least.
    pub(crate) fn least_bytes(&self) -> u64 {
        match self {
            Self::Coming(incoming, _) => incoming.size_hint().lower(),
            Self::Whole(bytes) => bytes.len() as u64,
        }
    }
}

impl BodyLimits {
    /// For a body of which nothing has to come any more, and which is sent once.
    pub(crate) fn none() -> Self {
        Self {
            max_bytes: 0,
            max_replay_bytes: 0,
            budget: ByteBudget::new(0),
            names_model: false,
            frame_timeout: Duration::ZERO,
        }
    }
}

impl Source {
    pub(super) fn new(incoming: Option<Incoming>, open: Option<OpenBody>, limits: BodyLimits) -> Self {
        let kept = SmallVec::new();
        Self { incoming, open, kept, kept_bytes: 0, late: None, is_whole: true, model: None, limits }
    }

    pub(super) fn has_ended(&self) -> bool {
        self.incoming.as_ref().is_none_or(Incoming::is_end_stream)
    }

    /// A part of it passes.
    pub(super) fn keep(&mut self, data: &Bytes) {
        if self.is_whole {
            let fits = self.kept_bytes + data.len() <= self.limits.max_replay_bytes;
            if fits && self.limits.budget.take(data.len()) {
                self.kept_bytes += data.len();
                self.kept.push(data.clone());
                return;
            }
            self.is_whole = false;
            self.model = self.limits.names_model.then(|| Box::new(self.read_model()));
        }
        if let Some(model) = &mut self.model {
            model.feed(data);
        }
    }

    /// The model that it names, as far as it has come.
    pub(super) fn model(&self) -> Option<String> {
        match &self.model {
            Some(reader) => reader.model().map(ToOwned::to_owned),
            None => self.read_model().model().map(ToOwned::to_owned),
        }
    }

    /// Looks for the model in what has been kept.
    fn read_model(&self) -> ModelReader {
        let mut reader = ModelReader::default();
        self.kept.iter().for_each(|frame| reader.feed(frame));
        reader
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        self.limits.budget.give_back(self.kept_bytes);
    }
}
