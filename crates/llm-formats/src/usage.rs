//! How many tokens an answer used, read from its bytes as they pass.
//!
//! Providers count in ways that differ, and here every token is in one bucket. Sources: the API references of
//! `OpenAI` (`platform.openai.com/docs/api-reference/{chat,responses,embeddings}/object`), Anthropic
//! (`docs.anthropic.com/en/api/messages`, `…/build-with-claude/streaming`, `…/prompt-caching`), Google
//! (`ai.google.dev/api/generate-content#UsageMetadata`), `DeepSeek` (`api-docs.deepseek.com/api/create-chat-completion`),
//! `OpenRouter` (`openrouter.ai/docs/use-cases/usage-accounting`) and xAI
//! (`docs.x.ai/docs/key-information/consumption-and-rate-limits`).

mod said;
mod scan;

pub(crate) use self::scan::Voice;

use memchr::memmem::Finder;
use serde_json::Value;

use self::{
    said::WholeEvents,
    scan::{Found, Scan},
};
use crate::{
    estimate::Said,
    sse::fields::{Field, Fields, Part},
};

/// Tokens that an answer used. No token is in two buckets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Of the prompt, but for those of the provider's cache.
    pub input: u64,
    /// Of the prompt, read from the provider's cache.
    pub cached_read: u64,
    /// Of the prompt, written to the provider's cache.
    pub cache_write: u64,
    /// Of the answer, but for its reasoning where that is told.
    pub output: u64,
    /// Of the reasoning before the answer, where it is told.
    pub reasoning: u64,
}

/// Watches an answer for what it used.
#[derive(Debug)]
pub struct UsageReader {
    body: Body,
    reported: Reported,
    said: Said,
}

/// What an answer is written in.
#[derive(Debug)]
enum Body {
    Json(Scan),
    Events(Box<Events>),
}

#[derive(Debug)]
struct Events {
    fields: Fields,
    scan: Scan,
    /// No data of the event that comes next have come.
    is_between: bool,
    finder: Finder<'static>,
    whole: WholeEvents,
}

/// What has been reported so far: the latest of each number, for streams report again and again, and not always all.
#[derive(Debug, Default)]
struct Reported {
    input: Option<u64>,
    output: Option<u64>,
    total: Option<u64>,
    /// In the input.
    cached: Option<u64>,
    /// In the input.
    written: Option<u64>,
    /// Beside the input.
    cached_beside: Option<u64>,
    /// Beside the input.
    written_beside: Option<u64>,
    /// Beside the input: what Google's own tools added to it.
    tools_beside: Option<u64>,
    /// In the output, or beside it, as the total tells.
    reasoning: Option<u64>,
    /// Beside the output.
    reasoning_beside: Option<u64>,
    /// No more has come than what opens a stream.
    is_opening: bool,
}

impl UsageReader {
    /// For an answer that is one JSON text, or a list of them, as Gemini streams without `alt=sse`.
    pub fn of_json() -> Self {
        Self::of(Body::Json(Scan::default()))
    }

    /// For an answer that is a stream of server-sent events.
    pub fn of_events() -> Self {
        let events = Events {
            fields: Fields::default(),
            scan: Scan::default(),
            is_between: false,
            finder: Finder::new(b"\"usage"),
            whole: WholeEvents::default(),
        };
        Self::of(Body::Events(Box::new(events)))
    }

    fn of(body: Body) -> Self {
        Self { body, reported: Reported::default(), said: Said::default() }
    }

    /// Looks at the next bytes of the answer.
    pub fn feed(&mut self, bytes: &[u8]) {
        let Self { body, reported, said } = self;
        said.note_passed(bytes.len());
        let wants_more = said.wants_more();
        let mut has_report = false;
        let on_found = |found: Found<'_>| match found {
            Found::Usage { object, is_opening } => {
                has_report = true;
                reported.update(object, is_opening);
            }
            Found::Said(voice, piece) => said.push(voice, piece),
        };
        match body {
            Body::Json(scan) => scan.feed(bytes, on_found),
            Body::Events(events) => events.feed(bytes, wants_more, on_found),
        }
        if has_report && !self.reported.is_opening && self.usage().is_some() {
            self.said.forget();
        }
    }

    /// Whether the answer has told what all of it used, as far as it has come: not by what opens a stream alone.
    pub fn has_told(&self) -> bool {
        self.said.is_over()
    }

    /// What the model said, for an answer that did not tell.
    pub fn take_said(&mut self) -> Said {
        std::mem::take(&mut self.said)
    }

    /// What has been used, as far as it has been told; `None` when nothing has.
    pub fn usage(&self) -> Option<Usage> {
        self.reported.usage()
    }
}

