//! The last snapshot, kept sealed in the data folder: an instance that starts while its database's server is away serves
//! from it. A database that is a file is not away.

use std::{
    fs::DirBuilder,
    io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;
use rotator_core::{
    snapshot::{Snapshot, SnapshotSealer},
    vault::KeyEncryptionKeys,
};
use tokio::{
    task::spawn_blocking,
    time::{sleep, timeout},
};
use tracing::{debug, info, warn};

use crate::{
    clock,
    config::{Database, DatabaseKind},
    data::Data,
    secrets,
};

/// Where the last snapshot is kept, and how.
#[derive(Debug, Clone)]
pub struct LastSnapshot {
    path: PathBuf,
    database: String,
    keys: KeyEncryptionKeys,
}

const FILE_NAME: &str = "last-snapshot.sealed";
/// Changes that come close together are kept together.
const GATHER: Duration = Duration::from_secs(2);
/// What has not changed is kept anew after so long.
const ANEW: Duration = Duration::from_hours(1);
/// After so long it is tried again.
const RETRY: Duration = Duration::from_secs(10);

impl LastSnapshot {
    /// That of a database that can be away.
    pub fn of(database: &Database, keys: &KeyEncryptionKeys) -> Option<Self> {
        let path = database.folder().join(FILE_NAME);
        let of_server = matches!(database.kind, DatabaseKind::MySql(..));
        of_server.then(|| Self { path, database: database.place(), keys: keys.clone() })
    }

    /// The snapshot, if there is one that can be used.
    pub fn open(&self) -> Option<Snapshot> {
        let path = self.path.display();
        let text = match secrets::read(&self.path) {
            Ok(text) => text?,
            Err(error) => {
                warn!("the last snapshot is not used: {error}");
                return None;
            }
        };
        match Snapshot::open(&text, &self.keys, &self.database) {
            Ok(snapshot) => Some(snapshot),
            Err(error) => {
                warn!(%path, "the last snapshot is not used: {error}");
                None
            }
        }
    }

    /// Keeps every snapshot that is read from the store from now on.
    pub async fn keep(self, data: Data) {
        let mut revisions = data.routes.revision();
        let mut sealer = None;
        loop {
            sleep(GATHER).await;
            revisions.borrow_and_update();
            match self.keep_once(&data, sealer.take()).await {
                Ok(used) => {
                    sealer = Some(used);
                    // Its age is to tell how long the database has been away, not how long nothing has changed.
                    let _ = timeout(ANEW, revisions.changed()).await;
                }
                Err(error) => {
                    // While the database is away everybody says so.
                    if data.health.store_is_up() {
                        warn!(
                            error = format!("{error:#}"),
                            "a start without the database would serve what was kept before"
                        );
                    }
                    sleep(RETRY).await;
                }
            }
        }
    }

    /// Reads a snapshot and keeps it, beside the threads that answer somebody.
    async fn keep_once(&self, data: &Data, sealer: Option<SnapshotSealer>) -> anyhow::Result<SnapshotSealer> {
        let snapshot = Snapshot::read(&*data.store, self.database.clone(), clock::now()).await?;
        let (path, key) = (self.path.clone(), self.keys.primary.clone());
        let (revision, taken_at) = (snapshot.reading.revision, snapshot.taken_at);
        let keeping = spawn_blocking(move || {
            let sealer = sealer.map_or_else(|| SnapshotSealer::new(&key), Ok)?;
            write(&path, &sealer.seal(snapshot)?)
                .with_context(|| format!("{} cannot be written", path.display()))?;
            Ok::<_, anyhow::Error>(sealer)
        });
        let sealer = keeping.await??;
        data.health.note_kept(taken_at);
        debug!(revision, "snapshot kept");
        Ok(sealer)
    }
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    secrets::replace(path, text, true)
}

/// Says that requests are served from what was kept.
pub fn announce(snapshot: &Snapshot) {
    let age = clock::now().duration_since(snapshot.taken_at).as_secs();
    info!(
        age_seconds = age,
        services = snapshot.reading.sources.len(),
        "the database is away: serving what was known when it was there; nothing can be changed until it is back"
    );
}
