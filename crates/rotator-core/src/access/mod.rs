//! Who may call: the proxy keys, known only by their digests.

mod terms;

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
    time::Instant,
};

use aws_lc_rs::{
    constant_time::verify_slices_are_equal,
    digest::{SHA256, SHA256_OUTPUT_LEN, digest},
    rand,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use foldhash::fast::RandomState;
use jiff::Timestamp;
use zeroize::Zeroizing;

pub use self::terms::Terms;
use crate::{
    cache::{Ledger, Scope},
    model::{ProxyKey, ProxyKeyId},
    secret::Secret,
};

/// The proxy keys that clients may show. An empty list lets nobody in.
#[derive(Debug, Default)]
pub struct ProxyKeys {
    keys: Box<[Known]>,
    /// Their places, by the beginnings of their digests.
    places: HashMap<Beginning, usize, RandomState>,
    list: ListId,
}

/// So much of a digest tells keys apart.
type Beginning = [u8; 16];

/// Where all instances count together what holders do.
pub type Ledgers<'a> = &'a dyn Fn(Scope) -> Option<Arc<dyn Ledger>>;

/// Which keys are at which places in a list: a digest of their digests. What their holders may do is no part of it.
type ListId = [u8; SHA256_OUTPUT_LEN];

/// Whoever showed a valid proxy key.
#[derive(Debug, Clone)]
pub struct Holder {
    /// Its number, from 1 on for those of the operator; else its id, which is above all of these.
    pub key: u32,
    /// What the key lets its holder do; `None` for an operator's key, which opens everything.
    pub terms: Option<Arc<Terms>>,
}

#[derive(Debug)]
struct Known {
    digest: [u8; SHA256_OUTPUT_LEN],
    holder: Holder,
}

/// A key that was let in on one connection: the same key need not be digested for every request on it.
#[derive(Default)]
pub struct Remembered(OnceLock<LetIn>);

struct LetIn {
    key: Zeroizing<Box<[u8]>>,
    place: usize,
    list: ListId,
}

impl ProxyKeys {
    /// The keys that an operator set; they are not kept, only their digests are.
    pub fn new<'a>(keys: impl IntoIterator<Item = &'a Secret>) -> Self {
        let known = |(key, secret)| Known { digest: sha256_of(secret), holder: Holder { key, terms: None } };
        Self::of((1..=ProxyKeyId::LAST_OF_OPERATOR).zip(keys).map(known).collect())
    }

    /// The operator's keys of this list, with these of admins. What holders have done goes on from this list.
    #[must_use]
    pub fn with_made(&self, keys: &[ProxyKey], epoch: Instant, ledgers: Ledgers<'_>) -> Self {
        let operators = self.keys.iter().filter(|known| known.holder.terms.is_none());
        let operators = operators.map(|known| Known { digest: known.digest, holder: known.holder.clone() });
        let made = keys.iter().filter(|key| key.spec.is_active).filter_map(|key| {
            let before = self.terms().find(|terms| terms.id() == key.id);
            let terms = Some(Arc::new(Terms::new(key, before.map(|terms| &**terms), epoch, ledgers)));
            Some(Known { digest: key.digest, holder: Holder { key: key.id.number()?, terms } })
        });
        Self::of(operators.chain(made).collect())
    }

    fn of(keys: Box<[Known]>) -> Self {
        let digests: Vec<u8> = keys.iter().flat_map(|known| known.digest).collect();
        let places =
            keys.iter().zip(0..).filter_map(|(known, place)| Some((beginning(&known.digest)?, place)));
        Self { places: places.collect(), keys, list: sha256(&digests) }
    }

    /// Like [`ProxyKeys::check`], for one of many requests on a connection.
    pub fn check_again(&self, shown: &[u8], remembered: &Remembered) -> Option<Holder> {
        if let Some(known) = remembered.0.get()
            && known.list == self.list
            && verify_slices_are_equal(&known.key, shown).is_ok()
        {
            return self.keys.get(known.place).map(|known| known.holder.clone());
        }
        let place = self.find(shown)?;
        // The first key let in stays; a connection that shows several pays for the others.
        let _ = remembered.0.set(LetIn { key: Zeroizing::new(shown.into()), place, list: self.list });
        self.keys.get(place).map(|known| known.holder.clone())
    }

    /// Whose key this is; `None` for nobody's.
    ///
    /// However many keys there are, one is compared with, in constant time. How long it takes to find that one tells of
    /// digests at most, and nobody finds a key by its digest.
    pub fn check(&self, shown: &[u8]) -> Option<Holder> {
        self.keys.get(self.find(shown)?).map(|known| known.holder.clone())
    }

    fn find(&self, shown: &[u8]) -> Option<usize> {
        let shown = sha256(shown);
        let place = *self.places.get(&beginning(&shown)?)?;
        verify_slices_are_equal(&self.keys.get(place)?.digest, &shown).is_ok().then_some(place)
    }

    /// When keys of admins were last shown, as far as that is news since the last call.
    pub fn take_uses(&self) -> Vec<(ProxyKeyId, Timestamp)> {
        self.terms().filter_map(|terms| terms.take_use()).collect()
    }

    fn terms(&self) -> impl Iterator<Item = &Arc<Terms>> {
        self.keys.iter().filter_map(|known| known.holder.terms.as_ref())
    }
}

