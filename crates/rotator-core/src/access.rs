//! Who may call: the proxy keys, known only by their digests.

use aws_lc_rs::{
    constant_time::verify_slices_are_equal,
    digest::{SHA256, SHA256_OUTPUT_LEN, digest},
};

use crate::secret::Secret;

/// The proxy keys that clients may show. An empty list lets nobody in.
#[derive(Default)]
pub struct ProxyKeys(Box<[[u8; SHA256_OUTPUT_LEN]]>);

impl ProxyKeys {
    /// These keys; they are not kept, only their digests are.
    pub fn new<'a>(keys: impl IntoIterator<Item = &'a Secret>) -> Self {
        Self(keys.into_iter().map(|key| sha256(key.expose().as_bytes())).collect())
    }

    /// Which proxy key this is, counted from 1; `None` for none of them.
    ///
    /// Takes the same time wherever two keys differ: whole digests are compared, in constant time, all of them.
    pub fn check(&self, shown: &[u8]) -> Option<u32> {
        let shown = sha256(shown);
        let mut found = None;
        for (place, known) in (1..).zip(&self.0) {
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
    fn an_empty_list_lets_nobody_in() {
        assert_eq!(keys(&[]).check(b""), None);
    }
}
