//! One request as it goes: what its answer needs, and what is kept of it when it has ended.

use std::{rc::Rc, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Method, Response, StatusCode};
use jiff::Timestamp;
use llm_formats::ErrorKind;
use rotator_core::{
    access::Remembered,
    caps::Permit,
    model::{ConfigId, ConfigType, KeyId},
    record::{RequestId, RequestOutcome, RequestRecord, Trace},
};
use tokio::time::Instant;

use crate::{
    body::RequestBody,
    connection::{ActiveRequest, Connection},
    error::{Asker, Audience, ProxyError},
    meter::{Meter, Settled, Used},
    pass::{self, Pass},
    queue::Client,
    request_id,
    response::ResponseBody,
    translation::Translated,
    untold::Untold,
    worker::{Worker, wall_clock},
};

const MAX_PATH: usize = 512;

/// A request on the data path, from its head to the end of its answer. Recorded when it is dropped.
pub(crate) struct Exchange {
    pub(crate) worker: Rc<Worker>,
    pub(crate) id: RequestId,
    pub(crate) config_type: ConfigType,
    /// Who reads our errors.
    audience: Audience,
    pub(crate) config_id: Option<ConfigId>,
    pub(crate) key_id: Option<KeyId>,
    pub(crate) proxy_key: Option<u32>,
    pub(crate) attempts: u8,
    pub(crate) body: Option<RequestBody>,
    pub(crate) bytes_out: u64,
    pub(crate) trace: Option<Box<Trace>>,
    /// How its answer goes back, if the client speaks another format than the API.
    pub(crate) translated: Option<Box<Translated>>,
    /// Its place in a service that serves so many at a time only.
    pub(crate) permit: Option<Permit>,
    /// What its proxy key lets it do, where that is not everything.
    pub(crate) pass: Option<Pass>,
    /// When the latest attempt went out; kept for the debug headers only.
    pub(crate) sent_at: Instant,
    /// An attempt has failed.
    pub(crate) has_failed: bool,
    /// The status of the head that went to the client; 0 before.
    pub(crate) answered: u16,
    /// The model that it is for.
    pub(crate) model: Option<Box<str>>,
    /// Reads the answer.
    pub(crate) meter: Option<Box<Meter>>,
    used: Option<Used>,
    /// What it used, as far as that is still to be estimated.
    untold: Option<Box<Untold>>,
    ended: Option<(u16, RequestOutcome)>,
    first_byte: Option<Duration>,
    last_byte: Option<Duration>,
    method: Method,
    path: Box<str>,
    connection: Arc<Connection>,
    started: Instant,
    started_at: Timestamp,
    _active: ActiveRequest,
}

impl Exchange {
    pub(crate) fn begin(
        worker: &Rc<Worker>,
        connection: &Arc<Connection>,
        Asker { audience, id }: Asker,
        config_type: ConfigType,
        method: &Method,
        path: &str,
    ) -> Box<Self> {
        worker.metrics.active_requests.add(1);
        let started = Instant::now();
        // In a box from the start: it goes through many hands.
        Box::new(Self {
            worker: Rc::clone(worker),
            id,
            config_type,
            audience,
            config_id: None,
            key_id: None,
            proxy_key: None,
            attempts: 0,
            body: None,
            bytes_out: 0,
            trace: None,
            translated: None,
            permit: None,
            pass: None,
            sent_at: started,
            has_failed: false,
            answered: 0,
            model: None,
            meter: None,
            used: None,
            untold: None,
            ended: None,
            first_byte: None,
            last_byte: None,
            method: method.clone(),
            path: path[..path.floor_char_boundary(MAX_PATH)].into(),
            connection: Arc::clone(connection),
            started,
            started_at: wall_clock(),
            _active: connection.begin_request(),
        })
    }

    /// What the client's connection knows of its proxy key.
    pub(crate) fn remembered_key(&self) -> &Remembered {
        &self.connection.proxy_key
    }

    pub(crate) fn started(&self) -> Instant {
        self.started
    }

    /// Who is to be answered.
    pub(crate) fn asker(&self) -> Asker {
        Asker { audience: self.audience, id: self.id }
    }

    /// When its first attempt began, near enough.
    pub(crate) fn ready(&self) -> Instant {
        let waited = self.trace.as_ref().map_or(0, |trace| trace.waited_us);
        self.started + Duration::from_micros(waited)
    }

    /// Who waits, if it has to.
    pub(crate) fn client(&self) -> Client {
        (self.proxy_key, self.connection.client)
    }

