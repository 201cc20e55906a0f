//! The listener, and how long it may take to close.

use std::{
    net::SocketAddr,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    time::Duration,
};

use rotator_core::model::BaseUrl;

use super::{ConfigError, Values, parse, variables as var};

/// The listener, and how long it may take to close.
#[derive(Debug, Clone)]
pub struct Server {
    /// Where clients connect; port 0 takes a free one.
    pub address: SocketAddr,
    /// What clients are told to connect to.
    pub public_base_url: Option<BaseUrl>,
    /// The certificate, when clients are to use TLS.
    pub tls: Option<TlsFiles>,
    /// How many threads carry requests; `None` for one per core.
    pub workers: Option<NonZeroUsize>,
    /// Largest request body, in bytes.
    pub max_body_bytes: u64,
    /// How long a shutdown is announced before nothing new is taken.
    pub shutdown_delay: Duration,
    /// How long requests may go on after that.
    pub drain_timeout: Duration,
    /// Whether answers tell which key served them.
    pub debug_headers: bool,
}

/// A certificate and its key, both PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The chain, leaf first.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

const MAX_WORKERS: u32 = 1024;

impl Server {
    pub(super) fn read(values: &Values) -> Result<Self, ConfigError> {
        let address = values.required(&var::BIND_ADDRESS, parse::address)?;
        let port = values.required(&var::BACKEND_PORT, parse::port_or_any)?;
        Ok(Self {
            address: SocketAddr::new(address, port),
            public_base_url: values.optional(&var::PROXY_PUBLIC_BASE_URL, public_base_url)?,
            tls: tls(values)?,
            workers: values.optional(&var::WORKERS, workers)?,
            max_body_bytes: values.required(&var::MAX_BODY_BYTES, parse::size)?,
            shutdown_delay: values.required(&var::SHUTDOWN_DELAY, parse::duration)?,
            drain_timeout: values.required(&var::DRAIN_TIMEOUT, parse::duration)?,
            debug_headers: values.required(&var::DEBUG_HEADERS, parse::flag)?,
        })
    }
}

fn workers(text: &str) -> Result<NonZeroUsize, String> {
    let count = parse::count(text, MAX_WORKERS)?;
    usize::try_from(count).ok().and_then(NonZeroUsize::new).ok_or_else(|| "must be at least 1".into())
}

fn public_base_url(text: &str) -> Result<BaseUrl, String> {
    let url: BaseUrl = text.parse().map_err(|_| "must be a URL such as https://rotator.example.com")?;
    if url.query().is_some() {
        return Err("must not have a query: clients append paths to it".into());
    }
    Ok(url)
}

fn tls(values: &Values) -> Result<Option<TlsFiles>, ConfigError> {
    let certificate = values.optional(&var::TLS_CERT_FILE, readable_file)?;
    let key = values.optional(&var::TLS_KEY_FILE, readable_file)?;
    match (certificate, key) {
        (Some(certificate), Some(key)) => Ok(Some(TlsFiles { certificate, key })),
        (None, None) => Ok(None),
        (Some(_), None) => {
            Err(ConfigError::variable(&var::TLS_KEY_FILE, "must be set too when TLS_CERT_FILE is"))
        }
        (None, Some(_)) => {
            Err(ConfigError::variable(&var::TLS_CERT_FILE, "must be set too when TLS_KEY_FILE is"))
        }
    }
}

/// The path of a file that can be opened now.
pub(super) fn readable_file(text: &str) -> Result<PathBuf, String> {
    let path = Path::new(text.trim());
    match std::fs::File::open(path).and_then(|file| file.metadata()) {
        Ok(file) if file.is_file() => Ok(path.into()),
        Ok(_) => Err("must be the path of a file".into()),
        Err(error) => Err(format!("must be the path of a file that can be read ({error})")),
    }
}
