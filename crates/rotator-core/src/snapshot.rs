//! What requests are served by as one sealed text, which an instance keeps for a start while its database is away.
//!
//! The text has three lines: what it is and its version, a data key of its own, wrapped by the operator's key, and
//! everything else sealed under that. Keys are sealed once more within, so that none is ever written out.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tracing::warn;
use zeroize::Zeroizing;

use crate::{
    model::{ApiKey, ConfigFields, ConfigId, ConfigSpec, KeyId, ProxyConfig, ProxyKey, Weight},
    prices::PriceRow,
    store::{RouteSource, Store, StoreError},
    vault::{KeyEncryptionKey, KeyEncryptionKeys, Row, Unlocked, Vault, VaultError},
};

/// What requests are served by, as a store has it.
#[derive(Debug, Clone)]
pub struct Reading {
    /// The store's revision that it is of.
    pub revision: u64,
    /// Every config with its keys.
    pub sources: Vec<RouteSource>,
    /// The proxy keys of admins.
    pub proxy_keys: Vec<ProxyKey>,
    /// What tokens cost; `None` when what is stored makes no sense. No service depends on it.
    pub prices: Option<Vec<PriceRow>>,
}

/// A reading to keep.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Where it comes from: the database, as operators are told of it.
    pub database: String,
    /// When it was read.
    pub taken_at: Timestamp,
    /// What was read. Of the keys, those that a person wants used are kept.
    pub reading: Reading,
}

/// Seals snapshots, one after the other.
pub struct SnapshotSealer {
    vault: Vault,
    wrapped: String,
}

/// Why a kept snapshot cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// Another version wrote it, or it is none.
    #[error("it is not one that this version writes")]
    OtherVersion,
    /// It is not whole, or not ours.
    #[error(transparent)]
    Sealed(#[from] VaultError),
    /// It would send requests to where another database says.
    #[error("it is of another database, {0}")]
    OtherDatabase(String),
}

const HEADER: &str = "api-key-rotator snapshot v1";
const PURPOSE: &str = "snapshot";

/// A snapshot as it is sealed.
#[derive(Serialize, Deserialize)]
struct Kept {
    database: String,
    revision: u64,
    taken_at: Timestamp,
    configs: Vec<KeptConfig>,
    proxy_keys: Vec<ProxyKey>,
    prices: Option<Vec<PriceRow>>,
}

#[derive(Serialize, Deserialize)]
struct KeptConfig {
    id: ConfigId,
    fields: ConfigFields,
    created_at: Timestamp,
    updated_at: Timestamp,
    keys: Vec<KeptKey>,
}

#[derive(Serialize, Deserialize)]
struct KeptKey {
    id: KeyId,
    sealed: String,
    weight: u16,
    quota_group: String,
    created_at: Timestamp,
}

impl Reading {
    /// Reads everything. `revision` is the store's from before: what is written meanwhile makes the reading newer than it
    /// says, and never older.
    pub async fn of(store: &dyn Store, revision: u64) -> Result<Self, StoreError> {
        let sources = store.route_sources().await?;
        let proxy_keys = store.proxy_keys().await?;
        Ok(Self { revision, sources, proxy_keys, prices: prices(store).await? })
    }
}

