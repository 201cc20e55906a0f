use http::{HeaderName, HeaderValue};

/// Headers that an admin adds to, or takes from, every request of a config.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeaderRules {
    /// Set to this value, whatever the client sent.
    pub set: Vec<(HeaderName, HeaderValue)>,
    /// Taken out of what the client sent.
    pub remove: Vec<HeaderName>,
}
