//! Some keys of a pool fail, each in its way; the clients must not notice.

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

use rotator_core::pool::RestPolicy;
use tokio::time::{Instant, sleep_until};

use crate::{
    alone,
    load::{Answer, Clients},
    provider::{Account, Bucket, Entry, Provider, Spent, Trouble},
    support::{Gateway, PROXY_KEY, Running},
};

const KEYS: usize = 20;
/// What an account may do a second.
const PER_SECOND: f64 = 15.0;

/// What a busy machine may add.
const SLACK: Duration = Duration::from_secs(1);

const TOO_SMALL: [usize; 2] = [0, 10];
const REVOKED: [usize; 2] = [3, 13];
const SPENT: [usize; 2] = [5, 15];
const BROWNED_OUT: [usize; 2] = [8, 18];

fn keys() -> Vec<String> {
    (0..KEYS).map(|n| format!("key-{n:02}")).collect()
}

fn is_healthy(place: usize) -> bool {
    ![TOO_SMALL, REVOKED, SPENT, BROWNED_OUT].concat().contains(&place)
}

fn roomy() -> Bucket {
    Bucket::new(PER_SECOND, PER_SECOND)
}

/// A provider with which two keys of twenty fail in each of four ways.
async fn provider(keys: &[String], quota_resets: Option<Instant>) -> Provider {
    let provider = Provider::start(keys, roomy()).await;
    for place in TOO_SMALL {
        provider.change(&keys[place], |account| account.bucket = Bucket::new(1.0, 2.0));
    }
    for place in REVOKED {
        provider.change(&keys[place], |account| account.is_revoked = true);
    }
    for (place, status) in SPENT.into_iter().zip([429, 402]) {
        let spent = Spent { status, until: quota_resets };
        provider.change(&keys[place], |account| account.spent = Some(spent));
    }
    let troubles = [Trouble::Overloaded, Trouble::Slow(Duration::from_millis(300))];
    for (place, trouble) in BROWNED_OUT.into_iter().zip(troubles) {
        provider.change(&keys[place], |account| account.trouble = Some(trouble));
    }
    provider
}

async fn gateway(provider: &Provider, keys: &[String], policy: RestPolicy) -> Running {
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let gateway = Gateway::new().rest_policy(policy);
    gateway.llm("ai", "openai_compatible", &provider.url(), &keys).start().await
}

/// What became of a load.
struct Balance {
    requests: usize,
    errors: usize,
    /// How often the provider said 429.
    limited: usize,
    /// How many requests each healthy key has served.
    shares: Vec<usize>,
}

impl Balance {
    fn of(answers: &[Answer], log: &[Entry]) -> Self {
        let mut served = BTreeMap::<&str, usize>::new();
        for entry in log.iter().filter(|entry| entry.status == Some(200)) {
            *served.entry(&entry.key).or_default() += 1;
        }
        let healthy = keys().into_iter().enumerate().filter(|(place, _)| is_healthy(*place));
        Self {
            requests: answers.len(),
            errors: answers.iter().filter(|answer| !answer.is_success()).count(),
            limited: log.iter().filter(|entry| entry.status == Some(429)).count(),
            shares: healthy.map(|(_, key)| served.get(key.as_str()).copied().unwrap_or(0)).collect(),
        }
    }

    fn spread(&self) -> (usize, usize) {
        let shares = || self.shares.iter().copied();
        (shares().min().unwrap(), shares().max().unwrap())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_do_not_notice_keys_that_fail_at_nine_tenths_of_what_the_others_can_do() {
    let _alone = alone().await;
    let keys = keys();
    let (ours, theirs) = tokio::join!(provider(&keys, None), provider(&keys, None));
    let per_second = 0.9 * ours.capacity();
    let count = 1000;
    let gateway = gateway(&ours, &keys, RestPolicy::default()).await;

    let (rotating, in_order) = (Clients::of(&gateway), Clients::without_gateway(&theirs));
    let (rotated, ordered) = tokio::join!(
        rotating.offer(per_second, count, |_| PROXY_KEY),
        // The next key in order: without a memory, and without a second try.
        in_order.offer(per_second, count, |number| &keys[number as usize % KEYS]),
    );

    let us = Balance::of(&rotated, &ours.log());
    println!("{}", side_by_side(&us, &Balance::of(&ordered, &theirs.log())));
    assert!(us.errors * 1000 <= us.requests, "{} of {} requests failed", us.errors, us.requests);
    assert!(us.limited * 100 <= us.requests, "{} of {} met a limit", us.limited, us.requests);
    let total: usize = us.shares.iter().sum();
    let is_fair = |share: &usize| (share * us.shares.len()).abs_diff(total) * 10 <= total;
    assert!(us.shares.iter().all(is_fair), "{:?}", us.shares);
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_provider_recovers_every_key_is_back_within_a_trial_interval() {
    const TRIAL: Duration = Duration::from_millis(1500);
    let _alone = alone().await;
    let keys = keys();
    let policy = RestPolicy { first_trial: TRIAL, max_trial: TRIAL, ..RestPolicy::default() };
    let recovers = Instant::now() + Duration::from_millis(1500);
    let provider = provider(&keys, Some(recovers)).await;
    let gateway = gateway(&provider, &keys, policy).await;

    let clients = Clients::of(&gateway);
    let mend = async {
        sleep_until(recovers).await;
        for key in &keys {
            provider.change(key, |account| *account = Account::well(roomy()));
        }
    };
    tokio::join!(clients.offer(100.0, 400, |_| PROXY_KEY), mend);

    let log = provider.log();
    for key in &keys {
        let serves = |entry: &&Entry| entry.key == *key && entry.at >= recovers && entry.status == Some(200);
        let back = log.iter().find(serves).unwrap_or_else(|| panic!("{key} has not come back"));
        let after = back.at - recovers;
        assert!(after <= TRIAL + SLACK, "{key} came back {after:?} after it could");
    }
    // From then on, they take turns as if nothing had been.
    let answers = clients.offer(100.0, 100, |_| PROXY_KEY).await;
    assert!(answers.iter().all(Answer::is_success));
    let log = provider.log().split_off(log.len());
    let served = |key: &String| log.iter().filter(|entry| entry.key == *key).count();
    assert!(keys.iter().all(|key| served(key) == 100 / KEYS), "{log:?}");
}

fn side_by_side(us: &Balance, them: &Balance) -> String {
    let mut table = format!("{:34}{:>12}{:>14}\n", "", "this pool", "round robin");
    let percent = |part: usize, whole: usize| format!("{}.{}%", part * 100 / whole, part * 1000 / whole % 10);
    let spread = |balance: &Balance| {
        let (least, most) = balance.spread();
        format!("{least}-{most}")
    };
    for (what, cells) in [
        ("requests", [us, them].map(|a| a.requests.to_string())),
        ("client-visible errors", [us, them].map(|a| percent(a.errors, a.requests))),
        ("upstream 429s", [us, them].map(|a| percent(a.limited, a.requests))),
        ("served by each healthy key, min-max", [us, them].map(spread)),
    ] {
        let _ = writeln!(table, "{what:34}{:>12}{:>14}", cells[0], cells[1]);
    }
    table
}
