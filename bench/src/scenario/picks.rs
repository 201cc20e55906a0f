//! What a pick costs, alone in this process: it should not depend on how many keys there are.

use std::{
    hint::black_box,
    num::NonZeroU32,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use cache_memory::MemoryCache;
use http::header::AUTHORIZATION;
use jiff::Timestamp;
use rotator_core::{
    cache::{Cache as _, Turn},
    credential::{Credential, Place},
    model::{Caps, ConfigId, KeyId, Strategy, Weight},
    pool::{Ailment, Groups, Health, KeyPool, KeySlot, Now, RestPolicy, Resting, Wish},
    secret::Secret,
};

use crate::{
    report::{Amount, Row, Section, Target},
    rotator, stats, targets,
};

const SIZES: [u32; 3] = [10, 1_000, 100_000];
const STRATEGIES: [Strategy; 5] = [
    Strategy::RoundRobin,
    Strategy::Weighted,
    Strategy::LeastConnections,
    Strategy::Random,
    Strategy::Sticky,
];
/// Those that are measured with bounds on every key as well.
const CAPPED: [Strategy; 2] = [Strategy::RoundRobin, Strategy::LeastConnections];
/// Bounds that every pick has to look at and that none meets: what a key does is counted, and no key is used up.
const CAPS: Caps = Caps {
    concurrent: NonZeroU32::new(1_000),
    per_minute: NonZeroU32::new(1_000_000_000),
    tokens_per_minute: NonZeroU32::new(u32::MAX),
};
const PICKS: u32 = 200_000;
const REPEATS: usize = 9;

pub(super) fn run() -> Result<Section> {
    let mut section = Section::new(
        "Picking a key",
        "A turn and a pick in a loop, without a request around it, while a tenth of the keys rest; a larger pool is compared with one of 10 keys. \
         *Capped* is with `key_max_concurrent` and `key_max_per_minute` set. \
         What is promised is promised of the strategies that go from key to key. The others jump, so that in a large pool \
         a pick waits for memory, as every jump does; what it computes is the same.",
    );
    let plain = STRATEGIES.map(|strategy| (strategy, Caps::default(), ""));
    let capped = CAPPED.map(|strategy| (strategy, CAPS, ", capped"));
    for (strategy, caps, suffix) in plain.into_iter().chain(capped) {
        let pools = SIZES.iter().map(|size| pool(strategy, caps, *size)).collect::<Result<Vec<_>>>()?;
        let rounds: Vec<Vec<f64>> = (0..REPEATS).map(|_| pools.iter().map(nanos).collect()).collect();
        let of_size = |index: usize| rounds.iter().map(|round| round[index]).collect::<Vec<_>>();
        for (index, size) in SIZES.iter().enumerate() {
            let values = of_size(index);
            let amount = Amount(stats::median(values.iter().copied()), "ns");
            let row =
                Row::new(format!("{}{suffix}, {size} keys", strategy.as_str()), rotator::BINARY, amount);
            let ratio = stats::paired_ratio(&values, &of_size(0));
            section.rows.push(match size {
                10 => row,
                100_000 => row.against("10 keys", ratio).judged(promised(strategy)),
                _ => row.against("10 keys", ratio),
            });
        }
    }
    Ok(section)
}

fn promised(strategy: Strategy) -> Option<Target> {
    matches!(strategy, Strategy::RoundRobin | Strategy::LeastConnections).then_some(targets::PICK)
}

fn pool(strategy: Strategy, caps: Caps, size: u32) -> Result<KeyPool> {
    let template = "Bearer {key}".parse().map_err(anyhow::Error::msg)?;
    let credential = Credential { place: Place::Header(AUTHORIZATION), template };
    let slot = |number: u32| {
        let secret = Secret::parse(&format!("sk-pick-{number:020}")).map_err(anyhow::Error::msg)?;
        let ready = credential.ready(&secret).context("a key that fits nowhere")?;
        let weight = Weight::new(i64::from(number % 9 + 1)).context("no weight")?;
        Ok(Arc::new(KeySlot::new(KeyId(i64::from(number)), weight, ready)))
    };
    let slots = (0..size).map(slot).collect::<Result<Vec<_>>>()?;
    let now = Now { instant: Instant::now(), wall: Timestamp::UNIX_EPOCH };
    let health = Arc::new(Health::new(RestPolicy::default(), now.instant));
    let pool = KeyPool::new(
        strategy,
        slots,
        Groups::default(),
        MemoryCache::new().turns(ConfigId(1)),
        Arc::clone(&health),
    );
    // A tenth of them, all over the pool.
    let rests = (0..size).step_by(10).map(|number| Resting {
        key: KeyId(i64::from(number)),
        model: None,
        ailment: Ailment::Cooling,
        reason: "a limit".into(),
        since: now.wall,
        until: now.wall + Duration::from_hours(1),
        strikes: 1,
    });
    health.restore(rests.collect(), now);
    Ok(pool.capped(caps, None, now.instant))
}

fn nanos(pool: &KeyPool) -> f64 {
    let start = Instant::now();
    for conversation in 0..PICKS {
        // Conversations that are spread over the whole range, as hashes are.
        let affinity = u64::from(conversation).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        if let Turn::Now(turn) = pool.next_turn() {
            let wish =
                Wish { turn, affinity: Some(affinity), model: None, tried: &[], may_try: true, now: start };
            black_box(pool.pick(&wish));
        }
    }
    start.elapsed().as_secs_f64() * 1e9 / f64::from(PICKS)
}
