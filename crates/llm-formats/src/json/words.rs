//! Eight bytes of a string at a time.

/// The bytes of a word.
pub(super) const WORD: usize = 8;

/// Where the first byte of a word is that a JSON string may not hold as it is: RFC 8259 section 7.
pub(super) fn first_special(word: [u8; WORD]) -> Option<usize> {
    const EACH: u64 = u64::MAX / 0xff;
    let word = u64::from_le_bytes(word);
    let below = |word: u64, limit: u64| word.wrapping_sub(EACH * limit);
    let quote = below(word ^ (EACH * u64::from(b'"')), 1);
    let backslash = below(word ^ (EACH * u64::from(b'\\')), 1);
    // A borrow may mark a byte behind one that is marked rightly, never the first.
    let marks = (below(word, 0x20) | quote | backslash) & !word & (EACH * 0x80);
    (marks != 0).then(|| marks.trailing_zeros() as usize / 8)
}

/// Whether a string may not hold this byte as it is.
pub(super) fn is_special(byte: u8) -> bool {
    matches!(byte, ..0x20 | b'"' | b'\\')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_first_special_byte_is_found(word in prop::array::uniform8(prop_oneof![
            Just(b'"'), Just(b'\\'), 0..0x30_u8, 0x50..0x60_u8, any::<u8>(),
        ])) {
            prop_assert_eq!(first_special(word), word.iter().position(|byte| is_special(*byte)));
        }
    }
}
