//! Tests keys that were not accepted, for services that want it: they come back without a client's request.

use std::{sync::Arc, time::Duration};

use rotator_core::probe::KeyProbe;
use tokio::time::{MissedTickBehavior, interval};
use tracing::warn;

use crate::data::Data;

/// Between two rounds.
const INTERVAL: Duration = Duration::from_secs(5);
/// How many keys of one service are tested in a round: one a second.
const KEYS: usize = 5;

/// Tests keys for ever. What a test shows, the pool learns by way of the data path.
pub async fn probe_keys(data: Data, probe: Arc<dyn KeyProbe>) {
    let mut rounds = interval(INTERVAL);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        rounds.tick().await;
        round(&data, &*probe).await;
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
    use std::{sync::Mutex, time::Instant};

    use rotator_core::{
        model::{ApiKey, ConfigFields, ConfigSpec, KeyId, ProxyConfig, Weight},
        pool::{Ailment, Now, Resting},
        probe::ProbeReport,
        secret::Secret,
        store::{Change, NewKey},
    };
    use tempfile::TempDir;

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

    #[tokio::test]
    async fn keys_that_may_be_tried_again_are_tested_where_that_is_wanted() {
        let folder = TempDir::new().unwrap();
        let (data, _store) = data::tests::open(&folder).await;
        let by = Change { at: clock::now(), actor: "admin".into(), address: None, request_id: String::new() };
        let mut rests = Vec::new();
        let mut wanted = Vec::new();
        for probe_keys in [true, false] {
            let mut fields = ConfigFields {
                name: "n".into(),
                slug: format!("s-{probe_keys}"),
                config_type: "LLM".into(),
                is_active: true,
                target_base_url: Some("https://a.example".into()),
                ..ConfigFields::default()
            };
            fields.options.probe_keys = probe_keys;
            let spec = ConfigSpec::try_from(&fields).unwrap();
            let config = data.store.insert_config(spec, &by).await.unwrap().id;
            let key = |n: usize| NewKey {
                secret: Secret::parse(&format!("sk-{n}-{probe_keys}")).unwrap(),
                is_active: true,
                weight: Weight::ONE,
                note: String::new(),
            };
            let ids = data.store.add_keys(config, (0..3).map(key).collect(), &by).await.unwrap().ids;
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
}
