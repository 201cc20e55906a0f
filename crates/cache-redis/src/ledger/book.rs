use std::{
    collections::{BTreeSet, HashMap},
    num::NonZeroU32,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering::Relaxed},
    time::Duration,
};

use deadpool_redis::redis::RedisResult;
use rotator_core::{
    cache::{Claim, Claimed, Claiming, Granted, Ledger, Turn, Turns},
    model::{Caps, KeyId},
};

use super::Office;
use crate::{
    link::{Live, Wire},
    names::ScopeNames,
    turns::Counter,
};

/// For how long a request counts as under way unless it is renewed.
const LASTING: Duration = Duration::from_secs(20);
/// So many requests are renewed, or ended, in one script: Redis does nothing else meanwhile. A claim carries fewer.
const MANY: usize = 500;
const CARRIED: usize = 50;

/// What is done in one scope.
pub(super) struct Book {
    names: ScopeNames,
    turns: Arc<Counter>,
    office: Arc<Office>,
    entries: Mutex<Entries>,
}

#[derive(Default)]
struct Entries {
    /// Requests under way.
    held: HashMap<u64, Held>,
    /// Requests that have ended, which Redis may not know yet.
    ended: BTreeSet<(u64, KeyId)>,
    /// Tokens that Redis does not know of.
    used: HashMap<KeyId, u64>,
}

struct Held {
    key: KeyId,
    /// Redis may know of it.
    is_told: bool,
}

/// A question under way. If nobody waits for the answer any more, Redis may have counted the request with any of the keys.
struct Asking<'a> {
    book: &'a Book,
    number: u64,
    keys: &'a [KeyId],
}

impl Book {
    pub(super) fn new(names: ScopeNames, turns: Arc<Counter>, office: Arc<Office>) -> Self {
        Self { names, turns, office, entries: Mutex::default() }
    }

    async fn ask(&self, wire: &Wire, claim: Claim<'_>) -> RedisResult<Claimed> {
        let Caps { concurrent, per_minute, tokens_per_minute } = *claim.caps;
        let (number, keys) = (self.office.requests.fetch_add(1, Relaxed), claim.keys);
        let asking = concurrent.map(|_| Asking { book: self, number, keys });
        let ended = self.ended(CARRIED);
        let mut call = self.office.claim.key(self.names.turns());
        if per_minute.or(tokens_per_minute).is_some() {
            for key in keys {
                call.key(self.names.minute(*key));
            }
        }
        if concurrent.is_some() {
            for key in keys {
                call.key(self.names.at_work(*key));
            }
        }
        for most in [per_minute, tokens_per_minute, concurrent] {
            call.arg(most.map_or(0, NonZeroU32::get));
        }
        let expected = if claim.rotates { claim.turn.to_string() } else { String::new() };
        call.arg(keys.len()).arg(expected);
        call.arg(self.office.member(number)).arg(millis(LASTING));
        for (number, key) in &ended {
            call.key(self.names.at_work(*key)).arg(self.office.member(*number));
        }
        let answer: Vec<u64> = call.invoke_async(&mut wire.connection()).await?;
        self.forget(&ended);
        asking.into_iter().for_each(Asking::answered);
        let [turn, granted, full @ ..] = &answer[..] else { return Ok(Claimed::default()) };
        if claim.rotates {
            self.turns.learn(turn + 1);
        }
        let granted = place(*granted).and_then(|place| {
            let key = *keys.get(place)?;
            let hold = concurrent.map(|_| {
                self.entries().held.insert(number, Held { key, is_told: true });
                number
            });
            Some(Granted { place, hold })
        });
        let full = full.as_chunks().0.iter();
        let full = full.filter_map(|[at, wait]| Some((place(*at)?, Duration::from_millis(*wait)))).collect();
        Ok(Claimed { granted, full })
    }

