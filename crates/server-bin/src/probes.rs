//! Tests keys that were not accepted, for services that want it: they come back without a client's request.

use std::{sync::Arc, time::Duration};

use rotator_core::probe::KeyProbe;
use tokio::time::{MissedTickBehavior, interval};
use tracing::warn;

use crate::{data::Data, membership::Leading};

/// Between two rounds.
pub const INTERVAL: Duration = Duration::from_secs(5);
/// How many keys of one service are tested in a round: one a second.
const KEYS: usize = 5;

/// Tests keys for ever, a few with every tick. What a test shows, the pool learns by way of the data path, and other
/// instances learn by its news: where they do, the one that leads tests for all.
pub async fn probe_keys(data: Data, probe: Arc<dyn KeyProbe>, leading: Leading, tick: Duration) {
    let others_learn = data.cache.news().is_some();
    let mut rounds = interval(tick);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        rounds.tick().await;
        if leading.borrow().is_some() || !others_learn {
            round(&data, &*probe).await;
        }
    }
}

async fn round(data: &Data, probe: &dyn KeyProbe) {
    for (config, id) in data.routes.to_probe(KEYS) {
        match data.store.key(id).await {
            Ok(Some(key)) => drop(probe.probe(&config, &key).await),
            // It has just been deleted.
            Ok(None) => {}
            Err(error) => {
                return warn!(error = &error as &dyn std::error::Error, "keys cannot be read to be tested");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read as _, Write as _},
        net::{SocketAddr, TcpListener, TcpStream},
        sync::{
            Mutex,
            atomic::{AtomicBool, Ordering::SeqCst},
        },
        thread,
        time::Instant,
    };

    use cache_memory::MemoryCache;
    use http::{Response, StatusCode};
    use http_body_util::{BodyExt as _, Empty};
    use proxy_hyper::{Control, Parts, Proxy, Settings};
    use rotator_core::{
        cache::{Cache, CacheError, Taken, Turns, Window},
        model::{ApiKey, ConfigFields, ConfigId, ConfigSpec, KeyId, ProxyConfig, QuotaGroup, Weight},
        pool::{Ailment, News, Now, RestPolicy, Resting},
        probe::ProbeReport,
        routes::Routes,
        secret::Secret,
        store::{Change, NewKey, Term},
    };
    use tempfile::TempDir;
    use tokio::{
        runtime::Handle,
        sync::{broadcast, mpsc, watch},
        task::spawn_blocking,
        time::sleep,
    };

    use super::*;
    use crate::{clock, data};

    /// Notes what it is asked for.
    #[derive(Default)]
    struct Notes(Mutex<Vec<KeyId>>);

    #[async_trait::async_trait]
    impl KeyProbe for Notes {
        async fn probe(&self, _: &ProxyConfig, key: &ApiKey) -> ProbeReport {
            self.0.lock().unwrap().push(key.id);
            ProbeReport { ok: true, status: Some(200), latency: Duration::ZERO, message: String::new() }
        }
    }

    /// Adds an LLM service with so many keys.
    async fn add_service(
        data: &Data,
        slug: &str,
        url: &str,
        probe_keys: bool,
        keys: usize,
    ) -> (ConfigId, Vec<KeyId>) {
        let by = Change { at: clock::now(), actor: "admin".into(), address: None, request_id: String::new() };
        let mut fields = ConfigFields {
            name: "n".into(),
            slug: slug.into(),
            config_type: "LLM".into(),
            is_active: true,
            target_base_url: Some(url.into()),
            ..ConfigFields::default()
        };
        fields.options.probe_keys = probe_keys;
        let spec = ConfigSpec::try_from(&fields).unwrap();
        let config = data.store.insert_config(spec, &by).await.unwrap().id;
        let key = |n: usize| NewKey {
            secret: Secret::parse(&format!("sk-{n}-{slug}")).unwrap(),
            is_active: true,
            weight: Weight::ONE,
            quota_group: QuotaGroup::default(),
            note: String::new(),
        };
        let ids = data.store.add_keys(config, (0..keys).map(key).collect(), &by).await.unwrap().ids;
        (config, ids)
    }

    #[tokio::test]
    async fn keys_that_may_be_tried_again_are_tested_where_that_is_wanted() {
        let folder = TempDir::new().unwrap();
        let (data, _store) = data::tests::open(&folder).await;
        let mut rests = Vec::new();
        let mut wanted = Vec::new();
        for probe_keys in [true, false] {
            let slug = format!("s-{probe_keys}");
            let (config, ids) = add_service(&data, &slug, "https://a.example", probe_keys, 3).await;
            // The first is due, the second is not, the third is well.
            for (key, seconds) in [(ids[0], -1), (ids[1], 100)] {
                let until = clock::now() + jiff::SignedDuration::from_secs(seconds);
                let (ailment, since) = (Ailment::Invalid, clock::now());
                let rest =
                    Resting { key, model: None, ailment, reason: "no".into(), since, until, strikes: 1 };
                rests.push((config, rest));
            }
            if probe_keys {
                wanted.push(ids[0]);
            }
        }
        data.routes.reload(&*data.store).await.unwrap();
        let now = Now { instant: Instant::now(), wall: clock::now() };
        data.routes.restore_rests(rests, now).await;
        let probe = Notes::default();

        round(&data, &probe).await;

        assert_eq!(*probe.0.lock().unwrap(), wanted);
    }

    /// A cache through which other instances learn.
    #[derive(Default)]
    struct Telling(MemoryCache);

    #[async_trait::async_trait]
    impl Cache for Telling {
        fn turns(&self, pool: ConfigId) -> Arc<dyn Turns> {
            self.0.turns(pool)
        }

        async fn take(&self, window: &Window<'_>, cost: u32) -> Result<Taken, CacheError> {
            self.0.take(window, cost).await
        }

        async fn bump_revision(&self) -> Result<u64, CacheError> {
            self.0.bump_revision().await
        }

        fn revisions(&self) -> watch::Receiver<u64> {
            self.0.revisions()
        }

        fn news(&self) -> Option<broadcast::Receiver<Vec<(ConfigId, News)>>> {
            Some(broadcast::channel(1).1)
        }

        async fn ping(&self) -> Result<(), CacheError> {
            self.0.ping().await
        }
    }

    #[tokio::test]
    async fn where_others_learn_of_it_only_the_leader_tests_keys() {
        let folder = TempDir::new().unwrap();
        let (mut data, _store) = data::tests::open(&folder).await;
        data.cache = Arc::new(Telling::default());
        let (config, keys) = add_service(&data, "svc", "https://a.example", true, 1).await;
        data.routes.reload(&*data.store).await.unwrap();
        let (key, ailment, since) = (keys[0], Ailment::Invalid, clock::now());
        let rest =
            Resting { key, model: None, ailment, reason: "no".into(), since, until: since, strikes: 1 };
        let now = Now { instant: Instant::now(), wall: clock::now() };
        data.routes.restore_rests(vec![(config, rest)], now).await;
        let (lead, leading) = watch::channel(None);
        let notes = Arc::<Notes>::default();
        let tick = Duration::from_millis(2);
        tokio::spawn(probe_keys(data, Arc::clone(&notes) as Arc<dyn KeyProbe>, leading, tick));

        sleep(20 * tick).await;
        assert!(notes.0.lock().unwrap().is_empty());
        lead.send_replace(Some(Term(1)));
        until(|| !notes.0.lock().unwrap().is_empty()).await;
    }

    /// An upstream that accepts no key until it is told to.
    #[derive(Default)]
    struct Upstream {
        accepts: AtomicBool,
        /// When which path was asked for.
        seen: Mutex<Vec<(Instant, String)>>,
    }

    impl Upstream {
        fn start() -> (Arc<Self>, String) {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let url = format!("http://{}", listener.local_addr().unwrap());
            let upstream = Arc::<Self>::default();
            let server = Arc::clone(&upstream);
            // Ends with the test process.
            thread::spawn(move || {
                for stream in listener.incoming().map_while(Result::ok) {
                    let server = Arc::clone(&server);
                    thread::spawn(move || server.serve(stream));
                }
            });
            (upstream, url)
        }

        fn serve(&self, mut stream: TcpStream) {
            let mut request = [0; 4096];
            while let Ok(n @ 1..) = stream.read(&mut request) {
                let head = String::from_utf8_lossy(&request[..n]);
                let path = head.split(' ').nth(1).unwrap().to_owned();
                self.seen.lock().unwrap().push((Instant::now(), path));
                let status = if self.accepts.load(SeqCst) { "200 OK" } else { "401 Unauthorized" };
                let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
                if stream.write_all(answer.as_bytes()).is_err() {
                    return;
                }
            }
        }
    }

    /// The data path in front of the services.
    fn serve(data: &Data) -> (Proxy, SocketAddr) {
        let settings = Settings { workers: std::num::NonZeroUsize::MIN, ..Settings::default() };
        let control = Control::new(Handle::current(), |_| async {
            Response::new(Empty::new().map_err(|never| match never {}).boxed_unsync())
        });
        let parts = Parts {
            settings,
            routes: Arc::clone(&data.routes),
            records: mpsc::channel(1).0,
            control,
            tls: None,
        };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        (Proxy::start(&parts, listener).unwrap(), address)
    }

    /// The status of an answer to a client.
    async fn get(address: SocketAddr, path: &str) -> StatusCode {
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: a\r\nx-proxy-key: pk-of-the-tests\r\nconnection: close\r\n\r\n"
        );
        let answer = spawn_blocking(move || {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.write_all(request.as_bytes()).unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            answer
        });
        answer.await.unwrap().split(' ').nth(1).unwrap().parse().unwrap()
    }

    async fn until(happened: impl Fn() -> bool) {
        let deadline = Instant::now() + Duration::from_mins(1);
        while !happened() {
            assert!(Instant::now() < deadline, "it did not happen");
            sleep(Duration::from_millis(5)).await;
        }
    }

    #[tokio::test]
    async fn a_key_is_tested_less_and_less_often_until_it_is_accepted_and_serves_again() {
        const FIRST: Duration = Duration::from_millis(40);
        let folder = TempDir::new().unwrap();
        let (mut data, _store) = data::tests::open(&folder).await;
        let policy = RestPolicy { first_trial: FIRST, ..RestPolicy::default() };
        let routes = Routes::new(Arc::clone(&data.cache)).with_rest_policy(policy);
        data.routes = Arc::new(routes.with_proxy_keys(data::tests::proxy_keys()));
        let (upstream, url) = Upstream::start();
        let (_, keys) = add_service(&data, "svc", &url, true, 1).await;
        data.routes.reload(&*data.store).await.unwrap();
        let (proxy, address) = serve(&data);
        let (tick, leading) = (Duration::from_millis(5), watch::channel(None).1);
        let probing = tokio::spawn(probe_keys(data.clone(), Arc::new(proxy.probe().unwrap()), leading, tick));

        assert_eq!(get(address, "/llm/svc/chat").await, 401);
        until(|| upstream.seen.lock().unwrap().len() > 3).await;
        upstream.accepts.store(true, SeqCst);
        let table = data.routes.table().load_full();
        until(|| table.iter().all(|route| route.pool.health().resting_of(keys[0]).is_empty())).await;
        assert_eq!(get(address, "/llm/svc/chat").await, 200);
        probing.abort();
        spawn_blocking(move || proxy.drain(Duration::ZERO)).await.unwrap();

        let seen = upstream.seen.lock().unwrap();
        let paths: Vec<_> = seen.iter().map(|(_, path)| &**path).collect();
        let (first, tests, last) = (paths[0], &paths[1..paths.len() - 1], paths[paths.len() - 1]);
        assert_eq!((first, last), ("/chat", "/chat"));
        assert!(tests.iter().all(|path| *path == "/models"), "{tests:?}");
        // Each rest is four times as long as the one before, but for the half of it that is chance.
        for (n, pair) in (0..).zip(seen[..=tests.len()].windows(2)) {
            let rested = pair[1].0 - pair[0].0;
            assert!(rested >= FIRST * 4_u32.pow(n) / 2, "test {n} came after {rested:?}");
        }
    }
}
