//! Server-sent events out of a stream that comes in pieces, by the `WHATWG`'s rules (HTML, "Interpreting an event
//! stream"): lines end with CR, LF or both, and a byte order mark, comments and unknown fields do not count.

pub(crate) mod fields;

use fields::{Field, Fields, Part};

/// An event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event<'a> {
    /// Its `event`; empty if it has none.
    pub name: &'a [u8],
    /// Its lines of `data`, with a line feed between two.
    pub data: &'a [u8],
}

/// An event was longer than may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventTooLong;

/// Reads events, wherever their stream is split, in time linear in its length. An event that lies whole in one piece,
/// with its data in one line, is not copied.
#[derive(Debug)]
pub struct SseReader {
    fields: Fields,
    event: Kept,
    max_event_bytes: usize,
}

/// What has come of an event in earlier pieces.
#[derive(Debug, Default)]
struct Kept {
    name: Vec<u8>,
    data: Vec<u8>,
    /// Empty data are data too.
    has_data: bool,
    is_too_long: bool,
}

/// A text whose end may still lie in the piece that is read.
struct Text<'k, 'p> {
    kept: &'k mut Vec<u8>,
    /// Empty where something is kept.
    in_piece: &'p [u8],
}

/// The longest event, unless told otherwise: models send whole pictures in one.
const MAX_EVENT_BYTES: usize = 8 << 20;
/// How much room for kept bytes outlives an event.
const LASTING: usize = 16 << 10;

impl Default for SseReader {
    fn default() -> Self {
        Self::with_max(MAX_EVENT_BYTES)
    }
}

impl SseReader {
    /// One for events of up to so many bytes of name and data.
    pub fn with_max(max_event_bytes: usize) -> Self {
        Self { fields: Fields::default(), event: Kept::default(), max_event_bytes }
    }

