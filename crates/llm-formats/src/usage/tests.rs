use proptest::prelude::*;

use super::*;

fn used(input: u64, cached_read: u64, cache_write: u64, output: u64, reasoning: u64) -> Usage {
    Usage { input, cached_read, cache_write, output, reasoning }
}

fn of_json(body: &str) -> Option<Usage> {
    let mut reader = UsageReader::of_json();
    reader.feed(body.as_bytes());
    reader.usage()
}

fn of_events(events: &[&str]) -> Option<Usage> {
    let mut reader = UsageReader::of_events();
    // As they come: each in a piece of its own.
    for event in events {
        reader.feed(format!("data: {event}\n\n").as_bytes());
    }
    reader.usage()
}

// What each API answers, shortened, from the references named at the top of the module.

const CHAT: &str = r#"{"id":"chatcmpl-1","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant",
    "content":"\"usage\":{\"prompt_tokens\":9}"}}],"usage":{"prompt_tokens":2006,"completion_tokens":300,
    "total_tokens":2306,"prompt_tokens_details":{"cached_tokens":1920,"audio_tokens":0},"completion_tokens_details":
    {"reasoning_tokens":192,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}},
    "service_tier":"default"}"#;
const RESPONSES: &str = r#"{"id":"resp_1","object":"response","status":"completed","output":[{"type":"function_call",
    "arguments":"{}"}],"usage":{"input_tokens":328,"input_tokens_details":{"cached_tokens":128},"output_tokens":52,
    "output_tokens_details":{"reasoning_tokens":32},"total_tokens":380},"metadata":{}}"#;
const ANTHROPIC: &str = r#"{"id":"msg_1","type":"message","content":[{"type":"tool_use","input":{"usage":
    {"input_tokens":7}}}],"usage":{"input_tokens":21,"cache_creation_input_tokens":188086,"cache_read_input_tokens":500,
    "cache_creation":{"ephemeral_5m_input_tokens":188086,"ephemeral_1h_input_tokens":0},"output_tokens":393,
    "service_tier":"standard"}}"#;
const GEMINI: &str = r#"{"candidates":[{"content":{"parts":[{"functionCall":{"args":{"usageMetadata":
    {"promptTokenCount":1}}}}]}}],"usageMetadata":{"promptTokenCount":1000,"candidatesTokenCount":50,
    "totalTokenCount":1280,"cachedContentTokenCount":600,"thoughtsTokenCount":200,"toolUsePromptTokenCount":30,
    "promptTokensDetails":[{"modality":"TEXT","tokenCount":1000}]},"modelVersion":"gemini-2.5-pro"}"#;

#[test]
fn each_api_is_counted_so_that_no_token_is_in_two_buckets() {
    assert_eq!(of_json(CHAT), Some(used(86, 1920, 0, 108, 192)));
    assert_eq!(of_json(RESPONSES), Some(used(200, 128, 0, 20, 32)));
    assert_eq!(of_json(ANTHROPIC), Some(used(21, 500, 188_086, 393, 0)));
    assert_eq!(of_json(GEMINI), Some(used(430, 600, 0, 50, 200)));
    assert_eq!(
        of_json(r#"{"data":[{"embedding":[0.1,-2e-3]}],"usage":{"prompt_tokens":8,"total_tokens":8}}"#),
        Some(used(8, 0, 0, 0, 0))
    );
}

#[test]
fn providers_that_count_in_their_own_way_are_understood() {
    for (provider, usage, expected) in [
        (
            "DeepSeek",
            r#"{"prompt_tokens":100,"prompt_cache_hit_tokens":64,"prompt_cache_miss_tokens":36,"completion_tokens":50,
            "total_tokens":150,"completion_tokens_details":{"reasoning_tokens":40}}"#,
            Some(used(36, 64, 0, 10, 40)),
        ),
        (
            "OpenRouter",
            r#"{"prompt_tokens":194,"completion_tokens":2,"total_tokens":196,"cost":0.95,"prompt_tokens_details":
            {"cached_tokens":0,"cache_write_tokens":100,"audio_tokens":0},"completion_tokens_details":
            {"reasoning_tokens":0},"cost_details":{"upstream_inference_cost":19}}"#,
            Some(used(94, 0, 100, 2, 0)),
        ),
        (
            "xAI",
            r#"{"prompt_tokens":32,"completion_tokens":9,"total_tokens":135,"prompt_tokens_details":
            {"cached_tokens":6},"completion_tokens_details":{"reasoning_tokens":94}}"#,
            Some(used(26, 6, 0, 9, 94)),
        ),
        ("a reranker", r#"{"total_tokens":26}"#, Some(used(26, 0, 0, 0, 0))),
        (
            "a gateway before Anthropic",
            r#"{"prompt_tokens":50,"completion_tokens":5,"total_tokens":55,"cache_read_input_tokens":40,
            "prompt_tokens_details":{"cached_tokens":40}}"#,
            Some(used(10, 40, 0, 5, 0)),
        ),
        ("transcription by the minute", r#"{"type":"duration","seconds":3}"#, None),
        ("nonsense", r#"{"prompt_tokens":-1,"completion_tokens":"7","total_tokens":1.5}"#, None),
        (
            "more in a part than in the whole",
            r#"{"prompt_tokens":5,"prompt_cache_hit_tokens":9,"completion_tokens":1,"total_tokens":6,
            "completion_tokens_details":{"reasoning_tokens":4}}"#,
            Some(used(0, 5, 0, 0, 1)),
        ),
    ] {
        assert_eq!(of_json(&format!(r#"{{"usage":{usage}}}"#)), expected, "{provider}");
    }
}

#[test]
fn a_chat_stream_tells_at_its_end() {
    let word = r#"{"choices":[{"delta":{"content":"a"}}],"usage":null}"#;
    let end = r#"{"choices":[],"usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15}}"#;

    assert_eq!(of_events(&[word, word, end, "[DONE]"]), Some(used(10, 0, 0, 5, 0)));
    assert_eq!(of_events(&[word, word]), None);
}

#[test]
fn a_stream_of_responses_tells_when_it_is_completed_or_incomplete() {
    for end in ["response.completed", "response.incomplete"] {
        let end = format!(r#"{{"type":"{end}","response":{RESPONSES}}}"#).replace('\n', " ");
        let created = r#"{"type":"response.created","response":{"id":"resp_1","usage":null}}"#;

        assert_eq!(of_events(&[created, &end]), Some(used(200, 128, 0, 20, 32)));
    }
}

#[test]
fn an_anthropic_stream_tells_its_input_first_and_its_output_again_and_again() {
    let start = r#"{"type":"message_start","message":{"id":"msg_1","content":[],"usage":{"input_tokens":25,
        "cache_creation_input_tokens":10,"cache_read_input_tokens":5,"output_tokens":1}}}"#
        .replace('\n', " ");
    let word = r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a"}}"#;
    let delta = r#"{"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":15}}"#;
    let last = r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"input_tokens":30,
        "cache_creation_input_tokens":null,"output_tokens":22}}"#
        .replace('\n', " ");

    assert_eq!(of_events(&[&start, word]), Some(used(25, 5, 10, 1, 0)));
    assert_eq!(of_events(&[&start, word, delta]), Some(used(25, 5, 10, 15, 0)));
    assert_eq!(of_events(&[&start, word, delta, &last]), Some(used(30, 5, 10, 22, 0)));
}

