//! An admin API of its own for each test, and a client that makes a test read as what it does.

mod client;
mod courier;
mod fault;
mod probe;

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use admin_api::{
    AdminCredentials, AdminParts, AdminSettings, AdminState, Build, EffectiveSetting, RequestLogState,
    SigningKey, Texts, Vitals,
};
use axum::Router;
use cache_memory::MemoryCache;
use jiff::Timestamp;
use rotator_core::{
    cache::Cache,
    routes::Routes,
    secret::Secret,
    store::{Dependency, Instance, LiveInstance, Term},
    vault::{KeyEncryptionKey, KeyEncryptionKeys},
};
use store_sqlite::{OpenOptions, SqliteStore};
use tempfile::TempDir;

pub(crate) use self::{
    client::{Answer, Client, event, generic_config, llm_config, request},
    courier::FakeCourier,
    fault::{FaultyCache, FaultyStore, MakeError, full, inconsistent, unavailable},
    probe::FakeProbe,
};

pub(crate) const USERNAME: &str = "admin";
pub(crate) const PASSWORD: &str = "correct horse battery staple";
pub(crate) const JWT_SECRET: &str = "0123456789abcdef0123456789abcdef-test";
pub(crate) const ADDRESS: &str = "203.0.113.7";
/// 2026-01-01T00:00:00Z
const START: i64 = 1_767_225_600;

/// A running admin API.
pub(crate) struct Api {
    pub(crate) state: AdminState,
    pub(crate) router: Router,
    pub(crate) store: Arc<FaultyStore>,
    pub(crate) cache: Arc<FaultyCache>,
    pub(crate) routes: Arc<Routes>,
    pub(crate) probe: Arc<FakeProbe>,
    pub(crate) courier: Arc<FakeCourier>,
    now: Arc<AtomicI64>,
    _folder: Arc<TempDir>,
}

impl Api {
    /// On an empty database.
    pub(crate) async fn start() -> Self {
        Self::start_with(PASSWORD).await
    }

    /// On an empty database, with this `ADMIN_PASSWORD`.
    pub(crate) async fn start_with(password: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = OpenOptions {
            path: folder.path().join("test.db"),
            keys: KeyEncryptionKeys {
                primary: KeyEncryptionKey::parse("a passphrase for the tests").unwrap(),
                previous: Vec::new(),
            },
            reset_tables: false,
            now: Timestamp::from_second(START).unwrap(),
        };
        let (store, _) = SqliteStore::open(options).await.unwrap();
        let cache: Arc<dyn Cache> = Arc::new(MemoryCache::new());
        let (store, cache) = (Arc::new(FaultyStore::new(store)), Arc::new(FaultyCache::new(cache)));
        let routes = Arc::new(Routes::new(Arc::clone(&cache) as Arc<dyn Cache>));
        let (probe, courier) = (Arc::default(), Arc::default());
        let now = Arc::new(AtomicI64::new(START));
        let state = state(&store, &cache, &routes, (&probe, &courier), &now, password);
        Self {
            router: admin_api::router(state.clone()),
            state,
            store,
            cache,
            routes,
            probe,
            courier,
            now,
            _folder: Arc::new(folder),
        }
    }

    /// The same database under another `ADMIN_PASSWORD`, as after a restart.
    pub(crate) fn restart_with(&self, password: &str) -> Self {
        let Self { store, cache, routes, probe, courier, now, _folder: folder, .. } = self;
        let state = state(store, cache, routes, (probe, courier), now, password);
        Self {
            router: admin_api::router(state.clone()),
            state,
            store: store.clone(),
            cache: cache.clone(),
            routes: routes.clone(),
            probe: probe.clone(),
            courier: courier.clone(),
            now: now.clone(),
            _folder: folder.clone(),
        }
    }

    /// Lets time pass for tokens and the audit log.
    pub(crate) fn wait(&self, time: Duration) {
        self.now.fetch_add(time.as_secs().try_into().unwrap(), Ordering::Relaxed);
    }

