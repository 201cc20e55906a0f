//! Where Redis is, and who we are there.

use deadpool_redis::redis::{
    Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _, ProtocolVersion, TlsCertificates,
};

use crate::Error;

/// Where Redis is, and who we are there.
#[derive(Debug, Clone)]
pub struct Server(pub(crate) ConnectionInfo);

impl Server {
    /// By a URL: `redis://user:password@host:6379/0`, or `rediss://` for TLS.
    pub fn parse(url: &str) -> Result<Self, Error> {
        const WRONG: Error = Error::Address(
            "must be a URL such as redis://user:password@host:6379/0, with %-signs for special characters",
        );
        let url = url.trim();
        if !(url.starts_with("redis://") || url.starts_with("rediss://")) {
            return Err(Error::Address("must begin with redis:// or rediss://"));
        }
        if url.contains('#') {
            return Err(Error::Address("must not have a # in it; write %23 for one in the password"));
        }
        let info = url.into_connection_info().map_err(|_| WRONG)?;
        Ok(Self(info).speaking_resp3())
    }

    /// By its parts.
    pub fn new(host: &str, port: u16, database: u32) -> Result<Self, Error> {
        const WRONG: Error = Error::Address("must be a host name or an address");
        // An IPv6 address may stand in brackets.
        let host = host.trim().trim_start_matches('[').trim_end_matches(']');
        let info = (host, port).into_connection_info().map_err(|_| WRONG)?;
        let settings = info.redis_settings().clone().set_db(database.into());
        Ok(Self(info.set_redis_settings(settings)).speaking_resp3())
    }

    /// With this name and password, where it has none yet.
    #[must_use]
    pub fn or_user(self, username: Option<&str>, password: Option<&str>) -> Self {
        let mut settings = self.0.redis_settings().clone();
        if let (None, Some(username)) = (settings.username(), username) {
            settings = settings.set_username(username);
        }
        if let (None, Some(password)) = (settings.password(), password) {
            settings = settings.set_password(password);
        }
        Self(self.0.set_redis_settings(settings))
    }

    /// Trusts these certificate authorities, in PEM, instead of the public ones.
    pub fn with_authorities(self, pem: Vec<u8>) -> Result<Self, Error> {
        const NO_TLS: Error = Error::Address("is of no use unless REDIS_URL begins with rediss://");
        const WRONG: Error = Error::Address("must be a file of certificates in PEM");
        if !matches!(self.0.addr(), ConnectionAddr::TcpTls { .. }) {
            return Err(NO_TLS);
        }
        let certificates = TlsCertificates { client_tls: None, root_cert: Some(pem) };
        let client = Client::build_with_tls(self.0, certificates).map_err(|_| WRONG)?;
        Ok(Self(client.get_connection_info().clone()))
    }

    /// The number of its database.
    pub(crate) fn database(&self) -> i64 {
        self.0.redis_settings().db()
    }

    /// The version of the protocol in which messages come on the same connection as answers.
    fn speaking_resp3(self) -> Self {
        let settings = self.0.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
        Self(self.0.set_redis_settings(settings))
    }
}
