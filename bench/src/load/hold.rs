//! Streams that are open and silent.

use std::{
    io::{self, Read as _, Write as _},
    net::SocketAddr,
};

use anyhow::Result;
use tokio::task::JoinSet;

use super::connection::Connection;
use crate::fixture::{Endpoint, Route};

/// How many are opened at a time: fewer than the shortest accept queue.
const AT_ONCE: usize = 64;

/// Opens the streams, says so, and keeps them until standard input ends.
pub(super) async fn run(proxy: SocketAddr, streams: usize) -> Result<()> {
    let mut open = Vec::with_capacity(streams);
    while open.len() < streams {
        let mut batch = JoinSet::new();
        for _ in 0..AT_ONCE.min(streams - open.len()) {
            batch.spawn_local(stream(proxy));
        }
        while let Some(connection) = batch.join_next().await {
            open.push(connection??);
        }
    }
    writeln!(io::stdout(), "open")?;
    io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

async fn stream(proxy: SocketAddr) -> Result<Connection> {
    let mut connection = Connection::open(Endpoint::Proxied(proxy), Route::Idle).await?;
    connection.first_byte().await?;
    Ok(connection)
}
