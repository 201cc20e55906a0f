//! What a provider wants to see again, opaque to everybody else: signatures of thoughts, encrypted thoughts.
//!
//! Clients keep such texts and send them back as they are. So that one provider's seal is never shown to another,
//! a seal that travels through another format carries the name of its maker.

use std::borrow::Cow;

/// Begins a seal that travels through a format that did not make it.
const PREFIX: &str = "akr1.";

/// An opaque text, and who made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seal<'a> {
    /// Who made it.
    pub maker: SealMaker,
    /// The text.
    pub data: Cow<'a, str>,
}

/// Who made a seal, and as what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SealMaker {
    /// The signature of a `thinking` block.
    Anthropic,
    /// The data of a `redacted_thinking` block.
    AnthropicRedacted,
    /// A `thoughtSignature`.
    Gemini,
    /// The `encrypted_content` of a reasoning item.
    OpenAi,
}

impl SealMaker {
    const ALL: [Self; 4] = [Self::Anthropic, Self::AnthropicRedacted, Self::Gemini, Self::OpenAi];

    fn name(self) -> &'static str {
        match self {
            Self::Anthropic => "anthropic",
            Self::AnthropicRedacted => "anthropic-redacted",
            Self::Gemini => "gemini",
            Self::OpenAi => "openai",
        }
    }
}

impl<'a> Seal<'a> {
    /// A seal as it stands in the format of its own `maker`, or one of somebody else that travelled through it.
    pub fn read(maker: SealMaker, text: Cow<'a, str>) -> Self {
        let foreign = text.strip_prefix(PREFIX).and_then(|rest| rest.split_once('.'));
        let known = foreign.and_then(|(name, data)| {
            let maker = SealMaker::ALL.into_iter().find(|maker| maker.name() == name)?;
            Some((maker, data.to_owned()))
        });
        match known {
            Some((maker, data)) => Self { maker, data: data.into() },
            None => Self { maker, data: text },
        }
    }

    /// The text that stands for it where `maker`'s own would stand.
    pub fn write(self, maker: SealMaker) -> Cow<'a, str> {
        if self.maker == maker { self.data } else { self.travelling() }
    }

    /// The text that stands for it where nobody's own would stand.
    pub fn travelling(self) -> Cow<'a, str> {
        format!("{PREFIX}{}.{}", self.maker.name(), self.data).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_travels_through_another_format_and_comes_back_to_its_maker() {
        for maker in SealMaker::ALL {
            for host in SealMaker::ALL {
                let seal = Seal { maker, data: "sig.na+ture==".into() };

                let text = seal.clone().write(host);

                assert_eq!(Seal::read(host, text), seal);
            }
        }
    }

    #[test]
    fn a_text_that_only_looks_like_a_travelling_seal_is_its_hosts_own() {
        for text in ["akr1.", "akr1.nobody.x", "akr1.gemini", "plain"] {
            let seal = Seal::read(SealMaker::OpenAi, text.into());

            assert_eq!(seal, Seal { maker: SealMaker::OpenAi, data: text.into() });
        }
    }
}
