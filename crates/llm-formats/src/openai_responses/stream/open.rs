//! The item of a stream that is not whole yet.

use std::borrow::Cow;

use super::write::Sink;
use crate::{
    json::{Json, Members},
    neutral::{Asked, PartKind, Seal, TokenLogprob, ToolCall},
    openai_responses::response::{
        answer::Answer,
        items::{self, Progress},
    },
};

/// What an item needs to know of the stream in which it stands.
#[derive(Debug)]
pub(super) struct Place<'p> {
    pub(super) answer: &'p Answer,
    pub(super) asked: &'p Asked,
    pub(super) output: &'p mut Vec<Json<'static>>,
    pub(super) sink: Sink<'p>,
}

/// An item that is not whole yet.
#[derive(Debug, Default)]
pub(super) enum Open {
    /// There is none.
    #[default]
    Nothing,
    /// A message. It stays open after its last part, for one more may come.
    Message {
        id: String,
        /// The parts that are whole.
        content: Vec<Json<'static>>,
        part: Option<Words>,
    },
    /// What the model thinks.
    Reasoning {
        id: String,
        /// Its paragraphs; the last one is open.
        texts: Vec<String>,
        /// The next words begin another paragraph.
        is_paragraph_over: bool,
        seal: Option<Seal<'static>>,
    },
    /// A call. It has an id as soon as the client knows of it: a seal may come first, and stands before it.
    Call { id: Option<String>, call: ToolCall<'static> },
}

/// Words of a message that are not whole yet.
#[derive(Debug)]
pub(super) struct Words {
    is_refusal: bool,
    text: String,
    logprobs: Vec<Json<'static>>,
}

impl Place<'_> {
    /// An event about the item that is open.
    fn event(&mut self, kind: &str, id: &str, members: Members<'_>) {
        let place = Members::new().with("item_id", id).with("output_index", self.output.len() as u64);
        self.sink.event(kind, place.into_iter().chain(members).collect());
    }

    fn item_added(&mut self, item: Json<'_>) {
        let event = Members::new().with("output_index", self.output.len() as u64).with("item", item);
        self.sink.event("response.output_item.added", event);
    }

    fn item_done(&mut self, item: Json<'static>) {
        let event = Members::new().with("output_index", self.output.len() as u64).with("item", item.clone());
        self.sink.event("response.output_item.done", event);
        self.output.push(item);
    }

    fn new_id(&self, kind: &str) -> String {
        self.answer.item_id(kind, self.output.len())
    }

    /// A seal that belongs to a call travels in an item of its own.
    fn sealed_item(&mut self, seal: Seal<'static>) {
        let id = self.new_id("rs");
        self.item_added(items::reasoning((&*id).into(), [], None));
        self.item_done(items::reasoning(id.into(), [], Some(seal)));
    }
}

impl Words {
    fn part(&self) -> Json<'_> {
        self.part_of((&*self.text).into(), self.logprobs.clone())
    }

    fn part_of<'a>(&self, text: Cow<'a, str>, logprobs: Vec<Json<'a>>) -> Json<'a> {
        if self.is_refusal { items::refusal_part(text) } else { items::text_part(text, logprobs) }
    }

    fn name(&self) -> (&'static str, &'static str) {
        if self.is_refusal { ("refusal", "refusal") } else { ("output_text", "text") }
    }
}

impl Open {
    /// A part begins.
    pub(super) fn start(&mut self, part: PartKind<'_>, place: &mut Place<'_>) {
        match part {
            PartKind::Text => self.start_words(false, place),
            PartKind::Refusal => self.start_words(true, place),
            PartKind::Reasoning { id } => {
                self.end(place);
                let id = id.map_or_else(|| place.new_id("rs"), Cow::into_owned);
                place.item_added(items::reasoning((&*id).into(), [], None));
                *self = Self::Reasoning { id, texts: Vec::new(), is_paragraph_over: true, seal: None };
            }
            PartKind::ToolCall { id, name, is_free_form } => {
                self.end(place);
                let (id, name) = (id.into_owned().into(), name.into_owned().into());
                let call = ToolCall { id, name, arguments: "".into(), is_free_form, seal: None };
                *self = Self::Call { id: None, call };
            }
        }
    }

    fn start_words(&mut self, is_refusal: bool, place: &mut Place<'_>) {
        if matches!(self, Self::Message { .. }) {
            self.end_part(place);
        } else {
            self.end(place);
            let id = place.new_id("msg");
            place.item_added(items::message(id.clone(), Progress::Coming, Vec::new()));
            *self = Self::Message { id, content: Vec::new(), part: None };
        }
        if let Self::Message { id, content, part } = self {
            let words = part.insert(Words { is_refusal, text: String::new(), logprobs: Vec::new() });
            let event = Members::new().with("content_index", content.len() as u64).with("part", words.part());
            place.event("response.content_part.added", id, event);
        }
    }

    /// More words, or more of a call's arguments.
    pub(super) fn piece(&mut self, piece: &str, place: &mut Place<'_>) {
        if piece.is_empty() {
            return;
        }
        match self {
            Self::Message { id, content, part: Some(words) } => {
                words.text.push_str(piece);
                words.delta(piece, Vec::new(), id, content.len(), place);
            }
            Self::Reasoning { id, texts, is_paragraph_over, .. } => {
                if std::mem::take(is_paragraph_over) {
                    texts.push(String::new());
                    summary_event("part.added", id, texts, "part", items::summary_part("".into()), place);
                }
                if let Some(text) = texts.last_mut() {
                    text.push_str(piece);
                }
                summary_event("text.delta", id, texts, "delta", piece.into(), place);
            }
            Self::Call { id, call } => {
                let id = known_id(id, call, place);
                call.arguments.to_mut().push_str(piece);
                place.event(call_event(call, true), id, Members::new().with("delta", piece));
            }
            Self::Nothing | Self::Message { part: None, .. } => {}
        }
    }

