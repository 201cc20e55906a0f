//! What an operator may set of the data path.

use std::{net::IpAddr, num::NonZeroUsize, sync::Arc, time::Duration};

use hyper_util::client::proxy::matcher::Matcher;

/// Everything an operator may set of the data path. [`Settings::default`] is what the documentation promises.
#[derive(Clone)]
pub struct Settings {
    /// How many threads carry requests.
    pub workers: NonZeroUsize,
    /// Bounds on what clients send, and how slowly.
    pub client: ClientLimits,
    /// Bounds on what upstreams answer, and how slowly.
    pub upstream: UpstreamLimits,
    /// How many keys one request may try, unless its config says otherwise.
    pub max_attempts: u8,
    /// Whether answers tell which key served them, after how many attempts and at what cost.
    pub debug_headers: bool,
    /// Which addresses upstreams may have.
    pub address_policy: AddressPolicy,
    /// Certificate authorities that upstreams are trusted by.
    pub roots: Arc<rustls::RootCertStore>,
    /// Forward proxies between us and upstreams.
    pub outbound_proxies: Arc<Matcher>,
    /// How long requests may go on after a shutdown began.
    pub drain_timeout: Duration,
}

/// Bounds on what clients send, and how slowly.
#[derive(Debug, Clone)]
pub struct ClientLimits {
    /// To send a whole request head, from its first byte.
    pub head_timeout: Duration,
    /// Between two requests on a connection.
    pub idle_timeout: Duration,
    /// Between two pieces of a request body.
    pub body_timeout: Duration,
    /// Without the client taking any of what we write.
    pub write_timeout: Duration,
    /// Of a request head, in bytes.
    pub max_head_bytes: usize,
    /// Of a request target, in bytes.
    pub max_uri_bytes: usize,
    /// Of a request body, in bytes, unless its config says otherwise.
    pub max_body_bytes: u64,
    /// Of a request body that is kept to be sent again, in bytes.
    pub max_replay_bytes: usize,
    /// Of all request bodies that are kept to be sent again, in bytes.
    pub replay_budget_bytes: usize,
    /// Of all beginnings of LLM requests that are kept for an estimate of their tokens, in bytes. Beyond it there is none.
    pub prompt_budget_bytes: usize,
    /// Requests at a time on one HTTP/2 connection.
    pub max_streams: u32,
}

/// Bounds on what upstreams answer, and how slowly; a config may say otherwise.
#[derive(Debug, Clone)]
pub struct UpstreamLimits {
    /// To open a connection, TLS included.
    pub connect_timeout: Duration,
    /// From the sent request to the answer's head, for `/proxy`.
    pub generic_response_timeout: Duration,
    /// From the sent request to the answer's head, for `/llm`.
    pub llm_response_timeout: Duration,
    /// Between two pieces of an answer's body.
    pub body_timeout: Duration,
    /// How long an unused connection is kept.
    pub idle_timeout: Duration,
}

/// Which addresses upstreams may have, checked on the address that is connected to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AddressPolicy {
    /// Public addresses only.
    PublicOnly,
    /// Private ones too; not link-local, metadata, unspecified, multicast ones, nor ourselves.
    #[default]
    PrivateOk,
    /// Every address but our own listener.
    Any,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            workers: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            client: ClientLimits::default(),
            upstream: UpstreamLimits::default(),
            max_attempts: 3,
            debug_headers: false,
            address_policy: AddressPolicy::default(),
            roots: Arc::new(webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect()),
            outbound_proxies: Arc::new(Matcher::builder().build()),
            drain_timeout: Duration::from_secs(30),
        }
    }
}

impl Default for ClientLimits {
    fn default() -> Self {
        Self {
            head_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            body_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_mins(1),
            max_head_bytes: 32 << 10,
            max_uri_bytes: 16 << 10,
            max_body_bytes: 50 << 20,
            max_replay_bytes: 1 << 20,
            replay_budget_bytes: 256 << 20,
            prompt_budget_bytes: 64 << 20,
            max_streams: 100,
        }
    }
}

impl Default for UpstreamLimits {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            generic_response_timeout: Duration::from_secs(30),
            llm_response_timeout: Duration::from_mins(10),
            body_timeout: Duration::from_mins(5),
            idle_timeout: Duration::from_secs(90),
        }
    }
}

