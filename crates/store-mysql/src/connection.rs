//! How a connection to the server is opened, what it promises, and how long a command on it may take.

use std::{path::PathBuf, time::Duration};

use mysql_async::{Conn, DriverError, Error, Opts, OptsBuilder, Params, Row, SslOpts, prelude::Queryable};
use tokio::time::timeout;
use zeroize::Zeroizing;

use crate::error::Fault;

/// How long one command may take, and how long a caller waits for a connection. A server that hangs costs an operator
/// little more than one of them: who writes is to have an answer within three seconds.
pub(crate) const PATIENCE: Duration = Duration::from_millis(2500);
/// How long a command may take while the tables are being made or changed.
pub(crate) const OPENING_PATIENCE: Duration = Duration::from_mins(10);
/// Prepared statements that a connection keeps.
const STATEMENTS: usize = 64;

/// Where the database is, and how to get in.
#[derive(Clone)]
pub struct Server {
    /// A host name or an address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The user.
    pub user: String,
    /// The user's password; empty for none.
    pub password: Zeroizing<String>,
    /// The database.
    pub database: String,
    /// Whether the connection is encrypted.
    pub tls: Tls,
    /// Certificate authorities in PEM to trust in place of the public ones.
    pub ca_file: Option<PathBuf>,
}

/// Whether a connection is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// Never.
    Off,
    /// If the server can, with whatever certificate.
    Preferred,
    /// Always, with whatever certificate: who is in between can read along.
    Unverified,
    /// Always, with a certificate for this host by an authority that is trusted.
    Verified,
}

impl std::fmt::Display for Server {
    /// Without the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { host, port, user, database, .. } = self;
        write!(f, "mysql://{user}@{host}:{port}/{database}")
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

/// What every session is set up with. Text is utf8mb4, what does not fit is refused instead of cut, and a statement
/// waits a second for another's lock: longer than any of ours holds one, and less than a caller's patience. MySQL 8 would
/// tell for a day which id a table gives next; MariaDB does not know the word, and takes it for a comment.
const SETUP: &str = "SET NAMES utf8mb4 COLLATE utf8mb4_bin, SESSION sql_mode = 'TRADITIONAL', \
                     /*!80000 SESSION information_schema_stats_expiry = 0, */ \
                     SESSION innodb_lock_wait_timeout = 1, SESSION lock_wait_timeout = 1";

/// A connection, and how long a command on it may take.
pub(crate) struct Session {
    conn: Conn,
    patience: Duration,
    /// An answer was not waited for, or the connection broke: nothing more can be said on it.
    is_broken: bool,
}

impl Session {
    /// Connects.
    pub(crate) async fn connect(server: &Server, patience: Duration) -> Result<Self, Fault> {
        Self::connect_to(server, Some(&server.database), patience).await
    }

    /// Connects without a database.
    pub(crate) async fn connect_to_server(server: &Server, patience: Duration) -> Result<Self, Fault> {
        Self::connect_to(server, None, patience).await
    }

    async fn connect_to(
        server: &Server,
        database: Option<&String>,
        patience: Duration,
    ) -> Result<Self, Fault> {
        let connect = |ssl| Conn::new(options(server, database, ssl));
        let opened = async {
            match (ssl(server), server.tls) {
                (None, _) => connect(None).await,
                (ssl, Tls::Preferred) => match connect(ssl).await {
                    Err(Error::Driver(DriverError::NoClientSslFlagFromServer)) => connect(None).await,
                    result => result,
                },
                (ssl, _) => connect(ssl).await,
            }
        };
        let conn = timeout(PATIENCE, opened).await.map_err(|_| Fault::TimedOut)??;
        Ok(Self { conn, patience, is_broken: false })
    }

    /// Runs statements without parameters.
    pub(crate) async fn run(&mut self, sql: &str) -> Result<(), Fault> {
        let done = timeout(self.patience, self.conn.query_drop(sql)).await;
        self.settle(done)
    }

    /// Runs a statement; answers how many rows it found to change.
    pub(crate) async fn execute(
        &mut self,
        sql: &str,
        params: impl Into<Params> + Send,
    ) -> Result<u64, Fault> {
        let done = timeout(self.patience, self.conn.exec_drop(sql, params.into())).await;
        self.settle(done)?;
        Ok(self.conn.affected_rows())
    }

    /// Every row of a query.
    pub(crate) async fn rows(
        &mut self,
        sql: &str,
        params: impl Into<Params> + Send,
    ) -> Result<Vec<Row>, Fault> {
        let done = timeout(self.patience, self.conn.exec(sql, params.into())).await;
        self.settle(done)
    }

    /// Every row of a query without parameters, with every value as text.
    pub(crate) async fn texts(&mut self, sql: &str) -> Result<Vec<Row>, Fault> {
        let done = timeout(self.patience, self.conn.query(sql)).await;
        self.settle(done)
    }

    /// The first row of a query.
    pub(crate) async fn row(
        &mut self,
        sql: &str,
        params: impl Into<Params> + Send,
    ) -> Result<Option<Row>, Fault> {
        Ok(self.rows(sql, params).await?.into_iter().next())
    }

    /// The id that the last insert was given, or that it set.
    pub(crate) fn last_id(&self) -> i64 {
        self.conn.last_insert_id().and_then(|id| i64::try_from(id).ok()).unwrap_or_default()
    }

    /// Whether nothing more can be said on it.
    pub(crate) fn is_broken(&self) -> bool {
        self.is_broken
    }

    /// Says goodbye.
    pub(crate) async fn close(self) {
        if !self.is_broken {
            // The server finds out anyway.
            let _ = timeout(PATIENCE, self.conn.disconnect()).await;
        }
    }

    fn settle<T>(
        &mut self,
        done: Result<mysql_async::Result<T>, tokio::time::error::Elapsed>,
    ) -> Result<T, Fault> {
        let result = match done {
            Ok(result) => result.map_err(Fault::from),
            Err(_) => Err(Fault::TimedOut),
        };
        // The server's own errors leave a connection as good as it was.
        self.is_broken |= matches!(&result, Err(fault) if fault.server_error().is_none());
        result
    }
}

fn options(server: &Server, database: Option<&String>, ssl: Option<SslOpts>) -> Opts {
    OptsBuilder::default()
        .ip_or_hostname(server.host.clone())
        .tcp_port(server.port)
        .user(Some(server.user.clone()))
        .pass(Some(server.password.as_str()).filter(|password| !password.is_empty()))
        .db_name(database.cloned())
        .ssl_opts(ssl)
        // A server on this machine is not asked for a way around its port.
        .prefer_socket(false)
        // A row that already is as it should be is a row that is there.
        .client_found_rows(true)
        .stmt_cache_size(STATEMENTS)
        .setup(vec![SETUP])
        .into()
}

fn ssl(server: &Server) -> Option<SslOpts> {
    let options = match server.tls {
        Tls::Off => return None,
        Tls::Preferred | Tls::Unverified => SslOpts::default().with_danger_accept_invalid_certs(true),
        Tls::Verified => SslOpts::default(),
    };
    Some(match &server.ca_file {
        Some(path) => options.with_root_certs(vec![path.clone().into()]).with_disable_built_in_roots(true),
        None => options,
    })
}
