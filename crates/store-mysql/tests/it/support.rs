//! A store in a database of its own.

use std::{
    ops::Deref,
    process,
    sync::atomic::{AtomicU32, Ordering},
};

use contract_tests::fixtures::{kek, now};
use mysql_async::{Conn, Opts, OptsBuilder, Row, prelude::Queryable as _};
use rotator_core::{store::OpenReport, vault::KeyEncryptionKeys};
use store_mysql::{Error, MySqlStore, OpenOptions, Server, Tls};

/// The server of these tests: a MySQL if there is one, else the MariaDB that `scripts/with-servers.sh` starts.
#[expect(clippy::disallowed_methods, reason = "it tells where the server is, and nothing else")]
pub(crate) fn shared_server() -> Server {
    let url = ["TEST_MYSQL_URL", "TEST_MARIADB_URL"].into_iter().find_map(|name| std::env::var(name).ok());
    let url = url.unwrap_or_else(|| {
        panic!("these tests need a server: run them by `scripts/with-servers.sh cargo test`, or set TEST_MYSQL_URL")
    });
    server_at(&url)
}

/// The server that a URL names, without a database.
pub(crate) fn server_at(url: &str) -> Server {
    let opts = Opts::from_url(url).unwrap();
    Server {
        host: opts.ip_or_hostname().into(),
        port: opts.tcp_port(),
        user: opts.user().unwrap_or("root").into(),
        password: opts.pass().unwrap_or_default().to_owned().into(),
        database: "mysql".into(),
        tls: Tls::Off,
        ca_file: None,
    }
}

/// The name of a database that is not there yet; whatever is there under it goes with this.
pub(crate) struct Scratch {
    pub(crate) server: Server,
}

impl Scratch {
    pub(crate) fn new() -> Self {
        Self::on(shared_server())
    }

    pub(crate) fn on(server: Server) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        Self { server: Server { database: format!("rotator_test_{}_{number}", process::id()), ..server } }
    }

    /// How it is opened when nothing is special.
    pub(crate) fn options(&self) -> OpenOptions {
        OpenOptions {
            server: self.server.clone(),
            keys: KeyEncryptionKeys { primary: kek('a'), previous: Vec::new() },
            reset_tables: false,
            now: now(),
        }
    }

    pub(crate) async fn open(&self) -> MySqlStore {
        open_with(self.options()).await.unwrap().0
    }

    /// A connection beside the store's own, as another program has it.
    pub(crate) async fn connect(&self) -> Conn {
        connect(&self.server, Some(&self.server.database)).await
    }

    /// Runs statements on the database, which is made if it is not there.
    pub(crate) async fn execute(&self, sql: &str) {
        let mut conn = connect(&self.server, None).await;
        let name = &self.server.database;
        conn.query_drop(format!("CREATE DATABASE IF NOT EXISTS {name}; USE {name}")).await.unwrap();
        conn.query_drop(sql).await.unwrap();
        conn.disconnect().await.unwrap();
    }

    /// The first value that a query finds, as text.
    pub(crate) async fn value(&self, sql: &str) -> Option<String> {
        let mut conn = self.connect().await;
        let row: Option<Row> = conn.query_first(sql).await.unwrap();
        conn.disconnect().await.unwrap();
        row?.get(0)
    }
}

/// The connections to this one's database that are not this one. By `SHOW`: MariaDB 10.11.19 can end of a query of
/// `information_schema.processlist`.
pub(crate) async fn other_connections(conn: &mut Conn) -> Vec<Row> {
    let (database, own): (String, u64) =
        conn.query_first("SELECT database(), connection_id()").await.unwrap().unwrap();
    let all: Vec<Row> = conn.query("SHOW PROCESSLIST").await.unwrap();
    let is_other = |row: &Row| {
        row.get::<Option<String>, _>("db").unwrap().is_some_and(|db| db == database)
            && row.get::<u64, _>("Id") != Some(own)
    };
    all.into_iter().filter(is_other).collect()
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let server = self.server.clone();
        // The runtime of the test may be gone, or busy with this drop.
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let mut conn = connect(&server, None).await;
                conn.query_drop(format!("DROP DATABASE IF EXISTS {}", server.database)).await.unwrap();
                conn.disconnect().await.unwrap();
            });
        });
        // A test that has failed already says why; a server that is gone has nothing to be dropped from.
        let _ = dropped.join();
    }
}

async fn connect(server: &Server, database: Option<&str>) -> Conn {
    let opts = OptsBuilder::default()
        .ip_or_hostname(&server.host)
        .tcp_port(server.port)
        .user(Some(&server.user))
        .pass(Some(server.password.as_str()))
        .prefer_socket(false)
        .db_name(database);
    Conn::new(opts).await.unwrap()
}

/// An empty store; its database goes with it.
pub(crate) struct Fixture {
    store: MySqlStore,
    _scratch: Scratch,
}

impl Deref for Fixture {
    type Target = MySqlStore;

    fn deref(&self) -> &MySqlStore {
        &self.store
    }
}

pub(crate) async fn fresh() -> Fixture {
    let scratch = Scratch::new();
    let store = scratch.open().await;
    Fixture { store, _scratch: scratch }
}

pub(crate) async fn open_with(options: OpenOptions) -> Result<(MySqlStore, OpenReport), Error> {
    MySqlStore::open(options).await
}
