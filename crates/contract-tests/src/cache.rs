//! What every [`Cache`] must do. Each case gets a cache that nobody used before.
#![expect(clippy::unwrap_used, clippy::missing_panics_doc, reason = "assertions")]

mod ledger;

use std::{
    sync::{Arc, Barrier},
    thread,
    time::Duration,
};

use rotator_core::{
    cache::{Cache, Taken, Turn, Turns, Window},
    model::ConfigId,
};
use tokio::{
    runtime::Handle,
    task,
    time::{Instant, sleep, timeout},
};

pub use ledger::*;

/// Expands to one test per case of this suite. `fresh` names an async function that answers a cache nobody used
/// before, in anything that dereferences to it: a `Box`, or a guard that cleans up when it is dropped.
#[macro_export]
macro_rules! cache_contract {
    ($fresh:ident) => {
        $crate::cache_contract! { @each $fresh:
            concurrent_turns_are_distinct_and_consecutive
            the_upcoming_turn_is_the_next_one
            pools_have_turns_of_their_own
            a_pool_asked_for_twice_goes_on_counting
            claims_take_turns_over_their_keys
            a_key_gets_exactly_what_it_may_do_in_a_minute
            a_key_gets_exactly_what_it_may_do_at_a_time
            a_key_that_has_used_its_tokens_gets_no_more
            a_claim_looks_for_a_key_with_room_and_tells_which_have_none
            scopes_do_not_count_together
            a_window_admits_exactly_its_limit_at_once
            a_window_frees_after_the_wait_it_told
            a_window_slides
            what_was_refused_does_not_count
            events_count_by_their_cost
            more_than_the_limit_never_fits
            windows_count_by_name
            a_revision_is_counted_up
            a_receiver_hears_of_a_new_revision
            it_answers
        }
    };
    (@each $fresh:ident: $($case:ident)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            $crate::cache::$case(&*$fresh().await).await;
        }
    )*};
}

const POOL: ConfigId = ConfigId(1);
const PERIOD: Duration = Duration::from_millis(600);
/// How much a clock elsewhere may differ, or be rounded.
const TOLERANCE: Duration = Duration::from_millis(10);

/// Runs one future on each of `threads` threads, all at once.
fn at_once<T: Send>(threads: usize, work: impl AsyncFn() -> T + Sync) -> Vec<T> {
    let (runtime, start) = (Handle::current(), Barrier::new(threads));
    let run = || {
        start.wait();
        runtime.block_on(work())
    };
    task::block_in_place(|| {
        thread::scope(|scope| {
            let threads: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        })
    })
}

async fn next(turns: &Arc<dyn Turns>) -> u64 {
    match turns.next() {
        Turn::Now(turn) => turn,
        Turn::Later(turn) => turn.await,
    }
}

fn window(limit: u32) -> Window<'static> {
    Window { name: "window", limit, period: PERIOD }
}

/// How long to wait, when the events do not fit.
async fn wait_for(cache: &dyn Cache, window: &Window<'_>, cost: u32) -> Option<Duration> {
    match cache.take(window, cost).await.unwrap() {
        Taken::Yes => None,
        Taken::No { retry_after } => Some(retry_after),
    }
}

/// Turns taken by several threads, as fast as they can, are all different and leave none out.
#[expect(clippy::unused_async, reason = "every case is awaited; this one waits on its threads")]
pub async fn concurrent_turns_are_distinct_and_consecutive(cache: &dyn Cache) {
    let turns = cache.turns(POOL);

    let mut given: Vec<u64> = at_once(4, async || {
        let (started, mut given) = (Instant::now(), Vec::new());
        while given.len() < 100 || started.elapsed() < Duration::from_millis(30) {
            given.push(next(&turns).await);
        }
        given
    })
    .concat();

    given.sort_unstable();
    assert!((0..).zip(&given).all(|(expected, turn)| *turn == expected));
}

/// Looking at a turn does not take it.
pub async fn the_upcoming_turn_is_the_next_one(cache: &dyn Cache) {
    let turns = cache.turns(POOL);
    for _ in 0..3 {
        let upcoming = turns.upcoming();
        assert_eq!((turns.upcoming(), next(&turns).await), (upcoming, upcoming));
    }
}

/// The turns of one pool are not those of another.
pub async fn pools_have_turns_of_their_own(cache: &dyn Cache) {
    let (one, other) = (cache.turns(POOL), cache.turns(ConfigId(2)));

    assert_eq!([next(&one).await, next(&one).await, next(&other).await], [0, 1, 0]);
}

/// A pool that is built anew goes on where it was.
pub async fn a_pool_asked_for_twice_goes_on_counting(cache: &dyn Cache) {
    let before = cache.turns(POOL);
    assert_eq!(next(&before).await, 0);
    let after = cache.turns(POOL);

    assert_eq!([next(&after).await, next(&before).await, next(&after).await], [1, 2, 3]);
}

