//! The instances that live, and which of them leads: in memory, since the files are one process's own.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use rotator_core::store::{Instance, LiveInstance, Term};

/// Those that beat, and when that is forgotten.
#[derive(Debug, Default)]
pub(crate) struct Instances(Mutex<Members>);

#[derive(Debug, Default)]
struct Members {
    by_id: BTreeMap<String, (Instance, Instant)>,
    leader: Option<Leader>,
    last_term: u64,
}

#[derive(Debug)]
struct Leader {
    id: String,
    ends: Instant,
}

impl Instances {
    /// An instance lives for so long, and leads for so long if nobody else does.
    pub(crate) fn beat(&self, instance: &Instance, ttl: Duration) -> Option<Term> {
        let (mut members, now) = (self.lock(), Instant::now());
        let ends = now + ttl;
        members.by_id.retain(|_, (_, ends)| *ends > now);
        members.by_id.insert(instance.id.clone(), (instance.clone(), ends));
        match &mut members.leader {
            Some(leader) if leader.id == instance.id => leader.ends = ends,
            Some(leader) if leader.ends > now => return None,
            _ => {
                members.leader = Some(Leader { id: instance.id.clone(), ends });
                members.last_term += 1;
            }
        }
        Some(Term(members.last_term))
    }

    /// Whether nobody has begun to lead since this term began.
    pub(crate) fn is_current(&self, term: Term) -> bool {
        self.lock().last_term == term.0
    }

    /// An instance lives and leads no more.
    pub(crate) fn leave(&self, id: &str) {
        let mut members = self.lock();
        members.by_id.remove(id);
        members.leader.take_if(|leader| leader.id == id);
    }

    /// Those that live.
    pub(crate) fn list(&self) -> Vec<LiveInstance> {
        let (members, now) = (self.lock(), Instant::now());
        let leads =
            |id: &str| members.leader.as_ref().is_some_and(|leader| leader.id == id && leader.ends > now);
        let live = members.by_id.values().filter(|(_, ends)| *ends > now);
        live.map(|(instance, _)| {
            let term = leads(&instance.id).then_some(Term(members.last_term));
            LiveInstance { instance: instance.clone(), term }
        })
        .collect()
    }

    fn lock(&self) -> MutexGuard<'_, Members> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