#[test]
fn a_gemini_stream_tells_with_every_piece_in_either_form() {
    let piece = |output, thoughts| {
        format!(r#"{{"candidates":[],"usageMetadata":{{"promptTokenCount":4{output}{thoughts}}}}}"#)
    };
    let pieces =
        [piece("", ""), piece("", r#","thoughtsTokenCount":7"#), piece(r#","candidatesTokenCount":9"#, "")];

    assert_eq!(of_events(&pieces.each_ref().map(String::as_str)), Some(used(4, 0, 0, 9, 7)));
    assert_eq!(of_json(&format!("[{}\n]", pieces.join("\r\n,"))), Some(used(4, 0, 0, 9, 7)));
}

#[test]
fn streams_are_read_however_they_are_written() {
    let usage = r#"{"prompt_tokens":1,"completion_tokens":2}"#;
    for stream in [
        format!(": keep-alive\r\n\r\ndata: {{\"usage\":{usage}}}\r\n\r\n"),
        format!("event: x\rdata:{{\"usage\":{usage}}}\r\r"),
        format!("data: {{\ndata: \"usage\":\ndata: {usage}\ndata: }}\n\n"),
        format!("\u{feff}data: {{\"usage\":{usage}}}"),
        format!("data: {{\"cut\":\"\n\ndata: {{\"usage\":{usage}}}\n\n"),
    ] {
        let mut reader = UsageReader::of_events();
        reader.feed(stream.as_bytes());
        assert_eq!(reader.usage(), Some(used(1, 0, 0, 2, 0)), "{stream:?}");
    }
}

const PIECES: &[&str] = &[
    "data: ",
    "data: {\"x\":\"y\"}\n\n",
    "data: {\"usage\":null}\r\n\r\n",
    "data: {\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":1}}\n\n",
    "data: {\"message\":{\"usage\":{\"input_tokens\":5,\"cache_read_input_tokens\":2}}}\r\n\r\n",
    "{\"usage\":",
    "{\"output_tokens\":4}}",
    "event: a\n",
    ": c\n\n",
    "\r",
    "\n",
    "\r\n",
    "\"",
    "\u{feff}",
];

proptest! {
    #[test]
    fn wherever_an_answer_is_split_it_used_the_same(
        pieces in prop::collection::vec(prop::sample::select(PIECES), 0..30),
        at in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let stream = pieces.concat();
        let mut cuts: Vec<_> = at.iter().map(|at| at.index(stream.len() + 1)).collect();
        cuts.extend([0, stream.len()]);
        cuts.sort_unstable();
        for new in [UsageReader::of_events, UsageReader::of_json] {
            let (mut whole, mut bytes, mut split, mut as_sent) = (new(), new(), new(), new());
            whole.feed(stream.as_bytes());
            stream.as_bytes().chunks(1).for_each(|byte| bytes.feed(byte));
            cuts.windows(2).for_each(|cut| split.feed(&stream.as_bytes()[cut[0]..cut[1]]));
            for piece in &pieces {
                as_sent.feed(piece.as_bytes());
            }

            prop_assert_eq!(bytes.usage(), whole.usage());
            prop_assert_eq!(split.usage(), whole.usage());
            prop_assert_eq!(as_sent.usage(), whole.usage());
        }
    }

    #[test]
    fn arbitrary_bytes_and_numbers_are_read_without_harm(bytes: Vec<u8>, numbers: [u64; 8]) {
        for mut reader in [UsageReader::of_events(), UsageReader::of_json()] {
            reader.feed(&bytes);
            reader.usage();
        }
        let [a, b, c, d, e, f, g, h] = numbers;
        of_json(&format!(
            r#"{{"usage":{{"input_tokens":{a},"output_tokens":{b},"total_tokens":{c},"cache_read_input_tokens":{d},
            "cache_creation_input_tokens":{e},"input_tokens_details":{{"cached_tokens":{f}}},
            "output_tokens_details":{{"reasoning_tokens":{g}}},"thoughtsTokenCount":{h}}}}}"#
        ));
    }
}
