//! Reads a compressed text, in order to look into it: RFC 9110 §8.4.

use std::io::{self, Read, Write};

use brotli_decompressor::DecompressorWriter;
use flate2::write::{MultiGzDecoder, ZlibDecoder};
use ruzstd::decoding::FrameDecoder;

/// Why a body has not been unpacked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packed {
    /// We do not know the coding, or the body is broken.
    Unreadable,
    /// It holds more than may be.
    TooLong,
}

/// The text in a body of this `Content-Encoding`, if it has no more than `limit` bytes.
pub(crate) fn decode(coding: &str, body: &[u8], limit: usize) -> Result<Vec<u8>, Packed> {
    match coding.trim().to_ascii_lowercase().as_str() {
        "gzip" | "x-gzip" => read(flate2::read::MultiGzDecoder::new(body), limit),
        // Some servers leave out the zlib header that RFC 9110 asks for.
        "deflate" => match read(flate2::read::ZlibDecoder::new(body), limit) {
            Err(Packed::Unreadable) => read(flate2::read::DeflateDecoder::new(body), limit),
            text => text,
        },
        "br" => read(brotli_decompressor::Decompressor::new(body, PIECE), limit),
        "zstd" => {
            let decoder = ruzstd::decoding::StreamingDecoder::new(body).map_err(|_| Packed::Unreadable)?;
            read(decoder, limit)
        }
        _ => Err(Packed::Unreadable),
    }
}

const PIECE: usize = 4 << 10;

fn read(decoder: impl Read, limit: usize) -> Result<Vec<u8>, Packed> {
    let mut text = Vec::new();
    let mut decoder = decoder.take((limit as u64).saturating_add(1));
    decoder.read_to_end(&mut text).map_err(|_| Packed::Unreadable)?;
    if text.len() > limit { Err(Packed::TooLong) } else { Ok(text) }
}

/// Unpacks a body as it comes, and hands its text to a writer. It keeps a few megabytes at most, whatever comes.
pub(crate) enum Unpacker<W: Write> {
    Identity(W),
    Gzip(Box<MultiGzDecoder<W>>),
    Deflate(Box<ZlibDecoder<W>>),
    Brotli(Box<DecompressorWriter<W>>),
    Zstd(Box<Zstd<W>>),
}

impl<W: Write> Unpacker<W> {
    /// For this `Content-Encoding`; `None` when we do not know it.
    pub(crate) fn new(coding: &str, text: W) -> Option<Self> {
        Some(match coding.trim().to_ascii_lowercase().as_str() {
            "identity" => Self::Identity(text),
            "gzip" | "x-gzip" => Self::Gzip(Box::new(MultiGzDecoder::new(text))),
            "deflate" => Self::Deflate(Box::new(ZlibDecoder::new(text))),
            "br" => Self::Brotli(Box::new(DecompressorWriter::new(text, PIECE))),
            "zstd" => Self::Zstd(Box::new(Zstd::new(text))),
            _ => return None,
        })
    }

    /// Unpacks the next bytes. After an error there is nothing more to be had.
    pub(crate) fn write(&mut self, packed: &[u8]) -> io::Result<()> {
        match self {
            Self::Identity(text) => text.write_all(packed),
            Self::Gzip(decoder) => decoder.write_all(packed),
            Self::Deflate(decoder) => decoder.write_all(packed),
            Self::Brotli(decoder) => decoder.write_all(packed),
            Self::Zstd(decoder) => decoder.write(packed),
        }
    }

    /// The writer, which has got all that could be unpacked of what came.
    pub(crate) fn text(&mut self) -> &mut W {
        match self {
            Self::Identity(text) => text,
            Self::Gzip(decoder) => {
                // What a broken body had before its fault has been handed on already.
                let _ = decoder.flush();
                decoder.get_mut()
            }
            Self::Deflate(decoder) => {
                let _ = decoder.flush();
                decoder.get_mut()
            }
            Self::Brotli(decoder) => decoder.get_mut(),
            Self::Zstd(decoder) => &mut decoder.text,
        }
    }
}

/// Unpacks zstd, a block at a time.
pub(crate) struct Zstd<W> {
    frame: FrameDecoder,
    /// Less than a block: 128 KiB at most.
    packed: Vec<u8>,
    text: W,
}

impl<W: Write> Zstd<W> {
    /// The window that every recipient of HTTP has: RFC 9659.
    const MAX_WINDOW: u64 = 8 << 20;
    /// Of a frame.
    const LONGEST_HEADER: usize = 18;

    fn new(text: W) -> Self {
        Self { frame: Self::frame(), packed: Vec::new(), text }
    }

    fn frame() -> FrameDecoder {
        let mut frame = FrameDecoder::new();
        frame.set_max_window_size(Self::MAX_WINDOW);
        frame
    }

