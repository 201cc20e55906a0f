//! The port through which all that a store holds moves into another one, whatever database either is on.
//!
//! Rows keep their ids, so that what refers to them still does. A key leaves a store opened and is sealed anew by the
//! one that takes it: each has a data key of its own, and neither need know the other's.

mod copy;

use async_trait::async_trait;
use jiff::Timestamp;

pub use copy::{Difference, compare, copy};

use crate::{
    model::{ApiKey, ProxyConfig, ProxyKey},
    notifications::Notifications,
    pool::Resting,
    prices::PriceRow,
    record::ErrorSample,
    store::{AuditEntry, Change, LoggedRequest, StoreError},
};

/// A store that can be moved out of, and into.
#[async_trait]
pub trait Transfer: Send + Sync {
    /// What the store is, and how much it holds. Counts every row.
    async fn holdings(&self) -> Result<Holdings, StoreError>;
    /// The rows of a part that follow an id, ascending, as many as one piece takes. `Inconsistent` when a config among
    /// them makes no sense: what cannot be carried must not get lost unseen.
    async fn export(&self, part: Part, after: i64) -> Result<Export, StoreError>;

    /// Remembers that all of another store is to be taken over; until the end, nothing else may use this one.
    /// `Conflict` when it holds anything, unless that was taken from the same store.
    async fn begin_transfer(&self, from: &StoreId) -> Result<(), StoreError>;
    /// Takes rows under their own ids. Those that are there already stay as they are. `Inconsistent` when a key among
    /// them does not open.
    async fn import(&self, piece: Piece) -> Result<(), StoreError>;
    /// The store that this one was to take over, if that has not come to the end.
    async fn transfer_under_way(&self) -> Result<Option<StoreId>, StoreError>;
    /// Forgets that a transfer was under way, and notes in the audit log that it was.
    async fn end_transfer(&self, detail: &str, by: &Change) -> Result<(), StoreError>;
}

/// How many rows a piece has at most, but for the parts that move as a whole.
pub const PIECE: u32 = 500;

/// By which a store is known again, whatever protects its data key, and wherever it lies. No secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreId(pub String);

/// Rows of one kind. The order is that in which a store takes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Proxy configs.
    Configs,
    /// Their keys, with what they served.
    Keys,
    /// How keys rest; as a whole.
    Rests,
    /// The proxy keys of admins; as a whole.
    ProxyKeys,
    /// Prices, webhooks, and where ids go on; as a whole.
    Settings,
    /// Sessions that were ended before they expired; as a whole.
    Sessions,
    /// The audit log.
    Audit,
    /// Samples of errors; as a whole.
    Samples,
    /// The request log.
    Requests,
}

/// Rows of one part.
#[derive(Debug)]
pub enum Piece {
    /// See [`Part::Configs`].
    Configs(Vec<ProxyConfig>),
    /// See [`Part::Keys`].
    Keys(Vec<ApiKey>),
    /// See [`Part::Rests`].
    Rests(Vec<Resting>),
    /// See [`Part::ProxyKeys`].
    ProxyKeys(Vec<ProxyKey>),
    /// See [`Part::Settings`].
    Settings(Settings),
    /// See [`Part::Sessions`]: with the time at which each would have expired.
    Sessions(Vec<(String, Timestamp)>),
    /// See [`Part::Audit`]: with the id of each.
    Audit(Vec<(i64, AuditEntry)>),
    /// See [`Part::Samples`].
    Samples(Vec<ErrorSample>),
    /// See [`Part::Requests`].
    Requests(Vec<LoggedRequest>),
}

/// What has no rows of its own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// What an admin says that tokens cost.
    pub prices: Vec<PriceRow>,
    /// Where operators are told of what happens.
    pub notifications: Notifications,
    /// The last id that was given to a config, which may be gone. None is used twice.
    pub last_config: i64,
    /// The last id that was given to a key.
    pub last_key: i64,
    /// The last id that was given to a proxy key.
    pub last_proxy_key: i64,
}

/// A piece that was read.
#[derive(Debug)]
pub struct Export {
    /// The rows.
    pub piece: Piece,
    /// The id after which to go on; `None` at the end.
    pub next: Option<i64>,
}

/// What a store is, and how much it holds.
#[derive(Debug, Clone)]
pub struct Holdings {
    /// Which store it is.
    pub store: StoreId,
    /// Of each part, in the order of [`Part::ALL`].
    pub extents: [Extent; Part::ALL.len()],
}

/// How much of a part there is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Extent {
    /// How many rows.
    pub rows: u64,
    /// The last id among them, after which an interrupted transfer goes on; 0 for a part that moves as a whole.
    pub last: i64,
}

impl Part {
    /// Every part, in order.
    pub const ALL: [Self; 9] = [
        Self::Configs,
        Self::Keys,
        Self::Rests,
        Self::ProxyKeys,
        Self::Settings,
        Self::Sessions,
        Self::Audit,
        Self::Samples,
        Self::Requests,
    ];

    /// What its rows are called.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Configs => "services",
            Self::Keys => "keys",
            Self::Rests => "resting keys",
            Self::ProxyKeys => "proxy keys",
            Self::Settings => "prices and webhooks",
            Self::Sessions => "ended sessions",
            Self::Audit => "audit entries",
            Self::Samples => "error samples",
            Self::Requests => "request records",
        }
    }

    /// Whether every row must arrive. Of the others, some may make no sense any more, or be too old to be kept.
    pub fn must_be_whole(self) -> bool {
        matches!(self, Self::Configs | Self::Keys | Self::ProxyKeys | Self::Settings | Self::Audit)
    }
}

impl Piece {
    /// How many rows it has.
    pub fn rows(&self) -> usize {
        match self {
            Self::Configs(rows) => rows.len(),
            Self::Keys(rows) => rows.len(),
            Self::Rests(rows) => rows.len(),
            Self::ProxyKeys(rows) => rows.len(),
            Self::Settings(settings) => settings.rows(),
            Self::Sessions(rows) => rows.len(),
            Self::Audit(rows) => rows.len(),
            Self::Samples(rows) => rows.len(),
            Self::Requests(rows) => rows.len(),
        }
    }
}

impl Settings {
    /// How many rows it counts as.
    pub fn rows(&self) -> usize {
        self.prices.len() + self.notifications.webhooks.len()
    }
}

impl Export {
    /// A part that moves as a whole.
    pub fn whole(piece: Piece) -> Self {
        Self { piece, next: None }
    }

    /// A piece of a part of which so many rows were read, up to this id.
    pub fn up_to(last: Option<i64>, rows: usize, piece: Piece) -> Self {
        Self { piece, next: last.filter(|_| rows >= PIECE as usize) }
    }
}

impl Holdings {
    /// How much of a part there is.
    pub fn of(&self, part: Part) -> Extent {
        Part::ALL.iter().position(|other| *other == part).map_or_else(Extent::default, |at| self.extents[at])
    }

    /// Whether there is nothing at all.
    pub fn is_empty(&self) -> bool {
        self.extents.iter().all(|extent| extent.rows == 0)
    }
}
