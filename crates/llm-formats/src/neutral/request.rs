//! What a client asks of a model, in all four formats.

use std::borrow::Cow;

use super::{Cache, Message, Repeated};
use crate::json::Json;

/// What a client asks of a model.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Request<'a> {
    /// The model's name. Gemini has it in the path.
    pub model: Cow<'a, str>,
    /// The turns so far; instructions are among them, mostly first.
    pub messages: Vec<Message<'a>>,
    /// The tools it may call.
    pub tools: Vec<Tool<'a>>,
    /// Whether they came as the `functions` that Chat Completions had before tools, of which one at most is called.
    pub has_functions: bool,
    /// Whether it may, must, or must not call them.
    pub tool_choice: Option<ToolChoice<'a>>,
    /// Whether it may call several at once.
    pub parallel_tool_calls: Option<bool>,
    /// How many tokens the answer may have, thoughts included.
    pub max_tokens: Option<u64>,
    /// How words are chosen.
    pub sampling: Sampling,
    /// Texts that end the answer.
    pub stop: Vec<Cow<'a, str>>,
    /// How many answers are wanted.
    pub choices: Option<u64>,
    /// Whether the chances of words are wanted.
    pub logprobs: Option<Logprobs>,
    /// How much it may think.
    pub thinking: Option<Thinking>,
    /// What shape the answer has.
    pub output: Output<'a>,
    /// How much is said: `low`, `medium`, `high`.
    pub verbosity: Option<Cow<'a, str>>,
    /// Whether the answer comes as a stream. Gemini has it in the path.
    pub stream: bool,
    /// Whether a Chat Completions stream ends with the usage.
    pub include_usage: bool,
    /// Who the end user is, as far as the client wants to tell.
    pub user: Option<Cow<'a, str>>,
    /// Notes that the provider keeps beside the answer.
    pub metadata: Option<Json<'a>>,
    /// Which service level is wanted.
    pub service_tier: Option<ServiceTier>,
    /// What requests with the same prompt prefix have in common.
    pub prompt_cache_key: Option<Cow<'a, str>>,
    /// Everything up to the last message is worth keeping.
    pub cache: Option<Cache<'a>>,
    /// Members as the client wrote them that an answer in the same format repeats: Responses does that.
    pub repeated: Repeated,
}

/// A tool that the client runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Tool<'a> {
    /// Its name.
    pub name: Cow<'a, str>,
    /// What it does.
    pub description: Option<Cow<'a, str>>,
    /// What it takes.
    pub input: ToolInput<'a>,
    /// Whether the model must keep to the schema.
    pub strict: Option<bool>,
    /// The prompt up to here is worth keeping.
    pub cache: Option<Cache<'a>>,
}

/// What a tool takes.
#[derive(Debug, Clone, PartialEq)]
pub enum ToolInput<'a> {
    /// An object by this JSON schema; none takes nothing.
    Schema(Option<Json<'a>>),
    /// Plain text, perhaps of some grammar: `OpenAI`'s custom tools.
    FreeForm {
        /// The grammar as `OpenAI`'s Responses writes it.
        format: Option<Json<'a>>,
    },
}

/// Whether the model may, must, or must not call tools.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToolChoice<'a> {
    /// It may.
    Auto,
    /// It must not.
    None,
    /// It must, any of them.
    Required,
    /// It must, this one.
    Tool(Cow<'a, str>),
    /// It may call none but these; it must when `required`.
    Allowed {
        /// Their names.
        names: Vec<Cow<'a, str>>,
        /// Whether it must.
        required: bool,
    },
}

/// How words are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Sampling {
    /// 0 to 2 at `OpenAI` and Gemini, 0 to 1 at Anthropic.
    pub temperature: Option<f64>,
    /// Nucleus sampling.
    pub top_p: Option<f64>,
    /// So many of the likeliest words.
    pub top_k: Option<u64>,
    /// Against repeating topics.
    pub presence_penalty: Option<f64>,
    /// Against repeating words.
    pub frequency_penalty: Option<f64>,
    /// For the same answer again; may be negative.
    pub seed: Option<i64>,
}

/// The chances of words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Logprobs {
    /// Of how many other words beside the chosen one.
    pub top: Option<u64>,
}

/// How much a model may think.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thinking {
    /// How much.
    pub amount: ThinkingAmount,
    /// Whether the client wants to read it, or a summary.
    pub is_shown: Option<bool>,
}

/// An amount of thinking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThinkingAmount {
    /// As much as the model thinks right.
    Adaptive,
    /// By the name of an effort.
    Effort(Effort),
    /// So many tokens.
    Budget(u64),
}

/// An effort, by the names that `OpenAI` has for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effort {
    /// None at all.
    None,
    /// Hardly any.
    Minimal,
    /// Little.
    Low,
    /// Some.
    Medium,
    /// Much.
    High,
    /// Very much.
    XHigh,
    /// All there is.
    Max,
}

/// What shape an answer has.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Output<'a> {
    /// Words.
    #[default]
    Text,
    /// Any JSON object.
    JsonObject,
    /// JSON by a schema.
    JsonSchema {
        /// The schema's name.
        name: Option<Cow<'a, str>>,
        /// What it is for.
        description: Option<Cow<'a, str>>,
        /// The schema.
        schema: Json<'a>,
        /// Whether the model must keep to it.
        strict: Option<bool>,
    },
}

/// A service level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServiceTier {
    /// What the account is set to.
    Auto,
    /// The usual one, no other.
    Standard,
    /// Cheaper and slower.
    Flex,
    /// Faster and dearer.
    Priority,
}

impl Effort {
    /// All, from none to all there is.
    pub const ALL: [Self; 7] =
        [Self::None, Self::Minimal, Self::Low, Self::Medium, Self::High, Self::XHigh, Self::Max];

    /// Its name at `OpenAI`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Minimal => "minimal",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::XHigh => "xhigh",
            Self::Max => "max",
        }
    }

    /// The effort of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|effort| effort.as_str() == name)
    }

    /// About as many tokens of thought.
    pub fn budget(self) -> u64 {
        match self {
            Self::None => 0,
            Self::Minimal => 1_024,
            Self::Low => 2_048,
            Self::Medium => 8_192,
            Self::High => 16_384,
            Self::XHigh => 24_576,
            Self::Max => 32_000,
        }
    }

    /// The least effort that has so many tokens of thought.
    pub fn of_budget(tokens: u64) -> Self {
        Self::ALL.into_iter().find(|effort| tokens <= effort.budget()).unwrap_or(Self::Max)
    }
}
