use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Caps, ConfigId, ProxyKeyId};

/// A key that clients show to us, made by an admin. Nobody can show it again: only its digest is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProxyKey {
    /// Given by the store.
    pub id: ProxyKeyId,
    /// What an admin wrote.
    pub spec: ProxyKeySpec,
    /// SHA-256 of the key.
    pub digest: [u8; 32],
    /// Enough of it to recognise it by.
    pub masked: String,
    /// When a request last showed it.
    pub last_used_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// The part of a proxy key that an admin writes.
///
/// As it is stored it may have no member that is not known here: one that a newer version wrote may forbid something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProxyKeySpec {
    /// For people.
    pub name: String,
    /// Whether it lets anybody in.
    pub is_active: bool,
    /// The services that it opens; all of them if none is named.
    pub services: Option<BTreeSet<ConfigId>>,
    /// From when on it lets nobody in.
    pub expires_at: Option<Timestamp>,
    /// What all that show it may do at most.
    pub caps: Caps,
}
