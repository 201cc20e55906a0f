//! Which API's language a client speaks, told before any config is known.

/// The wire dialect a client of `/llm` speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// `OpenAI` Chat Completions and Responses, and everything compatible with them.
    OpenAi,
    /// Anthropic Messages.
    Anthropic,
    /// Google Gemini.
    Gemini,
}

/// Methods that Google's API writes after a colon, as in `models/gemini-pro:generateContent`.
const GEMINI_METHODS: [&str; 5] =
    ["generateContent", "streamGenerateContent", "countTokens", "embedContent", "batchEmbedContents"];
/// Versions of an API that only Google has.
const GEMINI_VERSIONS: [&str; 2] = ["v1beta", "v1alpha"];

impl Dialect {
    /// The dialect of a path, which is what follows the slug, with or without its leading slash, without the query.
    ///
    /// `…/v1/messages…` is Anthropic; `…/v1beta/…`, or a last segment that ends in one of Google's methods, is
    /// Gemini; everything else is `OpenAI`. The key's header tells nothing: Anthropic's SDKs send
    /// `Authorization: Bearer` since 2026-10, as `OpenAI`'s do.
    pub fn of_path(rest: &str) -> Self {
        let method = rest.rsplit_once(':').map(|(_, method)| method);
        if method.is_some_and(|method| GEMINI_METHODS.contains(&method)) {
            return Self::Gemini;
        }
        let mut before = "";
        for segment in rest.split('/') {
            if GEMINI_VERSIONS.contains(&segment) {
                return Self::Gemini;
            }
            if (before, segment) == ("v1", "messages") {
                return Self::Anthropic;
            }
            before = segment;
        }
        Self::OpenAi
    }

    /// Like [`Dialect::of_path`], but a path that several APIs share, such as `/v1/models`, is that of the API whose
    /// header the request has: `anthropic-version`, or `x-goog-api-key`.
    #[must_use]
    pub fn of_request(rest: &str, has_header: impl Fn(&'static str) -> bool) -> Self {
        match Self::of_path(rest) {
            Self::OpenAi if has_header("anthropic-version") => Self::Anthropic,
            Self::OpenAi if has_header("x-goog-api-key") => Self::Gemini,
            dialect => dialect,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_path_tells_its_dialect() {
        let cases = [
            ("", Dialect::OpenAi),
            ("/v1/chat/completions", Dialect::OpenAi),
            ("chat/completions", Dialect::OpenAi),
            ("/v1/responses", Dialect::OpenAi),
            ("/v1/models", Dialect::OpenAi),
            ("/v1/models/ft:gpt-4o:acme::7", Dialect::OpenAi),
            ("/v1/threads/t_1/messages", Dialect::OpenAi),
            ("/v1/messages", Dialect::Anthropic),
            ("v1/messages/count_tokens", Dialect::Anthropic),
            ("/v1/v1/messages/batches/b_1", Dialect::Anthropic),
            ("/v1beta/models", Dialect::Gemini),
            ("v1alpha/models/gemini-pro", Dialect::Gemini),
            ("/v1/models/gemini-pro:streamGenerateContent", Dialect::Gemini),
            ("models/text-embedding-005:batchEmbedContents", Dialect::Gemini),
        ];
        for (path, dialect) in cases {
            assert_eq!(Dialect::of_path(path), dialect, "{path}");
        }
    }

    #[test]
    fn a_header_of_one_api_decides_only_a_shared_path() {
        let of = |rest, header| Dialect::of_request(rest, |name| name == header);

        assert_eq!(of("/v1/models", "anthropic-version"), Dialect::Anthropic);
        assert_eq!(of("/v1/models", "x-goog-api-key"), Dialect::Gemini);
        assert_eq!(of("/v1/models", "x-api-key"), Dialect::OpenAi);
        assert_eq!(of("/v1beta/models", "anthropic-version"), Dialect::Gemini);
    }

    proptest! {
        #[test]
        fn any_path_has_a_dialect(rest in ".*") {
            let _ = Dialect::of_path(&rest);
        }
    }
}
