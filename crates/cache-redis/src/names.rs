//! What our keys and channels in Redis are called.

use rotator_core::{cache::Scope, model::KeyId};

/// What our keys and channels are called. What belongs to one scope has the same in braces: a cluster keeps it together.
pub(crate) struct Names {
    prefix: String,
    /// Channels know no databases.
    database: i64,
}

impl Names {
    pub(crate) fn new(prefix: String, database: i64) -> Self {
        Self { prefix, database }
    }

    pub(crate) fn turns(&self, scope: Scope) -> String {
        format!("{}:turns", self.of(scope))
    }

    /// What a key did in the last minute.
    pub(crate) fn minute(&self, scope: Scope, key: KeyId) -> String {
        format!("{}:minute:{key}", self.of(scope))
    }

    /// The requests that are under way with a key.
    pub(crate) fn at_work(&self, scope: Scope, key: KeyId) -> String {
        format!("{}:at_work:{key}", self.of(scope))
    }

    fn of(&self, scope: Scope) -> String {
        let prefix = &self.prefix;
        match scope {
            Scope::Keys(service) => format!("{prefix}{{{service}}}"),
            Scope::Service(service) => format!("{prefix}{{{service}}}:service"),
            Scope::ProxyKey(key) => format!("{prefix}{{proxy_key:{key}}}"),
        }
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