    /// Reads on, and tells of each event that ends in these bytes. An event that gets too long is left out and told of
    /// by the error, once; the events after it are read as ever.
    pub fn feed(&mut self, bytes: &[u8], mut on_event: impl FnMut(Event<'_>)) -> Result<(), EventTooLong> {
        let Self { fields, event, max_event_bytes } = self;
        let Kept { name, data, has_data, is_too_long } = event;
        let mut name = Text { kept: name, in_piece: &[] };
        let mut data = Text { kept: data, in_piece: &[] };
        let mut result = Ok(());
        fields.feed(bytes, |part| {
            match part {
                Part::Begin(Field::Data) if *has_data => data.push(b"\n"),
                Part::Begin(Field::Data) => *has_data = true,
                Part::Begin(Field::Name) => name.clear(),
                Part::Value(..) if *is_too_long => {}
                Part::Value(Field::Data, piece) => data.push(piece),
                Part::Value(Field::Name, piece) => name.push(piece),
                Part::End => {
                    if *has_data && !*is_too_long {
                        on_event(Event { name: name.as_slice(), data: data.as_slice() });
                    }
                    (*has_data, *is_too_long) = (false, false);
                    name.clear();
                    data.clear();
                }
            }
            if name.len() + data.len() > *max_event_bytes {
                (*is_too_long, result) = (true, Err(EventTooLong));
                name.clear();
                data.clear();
            }
        });
        name.keep();
        data.keep();
        result
    }

    /// Tells of the event that was not over when the stream was: it may be whole but for its blank line, or cut.
    pub fn finish(mut self, mut on_event: impl FnMut(Event<'_>)) {
        let Kept { name, data, has_data, is_too_long } = &mut self.event;
        self.fields.finish(|part| match part {
            Part::Begin(Field::Data) if *has_data => data.push(b'\n'),
            Part::Begin(Field::Data) => *has_data = true,
            Part::Begin(Field::Name) => name.clear(),
            Part::Value(..) | Part::End => {}
        });
        if *has_data && !*is_too_long {
            on_event(Event { name, data });
        }
    }
}

impl<'p> Text<'_, 'p> {
    fn push(&mut self, piece: &'p [u8]) {
        if self.kept.is_empty() && self.in_piece.is_empty() {
            self.in_piece = piece;
        } else {
            self.keep();
            self.kept.extend_from_slice(piece);
        }
    }

    /// Copies what lies in the piece, because the piece goes.
    fn keep(&mut self) {
        self.kept.extend_from_slice(std::mem::take(&mut self.in_piece));
    }

    fn as_slice(&self) -> &[u8] {
        if self.kept.is_empty() { self.in_piece } else { self.kept }
    }

    fn len(&self) -> usize {
        self.as_slice().len()
    }

    fn clear(&mut self) {
        self.in_piece = &[];
        self.kept.clear();
        self.kept.shrink_to(LASTING);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Events = Vec<(String, String)>;

    fn read<'a>(reader: &mut SseReader, pieces: impl IntoIterator<Item = &'a [u8]>) -> Events {
        let mut events = Vec::new();
        for piece in pieces {
            reader.feed(piece, |event| events.push(owned(event))).unwrap();
        }
        events
    }

    fn owned(event: Event<'_>) -> (String, String) {
        (String::from_utf8_lossy(event.name).into(), String::from_utf8_lossy(event.data).into())
    }

    /// All events of a stream, with the one at its end.
    fn events<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Events {
        let mut reader = SseReader::default();
        let mut events = read(&mut reader, pieces);
        reader.finish(|event| events.push(owned(event)));
        events
    }

    fn pairs(expected: &[(&str, &str)]) -> Events {
        expected.iter().map(|(name, data)| ((*name).into(), (*data).into())).collect()
    }

    #[test]
    fn events_are_read_as_the_standard_says() {
        for (stream, expected) in [
            ("data: a\n\ndata: b\n\n", &[("", "a"), ("", "b")][..]),
            ("data: a\r\n\r\ndata: b\r\n\r\n", &[("", "a"), ("", "b")]),
            ("data: a\r\rdata: b\r\r", &[("", "a"), ("", "b")]),
            ("data: a\r\n\rdata: b\n\r\n", &[("", "a"), ("", "b")]),
            ("\u{feff}data: a\n\n\u{feff}data: b\n\n", &[("", "a")]),
            ("\u{feff}\n\u{feff}event: x\ndata: a\n\n", &[("", "a")]),
            (": comment\n\n:\n\ndata: a\n: within\ndata: b\n\n", &[("", "a\nb")]),
            ("data:a\n\ndata:  a\n\ndata\n\ndata:\n\n", &[("", "a"), ("", " a"), ("", ""), ("", "")]),
            ("data\ndata\n\ndata: a\ndata:\ndata: b\n\n", &[("", "\n"), ("", "a\n\nb")]),
            ("event: x\ndata: a\n\ndata: b\n\n", &[("x", "a"), ("", "b")]),
            ("event: x\nevent: y\ndata: a\n\nevent: x\nevent\ndata: b\n\n", &[("y", "a"), ("", "b")]),
            ("event: x\n\ndata: a\n\n", &[("", "a")]),
            ("id: 7\nretry: 10\ndatabase: no\n data: no\ndata : no\nDATA: no\ndata: a:b\n\n", &[("", "a:b")]),
            ("data: a\n\ndata: b", &[("", "a"), ("", "b")]),
            ("data: a\ndata", &[("", "a\n")]),
            ("data: a\n\nevent: x", &[("", "a")]),
            ("", &[]),
        ] {
            assert_eq!(events([stream.as_bytes()]), pairs(expected), "{stream:?}");
        }
    }

    #[test]
    fn an_event_is_told_as_soon_as_its_blank_line_begins() {
        let mut reader = SseReader::default();

        assert_eq!(read(&mut reader, [&b"data: a\r\n\r"[..]]), pairs(&[("", "a")]));
        assert_eq!(read(&mut reader, [&b""[..], b"\n", b"\ndata: b\n", b"\n"]), pairs(&[("", "b")]));
    }

    #[test]
    fn an_event_in_one_piece_is_not_copied() {
        let bytes = b"event: x\ndata: abc\n\ndata: d\n\n";
        let mut events = 0;
        let within = |part: &[u8]| bytes.as_ptr_range().contains(&part.as_ptr());

        let mut reader = SseReader::default();
        let told = reader.feed(bytes, |event| {
            assert!(within(event.data) && (event.name.is_empty() || within(event.name)));
            events += 1;
        });

        assert_eq!((told, events), (Ok(()), 2));
        assert_eq!((reader.event.name.capacity(), reader.event.data.capacity()), (0, 0));
    }

    #[test]
    fn an_event_that_is_too_long_is_told_of_once_and_left_out() {
        let mut reader = SseReader::with_max(5);
        let mut events = Vec::new();
        let mut feed = |bytes: &[u8]| reader.feed(bytes, |event| events.push(owned(event)));

        assert_eq!(feed(b"event: xy\ndata: abc\n\ndata: 12"), Ok(()));
        assert_eq!(feed(b"3456789"), Err(EventTooLong));
        assert_eq!(feed(b"0\ndata: more\nevent: y\n"), Ok(()));
        assert_eq!(feed(b"\ndata: b\n\n"), Ok(()));
        assert_eq!(feed(b"data: 123456\n\ndata: c\n\n"), Err(EventTooLong));
        assert_eq!(events, pairs(&[("xy", "abc"), ("", "b"), ("", "c")]));
    }

    #[test]
    fn a_long_event_is_read_in_linear_time_and_leaves_no_memory_behind() {
        let long = vec![b'x'; 5 << 20];
        let mut reader = SseReader::default();

        let mut lengths = Vec::new();
        // Who reads what is kept again with each of the 50 000 pieces needs minutes.
        for piece in [b"data: ", &long[..], b"\n\n"].concat().chunks(100) {
            reader.feed(piece, |event| lengths.push(event.data.len())).unwrap();
        }

        assert_eq!(lengths, [long.len()]);
        assert!(reader.event.data.capacity() <= LASTING);
    }

    const PIECES: &[&[u8]] = &[
        b"data",
        b"data:",
        b"event: ",
        b"e",
        b":",
        b" ",
        b"x",
        b"\n",
        b"\r",
        b"\r\n",
        b"\n\n",
        b"\xEF\xBB\xBF",
        b"\xFF",
    ];

    /// What the standard says, a sentence at a time, of a whole stream.
    fn by_the_book(stream: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
        let stream = stream.strip_prefix("\u{feff}".as_bytes()).unwrap_or(stream);
        let text: String = stream.iter().copied().map(char::from).collect();
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        let text: Vec<u8> = text.chars().map(|char| u8::try_from(char).unwrap()).collect();
        let (mut events, mut name, mut data) = (Vec::new(), Vec::new(), Vec::new());
        let mut dispatch = |name: &mut Vec<u8>, data: &mut Vec<u8>| {
            let (name, mut data) = (std::mem::take(name), std::mem::take(data));
            if data.pop().is_some() {
                events.push((name, data));
            }
        };
        for line in text.split(|byte| *byte == b'\n') {
            let colon = line.iter().position(|byte| *byte == b':');
            let value = colon.map_or(&[][..], |colon| &line[colon + 1..]);
            let value = value.strip_prefix(b" ").unwrap_or(value);
            match &line[..colon.unwrap_or(line.len())] {
                _ if line.is_empty() => dispatch(&mut name, &mut data),
                b"event" => name = value.to_vec(),
                b"data" => data.extend([value, b"\n"].concat()),
                _ => {}
            }
        }
        dispatch(&mut name, &mut data);
        events
    }

    proptest! {
        #[test]
        fn wherever_it_is_split_a_stream_has_the_events_of_the_standard(
            pieces in prop::collection::vec(prop::sample::select(PIECES), 0..40),
            at in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
        ) {
            let stream = pieces.concat();
            let mut cuts: Vec<_> = at.iter().map(|at| at.index(stream.len() + 1)).collect();
            cuts.extend([0, stream.len()]);
            cuts.sort_unstable();
            let mut reader = SseReader::default();
            let mut events = Vec::new();
            let mut take = |event: Event<'_>| events.push((event.name.to_vec(), event.data.to_vec()));

            for cut in cuts.windows(2) {
                prop_assert_eq!(reader.feed(&stream[cut[0]..cut[1]], &mut take), Ok(()));
            }
            reader.finish(&mut take);

            prop_assert_eq!(events, by_the_book(&stream));
        }

        #[test]
        fn arbitrary_bytes_are_read_without_harm_and_kept_within_bounds(
            pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..50), 0..20), max in 0_usize..20,
        ) {
            let mut reader = SseReader::with_max(max);
            for piece in &pieces {
                let _ = reader.feed(piece, |event| assert!(event.name.len() + event.data.len() <= max));
                prop_assert!(reader.event.name.len() + reader.event.data.len() <= max);
            }
            reader.finish(|_| ());
        }
    }
}
