use std::{collections::BTreeSet, fmt, mem, str::FromStr};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::uri::PathAndQuery;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use super::{EventKind, Language};
use crate::{model::BaseUrl, secret::Secret, store::StoreError, vault::Vault};

/// Where operators are told of what happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notifications {
    /// A service is low with fewer keys than this that can be used, if it has so many.
    pub low_keys: u32,
    /// Who is told.
    pub webhooks: Vec<Webhook>,
    /// The last id that was given to a webhook. None is used twice.
    pub last_id: u32,
}

/// An address, and what goes there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// By which it is known.
    pub id: u32,
    /// The address.
    pub url: WebhookUrl,
    /// By which it can tell that a letter is from us.
    pub secret: Option<SigningSecret>,
    /// How a letter is written.
    pub format: Format,
    /// In which language.
    pub language: Language,
    /// Of what it wants to hear.
    pub events: BTreeSet<EventKind>,
}

/// An address that is a secret: whoever knows it may post to it.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookUrl {
    origin: BaseUrl,
    path: PathAndQuery,
}

/// What letters are signed with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningSecret(Secret);

/// How a letter is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// An object with all that is known, and a sentence in `text`, which is what Slack shows.
    #[default]
    Json,
    /// As bots of Feishu and Lark want it: the sentence.
    Feishu,
    /// As bots of `DingTalk` and `WeCom` want it: the sentence.
    Dingtalk,
}

/// What one is sealed as.
const PURPOSE: &str = "notifications";
/// By which a secret in base64 begins, in the words of the Standard Webhooks.
const BASE64_PREFIX: &str = "whsec_";
/// Bytes of the shortest secret that is accepted.
const MIN_SECRET: usize = 16;

/// [`Notifications`] as they are sealed.
#[derive(Serialize, Deserialize)]
struct Kept {
    low_keys: u32,
    webhooks: Vec<KeptWebhook>,
    last_id: u32,
}

/// Wiped when it is dropped: an address may have a token in it.
#[derive(Serialize, Deserialize)]
struct KeptWebhook {
    id: u32,
    url: String,
    secret: Option<String>,
    format: Format,
    // Those of before there was a choice have none.
    #[serde(default)]
    language: Language,
    events: BTreeSet<EventKind>,
}

impl Drop for KeptWebhook {
    fn drop(&mut self) {
        self.url.zeroize();
        self.secret.zeroize();
    }
}

impl Default for Notifications {
    fn default() -> Self {
        Self { low_keys: 3, webhooks: Vec::new(), last_id: 0 }
    }
}

impl Notifications {
    /// As a text that a store keeps; addresses and secrets cannot be read in it.
    pub fn seal(&self, vault: &Vault) -> Result<String, StoreError> {
        let unwritable =
            |what: String| StoreError::Inconsistent { what: format!("webhooks cannot be sealed: {what}") };
        let webhooks = self.webhooks.iter().map(|webhook| KeptWebhook {
            id: webhook.id,
            url: webhook.url.expose(),
            secret: webhook.secret.as_ref().map(|SigningSecret(secret)| secret.expose().to_owned()),
            format: webhook.format,
            language: webhook.language,
            events: webhook.events.clone(),
        });
        let kept = Kept { low_keys: self.low_keys, webhooks: webhooks.collect(), last_id: self.last_id };
        let plain = serde_json::to_vec(&kept).map(Zeroizing::new).map_err(|e| unwritable(e.to_string()))?;
        vault.seal_document(&plain, PURPOSE).map_err(|e| unwritable(e.to_string()))
    }

    /// What [`Notifications::seal`] made.
    pub fn open(sealed: &str, vault: &Vault) -> Result<Self, StoreError> {
        let unreadable =
            |what: &str| StoreError::Inconsistent { what: format!("the webhooks cannot be read: {what}") };
        let plain = vault.open_document(sealed, PURPOSE).map_err(|e| unreadable(&e.to_string()))?;
        let kept: Kept =
            serde_json::from_slice(&plain).map_err(|_| unreadable("a newer version wrote them"))?;
        let open = |mut kept: KeptWebhook| {
            Ok(Webhook {
                id: kept.id,
                url: kept.url.parse()?,
                secret: kept.secret.as_deref().map(str::parse).transpose()?,
                format: kept.format,
                language: kept.language,
                events: mem::take(&mut kept.events),
            })
        };
        let webhooks = kept.webhooks.into_iter().map(open).collect::<Result<_, String>>();
        let webhooks = webhooks.map_err(|reason| unreadable(&reason))?;
        Ok(Self { low_keys: kept.low_keys, webhooks, last_id: kept.last_id })
    }
}

impl WebhookUrl {
    /// Its scheme, host and port.
    pub fn origin(&self) -> &BaseUrl {
        &self.origin
    }

    /// What is asked for there.
    pub fn path(&self) -> &PathAndQuery {
        &self.path
    }

    /// The address itself. Every call is a place where it could leak: keep them few.
    pub fn expose(&self) -> String {
        format!("{}://{}{}", self.origin.scheme(), self.origin.authority(), self.path)
    }

