//! A new connection to an upstream: resolve, check the address, connect, through a forward proxy where one is set, TLS.

use std::{io, sync::Arc};

use http::{HeaderValue, Method, Request, Uri, Version, header};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::{client::proxy::matcher::Matcher, rt::TokioIo};
use rotator_core::model::BaseUrl;
use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};

use super::{
    dial::dial,
    resolve::Resolver,
    tls::{Offer, UpstreamTls},
};
use crate::settings::AddressPolicy;

/// Opens connections to upstreams.
pub(crate) struct Connector {
    pub(crate) policy: AddressPolicy,
    pub(crate) tls: UpstreamTls,
    pub(crate) proxies: Arc<Matcher>,
    /// The port we listen on ourselves; a request to it would come back for ever.
    pub(crate) own_port: u16,
    pub(crate) resolver: Resolver,
}

/// A new connection, and what it speaks.
pub(crate) struct Connected {
    pub(crate) stream: Box<dyn Stream>,
    pub(crate) is_h2: bool,
    /// Set when requests go to a forward proxy, which wants whole URLs.
    pub(crate) forward: Option<Forward>,
}

/// A forward proxy that takes plain requests.
#[derive(Clone)]
pub(crate) struct Forward {
    pub(crate) authorization: Option<HeaderValue>,
}

pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// Why no connection came about. No request was sent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    #[error("the upstream's name does not resolve")]
    Resolve(#[source] io::Error),
    #[error("the upstream's address is not allowed by UPSTREAM_ADDRESS_POLICY")]
    Denied,
    #[error("the upstream is this server itself")]
    Loop,
    #[error("the upstream does not accept connections")]
    Refused(#[source] io::Error),
    #[error("the upstream's TLS certificate or handshake is not acceptable")]
    Tls(#[source] io::Error),
    #[error("the forward proxy cannot be reached")]
    ProxyDown(#[source] AtProxy),
    #[error("the forward proxy does not connect us")]
    Proxy,
    #[error("connecting to the upstream took too long")]
    Timeout,
    #[error("the upstream's protocol handshake failed")]
    Handshake(#[source] hyper::Error),
}

/// What is wrong with a forward proxy, and with which: for the log only, since its name is none of the clients' business.
#[derive(Debug, thiserror::Error)]
#[error("{host}:{port}: {source}")]
pub(crate) struct AtProxy {
    host: Box<str>,
    port: u16,
    source: io::Error,
}

impl ConnectError {
    /// Whether the same may succeed in a moment.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::Resolve(_) | Self::Refused(_) | Self::ProxyDown(_) | Self::Timeout | Self::Handshake(_) => {
                true
            }
            Self::Denied | Self::Loop | Self::Tls(_) | Self::Proxy => false,
        }
    }
}

impl Connector {
    pub(crate) async fn connect(
        &self,
        base: &BaseUrl,
        offer: Offer,
        accept_invalid_certs: bool,
    ) -> Result<Connected, ConnectError> {
        let host = base.authority().host();
        let proxy = proxy_for(&self.proxies, base);
        let forward = match &proxy {
            Some(proxy) if !base.is_tls() => Some(Forward { authorization: proxy.basic_auth().cloned() }),
            _ => None,
        };
        let tcp = match &proxy {
            None => self.tcp(host, base.port()).await?,
            Some(proxy) => {
                // Only addresses can be judged here: a name is the forward proxy's to resolve.
                if host.trim_matches(['[', ']']).parse().is_ok_and(|ip| !self.policy.allows(ip)) {
                    return Err(ConnectError::Denied);
                }
                let (uri, authorization) = (proxy.uri(), proxy.basic_auth());
                let (at, port) = (uri.host().unwrap_or_default(), uri.port_u16().unwrap_or(80));
                let tcp = self
                    .proxy(at, port)
                    .await
                    .map_err(|source| ConnectError::ProxyDown(AtProxy { host: at.into(), port, source }))?;
                if base.is_tls() {
                    Box::pin(tunnel(tcp, host, base.port(), authorization)).await?
                } else {
                    tcp
                }
            }
        };
        if !base.is_tls() {
            return Ok(Connected { stream: Box::new(tcp), is_h2: false, forward });
        }
        let name = ServerName::try_from(host.trim_start_matches('[').trim_end_matches(']').to_owned())
            .map_err(|e| ConnectError::Tls(io::Error::other(e)))?;
        let connector = self.tls.connector(offer, accept_invalid_certs);
        // A handshake is large, and over when requests come: nothing is to keep the room for it.
        let stream = Box::pin(connector.connect(name, tcp)).await.map_err(ConnectError::Tls)?;
        let is_h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        Ok(Connected { stream: Box::new(stream), is_h2, forward })
    }

    /// Connects to a forward proxy, which may be anywhere.
    async fn proxy(&self, host: &str, port: u16) -> io::Result<TcpStream> {
        dial(&self.resolver.resolve(host, port).await?).await
    }

    /// Connects to an upstream itself; the address is checked after resolution, on what is connected to.
    async fn tcp(&self, host: &str, port: u16) -> Result<TcpStream, ConnectError> {
        let mut addresses = self.resolver.resolve(host, port).await.map_err(ConnectError::Resolve)?;
        addresses.retain(|address| self.policy.allows(address.ip()));
        if addresses.is_empty() {
            return Err(ConnectError::Denied);
        }
        let tcp = dial(&addresses).await.map_err(ConnectError::Refused)?;
        if let (Ok(peer), Ok(local)) = (tcp.peer_addr(), tcp.local_addr())
            && peer.port() == self.own_port
            && (peer.ip() == local.ip() || peer.ip().is_loopback())
        {
            return Err(ConnectError::Loop);
        }
        Ok(tcp)
    }
}

fn proxy_for(proxies: &Matcher, base: &BaseUrl) -> Option<hyper_util::client::proxy::matcher::Intercept> {
    let uri =
        Uri::builder().scheme(base.scheme().clone()).authority(base.authority().clone()).path_and_query("/");
    proxies.intercept(&uri.build().ok()?)
}

/// Asks a forward proxy for a tunnel: RFC 9110 §9.3.6.
async fn tunnel(
    tcp: TcpStream,
    host: &str,
    port: u16,
    authorization: Option<&HeaderValue>,
) -> Result<TcpStream, ConnectError> {
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(tcp)).await.map_err(ConnectError::Handshake)?;
    let driver = tokio::task::spawn_local(connection.with_upgrades());
    let target = format!("{host}:{port}");
    let mut request = Request::builder()
        .method(Method::CONNECT)
        .version(Version::HTTP_11)
        .uri(&target)
        .header(header::HOST, &target);
    if let Some(authorization) = authorization {
        request = request.header(header::PROXY_AUTHORIZATION, authorization);
    }
    let request = request.body(Empty::<bytes::Bytes>::new()).map_err(|_| ConnectError::Proxy)?;
    let response = sender.send_request(request).await.map_err(ConnectError::Handshake)?;
    if !response.status().is_success() {
        driver.abort();
        return Err(ConnectError::Proxy);
    }
    let upgraded = hyper::upgrade::on(response).await.map_err(ConnectError::Handshake)?;
    // The far end speaks after we do (TLS), so nothing can have been read ahead.
    let parts = upgraded.downcast::<TokioIo<TcpStream>>().map_err(|_| ConnectError::Proxy)?;
    Ok(parts.io.into_inner())
}

#[cfg(test)]
mod tests {
    use std::{error::Error as _, net::TcpListener};

    use rustls::RootCertStore;

    use super::*;

    #[tokio::test]
    async fn a_forward_proxy_that_is_not_reached_is_named_to_the_log_alone_and_without_its_credentials() {
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        for (at, named) in
            [(closed.to_string(), closed.to_string()), ("name.invalid".into(), "name.invalid:80".into())]
        {
            let connector = Connector {
                policy: AddressPolicy::Any,
                tls: UpstreamTls::new(&Arc::new(RootCertStore::empty())).unwrap(),
                proxies: Arc::new(Matcher::builder().all(format!("http://user:secret@{at}")).build()),
                own_port: 0,
                resolver: Resolver::default(),
            };
            for upstream in ["http://api.example", "https://api.example"] {
                let upstream = upstream.parse().unwrap();
                let connecting = connector.connect(&upstream, Offer::Both, false);
                let Err(error) = connecting.await else { panic!("{at} connects us") };

                assert_eq!(error.to_string(), "the forward proxy cannot be reached");
                let source = error.source().unwrap().to_string();
                assert!(source.starts_with(&format!("{named}: ")) && !source.contains("secret"), "{source}");
                assert!(error.may_pass());
            }
        }
    }
}
