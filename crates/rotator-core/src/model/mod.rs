//! Proxy configs and API keys, as types that cannot hold an illegal value.

mod api_format;
mod api_key;
mod base_url;
mod config_fields;
mod headers;
mod ids;
mod model_aliases;
mod proxy_config;
mod proxy_key;
mod quota_group;
mod slug;

pub use api_format::{ApiFormat, OutputFormat};
pub use api_key::{ApiKey, KeyCounts, KeyState, Weight};
pub use base_url::BaseUrl;
pub use config_fields::{ConfigFields, ConfigOptions, FieldError, TargetFields};
pub use headers::HeaderRules;
pub use ids::{ConfigId, KeyId, ProxyKeyId};
pub use model_aliases::ModelAliases;
pub use proxy_config::{
    Caps, ConfigSpec, ConfigType, FurtherTarget, Limits, Methods, ProxyConfig, Strategy, Target,
};
pub use proxy_key::{ProxyKey, ProxyKeySpec};
pub use quota_group::QuotaGroup;
pub use slug::Slug;
