//! Answers go out and come back.

use proptest::prelude::*;

use super::{
    assemble::assembled,
    random::{carried, events_of, response},
    random_requests::request,
    *,
};

proptest! {
    #[test]
    fn an_answer_in_pieces_is_the_whole_answer(response in response(), cut in 0..=100_usize) {
        let stream = data_of(&written(events_of(&response, cut), Asked::default()));

        let (streamed, _) = assembled(&stream);

        prop_assert_eq!(streamed, value(&build_response(response, &Asked::default())));
    }

    #[test]
    fn an_answer_comes_back_as_it_went(response in response(), cut in 0..=100_usize) {
        let built = build_response(response.clone(), &Asked::default());
        let stream = data_of(&written(events_of(&response, cut), Asked::default()));
        let carried = carried(response, &value(&built));

        prop_assert_eq!(&parse_response(built, &Asked::default()).unwrap(), &carried);
        let told = read(&stream);
        prop_assert_eq!(told.last(), Some(&Event::End));
        prop_assert_eq!(joined(told), carried);
    }

    #[test]
    fn a_request_comes_back_as_it_went(request in request()) {
        let mut losses = Losses::default();
        let built = build_request(request, &mut losses).unwrap();
        prop_assert!(losses.is_empty(), "{:?}", losses);

        let again = parse_request(built.clone(), &mut losses).unwrap();

        prop_assert!(losses.is_empty(), "{:?}", losses);
        prop_assert_eq!(value(&build_request(again, &mut losses).unwrap()), value(&built));
    }

    #[test]
    fn no_request_is_read_badly(
        members in prop::collection::vec((prop::sample::select(NAMES), prop::sample::select(VALUES)), 0..6),
        item in prop::collection::vec((prop::sample::select(NAMES), prop::sample::select(VALUES)), 0..6),
    ) {
        let object = |members: &[(&str, &str)]| {
            let members = members.iter().map(|(name, value)| format!("{name:?}:{value}"));
            members.collect::<Vec<_>>().join(",")
        };
        let text = format!(r#"{{"model":"m","input":[{{{}}}],{}}}"#, object(&item), object(&members));
        if let Ok(body) = Json::parse(text.trim_end_matches(",}").as_bytes()) {
            let _ = parse_request(body, &mut Losses::default());
        }
    }

    #[test]
    fn no_bytes_make_a_reader_fail_badly(
        kinds in prop::collection::vec((prop::sample::select(KINDS), 0..3_u64, 0..3_u64, prop::sample::select(ITEMS)), 0..12),
    ) {
        let events: Vec<_> = kinds.into_iter().map(|(kind, output, index, item)| {
            format!(
                r#"{{"type":"{kind}","output_index":{output},"content_index":{index},"summary_index":{index},"delta":"d","text":"t","arguments":"a","item":{item},"part":{item},"response":{item}}}"#
            ).into_bytes()
        }).collect();

        let mut reader = StreamReader::new(&Asked::default());
        let (mut told, mut open) = (Vec::new(), 0);
        for data in &events {
            let _ = reader.read(data, &mut |event| told.push(event));
        }
        reader.finish(&mut |event| told.push(event));

        for event in &told {
            match event {
                Event::PartStart { .. } => open += 1,
                Event::PartEnd { .. } => open -= 1,
                Event::Piece { .. } | Event::Seal { .. } | Event::Paragraph { .. } => prop_assert_eq!(open, 1),
                _ => {}
            }
            prop_assert!((0..=1).contains(&open), "{:?}", told);
        }
    }
}

const KINDS: &[&str] = &[
    "response.output_item.added",
    "response.output_item.done",
    "response.content_part.added",
    "response.content_part.done",
    "response.output_text.delta",
    "response.output_text.done",
    "response.refusal.delta",
    "response.reasoning_summary_text.delta",
    "response.reasoning_text.delta",
    "response.function_call_arguments.delta",
    "response.function_call_arguments.done",
    "response.completed",
    "response.unknown",
    "x",
];

const ITEMS: &[&str] = &[
    "null",
    "7",
    "{}",
    r#"{"type":"output_text","text":"x"}"#,
    r#"{"type":"refusal"}"#,
    r#"{"type":"message","content":[{"type":"output_text","text":"x"},7]}"#,
    r#"{"type":"reasoning","summary":[{"text":"x"},{"text":"y"}],"encrypted_content":"s"}"#,
    r#"{"type":"function_call","call_id":"c","name":"n","arguments":"{}"}"#,
    r#"{"type":"custom_tool_call","call_id":"c","name":"n","input":"i"}"#,
];

const NAMES: &[&str] = &[
    "type",
    "role",
    "content",
    "call_id",
    "name",
    "arguments",
    "output",
    "input",
    "summary",
    "encrypted_content",
    "tools",
    "tool_choice",
    "text",
    "reasoning",
    "include",
    "namespace",
    "image_url",
    "metadata",
    "instructions",
];

const VALUES: &[&str] = &[
    "null",
    "7",
    "[]",
    "{}",
    r#""x""#,
    r#""user""#,
    r#""reasoning""#,
    r#""function_call""#,
    r#""function_call_output""#,
    r#"[{"type":"input_image","image_url":"data:,"}]"#,
    r#"[{"type":"input_image","image_url":"data:;base64,"}]"#,
    r#"[{"type":"summary_text","text":"x"}]"#,
    r#"[{"type":"function","name":"n"},{"type":"namespace","name":"n","tools":[{"type":"custom","name":"n"}]}]"#,
    r#"{"type":"allowed_tools","tools":[{"type":"function","name":"n"}]}"#,
    r#"{"format":{"type":"json_schema","schema":{}}}"#,
];
