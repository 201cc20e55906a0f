//! Session tokens: a JSON Web Token (RFC 7519) signed with HS256, and the CSRF token that belongs to it.

use std::time::Duration;

use aws_lc_rs::{constant_time::verify_slices_are_equal, hmac, rand};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use rotator_core::secret::Secret;
use serde::{Deserialize, Serialize};

use crate::{error::ApiError, password::AdminCredentials};

/// What session tokens are signed with (`JWT_SECRET`).
pub struct SigningKey {
    encoding: EncodingKey,
    decoding: DecodingKey,
    mac: hmac::Key,
}

/// Issues session tokens, and reads them.
pub(crate) struct Tokens {
    key: SigningKey,
    username: String,
    /// Changes with the user name and the password, so that a change of either ends every session.
    version: String,
    lifetime: Duration,
}

/// A session that a valid token names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Session {
    pub(crate) id: String,
    pub(crate) expires_at: Timestamp,
}

/// What a token says. Every field is required, and of exactly this type.
#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    jti: String,
    iat: i64,
    exp: i64,
    #[serde(default, skip_serializing)]
    nbf: Option<i64>,
    tv: String,
}

/// Shortest signing key in bytes: as long as the digest (RFC 7518, section 3.2).
const MIN_KEY_LEN: usize = 32;
/// Our own tokens have some 500 bytes; a longer one is not looked at.
const MAX_TOKEN_LEN: usize = 2048;
/// How far the clock of the instance that issued a token may be ahead, in seconds.
const LEEWAY: i64 = 30;
const ISSUER: &str = "api-key-rotator";
const AUDIENCE: &str = "api-key-rotator/admin";

impl SigningKey {
    /// A signing key.
    ///
    /// # Errors
    /// A clause that says how long it must be.
    pub fn parse(secret: &Secret) -> Result<Self, String> {
        let bytes = secret.expose().as_bytes();
        if bytes.len() < MIN_KEY_LEN {
            return Err(format!("must be at least {MIN_KEY_LEN} bytes long"));
        }
        Ok(Self {
            encoding: EncodingKey::from_secret(bytes),
            decoding: DecodingKey::from_secret(bytes),
            mac: hmac::Key::new(hmac::HMAC_SHA256, bytes),
        })
    }

    /// A keyed digest. The purpose and its colons keep it apart from a token's signature, whose input has none.
    fn digest(&self, purpose: &str, parts: [&[u8]; 2]) -> String {
        let mut context = hmac::Context::with_key(&self.mac);
        for part in [b"api-key-rotator:", purpose.as_bytes(), b":", parts[0], b"\0", parts[1]] {
            context.update(part);
        }
        URL_SAFE_NO_PAD.encode(context.sign())
    }
}

impl Tokens {
    /// Tokens for the admin with these credentials, valid for `lifetime`.
    pub(crate) fn new(key: SigningKey, credentials: &AdminCredentials, lifetime: Duration) -> Self {
        let username = credentials.username().to_owned();
        let version = key.digest("credentials", [username.as_bytes(), credentials.digest()]);
        Self { key, username, version, lifetime }
    }

    /// Begins a session.
    pub(crate) fn issue(&self, now: Timestamp) -> Result<(String, Session), ApiError> {
        let mut id = [0; 16];
        rand::fill(&mut id).map_err(|_| ApiError::internal("the system gives no random bytes"))?;
        let iat = now.as_second();
        let claims = Claims {
            iss: ISSUER.into(),
            aud: AUDIENCE.into(),
            sub: self.username.clone(),
            jti: URL_SAFE_NO_PAD.encode(id),
            iat,
            exp: iat.saturating_add(self.lifetime_seconds()),
            nbf: None,
            tv: self.version.clone(),
        };
        let token = encode(&Header::new(Algorithm::HS256), &claims, &self.key.encoding)
            .map_err(ApiError::internal)?;
        let session = claims
            .into_session()
            .ok_or_else(|| ApiError::internal("the session would end after all time"))?;
        Ok((token, session))
    }

    /// The session that a token names; `None` unless it is one of ours, whole, in time, and of today's password.
    pub(crate) fn verify(&self, token: &str, now: Timestamp) -> Option<Session> {
        if token.len() > MAX_TOKEN_LEN {
            return None;
        }
        let data = decode::<Claims>(token, &self.key.decoding, &validation()).ok()?;
        let claims = data.claims;
        let ours = data.header == Header::new(Algorithm::HS256)
            && claims.sub == self.username
            && claims.tv == self.version;
        (ours && self.is_in_time(&claims, now)).then(|| claims.into_session())?
    }

    /// The CSRF token of a session.
    pub(crate) fn csrf_token(&self, session: &Session) -> String {
        self.key.digest("csrf", [session.id.as_bytes(), b""])
    }

    /// Whether this is a session's CSRF token; compared in constant time.
    pub(crate) fn is_csrf_token(&self, session: &Session, shown: &[u8]) -> bool {
        verify_slices_are_equal(self.csrf_token(session).as_bytes(), shown).is_ok()
    }

    /// How long a session lasts, in seconds.
    pub(crate) fn lifetime_seconds(&self) -> i64 {
        i64::try_from(self.lifetime.as_secs()).unwrap_or(i64::MAX)
    }

    /// The end is exact, since a revocation is kept no longer than that. It is also bounded, so that no token outlives
    /// the lifetime set today.
    fn is_in_time(&self, claims: &Claims, now: Timestamp) -> bool {
        let now = now.as_second();
        let latest = now.saturating_add(LEEWAY);
        claims.exp > now
            && claims.exp <= latest.saturating_add(self.lifetime_seconds())
            && claims.iat <= latest
            && claims.nbf.is_none_or(|nbf| nbf <= latest)
    }
}

impl Claims {
    fn into_session(self) -> Option<Session> {
        Some(Session { expires_at: Timestamp::from_second(self.exp).ok()?, id: self.jti })
    }
}

/// Pins the algorithm, issuer and audience. Times are checked by [`Tokens::is_in_time`], against a clock that is
/// passed in.
fn validation() -> Validation {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[AUDIENCE]);
    validation.set_required_spec_claims(&["exp", "sub", "iss", "aud"]);
    validation.validate_exp = false;
    validation
}
