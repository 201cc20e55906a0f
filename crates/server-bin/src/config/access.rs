//! Who gets in, and the keys that protect what is stored.

use admin_api::{AdminCredentials, SigningKey};
use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use rotator_core::{
    secret::Secret,
    vault::{KeyEncryptionKey, KeyEncryptionKeys},
};

use super::{ConfigError, Database, DatabaseKind, Values, parse, variables as var, weak};

/// Who gets in, and the keys that protect what is stored.
pub struct Access {
    /// The admin's name.
    pub username: String,
    /// What the admin signs in with: that name, and a password or its hash.
    pub credentials: AdminCredentials,
    /// Signs admin sessions.
    pub signing_key: SigningKey,
    /// What clients show; an empty list lets nobody in.
    pub proxy_keys: Vec<Secret>,
    /// What protects the keys in the database.
    pub encryption: KeyEncryptionKeys,
    /// Opens `/metrics` to other machines.
    pub metrics_token: Option<Secret>,
}

const MAX_USERNAME: usize = 100;
const MIN_PASSWORD: usize = 8;
const MIN_JWT_SECRET: usize = 32;
const MIN_PROXY_KEY: usize = 16;
const MIN_METRICS_TOKEN: usize = 16;

impl Access {
    pub(super) fn read(
        values: &Values,
        database: &Database,
        warnings: &mut Vec<String>,
    ) -> Result<Self, ConfigError> {
        let proxy_keys = values.required(&var::GLOBAL_PROXY_KEYS, proxy_keys)?;
        if proxy_keys.is_empty() {
            warnings.push("GLOBAL_PROXY_KEYS is empty, so every client is refused".into());
        }
        if proxy_keys.iter().any(|key| key.expose().len() < MIN_PROXY_KEY) {
            warnings.push(format!(
                "GLOBAL_PROXY_KEYS has a key of fewer than {MIN_PROXY_KEY} characters, which is easy to guess"
            ));
        }
        let username = values.required(&var::ADMIN_USERNAME, username)?;
        Ok(Self {
            credentials: values.required(&var::ADMIN_PASSWORD, |text| credentials(&username, text))?,
            username,
            signing_key: values.required(&var::JWT_SECRET, signing_key)?,
            proxy_keys,
            encryption: encryption(values, database, warnings)?,
            metrics_token: values.optional(&var::METRICS_TOKEN, metrics_token)?,
        })
    }
}

fn username(text: &str) -> Result<String, String> {
    let name = text.trim();
    if name.is_empty() || name.chars().count() > MAX_USERNAME || name.chars().any(char::is_control) {
        return Err(format!("must be 1 to {MAX_USERNAME} characters without control characters"));
    }
    Ok(name.to_owned())
}

fn credentials(username: &str, password: &str) -> Result<AdminCredentials, String> {
    const BROKEN_HASH: &str = "must be a password, or a whole hash as `api-key-rotator hash-password` prints it; \
                               in an .env file a hash belongs in single quotes, or its $ signs are lost";
    weak::refuse_sample(password)?;
    if password.chars().count() < MIN_PASSWORD {
        return Err(format!("must have at least {MIN_PASSWORD} characters"));
    }
    // What is left of a hash when a shell or an .env file took its `$name`s for variables would pass for a password.
    let has_costs = password.contains(",t=") && password.contains(",p=");
    if has_costs && !password.starts_with("$argon2") {
        return Err(BROKEN_HASH.into());
    }
    AdminCredentials::parse(username, password).map_err(|_| BROKEN_HASH.into())
}

fn signing_key(text: &str) -> Result<SigningKey, String> {
    weak::refuse_sample(text)?;
    if text.len() < MIN_JWT_SECRET {
        return Err(format!(
            "must have at least {MIN_JWT_SECRET} bytes, such as `openssl rand -base64 48` prints"
        ));
    }
    SigningKey::parse(&Secret::parse(text)?)
}

fn proxy_keys(text: &str) -> Result<Vec<Secret>, String> {
    let mut keys: Vec<Secret> = Vec::new();
    for part in parse::list(text) {
        weak::refuse_sample(part)?;
        let key = Secret::parse(part)?;
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    Ok(keys)
}

impl Access {
    /// The keys that protect what is in a database, and nothing else of this section.
    pub fn encryption_of(values: &Values, database: &Database) -> Result<KeyEncryptionKeys, ConfigError> {
        encryption(values, database, &mut Vec::new())
    }

    /// Every key that may protect what is in a database, as far as these settings know.
    pub fn encryption_candidates(values: &Values) -> Result<Vec<KeyEncryptionKey>, ConfigError> {
        let set = [&var::ENCRYPTION_KEY, &var::ENCRYPTION_KEY_PREVIOUS]
            .into_iter()
            .map(|variable| values.optional(variable, KeyEncryptionKey::parse));
        let all = set.chain([values.optional(&var::JWT_SECRET, derived_key)]);
        all.filter_map(Result::transpose).collect()
    }
}

/// On MySQL a key made from `JWT_SECRET` stands in for an `ENCRYPTION_KEY` that is not set, and opens what it protects
/// when one is.
fn encryption(
    values: &Values,
    database: &Database,
    warnings: &mut Vec<String>,
) -> Result<KeyEncryptionKeys, ConfigError> {
    let previous = values.optional(&var::ENCRYPTION_KEY_PREVIOUS, KeyEncryptionKey::parse)?;
    let mut previous: Vec<_> = previous.into_iter().collect();
    if database.kind == DatabaseKind::Sqlite {
        let primary = values.required(&var::ENCRYPTION_KEY, encryption_key)?;
        return Ok(KeyEncryptionKeys { primary, previous });
    }
    let stand_in = values.required(&var::JWT_SECRET, derived_key)?;
    if let Some(primary) = values.optional(&var::ENCRYPTION_KEY, encryption_key)? {
        previous.push(stand_in);
        return Ok(KeyEncryptionKeys { primary, previous });
    }
    warnings.push(
        "ENCRYPTION_KEY is not set, so a key made from JWT_SECRET protects the stored keys, and they are lost if that \
         one changes; set ENCRYPTION_KEY, such as `openssl rand -base64 32` prints, and keep a copy"
            .into(),
    );
    Ok(KeyEncryptionKeys { primary: stand_in, previous })
}

/// A key for the stored keys, made from the one that signs sessions.
fn derived_key(jwt_secret: &str) -> Result<KeyEncryptionKey, String> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, jwt_secret.as_bytes());
    KeyEncryptionKey::parse(&STANDARD.encode(hmac::sign(&key, b"rotator/v1/key-encryption-key")))
}

fn encryption_key(text: &str) -> Result<KeyEncryptionKey, String> {
    weak::refuse_sample(text)?;
    KeyEncryptionKey::parse(text)
}

fn metrics_token(text: &str) -> Result<Secret, String> {
    weak::refuse_sample(text)?;
    if text.trim().len() < MIN_METRICS_TOKEN {
        return Err(format!("must have at least {MIN_METRICS_TOKEN} characters"));
    }
    Secret::parse(text)
}
