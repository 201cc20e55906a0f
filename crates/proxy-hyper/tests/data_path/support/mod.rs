//! A gateway, upstreams and clients over real sockets.
//!
//! ```ignore
//! let upstream = Upstream::reply(|_| ok("hi")).await;
//! let gateway = Gateway::new().generic("weather", &upstream.url(), &["k1", "k2"]).start().await;
//! let answer = gateway.get("/proxy/weather/now").await;
//! ```
#![allow(dead_code, clippy::allow_attributes, reason = "every test binary uses a part of the kit")]
#![expect(clippy::panic, reason = "assertions")]
#![expect(clippy::disallowed_methods, reason = "tests need some time of day")]

pub mod client;
pub mod forward_proxy;
pub mod h2;
pub mod message;
pub mod tls;
pub mod upstream;
pub mod websocket;

use std::{
    net::SocketAddr,
    num::NonZeroUsize,
    sync::Arc,
    time::{Duration, Instant},
};

use cache_memory::MemoryCache;
use http::Response;
use http_body_util::{BodyExt, Full};
use jiff::Timestamp;
use proxy_hyper::{Batch, Control, Metrics, Parts, Proxy, Settings};
use rotator_core::{
    access::ProxyKeys,
    model::{ApiKey, ConfigFields, ConfigId, ConfigSpec, KeyId, ProxyConfig, QuotaGroup, Weight},
    pool::{Now, RestPolicy},
    record::{ErrorSample, RequestRecord},
    routes::Routes,
    secret::Secret,
    store::RouteSource,
};
use tokio::sync::{Mutex, MutexGuard, mpsc};

use client::{Answer, RawClient};
pub use upstream::Upstream;

/// The proxy key every test gateway takes.
pub const PROXY_KEY: &str = "pk-test-0123456789abcdef";

/// A gateway to be.
pub struct Gateway {
    pub settings: Settings,
    rest_policy: RestPolicy,
    tls: Option<Arc<rustls::ServerConfig>>,
    proxy_keys: Vec<String>,
    pub sources: Vec<RouteSource>,
    batches: usize,
}

/// A gateway that serves; it stops when it is dropped.
pub struct Running {
    pub address: SocketAddr,
    pub routes: Arc<Routes>,
    pub proxy: Option<Proxy>,
    records: Mutex<mpsc::Receiver<Batch>>,
    seen: Mutex<Batch>,
    pub sources: Vec<RouteSource>,
}

impl Gateway {
    pub fn new() -> Self {
        let settings = Settings { workers: NonZeroUsize::MIN.saturating_add(1), ..Settings::default() };
        Self {
            settings,
            rest_policy: RestPolicy::default(),
            tls: None,
            proxy_keys: vec![PROXY_KEY.into()],
            sources: Vec::new(),
            batches: 1024,
        }
    }

    /// Has room for so many batches of records until they are asked for.
    pub fn batches(mut self, batches: usize) -> Self {
        self.batches = batches;
        self
    }

    /// Takes these proxy keys instead of [`PROXY_KEY`].
    pub fn proxy_keys(mut self, keys: &[&str]) -> Self {
        self.proxy_keys = keys.iter().map(ToString::to_string).collect();
        self
    }

    pub fn set(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(&mut self.settings);
        self
    }

    /// Lets keys rest by this policy.
    pub fn rest_policy(mut self, rest_policy: RestPolicy) -> Self {
        self.rest_policy = rest_policy;
        self
    }

    pub fn tls(mut self, tls: Arc<rustls::ServerConfig>) -> Self {
        self.tls = Some(tls);
        self
    }

    /// A GENERIC service with its keys in the header `x-key`.
    pub fn generic(self, slug: &str, url: &str, keys: &[&str]) -> Self {
        self.service(slug, keys, |fields| {
            fields.config_type = "GENERIC".into();
            fields.target_url = Some(url.into());
            fields.api_key_location = Some("header".into());
            fields.api_key_name = Some("x-key".into());
        })
    }

    /// An LLM service of this `api_format`.
    pub fn llm(self, slug: &str, api_format: &str, base_url: &str, keys: &[&str]) -> Self {
        self.service(slug, keys, |fields| {
            fields.config_type = "LLM".into();
            fields.target_base_url = Some(base_url.into());
            fields.api_format = Some(api_format.into());
        })
    }

    pub fn service(mut self, slug: &str, keys: &[&str], fill: impl FnOnce(&mut ConfigFields)) -> Self {
        let id = i64::try_from(self.sources.len()).unwrap() + 1;
        self.sources.push(source(id, slug, keys, fill));
        self
    }

    /// Changes the service added last.
    pub fn with(mut self, change: impl FnOnce(&mut ConfigFields)) -> Self {
        let source = self.sources.last_mut().unwrap();
        let mut fields = ConfigFields::from(&source.config.spec);
        change(&mut fields);
        source.config.spec = ConfigSpec::try_from(&fields).unwrap();
        self
    }

