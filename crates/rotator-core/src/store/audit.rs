//! Who did what, and when.

use std::net::IpAddr;

use jiff::Timestamp;

use crate::model::{ConfigId, KeyId};

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

/// An action without a row of its own that the audit log keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuditAction {
    /// A user signed in.
    SignIn,
    /// Somebody failed to sign in.
    SignInFailed,
    /// A user signed out.
    SignOut,
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
    /// Records of requests are about to be shown as a file of this kind.
    RequestsExported(&'static str),
    /// The database was copied into a file.
    BackedUp,
    /// Somebody who may read keys gave the wrong password for that.
    BackupRefused,
}

impl AuditAction {
    /// The name under which it is stored and shown, and the object's id.
    pub fn parts(&self) -> (&'static str, Option<i64>) {
        match self {
            Self::SignIn => ("sign_in", None),
            Self::SignInFailed => ("sign_in_failed", None),
            Self::SignOut => ("sign_out", None),
            Self::KeyRevealed(id) => ("key.reveal", Some(id.0)),
            Self::KeyRevealRefused(id) => ("key.reveal_refused", Some(id.0)),
            Self::KeysExported(config, _) => ("keys.export", Some(config.0)),
            Self::KeysExportRefused(config) => ("keys.export_refused", Some(config.0)),
            Self::KeysTested(config, _) => ("keys.test", Some(config.0)),
            Self::RequestsExported(_) => ("requests.export", None),
            Self::BackedUp => ("database.backup", None),
            Self::BackupRefused => ("database.backup_refused", None),
        }
    }

    /// The text that is stored and shown with it.
    pub fn detail(&self) -> String {
        match self {
            Self::KeysExported(_, count) => format!("{count} keys exported"),
            Self::KeysTested(_, count) => format!("test of {count} keys begun"),
            Self::RequestsExported(format) => format!("as {format}"),
            _ => String::new(),
        }
    }
}

/// One line of the audit log. The stores' own writes are named `config.create`, `config.update`, `config.status`,
/// `config.delete`, `key.create`, `key.update`, `key.delete`, `keys.update`, `keys.delete`, `proxy_key.create`,
/// `proxy_key.update`, `proxy_key.delete`, `prices.update`, `notifications.update`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// When.
    pub at: Timestamp,
    /// The user's name.
    pub actor: String,
    /// Where the request came from.
    pub address: Option<IpAddr>,
    /// What was done.
    pub action: String,
    /// To which config or key; `key.create` and everything under `keys.` name the config.
    pub object_id: Option<i64>,
    /// A short text such as "100 keys added"; never a key.
    pub detail: String,
    /// The request that asked for it.
    pub request_id: String,
}
