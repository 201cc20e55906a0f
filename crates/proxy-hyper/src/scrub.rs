//! Takes a key out of what an upstream says about it.

use memchr::memmem::Finder;

const STARS: &[u8] = b"***";

/// The text with every occurrence of the key replaced.
pub(crate) fn replace(text: &[u8], key: &Finder<'_>) -> Vec<u8> {
    let mut clean = Vec::with_capacity(text.len());
    let mut from = 0;
    for at in key.find_iter(text) {
        clean.extend_from_slice(&text[from..at]);
        clean.extend_from_slice(STARS);
        from = at + key.needle().len();
    }
    clean.extend_from_slice(&text[from..]);
    clean
}
