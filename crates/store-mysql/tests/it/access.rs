//! Who gets in, and what is told of it.

use rotator_core::store::{Found, Store};
use store_mysql::{Error, OpenOptions, Server, Tls};

use crate::support::{Scratch, open_with};

const PASSWORD: &str = "p@ss:w/rd?#% canary";

/// A user of the server who may do this and goes with it.
struct User<'a> {
    scratch: &'a Scratch,
    name: String,
}

impl<'a> User<'a> {
    async fn who_may(scratch: &'a Scratch, what: &str) -> Self {
        let name = format!("u{}", scratch.server.database.trim_start_matches("rotator_test"));
        scratch
            .execute(&format!(
                "CREATE USER '{name}'@'%' IDENTIFIED BY '{PASSWORD}'; GRANT {what} TO '{name}'@'%'"
            ))
            .await;
        Self { scratch, name }
    }

    fn server(&self) -> Server {
        let name = self.name.clone();
        Server { user: name, password: PASSWORD.to_owned().into(), ..self.scratch.server.clone() }
    }

    async fn drop(self) {
        self.scratch.execute(&format!("DROP USER '{}'@'%'", self.name)).await;
    }
}

fn options(scratch: &Scratch, server: Server) -> OpenOptions {
    OpenOptions { server, ..scratch.options() }
}

#[tokio::test]
async fn a_user_with_a_password_gets_in() {
    let scratch = Scratch::new();
    let user = User::who_may(&scratch, &format!("ALL ON {}.*", scratch.server.database)).await;

    let (store, report) = open_with(options(&scratch, user.server())).await.unwrap();

    assert_eq!(report.found, Found::Nothing);
    store.ping().await.unwrap();
    store.close().await;
    user.drop().await;
}

#[tokio::test]
async fn a_wrong_password_is_refused_and_shown_nowhere() {
    let scratch = Scratch::new();
    let user = User::who_may(&scratch, &format!("ALL ON {}.*", scratch.server.database)).await;
    let server = Server { password: "wrong canary".to_owned().into(), ..user.server() };

    let error = open_with(options(&scratch, server.clone())).await.unwrap_err();

    assert!(matches!(error, Error::Refused { .. }), "{error:?}");
    assert!(error.to_string().contains("DB_PASSWORD"), "{error}");
    assert!(!format!("{error} {error:?} {server} {server:?}").contains("canary"), "{error:?}");
    user.drop().await;
}

#[tokio::test]
async fn a_database_that_the_user_may_not_make_is_named() {
    let scratch = Scratch::new();
    let user = User::who_may(&scratch, &format!("ALL ON {}.*", scratch.server.database)).await;
    let server = Server { database: format!("{}_other", scratch.server.database), ..user.server() };

    let error = open_with(options(&scratch, server.clone())).await.unwrap_err();

    // A server that does not even tell such a user what is there refuses them.
    assert!(matches!(error, Error::NoDatabase { .. } | Error::Refused { .. }), "{error:?}");
    assert!(error.to_string().contains(&server.database), "{error}");
    user.drop().await;
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unreachable() {
    let scratch = Scratch::new();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();

    let server = Server { port, ..scratch.server.clone() };
    let error = open_with(options(&scratch, server)).await.unwrap_err();

    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
}

#[tokio::test]
async fn a_server_that_cannot_prove_who_it_is_is_refused_if_it_must() {
    let scratch = Scratch::new();

    // It has a certificate of its own making, or none.
    let server = Server { tls: Tls::Verified, ..scratch.server.clone() };
    let error = open_with(options(&scratch, server)).await.unwrap_err();

    assert!(matches!(error, Error::Encryption { .. }), "{error:?}");
    assert!(error.to_string().contains("DB_CA_FILE"), "{error}");
}

#[tokio::test]
async fn encryption_is_optional_when_it_is_only_preferred() {
    let scratch = Scratch::new();

    let server = Server { tls: Tls::Preferred, ..scratch.server.clone() };
    let (store, _) = open_with(options(&scratch, server)).await.unwrap();

    store.ping().await.unwrap();
}
