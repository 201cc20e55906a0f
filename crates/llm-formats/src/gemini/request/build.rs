//! Writing a request, as Gemini wants it.

use std::borrow::Cow;

use super::{config, tools};
use crate::{
    gemini::{media, parts, seal, thinking},
    json::{Json, Members},
    neutral::{
        Content, Error, Losses, Message, Part, Request, Role, ServiceTier, Source, ToolResult, fields::Path,
        instructions_and_turns, name_tool_results,
    },
};

/// Writes a request. Its model and whether to stream go into the path.
pub(crate) fn build_request<'a>(mut request: Request<'a>, losses: &mut Losses) -> Result<Json<'a>, Error> {
    tell_losses(&request, losses);
    let mut messages = std::mem::take(&mut request.messages);
    name_tool_results(&mut messages);
    let (instructions, turns) = instructions_and_turns(messages);
    let is_gemini_3 = thinking::is_gemini_3(&request.model);
    let mut contents: Vec<_> =
        turns.into_iter().filter_map(|turn| write_turn(turn, is_gemini_3, losses)).collect();
    let mut system = write_instructions(instructions);
    if contents.is_empty() {
        // Gemini wants something to answer; what there is are instructions alone.
        let parts = system.take().ok_or_else(|| Path::BODY.member("messages").error("must not be empty"))?;
        contents.push(parts::content("user", parts).into());
    }
    let system = system.map(|parts| {
        let parts: Json<'a> = parts.into_iter().map(Json::Object).collect();
        Members::new().with("parts", parts)
    });
    let config = config::write(&mut request, losses);
    let body = Members::new()
        .with_some("systemInstruction", system)
        .with("contents", contents)
        .with_some("tools", tools::write_tools(request.tools, losses))
        .with_some("toolConfig", request.tool_choice.map(tools::write_choice))
        .with_some("generationConfig", (!config.is_empty()).then_some(config))
        .with_some("serviceTier", request.service_tier.and_then(write_tier));
    Ok(body.into())
}

fn write_tier(tier: ServiceTier) -> Option<&'static str> {
    match tier {
        ServiceTier::Auto => None,
        ServiceTier::Standard => Some("standard"),
        ServiceTier::Flex => Some("flex"),
        ServiceTier::Priority => Some("priority"),
    }
}

/// Names everything that Gemini has nothing like.
fn tell_losses(request: &Request<'_>, losses: &mut Losses) {
    let has_markers =
        request.messages.iter().flat_map(|message| &message.parts).any(|part| part.cache.is_some());
    for (is_lost, name) in [
        (request.messages.iter().any(|message| message.name.is_some()), "messages[].name"),
        (request.parallel_tool_calls == Some(false), "parallel_tool_calls"),
        (request.verbosity.is_some(), "verbosity"),
        (request.user.is_some(), "user"),
        (request.metadata.is_some(), "metadata"),
        (request.prompt_cache_key.is_some(), "prompt_cache_key"),
        (request.cache.is_some() || has_markers, "cache_control"),
    ] {
        if is_lost {
            losses.lose_named(name);
        }
    }
}

fn write_instructions(parts: Vec<Part<'_>>) -> Option<Vec<Members<'_>>> {
    let texts = parts.into_iter().filter_map(|part| match part.content {
        Content::Text(text) if !text.is_empty() => Some(parts::text_part(text, false, None)),
        _ => None,
    });
    let texts: Vec<_> = texts.collect();
    (!texts.is_empty()).then_some(texts)
}

/// A turn that says nothing is left out: Gemini refuses contents without parts.
fn write_turn<'a>(turn: Message<'a>, is_gemini_3: bool, losses: &mut Losses) -> Option<Json<'a>> {
    let (role, parts) = match turn.role {
        Role::Assistant => ("model", write_said(turn.parts, is_gemini_3, losses)),
        _ => ("user", write_asked(turn.parts, is_gemini_3, losses)),
    };
    (!parts.is_empty()).then(|| parts::content(role, parts).into())
}

fn write_said<'a>(parts: Vec<Part<'a>>, is_gemini_3: bool, losses: &mut Losses) -> Vec<Members<'a>> {
    let ours = parts.into_iter().filter_map(|part| without_foreign_seal(part, losses)).collect();
    let mut wire = parts::write_model(ours, losses);
    let first_call = wire.iter_mut().find(|part| part.get("functionCall").is_some());
    if let Some(call) = first_call.filter(|call| is_gemini_3 && call.get("thoughtSignature").is_none()) {
        call.push("thoughtSignature", seal::UNSIGNED);
    }
    wire
}

