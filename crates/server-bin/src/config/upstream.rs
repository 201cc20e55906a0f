//! The way to the APIs.

use std::{num::NonZeroU8, sync::Arc, time::Duration};

use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use proxy_hyper::AddressPolicy;
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
};

use super::{ConfigError, Values, parse, server::readable_file, variables as var};

/// The way to the APIs.
#[derive(Debug, Clone)]
pub struct Upstream {
    /// Until an API under `/proxy` begins its answer.
    pub generic_timeout: Duration,
    /// Until an API under `/llm` begins its answer.
    pub llm_timeout: Duration,
    /// To open a connection.
    pub connect_timeout: Duration,
    /// Between two pieces of an answer.
    pub idle_timeout: Duration,
    /// How many keys one request may try.
    pub max_attempts: NonZeroU8,
    /// Which addresses APIs may have.
    pub addresses: AddressPolicy,
    /// Who vouches for APIs: the public authorities, and those of `UPSTREAM_CA_FILE`.
    pub roots: Arc<RootCertStore>,
    /// Proxies on the way.
    pub proxies: Arc<Matcher>,
}

impl Upstream {
    pub(super) fn read(values: &Values) -> Result<Self, ConfigError> {
        Ok(Self {
            generic_timeout: values.required(&var::PROXY_TIMEOUT, parse::duration)?,
            llm_timeout: values.required(&var::LLM_TIMEOUT, parse::duration)?,
            connect_timeout: values.required(&var::CONNECT_TIMEOUT, parse::duration)?,
            idle_timeout: values.required(&var::STREAM_IDLE_TIMEOUT, parse::duration)?,
            max_attempts: values.required(&var::MAX_ATTEMPTS, parse::attempts)?,
            addresses: values.required(&var::UPSTREAM_ADDRESS_POLICY, address_policy)?,
            roots: Arc::new(values.optional(&var::UPSTREAM_CA_FILE, roots)?.unwrap_or_else(public_roots)),
            proxies: Arc::new(proxies(values)?),
        })
    }
}

fn address_policy(text: &str) -> Result<AddressPolicy, String> {
    match text.trim().to_ascii_lowercase().as_str() {
        "public-only" => Ok(AddressPolicy::PublicOnly),
        "private-ok" => Ok(AddressPolicy::PrivateOk),
        "any" => Ok(AddressPolicy::Any),
        _ => Err("must be public-only, private-ok or any".into()),
    }
}

fn public_roots() -> RootCertStore {
    webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect()
}

fn roots(text: &str) -> Result<RootCertStore, String> {
    let path = readable_file(text)?;
    let wrong = || "must be a file of certificates in PEM".to_owned();
    let mut roots = public_roots();
    let before = roots.len();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|_| wrong())? {
        roots.add(certificate.map_err(|_| wrong())?).map_err(|_| wrong())?;
    }
    if roots.len() == before { Err(wrong()) } else { Ok(roots) }
}

fn proxies(values: &Values) -> Result<Matcher, ConfigError> {
    let mut proxies = Matcher::builder();
    if let Some(url) = values.optional(&var::HTTP_PROXY, proxy_url)? {
        proxies = proxies.http(url);
    }
    if let Some(url) = values.optional(&var::HTTPS_PROXY, proxy_url)? {
        proxies = proxies.https(url);
    }
    if let Some(hosts) = values.get(&var::NO_PROXY) {
        proxies = proxies.no(hosts.text);
    }
    Ok(proxies.build())
}

fn proxy_url(text: &str) -> Result<String, String> {
    let text = text.trim();
    let uri: Option<Uri> = text.parse().ok();
    let is_proxy =
        uri.is_some_and(|uri| uri.scheme_str() == Some("http") && uri.host().is_some_and(|h| !h.is_empty()));
    if is_proxy {
        Ok(text.to_owned())
    } else {
        Err("must be a URL such as http://proxy.example.com:3128".into())
    }
}