    pub async fn start(self) -> Running {
        let cache = Arc::new(MemoryCache::default());
        let proxy_keys: Vec<_> = self.proxy_keys.iter().map(|key| Secret::parse(key).unwrap()).collect();
        let routes = Routes::new(cache).with_rest_policy(self.rest_policy);
        let routes = Arc::new(routes.with_proxy_keys(ProxyKeys::new(&proxy_keys)));
        routes.replace(self.sources.clone()).await;
        let (sender, records) = mpsc::channel(self.batches);
        let control = Control::new(tokio::runtime::Handle::current(), |request| async move {
            let text = format!("control {}", request.request.uri());
            Response::new(Full::from(text).map_err(|never| match never {}).boxed_unsync())
        });
        let parts = Parts {
            settings: self.settings,
            routes: Arc::clone(&routes),
            records: sender,
            control,
            tls: self.tls,
        };
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let proxy = Some(Proxy::start(&parts, listener).unwrap());
        Running {
            address,
            routes,
            proxy,
            records: Mutex::new(records),
            seen: Mutex::default(),
            sources: self.sources,
        }
    }
}

/// A config with its keys, as a store would give it. Key ids are `100 * config id + place`.
pub fn source(id: i64, slug: &str, keys: &[&str], fill: impl FnOnce(&mut ConfigFields)) -> RouteSource {
    let mut fields =
        ConfigFields { name: slug.into(), slug: slug.into(), is_active: true, ..ConfigFields::default() };
    fill(&mut fields);
    let (config_id, now) = (ConfigId(id), Timestamp::now());
    let spec = ConfigSpec::try_from(&fields).unwrap();
    let config = ProxyConfig { id: config_id, spec, created_at: now, updated_at: now };
    let keys = keys.iter().zip(id * 100..).map(|(key, id)| ApiKey {
        id: KeyId(id),
        config_id,
        secret: Some(Secret::parse(key).unwrap()),
        is_active: true,
        weight: Weight::ONE,
        quota_group: QuotaGroup::default(),
        note: String::new(),
        last_used_at: None,
        success_count: 0,
        failure_count: 0,
        reset_at: None,
        created_at: now,
    });
    RouteSource { config, keys: keys.collect() }
}

impl Running {
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn metrics(&self) -> Metrics {
        self.proxy.as_ref().unwrap().metrics()
    }

    /// A GET with the proxy key.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(http::Request::get(path), "").await
    }

    /// A POST with the proxy key.
    pub async fn post(&self, path: &str, body: impl Into<bytes::Bytes>) -> Answer {
        self.send(http::Request::post(path), body).await
    }

    /// Any request, on a connection of its own; the proxy key is added when no header shows one.
    pub async fn send(&self, request: http::request::Builder, body: impl Into<bytes::Bytes>) -> Answer {
        client::send(self.address, request, body.into()).await
    }

    /// Lets no key rest.
    pub fn reset_keys(&self) {
        let keys = self.sources.iter().flat_map(|source| &source.keys);
        let now = Now { instant: Instant::now(), wall: Timestamp::now() };
        keys.for_each(|key| self.routes.reset_key(key.id, now));
    }

    /// A connection for raw bytes.
    pub async fn raw(&self) -> RawClient {
        RawClient::connect(self.address).await
    }

    /// Waits until this many requests have been recorded, and gives them.
    pub async fn records(&self, count: usize) -> Vec<RequestRecord> {
        self.seen(false, |seen| seen.requests.len() >= count).await.requests.clone()
    }

    /// The same, each with what it used as far as that can be estimated.
    pub async fn estimated_records(&self, count: usize) -> Vec<RequestRecord> {
        self.seen(true, |seen| seen.requests.len() >= count).await.requests.clone()
    }

    /// From now on no record is taken.
    pub async fn close_log(&self) {
        self.records.lock().await.close();
    }

    /// Waits until this many samples have been taken, and gives them.
    pub async fn samples(&self, count: usize) -> Vec<ErrorSample> {
        self.seen(false, |seen| seen.samples.len() >= count).await.samples.clone()
    }

    /// What has been handed over to the log, when it is enough.
    async fn seen(&self, estimates: bool, is_enough: impl Fn(&Batch) -> bool) -> MutexGuard<'_, Batch> {
        let mut seen = self.seen.lock().await;
        let mut records = self.records.lock().await;
        while !is_enough(&seen) {
            let batch = tokio::time::timeout(Duration::from_secs(10), records.recv()).await;
            let mut batch = batch.unwrap_or_else(|_| panic!("no more than this came: {seen:?}")).unwrap();
            if estimates {
                batch.estimate();
            }
            seen.requests.extend(batch.requests);
            seen.samples.extend(batch.samples);
        }
        seen
    }

    /// Waits until nothing is in flight.
    pub async fn settle(&self, within: Duration) {
        let deadline = std::time::Instant::now() + within;
        let in_flight = || {
            let slots = self.routes.table().load_full();
            let keys: u32 = slots.iter().flat_map(|r| r.pool.slots()).map(|s| s.in_flight()).sum();
            self.metrics().active_requests() + u64::from(keys)
        };
        while in_flight() > 0 {
            assert!(std::time::Instant::now() < deadline, "{} still in flight", in_flight());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// Waits, for at most five seconds, until something holds.
pub async fn eventually(condition: impl Fn() -> bool) {
    // So long that a busy machine is no failure.
    let deadline = std::time::Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(std::time::Instant::now() < deadline, "it never came to that");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let Some(proxy) = self.proxy.take() else { return };
        // Ends on threads of its own; tests need not wait for it.
        std::thread::spawn(move || proxy.drain(Duration::ZERO));
    }
}