/// Thoughts of another provider, and its seals on calls, are nothing to Gemini.
fn without_foreign_seal<'a>(mut part: Part<'a>, losses: &mut Losses) -> Option<Part<'a>> {
    let seal = match &mut part.content {
        Content::Reasoning(reasoning) => &mut reasoning.seal,
        Content::ToolCall(call) => &mut call.seal,
        _ => return Some(part),
    };
    if seal.as_ref().is_some_and(seal::is_foreign) {
        losses.lose_named("reasoning");
        *seal = None;
        return matches!(part.content, Content::ToolCall(_)).then_some(part);
    }
    Some(part)
}

fn write_asked<'a>(parts: Vec<Part<'a>>, is_gemini_3: bool, losses: &mut Losses) -> Vec<Members<'a>> {
    let (mut wire, mut beside) = (Vec::new(), Vec::new());
    for part in parts {
        match part.content {
            Content::ToolResult(result) => {
                wire.push(write_result(result, is_gemini_3, &mut beside, losses));
            }
            Content::Text(text) | Content::Refusal(text) => {
                if !text.is_empty() {
                    beside.push(parts::text_part(text, false, None));
                }
            }
            Content::Media(media) => beside.push(media::write(media, losses)),
            Content::ToolCall(_) | Content::Reasoning(_) => losses.lose_named("messages[].content"),
        }
    }
    wire.append(&mut beside);
    wire
}

