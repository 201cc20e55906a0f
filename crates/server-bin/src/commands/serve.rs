//! `serve`: from settings to a running server, and to its end.

use std::{
    ffi::OsStr,
    io::{self, IsTerminal as _, Write as _},
};

use anyhow::Context as _;
use tokio::runtime::Builder;
use tracing::{info, warn};

use super::load;
use crate::{
    backends::VERSION,
    banner::Banner,
    config::{self, Config, Inputs, LogFormat, variables as var},
    data_folder,
    last_snapshot::{self, LastSnapshot},
    secrets::Completed,
    server::{Server, listen},
    shutdown::Shutdown,
    supervisor::Supervisor,
    telemetry,
    waiting_room::{self, Beginning},
};

/// Threads for everything but proxied requests; those have their own.
const CONTROL_THREADS: usize = 2;

pub(super) fn run(inputs: &Inputs, unprotected: &[String]) -> anyhow::Result<()> {
    let (config, secrets) = load(inputs)?;
    telemetry::init(&config.logs, wants_colour(inputs))?;
    for problem in unprotected.iter().chain(&config.warnings) {
        warn!("{problem}");
    }
    data_folder::take_over(config.database.folder()).context("the data folder cannot be taken over")?;
    secrets.save()?;
    let supervisor = Supervisor::of(&inputs.environment).context("NOTIFY_SOCKET cannot be used")?;
    let runtime = Builder::new_multi_thread()
        .worker_threads(CONTROL_THREADS)
        .thread_name("control")
        .enable_all()
        .build()
        .context("the threads of the server cannot be started")?;
    let result = runtime.block_on(Box::pin(serve(config, &secrets, supervisor)));
    // Whatever is still running was given up on.
    runtime.shutdown_background();
    result
}

async fn serve(config: Config, secrets: &Completed, supervisor: Supervisor) -> anyhow::Result<()> {
    let shutdown = Shutdown::default();
    let settings = config.server.clone();
    shutdown.on_signals(settings.shutdown_delay).context("signals cannot be received")?;
    let address = settings.address;
    let listener = listen(address)
        .with_context(|| format!("cannot listen on {address}; check BIND_ADDRESS and BACKEND_PORT"))?;
    let database = config.database.clone();
    let cache = config.cache.name();
    let username = config.access.username.clone();
    let wants_banner = config.logs.format == LogFormat::Text || io::stderr().is_terminal();
    let kept = LastSnapshot::of(&database, &config.access.encryption);
    let beginning = Box::pin(waiting_room::begin(&config, kept.as_ref(), &listener));
    let Some(beginning) = shutdown.unready.run_until_cancelled(beginning).await else { return Ok(()) };
    let beginning = beginning?;
    match &beginning {
        Beginning::Database(_, report) => info!(place = database.place(), "database {report}"),
        Beginning::Snapshot(snapshot, ..) => last_snapshot::announce(snapshot),
    }
    let server = Server::start(config, beginning, kept, listener).await?;

    info!("Database Type: {}", database.type_name());
    info!("Cache Type: {cache}");
    info!(address = %server.address, base_url = server.base_url, version = VERSION, "listening");
    let banner = Banner {
        base_url: &server.base_url,
        database_type: database.type_name(),
        database: &database.place(),
        cache,
        secrets: secrets.file.as_deref(),
        username: &username,
        new_password: secrets.made(&var::ADMIN_PASSWORD),
        new_proxy_key: secrets.made(&var::GLOBAL_PROXY_KEYS),
    };
    if wants_banner || banner.is_needed() {
        // The server serves, whether anybody reads its banner or not.
        let _ = io::stderr().write_all(banner.text(VERSION).as_bytes());
    }
    let settings = config::Server { address: server.address, ..settings };
    tokio::spawn(supervisor.follow(settings, shutdown.unready.clone()));
    server.run(shutdown).await;
    Ok(())
}

/// See <https://no-color.org>.
fn wants_colour(inputs: &Inputs) -> bool {
    let set = |(name, value): &(_, _)| name == OsStr::new("NO_COLOR") && value != OsStr::new("");
    !inputs.environment.iter().any(set)
}
