//! Bringing the turns of a conversation into the order that a format demands.

use std::{borrow::Cow, collections::HashMap};

use super::{Content, Message, Part, Role};

/// The instructions of a conversation, wherever they stand in it, and its turns without them, in which user and
/// assistant alternate: neighbours of one role are one turn, with the results of tools at its beginning.
///
/// For formats that have instructions beside the turns: Anthropic and Gemini.
pub fn instructions_and_turns(messages: Vec<Message<'_>>) -> (Vec<Part<'_>>, Vec<Message<'_>>) {
    let mut instructions = Vec::new();
    let mut turns: Vec<Message<'_>> = Vec::new();
    for message in messages {
        if message.role.is_instruction() {
            instructions.extend(message.parts);
            continue;
        }
        match turns.last_mut().filter(|last| last.role == message.role) {
            Some(last) => last.parts.extend(message.parts),
            None => turns.push(message),
        }
    }
    for turn in &mut turns {
        if turn.role == Role::User {
            turn.parts.sort_by_key(|part| !matches!(part.content, Content::ToolResult(_)));
        }
    }
    (instructions, turns)
}

/// Gives each result of a tool the tool's name, which Gemini wants and the others tell only beside the call.
pub fn name_tool_results(messages: &mut [Message<'_>]) {
    let mut names: HashMap<String, String> = HashMap::new();
    for part in messages.iter_mut().flat_map(|message| &mut message.parts) {
        match &mut part.content {
            Content::ToolCall(call) => {
                names.insert(call.id.to_string(), call.name.to_string());
            }
            Content::ToolResult(result) if result.name.is_none() => {
                result.name = names.get(&*result.id).cloned().map(Cow::Owned);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::neutral::{ToolCall, ToolResult};

    fn result(id: &'static str) -> Part<'static> {
        let parts = vec![Part::text("42")];
        let result = ToolResult { id: id.into(), name: None, parts, is_error: false, is_free_form: false };
        Content::ToolResult(result).into()
    }

    #[test]
    fn neighbours_of_one_role_become_one_turn_and_instructions_stand_apart() {
        let messages = vec![
            Message::new(Role::System, vec![Part::text("be brief")]),
            Message::new(Role::User, vec![Part::text("a")]),
            Message::new(Role::User, vec![result("call_1")]),
            Message::new(Role::Developer, vec![Part::text("be kind")]),
            Message::new(Role::User, vec![result("call_2")]),
            Message::new(Role::Assistant, vec![Part::text("b")]),
        ];

        let (instructions, turns) = instructions_and_turns(messages);

        assert_eq!(instructions, [Part::text("be brief"), Part::text("be kind")]);
        assert_eq!(turns.len(), 2);
        assert_eq!(turns[0].parts, [result("call_1"), result("call_2"), Part::text("a")]);
    }

    #[test]
    fn a_result_learns_its_tools_name_from_the_call() {
        let call = ToolCall {
            id: "call_1".into(),
            name: "weather".into(),
            arguments: "{}".into(),
            is_free_form: false,
            seal: None,
        };
        let mut messages = vec![
            Message::new(Role::Assistant, vec![Content::ToolCall(call).into()]),
            Message::new(Role::User, vec![result("call_1"), result("call_9")]),
        ];

        name_tool_results(&mut messages);

        let names = messages[1].parts.iter().map(|part| match &part.content {
            Content::ToolResult(result) => result.name.as_deref(),
            _ => panic!(),
        });
        assert_eq!(names.collect::<Vec<_>>(), [Some("weather"), None]);
    }
}
