//! Streams, of which every event is a whole `GenerateContentResponse`.

mod read;
mod write;

pub(crate) use read::StreamReader;
pub(crate) use write::StreamWriter;
