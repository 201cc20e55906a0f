//! How upstreams prove who they are.

use std::sync::Arc;

use rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use tokio_rustls::TlsConnector;

/// Which protocols to offer an upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Offer {
    /// HTTP/2 and HTTP/1.1.
    Both,
    /// HTTP/1.1 only, which can be upgraded.
    Http1,
}

/// TLS towards upstreams.
#[derive(Clone)]
pub(crate) struct UpstreamTls {
    checked: [Arc<ClientConfig>; 2],
    unchecked: [Arc<ClientConfig>; 2],
}

impl UpstreamTls {
    pub(crate) fn new(roots: &Arc<RootCertStore>) -> Result<Self, rustls::Error> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = || {
            ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()
        };
        let checked = builder()?.with_root_certificates(Arc::clone(roots)).with_no_client_auth();
        let verifier = Arc::new(AnyCertificate(Arc::clone(&provider)));
        let unchecked =
            builder()?.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth();
        Ok(Self { checked: offers(&checked), unchecked: offers(&unchecked) })
    }

    pub(crate) fn connector(&self, offer: Offer, accept_invalid_certs: bool) -> TlsConnector {
        let configs = if accept_invalid_certs { &self.unchecked } else { &self.checked };
        TlsConnector::from(Arc::clone(&configs[usize::from(offer == Offer::Http1)]))
    }
}

fn offers(config: &ClientConfig) -> [Arc<ClientConfig>; 2] {
    let with = |protocols: &[&[u8]]| {
        let mut config = config.clone();
        config.alpn_protocols = protocols.iter().map(|p| p.to_vec()).collect();
        Arc::new(config)
    };
    [with(&[b"h2", b"http/1.1"]), with(&[b"http/1.1"])]
}

/// Takes any certificate: for a config whose admin set `accept_invalid_certs`.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
