#![expect(clippy::panic, reason = "assertions")]

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use rotator_core::{
    cache::{Cache, Claim, Claimed, Granted, Ledger, Scope, Turn},
    model::{Caps, ConfigId, KeyId, ProxyKeyId},
};
use tokio::time::timeout;

use super::{POOL, at_once};

/// The keys of a pool. Where this process is the only one, it needs no ledger.
fn keys(count: i64) -> Vec<KeyId> {
    (1..=count).map(KeyId).collect()
}

fn caps(concurrent: u32, per_minute: u32, tokens_per_minute: u32) -> Caps {
    let [concurrent, per_minute, tokens_per_minute] =
        [concurrent, per_minute, tokens_per_minute].map(NonZeroU32::new);
    Caps { concurrent, per_minute, tokens_per_minute }
}

/// Claims one of these keys, each turn another one first.
async fn claim(ledger: &Arc<dyn Ledger>, keys: &[KeyId], caps: &Caps) -> Claimed {
    let Turn::Now(turn) = ledger.next() else { panic!("the turn that is expected is at hand") };
    // In the order in which this turn and the next ones want them.
    let first = usize::try_from(turn).unwrap() % keys.len();
    let keys = [&keys[first..], &keys[..first]].concat();
    let claim = Claim { keys: &keys, caps, turn, rotates: true };
    let claimed = ledger.claim(claim).unwrap().await.unwrap();
    let place = |place: usize| (place + first) % keys.len();
    Claimed {
        granted: claimed.granted.map(|granted| Granted { place: place(granted.place), ..granted }),
        full: claimed.full.into_iter().map(|(at, wait)| (place(at), wait)).collect(),
    }
}

/// Claims go around the keys as turns do, whoever claims at the same time.
#[expect(clippy::unused_async, reason = "every case is awaited; this one waits on its threads")]
pub async fn claims_take_turns_over_their_keys(cache: &dyn Cache) {
    let Some(ledger) = cache.ledger(Scope::Keys(POOL)) else { return };

    let granted = at_once(4, async || {
        let mut granted = Vec::new();
        for _ in 0..35 {
            granted.push(claim(&ledger, &keys(7), &caps(0, 1000, 0)).await.granted.unwrap().place);
        }
        granted
    });

    let mut counts = [0; 7];
    granted.concat().into_iter().for_each(|place| counts[place] += 1);
    assert_eq!(counts, [20; 7]);
}

/// Of many claims at once, each key gets as many as it may do.
#[expect(clippy::unused_async, reason = "every case is awaited; this one waits on its threads")]
pub async fn a_key_gets_exactly_what_it_may_do_in_a_minute(cache: &dyn Cache) {
    let Some(ledger) = cache.ledger(Scope::Keys(POOL)) else { return };

    let granted = at_once(4, async || {
        let mut granted = 0;
        for _ in 0..20 {
            granted += u32::from(claim(&ledger, &keys(3), &caps(0, 15, 0)).await.granted.is_some());
        }
        granted
    });

    assert_eq!(granted.iter().sum::<u32>(), 45);
}

/// As many requests are under way with a key as may be; one that ends makes room for another at once.
pub async fn a_key_gets_exactly_what_it_may_do_at_a_time(cache: &dyn Cache) {
    let Some(ledger) = cache.ledger(Scope::Keys(POOL)) else { return };
    let caps = caps(5, 0, 0);

    let granted = at_once(4, async || {
        let mut granted = Vec::new();
        for _ in 0..10 {
            granted.extend(claim(&ledger, &keys(2), &caps).await.granted);
        }
        granted
    });

    let granted = granted.concat();
    assert_eq!(granted.len(), 10);
    for ended in granted {
        ledger.release(ended.hold.unwrap());
        let next = claim(&ledger, &keys(2), &caps).await.granted.unwrap();
        assert_eq!(next.place, ended.place);
        assert_eq!(claim(&ledger, &keys(2), &caps).await, Claimed::default(), "nobody knows for how long");
    }
}

/// Tokens count soon after they are told; what the last request used may be too much.
pub async fn a_key_that_has_used_its_tokens_gets_no_more(cache: &dyn Cache) {
    let Some(ledger) = cache.ledger(Scope::Keys(POOL)) else { return };
    let caps = caps(0, 0, 100);

    for used in [60, 60] {
        assert!(claim(&ledger, &keys(1), &caps).await.granted.is_some());
        ledger.charge(KeyId(1), used);
    }
    let full = async {
        loop {
            let claimed = claim(&ledger, &keys(1), &caps).await;
            if claimed.granted.is_none() {
                return claimed.full;
            }
        }
    };

    let full = timeout(Duration::from_secs(10), full).await.unwrap();
    let [(0, wait)] = full[..] else { panic!("{full:?}") };
    assert!((Duration::from_secs(50)..=Duration::from_secs(61)).contains(&wait), "{wait:?}");
    assert!(claim(&ledger, &keys(2), &caps).await.granted.is_some_and(|granted| granted.place == 1));
}

/// A claim passes full keys over, and tells for how long they are full.
pub async fn a_claim_looks_for_a_key_with_room_and_tells_which_have_none(cache: &dyn Cache) {
    let Some(ledger) = cache.ledger(Scope::Keys(POOL)) else { return };
    let (keys, caps) = (keys(3), caps(0, 1, 0));
    let claim = async |named: &[KeyId]| {
        let claim = Claim { keys: named, caps: &caps, turn: 0, rotates: false };
        ledger.claim(claim).unwrap().await.unwrap()
    };

    assert_eq!(claim(&keys[1..2]).await, Claimed { granted: Some(GRANTED), full: Vec::new() });
    assert_eq!(claim(&keys).await, Claimed { granted: Some(GRANTED), full: Vec::new() });
    let third = claim(&keys).await;
    assert_eq!(third.granted, Some(Granted { place: 2, ..GRANTED }));
    let none = claim(&keys).await;
    assert_eq!(none.granted, None);

    for (claimed, places) in [(third, &[0, 1][..]), (none, &[0, 1, 2])] {
        assert!(claimed.full.iter().map(|(place, _)| place).eq(places), "{claimed:?}");
        let waits = Duration::from_secs(50)..=Duration::from_secs(61);
        assert!(claimed.full.iter().all(|(_, wait)| waits.contains(wait)), "{claimed:?}");
    }
}

const GRANTED: Granted = Granted { place: 0, hold: None };

/// Each counts for itself: the keys of one pool, those of another, a service, and a proxy key.
pub async fn scopes_do_not_count_together(cache: &dyn Cache) {
    let (number, caps) = (POOL.0, caps(1, 1, 0));

    for scope in [
        Scope::Keys(POOL),
        Scope::Keys(ConfigId(number + 1)),
        Scope::Service(POOL),
        Scope::Service(ConfigId(number + 1)),
        Scope::ProxyKey(ProxyKeyId(number)),
        Scope::ProxyKey(ProxyKeyId(number + 1)),
    ] {
        let Some(ledger) = cache.ledger(scope) else { return };
        assert!(claim(&ledger, &[Scope::WHOLE], &caps).await.granted.is_some(), "{scope:?}");
        assert_eq!(claim(&ledger, &[Scope::WHOLE], &caps).await.granted, None, "{scope:?}");
    }
}
