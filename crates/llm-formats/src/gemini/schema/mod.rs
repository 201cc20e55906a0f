//! JSON schemas as Gemini reads and writes them.

mod openapi;
mod subset;

pub(super) use openapi::from_openapi;
pub(super) use subset::{is_empty_object, to_subset};