    pub(crate) fn now(&self) -> i64 {
        self.now.load(Ordering::Relaxed)
    }

    /// How many changes other instances have heard of.
    pub(crate) fn revision(&self) -> u64 {
        *self.cache.revisions().borrow()
    }

    /// A client without a session.
    pub(crate) fn stranger(&self) -> Client {
        Client::new(self.router.clone(), ADDRESS.parse().unwrap())
    }

    /// A client without a session, at this address.
    pub(crate) fn stranger_at(&self, address: &str) -> Client {
        Client::new(self.router.clone(), address.parse::<IpAddr>().unwrap())
    }

    /// A client that has signed in.
    pub(crate) async fn admin(&self) -> Client {
        let answer = self.stranger().sign_in(USERNAME, PASSWORD).await;
        self.stranger().with_bearer(answer.body["access_token"].as_str().unwrap())
    }
}

fn state(
    store: &Arc<FaultyStore>,
    cache: &Arc<FaultyCache>,
    routes: &Arc<Routes>,
    (probe, courier): (&Arc<FakeProbe>, &Arc<FakeCourier>),
    now: &Arc<AtomicI64>,
    password: &str,
) -> AdminState {
    let now = now.clone();
    AdminState::new(AdminParts {
        store: store.clone(),
        cache: cache.clone(),
        routes: routes.clone(),
        probe: probe.clone(),
        courier: courier.clone(),
        credentials: AdminCredentials::parse(USERNAME, password).unwrap(),
        signing_key: SigningKey::parse(&Secret::parse(JWT_SECRET).unwrap()).unwrap(),
        clock: Arc::new(move || Timestamp::from_second(now.load(Ordering::Relaxed)).unwrap()),
        vitals: Arc::new(vitals),
        settings: AdminSettings {
            proxy_public_base_url: "https://keys.example.com".into(),
            build: Build::Lightweight,
            version: "1.2.3".into(),
            database_type: "sqlite".into(),
            cache_type: "memory".into(),
            operator_proxy_keys: vec!["pk-ope***tor".into()],
            max_attempts: 3,
            session_lifetime: Duration::from_hours(1),
            effective: effective(),
            warnings: vec!["GLOBAL_PROXY_KEYS is empty, so every client is refused".into()],
        },
    })
}

/// A server at work, whose cache is away.
fn vitals() -> Vitals {
    Vitals {
        live: LiveInstance { instance: instance("this", START), term: Some(Term(3)) },
        active_requests: 5,
        active_streams: 2,
        client_connections: 8,
        request_log: RequestLogState { batches_waiting: 1, batches_at_most: 64, records_lost: 300 },
        last_snapshot_at: Timestamp::from_second(START + 3).ok(),
    }
}

/// A server that started then, and what it told ten seconds after the tests began.
pub(crate) fn instance(id: &str, started_at: i64) -> Instance {
    let at = |second| Timestamp::from_second(second).unwrap();
    Instance {
        id: id.into(),
        hostname: "web-1".into(),
        version: "1.2.3".into(),
        build: "enterprise".into(),
        started_at: at(started_at),
        told_at: at(START + 10),
        revision: Some(7),
        snapshot_age: 2,
        database: Dependency { is_up: true, since: at(START) },
        cache: Dependency { is_up: false, since: at(START + 5) },
    }
}

/// A setting that may be shown, one that may not, and one without a value.
fn effective() -> Vec<EffectiveSetting> {
    let setting = |name, is_secret, is_set, value: Option<&str>| EffectiveSetting {
        name,
        section: Texts { en: "Logs", zh: "日志" },
        meaning: Texts { en: "What it means.", zh: "含义。" },
        is_set,
        is_secret,
        value: value.map(Into::into),
        source: if is_set { "the environment".into() } else { String::new() },
    };
    vec![
        setting("LOG_LEVEL", false, true, Some("debug")),
        setting("JWT_SECRET", true, true, None),
        setting("WORKERS", false, false, None),
    ]
}
