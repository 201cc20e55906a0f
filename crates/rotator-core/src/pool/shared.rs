//! Picks where all instances keep the caps of keys together.
//!
//! Other instances know more of a key than this one, so they are asked before it is picked: for a turn and for room, in one
//! question that names the keys which would do. What is known here only saves questions; and when nobody answers, it decides.

use std::sync::Arc;

use super::{Choice, Chooser, KeyPool, Picked, View, Wish};
use crate::{
    cache::{Claim, Claimed, Granted, Hold, Ledger},
    model::KeyId,
};

/// How many keys are named in a question, and how many questions are asked when none of those named has room.
const KEYS: usize = 32;
const CLAIMS: usize = 4;
/// How many are named first where turns do not decide: nearly always the first one is granted, and to choose one by one
/// takes its time.
const FEW: usize = 4;

impl KeyPool {
    /// The same, if it has caps, with them kept by all instances together.
    #[must_use]
    pub fn sharing(mut self, ledger: impl FnOnce() -> Option<Arc<dyn Ledger>>) -> Self {
        if let Some(caps) = &mut self.caps
            && let Some(ledger) = ledger()
        {
            self.turns = Arc::clone(&ledger) as _;
            caps.ledger = Some(ledger);
        }
        self
    }

    /// Whether all instances keep the caps of its keys together, so that [`KeyPool::claim`] picks, and not
    /// [`KeyPool::pick`].
    pub fn shares_caps(&self) -> bool {
        self.caps.as_ref().is_some_and(|caps| caps.ledger.is_some())
    }

    /// The key for a request, as far as all instances together may use it.
    pub async fn claim(&self, wish: &Wish<'_>) -> Option<Picked> {
        let Some((caps, ledger)) = self.caps.as_ref().and_then(|caps| Some((caps, caps.ledger.as_ref()?)))
        else {
            return self.pick(wish);
        };
        let mut tried = wish.tried.to_vec();
        for question in 0..CLAIMS {
            let candidates = self.candidates(&Wish { tried: &tried, ..*wish }, question == 0);
            if candidates.is_empty() {
                return None;
            }
            let keys: Vec<KeyId> = candidates.iter().map(|(place, _)| self.slots[*place].id).collect();
            let claim = Claim { keys: &keys, caps: &caps.caps, turn: wish.turn, rotates: self.rotates(wish) };
            let answer = match ledger.claim(claim) {
                Some(answer) => answer.await,
                None => None,
            };
            let Some(Claimed { granted, full }) = answer else { return self.pick(wish) };
            for (slot, time) in
                full.iter().filter_map(|(place, time)| Some((self.slot(*keys.get(*place)?)?, time)))
            {
                self.health.rest_at_cap(slot, *time, wish.now);
            }
            let Some(Granted { place, hold }) = granted else {
                tried.extend(keys);
                continue;
            };
            let hold = hold.map(|number| Hold::new(Arc::clone(ledger), number));
            let (place, is_home) = *candidates.get(place)?;
            let slot = &self.slots[place];
            // Somebody else was quicker.
            let Some(picked) = self.enter(slot, wish.now) else {
                tried.push(slot.id);
                continue;
            };
            caps.note(place, slot, wish.now, &self.health);
            let picked = match hold {
                Some(hold) => picked.holding(hold),
                None => picked,
            };
            return Some(self.in_crowd(picked, is_home));
        }
        None
    }

    /// The keys that would do, in the order in which they are wanted: where turns decide, those of this turn and the next
    /// ones, which other requests may take meanwhile.
    fn candidates(&self, wish: &Wish<'_>, is_first: bool) -> Vec<Choice> {
        let Some(view) = self.view(wish) else { return Vec::new() };
        if self.rotates(wish) {
            let count = match &self.chooser {
                Chooser::Weighted(table) => table.cycle(),
                _ => view.count() as u64,
            };
            let turns = wish.turn..wish.turn.saturating_add(count.min(KEYS as u64));
            return turns.map_while(|turn| self.choose(&view, &Wish { turn, ..*wish })).collect();
        }
        if is_first { self.few(&view, wish) } else { self.neighbours(&view, wish) }
    }

