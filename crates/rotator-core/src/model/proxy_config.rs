use std::{
    num::{NonZeroU8, NonZeroU32},
    str::FromStr,
    time::Duration,
};

use http::{HeaderName, Method};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{ApiFormat, BaseUrl, ConfigId, HeaderRules, ModelAliases, OutputFormat, Slug, Weight};
use crate::{credential::Credential, outcome::Rule, prices::PriceRow};

/// A service that clients reach through us: where it is, how it is called, how its keys take turns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyConfig {
    /// Given by the store.
    pub id: ConfigId,
    /// What an admin wrote.
    pub spec: ConfigSpec,
    /// When it was first written.
    pub created_at: Timestamp,
    /// When it was last written.
    pub updated_at: Timestamp,
}

/// The part of a proxy config that an admin writes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct ConfigSpec {
    /// For people.
    pub name: String,
    /// For URLs; unique.
    pub slug: Slug,
    /// Whether clients may call it. An inactive service answers as if it did not exist.
    pub is_active: bool,
    /// Where requests go.
    pub target: Target,
    /// Other addresses of the same API, which take the same requests and the same keys.
    pub more_targets: Vec<FurtherTarget>,
    /// How keys take turns.
    pub strategy: Strategy,
    /// Bounds that differ from the server's own.
    pub limits: Limits,
    /// What it may do at most.
    pub caps: Caps,
    /// What each of its keys may do at most.
    pub key_caps: Caps,
    /// Headers added and removed.
    pub headers: HeaderRules,
    /// How answers are understood, before what is known of the provider.
    pub rules: Vec<Rule>,
    /// What tokens cost here, before what they cost in all services.
    pub prices: Vec<PriceRow>,
    /// Whether keys that were not accepted are tested now and then, so that they need no client's request to come back.
    pub probe_keys: bool,
    /// Whether a request whose answer is late is sent once more, with another key, and the first good answer is taken. The
    /// work may then be done twice, a POST's as well.
    pub hedge: bool,
    /// The request header whose value names a conversation, for [`Strategy::Sticky`].
    pub sticky_header: Option<HeaderName>,
    /// Whether a `%2F` in the path is passed on; refused otherwise, since servers disagree on what it means.
    pub allow_encoded_slashes: bool,
    /// Whether the upstream's certificate goes unchecked. For a self-signed service on a trusted network only.
    pub accept_invalid_certs: bool,
}

/// Where requests go: any REST API, or an LLM API whose format we know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Reached under `/proxy/{slug}`.
    Generic {
        /// `target_url`.
        url: BaseUrl,
        /// Where the API wants its key.
        credential: Credential,
        /// Which methods clients may use.
        methods: Methods,
    },
    /// Reached under `/llm/{slug}`.
    Llm {
        /// `target_base_url`.
        base_url: BaseUrl,
        /// What the API speaks.
        api_format: ApiFormat,
        /// What clients speak.
        output_format: OutputFormat,
        /// Where the API wants its key, when not where its format says.
        credential: Option<Credential>,
        /// Whether the proxy key may also stand in the body as `api_key`, as the old project allowed.
        body_api_key: bool,
        /// Whether a request that cannot be translated as it is is refused, instead of translated without what the API
        /// has nothing like.
        translation_strict: bool,
        /// Of a service whose clients speak another format than its API: the API's names for models, by the clients'.
        model_aliases: ModelAliases,
    },
}

/// Another address of an API: a region, a mirror, a deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FurtherTarget {
    /// Where it is.
    pub url: BaseUrl,
    /// Its share of the requests, among the targets of its priority; that of the main target is 1.
    pub weight: Weight,
    /// Only when all targets of a lower number fail, this one is used; that of the main target is 0.
    pub priority: u8,
}

/// `config_type`: which address a config is reached at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConfigType {
    /// `/proxy/{slug}`.
    Generic,
    /// `/llm/{slug}`.
    Llm,
}

/// The methods that clients may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Methods {
    /// Every method.
    Any,
    /// This one only.
    Only(Method),
}

