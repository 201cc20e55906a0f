//! Other instances, as tests want them.

use std::sync::{
    Mutex,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use super::{Claim, Claimed, Claiming, Granted, Ledger, Turn, Turns};
use crate::model::KeyId;

/// They answer by a script, and remember what they were told.
#[derive(Default)]
pub(crate) struct Others {
    /// The last one is next. When there is none, nobody answers.
    answers: Mutex<Vec<Claimed>>,
    /// The keys that each claim named.
    asked: Mutex<Vec<Vec<KeyId>>>,
    /// The numbers of what is under way.
    held: Mutex<Vec<u64>>,
    used: AtomicU64,
}

impl Others {
    /// Those who give these answers, the last one first.
    pub(crate) fn answering(answers: Vec<Claimed>) -> Self {
        Self { answers: Mutex::new(answers), ..Self::default() }
    }

    pub(crate) fn asked(&self) -> Vec<Vec<KeyId>> {
        self.asked.lock().unwrap().clone()
    }

    pub(crate) fn held(&self) -> Vec<u64> {
        self.held.lock().unwrap().clone()
    }

    pub(crate) fn used(&self) -> u64 {
        self.used.load(Relaxed)
    }
}

impl Turns for Others {
    fn next(&self) -> Turn<'_> {
        Turn::Now(0)
    }

    fn upcoming(&self) -> u64 {
        0
    }
}

impl Ledger for Others {
    fn claim<'a>(&'a self, claim: Claim<'a>) -> Option<Claiming<'a>> {
        self.asked.lock().unwrap().push(claim.keys.to_vec());
        let answer = self.answers.lock().unwrap().pop()?;
        if let Some(Granted { hold: Some(number), .. }) = answer.granted {
            self.held.lock().unwrap().push(number);
        }
        Some(Box::pin(async { Some(answer) }))
    }

    fn hold(&self, _: KeyId) -> u64 {
        self.held.lock().unwrap().push(1);
        1
    }

    fn release(&self, number: u64) {
        self.held.lock().unwrap().retain(|held| *held != number);
    }

    fn charge(&self, _: KeyId, tokens: u64) {
        self.used.fetch_add(tokens, Relaxed);
    }
}
