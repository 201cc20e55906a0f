//! Who did what, and when.

use std::{fmt, net::IpAddr};

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::model::{ConfigId, KeyId, KeyState, ProxyKeyId, QuotaGroup, Weight};

use super::KeyPatch;

/// Who changes something, when, and from where: what an audit entry says beside what was done.
#[derive(Debug, Clone)]
pub struct Change {
    /// When.
    pub at: Timestamp,
    /// The user's name.
    pub actor: String,
    /// Where the request came from.
    pub address: Option<IpAddr>,
    /// The request that asked for it.
    pub request_id: String,
}

/// What was done, as the audit log keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuditAction {
    /// A user signed in.
    SignIn,
    /// Somebody failed to sign in.
    SignInFailed,
    /// A user signed out.
    SignOut,
    /// A config was made: its name and slug.
    ConfigCreated(ConfigId, String, String),
    /// A config was replaced: its name and slug.
    ConfigUpdated(ConfigId, String, String),
    /// A config was switched on or off.
    ConfigSwitched(ConfigId, bool),
    /// A config of this name was deleted, and its keys.
    ConfigDeleted(ConfigId, String),
    /// A config of the old project was changed to make sense: how.
    ConfigAdopted(ConfigId, String),
    /// Keys were added to a config.
    KeysAdded {
        /// To which.
        config: ConfigId,
        /// How many.
        added: usize,
        /// How many it had already.
        duplicates: u64,
    },
    /// This was changed of a key.
    KeyUpdated(KeyId, KeyPatch),
    /// A key of this config was deleted.
    KeyDeleted(KeyId, ConfigId),
    /// So many keys of a config were switched on or off.
    KeysSwitched(ConfigId, usize, bool),
    /// These keys of a config were put back, whatever state they were in.
    KeysReset(ConfigId, Vec<KeyId>),
    /// So many keys of a config, or those of it in one state, were deleted.
    KeysDeleted(ConfigId, u64, Option<KeyState>),
    /// A key's text was shown.
    KeyRevealed(KeyId),
    /// Somebody who may read keys gave the wrong password for it.
    KeyRevealRefused(KeyId),
    /// So many keys of a config are about to be shown as a file.
    KeysExported(ConfigId, usize),
    /// Somebody who may read keys gave the wrong password for that.
    KeysExportRefused(ConfigId),
    /// So many keys of a config are about to be tested.
    KeysTested(ConfigId, usize),
    /// A proxy key of this name was made.
    ProxyKeyCreated(ProxyKeyId, String),
    /// A proxy key was replaced; its name.
    ProxyKeyUpdated(ProxyKeyId, String),
    /// A proxy key was deleted.
    ProxyKeyDeleted(ProxyKeyId),
    /// So many prices were written in place of those before.
    PricesReplaced(usize),
    /// So many webhooks were written in place of those before.
    NotificationsReplaced(usize),
    /// Records of requests are about to be shown as a file of this kind.
    RequestsExported(&'static str),
    /// The database was copied into a file.
    BackedUp,
    /// Somebody who may read keys gave the wrong password for that.
    BackupRefused,
    /// The old project's tables were taken over: the report.
    DatabaseAdopted(String),
    /// All of another store was taken over: which, and how much.
    DatabaseMigrated(String),
}

impl AuditAction {
    /// The name under which it is stored and shown, and the object's id. `key.create` and everything under `keys.` name
    /// the config.
    pub fn parts(&self) -> (&'static str, Option<i64>) {
        match self {
            Self::SignIn => ("sign_in", None),
            Self::SignInFailed => ("sign_in_failed", None),
            Self::SignOut => ("sign_out", None),
            Self::ConfigCreated(id, ..) => ("config.create", Some(id.0)),
            Self::ConfigUpdated(id, ..) => ("config.update", Some(id.0)),
            Self::ConfigSwitched(id, _) => ("config.status", Some(id.0)),
            Self::ConfigDeleted(id, _) => ("config.delete", Some(id.0)),
            Self::ConfigAdopted(id, _) => ("config.adopt", Some(id.0)),
            Self::KeysAdded { config, .. } => ("key.create", Some(config.0)),
            Self::KeyUpdated(id, _) => ("key.update", Some(id.0)),
            Self::KeyDeleted(id, _) => ("key.delete", Some(id.0)),
            Self::KeysSwitched(config, ..) => ("keys.update", Some(config.0)),
            Self::KeysReset(config, _) => ("keys.reset", Some(config.0)),
            Self::KeysDeleted(config, ..) => ("keys.delete", Some(config.0)),
            Self::KeyRevealed(id) => ("key.reveal", Some(id.0)),
            Self::KeyRevealRefused(id) => ("key.reveal_refused", Some(id.0)),
            Self::KeysExported(config, _) => ("keys.export", Some(config.0)),
            Self::KeysExportRefused(config) => ("keys.export_refused", Some(config.0)),
            Self::KeysTested(config, _) => ("keys.test", Some(config.0)),
            Self::ProxyKeyCreated(id, _) => ("proxy_key.create", Some(id.0)),
            Self::ProxyKeyUpdated(id, _) => ("proxy_key.update", Some(id.0)),
            Self::ProxyKeyDeleted(id) => ("proxy_key.delete", Some(id.0)),
            Self::PricesReplaced(_) => ("prices.update", None),
            Self::NotificationsReplaced(_) => ("notifications.update", None),
            Self::RequestsExported(_) => ("requests.export", None),
            Self::BackedUp => ("database.backup", None),
            Self::BackupRefused => ("database.backup_refused", None),
            Self::DatabaseAdopted(_) => ("database.adopt", None),
            Self::DatabaseMigrated(_) => ("database.migrate", None),
        }
    }

