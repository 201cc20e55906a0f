//! What rotation *is*: the domain model, the two ports, the snapshot that requests read, and the key pool.
//!
//! This crate knows no HTTP server, no SQL, no Redis and no sockets. A map of it:
//!
//! | module | idea |
//! |---|---|
//! | [`model`] | proxy configs, API keys, and the types that make an illegal one unrepresentable |
//! | [`secret`] · [`vault`] | a key in memory · a key at rest |
//! | [`store`] · [`cache`] · [`probe`] | the ports: durable data · shared, expiring data · one test request |
//! | [`transfer`] | the port through which all durable data moves into another store |
//! | [`adoption`] | what becomes of the old project's rows |
//! | [`routes`] | the immutable snapshot of active configs that the data path reads |
//! | [`snapshot`] | what requests are served by, sealed, for a start without the database |
//! | [`access`] | who may call: proxy keys, compared by digest |
//! | [`credential`] | where an upstream key goes |
//! | [`pool`] | which key is next: the rotation strategies, and who rests |
//! | [`caps`] | what a service, or each of its keys, may do at most |
//! | [`targets`] | which address of an API is next |
//! | [`hedge`] | when an answer is late, so that another key gets the request too |
//! | [`budget`] | how much may be sent beside what clients ask for |
//! | [`outcome`] | what an upstream's answer says |
//! | [`prices`] | what tokens cost |
//! | [`record`] | what is kept of one request |
//! | [`notifications`] | what operators are told of, and where |
//!
//! To add a storage backend, implement [`store::Store`] in a crate of its own and run the suite of
//! `contract-tests` on it; a cache backend likewise with [`cache::Cache`].

pub mod access;
pub mod adoption;
pub mod budget;
pub mod cache;
pub mod caps;
pub mod credential;
pub mod hedge;
pub mod model;
pub mod notifications;
pub mod outcome;
pub mod pool;
pub mod prices;
pub mod probe;
pub mod record;
pub mod routes;
pub mod secret;
pub mod snapshot;
pub mod store;
pub mod targets;
pub mod transfer;
pub mod vault;