/// Media that a tool gave stand within its result from Gemini 3 on, and beside the results before.
fn write_result<'a>(
    result: ToolResult<'a>,
    is_gemini_3: bool,
    beside: &mut Vec<Members<'a>>,
    losses: &mut Losses,
) -> Members<'a> {
    let (mut texts, mut within) = (Vec::new(), Vec::new());
    for part in result.parts {
        match part.content {
            Content::Text(text) | Content::Refusal(text) => texts.push(text),
            Content::Media(media) => {
                let is_here = !matches!(media.source, Source::Url { .. });
                let written = media::write(media, losses);
                if is_gemini_3 && is_here {
                    within.push(Json::Object(written));
                } else {
                    beside.push(written);
                }
            }
            _ => losses.lose_named("messages[].content"),
        }
    }
    let text = if texts.len() == 1 { texts.swap_remove(0) } else { texts.join("\n").into() };
    let told = Members::new().with(if result.is_error { "error" } else { "output" }, text);
    // Of a result without a call nobody knows the tool, and Gemini wants a name.
    let name: Cow<'a, str> = result.name.unwrap_or_else(|| result.id.clone());
    let response = Members::new()
        .with("id", result.id)
        .with("name", name)
        .with("response", told)
        .with_some("parts", (!within.is_empty()).then_some(within));
    Members::new().with("functionResponse", response)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::neutral::{Media, MediaKind, Reasoning, Seal, SealMaker, ToolCall};

    fn built(request: Request<'_>) -> (String, Vec<String>) {
        let mut losses = Losses::default();
        let json = build_request(request, &mut losses).unwrap();
        (String::from_utf8(json.to_vec()).unwrap(), losses.names().to_vec())
    }

    fn call(id: &'static str, seal: Option<SealMaker>) -> Part<'static> {
        Content::ToolCall(ToolCall {
            id: id.into(),
            name: "f".into(),
            arguments: "{}".into(),
            is_free_form: false,
            seal: seal.map(|maker| Seal { maker, data: "c2ln".into() }),
        })
        .into()
    }

    fn asked(model: &'static str, parts: Vec<Part<'static>>) -> Request<'static> {
        let messages = vec![Message::new(Role::Assistant, parts)];
        Request { model: model.into(), messages, ..Request::default() }
    }

    #[test]
    fn gemini_3_gets_a_word_for_no_signature_on_the_first_call_of_a_turn() {
        let calls = || vec![call("1", None), call("2", None)];

        let (newer, _) = built(asked("gemini-3-pro-preview", calls()));
        let (older, _) = built(asked("gemini-2.5-pro", calls()));
        let (signed, _) = built(asked("gemini-3-pro-preview", vec![call("1", Some(SealMaker::Gemini))]));

        assert_eq!(newer.matches(seal::UNSIGNED).count(), 1);
        assert!(newer.find(seal::UNSIGNED) < newer.find(r#""id":"2""#), "{newer}");
        assert!(!older.contains("thoughtSignature"));
        assert!(signed.contains(r#""thoughtSignature":"c2ln""#) && !signed.contains(seal::UNSIGNED));
    }

    #[test]
    fn seals_of_others_are_not_shown_to_gemini() {
        let seal = Some(Seal { maker: SealMaker::Anthropic, data: "secret".into() });
        let reasoning = Reasoning { texts: vec!["Hm.".into()], seal, id: None };
        let parts = vec![Content::Reasoning(reasoning).into(), call("1", Some(SealMaker::OpenAi))];

        let (text, losses) = built(asked("gemini-2.5-pro", parts));

        assert_eq!(
            text,
            r#"{"contents":[{"parts":[{"functionCall":{"id":"1","name":"f","args":{}}}],"role":"model"}]}"#
        );
        assert_eq!(losses, ["reasoning"]);
    }

    #[test]
    fn a_picture_that_a_tool_gave_stands_within_its_result_from_gemini_3_on() {
        let source = Source::Base64 { mime: "image/png".into(), data: "AA==".into() };
        let media = Media { kind: MediaKind::Image, source, name: None, detail: None };
        let parts = vec![Part::text("a"), Part::text("b"), Content::Media(media).into()];
        let result = ToolResult { id: "1".into(), name: None, parts, is_error: true, is_free_form: false };
        let message = Message::new(Role::User, vec![Content::ToolResult(result).into(), Part::text("So?")]);
        let request = |model: &'static str| Request {
            model: model.into(),
            messages: vec![message.clone()],
            ..Request::default()
        };

        let (newer, _) = built(request("gemini-3-pro-preview"));
        let (older, _) = built(request("gemini-2.5-pro"));

        let told = r#""id":"1","name":"1","response":{"error":"a\nb"}"#;
        let picture = r#"{"inlineData":{"mimeType":"image/png","data":"AA=="}}"#;
        assert_eq!(
            newer,
            format!(
                r#"{{"contents":[{{"parts":[{{"functionResponse":{{{told},"parts":[{picture}]}}}},{{"text":"So?"}}],"role":"user"}}]}}"#
            )
        );
        assert_eq!(
            older,
            format!(
                r#"{{"contents":[{{"parts":[{{"functionResponse":{{{told}}}}},{picture},{{"text":"So?"}}],"role":"user"}}]}}"#
            )
        );
    }

    #[test]
    fn instructions_alone_are_what_is_asked() {
        let messages = vec![Message::new(Role::System, vec![Part::text("Tell a joke.")])];

        let (text, _) = built(Request { messages, ..Request::default() });

        assert_eq!(text, r#"{"contents":[{"parts":[{"text":"Tell a joke."}],"role":"user"}]}"#);
    }

    #[test]
    fn nothing_to_answer_is_refused_and_empty_turns_are_left_out() {
        let empty = || Message::new(Role::User, vec![Part::text("")]);
        let nothing = Request { messages: vec![empty()], ..Request::default() };
        assert!(matches!(build_request(nothing, &mut Losses::default()), Err(Error::Invalid { .. })));

        let said = Message::new(Role::Assistant, vec![Part::text("Hi.")]);
        let (text, _) = built(Request { messages: vec![empty(), said], ..Request::default() });
        assert_eq!(text, r#"{"contents":[{"parts":[{"text":"Hi."}],"role":"model"}]}"#);
    }

    #[test]
    fn what_gemini_has_nothing_like_is_told() {
        let mut message = Message::new(Role::User, vec![Part::text("a")]);
        message.name = Some("Ada".into());
        let request = Request {
            messages: vec![message],
            parallel_tool_calls: Some(false),
            verbosity: Some("low".into()),
            user: Some("u".into()),
            metadata: Some(Members::new().into()),
            prompt_cache_key: Some("k".into()),
            cache: Some(crate::neutral::Cache::default()),
            service_tier: Some(ServiceTier::Priority),
            ..Request::default()
        };

        let (text, losses) = built(request);

        assert!(text.ends_with(r#""serviceTier":"priority"}"#), "{text}");
        let lost = [
            "messages[].name",
            "parallel_tool_calls",
            "verbosity",
            "user",
            "metadata",
            "prompt_cache_key",
            "cache_control",
        ];
        assert_eq!(losses, lost);
    }
}
