#![no_main]
//! A JSON text is the same after it was written and read again.

use libfuzzer_sys::fuzz_target;
use llm_formats::json::Json;

fuzz_target!(|data: &[u8]| {
    if let Ok(json) = Json::parse(data) {
        let written = json.to_vec();
        assert_eq!(Json::parse(&written).unwrap().to_vec(), written);
    }
});
