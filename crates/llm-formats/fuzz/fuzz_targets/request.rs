#![no_main]
//! A client's request for another API: what was translated can be read as JSON.

use libfuzzer_sys::fuzz_target;
use llm_formats::json::Json;

fuzz_target!(|data: &[u8]| {
    let Some((byte, body)) = data.split_first() else { return };
    let (call, api) = llm_formats_fuzz::pair(*byte);
    if let Some(body) = llm_formats_fuzz::request(call, api, body).and_then(|request| request.body) {
        Json::parse(&body).unwrap();
    }
});
