//! What a translation could not carry over.

use super::fields::Path;

/// More names than this say no more.
const MAX_NAMES: usize = 32;
/// Longer names are cut: a name may be anything that a client writes.
const MAX_NAME_BYTES: usize = 100;

/// The names of what could not be carried over, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Losses(Vec<String>);

impl Losses {
    /// Something that stands in a body is lost.
    pub(crate) fn lose(&mut self, path: &Path<'_>) {
        self.lose_named(&path.kind_of_place());
    }

    /// Something is lost, of which the name is as the client wrote it.
    pub(crate) fn lose_named(&mut self, name: &str) {
        let end = name.floor_char_boundary(MAX_NAME_BYTES);
        let name = &name[..end];
        if self.0.len() < MAX_NAMES && !self.0.iter().any(|known| known == name) {
            self.0.push(name.to_owned());
        }
    }

    /// The names, in the order in which they were met.
    pub fn names(&self) -> &[String] {
        &self.0
    }

    /// Whether nothing was lost.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
