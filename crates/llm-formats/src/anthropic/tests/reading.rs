//! What clients send, beyond the stories.

use super::*;
use crate::neutral::{
    Cache, Content, Effort, Error, MediaKind, Output, Role, SealMaker, ServiceTier, Source, Thinking,
    ThinkingAmount, ToolChoice,
};

/// A request like those of Claude Code, with all that it may have in it.
const CLAUDE_CODE: &str = r#"{
    "model": "claude-opus-4-6", "max_tokens": 32000, "stream": true,
    "system": [
        {"type": "text", "text": "You are Claude Code.", "cache_control": {"type": "ephemeral"}},
        {"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": "<system-reminder>x</system-reminder>"}, {"type": "text", "text": "List files."}]},
        {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "A tool.", "signature": "c2ln"},
            {"type": "text", "text": "I look.", "citations": null},
            {"type": "tool_use", "id": "toolu_1", "name": "Bash", "input": {"command": "ls", "timeout": 5}, "caller": {"type": "direct"}}]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "toolu_1", "is_error": false, "cache_control": {"type": "ephemeral"},
             "content": [{"type": "text", "text": "a.png"}, {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}}]}]},
        {"role": "system", "content": "The date has changed."}],
    "tools": [
        {"name": "Bash", "description": "Runs.", "input_schema": {"type": "object"}, "eager_input_streaming": true, "cache_control": {"type": "ephemeral"}},
        {"type": "web_search_20250305", "name": "web_search", "max_uses": 8}],
    "tool_choice": {"type": "any", "disable_parallel_tool_use": true},
    "thinking": {"type": "adaptive", "display": "omitted"},
    "output_config": {"effort": "xhigh"},
    "metadata": {"user_id": "user_1_session_2"},
    "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
    "service_tier": "standard_only",
    "cache_control": {"type": "ephemeral"}
}"#;

