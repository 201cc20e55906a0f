//! The items of a conversation, which become turns: what the model said, thought and called in a row is one turn, and
//! so are results of tools in a row.

use super::{
    super::namespace::flat_name,
    parse_content::parse_content,
    parse_tools::{parse_tools, tool_name},
};
use crate::{
    json::Json,
    neutral::{
        Content, Error, Losses, Message, Part, Reasoning, Role, Seal, SealMaker, Tool, ToolCall, ToolResult,
        fields::{Fields, Path},
    },
};

/// The turns that were read so far.
pub(super) struct Conversation<'a>(Vec<Message<'a>>);

impl<'a> Conversation<'a> {
    /// Goes on after some turns.
    pub(super) fn after(messages: Vec<Message<'a>>) -> Self {
        Self(messages)
    }

    /// Reads one more item.
    pub(super) fn add(
        &mut self,
        item: Json<'a>,
        path: Path<'_>,
        tools: &mut Vec<Tool<'a>>,
        losses: &mut Losses,
    ) -> Result<(), Error> {
        let mut item = Fields::of(item, path)?;
        let kind = item.text("type")?.unwrap_or_else(|| "message".into());
        // Ids are for what is stored, and an item that is sent is complete.
        if kind != "reasoning" && kind != "item_reference" {
            item.ignore(&["id"]);
        }
        item.ignore(&["status", "phase"]);
        match &*kind {
            "message" => self.add_message(&mut item, losses)?,
            "reasoning" => self.push(Role::Assistant, parse_reasoning(&mut item)?),
            "function_call" => self.push(Role::Assistant, parse_call(&mut item, "arguments")?),
            "custom_tool_call" => self.push(Role::Assistant, parse_call(&mut item, "input")?),
            "local_shell_call" => self.push(Role::Assistant, parse_shell_call(&mut item)?),
            "function_call_output" | "local_shell_call_output" => {
                self.add_result(&mut item, false, losses)?;
            }
            "custom_tool_call_output" => self.add_result(&mut item, true, losses)?,
            "additional_tools" => {
                item.ignore(&["role"]);
                parse_tools(item.array("tools")?, path.member("tools"), tools, losses)?;
            }
            "item_reference" => {
                let what =
                    format!("`{path}`, an item_reference (with `store: false` clients send items whole),");
                return Err(Error::NoCounterpart { what: what.into() });
            }
            "compaction" | "compaction_summary" => {
                return Err(Error::NoCounterpart { what: format!("`{path}`, a compaction,").into() });
            }
            // Calls of tools that `OpenAI` ran itself: the model's later words tell what came of them.
            _ => {
                losses.lose_named(&format!("input[].{kind}"));
                return Ok(());
            }
        }
        item.finish(losses);
        Ok(())
    }

    /// The turns.
    pub(super) fn into_messages(mut self) -> Vec<Message<'a>> {
        for message in &mut self.0 {
            put_seals_onto_calls(&mut message.parts);
        }
        self.0
    }

    fn add_message(&mut self, item: &mut Fields<'a, '_>, losses: &mut Losses) -> Result<(), Error> {
        let role = match &*item.need_text("role")? {
            "user" => Role::User,
            "assistant" => Role::Assistant,
            "system" => Role::System,
            "developer" => Role::Developer,
            _ => {
                return Err(item.path.member("role").error("must be user, assistant, system or developer"));
            }
        };
        let content = item.json("content");
        let parts = parse_content(content, item.path.member("content"), losses)?;
        if parts.is_empty() {
            return Ok(());
        }
        match self.0.last_mut() {
            Some(last) if role == Role::Assistant && last.role == role && !ends_with_words(last) => {
                last.parts.extend(parts);
            }
            _ => self.0.push(Message::new(role, parts)),
        }
        Ok(())
    }

    fn add_result(
        &mut self,
        item: &mut Fields<'a, '_>,
        is_free_form: bool,
        losses: &mut Losses,
    ) -> Result<(), Error> {
        let id = item.need_text("call_id")?;
        let output = item.json("output");
        let parts = parse_content(output, item.path.member("output"), losses)?;
        // Some versions of Codex repeat the tool's name.
        let namespace = item.text("namespace")?;
        let name = item.text("name")?.map(|name| flat_name(namespace.as_deref(), name));
        let result = ToolResult { id, name, parts, is_error: false, is_free_form };
        self.push(Role::User, Content::ToolResult(result));
        Ok(())
    }

    /// Appends to the last turn, or begins one.
    fn push(&mut self, role: Role, content: Content<'a>) {
        let is_result = matches!(content, Content::ToolResult(_));
        match self.0.last_mut() {
            Some(last) if last.role == role && (!is_result || is_of_results(last)) => {
                last.parts.push(content.into());
            }
            _ => self.0.push(Message::new(role, vec![content.into()])),
        }
    }
}

/// The words that are shown: a summary, or of open models the thoughts themselves.
fn parse_reasoning<'a>(item: &mut Fields<'a, '_>) -> Result<Content<'a>, Error> {
    let mut texts = Vec::new();
    for name in ["summary", "content"] {
        let parts = item.array(name)?;
        if !texts.is_empty() {
            continue;
        }
        let path = item.path.member(name);
        for (index, part) in parts.into_iter().enumerate() {
            texts.push(Fields::of(part, path.item(index))?.need_text("text")?);
        }
    }
    let seal = item.text("encrypted_content")?.map(|text| Seal::read(SealMaker::OpenAi, text));
    Ok(Content::Reasoning(Reasoning { texts, seal, id: item.text("id")? }))
}

fn parse_call<'a>(item: &mut Fields<'a, '_>, input: &str) -> Result<Content<'a>, Error> {
    Ok(Content::ToolCall(ToolCall {
        id: item.need_text("call_id")?,
        name: tool_name(item)?,
        arguments: item.need_text(input)?,
        is_free_form: input == "input",
        seal: None,
    }))
}

/// A call of the shell that `OpenAI`'s models know without a description.
fn parse_shell_call<'a>(item: &mut Fields<'a, '_>) -> Result<Content<'a>, Error> {
    let action = item.object("action")?.unwrap_or_default();
    Ok(Content::ToolCall(ToolCall {
        id: item.need_text("call_id")?,
        name: "local_shell".into(),
        arguments: String::from_utf8_lossy(&Json::Object(action).to_vec()).into_owned().into(),
        is_free_form: false,
        seal: None,
    }))
}

fn ends_with_words(message: &Message<'_>) -> bool {
    let last = message.parts.last().map(|part| &part.content);
    matches!(last, Some(Content::Text(_) | Content::Refusal(_)))
}

/// Results are never in one turn with anything else here.
fn is_of_results(message: &Message<'_>) -> bool {
    matches!(message.parts.first(), Some(Part { content: Content::ToolResult(_), .. }))
}

/// Gemini seals calls. Here such a seal travels as an item of reasoning without words, directly before its call.
fn put_seals_onto_calls(parts: &mut Vec<Part<'_>>) {
    let mut before = std::mem::take(parts).into_iter().peekable();
    while let Some(mut part) = before.next() {
        if let (Content::Reasoning(reasoning), Some(next)) = (&mut part.content, before.peek_mut())
            && let Content::ToolCall(call @ ToolCall { seal: None, .. }) = &mut next.content
            && reasoning.texts.is_empty()
            && let Some(seal) = reasoning.seal.take_if(|seal| seal.maker == SealMaker::Gemini)
        {
            call.seal = Some(seal);
            continue;
        }
        parts.push(part);
    }
}