    /// Those that are wanted most.
    fn few(&self, view: &View<'_>, wish: &Wish<'_>) -> Vec<Choice> {
        let (mut tried, mut chosen) = (wish.tried.to_vec(), Vec::with_capacity(FEW));
        while chosen.len() < FEW
            && let Some(choice) = self.choose(view, &Wish { tried: &tried, ..*wish })
        {
            tried.push(self.slots[choice.0].id);
            chosen.push(choice);
        }
        chosen
    }

    /// The one that is wanted most, and many beside it: hardly any has room, so one is as good as another.
    fn neighbours(&self, view: &View<'_>, wish: &Wish<'_>) -> Vec<Choice> {
        let Some((first, is_home)) = self.choose(view, wish) else { return Vec::new() };
        let others = view.around(first + 1).filter(|place| *place != first);
        let others = others.filter(self.is_left(view, wish)).map(|place| (place, is_home.map(|_| false)));
        std::iter::once((first, is_home)).chain(others).take(KEYS).collect()
    }

    /// Whether turns decide for a request.
    fn rotates(&self, wish: &Wish<'_>) -> bool {
        match &self.chooser {
            Chooser::RoundRobin | Chooser::Weighted(_) => true,
            Chooser::LeastConnections | Chooser::Random => false,
            Chooser::Sticky(..) => wish.affinity.is_none(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        num::NonZeroU32,
        time::{Duration, Instant},
    };

    use proptest::prelude::*;

    use super::{
        super::tests::{STRATEGIES, pool},
        *,
    };
    use crate::{
        cache::others::Others,
        model::{Caps, Strategy},
    };

    fn caps(concurrent: u32, per_minute: u32) -> Caps {
        let tokens_per_minute = NonZeroU32::new(1000);
        Caps {
            concurrent: NonZeroU32::new(concurrent),
            per_minute: NonZeroU32::new(per_minute),
            tokens_per_minute,
        }
    }

    /// A pool that shares its caps, and the others, who give these answers.
    fn shared(strategy: Strategy, keys: i64, caps: Caps, answers: Vec<Claimed>) -> (KeyPool, Arc<Others>) {
        let others = Arc::new(Others::answering(answers));
        let ledger = Arc::clone(&others);
        let pool = pool(strategy, keys).capped(caps, None, Instant::now()).sharing(|| Some(ledger));
        (pool, others)
    }

    fn wish(turn: u64, tried: &[KeyId]) -> Wish<'_> {
        Wish { turn, affinity: None, model: None, tried, may_try: true, now: Instant::now() }
    }

    fn granted(place: usize) -> Claimed {
        Claimed { granted: Some(Granted { place, hold: Some(7) }), full: Vec::new() }
    }

    fn ids(ids: impl IntoIterator<Item = i64>) -> Vec<KeyId> {
        ids.into_iter().map(KeyId).collect()
    }

    proptest! {
        #[test]
        fn keys_are_named_in_the_order_in_which_turns_would_pick_them(
            strategy in prop::sample::select(&[Strategy::RoundRobin, Strategy::Weighted, Strategy::Sticky][..]),
            count in 1_i64..80,
            turn in 0_u64..1000,
            tried in prop::collection::vec(1_i64..80, 0..5),
        ) {
            let (shared, _) = shared(strategy, count, caps(3, 0), Vec::new());
            let (plain, tried) = (pool(strategy, count), ids(tried));
            let named = shared.candidates(&wish(turn, &tried), true);
            let picked = (turn..).map(|turn| plain.pick(&wish(turn, &tried)).map(|picked| picked.slot().id));
            let picked: Vec<_> = picked.take(usize::try_from(count).unwrap().min(32)).flatten().collect();
            prop_assert_eq!(named.iter().map(|(place, _)| shared.slots()[*place].id).collect::<Vec<_>>(), picked);
        }
    }

    #[tokio::test]
    async fn the_key_that_the_others_grant_is_picked_and_counts_everywhere() {
        let (pool, others) = shared(Strategy::RoundRobin, 3, caps(2, 1), vec![granted(2)]);

        let picked = pool.claim(&wish(1, &[])).await.unwrap();

        assert_eq!(others.asked(), [ids([2, 3, 1])]);
        assert_eq!((picked.slot().id, picked.slot().in_flight()), (KeyId(1), 1));
        drop(picked);
        assert!(others.held().is_empty(), "it has ended everywhere");
        assert!(pool.claim(&wish(1, &[])).await.is_some_and(|picked| picked.slot().id == KeyId(2)));
        assert_eq!(others.asked()[1], ids([2, 3]), "its minute is over here as well");
        pool.charge(KeyId(2), 60, Instant::now());
        assert_eq!(others.used(), 60);
    }

    #[tokio::test]
    async fn keys_that_are_full_elsewhere_rest_here_and_nobody_asks_about_them() {
        for strategy in STRATEGIES {
            let minute = Duration::from_mins(1);
            let full = Claimed { granted: None, full: vec![(0, minute), (1, minute), (2, minute)] };
            let (pool, others) = shared(strategy, 3, caps(2, 0), vec![full]);

            assert!(pool.claim(&wish(0, &[])).await.is_none());
            assert!(pool.claim(&wish(1, &[])).await.is_none());

            assert_eq!(others.asked().len(), 1, "{strategy:?}");
            assert_eq!(pool.count_at_cap(Instant::now()), 3);
            assert_eq!(pool.count_at_cap(Instant::now() + 2 * minute), 0);
            let (_, until) = pool.health().next_to_end().unwrap();
            assert!(until > Instant::now() + minute / 2);
        }
    }

    #[tokio::test]
    async fn of_many_keys_those_are_asked_about_that_were_not_named_yet() {
        for strategy in STRATEGIES {
            let (pool, others) = shared(strategy, 40, caps(2, 0), vec![granted(0), Claimed::default()]);

            let picked = pool.claim(&wish(0, &[])).await.unwrap();

            let asked = others.asked();
            assert!(asked.len() == 2, "{strategy:?}");
            assert!(asked[1].iter().all(|key| !asked[0].contains(key)), "{strategy:?}");
            assert_eq!(picked.slot().id, asked[1][0]);
        }
    }

    #[tokio::test]
    async fn where_turns_do_not_decide_few_keys_are_named_and_all_of_them_when_those_have_no_room() {
        for strategy in [Strategy::Sticky, Strategy::LeastConnections, Strategy::Random] {
            let (pool, others) = shared(strategy, 40, caps(2, 0), vec![Claimed::default(); 4]);
            let wish = Wish { affinity: Some(7), ..wish(0, &[]) };
            let first = (strategy != Strategy::Random).then(|| pool.preview(Some(7), None, 1, wish.now)[0]);

            assert!(pool.claim(&wish).await.is_none());

            let asked = others.asked();
            assert_eq!(asked.iter().map(Vec::len).collect::<Vec<_>>(), [4, 32, 4], "{strategy:?}");
            assert!(first.is_none_or(|first| asked[0][0] == first), "{strategy:?}");
            let mut named = asked.concat();
            named.sort_unstable();
            assert_eq!(named, ids(1..=40), "{strategy:?}");
        }
    }

    #[tokio::test]
    async fn when_nobody_answers_the_caps_are_kept_here_and_the_others_are_to_know() {
        for strategy in STRATEGIES {
            let (pool, others) = shared(strategy, 2, caps(1, 0), Vec::new());

            let picked = [pool.claim(&wish(0, &[])).await, pool.claim(&wish(1, &[])).await];

            assert!(picked.iter().all(Option::is_some) && pool.claim(&wish(2, &[])).await.is_none());
            assert_eq!(others.held().len(), 2, "{strategy:?}");
            drop(picked);
            assert!(others.held().is_empty(), "{strategy:?}");
        }
    }

    #[test]
    fn a_pool_without_caps_asks_nobody() {
        let pool = pool(Strategy::RoundRobin, 2).sharing(|| unreachable!("there is nothing to share"));

        assert!(!pool.shares_caps());
    }
}