/// Of many takers at once, as many get in as the limit says.
#[expect(clippy::unused_async, reason = "every case is awaited; this one waits on its threads")]
pub async fn a_window_admits_exactly_its_limit_at_once(cache: &dyn Cache) {
    let window = Window { period: Duration::from_mins(1), ..window(25) };

    let admitted = at_once(10, async || {
        let mut admitted = 0;
        for _ in 0..10 {
            admitted += u32::from(wait_for(cache, &window, 1).await.is_none());
        }
        admitted
    });

    assert_eq!(admitted.iter().sum::<u32>(), 25);
}

/// Who waits as long as was told gets in, and was not told to wait longer than the period.
pub async fn a_window_frees_after_the_wait_it_told(cache: &dyn Cache) {
    let window = window(1);
    assert_eq!(wait_for(cache, &window, 1).await, None);

    let wait = wait_for(cache, &window, 1).await.unwrap();
    assert!(wait <= PERIOD, "{wait:?}");
    sleep(wait + TOLERANCE).await;

    assert_eq!(wait_for(cache, &window, 1).await, None);
}

/// Every event leaves the window one period after it came, not all of them together.
pub async fn a_window_slides(cache: &dyn Cache) {
    let window = Window { period: Duration::from_mins(1), ..window(2) };
    let mut events = Vec::new();
    for _ in 0..2 {
        let asked = Instant::now();
        assert_eq!(wait_for(cache, &window, 1).await, None);
        events.push((asked, Instant::now()));
        sleep(Duration::from_millis(50)).await;
    }

    for (cost, (earliest, latest)) in (1..).zip(events) {
        let asked = Instant::now();
        let wait = wait_for(cache, &window, cost).await.unwrap();
        let free = (earliest + window.period - Instant::now(), latest + window.period - asked);
        assert!((free.0.saturating_sub(TOLERANCE)..=free.1 + TOLERANCE).contains(&wait), "{wait:?} {free:?}");
    }
}

/// Only what got in is counted.
pub async fn what_was_refused_does_not_count(cache: &dyn Cache) {
    let window = window(1);
    assert_eq!(wait_for(cache, &window, 1).await, None);

    sleep(PERIOD / 2).await;
    let wait = wait_for(cache, &window, 1).await.unwrap();
    sleep(wait + TOLERANCE).await;

    assert_eq!(wait_for(cache, &window, 1).await, None);
}

/// A cost of three is three events.
pub async fn events_count_by_their_cost(cache: &dyn Cache) {
    let window = Window { period: Duration::from_mins(1), ..window(5) };

    assert_eq!(wait_for(cache, &window, 3).await, None);
    assert!(wait_for(cache, &window, 3).await.is_some());
    assert_eq!(wait_for(cache, &window, 2).await, None);
    assert!(wait_for(cache, &window, 1).await.is_some());
}

/// More events than the limit do not fit into an empty window either, and count nothing.
pub async fn more_than_the_limit_never_fits(cache: &dyn Cache) {
    let window = window(2);

    assert_eq!(wait_for(cache, &window, 3).await, Some(PERIOD));
    assert_eq!(wait_for(cache, &window, 2).await, None);
    assert_eq!(wait_for(cache, &window, u32::MAX).await, Some(PERIOD));
}

/// A full window is full for its own name only, near as another may be.
pub async fn windows_count_by_name(cache: &dyn Cache) {
    let named = |name| Window { name, ..window(1) };
    assert_eq!(wait_for(cache, &named("login:203.0.113.7"), 1).await, None);

    for other in ["login:203.0.113.77", "login:203.0.113", "LOGIN:203.0.113.7", "", "login:*", "登录 7"] {
        assert_eq!(wait_for(cache, &named(other), 1).await, None, "{other}");
    }
}

/// Every bump counts, however many come at once.
pub async fn a_revision_is_counted_up(cache: &dyn Cache) {
    let before = cache.bump_revision().await.unwrap();

    let mut bumped = at_once(10, async || cache.bump_revision().await.unwrap());

    bumped.sort_unstable();
    assert_eq!(bumped, (before + 1..=before + 10).collect::<Vec<_>>());
}

/// Who waits for a change is woken by it.
pub async fn a_receiver_hears_of_a_new_revision(cache: &dyn Cache) {
    let mut revisions = cache.revisions();

    let bumped = cache.bump_revision().await.unwrap();

    let heard = timeout(Duration::from_secs(5), revisions.wait_for(|revision| *revision >= bumped)).await;
    assert_eq!(*heard.unwrap().unwrap(), bumped);
}

/// A cache that is there says so.
pub async fn it_answers(cache: &dyn Cache) {
    cache.ping().await.unwrap();
}
