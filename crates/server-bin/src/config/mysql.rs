//! Where a MySQL database is: as the old project's driver writes it, as a URL, or by its parts.

use std::{fmt, path::PathBuf};

use percent_encoding::percent_decode_str;
use zeroize::Zeroizing;

use super::{ConfigError, Values, parse, server::readable_file, storage::host, variables as var};

/// Where a MySQL database is, and how to get in.
#[derive(Clone, PartialEq, Eq)]
pub struct MySqlServer {
    /// A host name or an address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The user; empty when none was named.
    pub user: String,
    /// The user's password; empty for none.
    pub password: Zeroizing<String>,
    /// The database.
    pub database: String,
    /// Whether the connection is encrypted.
    pub tls: MySqlTls,
    /// Certificate authorities in PEM to trust in place of the public ones.
    pub ca_file: Option<PathBuf>,
}

/// Whether a connection to MySQL is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MySqlTls {
    /// Never.
    Off,
    /// If the server can, with whatever certificate.
    Preferred,
    /// Always, with whatever certificate.
    Unverified,
    /// Always, with a certificate for this host by a trusted authority.
    Verified,
}

const DEFAULT_PORT: u16 = 3306;
const SCHEME: &str = "mysql://";
const FORM: &str = "must be mysql://user:password@tcp(host:3306)/database, or mysql://user:password@host:3306/database with \
                    special characters of the password percent-encoded";
const TLS: &str = "must be true, skip-verify, preferred or false";
const SSL_MODE: &str = "has an ssl-mode that is not DISABLED, PREFERRED, REQUIRED or VERIFY_IDENTITY";

impl fmt::Debug for MySqlServer {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port, user, database, .. } = self;
        write!(f, "{SCHEME}{user}@{host}:{port}/{database}")
    }
}

impl MySqlServer {
    /// Checks the variables of this section. Answers what asked for MySQL, and the server; `None` if nothing did.
    pub(super) fn read(values: &Values) -> Result<Option<(&'static str, Self)>, ConfigError> {
        let url = values.optional(&var::DATABASE_URL, Self::parse)?;
        let host = values.optional(&var::DB_HOST, host)?;
        let port = values.required(&var::DB_PORT, parse::port)?;
        let tls = values.required(&var::DB_TLS, tls)?;
        let ca_file = values.optional(&var::DB_CA_FILE, readable_file)?;
        let text = |variable| values.get(variable).map(|setting| setting.text);
        Ok(match (url, host) {
            (Some(Url { server, has_tls }), _) => {
                let tls = if has_tls { server.tls } else { tls };
                let ca_file = server.ca_file.clone().or(ca_file);
                Some((var::DATABASE_URL.name, Self { tls, ca_file, ..server }))
            }
            (None, Some(host)) => {
                let server = Self {
                    host,
                    port,
                    user: text(&var::DB_USER).unwrap_or_default(),
                    password: text(&var::DB_PASSWORD).unwrap_or_default().into(),
                    database: text(&var::DB_NAME).unwrap_or_default(),
                    tls,
                    ca_file,
                };
                Some((var::DB_HOST.name, server))
            }
            (None, None) => None,
        })
    }

    fn parse(text: &str) -> Result<Url, String> {
        let rest = text.trim().strip_prefix(SCHEME).ok_or_else(|| {
            "must begin with mysql://; for SQLite set DATABASE_PATH to a file instead".to_owned()
        })?;
        let parts = driver_parts(rest).or_else(|| url_parts(rest)).ok_or(FORM)?;
        let Parts { user, password, address, database, query } = parts;
        let (host, port) = host_and_port(&address).ok_or(FORM)?;
        if user.is_empty() || database.is_empty() {
            return Err(FORM.into());
        }
        let password = password.into();
        let mut server =
            Self { host, port, user, password, database, tls: MySqlTls::Preferred, ca_file: None };
        let mut has_tls = false;
        for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            let value = percent_decode_str(value).decode_utf8().map_err(|_| FORM)?;
            match name.to_ascii_lowercase().replace(['-', '_'], "").as_str() {
                "tls" => {
                    (server.tls, has_tls) =
                        (tls(&value).map_err(|problem| format!("has a tls that {problem}"))?, true);
                }
                "sslmode" => (server.tls, has_tls) = (ssl_mode(&value)?, true),
                "sslca" => {
                    let path =
                        readable_file(&value).map_err(|problem| format!("has an ssl-ca that {problem}"))?;
                    server.ca_file = Some(path);
                }
                // What is misspelt here would go unnoticed, and unencrypted.
                other if other.starts_with("ssl") || other.starts_with("tls") => {
                    return Err(
                        "has a parameter about TLS that is not known; tls, ssl-mode and ssl-ca are".into()
                    );
                }
                // The old project's driver has many more, none of which means anything here.
                _ => {}
            }
        }
        Ok(Url { server, has_tls })
    }
}

/// What a URL says.
#[derive(Debug)]
struct Url {
    server: MySqlServer,
    /// Whether it says whether the connection is encrypted.
    has_tls: bool,
}

struct Parts {
    user: String,
    password: String,
    address: String,
    database: String,
    query: String,
}