    /// Enough to recognise it by, too little to use.
    pub fn masked(&self) -> String {
        /// A path shorter than this shows nothing of itself.
        const LONG: usize = 16;
        let origin = format!("{}://{}", self.origin.scheme(), self.origin.authority());
        match self.path.as_str() {
            "/" => origin,
            path if path.len() < LONG => format!("{origin}/***"),
            path => format!("{origin}/***{}", &path[path.len() - 3..]),
        }
    }
}

impl FromStr for WebhookUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const MAX_LEN: usize = 2048;
        if text.len() > MAX_LEN {
            return Err(format!("must not be longer than {MAX_LEN} bytes"));
        }
        let whole: BaseUrl = text.parse()?;
        let uri: http::Uri = whole.as_str().parse().map_err(|_| "is not a URL")?;
        let path = uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
        let origin = format!("{}://{}", whole.scheme(), whole.authority()).parse()?;
        Ok(Self { origin, path })
    }
}

impl fmt::Debug for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WebhookUrl({})", self.masked())
    }
}

impl SigningSecret {
    /// The bytes to sign with.
    pub(super) fn bytes(&self) -> Zeroizing<Vec<u8>> {
        let text = self.0.expose();
        let decoded = text.strip_prefix(BASE64_PREFIX).and_then(|text| STANDARD.decode(text).ok());
        decoded.unwrap_or_else(|| text.as_bytes().to_vec()).into()
    }
}

impl FromStr for SigningSecret {
    type Err = String;

    /// Takes base64 behind `whsec_`, or any other text for its bytes.
    fn from_str(text: &str) -> Result<Self, String> {
        const MAX: usize = 512;
        let secret = Self(Secret::parse(text)?);
        if text.len() > MAX {
            return Err(format!("must not be longer than {MAX} bytes"));
        }
        let is_base64 =
            text.trim().strip_prefix(BASE64_PREFIX).is_none_or(|text| STANDARD.decode(text).is_ok());
        if !is_base64 {
            return Err(format!("must be base64 behind {BASE64_PREFIX}, or begin otherwise"));
        }
        if secret.bytes().len() < MIN_SECRET {
            return Err(format!("must have at least {MIN_SECRET} bytes"));
        }
        Ok(secret)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::KeyEncryptionKey;

    const URL: &str = "https://hooks.example.com/services/T00/B00/canary?token=x";

    fn vault() -> Vault {
        Vault::create(&KeyEncryptionKey::parse(&"a".repeat(64)).unwrap()).unwrap().0
    }

    fn notifications() -> Notifications {
        let webhook = Webhook {
            id: 7,
            url: URL.parse().unwrap(),
            secret: Some("a canary of a secret".parse().unwrap()),
            format: Format::Feishu,
            language: Language::Zh,
            events: BTreeSet::from([EventKind::PoolEmpty, EventKind::KeysRejected]),
        };
        Notifications { low_keys: 5, webhooks: vec![webhook], last_id: 9 }
    }

    #[test]
    fn webhooks_are_sealed_whole_and_shown_by_nobody_on_the_way() {
        let (vault, notifications) = (vault(), notifications());

        let sealed = notifications.seal(&vault).unwrap();

        assert!(!sealed.contains("canary") && !format!("{notifications:?}").contains("canary"));
        assert_eq!(Notifications::open(&sealed, &vault).unwrap(), notifications);
    }

    #[test]
    fn webhooks_that_another_hand_wrote_are_refused() {
        let sealed = notifications().seal(&vault()).unwrap();

        let refused = Notifications::open(&sealed, &vault());

        assert!(matches!(refused, Err(StoreError::Inconsistent { .. })), "{refused:?}");
    }

    #[test]
    fn an_address_is_kept_to_the_letter_and_masked() {
        for (text, masked) in [
            (URL, "https://hooks.example.com/***n=x"),
            ("http://127.0.0.1:8080/hook/", "http://127.0.0.1:8080/***"),
            ("https://a.example", "https://a.example"),
        ] {
            let url: WebhookUrl = text.parse().unwrap();
            assert_eq!(url.expose().trim_end_matches('/'), text.trim_end_matches('/'));
            assert_eq!(url.masked(), masked);
        }
        let slash: WebhookUrl = "http://a.example/hook/".parse().unwrap();
        assert_eq!(slash.path().as_str(), "/hook/");
        for bad in ["", "hooks.example.com/x", "ftp://a/x", "https://u:p@a/x", "https://a/x y"] {
            assert!(bad.parse::<WebhookUrl>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_secret_that_is_short_or_broken_is_refused() {
        assert!("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".parse::<SigningSecret>().is_ok());
        assert!("sixteen bytes it".parse::<SigningSecret>().is_ok());
        for bad in ["", "fifteen bytes a", "whsec_not base64 at all", "whsec_c2hvcnQ="] {
            assert!(bad.parse::<SigningSecret>().is_err(), "{bad:?}");
        }
    }
}