impl Events {
    /// Where what is said is not wanted any more, it is not looked for.
    fn feed(&mut self, bytes: &[u8], wants_said: bool, mut on_found: impl FnMut(Found<'_>)) {
        // Most pieces are whole events, and most events are a word of the answer.
        let is_whole = bytes.ends_with(b"\n\n") || bytes.ends_with(b"\r\n\r\n");
        if self.is_between && is_whole && self.fields.is_between_lines() && self.finder.find(bytes).is_none()
        {
            if wants_said {
                self.whole.read(bytes, on_found);
            }
            return;
        }
        let Self { fields, scan, is_between, .. } = self;
        fields.feed(bytes, |part| match part {
            Part::Value(Field::Data, piece) => {
                *is_between = false;
                scan.feed(piece, &mut on_found);
            }
            Part::End => {
                *is_between = true;
                scan.reset();
            }
            Part::Begin(_) | Part::Value(Field::Name, _) => {}
        });
    }
}

impl Reported {
    fn update(&mut self, object: &[u8], is_opening: bool) {
        let Ok(report) = serde_json::from_slice::<Value>(object) else { return };
        self.is_opening = is_opening;
        let count = |path: &str| report.pointer(path).and_then(Value::as_u64);
        let first = |paths: &[&str]| paths.iter().find_map(|path| count(path));
        let set = |place: &mut Option<u64>, paths: &[&str]| *place = first(paths).or(*place);
        set(&mut self.input, &["/prompt_tokens", "/input_tokens", "/promptTokenCount"]);
        set(&mut self.output, &["/completion_tokens", "/output_tokens", "/candidatesTokenCount"]);
        set(&mut self.total, &["/total_tokens", "/totalTokenCount"]);
        set(
            &mut self.cached,
            &[
                "/prompt_tokens_details/cached_tokens",
                "/input_tokens_details/cached_tokens",
                "/prompt_cache_hit_tokens",
                "/cachedContentTokenCount",
            ],
        );
        set(
            &mut self.written,
            &["/prompt_tokens_details/cache_write_tokens", "/input_tokens_details/cache_write_tokens"],
        );
        set(
            &mut self.reasoning,
            &["/completion_tokens_details/reasoning_tokens", "/output_tokens_details/reasoning_tokens"],
        );
        set(&mut self.reasoning_beside, &["/thoughtsTokenCount"]);
        set(&mut self.tools_beside, &["/toolUsePromptTokenCount"]);
        set(&mut self.cached_beside, &["/cache_read_input_tokens"]);
        set(&mut self.written_beside, &["/cache_creation_input_tokens"]);
        // Some gateways give Anthropic's numbers beside OpenAI's: then they say the same twice.
        if count("/prompt_tokens").is_some() {
            (self.cached_beside, self.written_beside) = (None, None);
        }
    }

    fn usage(&self) -> Option<Usage> {
        let told = [self.input, self.output, self.total, self.reasoning_beside, self.cached_beside];
        if told.iter().all(Option::is_none) {
            return None;
        }
        let [cached, written, cached_beside, written_beside, tools] =
            [self.cached, self.written, self.cached_beside, self.written_beside, self.tools_beside]
                .map(Option::unwrap_or_default);
        let output = self.output.unwrap_or_default();
        let total = self.total.unwrap_or_default();
        let input = match (self.input, self.output) {
            // Rerankers tell nothing else.
            (None, None) => total.saturating_sub(self.reasoning_beside.unwrap_or_default()),
            (input, _) => input.unwrap_or_default(),
        };
        let reasoning = self.reasoning.unwrap_or_default();
        // xAI counts reasoning beside the output, and its total shows that.
        let is_beside = total.saturating_sub(input.saturating_add(output)) >= reasoning;
        let within_output = if is_beside { 0 } else { reasoning.min(output) };
        let cached = cached.min(input);
        let written = written.min(input - cached);
        Some(Usage {
            input: (input - cached - written).saturating_add(tools),
            cached_read: cached.saturating_add(cached_beside),
            cache_write: written.saturating_add(written_beside),
            output: output - within_output,
            reasoning: if is_beside { reasoning } else { within_output }
                .saturating_add(self.reasoning_beside.unwrap_or_default()),
        })
    }
}

#[cfg(test)]
mod tests;
