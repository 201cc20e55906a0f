//! What our keys and channels in Redis are called.

use rotator_core::{cache::Scope, model::KeyId};

/// What our keys and channels are called. What belongs to one scope has the same in braces: a cluster keeps it together.
pub(crate) struct Names {
    prefix: String,
    /// Channels know no databases.
    database: i64,
}

/// What our keys of one scope are called: what they begin with.
pub(crate) struct ScopeNames(String);

impl Names {
    pub(crate) fn new(prefix: String, database: i64) -> Self {
        Self { prefix, database }
    }

    pub(crate) fn of(&self, scope: Scope) -> ScopeNames {
        let prefix = &self.prefix;
        ScopeNames(match scope {
            Scope::Keys(service) => format!("{prefix}{{{service}}}"),
            Scope::Service(service) => format!("{prefix}{{{service}}}:service"),
            Scope::ProxyKey(key) => format!("{prefix}{{proxy_key:{key}}}"),
        })
    }

    pub(crate) fn revision(&self) -> String {
        format!("{}revision", self.prefix)
    }

    /// Where a new revision is told.
    pub(crate) fn revisions(&self) -> String {
        format!("{}{}:revisions", self.prefix, self.database)
    }

    /// Where is told what befalls keys.
    pub(crate) fn news(&self) -> String {
        format!("{}{}:news", self.prefix, self.database)
    }

    pub(crate) fn window(&self, name: &str) -> String {
        format!("{}window:{name}", self.prefix)
    }
}

impl ScopeNames {
    pub(crate) fn turns(&self) -> String {
        format!("{}:turns", self.0)
    }

    /// What a key did in the last minute.
    pub(crate) fn minute(&self, key: KeyId) -> String {
        format!("{}:minute:{key}", self.0)
    }

    /// The requests that are under way with a key.
    pub(crate) fn at_work(&self, key: KeyId) -> String {
        format!("{}:at_work:{key}", self.0)
    }
}
