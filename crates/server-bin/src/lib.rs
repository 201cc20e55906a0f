//! The binary `api-key-rotator`: command line, configuration, composition, shutdown.
//!
//! | module | idea |
//! |---|---|
//! | [`cli`] · [`commands`] | what a person may ask for · what then happens |
//! | [`config`] · [`secrets`] | every setting, checked · the ones that are made at the first start |
//! | [`backends`] | which store and cache; the only place that knows what is compiled in |
//! | [`server`] | all parts put together, and taken apart again |
//! | [`data`] · [`health`] | what the server knows · how that is |
//! | [`app`] · [`metrics`] | everything that is not a proxied request |
//! | [`background`] · [`refresh`] · [`request_log`] · [`probes`] | what goes on beside requests |
//! | [`tls`] · [`telemetry`] · [`process`] · [`shutdown`] · [`banner`] · [`clock`] | the edges |

pub mod app;
pub mod backends;
pub mod background;
pub mod banner;
pub mod cli;
pub mod clock;
pub mod commands;
pub mod config;
pub mod data;
pub mod health;
pub mod metrics;
pub mod probes;
pub mod process;
pub mod refresh;
pub mod request_log;
pub mod secrets;
pub mod server;
pub mod shutdown;
pub mod telemetry;
pub mod tls;
