//! The fields of a stream of server-sent events, told in pieces as they come. Kept is a field's name alone.

use std::mem;

use memchr::{memchr, memchr2};

/// A field that counts. What has another name is passed over, and so are comments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    /// `data`: a line of the event's data.
    Data,
    /// `event`: what the event is called. The last one of an event counts.
    Name,
}

/// A part of the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part<'a> {
    /// A field begins. Its value follows, if it has one.
    Begin(Field),
    /// A piece of the value of the field that began last. A value that lies whole in the bytes fed comes whole.
    Value(Field, &'a [u8]),
    /// A blank line: the event ends.
    End,
}

/// Reads a stream into its parts, wherever it is split.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    place: Place,
    name: FieldName,
    /// A line feed now would belong to the carriage return before it.
    after_return: bool,
    /// A byte order mark may come at the start of the first line only.
    is_past_first: bool,
}

/// Where in a line the stream stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Name,
    /// Behind the colon, where one space does not count.
    Space(Option<Field>),
    Value(Option<Field>),
}

/// As much of a field's name as tells which it is.
#[derive(Debug, Default)]
struct FieldName {
    bytes: [u8; LONGEST],
    /// Of the whole name.
    len: usize,
}

const MARK: &[u8] = b"\xEF\xBB\xBF";
/// A byte order mark and `event`.
const LONGEST: usize = 8;

impl Fields {
    pub(crate) fn feed<'a>(&mut self, mut bytes: &'a [u8], mut on_part: impl FnMut(Part<'a>)) {
        if !bytes.is_empty() && mem::take(&mut self.after_return) {
            bytes = bytes.strip_prefix(b"\n").unwrap_or(bytes);
        }
        while !bytes.is_empty() {
            let Some(end) = memchr2(b'\n', b'\r', bytes) else { return self.read(bytes, &mut on_part) };
            self.read(&bytes[..end], &mut on_part);
            self.end_line(&mut on_part);
            let is_return = bytes[end] == b'\r';
            bytes = &bytes[end + 1..];
            if is_return {
                self.after_return = bytes.is_empty();
                bytes = bytes.strip_prefix(b"\n").unwrap_or(bytes);
            }
        }
    }

    /// Ends a line that has no line break because the stream is over.
    pub(crate) fn finish(&mut self, mut on_part: impl FnMut(Part<'static>)) {
        if !self.is_at_line_start() {
            self.end_line(&mut on_part);
        }
    }

    /// Whether the next byte is the first of a line that is not the stream's first, whatever it is.
    pub(crate) fn is_between_lines(&self) -> bool {
        self.is_past_first && !self.after_return && self.is_at_line_start()
    }

    fn is_at_line_start(&self) -> bool {
        self.place == Place::Name && self.name.len == 0
    }

    /// Reads a piece of one line.
    fn read<'a>(&mut self, mut piece: &'a [u8], on_part: &mut impl FnMut(Part<'a>)) {
        if self.place == Place::Name {
            let Some(colon) = memchr(b':', piece) else { return self.name.push(piece) };
            self.name.push(&piece[..colon]);
            let field = self.name.field(self.is_past_first);
            on_begin(field, on_part);
            self.place = Place::Space(field);
            piece = &piece[colon + 1..];
        }
        if piece.is_empty() {
            return;
        }
        if let Place::Space(field) = self.place {
            piece = piece.strip_prefix(b" ").unwrap_or(piece);
            self.place = Place::Value(field);
        }
        if let Place::Value(Some(field)) = self.place
            && !piece.is_empty()
        {
            on_part(Part::Value(field, piece));
        }
    }

    fn end_line<'a>(&mut self, on_part: &mut impl FnMut(Part<'a>)) {
        if self.place == Place::Name {
            match self.name.text(self.is_past_first) {
                [] => on_part(Part::End),
                // A name without a colon has an empty value.
                _ => on_begin(self.name.field(self.is_past_first), on_part),
            }
        }
        (self.place, self.name.len, self.is_past_first) = (Place::Name, 0, true);
    }
}

fn on_begin<'a>(field: Option<Field>, on_part: &mut impl FnMut(Part<'a>)) {
    if let Some(field) = field {
        on_part(Part::Begin(field));
    }
}

impl FieldName {
    fn push(&mut self, piece: &[u8]) {
        let place = self.bytes.get_mut(self.len..).unwrap_or_default();
        let fits = piece.len().min(place.len());
        place[..fits].copy_from_slice(&piece[..fits]);
        self.len = self.len.saturating_add(piece.len());
    }

    fn text(&self, is_past_first: bool) -> &[u8] {
        let text = &self.bytes[..self.len.min(LONGEST)];
        if is_past_first { text } else { text.strip_prefix(MARK).unwrap_or(text) }
    }

    fn field(&self, is_past_first: bool) -> Option<Field> {
        match self.text(is_past_first) {
            _ if self.len > LONGEST => None,
            b"data" => Some(Field::Data),
            b"event" => Some(Field::Name),
            _ => None,
        }
    }
}