/// `user:password@tcp(host:port)/database?query`, where nothing is encoded: a password may hold any character.
fn driver_parts(text: &str) -> Option<Parts> {
    let (login, rest) = text.rsplit_once("@tcp(")?;
    let (address, rest) = rest.split_once(")/")?;
    let (user, password) = login.split_once(':').unwrap_or((login, ""));
    let (database, query) = rest.split_once('?').unwrap_or((rest, ""));
    let [user, password, address, database, query] =
        [user, password, address, database, query].map(str::to_owned);
    Some(Parts { user, password, address, database, query })
}

/// `user:password@host:port/database?query`, where special characters are percent-encoded.
fn url_parts(text: &str) -> Option<Parts> {
    let decode = |text: &str| percent_decode_str(text).decode_utf8().ok().map(std::borrow::Cow::into_owned);
    let (authority, rest) = text.split_once('/')?;
    let (login, address) = authority.rsplit_once('@')?;
    if address.contains(['(', ')']) {
        return None;
    }
    let (user, password) = login.split_once(':').unwrap_or((login, ""));
    let (database, query) = rest.split_once('?').unwrap_or((rest, ""));
    Some(Parts {
        user: decode(user)?,
        password: decode(password)?,
        address: address.to_owned(),
        database: decode(database)?,
        query: query.to_owned(),
    })
}

fn host_and_port(address: &str) -> Option<(String, u16)> {
    let (host, port) = match address.rsplit_once(':') {
        // An address of IPv6 has colons of its own, in brackets.
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok().filter(|port| *port != 0)?),
        _ => (address, DEFAULT_PORT),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    (!host.is_empty()).then(|| (host.to_owned(), port))
}

/// As the old project's driver has it.
fn tls(text: &str) -> Result<MySqlTls, String> {
    Ok(match text.trim().to_ascii_lowercase().as_str() {
        "true" | "1" => MySqlTls::Verified,
        "skip-verify" => MySqlTls::Unverified,
        "preferred" => MySqlTls::Preferred,
        "false" | "0" => MySqlTls::Off,
        _ => return Err(TLS.into()),
    })
}

/// As MySQL's own clients have it.
fn ssl_mode(text: &str) -> Result<MySqlTls, String> {
    Ok(match text.to_ascii_uppercase().as_str() {
        "DISABLED" => MySqlTls::Off,
        "PREFERRED" => MySqlTls::Preferred,
        "REQUIRED" => MySqlTls::Unverified,
        "VERIFY_IDENTITY" => MySqlTls::Verified,
        _ => return Err(SSL_MODE.into()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> MySqlServer {
        MySqlServer::parse(text).unwrap().server
    }

    fn shown(server: &MySqlServer) -> String {
        format!("{server:?} {}", *server.password)
    }

    #[test]
    fn both_forms_of_an_address_are_read() {
        for (text, expected) in [
            (
                "mysql://user:password@tcp(host:3307)/db?charset=utf8mb4&parseTime=True&loc=Local",
                "mysql://user@host:3307/db password",
            ),
            ("mysql://user:password@host:3307/db?ssl-mode=REQUIRED", "mysql://user@host:3307/db password"),
            ("mysql://user:p@ss:w/rd?%41@tcp(host)/db", "mysql://user@host:3306/db p@ss:w/rd?%41"),
            ("mysql://us%40er:p%40ss%2Fword@host/my%20db", "mysql://us@er@host:3306/my db p@ss/word"),
            ("mysql://user@tcp([::1]:3307)/db", "mysql://user@::1:3307/db "),
            (" mysql://user:p@[2001:db8::1]/db ", "mysql://user@2001:db8::1:3306/db p"),
        ] {
            assert_eq!(shown(&parsed(text)), expected, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused_without_being_repeated() {
        for text in [
            "mysql://user:canary@host",
            "mysql://user:canary@host/",
            "mysql://:canary@host/db",
            "mysql://user:canary@host:0/db",
            "mysql://user:canary@host:port/db",
            "mysql://user:canary@unix(/run/mysql.sock)/db",
            "mysql://user:canary@tcp(host:3306)",
            "mysql://user:canary@/db",
            "mysql://canary/db",
            "mysql://user:%ffcanary@host/db",
            "mysql://user:canary@host/db?tls=canary",
            "mysql://user:canary@host/db?ssl-mode=VERIFY_CA",
            "mysql://user:canary@host/db?sslmod=canary",
            "mysql://user:canary@host/db?ssl-ca=/nowhere/canary",
            "postgres://user:canary@host/db",
        ] {
            let problem = MySqlServer::parse(text).unwrap_err();
            assert!(!problem.contains("canary"), "{text}: {problem}");
        }
    }

    #[test]
    fn encryption_is_asked_for_as_either_driver_does() {
        for (query, expected) in [
            ("", MySqlTls::Preferred),
            ("?tls=true", MySqlTls::Verified),
            ("?charset=utf8mb4&tls=skip-verify", MySqlTls::Unverified),
            ("?tls=preferred", MySqlTls::Preferred),
            ("?tls=false", MySqlTls::Off),
            ("?ssl-mode=DISABLED", MySqlTls::Off),
            ("?sslMode=required", MySqlTls::Unverified),
            ("?ssl_mode=VERIFY_IDENTITY", MySqlTls::Verified),
        ] {
            assert_eq!(parsed(&format!("mysql://u:p@tcp(h:1)/db{query}")).tls, expected, "{query}");
        }
    }
}
