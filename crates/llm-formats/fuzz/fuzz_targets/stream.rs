#![no_main]
//! An API's stream for a client of another. Where it is split makes no difference.

use libfuzzer_sys::fuzz_target;
use llm_formats::translate::Translation;

fn told(translation: &Translation, stream: &[u8], size: usize) -> (bool, Vec<u8>) {
    let (mut translator, mut out) = (translation.stream(), Vec::new());
    stream.chunks(size).for_each(|piece| translator.feed(piece, &mut out));
    (translator.finish(&mut out), out)
}

fuzz_target!(|data: &[u8]| {
    let [byte, size, stream @ ..] = data else { return };
    let Some(translation) = llm_formats_fuzz::translation(*byte) else { return };
    let size = usize::from(*size).max(1);
    assert_eq!(told(&translation, stream, size), told(&translation, stream, usize::MAX));
});
