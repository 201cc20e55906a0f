use crate::model::KeyId;

/// Conversations to keys by multi-probe consistent hashing (Appleton and O'Reilly, 2015): a conversation keeps its
/// key for as long as the key is there, and a key that goes moves its own conversations only.
///
/// Every key has a few points on a ring of 2^64. A conversation probes the ring at 21 places of its own; of the keys
/// whose points come next after a probe, the nearest wins. A point that goes was nearest for its own conversations
/// only, so no other moves. Many probes, rather than many points, even out the shares: a key carries at most about a
/// tenth more than its share.
///
/// Why not rendezvous hashing, the highest of `hash(conversation, key)` over all keys: it moves as little and is
/// simpler still, but hashes every key for every request. This takes the same 21 steps at 10 keys as at 100 000.
///
/// Every instance must choose alike, so the hash is fixed for good: [`mix`].
pub(super) struct Ring {
    /// The points in ascending order, each at the place that its value suggests or soon after, and repeated in the
    /// gap before it: a table that is searched by computing a place and reading on a little.
    points: Box<[u64]>,
    /// The index of the key that each point belongs to.
    owners: Box<[u32]>,
    /// How many places the ring is cut into.
    places: usize,
}

/// The affinity of a conversation that is known by a name: FNV-1a, 64 bits, the same on every instance and in every
/// version.
pub fn affinity_of(name: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    name.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

const POINTS_PER_KEY: usize = 8;
const PROBES: usize = 21;
/// How many places a probe looks at.
const REACH: usize = 1024;
/// Keeps the probes of a conversation apart from the points of a key of the same number.
const PROBE_SEED: u64 = 0x5BF0_3635_D1F3_8A27;

impl Ring {
    pub(super) fn new(ids: impl Iterator<Item = KeyId>) -> Self {
        let mut sorted: Vec<(u64, u32)> = (0..)
            .zip(ids)
            .flat_map(|(owner, id)| {
                scatter::<POINTS_PER_KEY>(id.0.cast_unsigned()).map(|point| (point, owner))
            })
            .collect();
        sorted.sort_unstable();
        // A third of the places stays free, so that few points are far from where they are looked for.
        let places = sorted.len() + sorted.len() / 2;
        let mut ring = Vec::with_capacity(places);
        for (point, owner) in sorted {
            let end = home(point, places).max(ring.len()) + 1;
            ring.resize(end, (point, owner));
        }
        let (points, owners): (Vec<u64>, Vec<u32>) = ring.into_iter().unzip();
        Self { points: points.into(), owners: owners.into(), places }
    }

    /// The index of the key of a conversation, as if the ring held only the keys that are left, and whether it is the one
    /// that the whole ring would give. Where hardly any is left, a search would take long: then another choice is as good.
    pub(super) fn at(
        &self,
        affinity: u64,
        is_left: impl Fn(&usize) -> bool,
        otherwise: impl Fn() -> Option<usize>,
    ) -> Option<(usize, bool)> {
        // Nearly always every key is left, and then only the winner's owner is looked at.
        let nearest = self.nearest(affinity, |_| true)?;
        if is_left(&nearest) {
            return Some((nearest, true));
        }
        self.nearest(affinity, is_left).or_else(otherwise).map(|other| (other, false))
    }

    /// `None` when no probe finds a key that is left within its reach.
    fn nearest(&self, affinity: u64, is_left: impl Fn(&usize) -> bool) -> Option<usize> {
        let probes: [u64; PROBES] = scatter(affinity ^ PROBE_SEED);
        // One first look per probe, none of which waits for another: in a large pool each is a cache miss.
        let homes = probes.map(|probe| home(probe, self.places));
        let firsts = homes.map(|home| self.points.get(home).copied().unwrap_or(0));
        (0..PROBES)
            .filter_map(|n| {
                let (probe, home) = (probes[n], homes[n]);
                let after = if firsts[n] > probe { home } else { self.place_after(probe, home) };
                let is_left = |place: &usize| is_left(&self.owner(*place));
                let place = if is_left(&after) {
                    after
                } else {
                    around(after, self.points.len()).take(REACH).find(is_left)?
                };
                Some((self.points.get(place)?.wrapping_sub(probe), place))
            })
            .min()
            .map(|(_, place)| self.owner(place))
    }

    /// The place of the first point after a probe, from the probe's home on and around the ring.
    fn place_after(&self, probe: u64, home: usize) -> usize {
        let ahead = self.points.get(home..).unwrap_or_default();
        ahead.iter().position(|point| *point > probe).map_or(0, |steps| home + steps)
    }

    /// The index of the key at a place; nobody asks for a place beyond the last.
    fn owner(&self, place: usize) -> usize {
        self.owners.get(place).map_or(0, |owner| *owner as usize)
    }
}

/// Every place below `count` once: from `first` on, then from 0.
fn around(first: usize, count: usize) -> impl Iterator<Item = usize> {
    (first..count).chain(0..first.min(count))
}

/// The place that a point's value suggests: as far along the places as the value is along all 64-bit numbers.
fn home(point: u64, places: usize) -> usize {
    let scaled = (u128::from(point) * places as u128) >> u64::BITS;
    // Smaller than `places`, so it fits.
    usize::try_from(scaled).unwrap_or(0)
}

/// Numbers that look random and depend on nothing but `seed`.
fn scatter<const N: usize>(seed: u64) -> [u64; N] {
    let mut state = mix(seed);
    [(); N].map(|()| {
        state = state.wrapping_add(1);
        mix(state)
    })
}

/// The output function of `SplitMix64` (Steele, Lea and Flood, 2014), its increment included.
fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_key_is_the_one_whose_point_is_nearest_after_any_probe(
            ids in prop::collection::vec(any::<i64>(), 0..60),
            affinity: u64,
            gone: prop::sample::Index,
        ) {
            let is_left = |owner: &usize| *owner != gone.index(60);
            let probes: [u64; PROBES] = scatter(affinity ^ PROBE_SEED);
            let nearest = ids
                .iter()
                .enumerate()
                .filter(|(owner, _)| is_left(owner))
                .flat_map(|(owner, id)| scatter::<POINTS_PER_KEY>(id.cast_unsigned()).map(|point| (point, owner)))
                .flat_map(|(point, owner)| probes.map(|probe| (point.wrapping_sub(probe), owner)))
                .min();

            let ring = Ring::new(ids.iter().map(|id| KeyId(*id)));

            let found = ring.at(affinity, is_left, || None);
            prop_assert_eq!(found.map(|(owner, _)| owner), nearest.map(|(_, owner)| owner));
            let home = ring.at(affinity, |_| true, || None);
            prop_assert_eq!(found.is_some_and(|(_, is_home)| is_home), found.is_some() && found == home);
        }
    }
}
