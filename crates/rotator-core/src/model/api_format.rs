use std::str::FromStr;

/// The wire format that a service's API speaks. The names are those of the old project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ApiFormat {
    /// `OpenAI`'s Chat Completions, and everything compatible with them.
    OpenAiCompatible,
    /// `OpenAI`'s Responses.
    OpenAiResponses,
    /// Anthropic's Messages.
    AnthropicNative,
    /// Google's `generateContent`.
    GeminiNative,
}

/// The wire format that a service's clients speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OutputFormat {
    /// Whatever the API speaks: bytes pass through unchanged.
    None,
    /// `OpenAI` Chat Completions.
    OpenAi,
    /// `OpenAI` Responses.
    OpenAiResponses,
    /// Anthropic Messages.
    Anthropic,
    /// Google `generateContent`.
    Gemini,
}

impl ApiFormat {
    /// The name under which it is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OpenAiCompatible => "openai_compatible",
            Self::OpenAiResponses => "openai_responses",
            Self::AnthropicNative => "anthropic_native",
            Self::GeminiNative => "gemini_native",
        }
    }
}

impl OutputFormat {
    /// The name under which it is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::OpenAi => "openai",
            Self::OpenAiResponses => "openai_responses",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
        }
    }

    /// Whether a client of this format and an API of that one exchange bytes unchanged.
    pub fn is_pass_through(self, api: ApiFormat) -> bool {
        match self {
            Self::None => true,
            Self::OpenAi => api == ApiFormat::OpenAiCompatible,
            Self::OpenAiResponses => api == ApiFormat::OpenAiResponses,
            Self::Anthropic => api == ApiFormat::AnthropicNative,
            Self::Gemini => api == ApiFormat::GeminiNative,
        }
    }
}

impl FromStr for ApiFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "openai_compatible" | "openai" => Ok(Self::OpenAiCompatible),
            "openai_responses" => Ok(Self::OpenAiResponses),
            "anthropic_native" | "anthropic" => Ok(Self::AnthropicNative),
            "gemini_native" | "gemini" => Ok(Self::GeminiNative),
            _ => Err("must be openai_compatible, openai_responses, anthropic_native or gemini_native".into()),
        }
    }
}

impl FromStr for OutputFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "" | "none" => Ok(Self::None),
            "openai" | "openai_compatible" => Ok(Self::OpenAi),
            "openai_responses" => Ok(Self::OpenAiResponses),
            "anthropic" | "anthropic_native" => Ok(Self::Anthropic),
            "gemini" | "gemini_native" => Ok(Self::Gemini),
            _ => Err("must be none, openai, openai_responses, anthropic or gemini".into()),
        }
    }
}