#[test]
fn what_claude_code_sends_is_understood() {
    let (request, losses) = parsed(CLAUDE_CODE);

    assert_eq!(losses.names(), ["tools[].web_search_20250305", "context_management"]);
    let roles: Vec<_> = request.messages.iter().map(|message| message.role).collect();
    assert_eq!(roles, [Role::System, Role::User, Role::Assistant, Role::User, Role::System]);
    let marker = |ttl: Option<&'static str>| Some(Cache { ttl: ttl.map(Into::into) });
    assert_eq!(request.messages[0].parts[0].cache, marker(None));
    assert_eq!(request.messages[0].parts[1].cache, marker(Some("1h")));
    assert_eq!((&request.tools[0].cache, &request.cache), (&marker(None), &marker(None)));
    let Content::ToolCall(call) = &request.messages[2].parts[2].content else { panic!() };
    assert_eq!(call.arguments, r#"{"command":"ls","timeout":5}"#);
    let Content::ToolResult(result) = &request.messages[3].parts[0].content else { panic!() };
    assert_eq!((result.parts.len(), result.is_error), (2, false));
    assert_eq!(request.messages[3].parts[0].cache, marker(None));
    assert_eq!(request.tool_choice, Some(ToolChoice::Required));
    assert_eq!(request.parallel_tool_calls, Some(false));
    let thinking = Thinking { amount: ThinkingAmount::Effort(Effort::XHigh), is_shown: Some(false) };
    assert_eq!(request.thinking, Some(thinking));
    assert_eq!(request.user.as_deref(), Some("user_1_session_2"));
    assert_eq!((request.service_tier, request.stream), (Some(ServiceTier::Standard), true));
}

fn one_block(block: &str) -> String {
    format!(r#"{{"model":"m","max_tokens":1,"messages":[{{"role":"user","content":[{block}]}}]}}"#)
}

#[test]
fn documents_of_every_kind_are_read() {
    for (source, read) in [
        (
            r#"{"type":"base64","media_type":"application/pdf","data":"JVBE"}"#,
            Source::Base64 { mime: "application/pdf".into(), data: "JVBE".into() },
        ),
        (
            r#"{"type":"url","url":"https://example.com/a.pdf"}"#,
            Source::Url { url: "https://example.com/a.pdf".into(), mime: Some("application/pdf".into()) },
        ),
        (r#"{"type":"text","media_type":"text/plain","data":"words"}"#, Source::Text("words".into())),
        (r#"{"type":"content","content":"words"}"#, Source::Text("words".into())),
        (
            r#"{"type":"content","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}"#,
            Source::Text("a\n\nb".into()),
        ),
    ] {
        let text = one_block(&format!(r#"{{"type":"document","title":"T","source":{source}}}"#));

        let (request, losses) = parsed(&text);

        let Content::Media(media) = &request.messages[0].parts[0].content else { panic!("{source}") };
        assert_eq!((media.kind, &media.source), (MediaKind::Document, &read));
        assert_eq!((media.name.as_deref(), losses.is_empty()), (Some("T"), true));
    }
}

#[test]
fn what_only_anthropic_can_look_up_is_refused_and_what_it_did_itself_is_lost() {
    for (body, what) in [
        (one_block(r#"{"type":"image","source":{"type":"file","file_id":"file_1"}}"#), "messages[0].content[0].source.file_id"),
        (r#"{"model":"m","thread":{"id":"t"},"messages":[]}"#.to_owned(), "thread"),
        (
            r#"{"model":"m","messages":[{"role":"user","content":"x"}],"tool_choice":{"type":"tool","name":"web_search"},
                "tools":[{"type":"web_search_20250305","name":"web_search"}]}"#
                .to_owned(),
            "web_search_20250305",
        ),
    ] {
        let error = parse_request(json(&body), &mut Losses::default()).unwrap_err();

        assert!(matches!(&error, Error::NoCounterpart { what: told } if told.contains(what)), "{error}");
    }

    let text = one_block(
        r#"{"type":"text","text":"x"},{"type":"web_search_tool_result","tool_use_id":"s","content":[]}"#,
    );
    let (request, losses) = parsed(&text);
    assert_eq!(request.messages[0].parts.len(), 1);
    assert_eq!(losses.names(), ["messages[].content[].web_search_tool_result"]);
}

#[test]
fn bad_input_is_named_by_its_place() {
    for (body, message) in [
        ("[]", "the body must be an object"),
        (r#"{"messages":[]}"#, "`model` is missing"),
        (r#"{"model":"m"}"#, "`messages` must hold a message"),
        (
            r#"{"model":"m","messages":[{"role":"tool","content":"x"}]}"#,
            "`messages[0].role` must be `user`, `assistant` or `system`",
        ),
        (r#"{"model":"m","messages":[{"role":"user"}]}"#, "`messages[0].content` is missing"),
        (
            r#"{"model":"m","messages":[{"role":"user","content":[{"type":"image"}]}]}"#,
            "`messages[0].content[0].source` must be an object",
        ),
        (
            r#"{"model":"m","messages":[{"role":"user","content":"x"}],"stop_sequences":["a",1]}"#,
            "`stop_sequences[1]` must be a string",
        ),
        (
            r#"{"model":"m","messages":[{"role":"user","content":"x"}],"output_config":{"effort":"extreme"}}"#,
            "`output_config.effort` must be `low`, `medium`, `high`, `xhigh` or `max`",
        ),
    ] {
        let error = parse_request(json(body), &mut Losses::default()).unwrap_err();

        assert_eq!(error.to_string(), message);
    }
}

#[test]
fn every_way_to_ask_for_thoughts_is_read() {
    let amount = |amount, is_shown| Some(Thinking { amount, is_shown });
    let none = amount(ThinkingAmount::Effort(Effort::None), None);
    let [low, medium] = [Effort::Low, Effort::Medium].map(ThinkingAmount::Effort);
    let budget = ThinkingAmount::Budget(5000);
    for (members, thinking, lost) in [
        ("", None, &[][..]),
        (r#","thinking":{"type":"disabled"}"#, none, &[]),
        (r#","thinking":{"type":"enabled","budget_tokens":5000}"#, amount(budget, Some(true)), &[]),
        (r#","thinking":{"type":"adaptive"}"#, amount(ThinkingAmount::Adaptive, None), &[]),
        (r#","output_config":{"effort":"low"}"#, amount(low, None), &[]),
        (
            r#","thinking":{"type":"enabled","budget_tokens":31999},"output_config":{"effort":"medium"}"#,
            amount(medium, Some(true)),
            &["thinking.budget_tokens"],
        ),
        (
            r#","thinking":{"type":"disabled"},"output_config":{"effort":"medium"}"#,
            none,
            &["output_config.effort"],
        ),
    ] {
        let text = format!(r#"{{"model":"m","messages":[{{"role":"user","content":"x"}}]{members}}}"#);

        let (request, losses) = parsed(&text);

        assert_eq!(request.thinking, thinking, "{members}");
        assert_eq!(losses.names(), lost, "{members}");
    }
}

#[test]
fn the_older_name_of_a_schema_is_understood() {
    let text = r#"{"model":"m","messages":[{"role":"user","content":"x"}],"output_format":{"type":"json_schema","schema":{}}}"#;

    assert!(matches!(parsed(text).0.output, Output::JsonSchema { .. }));
}

#[test]
fn the_seal_of_a_call_comes_back_to_the_call_and_that_of_a_thought_to_the_thought() {
    let text = one_block(
        r#"{"type":"redacted_thinking","data":"akr1.openai.b3BlbmFp"},
           {"type":"redacted_thinking","data":"akr1.gemini.Z2VtaW5p"},
           {"type":"tool_use","id":"1","name":"f","input":{}},
           {"type":"redacted_thinking","data":"b3du"},
           {"type":"tool_use","id":"2","name":"f","input":{}},
           {"type":"thinking","thinking":"","signature":""}"#,
    );

    let (request, _) = parsed(&text);

    let seals: Vec<_> = request.messages[0]
        .parts
        .iter()
        .map(|part| match &part.content {
            Content::ToolCall(call) => (true, call.seal.as_ref().map(|seal| seal.maker)),
            Content::Reasoning(thought) => (false, thought.seal.as_ref().map(|seal| seal.maker)),
            content => panic!("{content:?}"),
        })
        .collect();
    assert_eq!(
        seals,
        [
            (false, Some(SealMaker::OpenAi)),
            (true, Some(SealMaker::Gemini)),
            (false, Some(SealMaker::AnthropicRedacted)),
            (true, None),
        ]
    );
}
