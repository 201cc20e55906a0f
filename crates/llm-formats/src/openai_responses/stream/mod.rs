//! Streams.

mod open;
mod read;
mod read_item;
mod write;

pub(crate) use read::StreamReader;
pub(crate) use write::StreamWriter;
