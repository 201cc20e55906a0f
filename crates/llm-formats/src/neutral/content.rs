//! What messages consist of, in all four formats.

use std::borrow::Cow;

use super::Seal;

/// Who says something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Rules for the model.
    System,
    /// The same, in the name that `OpenAI` has for it since its reasoning models.
    Developer,
    /// Whoever asks; results of tools are theirs too.
    User,
    /// The model.
    Assistant,
}

/// One turn.
#[derive(Debug, Clone, PartialEq)]
pub struct Message<'a> {
    /// Who says it.
    pub role: Role,
    /// What is said.
    pub parts: Vec<Part<'a>>,
    /// The speaker's name, among several of one role.
    pub name: Option<Cow<'a, str>>,
}

/// A piece of a message.
#[derive(Debug, Clone, PartialEq)]
pub struct Part<'a> {
    /// The piece itself.
    pub content: Content<'a>,
    /// The prompt up to here is worth keeping: a prompt-cache marker. The text is its time to live, if it was told.
    pub cache: Option<Cache<'a>>,
}

/// A prompt-cache marker.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cache<'a> {
    /// How long, such as `5m` or `1h`.
    pub ttl: Option<Cow<'a, str>>,
}

/// What a piece is.
#[derive(Debug, Clone, PartialEq)]
pub enum Content<'a> {
    /// Words.
    Text(Cow<'a, str>),
    /// The model's words for why it will not answer.
    Refusal(Cow<'a, str>),
    /// A picture, a document, a sound.
    Media(Media<'a>),
    /// The model wants a tool to run.
    ToolCall(ToolCall<'a>),
    /// What a tool gave.
    ToolResult(ToolResult<'a>),
    /// What the model thought.
    Reasoning(Reasoning<'a>),
}

/// A picture, a document, a sound.
#[derive(Debug, Clone, PartialEq)]
pub struct Media<'a> {
    /// Which of them.
    pub kind: MediaKind,
    /// Where it is.
    pub source: Source<'a>,
    /// A file's name.
    pub name: Option<Cow<'a, str>>,
    /// How closely a picture is to be looked at: `low`, `high`, `auto`.
    pub detail: Option<Cow<'a, str>>,
}

/// A kind of media.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaKind {
    /// A picture.
    Image,
    /// A document, such as a PDF.
    Document,
    /// A sound.
    Audio,
    /// A film.
    Video,
}

/// Where media is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source<'a> {
    /// Here, as base64 of the standard alphabet.
    Base64 {
        /// Its media type, such as `image/png`.
        mime: Cow<'a, str>,
        /// The base64 text.
        data: Cow<'a, str>,
    },
    /// Behind an address.
    Url {
        /// The address.
        url: Cow<'a, str>,
        /// Its media type, if told.
        mime: Option<Cow<'a, str>>,
    },
    /// Here, as plain text.
    Text(Cow<'a, str>),
}

/// The model wants a tool to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolCall<'a> {
    /// What its result will refer to. Parsers make one up where a format has none.
    pub id: Cow<'a, str>,
    /// The tool's name.
    pub name: Cow<'a, str>,
    /// A JSON text, as the model wrote it; of a free-form tool its plain input.
    pub arguments: Cow<'a, str>,
    /// The tool takes plain text instead of JSON.
    pub is_free_form: bool,
    /// What the provider wants to see again beside the call.
    pub seal: Option<Seal<'a>>,
}

/// What a tool gave.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolResult<'a> {
    /// Which call it answers.
    pub id: Cow<'a, str>,
    /// The tool's name, where the format tells it; see [`super::name_tool_results`].
    pub name: Option<Cow<'a, str>>,
    /// Texts and media.
    pub parts: Vec<Part<'a>>,
    /// It failed.
    pub is_error: bool,
    /// It answers a call of a free-form tool.
    pub is_free_form: bool,
}

/// What the model thought.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reasoning<'a> {
    /// The words that are shown, a paragraph each; none when it is hidden.
    pub texts: Vec<Cow<'a, str>>,
    /// What the provider wants to see again, opaque.
    pub seal: Option<Seal<'a>>,
    /// Its id, in `OpenAI`'s Responses.
    pub id: Option<Cow<'a, str>>,
}

impl<'a> Part<'a> {
    /// Words.
    pub fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Content::Text(text.into()).into()
    }
}

impl<'a> From<Content<'a>> for Part<'a> {
    fn from(content: Content<'a>) -> Self {
        Self { content, cache: None }
    }
}

impl<'a> Message<'a> {
    /// A turn of a nameless speaker.
    pub fn new(role: Role, parts: Vec<Part<'a>>) -> Self {
        Self { role, parts, name: None }
    }
}

impl Role {
    /// Whether it lays down rules.
    pub fn is_instruction(self) -> bool {
        matches!(self, Self::System | Self::Developer)
    }
}
