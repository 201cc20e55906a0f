//! Who may call: the proxy keys, known only by their digests.

use std::sync::{
    OnceLock,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use aws_lc_rs::{
    constant_time::verify_slices_are_equal,
    digest::{SHA256, SHA256_OUTPUT_LEN, digest},
};
use zeroize::Zeroizing;

use crate::secret::Secret;

/// The proxy keys that clients may show. An empty list lets nobody in.
#[derive(Default)]
pub struct ProxyKeys {
    digests: Box<[[u8; SHA256_OUTPUT_LEN]]>,
    /// Differs from that of every other list of this process.
    list: u64,
}

/// A key that was let in on one connection: the same key need not be digested for every request on it.
#[derive(Default)]
pub struct Remembered(OnceLock<LetIn>);

struct LetIn {
    key: Zeroizing<Box<[u8]>>,
    place: u32,
    list: u64,
}

impl ProxyKeys {
    /// These keys; they are not kept, only their digests are.
    pub fn new<'a>(keys: impl IntoIterator<Item = &'a Secret>) -> Self {
        static LISTS: AtomicU64 = AtomicU64::new(1);
        let digests = keys.into_iter().map(|key| sha256(key.expose().as_bytes())).collect();
        Self { digests, list: LISTS.fetch_add(1, Relaxed) }
    }

    /// Like [`ProxyKeys::check`], for one of many requests on a connection.
    pub fn check_again(&self, shown: &[u8], remembered: &Remembered) -> Option<u32> {
        if let Some(known) = remembered.0.get()
            && known.list == self.list
            && verify_slices_are_equal(&known.key, shown).is_ok()
        {
            return Some(known.place);
        }
        let place = self.check(shown)?;
        // The first key let in stays; a connection that shows several pays for the others.
        let _ = remembered.0.set(LetIn { key: Zeroizing::new(shown.into()), place, list: self.list });
        Some(place)
    }

    /// Which proxy key this is, counted from 1; `None` for none of them.
    ///
    /// Takes the same time wherever two keys differ: whole digests are compared, in constant time, all of them.
    pub fn check(&self, shown: &[u8]) -> Option<u32> {
        let shown = sha256(shown);
        let mut found = None;
        for (place, known) in (1..).zip(&self.digests) {
            if verify_slices_are_equal(known, &shown).is_ok() {
                found = Some(place);
            }
        }
        found
    }
}

fn sha256(bytes: &[u8]) -> [u8; SHA256_OUTPUT_LEN] {
    let mut out = [0; SHA256_OUTPUT_LEN];
    out.copy_from_slice(digest(&SHA256, bytes).as_ref());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(texts: &[&str]) -> ProxyKeys {
        ProxyKeys::new(&texts.iter().map(|t| Secret::parse(t).unwrap()).collect::<Vec<_>>())
    }

    #[test]
    fn only_a_whole_key_opens() {
        let keys = keys(&["first-key", "second-key"]);

        assert_eq!((keys.check(b"first-key"), keys.check(b"second-key")), (Some(1), Some(2)));
        for near in ["", "first-ke", "first-key ", "First-key", "first-kez", "first-key,second-key"] {
            assert_eq!(keys.check(near.as_bytes()), None, "{near:?}");
        }
    }

    #[test]
    fn a_remembered_key_opens_only_the_list_it_was_let_in_by() {
        let (keys, others) = (keys(&["first-key", "second-key"]), keys(&["other-key"]));
        let remembered = Remembered::default();

        for _ in 0..2 {
            assert_eq!(keys.check_again(b"second-key", &remembered), Some(2));
            assert_eq!(keys.check_again(b"first-key", &remembered), Some(1));
            assert_eq!(keys.check_again(b"second-kez", &remembered), None);
            assert_eq!(others.check_again(b"second-key", &remembered), None);
        }
    }

    #[test]
    fn an_empty_list_lets_nobody_in() {
        assert_eq!(keys(&[]).check(b""), None);
    }
}
