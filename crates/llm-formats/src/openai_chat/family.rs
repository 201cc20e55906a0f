//! What the API behind a model understands, as far as the model's name tells: `OpenAI`'s own refuses what it does not
//! know of a model, and so do many of the compatible ones, which know less.

/// Whose model it is, and of which generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    /// `OpenAI`'s that do not think: GPT-3.5 to GPT-4.1.
    OldGpt,
    /// `OpenAI`'s o1, o3 and so on.
    OSeries,
    /// `OpenAI`'s GPT-5 and later.
    Gpt5,
    /// Google's.
    Gemini,
    /// Anybody else's.
    Other,
}

impl Family {
    /// The family of a model. A router may put the vendor before the name, as in `openai/gpt-5.2`.
    pub(super) fn of(model: &str) -> Self {
        let name = model.rsplit('/').next().unwrap_or(model);
        let name = name.strip_prefix("ft:").unwrap_or(name);
        if let Some(version) = name.strip_prefix("chatgpt-").or_else(|| name.strip_prefix("gpt-")) {
            return match version.bytes().next() {
                // GPT-3.5 is `gpt-35` at Azure.
                Some(b'3' | b'4') => Self::OldGpt,
                Some(b'0'..=b'9') => Self::Gpt5,
                _ => Self::Other,
            };
        }
        if name.strip_prefix('o').is_some_and(is_generation) {
            return Self::OSeries;
        }
        if name.starts_with("gemini") { Self::Gemini } else { Self::Other }
    }

    /// Whether it is `OpenAI`'s.
    pub(super) fn is_openai(self) -> bool {
        matches!(self, Self::OldGpt | Self::OSeries | Self::Gpt5)
    }

    /// The name of the limit on an answer's tokens. `OpenAI`'s thinking models refuse the old one; many compatible
    /// APIs know only the old one.
    pub(super) fn max_tokens(self) -> &'static str {
        match self {
            Self::OSeries | Self::Gpt5 => "max_completion_tokens",
            Self::OldGpt | Self::Gemini | Self::Other => "max_tokens",
        }
    }

    /// Whether it knows the role `developer`.
    pub(super) fn has_developers(self) -> bool {
        matches!(self, Self::OSeries | Self::Gpt5)
    }

    /// Whether it knows tools that take plain text, and choices among some of the tools.
    pub(super) fn has_custom_tools(self) -> bool {
        self == Self::Gpt5
    }

    /// Whether an effort of thinking can be asked of it. Of others than `OpenAI`'s nobody knows.
    pub(super) fn has_efforts(self) -> bool {
        self != Self::OldGpt
    }
}

/// `1` or `4-mini`, but not `lmo-2`.
fn is_generation(text: &str) -> bool {
    let rest = text.trim_start_matches(|c: char| c.is_ascii_digit());
    rest.len() < text.len() && (rest.is_empty() || rest.starts_with('-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_models_name_tells_its_family() {
        for (family, models) in [
            (Family::OldGpt, &["gpt-4o", "gpt-35-turbo", "chatgpt-4o-latest", "ft:gpt-4.1-mini:acme::x"][..]),
            (Family::OSeries, &["o1", "o3-mini", "openai/o4-mini-high", "ft:o4-mini-2025-04-16:acme::x"]),
            (Family::Gpt5, &["gpt-5", "gpt-5.2-pro", "openai/gpt-5-chat", "gpt-10"]),
            (Family::Gemini, &["gemini-2.5-pro", "google/gemini-3-pro-preview", "models/gemini-2.0-flash"]),
            (
                Family::Other,
                &["gpt-oss-120b", "openai/gpt-oss-20b:free", "deepseek-reasoner", "olmo-2", "o", ""],
            ),
        ] {
            for model in models {
                assert_eq!(Family::of(model), family, "{model}");
            }
        }
    }
}