    /// What is stored and shown with it.
    pub fn detail(&self) -> AuditDetail {
        AuditDetail::of(match self {
            Self::ConfigCreated(_, name, slug) | Self::ConfigUpdated(_, name, slug) => {
                json!({ "name": name, "slug": slug })
            }
            Self::ConfigSwitched(_, is_active) => json!({ "is_active": is_active }),
            Self::ConfigDeleted(_, name)
            | Self::ProxyKeyCreated(_, name)
            | Self::ProxyKeyUpdated(_, name) => {
                json!({ "name": name })
            }
            Self::KeysAdded { added, duplicates, .. } => json!({ "added": added, "duplicates": duplicates }),
            Self::KeyUpdated(_, patch) => json!({
                "is_active": patch.is_active,
                "weight": patch.weight.map(Weight::get),
                "quota_group": patch.quota_group.as_ref().map(QuotaGroup::as_str),
                "note": patch.note.as_ref().map(|_| true),
            }),
            Self::KeyDeleted(_, config) => json!({ "proxy_config_id": config.0 }),
            Self::KeysSwitched(_, keys, is_active) => json!({ "keys": keys, "is_active": is_active }),
            Self::KeysReset(_, keys) => match keys[..] {
                [key] => json!({ "key": key.0 }),
                _ => json!({ "keys": keys.len() }),
            },
            Self::KeysDeleted(_, keys, state) => {
                json!({ "keys": keys, "state": state.map(KeyState::as_str) })
            }
            Self::KeysExported(_, keys) | Self::KeysTested(_, keys) => json!({ "keys": keys }),
            Self::PricesReplaced(prices) => json!({ "prices": prices }),
            Self::NotificationsReplaced(webhooks) => json!({ "webhooks": webhooks }),
            Self::RequestsExported(format) => json!({ "format": format }),
            Self::ConfigAdopted(_, text) | Self::DatabaseAdopted(text) | Self::DatabaseMigrated(text) => {
                json!({ "text": text })
            }
            Self::SignIn
            | Self::SignInFailed
            | Self::SignOut
            | Self::KeyRevealed(_)
            | Self::KeyRevealRefused(_)
            | Self::KeysExportRefused(_)
            | Self::ProxyKeyDeleted(_)
            | Self::BackedUp
            | Self::BackupRefused => Value::Null,
        })
    }
}

/// What an entry says beside what was done: facts by name, such as `{"added": 100}`; never a key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditDetail(pub Map<String, Value>);

impl AuditDetail {
    fn of(facts: Value) -> Self {
        let Value::Object(mut facts) = facts else { return Self::default() };
        facts.retain(|_, fact| !fact.is_null());
        Self(facts)
    }

    /// Reads what was stored.
    pub fn parse(text: &str) -> Self {
        if text.is_empty() {
            return Self::default();
        }
        // Somebody's own words, or those of an earlier version.
        Self::of(serde_json::from_str(text).unwrap_or_else(|_| json!({ "text": text })))
    }
}

impl fmt::Display for AuditDetail {
    /// As it is stored.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Nothing of it can fail to be written as JSON.
        f.write_str(&serde_json::to_string(&self.0).unwrap_or_default())
    }
}

/// One line of the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// When.
    pub at: Timestamp,
    /// The user's name.
    pub actor: String,
    /// Where the request came from.
    pub address: Option<IpAddr>,
    /// What was done; see [`AuditAction::parts`].
    pub action: String,
    /// To which config or key.
    pub object_id: Option<i64>,
    /// What else there is to say.
    pub detail: AuditDetail,
    /// The request that asked for it.
    pub request_id: String,
}