    pub(crate) fn started_at(&self) -> Timestamp {
        self.started_at
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// A piece of the answer came.
    pub(crate) fn note_frame(&mut self, data: Option<&Bytes>, is_last: bool) {
        if let Some(data) = data {
            self.bytes_out += data.len() as u64;
            if let Some(meter) = &mut self.meter {
                meter.watch(data);
            }
        }
        if self.first_byte.is_none() || is_last {
            let elapsed = self.elapsed();
            self.first_byte.get_or_insert(elapsed);
            self.last_byte = is_last.then_some(elapsed);
        }
    }

    /// The answer came whole, and so many bytes are made of it for the client.
    pub(crate) fn note_whole(&mut self, answer: &[u8], bytes_out: usize) {
        if let Some(meter) = &mut self.meter {
            meter.watch(answer);
        }
        self.settle();
        self.note_frame(None, true);
        self.bytes_out = bytes_out as u64;
    }

    /// How it ended. Without this, the client left first.
    pub(crate) fn end(&mut self, status: u16, outcome: RequestOutcome) {
        self.ended = Some((status, outcome));
        self.settle();
    }

    /// What has been used is known: all of it, or what the client stayed for.
    fn settle(&mut self) {
        if let Some(meter) = self.meter.take() {
            let Settled { used, untold } = meter.settle(self.model.as_deref());
            (self.used, self.untold) = (used, untold);
        }
    }

    /// Ends it with nothing but a good word of our own.
    pub(crate) fn greet(mut self: Box<Self>) -> Response<ResponseBody> {
        self.end(StatusCode::OK.as_u16(), RequestOutcome::Completed);
        let mut response = Response::new(ResponseBody::Full(None));
        request_id::put_on(response.headers_mut(), self.id);
        response
    }

    /// Ends it with an answer of our own.
    pub(crate) fn refuse(mut self: Box<Self>, error: &ProxyError) -> Response<ResponseBody> {
        let outcome = match error.kind {
            ErrorKind::UpstreamFailed | ErrorKind::Timeout => RequestOutcome::UpstreamFailed,
            _ => RequestOutcome::Refused,
        };
        self.end(error.kind.status(), outcome);
        error.response(self.asker())
    }
}

/// Microseconds, as records have them.
pub(crate) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.settle();
        let metrics = &self.worker.metrics;
        let (status, outcome) = self.ended.unwrap_or_else(|| match self.answered {
            // See `Answering`.
            0 if std::thread::panicking() => (ErrorKind::Internal.status(), RequestOutcome::Refused),
            answered => (answered, RequestOutcome::ClientGone),
        });
        let duration_us = micros(self.last_byte.unwrap_or_else(|| self.elapsed()));
        let first_byte_us = self.first_byte.map(micros);
        let bytes_in = self.body.as_ref().map_or(0, RequestBody::bytes);
        metrics.active_requests.sub(1);
        metrics.count_request(self.config_type, status);
        metrics.duration.record(duration_us);
        if let Some(us) = first_byte_us {
            metrics.first_byte.record(us);
        }
        metrics.bytes_in.add(bytes_in);
        metrics.bytes_out.add(self.bytes_out);
        match outcome {
            RequestOutcome::ClientGone => metrics.client_aborts.add(1),
            RequestOutcome::UpstreamCut => metrics.upstream_cuts.add(1),
            _ => {}
        }
        if let Some(pass) = &self.pass {
            if let Some(used) = &self.used {
                pass::charge(pass.terms(), used.tokens, Instant::now().into_std());
            }
            if let Some(untold) = &mut self.untold {
                untold.terms = Some(Arc::clone(pass.terms()));
            }
        }
        let record = RequestRecord {
            request_id: self.id,
            started_at: self.started_at,
            config_id: self.config_id,
            key_id: self.key_id,
            proxy_key: self.proxy_key,
            method: std::mem::take(&mut self.method),
            path: std::mem::take(&mut self.path),
            status,
            outcome,
            attempts: self.attempts,
            duration_us,
            first_byte_us,
            bytes_in,
            bytes_out: self.bytes_out,
            client: self.connection.client,
            model: self.model.take(),
            usage: self.used.map(|used| used.tokens),
            usage_estimated: false,
            cost: self.used.and_then(|used| used.cost),
            trace: self.trace.take(),
        };
        self.worker.recorder.push(record, self.untold.take());
    }
}
