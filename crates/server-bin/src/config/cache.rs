//! Where shared, expiring data is.

use std::{fs, num::NonZeroU32, time::Duration};

use zeroize::Zeroizing;

use super::{ConfigError, Values, parse, server::readable_file, storage::host, variables as var};

/// Where shared, expiring data is.
pub enum CacheKind {
    /// In this process.
    Memory,
    /// A server.
    Redis(Redis),
}

/// A Redis server.
pub struct Redis {
    /// Where it is.
    pub place: RedisPlace,
    /// The user's name, unless the URL has one.
    pub username: Option<String>,
    /// The password, unless the URL has one.
    pub password: Option<Zeroizing<String>>,
    /// Who vouches for a `rediss://` server, in PEM; the public authorities otherwise.
    pub authorities: Option<Vec<u8>>,
    /// What the names of all keys begin with.
    pub prefix: String,
    /// How long a request waits for it.
    pub budget: Duration,
    /// How many turns an instance takes at a time.
    pub turns_at_a_time: NonZeroU32,
}

/// Where a Redis server is.
pub enum RedisPlace {
    /// By `REDIS_URL`.
    Url(Zeroizing<String>),
    /// By its parts.
    Parts {
        /// `REDIS_HOST`.
        host: String,
        /// `REDIS_PORT`.
        port: u16,
        /// `REDIS_DB`.
        database: u32,
    },
}

const MAX_DATABASE: u32 = 16_383;
const MAX_TURNS: u32 = 1024;
const MAX_PREFIX: usize = 100;

impl CacheKind {
    /// Checks the variables of this section.
    pub fn read(values: &Values) -> Result<Self, ConfigError> {
        let url = values.optional(&var::REDIS_URL, url)?;
        let host = values.optional(&var::REDIS_HOST, host)?;
        let port = values.required(&var::REDIS_PORT, parse::port)?;
        let database = values.required(&var::REDIS_DB, database)?;
        let mut redis = Redis {
            place: RedisPlace::Url(Zeroizing::default()),
            username: values.optional(&var::REDIS_USERNAME, |text| Ok(text.to_owned()))?,
            password: values.optional(&var::REDIS_PASSWORD, |text| Ok(Zeroizing::new(text.to_owned())))?,
            authorities: values.optional(&var::REDIS_CA_FILE, file)?,
            prefix: values.required(&var::REDIS_PREFIX, prefix)?,
            budget: values.required(&var::REDIS_TIMEOUT, parse::duration)?,
            turns_at_a_time: values.required(&var::ROTATION_LEASE, turns)?,
        };
        redis.place = match (url, host) {
            (Some(url), _) => RedisPlace::Url(url),
            (None, Some(host)) => RedisPlace::Parts { host, port, database },
            (None, None) => return Ok(Self::Memory),
        };
        Ok(Self::Redis(redis))
    }

    /// As operators and admins are told.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Redis(_) => "redis",
        }
    }
}

impl RedisPlace {
    /// The variable that asked for it.
    pub fn variable(&self) -> &'static var::Variable {
        match self {
            Self::Url(_) => &var::REDIS_URL,
            Self::Parts { .. } => &var::REDIS_HOST,
        }
    }
}

fn url(text: &str) -> Result<Zeroizing<String>, String> {
    let text = text.trim();
    if ["redis://", "rediss://"].iter().any(|scheme| text.starts_with(scheme)) {
        return Ok(Zeroizing::new(text.to_owned()));
    }
    Err("must begin with redis:// or rediss://".into())
}

fn database(text: &str) -> Result<u32, String> {
    text.trim()
        .parse()
        .ok()
        .filter(|number| *number <= MAX_DATABASE)
        .ok_or_else(|| format!("must be the number of a database, from 0 to {MAX_DATABASE}"))
}

fn file(text: &str) -> Result<Vec<u8>, String> {
    fs::read(readable_file(text)?).map_err(|_| "must be a file of certificates in PEM".into())
}

/// Braces would tell a cluster which keys belong together.
fn prefix(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.len() > MAX_PREFIX
        || text.chars().any(|c| c.is_control() || c.is_whitespace() || "{}".contains(c))
    {
        return Err(format!("must be at most {MAX_PREFIX} characters, without spaces and braces"));
    }
    Ok(text.to_owned())
}

fn turns(text: &str) -> Result<NonZeroU32, String> {
    let count = parse::count(text, MAX_TURNS)?;
    NonZeroU32::new(count).ok_or_else(|| format!("must be a whole number from 1 to {MAX_TURNS}"))
}
