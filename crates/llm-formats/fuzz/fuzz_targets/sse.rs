#![no_main]
//! Events of a stream. Where it is split makes no difference.

use libfuzzer_sys::fuzz_target;
use llm_formats::SseReader;

fn events(stream: &[u8], size: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
    let (mut reader, mut events) = (SseReader::default(), Vec::new());
    for piece in stream.chunks(size) {
        let _ = reader.feed(piece, |event| events.push((event.name.to_vec(), event.data.to_vec())));
    }
    reader.finish(|event| events.push((event.name.to_vec(), event.data.to_vec())));
    events
}

fuzz_target!(|data: &[u8]| {
    let Some((size, stream)) = data.split_first() else { return };
    assert_eq!(events(stream, usize::from(*size).max(1)), events(stream, usize::MAX));
});
