#![no_main]
//! An API's answer or error for a client of another.

use libfuzzer_sys::fuzz_target;
use llm_formats::json::Json;

fuzz_target!(|data: &[u8]| {
    let Some((byte, body)) = data.split_first() else { return };
    let Some(translation) = llm_formats_fuzz::translation(*byte) else { return };
    if let Ok(answer) = translation.answer(body) {
        Json::parse(&answer).unwrap();
    }
    let _ = translation.answer_as_stream(body);
    Json::parse(&translation.error(500, body, "r").1).unwrap();
});