    /// Tells what has ended, and what was used.
    pub(super) async fn settle(&self, live: &Live) -> RedisResult<()> {
        let (ended, used) = (self.ended(MANY), std::mem::take(&mut self.entries().used));
        if ended.is_empty() && used.is_empty() {
            return Ok(());
        }
        if ended.len() == MANY {
            self.office.owing.notify_one();
        }
        let mut call = self.office.settle.prepare_invoke();
        call.arg(used.len());
        for (key, tokens) in used {
            call.key(self.names.minute(key)).arg(tokens);
        }
        for (number, key) in &ended {
            call.key(self.names.at_work(*key)).arg(self.office.member(*number));
        }
        call.invoke_async::<()>(&mut live.connection()).await?;
        self.forget(&ended);
        Ok(())
    }

    /// Tells which requests are under way.
    pub(super) async fn renew(&self, live: &Live) -> RedisResult<()> {
        let held: Vec<(u64, KeyId)> = {
            let mut entries = self.entries();
            entries.held.values_mut().for_each(|held| held.is_told = true);
            entries.held.iter().map(|(number, held)| (*number, held.key)).collect()
        };
        for held in held.chunks(MANY) {
            let mut call = self.office.renew.prepare_invoke();
            call.arg(millis(LASTING));
            for (number, key) in held {
                call.key(self.names.at_work(*key)).arg(self.office.member(*number));
            }
            call.invoke_async::<()>(&mut live.connection()).await?;
            // What has ended meanwhile, and was told, may be back.
            let mut entries = self.entries();
            let ended = held.iter().filter(|(number, _)| !entries.held.contains_key(number));
            let ended: Vec<_> = ended.copied().collect();
            entries.ended.extend(ended);
        }
        Ok(())
    }

    /// Some of what has ended.
    fn ended(&self, most: usize) -> BTreeSet<(u64, KeyId)> {
        self.entries().ended.iter().take(most).copied().collect()
    }

    /// Redis knows what has ended.
    fn forget(&self, ended: &BTreeSet<(u64, KeyId)>) {
        if ended.is_empty() {
            return;
        }
        let mut entries = self.entries();
        for known in ended {
            entries.ended.remove(known);
        }
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turns for Book {
    fn next(&self) -> Turn<'_> {
        Turn::Now(self.turns.own())
    }

    fn upcoming(&self) -> u64 {
        self.turns.known()
    }
}

impl Ledger for Book {
    fn claim<'a>(&'a self, claim: Claim<'a>) -> Option<Claiming<'a>> {
        let live = self.office.link.live().ok()?;
        Some(Box::pin(async move {
            let wire = live.own();
            live.ask_on(&wire, self.office.budget, self.ask(&wire, claim)).await.ok()
        }))
    }

    fn hold(&self, key: KeyId) -> u64 {
        let number = self.office.requests.fetch_add(1, Relaxed);
        self.entries().held.insert(number, Held { key, is_told: false });
        number
    }

    fn release(&self, number: u64) {
        let mut entries = self.entries();
        if let Some(Held { key, is_told: true }) = entries.held.remove(&number) {
            entries.ended.insert((number, key));
            drop(entries);
            self.office.owing.notify_one();
        }
    }

    fn charge(&self, key: KeyId, tokens: u64) {
        // What was used while Redis was away would count when it is back, perhaps much later.
        if self.office.link.live().is_ok() {
            *self.entries().used.entry(key).or_default() += tokens;
            self.office.owing.notify_one();
        }
    }
}

impl Asking<'_> {
    fn answered(mut self) {
        self.keys = &[];
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        if self.keys.is_empty() {
            return;
        }
        let may_count = self.keys.iter().map(|key| (self.number, *key));
        self.book.entries().ended.extend(may_count);
        self.book.office.owing.notify_one();
    }
}

/// A place among keys, of one that a script counted from 1.
fn place(number: u64) -> Option<usize> {
    usize::try_from(number).ok()?.checked_sub(1)
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