impl AddressPolicy {
    /// Whether an upstream may have this address.
    pub fn allows(self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        match self {
            Self::Any => true,
            Self::PrivateOk => !is_never_an_upstream(address),
            Self::PublicOnly => !is_never_an_upstream(address) && !is_special(address),
        }
    }
}

/// Link-local, metadata services, unspecified, multicast, broadcast; and IPv6 forms that carry such an IPv4 address.
fn is_never_an_upstream(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let alibaba_metadata = [100, 100, 100, 200];
            v4.octets()[0] == 0
                || v4.is_link_local()
                || v4.is_multicast()
                || v4.is_broadcast()
                || v4.octets() == alibaba_metadata
        }
        IpAddr::V6(v6) => {
            let aws_metadata = "fd00:ec2::254".parse() == Ok(v6);
            v6.is_unspecified()
                || v6.is_multicast()
                || v6.is_unicast_link_local()
                || aws_metadata
                || embedded_v4(v6).is_some_and(|v4| is_never_an_upstream(v4.into()))
        }
    }
}

/// Loopback, private and other ranges of the IANA special-purpose registries that no public service has.
fn is_special(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            v4.is_loopback()
                || v4.is_private()
                || v4.is_documentation()
                || (a == 100 && (64..128).contains(&b))
                || (a == 198 && (18..20).contains(&b))
                || (a == 192 && b == 0 && c == 0)
                || a >= 240
        }
        IpAddr::V6(v6) => {
            let first = v6.segments()[0];
            let site_local = first & 0xffc0 == 0xfec0;
            let documentation = first == 0x2001 && v6.segments()[1] == 0xdb8;
            v6.is_loopback()
                || v6.is_unique_local()
                || site_local
                || documentation
                || embedded_v4(v6).is_some()
        }
    }
}

/// The IPv4 address inside 6to4 (`2002::/16`), NAT64 (`64:ff9b::/96`) and IPv4-compatible (`::/96`) addresses.
fn embedded_v4(v6: std::net::Ipv6Addr) -> Option<std::net::Ipv4Addr> {
    let s = v6.segments();
    let [h1, l1, h2, l2] = match s {
        [0x2002, high, low, ..] => {
            [high.to_be_bytes()[0], high.to_be_bytes()[1], low.to_be_bytes()[0], low.to_be_bytes()[1]]
        }
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0, 0, 0, 0, 0, 0, high, low] if high != 0 => {
            [high.to_be_bytes()[0], high.to_be_bytes()[1], low.to_be_bytes()[0], low.to_be_bytes()[1]]
        }
        _ => return None,
    };
    Some([h1, l1, h2, l2].into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_any_reaches_metadata_and_link_local_addresses() {
        for denied in [
            "169.254.169.254",
            "0.0.0.0",
            "::",
            "fe80::1",
            "fd00:ec2::254",
            "100.100.100.200",
            "224.0.0.1",
            "255.255.255.255",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "2002:a9fe:a9fe::",
            "::a9fe:a9fe",
        ] {
            let address = denied.parse().unwrap();
            assert!(!AddressPolicy::PrivateOk.allows(address), "{denied}");
            assert!(!AddressPolicy::PublicOnly.allows(address), "{denied}");
            assert!(AddressPolicy::Any.allows(address), "{denied}");
        }
    }

    #[test]
    fn private_addresses_need_private_ok() {
        for private in [
            "127.0.0.1",
            "10.1.2.3",
            "192.168.0.1",
            "172.16.0.1",
            "100.64.0.1",
            "::1",
            "fc00::1",
            "fec0::1",
            "::ffff:10.0.0.1",
            "64:ff9b::808:808",
            "198.18.0.1",
            "192.0.2.1",
            "2001:db8::1",
        ] {
            let address = private.parse().unwrap();
            assert!(!AddressPolicy::PublicOnly.allows(address), "{private}");
        }
        assert!(AddressPolicy::PrivateOk.allows("127.0.0.1".parse().unwrap()));
        for public in ["8.8.8.8", "1.1.1.1", "2606:4700::1111"] {
            assert!(AddressPolicy::PublicOnly.allows(public.parse().unwrap()), "{public}");
        }
    }
}
