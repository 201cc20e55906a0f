//! Wire formats of the LLM APIs, sans I/O: bytes in, bytes out, no sockets, no panics whatever the bytes are.
//!
//! | module | idea |
//! |---|---|
//! | [`dialect`] | which API's language a client speaks |
//! | [`error`] | errors we make ourselves, told in that language, also in the middle of a stream |
//! | [`conversation`] | what stays the same over the turns of one conversation |
//! | [`member`] | one member of a JSON object, taken out without touching the rest |
//! | [`model`] | which model a request is for |
//! | [`sse`] | the events of a stream, wherever it is split |
//! | [`mod@stream_start`] | whether a stream begins with content or with an error |
//! | [`usage`] | how many tokens an answer used |

pub mod conversation;
pub mod dialect;
pub mod error;
pub mod member;
pub mod model;
pub mod sse;
pub mod stream_start;
pub mod usage;

pub use conversation::{KnownBy, known_by};
pub use dialect::Dialect;
pub use error::{ErrorKind, error_body, problem_body, stream_error_event};
pub use member::take_member;
pub use model::requested_model;
pub use sse::SseReader;
pub use stream_start::{StreamStart, stream_start};
pub use usage::{Usage, UsageReader};
