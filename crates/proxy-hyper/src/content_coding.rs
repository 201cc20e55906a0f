//! Reads a compressed text, in order to look into it: RFC 9110 §8.4.

use std::io::Read;

/// The text in a body of this `Content-Encoding`; `None` when we do not know the coding, when the body is broken, or
/// when it holds more than `limit` bytes.
pub(crate) fn decode(coding: &str, body: &[u8], limit: usize) -> Option<Vec<u8>> {
    match coding.trim().to_ascii_lowercase().as_str() {
        "gzip" | "x-gzip" => read(flate2::read::MultiGzDecoder::new(body), limit),
        // Some servers leave out the zlib header that RFC 9110 asks for.
        "deflate" => read(flate2::read::ZlibDecoder::new(body), limit)
            .or_else(|| read(flate2::read::DeflateDecoder::new(body), limit)),
        "br" => read(brotli_decompressor::Decompressor::new(body, PIECE), limit),
        "zstd" => read(ruzstd::decoding::StreamingDecoder::new(body).ok()?, limit),
        _ => None,
    }
}

const PIECE: usize = 4 << 10;

fn read(decoder: impl Read, limit: usize) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    decoder.take(limit as u64 + 1).read_to_end(&mut text).ok()?;
    (text.len() <= limit).then_some(text)
}
