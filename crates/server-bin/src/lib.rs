//! The binary `api-key-rotator`: command line, configuration, composition, shutdown.
//!
//! | module | idea |
//! |---|---|
//! | [`cli`] · [`commands`] | what a person may ask for · what then happens |
//! | [`config`] · [`secrets`] · [`data_folder`] | every setting, checked · the ones that are made at the first start · where they are kept |
//! | [`backends`] | which store and cache; the only place that knows what is compiled in |
//! | [`server`] | all parts put together, and taken apart again |
//! | [`data`] · [`health`] | what the server knows · how that is |
//! | [`waiting_room`] | what clients are told until the database answers |
//! | [`last_snapshot`] | what is served while the database is away from the start |
//! | [`app`] · [`metrics`] · [`panel`] | everything that is not a proxied request |
//! | [`background`] · [`refresh`] · [`news`] · [`request_log`] · [`probes`] · [`notices`] | what goes on beside requests |
//! | [`identity`] · [`membership`] · [`vitals`] | this instance · those that live, and which of them leads · how this one is |
//! | [`tls`] · [`telemetry`] · [`process`] · [`shutdown`] · [`supervisor`] · [`banner`] · [`clock`] | the edges |

pub mod app;
pub mod backends;
pub mod background;
pub mod banner;
pub mod cli;
pub mod clock;
pub mod commands;
pub mod config;
pub mod data;
pub mod data_folder;
pub mod health;
pub mod identity;
pub mod last_snapshot;
pub mod membership;
pub mod metrics;
pub mod news;
pub mod notices;
pub mod panel;
pub mod probes;
pub mod process;
pub mod refresh;
pub mod request_log;
pub mod secrets;
pub mod server;
pub mod shutdown;
pub mod supervisor;
pub mod telemetry;
pub mod tls;
pub mod vitals;
pub mod waiting_room;
