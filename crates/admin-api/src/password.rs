//! The admin's name and password, and how a shown pair is checked against them.

use argon2::{
    Algorithm, Argon2, Params,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use aws_lc_rs::{
    constant_time::verify_slices_are_equal,
    digest::{SHA256, SHA256_OUTPUT_LEN, digest},
    rand,
};

/// The one admin account, as the operator configured it.
pub struct AdminCredentials {
    username: String,
    /// Of the text that was configured: for the comparison of a plain password, and to tell one password from its successor.
    digest: [u8; SHA256_OUTPUT_LEN],
    /// Present when the operator gave a hash instead of the password.
    hash: Option<PasswordHash>,
}

/// Why [`hash_password`] made no hash.
#[derive(Debug, thiserror::Error)]
pub enum HashPasswordError {
    /// There is nothing to hash.
    #[error("the password is empty")]
    Empty,
    /// The system gives no random bytes.
    #[error("the system gives no random bytes for the salt")]
    NoRandomness,
    /// The hash could not be computed.
    #[error("the password could not be hashed")]
    Failed(#[from] argon2::password_hash::Error),
}

/// Bytes of a salt, as the PHC string format recommends.
const SALT_LEN: usize = 16;

impl AdminCredentials {
    /// A user name, and the password or its Argon2id hash in PHC string format (`$argon2id$…`).
    ///
    /// # Errors
    /// A sentence that names what is wrong: an empty name or password, a hash that cannot be read, another kind of
    /// hash, or one weaker than OWASP's minimum of 19 MiB, two passes and one lane.
    pub fn parse(username: &str, password: &str) -> Result<Self, String> {
        if username.is_empty() {
            return Err("the admin's user name must not be empty".into());
        }
        if password.is_empty() {
            return Err("the admin's password must not be empty".into());
        }
        let hash = if password.starts_with("$argon2") { Some(parse_hash(password)?) } else { None };
        Ok(Self { username: username.into(), digest: sha256(password), hash })
    }

    /// The admin's name.
    pub(crate) fn username(&self) -> &str {
        &self.username
    }

    /// Stands for the password where its successor must be told from it. Not for the outside.
    pub(crate) fn digest(&self) -> &[u8] {
        &self.digest
    }

    /// Whether a check is so much work that it must not run on a thread that serves requests.
    pub(crate) fn is_slow(&self) -> bool {
        self.hash.is_some()
    }

    /// Whether these are the admin's name and password. Takes as long for a name that is not the admin's.
    pub(crate) fn check(&self, username: &str, password: &str) -> bool {
        let known_user = verify_slices_are_equal(&sha256(&self.username), &sha256(username)).is_ok();
        let right_password = match &self.hash {
            Some(hash) => Argon2::default().verify_password(password.as_bytes(), hash).is_ok(),
            None => verify_slices_are_equal(&self.digest, &sha256(password)).is_ok(),
        };
        known_user & right_password
    }
}

/// The Argon2id hash of a password in PHC string format, with OWASP's minimum cost, fit for [`AdminCredentials::parse`].
pub fn hash_password(password: &str) -> Result<String, HashPasswordError> {
    if password.is_empty() {
        return Err(HashPasswordError::Empty);
    }
    let mut salt = [0; SALT_LEN];
    rand::fill(&mut salt).map_err(|_| HashPasswordError::NoRandomness)?;
    let hash: PasswordHash = Argon2::default().hash_password_with_salt(password.as_bytes(), &salt)?;
    Ok(hash.to_string())
}

fn parse_hash(text: &str) -> Result<PasswordHash, String> {
    const MEND: &str = "make one with the hash-password command";
    let hash =
        PasswordHash::new(text).map_err(|_| format!("the admin's password hash cannot be read; {MEND}"))?;
    if hash.algorithm.as_str() != Algorithm::Argon2id.as_str() || hash.salt.is_none() || hash.hash.is_none() {
        return Err(format!("the admin's password hash must be a whole $argon2id$ string; {MEND}"));
    }
    let cost = Params::try_from(&hash)
        .map_err(|_| format!("the admin's password hash has impossible costs; {MEND}"))?;
    if cost.m_cost() < Params::DEFAULT_M_COST || cost.t_cost() < Params::DEFAULT_T_COST {
        return Err(format!(
            "the admin's password hash is too weak: it needs at least m={},t={},p={}; {MEND}",
            Params::DEFAULT_M_COST,
            Params::DEFAULT_T_COST,
            Params::DEFAULT_P_COST
        ));
    }
    Ok(hash)
}

fn sha256(text: &str) -> [u8; SHA256_OUTPUT_LEN] {
    let mut out = [0; SHA256_OUTPUT_LEN];
    out.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_password_opens_only_whole_and_with_the_right_name() {
        let credentials = AdminCredentials::parse("admin", "correct horse").unwrap();

        assert!(credentials.check("admin", "correct horse"));
        for (name, password) in [
            ("admin", "correct hors"),
            ("admin", "correct horse "),
            ("Admin", "correct horse"),
            ("", ""),
            ("admin", ""),
        ] {
            assert!(!credentials.check(name, password), "{name:?} {password:?}");
        }
    }

    #[test]
    fn a_hashed_password_opens_by_the_password_and_not_by_the_hash() {
        let hash = hash_password("correct horse").unwrap();
        let credentials = AdminCredentials::parse("admin", &hash).unwrap();

        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(credentials.check("admin", "correct horse"));
        assert!(!credentials.check("admin", &hash));
        assert!(!credentials.check("other", "correct horse"));
    }

    #[test]
    fn a_weak_or_broken_hash_is_refused_with_the_way_to_mend_it() {
        let salt_and_hash = "c29tZXNhbHQxMjM0NTY3OA$+4uz9ljSYHZ0yjeMa1FzGTBMDlAQ0aTzAkOuv0EzZH8";
        for weak in [
            format!("$argon2id$v=19$m=4096,t=3,p=1${salt_and_hash}"),
            format!("$argon2id$v=19$m=19456,t=1,p=1${salt_and_hash}"),
            format!("$argon2i$v=19$m=19456,t=2,p=1${salt_and_hash}"),
            "$argon2id$".into(),
            "$argon2id$v=19$m=19456,t=2,p=1".into(),
        ] {
            let sentence = AdminCredentials::parse("admin", &weak).err().unwrap();
            assert!(sentence.contains("hash-password"), "{weak}: {sentence}");
        }
    }

    #[test]
    fn nothing_is_never_a_password() {
        assert!(AdminCredentials::parse("admin", "").is_err());
        assert!(AdminCredentials::parse("", "correct horse").is_err());
        assert!(hash_password("").is_err());
    }
}
