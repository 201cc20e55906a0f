//! Takes a key out of what an upstream says about it.

use bytes::Bytes;
use memchr::memmem;
use rotator_core::secret::Secret;

const STAR: u8 = b'*';

/// The text with a star for every byte of the key, so that it stays as long as it says it is; `None` when the key is
/// not in it.
pub(crate) fn mask(text: &[u8], key: &[u8]) -> Option<Vec<u8>> {
    let first = memmem::find(text, key)?;
    let mut masked = text.to_vec();
    let mut from = first;
    while let Some(at) = memmem::find(&masked[from..], key) {
        masked[from + at..][..key.len()].fill(STAR);
        from += at + key.len();
    }
    Some(masked)
}

/// Masks a key in a body that comes piece by piece, wherever the pieces cut it.
pub(crate) struct Scrubber {
    key: Secret,
    /// The end of what came, as far as the key may begin there.
    held: Vec<u8>,
}

impl Scrubber {
    pub(crate) fn new(key: Secret) -> Self {
        Self { key, held: Vec::new() }
    }

    /// What may go out now that this came.
    pub(crate) fn push(&mut self, piece: Bytes) -> Bytes {
        let key = self.key.expose().as_bytes();
        let text = if self.held.is_empty() {
            piece
        } else {
            let mut text = std::mem::take(&mut self.held);
            text.extend_from_slice(&piece);
            text.into()
        };
        let mut text = mask(&text, key).map_or(text, Bytes::from);
        let held = (1..key.len().min(text.len() + 1)).rev().find(|n| text.ends_with(&key[..*n])).unwrap_or(0);
        self.held = text.split_off(text.len() - held).into();
        text
    }

    /// The rest, when nothing more comes.
    pub(crate) fn finish(&mut self) -> Bytes {
        std::mem::take(&mut self.held).into()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_occurrence_is_masked_and_nothing_else() {
        assert_eq!(mask(b"a key-1, key-2, key-1", b"key-1").unwrap(), b"a *****, key-2, *****");
        assert_eq!(mask(b"key-2", b"key-1"), None);
    }

    proptest! {
        #[test]
        fn a_key_is_masked_wherever_the_pieces_cut_it(
            text in "[ab]{0,40}",
            key in "[ab]{1,5}",
            cuts in prop::collection::vec(0usize..40, 0..6),
        ) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            cuts.sort_unstable();
            let mut scrubber = Scrubber::new(Secret::parse(&key).unwrap());
            let mut scrubbed = Vec::new();
            let mut from = 0;
            for cut in cuts.into_iter().chain([text.len()]) {
                scrubbed.extend_from_slice(&scrubber.push(Bytes::copy_from_slice(&text.as_bytes()[from..cut])));
                from = cut;
            }
            scrubbed.extend_from_slice(&scrubber.finish());

            let whole = mask(text.as_bytes(), key.as_bytes()).unwrap_or_else(|| text.clone().into_bytes());
            prop_assert_eq!(String::from_utf8(scrubbed).unwrap(), String::from_utf8(whole).unwrap());
        }
    }
}