/// What tokens cost; `None` when what is stored makes no sense.
pub(crate) async fn prices(store: &dyn Store) -> Result<Option<Vec<PriceRow>>, StoreError> {
    match store.prices().await {
        Ok(rows) => Ok(Some(rows)),
        Err(error @ StoreError::Inconsistent { .. }) => {
            warn!(%error, "the stored prices are left out");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

impl Snapshot {
    /// Reads it from the store that is called so.
    pub async fn read(store: &dyn Store, database: String, taken_at: Timestamp) -> Result<Self, StoreError> {
        let revision = store.revision().await?;
        Ok(Self { database, taken_at, reading: Reading::of(store, revision).await? })
    }

    /// Opens what was sealed under one of these keys, of the database that is called so.
    pub fn open(text: &str, keys: &KeyEncryptionKeys, database: &str) -> Result<Self, SnapshotError> {
        let mut lines = text.lines();
        let (Some(HEADER), Some(wrapped), Some(sealed), None) =
            (lines.next(), lines.next(), lines.next(), lines.next())
        else {
            return Err(SnapshotError::OtherVersion);
        };
        let (Unlocked::ByPrimary(vault) | Unlocked::ByPrevious(vault, _)) = keys.unlock(wrapped)?;
        let plain = vault.open_document(sealed, PURPOSE)?;
        let kept: Kept = serde_json::from_slice(&plain).map_err(|_| SnapshotError::OtherVersion)?;
        if kept.database != database {
            return Err(SnapshotError::OtherDatabase(kept.database));
        }
        let sources = kept.configs.into_iter().map(|config| config.open(&vault)).collect::<Result<_, _>>()?;
        let Kept { database, revision, taken_at, proxy_keys, prices, .. } = kept;
        Ok(Self { database, taken_at, reading: Reading { revision, sources, proxy_keys, prices } })
    }
}

impl SnapshotSealer {
    /// One that this key, or the next one that replaces it, opens.
    pub fn new(key: &KeyEncryptionKey) -> Result<Self, VaultError> {
        let (vault, wrapped) = Vault::create(key)?;
        Ok(Self { vault, wrapped })
    }

    /// The text to keep.
    pub fn seal(&self, snapshot: Snapshot) -> Result<String, VaultError> {
        let Snapshot { database, taken_at, reading } = snapshot;
        let Reading { revision, sources, proxy_keys, prices } = reading;
        let keep = |source| KeptConfig::seal(source, &self.vault);
        let configs = sources.into_iter().map(keep).collect::<Result<_, _>>()?;
        let kept = Kept { database, revision, taken_at, configs, proxy_keys, prices };
        // Headers that an admin has set may be secret.
        let plain = serde_json::to_vec(&kept).map(Zeroizing::new).map_err(|_| VaultError::Damaged)?;
        let sealed = self.vault.seal_document(&plain, PURPOSE)?;
        Ok(format!("{HEADER}\n{}\n{sealed}\n", self.wrapped))
    }
}

impl KeptConfig {
    fn seal(source: RouteSource, vault: &Vault) -> Result<Self, VaultError> {
        let RouteSource { config: ProxyConfig { id, spec, created_at, updated_at }, keys } = source;
        let keys = keys.iter().filter(|key| key.is_active).filter_map(|key| KeptKey::seal(key, vault));
        Ok(Self {
            id,
            fields: ConfigFields::from(&spec),
            created_at,
            updated_at,
            keys: keys.collect::<Result<_, _>>()?,
        })
    }

    fn open(self, vault: &Vault) -> Result<RouteSource, SnapshotError> {
        let Self { id, fields, created_at, updated_at, keys } = self;
        let spec = ConfigSpec::try_from(&fields).map_err(|_| SnapshotError::OtherVersion)?;
        let keys = keys.into_iter().map(|key| key.open(id, vault)).collect::<Result<_, _>>()?;
        Ok(RouteSource { config: ProxyConfig { id, spec, created_at, updated_at }, keys })
    }
}

impl KeptKey {
    /// `None` for one that cannot be read.
    fn seal(key: &ApiKey, vault: &Vault) -> Option<Result<Self, VaultError>> {
        let row = Row { config: key.config_id, key: key.id };
        let sealed = vault.seal(key.secret.as_ref()?, row);
        Some(sealed.map(|sealed| Self {
            id: key.id,
            sealed,
            weight: key.weight.get(),
            quota_group: key.quota_group.as_str().into(),
            created_at: key.created_at,
        }))
    }

    fn open(self, config_id: ConfigId, vault: &Vault) -> Result<ApiKey, SnapshotError> {
        let Self { id, sealed, weight, quota_group, created_at } = self;
        Ok(ApiKey {
            id,
            config_id,
            secret: Some(vault.open(&sealed, Row { config: config_id, key: id })?),
            is_active: true,
            weight: Weight::new(weight.into()).ok_or(SnapshotError::OtherVersion)?,
            quota_group: quota_group.parse().map_err(|_| SnapshotError::OtherVersion)?,
            note: String::new(),
            last_used_at: None,
            success_count: 0,
            failure_count: 0,
            reset_at: None,
            created_at,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::{Caps, ProxyKeyId, ProxyKeySpec, QuotaGroup},
        secret::Secret,
    };

    const DATABASE: &str = "mysql://user@db:3306/app";

    fn key(digit: &str) -> KeyEncryptionKey {
        KeyEncryptionKey::parse(&digit.repeat(64)).unwrap()
    }

    fn keys(primary: &str, previous: &[&str]) -> KeyEncryptionKeys {
        KeyEncryptionKeys {
            primary: key(primary),
            previous: previous.iter().map(|digit| key(digit)).collect(),
        }
    }

    fn snapshot() -> Snapshot {
        let fields = ConfigFields {
            name: "echo".into(),
            slug: "echo".into(),
            config_type: "LLM".into(),
            is_active: true,
            target_base_url: Some("https://secret-place.example".into()),
            ..ConfigFields::default()
        };
        let at = Timestamp::UNIX_EPOCH;
        let config = ProxyConfig {
            id: ConfigId(7),
            spec: ConfigSpec::try_from(&fields).unwrap(),
            created_at: at,
            updated_at: at,
        };
        let key = |id, is_active| ApiKey {
            id: KeyId(id),
            config_id: config.id,
            secret: Some(Secret::parse(&format!("sk-canary-{id}")).unwrap()),
            is_active,
            weight: Weight::new(3).unwrap(),
            quota_group: "team".parse::<QuotaGroup>().unwrap(),
            note: "canary-note".into(),
            last_used_at: None,
            success_count: 5,
            failure_count: 1,
            reset_at: None,
            created_at: at,
        };
        let prices = serde_json::from_str(r#"[{"model":"m*","input":1,"output":2.5}]"#).unwrap();
        let sources = vec![RouteSource { keys: vec![key(1, true), key(2, false)], config }];
        let proxy_key = ProxyKey {
            id: ProxyKeyId(1001),
            spec: ProxyKeySpec {
                name: "canary-team".into(),
                is_active: true,
                services: Some([ConfigId(7)].into()),
                expires_at: Some(at),
                caps: Caps { concurrent: std::num::NonZeroU32::new(3), ..Caps::default() },
            },
            digest: [7; 32],
            masked: "pk-can***ary".into(),
            last_used_at: None,
            created_at: at,
        };
        let reading = Reading { revision: 41, sources, proxy_keys: vec![proxy_key], prices };
        Snapshot { database: DATABASE.into(), taken_at: at, reading }
    }

    fn sealed() -> String {
        SnapshotSealer::new(&key("a")).unwrap().seal(snapshot()).unwrap()
    }

    #[test]
    fn a_sealed_snapshot_opens_with_what_requests_need() {
        let text = sealed();
        assert!(
            !text.contains("canary") && !text.contains("secret-place") && !text.contains("echo"),
            "{text}"
        );

        let opened = Snapshot::open(&text, &keys("a", &[]), DATABASE).unwrap();

        let (opened, before) = (opened.reading, snapshot().reading);
        let source = &opened.sources[0];
        assert_eq!((opened.revision, &opened.prices), (41, &before.prices));
        assert_eq!(opened.proxy_keys, before.proxy_keys);
        assert_eq!(source.config, before.sources[0].config);
        assert_eq!(source.keys.len(), 1, "a key that is switched off is not kept");
        assert_eq!(source.keys[0].secret.as_ref().unwrap().expose(), "sk-canary-1");
        assert_eq!((source.keys[0].id, source.keys[0].weight.get()), (KeyId(1), 3));
        assert_eq!(source.keys[0].quota_group.as_str(), "team");
    }

    #[test]
    fn a_snapshot_without_prices_that_make_sense_opens_without_any() {
        let mut snapshot = snapshot();
        snapshot.reading.prices = None;
        let text = SnapshotSealer::new(&key("a")).unwrap().seal(snapshot).unwrap();

        assert_eq!(Snapshot::open(&text, &keys("a", &[]), DATABASE).unwrap().reading.prices, None);
    }

    #[test]
    fn a_snapshot_opens_with_a_previous_key_and_with_no_other() {
        let text = sealed();

        assert!(Snapshot::open(&text, &keys("b", &["a"]), DATABASE).is_ok());
        let error = Snapshot::open(&text, &keys("b", &["c"]), DATABASE).unwrap_err();
        assert!(matches!(error, SnapshotError::Sealed(VaultError::WrongKey)), "{error}");
    }

    #[test]
    fn a_snapshot_that_was_cut_or_changed_is_refused() {
        let text = sealed();
        for cut in [0, 1, HEADER.len() + 1, text.len() / 2, text.len() - 2] {
            assert!(Snapshot::open(&text[..cut], &keys("a", &[]), DATABASE).is_err(), "{cut}");
        }
        // A changed last character may stand for the same bytes.
        for at in (0..text.len() - 3).step_by(7).filter(|at| text.as_bytes()[*at] != b'\n') {
            let mut changed = text.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(Snapshot::open(&changed, &keys("a", &[]), DATABASE).is_err(), "{at}");
        }
    }

    #[test]
    fn a_snapshot_of_another_version_or_database_is_refused() {
        let newer = sealed().replacen("v1", "v2", 1);
        let error = Snapshot::open(&newer, &keys("a", &[]), DATABASE).unwrap_err();
        assert!(matches!(error, SnapshotError::OtherVersion), "{error}");

        let error = Snapshot::open(&sealed(), &keys("a", &[]), "mysql://user@db:3306/other").unwrap_err();
        assert!(error.to_string().contains(DATABASE), "{error}");
    }
}
