//! The certificate that clients see, read again when its files change.

use std::{
    fs, io,
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};

use anyhow::Context as _;
use arc_swap::ArcSwap;
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs::{self, sign::any_supported_type},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use tokio::time::{MissedTickBehavior, interval};
use tracing::{info, warn};

use crate::config::{ConfigError, TlsFiles, variables as var};

/// The certificate that clients see.
#[derive(Debug)]
pub struct Certificate {
    files: TlsFiles,
    current: ArcSwap<CertifiedKey>,
}

/// How often the files are looked at.
const PERIOD: Duration = Duration::from_secs(3);

impl Certificate {
    /// Reads the files.
    pub fn load(files: &TlsFiles) -> Result<Arc<Self>, ConfigError> {
        let current = ArcSwap::new(Arc::new(read(files)?));
        Ok(Arc::new(Self { files: files.clone(), current }))
    }

    /// The listener's TLS settings.
    pub fn server_config(self: &Arc<Self>) -> anyhow::Result<ServerConfig> {
        let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .context("TLS cannot be set up")?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(self) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }

    /// Reads the files again whenever one of them changed. A pair that cannot be used leaves the old one in place.
    pub async fn follow_files(self: Arc<Self>) {
        let mut seen = changed_at(&self.files);
        let mut ticks = interval(PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let now = changed_at(&self.files);
            if now == seen {
                continue;
            }
            seen = now;
            match read(&self.files) {
                Ok(pair) => {
                    self.current.store(Arc::new(pair));
                    info!("TLS certificate read again");
                }
                Err(error) => warn!(%error, "the new TLS certificate is not used, the old one stays"),
            }
        }
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load_full())
    }
}

fn changed_at(files: &TlsFiles) -> [Option<SystemTime>; 2] {
    let time = |path: &Path| -> io::Result<SystemTime> { fs::metadata(path)?.modified() };
    [time(&files.certificate).ok(), time(&files.key).ok()]
}

fn read(files: &TlsFiles) -> Result<CertifiedKey, ConfigError> {
    let no_chain = |_| ConfigError::variable(&var::TLS_CERT_FILE, "must be a certificate chain in PEM");
    let chain = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(no_chain)?;
    if chain.is_empty() {
        return Err(ConfigError::variable(&var::TLS_CERT_FILE, "must be a certificate chain in PEM"));
    }
    let no_key = || ConfigError::variable(&var::TLS_KEY_FILE, "must be a private key in PEM");
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|_| no_key())?;
    let pair = CertifiedKey::new(chain, any_supported_type(&key).map_err(|_| no_key())?);
    pair.keys_match().map_err(|_| {
        ConfigError::variable(&var::TLS_KEY_FILE, "must be the key of the first certificate in TLS_CERT_FILE")
    })?;
    Ok(pair)
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    fn write_pair(folder: &TempDir) -> (TlsFiles, CertificateDer<'static>) {
        let files =
            TlsFiles { certificate: folder.path().join("tls.crt"), key: folder.path().join("tls.key") };
        let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        fs::write(&files.certificate, pair.cert.pem()).unwrap();
        fs::write(&files.key, pair.signing_key.serialize_pem()).unwrap();
        (files, pair.cert.der().clone())
    }

    fn shown(certificate: &Certificate) -> CertificateDer<'static> {
        certificate.current.load().cert[0].clone()
    }

    #[tokio::test(start_paused = true)]
    async fn new_files_are_used_and_broken_ones_are_not() {
        let folder = TempDir::new().unwrap();
        let (files, first) = write_pair(&folder);
        let certificate = Certificate::load(&files).unwrap();
        tokio::spawn(Arc::clone(&certificate).follow_files());
        tokio::time::sleep(PERIOD).await;
        assert_eq!(shown(&certificate), first);

        let (_, second) = write_pair(&folder);
        tokio::time::sleep(2 * PERIOD).await;
        assert_eq!(shown(&certificate), second);

        fs::write(&files.key, "no key").unwrap();
        tokio::time::sleep(2 * PERIOD).await;
        assert_eq!(shown(&certificate), second);
    }
}