    fn write(&mut self, packed: &[u8]) -> io::Result<()> {
        self.packed.extend_from_slice(packed);
        let mut piece = [0; PIECE];
        let mut read = 0;
        loop {
            let rest = &self.packed[read..];
            let (taken, unpacked) = match self.frame.decode_from_to(rest, &mut piece) {
                // Half a checksum, which the decoder counts as a whole one.
                Ok((taken, _)) if taken > rest.len() => break,
                Ok(done) => done,
                // Half a header.
                Err(_) if rest.len() < Self::LONGEST_HEADER => break,
                Err(error) => return Err(io::Error::other(error)),
            };
            read += taken;
            self.text.write_all(&piece[..unpacked])?;
            if (taken, unpacked) == (0, 0) {
                if !self.frame.is_finished() || read == self.packed.len() {
                    break;
                }
                self.frame = Self::frame();
            }
        }
        self.packed.drain(..read);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use flate2::{
        Compression,
        write::{GzEncoder, ZlibEncoder},
    };
    use proptest::prelude::*;

    use super::*;

    const TEXT: &str = "{\"text\":\"aaaaaaaaaaaaaaaaaaaa\",\"usage\":{}}\n";
    /// `TEXT`, as the reference implementation packs it.
    const BROTLI: &[u8] = include_bytes!("content_coding/text.br");

    fn packed(text: &[u8]) -> [(&'static str, Vec<u8>); 4] {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(text).unwrap();
        let mut deflate = ZlibEncoder::new(Vec::new(), Compression::default());
        deflate.write_all(text).unwrap();
        let zstd = ruzstd::encoding::compress_to_vec(text, ruzstd::encoding::CompressionLevel::Fastest);
        [
            ("identity", text.to_vec()),
            ("GZIP", gzip.finish().unwrap()),
            ("deflate", deflate.finish().unwrap()),
            ("zstd", zstd),
        ]
    }

    fn unpacked<'a>(coding: &str, pieces: impl IntoIterator<Item = &'a [u8]>) -> io::Result<Vec<u8>> {
        let mut unpacker = Unpacker::new(coding, Vec::new()).unwrap();
        pieces.into_iter().try_for_each(|piece| unpacker.write(piece))?;
        Ok(unpacker.text().clone())
    }

    #[test]
    fn brotli_is_unpacked_however_it_is_split() {
        assert_eq!(unpacked("br", [BROTLI]).unwrap(), TEXT.as_bytes());
        assert_eq!(unpacked("br", BROTLI.chunks(1)).unwrap(), TEXT.as_bytes());
    }

    #[test]
    fn what_came_of_a_body_that_is_cut_is_unpacked() {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(b"data: 1\n\n").unwrap();
        gzip.flush().unwrap();

        assert_eq!(unpacked("gzip", [&gzip.get_ref()[..]]).unwrap(), b"data: 1\n\n");
    }

    #[test]
    fn a_body_of_several_frames_is_unpacked_whole() {
        for (coding, one) in packed(TEXT.as_bytes()).into_iter().filter(|(coding, _)| *coding != "deflate") {
            let two = [&one[..], &one[..]].concat();

            assert_eq!(unpacked(coding, two.chunks(7)).unwrap(), TEXT.repeat(2).as_bytes(), "{coding}");
        }
    }

    #[test]
    fn an_unknown_coding_is_not_unpacked() {
        for coding in ["", "gzip, br", "compress"] {
            assert!(Unpacker::new(coding, Vec::new()).is_none(), "{coding}");
        }
    }

    #[test]
    fn a_checksum_may_come_in_pieces() {
        let text: String = (0..2_000).map(|n| n.to_string()).collect();
        let (_, zstd) = packed(text.as_bytes()).into_iter().find(|(coding, _)| *coding == "zstd").unwrap();

        for rest in 1..=4 {
            let (most, checksum) = zstd.split_at(zstd.len() - rest);
            let pieces = std::iter::once(most).chain(checksum.chunks(1));

            assert_eq!(
                unpacked("zstd", pieces).unwrap(),
                text.as_bytes(),
                "the last {rest} bytes one by one"
            );
        }
    }

    proptest! {
        #[test]
        fn a_body_is_unpacked_however_it_is_split(
            words in prop::collection::vec("[a-c]{1,9}", 0..2_000), size in 1_usize..5_000,
        ) {
            let text = words.concat();
            for (coding, packed) in packed(text.as_bytes()) {
                prop_assert_eq!(unpacked(coding, packed.chunks(size)).unwrap(), text.as_bytes(), "{}", coding);
            }
        }

        #[test]
        fn arbitrary_bytes_are_unpacked_without_harm(bytes: Vec<u8>, start: bool) {
            for (coding, packed) in packed(TEXT.as_bytes()).into_iter().chain([("br", BROTLI.to_vec())]) {
                let begun = if start { &packed[..packed.len() / 2] } else { &[] };
                let _ = unpacked(coding, [begun, &bytes[..]]);
            }
        }
    }
}
