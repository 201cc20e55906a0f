//! Why a database cannot be opened, and how MySQL's errors read at the port.

use std::io;

use mysql_async::{DriverError, IoError, ServerError};
use rotator_core::{
    store::{StoreError, migrations::NotOurs},
    vault::VaultError,
};

/// Why a database was not opened: a sentence for the operator, with the cause as its source.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server does not answer, or not now. It may later.
    #[error("{server} does not answer ({reason})")]
    Unreachable {
        /// Which server, without the password.
        server: String,
        /// What went wrong.
        reason: String,
    },
    /// The connection cannot be encrypted as it was asked for.
    #[error(
        "the connection to {server} cannot be encrypted as it should be ({reason}); \
         check DB_TLS and DB_CA_FILE, or tls and ssl-ca in DATABASE_URL"
    )]
    Encryption {
        /// Which server, without the password.
        server: String,
        /// What is wrong with its certificate, or that it cannot.
        reason: String,
    },
    /// The server does not let this user in.
    #[error("{server} refuses the user: {reason}; check DATABASE_URL, or DB_USER and DB_PASSWORD")]
    Refused {
        /// Which server, without the password.
        server: String,
        /// What the server said.
        reason: String,
    },
    /// There is no such database, and the user may not make it.
    #[error(
        "the database of {server} is not there, and the user may not create it ({reason}); \
         create it, or grant the user all privileges on it"
    )]
    NoDatabase {
        /// Which server, without the password.
        server: String,
        /// What the server said.
        reason: String,
    },
    /// The server is too old.
    #[error("{server} is {found}; MySQL 8.0 or MariaDB 10.6 is the oldest that will do")]
    OldServer {
        /// Which server, without the password.
        server: String,
        /// Its version, in its own words.
        found: String,
    },
    /// Another instance is at work on the tables, and has been for long.
    #[error("another instance has been changing the tables of {server} for over a minute; try again later")]
    Busy {
        /// Which server, without the password.
        server: String,
    },
    /// MySQL failed.
    #[error("cannot use {server}: {reason}")]
    Database {
        /// Which server, without the password.
        server: String,
        /// What MySQL said.
        reason: String,
    },
    /// The tables belong to another program.
    #[error("{server} holds a table {table} of another program; name another database")]
    Foreign {
        /// Which server, without the password.
        server: String,
        /// The table.
        table: &'static str,
    },
    /// It is to be used as it is, and a start would change it first.
    #[error("{server} {what}; start the server on it once, which brings it up to date")]
    NotCurrent {
        /// Which server, without the password.
        server: String,
        /// A clause that follows its address.
        what: String,
    },
    /// A newer version wrote it.
    #[error(
        "{server} has schema version {found} and this build knows versions up to {known}; \
         start the newer build again, or restore a backup made before the upgrade"
    )]
    NewerSchema {
        /// Which server, without the password.
        server: String,
        /// The version in the database.
        found: i64,
        /// The latest version of this build.
        known: i64,
    },
    /// A migration that was applied is not the one this build carries.
    #[error(
        "migration {version} of {server} is not the one that this build carries; \
         use an unmodified build, or restore a backup"
    )]
    ChangedMigration {
        /// Which server, without the password.
        server: String,
        /// Which migration.
        version: i64,
    },
    /// None of the key-encryption keys opens the data key.
    #[error(
        "the keys in {server} were encrypted with another ENCRYPTION_KEY; \
         set the former one, or add it to ENCRYPTION_KEY_PREVIOUS to change over from it"
    )]
    WrongKey {
        /// Which server, without the password.
        server: String,
    },
    /// The data key is damaged or gone, or cryptography failed.
    #[error("cannot open the encrypted keys in {server}; restore a backup if they were changed by hand")]
    Vault {
        /// Which server, without the password.
        server: String,
        /// What the vault said.
        source: VaultError,
    },
    /// The store was closed, or was not opened yet.
    #[error("the database is closed")]
    Closed,
}

