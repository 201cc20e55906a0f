//! Streams of events.

mod blocks;
mod open;
mod read;
mod write;

pub(crate) use read::StreamReader;
pub(crate) use write::StreamWriter;
