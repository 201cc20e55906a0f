use super::{story::events_of, *};
use crate::{
    fixtures::{self, STORIES},
    format::Format,
    neutral::{
        ApiError, Choice, Content, Effort, MediaKind, Message, Output, Part, Reasoning, Role, Seal,
        SealMaker, Source, Stop, ThinkingAmount, Tool, ToolCall, ToolChoice, ToolInput,
    },
    usage::Usage,
};

fn fixture(story: &str, file: &str) -> String {
    fixtures::read(story, Format::Anthropic, file)
}

fn asked() -> Asked {
    Asked { tools: vec!["get_weather".into()], ..Asked::default() }
}

fn call(id: &'static str, arguments: &'static str) -> Part<'static> {
    let (name, arguments) = ("get_weather".into(), arguments.into());
    Content::ToolCall(ToolCall { id: id.into(), name, arguments, is_free_form: false, seal: None }).into()
}

fn thought(text: &'static str, signature: &'static str) -> Part<'static> {
    let seal = Some(Seal { maker: SealMaker::Anthropic, data: signature.into() });
    Content::Reasoning(Reasoning { texts: vec![text.into()], seal, id: None }).into()
}

fn weather_calls() -> Vec<Part<'static>> {
    vec![
        Part::text("I will look."),
        call("call_1", r#"{"city":"Paris"}"#),
        call("call_2", r#"{"city":"Rome"}"#),
    ]
}

/// What each story's answer is in no format at all.
fn answer(story: &str) -> (Vec<Part<'static>>, Stop<'static>, Usage) {
    let usual = Usage { input: 25, output: 6, ..Usage::default() };
    let text = |text| vec![Part::text(text)];
    match story {
        "text" => (text("Hello!"), Stop::End, Usage { input: 9, output: 3, ..usual }),
        "multi_turn" => (text("Your name is Ada."), Stop::End, usual),
        "system" => (text("Yes."), Stop::End, usual),
        "image" => (text("A cat."), Stop::End, usual),
        "one_tool" => (vec![call("call_1", r#"{"city":"Paris"}"#)], Stop::ToolCalls, usual),
        "parallel_tools" => (weather_calls(), Stop::ToolCalls, usual),
        "tool_result" => (text("It is 18 degrees in Paris."), Stop::End, usual),
        "reasoning" => {
            let usage = Usage { input: 30, output: 5, reasoning: 12, ..usual };
            (vec![thought("Two and two.", "c2lnMg=="), Part::text("4")], Stop::End, usage)
        }
        "structured_output" => (text(r#"{"name":"Ada","age":36}"#), Stop::End, usual),
        "stop_sequence" => (text("one two "), Stop::Sequence(Some("END".into())), usual),
        "max_tokens" => (text("One two three"), Stop::MaxTokens, usual),
        "refusal" => (text("I cannot help with that."), Stop::Refusal, usual),
        "usage" => {
            let usage = Usage { input: 40, cached_read: 40, cache_write: 20, output: 20, reasoning: 10 };
            (text("Hello!"), Stop::End, usage)
        }
        story => panic!("{story}"),
    }
}

/// An answer without what nobody but Anthropic knows.
fn without_secrets(answer: &str) -> Json<'static> {
    let Json::Object(mut message) = json(answer).to_static() else { panic!("{answer}") };
    let Some(Json::Object(mut usage)) = message.take("usage") else { panic!("{answer}") };
    usage.take("cache_creation");
    usage.take("service_tier");
    message.with("usage", usage).into()
}

#[test]
fn every_answer_is_read_and_written_again() {
    for story in STORIES {
        let text = fixture(story, "response.json");

        let response = parse_response(json(&text), &asked()).unwrap();

        let (parts, stop, usage) = answer(story);
        assert_eq!(&*response.head.id, "msg_01XFDUDYJgAACzvnptvVoYEL");
        assert_eq!(response.choices, [Choice { parts, stop, logprobs: Vec::new() }], "{story}");
        assert_eq!(response.usage, Some(usage), "{story}");
        let again = build_response(response, &asked());
        assert_eq!(text_of(&again), text_of(&without_secrets(&text)), "{story}");
    }
}

#[test]
fn every_stream_tells_what_the_whole_answer_tells() {
    for story in STORIES {
        let (text, stream) = (fixture(story, "response.json"), fixture(story, "stream.sse"));

        let response = collect(read(&stream, &asked())).unwrap();

        assert_eq!(response, parse_response(json(&text), &asked()).unwrap(), "{story}");
        let again = written(events_of(response, 4), &asked());
        assert_eq!(
            assemble(&again).as_ref().map(text_of),
            Some(text_of(&without_secrets(&text))),
            "{story}: {again}"
        );
    }
}

#[test]
fn every_request_is_read_and_written_again() {
    for story in STORIES {
        let text = fixture(story, "request.json");

        let (request, losses) = parsed(&text);
        assert!(losses.is_empty(), "{story}: {losses:?}");
        let (body, losses) = built(request);

        if story == "system" {
            assert_eq!(losses.names(), ["top_p"], "Anthropic takes it only without a temperature");
            assert_eq!(member(&body, "temperature"), Some(&0.5.into()));
            continue;
        }
        assert!(losses.is_empty(), "{story}: {losses:?}");
        let (Json::Object(mut body), Json::Object(mut fixture)) = (body, json(&text)) else { panic!() };
        for (name, value) in std::mem::take(&mut fixture) {
            assert_eq!(body.take(&name), Some(value), "{story}: {name}");
        }
        assert!(body.is_empty(), "{story}: {body:?}");
    }
}

#[test]
fn the_requests_tell_the_stories() {
    let user = |text| Message::new(Role::User, vec![Part::text(text)]);
    let assistant = |parts| Message::new(Role::Assistant, parts);
    let texts = STORIES.map(|story| (story, fixture(story, "request.json")));
    let request = |story| parsed(&texts.iter().find(|(name, _)| *name == story).unwrap().1).0;

    let text = request("text");
    assert_eq!((&*text.model, text.max_tokens, text.stream), ("claude-sonnet-4-5", Some(64), false));
    assert_eq!(text.messages, [user("Say hello.")]);
    let turns = request("multi_turn").messages;
    assert_eq!(turns[1..], [assistant(vec![Part::text("Hello, Ada!")]), user("What is my name?")]);
    let system = request("system");
    assert_eq!(system.messages[0], Message::new(Role::System, vec![Part::text("Answer in one word.")]));
    assert_eq!((system.sampling.temperature, system.sampling.top_p), (Some(0.5), Some(0.9)));
    let image = request("image").messages.remove(0).parts;
    let [_, here, there] = &image[..] else { panic!("{image:?}") };
    let Content::Media(here) = &here.content else { panic!("{here:?}") };
    let Content::Media(there) = &there.content else { panic!("{there:?}") };
    assert_eq!(here.kind, MediaKind::Image);
    assert_eq!(here.source, Source::Base64 { mime: "image/png".into(), data: "iVBORw0KGgo=".into() });
    assert_eq!(there.source, Source::Url { url: "https://example.com/cat.png".into(), mime: None });
    let tool = request("one_tool");
    let schema = json(r#"{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}"#);
    let weather = Tool {
        name: "get_weather".into(),
        description: Some("The weather of a city.".into()),
        input: ToolInput::Schema(Some(schema)),
        strict: None,
        cache: None,
    };
    assert_eq!((tool.tools, tool.tool_choice), (vec![weather], Some(ToolChoice::Auto)));
    let result = request("tool_result");
    assert_eq!(result.tool_choice, Some(ToolChoice::None));
    assert_eq!(result.messages[1], assistant(weather_calls()));
    let Content::ToolResult(failed) = &result.messages[2].parts[1].content else { panic!() };
    assert_eq!(
        (&*failed.id, &failed.parts[0], failed.is_error),
        ("call_2", &Part::text("no such city"), true)
    );
    let reasoning = request("reasoning");
    let thinking = reasoning.thinking.unwrap();
    assert_eq!(
        (thinking.amount, thinking.is_shown),
        (ThinkingAmount::Budget(Effort::Medium.budget()), Some(true))
    );
    assert_eq!(reasoning.messages[1], assistant(vec![thought("One and one.", "c2lnMQ=="), Part::text("2")]));
    assert!(matches!(request("structured_output").output, Output::JsonSchema { strict: Some(true), .. }));
    assert_eq!(request("stop_sequence").stop, ["END"]);
}

#[test]
fn an_error_ends_a_stream_without_the_formats_end() {
    let stream = fixture("error", "stream.sse");

    let events = read(&stream, &asked());

    let error = ApiError {
        status: 529,
        message: "Overloaded".into(),
        code: Some("overloaded_error".into()),
        param: None,
    };
    assert_eq!(events.last(), Some(&Event::Error(error)));
    assert!(events.contains(&Event::Piece { choice: 0, text: "Hel".into() }));
    let again = written(events, &asked());
    assert!(
        again.ends_with(
            "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n"
        ),
        "{again}"
    );
}

#[test]
fn the_error_of_a_refused_request_is_read_and_written_again() {
    let body = fixture("error", "response.json");

    let error = parse_error(429, body.as_bytes());

    assert_eq!((error.status, &*error.message), (429, "Too many requests."));
    assert_eq!(error.code.as_deref(), Some("rate_limit_error"));
    assert_eq!(build_error(&error, "req_011CSHoEeqs5C35K2UUqR7Fy"), json(&body));
}