    /// The next words begin another paragraph.
    pub(super) fn paragraph(&mut self, place: &mut Place<'_>) {
        let Self::Reasoning { id, texts, is_paragraph_over, .. } = self else { return };
        let Some(text) = texts.last().filter(|_| !*is_paragraph_over) else { return };
        summary_event("text.done", id, texts, "text", (&**text).into(), place);
        summary_event("part.done", id, texts, "part", items::summary_part((&**text).into()), place);
        *is_paragraph_over = true;
    }

    /// A seal. One that comes after the first piece of a call has to wait until the call is whole.
    pub(super) fn seal(&mut self, seal: Seal<'_>, place: &mut Place<'_>) {
        let seal = Seal { maker: seal.maker, data: seal.data.into_owned().into() };
        match self {
            Self::Reasoning { seal: known, .. } => *known = Some(seal),
            Self::Call { id: None, .. } => place.sealed_item(seal),
            Self::Call { call, .. } => call.seal = Some(seal),
            Self::Nothing | Self::Message { .. } => {}
        }
    }

    /// The chances of the words that came last.
    pub(super) fn logprobs(&mut self, tokens: Vec<TokenLogprob<'_>>, place: &mut Place<'_>) {
        if let Self::Message { id, content, part: Some(words) } = self {
            let logprobs: Vec<_> =
                tokens.into_iter().map(|token| items::logprob(token).to_static()).collect();
            words.logprobs.extend(logprobs.iter().cloned());
            words.delta("", logprobs, id, content.len(), place);
        }
    }

    /// The part is whole. A message waits for another one.
    pub(super) fn end_part(&mut self, place: &mut Place<'_>) {
        let Self::Message { id, content, part } = self else { return self.end(place) };
        let Some(words) = part.take() else { return };
        let index = content.len() as u64;
        let (event, member) = words.name();
        let done = Members::new().with("content_index", index).with(member, &*words.text);
        let done = if words.is_refusal { done } else { done.with("logprobs", words.logprobs.clone()) };
        place.event(&format!("response.{event}.done"), id, done);
        let whole = words.part().to_static();
        let done = Members::new().with("content_index", index).with("part", whole.clone());
        place.event("response.content_part.done", id, done);
        content.push(whole);
    }

    /// The item is whole.
    pub(super) fn end(&mut self, place: &mut Place<'_>) {
        self.end_last(Progress::Whole, place);
    }

    /// No item comes after this one.
    pub(super) fn end_last(&mut self, progress: Progress, place: &mut Place<'_>) {
        if let Self::Message { .. } = self {
            self.end_part(place);
        }
        self.paragraph(place);
        match std::mem::take(self) {
            Self::Nothing => {}
            Self::Message { id, content, .. } => {
                place.item_done(items::message(id, progress, content));
            }
            Self::Reasoning { id, texts, seal, .. } => {
                place.item_done(items::reasoning(id.into(), texts.into_iter().map(Cow::Owned), seal));
            }
            Self::Call { mut id, mut call } => {
                let id = known_id(&mut id, &call, place).to_owned();
                let member = if call.is_free_form { "input" } else { "arguments" };
                let done = Members::new().with(member, call.arguments.clone());
                place.event(call_event(&call, false), &id, done);
                let seal = call.seal.take();
                place.item_done(items::call(id, Progress::Whole, call, place.asked));
                if let Some(seal) = seal {
                    place.sealed_item(seal);
                }
            }
        }
    }
}

impl Words {
    fn delta(&self, piece: &str, logprobs: Vec<Json<'_>>, id: &str, index: usize, place: &mut Place<'_>) {
        let delta = Members::new().with("content_index", index as u64).with("delta", piece);
        let delta = if self.is_refusal { delta } else { delta.with("logprobs", logprobs) };
        place.event(&format!("response.{}.delta", self.name().0), id, delta);
    }
}

fn summary_event(
    kind: &str,
    id: &str,
    texts: &[String],
    member: &'static str,
    value: Json<'_>,
    place: &mut Place<'_>,
) {
    let index = texts.len().saturating_sub(1) as u64;
    let event = Members::new().with("summary_index", index).with(member, value);
    place.event(&format!("response.reasoning_summary_{kind}"), id, event);
}

fn call_event(call: &ToolCall<'_>, is_delta: bool) -> &'static str {
    match (call.is_free_form, is_delta) {
        (true, true) => "response.custom_tool_call_input.delta",
        (true, false) => "response.custom_tool_call_input.done",
        (false, true) => "response.function_call_arguments.delta",
        (false, false) => "response.function_call_arguments.done",
    }
}

/// The id by which the client knows a call, which it gets to know now if it does not yet.
fn known_id<'i>(id: &'i mut Option<String>, call: &ToolCall<'static>, place: &mut Place<'_>) -> &'i str {
    id.get_or_insert_with(|| {
        let id = place.new_id(items::call_prefix(call.is_free_form));
        place.item_added(items::call(id.clone(), Progress::Coming, call.clone(), place.asked));
        id
    })
}
