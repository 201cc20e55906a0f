//! The data path over real sockets, on both sides.

#![expect(clippy::unwrap_used, reason = "assertions")]
#![expect(unreachable_pub, reason = "the kit reads like a library")]

mod addresses;
mod body_keys;
mod caps;
mod connections;
mod costs;
mod credentials;
mod destination;
mod drain;
mod error_samples;
mod errors;
mod estimates;
mod failover;
mod framing;
mod health;
mod hedging;
mod hostile_bodies;
mod http2;
mod http2_refused;
mod letters;
mod limits;
mod malformed;
mod metering;
mod outbound_proxy;
mod paths;
mod properties;
mod proxy_keys;
mod quota_groups;
mod reload;
mod rotation;
mod scrubbing;
mod sticky;
mod streaming;
mod support;
mod targets;
mod timeouts;
mod tls;
mod translation;
mod transparency;
mod upgrades;
mod websocket;
