//! Signatures of thoughts.

use std::borrow::Cow;

use super::base64;
use crate::neutral::{Seal, SealMaker};

/// What Gemini takes in place of a signature that nobody has, by its documentation. Gemini 3 refuses a turn in which
/// the first call has none.
pub(super) const UNSIGNED: &str = "skip_thought_signature_validator";
/// Another word for it.
const UNSIGNED_TOO: &str = "context_engineering_is_the_way_to_go";

/// The seal that a `thoughtSignature` stands for; none when it says that there is none.
pub(super) fn read(signature: Cow<'_, str>) -> Option<Seal<'_>> {
    let decoded = base64::decode(&signature).and_then(|bytes| String::from_utf8(bytes).ok());
    let says_none = |text: &str| [UNSIGNED, UNSIGNED_TOO, ""].contains(&text);
    if says_none(&signature) || decoded.as_deref().is_some_and(says_none) {
        return None;
    }
    let foreign = decoded.map(|text| Seal::read(SealMaker::Gemini, text.into()));
    foreign.filter(is_foreign).or(Some(Seal { maker: SealMaker::Gemini, data: signature }))
}

/// The `thoughtSignature` for a seal. It has to be base64: SDKs decode it, and fail where they cannot.
pub(super) fn write(seal: Seal<'_>) -> Cow<'_, str> {
    if is_foreign(&seal) { base64::encode(seal.travelling().as_bytes()).into() } else { seal.data }
}

/// Whether somebody else made it.
pub(super) fn is_foreign(seal: &Seal<'_>) -> bool {
    seal.maker != SealMaker::Gemini
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_of_another_maker_is_base64_on_its_way_and_comes_back_in_either_alphabet() {
        let seal = Seal { maker: SealMaker::Anthropic, data: "Eq??ü>>ü".into() };

        let signature = write(seal.clone());

        assert!(base64::decode(&signature).is_some());
        let other_alphabet = signature.replace('+', "-").replace('/', "_");
        assert_eq!(read(signature), Some(seal.clone()));
        assert_eq!(read(other_alphabet.into()), Some(seal));
    }

    #[test]
    fn geminis_own_signature_is_left_as_it_is() {
        for signature in ["c2lnMQ==", "no base64!", "-_-_"] {
            let seal = Seal { maker: SealMaker::Gemini, data: signature.into() };
            assert_eq!(read(signature.into()), Some(seal.clone()));
            assert_eq!(write(seal), signature);
        }
    }

    #[test]
    fn a_word_for_no_signature_is_no_seal() {
        for word in [UNSIGNED, UNSIGNED_TOO, ""] {
            assert_eq!(read(word.into()), None);
            assert_eq!(read(base64::encode(word.as_bytes()).into()), None);
        }
    }
}
