//! Streams.

mod choice;
mod json_end;
mod part;
mod read;
mod write;

pub(crate) use read::StreamReader;
pub(crate) use write::StreamWriter;