/// What went wrong with a command, or within an opening, before it is known of which server.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error(transparent)]
    MySql(mysql_async::Error),
    #[error("no answer in time")]
    TimedOut,
    #[error("a stored value is not of the type that it should be")]
    Value,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Vault(#[from] VaultError),
    #[error("no database")]
    NoDatabase { reason: String },
    #[error("an old server")]
    OldServer { found: String },
    #[error("another instance is at work")]
    Busy,
    #[error("a table of another program")]
    Foreign { table: &'static str },
    #[error("a database of the old project")]
    OldProject,
    #[error(transparent)]
    NotOurs(#[from] NotOurs),
}

/// The numbers of MySQL's errors.
pub(crate) mod code {
    pub(crate) const DISK_FULL: u16 = 1021;
    pub(crate) const STORAGE_ENGINE: u16 = 1030;
    pub(crate) const TOO_MANY_CONNECTIONS: u16 = 1040;
    pub(crate) const ACCESS_DENIED_TO_DATABASE: u16 = 1044;
    pub(crate) const ACCESS_DENIED: u16 = 1045;
    pub(crate) const UNKNOWN_DATABASE: u16 = 1049;
    pub(crate) const TABLE_EXISTS: u16 = 1050;
    pub(crate) const SHUTDOWN: u16 = 1053;
    pub(crate) const DUPLICATE_COLUMN: u16 = 1060;
    pub(crate) const DUPLICATE_INDEX: u16 = 1061;
    pub(crate) const DUPLICATE_ENTRY: u16 = 1062;
    pub(crate) const CANNOT_DROP: u16 = 1091;
    pub(crate) const TABLE_FULL: u16 = 1114;
    pub(crate) const NO_SUCH_TABLE: u16 = 1146;
    pub(crate) const TOO_MANY_USER_CONNECTIONS: u16 = 1203;
    pub(crate) const LOCK_WAIT_TIMEOUT: u16 = 1205;
    pub(crate) const DEADLOCK: u16 = 1213;
    pub(crate) const RECORD_CHANGED: u16 = 1020;
    pub(crate) const ACCESS_DENIED_NO_PASSWORD: u16 = 1698;
}

impl Fault {
    /// What the server said, if it was the server.
    pub(crate) fn server_error(&self) -> Option<&ServerError> {
        match self {
            Self::MySql(mysql_async::Error::Server(error)) => Some(error),
            _ => None,
        }
    }

    /// The number of what the server said.
    pub(crate) fn code(&self) -> Option<u16> {
        self.server_error().map(|error| error.code)
    }

    /// The fault, of this server.
    pub(crate) fn of(self, server: &crate::Server) -> Error {
        let server = server.to_string();
        match self {
            Self::Vault(VaultError::WrongKey) => Error::WrongKey { server },
            Self::Vault(source) => Error::Vault { server, source },
            Self::NoDatabase { reason } => Error::NoDatabase { server, reason },
            Self::OldServer { found } => Error::OldServer { server, found },
            Self::Busy => Error::Busy { server },
            Self::Foreign { table } => Error::Foreign { server, table },
            Self::OldProject => Error::NotCurrent { server, what: "holds tables of the old project".into() },
            Self::NotOurs(NotOurs::Older { found, known }) => {
                Error::NotCurrent { server, what: format!("has schema version {found}, and not {known} yet") }
            }
            Self::NotOurs(NotOurs::Newer { found, known }) => Error::NewerSchema { server, found, known },
            Self::NotOurs(NotOurs::Changed { version }) => Error::ChangedMigration { server, version },
            fault @ (Self::MySql(_) | Self::TimedOut | Self::Value | Self::Store(_)) => {
                let refused =
                    [code::ACCESS_DENIED, code::ACCESS_DENIED_TO_DATABASE, code::ACCESS_DENIED_NO_PASSWORD];
                match fault.server_error() {
                    Some(error) if refused.contains(&error.code) => {
                        Error::Refused { server, reason: error.message.clone() }
                    }
                    _ if fault.is_about_encryption() => Error::Encryption { server, reason: fault.reason() },
                    _ if fault.may_pass() => Error::Unreachable { server, reason: fault.reason() },
                    _ => Error::Database { server, reason: fault.reason() },
                }
            }
        }
    }

    /// What is at the bottom of it.
    fn reason(&self) -> String {
        let mut cause: &dyn std::error::Error = self;
        while let Some(deeper) = cause.source() {
            cause = deeper;
        }
        cause.to_string()
    }

    /// Whether what was said makes no sense as TLS, or the certificate is not trusted, or the server knows no TLS.
    fn is_about_encryption(&self) -> bool {
        match self {
            Self::MySql(mysql_async::Error::Io(IoError::Io(error))) => {
                error.kind() == io::ErrorKind::InvalidData
            }
            Self::MySql(
                mysql_async::Error::Io(IoError::Tls(_))
                | mysql_async::Error::Driver(DriverError::NoClientSslFlagFromServer),
            ) => true,
            _ => false,
        }
    }

    /// Whether the server may answer if it is asked again later.
    fn may_pass(&self) -> bool {
        match self {
            Self::TimedOut
            | Self::MySql(
                mysql_async::Error::Io(IoError::Io(_))
                | mysql_async::Error::Driver(DriverError::ConnectionClosed),
            ) => true,
            _ => self.code().is_some_and(|code| {
                matches!(code, code::TOO_MANY_CONNECTIONS | code::TOO_MANY_USER_CONNECTIONS | code::SHUTDOWN)
            }),
        }
    }
}

impl From<mysql_async::Error> for Fault {
    fn from(error: mysql_async::Error) -> Self {
        Self::MySql(error)
    }
}

/// What a caller of the port can do about it.
impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Store(error) => error,
            Fault::Value => Self::Inconsistent { what: fault.to_string() },
            fault if is_out_of_room(&fault) => Self::Full(fault.into()),
            fault => Self::Unavailable(fault.into()),
        }
    }
}

fn is_out_of_room(fault: &Fault) -> bool {
    fault.server_error().is_some_and(|error| match error.code {
        code::DISK_FULL | code::TABLE_FULL => true,
        // ENOSPC
        code::STORAGE_ENGINE => error.message.contains("error 28 "),
        _ => false,
    })
}

/// Whether a row with this value of a unique index is there already. MySQL names the table before the index.
pub(crate) fn is_taken(fault: &Fault, index: &str) -> bool {
    fault.server_error().is_some_and(|error| {
        let names_it = |name: &str| name == index || name.rsplit('.').next() == Some(index);
        error.code == code::DUPLICATE_ENTRY && error.message.rsplit('\'').nth(1).is_some_and(names_it)
    })
}

/// Whether a transaction that ended like this may well succeed when it is run again, and has left nothing behind.
pub(crate) fn is_worth_another_try(error: &StoreError) -> bool {
    let StoreError::Unavailable(source) = error else { return false };
    source
        .downcast_ref()
        .and_then(Fault::code)
        .is_some_and(|code| matches!(code, code::DEADLOCK | code::LOCK_WAIT_TIMEOUT | code::RECORD_CHANGED))
}

/// The store was closed.
pub(crate) fn closed() -> StoreError {
    StoreError::Unavailable(Error::Closed.into())
}