/// How the keys of a pool take turns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Strategy {
    /// Each in turn: N requests over K keys differ by at most one.
    #[default]
    RoundRobin,
    /// Each in turn as often as its weight says, evenly spread.
    Weighted,
    /// The one with the fewest requests in flight.
    LeastConnections,
    /// Any, by chance.
    Random,
    /// The same conversation, the same key, so that provider prompt caches stay warm.
    Sticky,
}

/// What may be done at most; `None` means as much as anybody likes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Caps {
    /// Requests at a time.
    pub concurrent: Option<NonZeroU32>,
    /// Requests in any minute.
    pub per_minute: Option<NonZeroU32>,
    /// Tokens in any minute, as far as that can be: what a request uses is known when it has been served.
    pub tokens_per_minute: Option<NonZeroU32>,
}

/// Bounds of one config; `None` means the server's own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Limits {
    /// How many keys one request may try.
    pub max_attempts: Option<NonZeroU8>,
    /// How often one request may be sent again because the upstream failed, as far as that is safe.
    pub max_retries: Option<u8>,
    /// From the head of the request to the head of its answer, all attempts together.
    pub total_timeout: Option<Duration>,
    /// To open a connection.
    pub connect_timeout: Option<Duration>,
    /// From the end of the request to the head of the answer.
    pub response_timeout: Option<Duration>,
    /// Between two pieces of an answer's body.
    pub idle_timeout: Option<Duration>,
    /// Of a request's body, in bytes.
    pub max_body_bytes: Option<u64>,
    /// How long a request may wait for a key when all of them rest; `None` means not at all.
    pub queue_wait: Option<Duration>,
}

impl ConfigSpec {
    /// Every address that requests may go to, the main one first.
    pub fn urls(&self) -> impl Iterator<Item = &BaseUrl> {
        std::iter::once(self.target.url()).chain(self.more_targets.iter().map(|target| &target.url))
    }
}

impl Target {
    /// Which address this target is reached at.
    pub fn config_type(&self) -> ConfigType {
        match self {
            Self::Generic { .. } => ConfigType::Generic,
            Self::Llm { .. } => ConfigType::Llm,
        }
    }

    /// Where the API lives.
    pub fn url(&self) -> &BaseUrl {
        match self {
            Self::Generic { url, .. } => url,
            Self::Llm { base_url, .. } => base_url,
        }
    }
}

impl ConfigType {
    /// The name under which it is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Generic => "GENERIC",
            Self::Llm => "LLM",
        }
    }
}

impl Methods {
    /// Whether a client may use this method.
    pub fn allows(&self, method: &Method) -> bool {
        match self {
            Self::Any => true,
            Self::Only(only) => only == method,
        }
    }

    /// The name under which it is stored and shown.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Any => "ANY",
            Self::Only(method) => method.as_str(),
        }
    }
}

impl Strategy {
    /// The name under which it is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RoundRobin => "round_robin",
            Self::Weighted => "weighted",
            Self::LeastConnections => "least_connections",
            Self::Random => "random",
            Self::Sticky => "sticky",
        }
    }
}

impl FromStr for ConfigType {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.to_ascii_uppercase().as_str() {
            "GENERIC" => Ok(Self::Generic),
            "LLM" => Ok(Self::Llm),
            _ => Err("must be GENERIC or LLM".into()),
        }
    }
}

impl FromStr for Methods {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let name = text.trim().to_ascii_uppercase();
        if name.is_empty() || name == "ANY" || name == "ALL" || name == "*" {
            return Ok(Self::Any);
        }
        if name == "CONNECT" || name == "TRACE" {
            return Err(format!("{name} is never proxied"));
        }
        Method::from_bytes(name.as_bytes())
            .map(Self::Only)
            .map_err(|_| "must be ANY or one HTTP method".into())
    }
}

impl FromStr for Strategy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "round_robin" => Ok(Self::RoundRobin),
            "weighted" => Ok(Self::Weighted),
            "least_connections" => Ok(Self::LeastConnections),
            "random" => Ok(Self::Random),
            "sticky" | "conversation_hash" => Ok(Self::Sticky),
            _ => Err("must be round_robin, weighted, least_connections, random or sticky".into()),
        }
    }
}
