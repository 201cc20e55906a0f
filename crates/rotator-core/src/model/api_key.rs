use jiff::Timestamp;

use super::{ConfigId, KeyId, QuotaGroup};
use crate::{secret::Secret, store::StoreError};

/// A key of an upstream API, one of a config's pool.
#[derive(Debug, Clone)]
pub struct ApiKey {
    /// Given by the store.
    pub id: KeyId,
    /// Whose pool it is in.
    pub config_id: ConfigId,
    /// The key itself; `None` when what is stored does not open (tampered with, or moved from another row).
    pub secret: Option<Secret>,
    /// Whether a person wants it used.
    pub is_active: bool,
    /// Its share under `weighted`.
    pub weight: Weight,
    /// Whose limits it shares.
    pub quota_group: QuotaGroup,
    /// For people.
    pub note: String,
    /// When the upstream last took or refused it.
    pub last_used_at: Option<Timestamp>,
    /// Requests that the upstream took it for: those that succeeded, and those that were wrong in themselves.
    pub success_count: u64,
    /// Requests that the upstream refused because of the key: not accepted, limited, or its quota used up.
    pub failure_count: u64,
    /// When an admin last put it back into rotation, whatever it suffered from: what befell it before counts no more.
    pub reset_at: Option<Timestamp>,
    /// When it was added.
    pub created_at: Timestamp,
}

/// A key's share under `weighted`: 1 to 1000.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weight(u16);

/// What a key is fit for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyState {
    /// In rotation.
    Active,
    /// Switched off by a person.
    Disabled,
}

/// How many keys of a config are in each state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KeyCounts {
    /// In rotation.
    pub active: u64,
    /// Switched off by a person.
    pub disabled: u64,
}

impl ApiKey {
    /// The key itself, for one who cannot do without it.
    pub fn open(&self) -> Result<&Secret, StoreError> {
        let what = || format!("key {} of config {} does not open", self.id, self.config_id);
        self.secret.as_ref().ok_or_else(|| StoreError::Inconsistent { what: what() })
    }

    /// What the key is fit for now.
    pub fn state(&self) -> KeyState {
        if self.is_active { KeyState::Active } else { KeyState::Disabled }
    }
}

impl KeyState {
    /// The name under which it is shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Disabled => "disabled",
        }
    }
}

impl Weight {
    /// What every key starts with.
    pub const ONE: Self = Self(1);
    /// The largest.
    pub const MAX: u16 = 1000;

    /// `None` outside 1 to 1000.
    pub fn new(value: i64) -> Option<Self> {
        u16::try_from(value).ok().filter(|w| (1..=Self::MAX).contains(w)).map(Self)
    }

    /// 1 to 1000.
    pub fn get(self) -> u16 {
        self.0
    }
}
