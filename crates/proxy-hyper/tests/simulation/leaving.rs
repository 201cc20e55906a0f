//! Clients that leave in the middle of an answer leave nothing behind.

use std::time::Duration;

use rotator_core::record::RequestOutcome;
use tokio::{
    runtime::Handle,
    task::JoinSet,
    time::{Instant, sleep},
};

use crate::{
    alone,
    provider::{Bucket, NAME, Provider, STREAM_EVENT},
    support::{Gateway, PROXY_KEY, Running, client::RawClient, eventually},
};

const WAVES: usize = 5;
const CLIENTS: usize = 100;
/// The gateway of an earlier test may need that long to end.
const QUIET: Duration = Duration::from_millis(700);

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_leave_mid_stream_end_the_streams_within_a_second_and_leave_nothing_behind() {
    let _alone = alone().await;
    let keys = ["key-1", "key-2", "key-3", "key-4"];
    let provider = Provider::start(&keys.map(String::from), Bucket::new(1000.0, 1000.0)).await;
    let gateway = Gateway::new().llm("ai", "openai_compatible", &provider.url(), &keys).start().await;
    // So that what is made once has been made.
    wave(&gateway, &provider, "first").await;
    let before = settled(&gateway).await;

    for number in 0..WAVES {
        wave(&gateway, &provider, &number.to_string()).await;
    }

    let after = settled(&gateway).await;
    assert!(after.files <= before.files && after.tasks <= before.tasks, "{before:?}, then {after:?}");
    let records = gateway.records((1 + WAVES) * CLIENTS).await;
    assert!(records.iter().all(|record| record.outcome == RequestOutcome::ClientGone));
    assert_eq!(records.len(), (1 + WAVES) * CLIENTS);
}

/// As many clients at once; they leave when their streams have begun.
async fn wave(gateway: &Running, provider: &Provider, name: &str) {
    let mut streams = JoinSet::new();
    for number in 0..CLIENTS {
        streams.spawn(begun(gateway.address, format!("{name}-{number}")));
    }
    let streams = streams.join_all().await;
    assert_eq!(gateway.metrics().active_requests(), CLIENTS as u64);
    let mut left = Vec::new();
    for (client, name) in streams {
        drop(client);
        left.push((name, Instant::now()));
    }

    eventually(|| provider.streams().open_count() == 0).await;
    for (name, left_at) in left {
        let lasted = provider.streams().broken_off(&name).unwrap().saturating_duration_since(left_at);
        assert!(lasted < Duration::from_secs(1), "{name} went on for {lasted:?}");
    }
    gateway.settle(Duration::from_secs(1)).await;
}

/// A client whose stream has begun.
async fn begun(address: std::net::SocketAddr, name: String) -> (RawClient, String) {
    let mut client = RawClient::connect(address).await;
    let head = format!(
        "GET /llm/ai/v1/stream HTTP/1.1\r\nhost: a\r\nx-api-key: {PROXY_KEY}\r\n{NAME}: {name}\r\n\r\n"
    );
    client.write(head).await;
    client.read_until(STREAM_EVENT).await;
    (client, name)
}

/// What this process holds: the test's, the provider's and the gateway's.
#[derive(Debug)]
struct Held {
    files: usize,
    /// Of the test and the provider: two for each connection of theirs. Those of the gateway's workers hold a file each.
    tasks: usize,
}

/// Once it does not fall any more.
async fn settled(gateway: &Running) -> Held {
    gateway.settle(Duration::from_secs(1)).await;
    let held = || Held {
        files: std::fs::read_dir("/proc/self/fd").unwrap().count(),
        tasks: Handle::current().metrics().num_alive_tasks(),
    };
    let (mut least, mut since) = (held(), Instant::now());
    while since.elapsed() < QUIET {
        sleep(Duration::from_millis(20)).await;
        let now = held();
        if now.files < least.files || now.tasks < least.tasks {
            (least, since) = (now, Instant::now());
        }
    }
    least
}
