//! Host names to addresses, remembered for a short while.

use std::{
    cell::RefCell,
    collections::HashMap,
    io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use tokio::time::Instant;

/// The system's resolver tells no time to live; an address that moved is found again within this.
const TTL: Duration = Duration::from_secs(30);
const MAX_NAMES: usize = 1024;

/// Answers of the system's resolver.
#[derive(Default)]
pub(crate) struct Resolver {
    known: RefCell<HashMap<(Box<str>, u16), Answer>>,
}

struct Answer {
    since: Instant,
    addresses: Vec<SocketAddr>,
}

impl Resolver {
    /// Every address of a host, as a URL writes it.
    pub(crate) async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        if let Ok(ip) = bare.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(ip, port)]);
        }
        let name = (Box::from(host), port);
        let now = Instant::now();
        if let Some(answer) = self.known.borrow().get(&name)
            && now - answer.since < TTL
        {
            return Ok(answer.addresses.clone());
        }
        let addresses: Vec<_> = tokio::net::lookup_host((host, port)).await?.collect();
        let mut known = self.known.borrow_mut();
        if known.len() >= MAX_NAMES {
            known.clear();
        }
        known.insert(name, Answer { since: now, addresses: addresses.clone() });
        Ok(addresses)
    }
}
