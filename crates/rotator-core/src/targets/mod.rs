//! Which address of an API is next.
//!
//! Most configs have one address, for which a choice costs nothing. With several, those of the lowest priority share the
//! requests by weight, but for the ones whose [`Breaker`] is open; when all are open, the request goes where it would
//! have gone anyway, since an upstream's own error tells more than ours.

mod breaker;

use std::{sync::Arc, time::Instant};

use crate::model::{BaseUrl, ConfigSpec, Weight};

pub use breaker::Breaker;

/// The addresses of one API.
#[derive(Debug)]
pub struct Targets(Box<[TargetSlot]>);

/// One of them, and how it is.
#[derive(Debug)]
pub struct TargetSlot {
    /// Where it is.
    pub url: BaseUrl,
    /// Whether it works.
    pub breaker: Arc<Breaker>,
    weight: Weight,
    priority: u8,
}

impl Targets {
    /// Those of a config. Addresses that an older snapshot had too are as well as they were there.
    pub fn of(spec: &ConfigSpec, before: Option<&Self>, epoch: Instant) -> Self {
        let known = |url: &BaseUrl| before?.0.iter().find(|slot| slot.url == *url);
        let slot = |url: &BaseUrl, weight, priority| TargetSlot {
            url: url.clone(),
            breaker: known(url)
                .map_or_else(|| Arc::new(Breaker::new(epoch)), |slot| Arc::clone(&slot.breaker)),
            weight,
            priority,
        };
        let main = slot(spec.target.url(), Weight::ONE, 0);
        let more = spec.more_targets.iter().map(|more| slot(&more.url, more.weight, more.priority));
        let mut slots: Vec<_> = std::iter::once(main).chain(more).collect();
        // The order in which they are added is that among equals.
        slots.sort_by_key(|slot| slot.priority);
        Self(slots.into())
    }

    /// All of them, those to be preferred first.
    pub fn slots(&self) -> &[TargetSlot] {
        &self.0
    }

    /// The one for a request that has tried some already, by their places in [`Targets::slots`]. `None` when there is no
    /// other. `chance` decides among equals.
    pub fn pick(&self, tried: &[usize], chance: u64, now: Instant) -> Option<usize> {
        if self.0.len() == 1 {
            return tried.is_empty().then_some(0);
        }
        let left = || (0..self.0.len()).filter(|place| !tried.contains(place));
        while let Some(place) =
            self.share(left().filter(|place| !self.0[*place].breaker.is_open(now)), chance)
        {
            // Unless somebody else has just begun to find out whether it works again.
            if self.0[place].breaker.enter(now) {
                return Some(place);
            }
        }
        self.share(left(), chance)
    }

    /// The one that would be picked for a request that has tried none, without picking it.
    pub fn preview(&self, now: Instant) -> Option<&TargetSlot> {
        let all = || 0..self.0.len();
        let works = |place: &usize| !self.0[*place].breaker.is_open(now);
        self.share(all().filter(works), 0).or_else(|| self.share(all(), 0)).map(|place| &self.0[place])
    }

    /// By weight among those of the lowest priority.
    fn share(&self, among: impl Iterator<Item = usize> + Clone, chance: u64) -> Option<usize> {
        let priority = self.0[among.clone().next()?].priority;
        let equals = among.take_while(|place| self.0[*place].priority == priority);
        let sum: u64 = equals.clone().map(|place| u64::from(self.0[place].weight.get())).sum();
        let mut left = chance % sum;
        equals.into_iter().find(|place| {
            let weight = u64::from(self.0[*place].weight.get());
            let is_its = left < weight;
            left = left.saturating_sub(weight);
            is_its
        })
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, time::Duration};

    use super::*;
    use crate::model::ConfigFields;

    /// The main target, and others by URL, weight and priority.
    fn targets(more: &[(&str, u16, u16)]) -> Targets {
        let mut fields = ConfigFields {
            name: "n".into(),
            slug: "s".into(),
            config_type: "LLM".into(),
            target_base_url: Some("http://main".into()),
            ..ConfigFields::default()
        };
        let field = |(url, weight, priority): &(&str, u16, u16)| crate::model::TargetFields {
            url: (*url).into(),
            weight: *weight,
            priority: *priority,
        };
        fields.options.more_targets = more.iter().map(field).collect();
        Targets::of(&ConfigSpec::try_from(&fields).unwrap(), None, Instant::now())
    }

    fn url(targets: &Targets, place: Option<usize>) -> &str {
        place.map_or("none", |place| targets.slots()[place].url.as_str())
    }

    fn fail(targets: &Targets, name: &str, now: Instant) {
        let slot = targets.slots().iter().find(|slot| slot.url.as_str() == name).unwrap();
        (0..Breaker::FAILURES).for_each(|_| slot.breaker.note(false, now));
    }

    #[test]
    fn equals_share_by_weight() {
        let targets = targets(&[("http://b", 3, 0), ("http://later", 5, 1)]);
        let mut counts = BTreeMap::new();
        for chance in 0..400 {
            *counts.entry(url(&targets, targets.pick(&[], chance, Instant::now()))).or_insert(0) += 1;
        }

        assert_eq!(counts, BTreeMap::from([("http://main", 100), ("http://b", 300)]));
    }

    #[test]
    fn what_was_tried_or_fails_is_passed_over_until_nothing_else_is_left() {
        let targets = targets(&[("http://b", 1, 1), ("http://c", 1, 2)]);
        let now = Instant::now();
        let pick = |tried: &[usize]| url(&targets, targets.pick(tried, 0, now));

        assert_eq!((pick(&[]), pick(&[0]), pick(&[0, 1, 2])), ("http://main", "http://b", "none"));
        fail(&targets, "http://b", now);
        assert_eq!((pick(&[0]), pick(&[0, 2])), ("http://c", "http://b"));
        fail(&targets, "http://main", now);
        fail(&targets, "http://c", now);
        assert_eq!(pick(&[]), "http://main");
    }

    #[test]
    fn a_target_that_failed_is_found_out_by_one_request_at_a_time() {
        let targets = targets(&[("http://b", 1, 1)]);
        let start = Instant::now();
        fail(&targets, "http://main", start);
        let later = start + Breaker::LONGEST;
        let pick = || url(&targets, targets.pick(&[], 0, later));

        assert_eq!([pick(), pick()], ["http://main", "http://b"]);
        targets.slots()[0].breaker.note(true, later);
        assert_eq!([pick(), pick()], ["http://main", "http://main"]);
    }

    #[test]
    fn a_new_snapshot_knows_what_the_old_one_learnt() {
        let now = Instant::now();
        let old = targets(&[("http://b", 1, 1)]);
        fail(&old, "http://main", now);
        let mut fields = ConfigFields {
            name: "n".into(),
            slug: "s".into(),
            config_type: "LLM".into(),
            target_base_url: Some("http://b".into()),
            ..ConfigFields::default()
        };
        fields.options.more_targets =
            vec![crate::model::TargetFields { url: "http://main".into(), weight: 9, priority: 0 }];
        let new = Targets::of(&ConfigSpec::try_from(&fields).unwrap(), Some(&old), now);

        assert_eq!(url(&new, new.pick(&[], 5, now + Duration::from_millis(1))), "http://b");
    }
}
