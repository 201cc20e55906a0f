use jiff::Timestamp;

use super::{StoreError, column::time};
use crate::{
    model::{
        ConfigFields, ConfigId, ConfigSpec, FieldError, ProxyConfig, ProxyKey, ProxyKeyId, ProxyKeySpec,
    },
    vault::Vault,
};

/// Said of a config whose keys would go where no admin sent them.
const ELSEWHERE: &str = "its address was changed in the database by other hands than an admin's, so it gets no key; if the \
                         address is right, save the config again";

/// A config as a database has it, which a hand edit or a newer version may have made senseless.
#[derive(Debug)]
pub struct StoredConfig {
    /// Its id.
    pub id: ConfigId,
    /// Its columns; `options` is not set.
    pub fields: ConfigFields,
    /// Every field that has a default, as JSON.
    pub options: String,
    /// What [`Vault::vouch`] made when it was written.
    pub vouched: Vec<u8>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl StoredConfig {
    /// The config, if it makes sense and an admin has sent its keys where it sends them; else why not.
    pub fn check(self, vault: &Vault) -> Result<ProxyConfig, StoreError> {
        let Self { id, mut fields, options, vouched, created_at, updated_at } = self;
        let inconsistent = |what: &str| StoreError::Inconsistent { what: format!("config {id}: {what}") };
        fields.options = serde_json::from_str(&options)
            .map_err(|_| inconsistent("options is not the JSON that it should be"))?;
        let spec =
            ConfigSpec::try_from(&fields).map_err(|errors| inconsistent(&FieldError::sentence(&errors)))?;
        if !vault.vouches(id, &spec, &vouched) {
            return Err(inconsistent(ELSEWHERE));
        }
        Ok(ProxyConfig { id, spec, created_at, updated_at })
    }
}

/// A proxy key as a database has it, which a hand edit or a newer version may have made senseless.
#[derive(Debug)]
pub struct StoredProxyKey {
    /// Its id.
    pub id: ProxyKeyId,
    /// SHA-256 of the key.
    pub digest: Vec<u8>,
    /// What an admin wrote, as JSON.
    pub terms: String,
    /// What [`Vault::vouch_for_proxy_key`] made when it was written.
    pub vouched: Vec<u8>,
    /// Enough of the key to recognise it by.
    pub masked: String,
    /// When a request last showed it, in milliseconds since 1970.
    pub last_used_at: Option<i64>,
    /// When it was made, in milliseconds since 1970.
    pub created_at: i64,
}

impl StoredProxyKey {
    /// What an admin wrote, as it is stored.
    pub fn terms_of(spec: &ProxyKeySpec) -> Result<String, StoreError> {
        let unwritable =
            |error| StoreError::Inconsistent { what: format!("a proxy key cannot be written: {error}") };
        serde_json::to_string(spec).map_err(unwritable)
    }

    /// The key, if it makes sense and an admin wrote it; else why not.
    pub fn check(self, vault: &Vault) -> Result<ProxyKey, StoreError> {
        let Self { id, digest, terms, vouched, masked, last_used_at, created_at } = self;
        let inconsistent = |what: &str| StoreError::Inconsistent { what: format!("proxy key {id}: {what}") };
        if !vault.vouches_for_proxy_key(id, &digest, &terms, &vouched) {
            return Err(inconsistent("it was changed in the database by other hands than an admin's"));
        }
        let spec =
            serde_json::from_str(&terms).map_err(|_| inconsistent("a newer version wrote its terms"))?;
        let digest = digest.try_into().map_err(|_| inconsistent("its digest has not 32 bytes"))?;
        let (last_used_at, created_at) = (last_used_at.map(time), time(created_at));
        Ok(ProxyKey { id, spec, digest, masked, last_used_at, created_at })
    }
}