/// A new proxy key: 256 random bits. `None` when the system gives none.
pub fn random_key() -> Option<Secret> {
    Secret::parse(&random_text("pk-", 32)?).ok()
}

/// So many random bytes, as text that needs quotes neither in a shell nor in a dotenv file. `None` when the system gives
/// none.
pub fn random_text(prefix: &str, bytes: usize) -> Option<Zeroizing<String>> {
    let mut random = Zeroizing::new(vec![0; bytes]);
    rand::fill(&mut random).ok()?;
    Some(Zeroizing::new(format!("{prefix}{}", URL_SAFE_NO_PAD.encode(&*random))))
}

/// The digest by which a proxy key is known.
pub fn sha256_of(key: &Secret) -> [u8; SHA256_OUTPUT_LEN] {
    sha256(key.expose().as_bytes())
}

fn beginning(digest: &[u8; SHA256_OUTPUT_LEN]) -> Option<Beginning> {
    digest.first_chunk().copied()
}

fn sha256(bytes: &[u8]) -> [u8; SHA256_OUTPUT_LEN] {
    let mut out = [0; SHA256_OUTPUT_LEN];
    out.copy_from_slice(digest(&SHA256, bytes).as_ref());
    out
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, num::NonZeroU32};

    use super::*;
    use crate::model::{Caps, ConfigId, ProxyKeySpec};

    fn keys(texts: &[&str]) -> ProxyKeys {
        ProxyKeys::new(&texts.iter().map(|t| Secret::parse(t).unwrap()).collect::<Vec<_>>())
    }

    fn made(id: i64, text: &str) -> ProxyKey {
        let spec = ProxyKeySpec {
            name: "of a team".into(),
            is_active: true,
            services: None,
            expires_at: None,
            caps: Caps::default(),
        };
        let digest = sha256(text.as_bytes());
        let created_at = Timestamp::UNIX_EPOCH;
        ProxyKey { id: ProxyKeyId(id), spec, digest, masked: "***".into(), last_used_at: None, created_at }
    }

    fn check(keys: &ProxyKeys, shown: &str) -> Option<u32> {
        keys.check(shown.as_bytes()).map(|holder| holder.key)
    }

    fn terms(keys: &ProxyKeys, shown: &str) -> Arc<Terms> {
        keys.check(shown.as_bytes()).unwrap().terms.unwrap()
    }

    #[test]
    fn only_a_whole_key_opens() {
        let keys = keys(&["first-key", "second-key"]);

        assert_eq!((check(&keys, "first-key"), check(&keys, "second-key")), (Some(1), Some(2)));
        for near in ["", "first-ke", "first-key ", "First-key", "first-kez", "first-key,second-key"] {
            assert_eq!(check(&keys, near), None, "{near:?}");
        }
    }

    #[test]
    fn each_of_many_keys_is_its_holders() {
        let texts: Vec<_> = (0..2_000).map(|n| format!("key-{n}")).collect();
        let keys = keys(&texts.iter().map(String::as_str).collect::<Vec<_>>()[..900]);
        let made: Vec<_> = (1001..).zip(&texts[900..]).map(|(id, text)| made(id, text)).collect();
        let keys = keys.with_made(&made, Instant::now(), &|_| None);

        for (number, text) in (1..=900).chain(1001..).zip(&texts) {
            assert_eq!(check(&keys, text), Some(number), "{text}");
        }
    }

    #[test]
    fn a_digest_that_only_begins_alike_opens_nothing() {
        let mut keys = keys(&["first-key"]);
        keys.keys[0].digest[SHA256_OUTPUT_LEN - 1] ^= 1;

        assert_eq!(check(&keys, "first-key"), None);
    }

    #[test]
    fn a_remembered_key_opens_only_the_list_it_was_let_in_by() {
        let (keys, others) = (keys(&["first-key", "second-key"]), keys(&["other-key"]));
        let remembered = Remembered::default();
        let again = |keys: &ProxyKeys, shown: &str| {
            keys.check_again(shown.as_bytes(), &remembered).map(|holder| holder.key)
        };

        for _ in 0..2 {
            assert_eq!(again(&keys, "second-key"), Some(2));
            assert_eq!(again(&keys, "first-key"), Some(1));
            assert_eq!(again(&keys, "second-kez"), None);
            assert_eq!(again(&others, "second-key"), None);
        }
    }

    #[test]
    fn a_list_read_again_is_the_same_list_but_not_if_a_key_came_or_went() {
        let (operators, epoch) = (keys(&["operators-key"]), Instant::now());
        let mut team = made(1001, "team-key");
        let before = operators.with_made(&[team.clone()], epoch, &|_| None);
        team.spec.name = "renamed".into();

        assert_eq!(before.list, before.with_made(&[team.clone()], epoch, &|_| None).list);
        assert_ne!(before.list, before.with_made(&[], epoch, &|_| None).list);
        assert_ne!(before.list, before.with_made(&[team, made(1002, "other-key")], epoch, &|_| None).list);
    }

    #[test]
    fn an_empty_list_lets_nobody_in() {
        assert_eq!(check(&keys(&[]), ""), None);
    }

    #[test]
    fn keys_of_admins_open_beside_the_operators_until_they_are_gone_or_switched_off() {
        let epoch = Instant::now();
        let before = keys(&["operators-key"]).with_made(
            &[made(1001, "team-key"), made(1002, "other-key")],
            epoch,
            &|_| None,
        );
        assert_eq!(check(&before, "operators-key"), Some(1));
        assert_eq!((check(&before, "team-key"), check(&before, "other-key")), (Some(1001), Some(1002)));

        let mut off = made(1001, "team-key");
        off.spec.is_active = false;
        let after = before.with_made(&[off], epoch, &|_| None);

        assert_eq!(check(&after, "operators-key"), Some(1));
        assert_eq!((check(&after, "team-key"), check(&after, "other-key")), (None, None));
    }

    #[test]
    fn a_key_opens_its_services_until_it_expires() {
        let mut key = made(1001, "team-key");
        let end = Timestamp::UNIX_EPOCH + std::time::Duration::from_secs(9);
        key.spec.services = Some(BTreeSet::from([ConfigId(3)]));
        key.spec.expires_at = Some(end);
        let terms = terms(&keys(&[]).with_made(&[key], Instant::now(), &|_| None), "team-key");

        assert!(terms.opens(Some(ConfigId(3))));
        assert!(!terms.opens(Some(ConfigId(4))) && !terms.opens(None));
        assert!(terms.is_valid_at(Timestamp::UNIX_EPOCH) && !terms.is_valid_at(end));
    }

    #[test]
    fn what_holders_did_outlives_a_change_of_the_list_and_each_use_is_told_once() {
        let epoch = Instant::now();
        let mut key = made(1001, "team-key");
        key.spec.caps.concurrent = NonZeroU32::new(1);
        let before = keys(&[]).with_made(std::slice::from_ref(&key), epoch, &|_| None);
        let _inside = terms(&before, "team-key").entrance.enter(epoch).unwrap();
        let at = Timestamp::UNIX_EPOCH + std::time::Duration::from_secs(9);
        terms(&before, "team-key").note_use(at);

        let after = before.with_made(&[key, made(1002, "new-key")], epoch, &|_| None);

        assert!(terms(&after, "team-key").entrance.enter(epoch).is_err(), "it is at work");
        assert_eq!(after.take_uses(), [(ProxyKeyId(1001), at)]);
        assert_eq!(after.take_uses(), []);
        terms(&after, "team-key").note_use(at);
        assert_eq!(after.take_uses(), []);
    }

    #[test]
    fn random_keys_differ() {
        let [one, other] = [random_key(), random_key()].map(Option::unwrap);

        assert!(one != other && one.expose().len() == 46 && one.expose().starts_with("pk-"));
    }
}
