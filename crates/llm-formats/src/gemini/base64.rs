//! Base64 as Google writes and reads it: of either alphabet, with or without padding.

use std::borrow::Cow;

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD},
};

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The same in the standard alphabet and with padding. Google's SDK for Python writes the other one.
pub(crate) fn standard(text: Cow<'_, str>) -> Cow<'_, str> {
    let is_other = text.contains(['-', '_']);
    if !is_other && text.len().is_multiple_of(4) {
        return text;
    }
    let mut standard = text.replace('-', "+").replace('_', "/");
    while !standard.len().is_multiple_of(4) {
        standard.push('=');
    }
    standard.into()
}

/// The bytes, if it is base64.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    LENIENT.decode(&*standard(text.into())).ok()
}

/// Base64 in the standard alphabet.
pub(crate) fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_alphabet_is_read_and_the_standard_one_is_written() {
        for text in ["+/+/AQ==", "-_-_AQ==", "-_-_AQ"] {
            assert_eq!(standard(text.into()), "+/+/AQ==");
            assert_eq!(decode(text).unwrap(), [0xfb, 0xff, 0xbf, 1]);
        }
        assert_eq!(decode("akr1.x"), None);
    }
}
