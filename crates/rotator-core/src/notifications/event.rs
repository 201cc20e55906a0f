use serde::{Deserialize, Serialize};

use crate::model::{ConfigId, KeyId, ProxyConfig};

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The keys of a service have become few, none, or enough again.
    Pool(Level, PoolState),
    /// An API does not accept some keys of a service any more.
    KeysRejected(Affected),
    /// Some keys of a service have used up their quota.
    KeysExhausted(Affected),
    /// Something that the server depends on does not answer any more.
    Degraded(WatchedPart),
    /// It answers again.
    Recovered(WatchedPart),
    /// Nothing: an admin wants to see whether letters arrive.
    Test,
}

/// The events that a webhook can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// A service has few keys left that can be used.
    PoolLow,
    /// It has none.
    PoolEmpty,
    /// It has enough again.
    PoolRecovered,
    /// Keys were rejected.
    KeysRejected,
    /// Keys have used up their quota.
    KeysExhausted,
    /// The database or the cache does not answer.
    DependencyDegraded,
    /// It answers again.
    DependencyRecovered,
}

/// How many keys of a service can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Enough.
    Enough,
    /// Fewer than an admin wants.
    Low,
    /// None.
    Empty,
}

/// The keys of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolState {
    /// Whose.
    pub service: Service,
    /// Those that do not rest.
    pub usable: usize,
    /// All that are in rotation.
    pub total: usize,
}

/// Keys of a service to which the same happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Affected {
    /// Whose.
    pub service: Service,
    /// Which.
    pub keys: Vec<KeyId>,
}

/// A service, as operators know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Service {
    /// Its id.
    pub id: ConfigId,
    /// Its name.
    pub name: String,
    /// Its slug.
    pub slug: String,
}

/// Something that the server depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WatchedPart {
    /// Where everything is kept.
    Database,
    /// What instances share.
    Cache,
}

impl EventKind {
    /// Each of them.
    pub const ALL: [Self; 7] = [
        Self::PoolLow,
        Self::PoolEmpty,
        Self::PoolRecovered,
        Self::KeysRejected,
        Self::KeysExhausted,
        Self::DependencyDegraded,
        Self::DependencyRecovered,
    ];

    /// The name under which it is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PoolLow => "pool_low",
            Self::PoolEmpty => "pool_empty",
            Self::PoolRecovered => "pool_recovered",
            Self::KeysRejected => "keys_rejected",
            Self::KeysExhausted => "keys_exhausted",
            Self::DependencyDegraded => "dependency_degraded",
            Self::DependencyRecovered => "dependency_recovered",
        }
    }
}

impl WatchedPart {
    /// The name under which it is shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Database => "database",
            Self::Cache => "cache",
        }
    }
}

impl From<&ProxyConfig> for Service {
    fn from(config: &ProxyConfig) -> Self {
        Self { id: config.id, name: config.spec.name.clone(), slug: config.spec.slug.as_str().into() }
    }
}

impl Event {
    /// Which webhooks get it; `None` for a test, which goes to one.
    pub fn kind(&self) -> Option<EventKind> {
        Some(match self {
            Self::Pool(Level::Enough, _) => EventKind::PoolRecovered,
            Self::Pool(Level::Low, _) => EventKind::PoolLow,
            Self::Pool(Level::Empty, _) => EventKind::PoolEmpty,
            Self::KeysRejected(_) => EventKind::KeysRejected,
            Self::KeysExhausted(_) => EventKind::KeysExhausted,
            Self::Degraded(_) => EventKind::DependencyDegraded,
            Self::Recovered(_) => EventKind::DependencyRecovered,
            Self::Test => return None,
        })
    }

    /// The name under which it is sent.
    pub fn name(&self) -> &'static str {
        self.kind().map_or("test", EventKind::as_str)
    }
}
