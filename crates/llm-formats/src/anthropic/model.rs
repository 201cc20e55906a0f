//! What a model takes, told by its name: Claude's generations differ in how they are told to think.

/// A generation: `(4, 5)` of `claude-sonnet-4-5`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Generation(u32, u32);

impl Generation {
    /// Others that speak Anthropic's format; they know its oldest words best.
    const FOREIGN: Self = Self(0, 0);
    /// A Claude whose name has no number.
    const NEWEST: Self = Self(u32::MAX, u32::MAX);
    /// Longer numbers in a name are dates.
    const MAX_MINOR: u32 = 99;

    /// The generation of a model.
    pub(super) fn of(model: &str) -> Self {
        let Some((_, name)) = model.split_once("claude") else { return Self::FOREIGN };
        let mut words = name.split(|c: char| !c.is_ascii_alphanumeric()).map(str::parse);
        let Some(Ok(major)) = words.find(Result::is_ok) else { return Self::NEWEST };
        let minor = words.next().and_then(Result::ok).filter(|minor| *minor <= Self::MAX_MINOR);
        Self(major, minor.unwrap_or(0))
    }

    /// It decides itself how much to think, by an effort; before, it is given a budget of tokens.
    pub(super) fn is_adaptive(self) -> bool {
        self >= Self(4, 6)
    }

    /// It thinks unless it is told otherwise, and some cannot be told.
    pub(super) fn always_thinks(self) -> bool {
        self >= Self(5, 0)
    }

    /// It knows the effort `xhigh`.
    pub(super) fn has_xhigh(self) -> bool {
        self >= Self(4, 7)
    }

    /// It refuses to be told how words are chosen.
    pub(super) fn refuses_sampling(self) -> bool {
        self >= Self(4, 7)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generation_is_read_from_every_way_to_write_a_name() {
        for (model, generation) in [
            ("claude-sonnet-4-5", Generation(4, 5)),
            ("claude-sonnet-4-5-20250929", Generation(4, 5)),
            ("claude-opus-4-20250514", Generation(4, 0)),
            ("claude-opus-4@20250514", Generation(4, 0)),
            ("claude-3-7-sonnet-latest", Generation(3, 7)),
            ("anthropic/claude-opus-4.7", Generation(4, 7)),
            ("us.anthropic.claude-opus-4-6-v1:0", Generation(4, 6)),
            ("claude-opus-4-6[1m]", Generation(4, 6)),
            ("claude-opus-5", Generation(5, 0)),
            ("claude-mythos-preview", Generation::NEWEST),
            ("glm-4.7", Generation::FOREIGN),
        ] {
            assert_eq!(Generation::of(model), generation, "{model}");
        }
    }
}
