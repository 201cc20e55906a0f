//! `migrate`, from SQLite to MySQL and back.

use std::{
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use crate::{
    mysql::{ENCRYPTION_KEY, SECRETS, at, shared_port},
    support::{Admin, Ended, Folder, PASSWORD, PROXY_KEY, Running, contents, until},
    upstream::{Manner, start},
};

const KEYS: usize = 1000;
const OTHER_KEY: (&str, &str) = ("ENCRYPTION_KEY", "another-passphrase-of-the-tests");

/// Runs statements on the shared server; answers what they found.
pub(crate) fn sql(port: &str, statements: &str) -> String {
    try_sql(port, statements).unwrap()
}

/// The same, or what the server had against it.
fn try_sql(port: &str, statements: &str) -> Result<String, String> {
    let mut client = Command::new("mariadb");
    client.args([
        "--no-defaults",
        "--host=127.0.0.1",
        "--user=root",
        "--skip-column-names",
        "--batch",
        "--default-character-set=utf8mb4",
    ]);
    let output = client.args([&format!("--port={port}"), "--execute", statements]).output().unwrap();
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    Ok(String::from_utf8(output.stdout).unwrap().trim().to_owned())
}

/// A folder with a SQLite database of two services and many keys, which have served.
fn filled(secrets: &[(&str, &str)]) -> Folder {
    let folder = Folder::new();
    let server = folder.serve(secrets);
    let admin = server.sign_in(PASSWORD).unwrap();
    let upstream = format!("http://{}", start(Manner::Friendly));
    let id = admin.add_service("echo", &upstream, "sk-test-0");
    let keys: Vec<String> = (1..KEYS).map(|n| format!("sk-test-{n}")).collect();
    let (status, added) =
        admin.call("POST", &format!("/proxy-configs/{id}/keys/batch"), &json!({ "keys": keys }));
    assert_eq!(status, 200, "{added}");
    admin.add_service("off", &upstream, "sk-test-0");
    assert_eq!(admin.call("PATCH", "/keys/7", &json!({ "is_active": false, "note": "Bob's" })).0, 200);
    assert_eq!(use_it(&server), (200, "hi".into()));
    until(|| admin.call("GET", "/requests", &Value::Null).1["items"][0]["status"] == json!(200));
    server.stop();
    folder
}

fn use_it(server: &Running) -> (u16, String) {
    server.call("GET", "/proxy/echo/any", &[("x-proxy-key", PROXY_KEY)], "")
}

/// What a server tells of its services and of one of its keys' text.
fn told(server: &Running) -> Value {
    let admin: Admin = server.sign_in(PASSWORD).unwrap();
    let (_, revealed) = admin.call("POST", "/keys/1000/reveal", &json!({ "password": PASSWORD }));
    let (_, mut services) = admin.call("GET", "/proxy-configs", &Value::Null);
    let (_, key) = admin.call("GET", "/proxy-configs/1/keys?limit=10", &Value::Null);
    let (_, requests) = admin.call("GET", "/requests", &Value::Null);
    for service in services["items"].as_array_mut().unwrap() {
        service.as_object_mut().unwrap().remove("stats");
    }
    json!([
        revealed["key_value"],
        services["items"],
        key["items"][6]["note"],
        requests["items"][0]["request_id"]
    ])
}

fn migrate(folder: &Folder, from: &str, to: &str, more: &[&str], variables: &[(&str, &str)]) -> Ended {
    folder.run(&[&["migrate", "--from", from, "--to", to], more].concat(), variables)
}

#[test]
fn everything_moves_from_sqlite_to_mysql_and_back() {
    let port = shared_port();
    let folder = filled(&[&SECRETS[..], &[OTHER_KEY]].concat());
    let before = contents(&folder.path("data"));
    let mysql = at(&port, "moved");
    let url = format!("mysql://root@tcp(127.0.0.1:{port})/moved?parseTime=True");
    folder.write("key", OTHER_KEY.1);
    let with_key = ["--from-encryption-key-file", "key"];
    let sqlite = "sqlite:data/api_key_rotator.db";

    // The source's key is not the one that the settings for MySQL have.
    let blind = migrate(&folder, sqlite, &url, &[], &mysql);
    assert!(blind.is_refusal_about("--from-encryption-key-file"), "{blind:?}");

    let tried = migrate(&folder, sqlite, &url, &[&with_key[..], &["--dry-run"]].concat(), &mysql);
    assert_eq!(tried.code, Some(0), "{tried:?}");
    assert!(
        tried.out.contains("keys                  1001") && tried.out.contains("Nothing was written"),
        "{tried:?}"
    );
    assert_eq!(sql(&port, "SHOW DATABASES LIKE 'moved'"), "");
    assert!(contents(&folder.path("data")) == before, "a file has changed");

    let moved = migrate(&folder, sqlite, &url, &with_key, &mysql);
    assert_eq!(moved.code, Some(0), "{moved:?}");
    assert!(moved.err.contains("keys 1001 of 1001"), "{moved:?}");
    assert!(moved.out.contains("Every service and every key was compared"), "{moved:?}");
    assert_eq!(sql(&port, "SELECT count(*), count(DISTINCT id) FROM moved.api_keys"), "1001\t1001");
    for shown in [&moved.out, &moved.err, &tried.out, &tried.err] {
        assert!(!shown.contains("sk-test") && !shown.contains(OTHER_KEY.1), "{shown}");
    }

    let server = folder.serve(&[&SECRETS[..], &[OTHER_KEY]].concat());
    let expected = told(&server);
    server.stop();
    let server = folder.serve(&mysql);
    assert_eq!(told(&server), expected);
    assert_eq!(expected[0], json!("sk-test-999"));
    assert_eq!(use_it(&server), (200, "hi".into()));
    server.stop();

    let again = migrate(&folder, sqlite, &url, &with_key, &mysql);
    assert!(again.is_refusal_about("name an empty database"), "{again:?}");

    // Back, by the settings alone, into a folder that is not there yet; its key is made.
    let mysql: Vec<_> = mysql.into_iter().filter(|(name, _)| *name != "ENCRYPTION_KEY").collect();
    let keys = [&mysql[..], &[("ENCRYPTION_KEY_PREVIOUS", ENCRYPTION_KEY)]].concat();
    let back = migrate(&folder, "mysql", "sqlite:back/rotator.db", &["--skip-request-log"], &keys);
    assert_eq!(back.code, Some(0), "{back:?}");
    assert!(back.out.contains("(left behind)"), "{back:?}");
    let server = folder.serve(&[&SECRETS[..], &[("DATABASE_PATH", "back/rotator.db")]].concat());
    assert_eq!(told(&server)[0], expected[0]);
    assert_eq!(told(&server)[1], expected[1]);
    assert_eq!(use_it(&server), (200, "hi".into()));
}

#[test]
fn a_migration_that_was_killed_is_completed_by_the_next() {
    let port = shared_port();
    let mysql = at(&port, "killed");
    let folder =
        filled(&mysql[..SECRETS.len()].iter().chain(&mysql[mysql.len() - 1..]).copied().collect::<Vec<_>>());
    let arguments = ["migrate", "--from", "sqlite", "--to", "mysql"];
    // The tables, in which nothing is yet.
    folder.serve(&mysql).stop();
    let trap = "CREATE TRIGGER killed.trap BEFORE INSERT ON killed.api_keys FOR EACH ROW
                SET NEW.note = IF(NEW.id = 700, SLEEP(1000), NEW.note)";
    sql(&port, trap);

    let mut child =
        folder.command(&arguments, &mysql).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().starts_with("keys 500 ")));
    child.kill().unwrap();
    child.wait().unwrap();
    until(|| {
        // Its columns are the id, the user, where from, and the database.
        let all = sql(&port, "SHOW PROCESSLIST");
        let rows = all.lines().map(|row| row.split('\t').collect::<Vec<_>>());
        let busy: Vec<_> = rows.filter(|columns| columns[3] == "killed").collect();
        // One that has ended meanwhile cannot be killed.
        for columns in &busy {
            let _ = try_sql(&port, &format!("KILL {}", columns[0]));
        }
        busy.is_empty()
    });
    sql(&port, "DROP TRIGGER killed.trap");
    assert_eq!(sql(&port, "SELECT count(*) FROM killed.api_keys"), "500");

    let refused = folder.run(&[], &mysql);
    assert!(refused.is_refusal_about("migrate"), "{refused:?}");
    let onwards = migrate(&folder, "mysql", "sqlite:onwards.db", &[], &mysql);
    assert!(onwards.is_refusal_about("only a part"), "{onwards:?}");
    let completed = folder.run(&arguments, &mysql);
    assert_eq!(completed.code, Some(0), "{completed:?}");
    assert!(completed.out.contains("(500 there already)"), "{completed:?}");
    let counted = "SELECT count(*), count(DISTINCT id) FROM killed.api_keys";
    assert_eq!(sql(&port, counted), "1001\t1001");
    assert_eq!(sql(&port, "SELECT count(*) FROM killed.audit_log WHERE action = 'database.migrate'"), "1");
    let server = folder.serve(&mysql);
    assert_eq!(use_it(&server), (200, "hi".into()));
}

#[test]
fn what_cannot_be_copied_is_told_before_anything_is() {
    let port = shared_port();
    let mysql = at(&port, "refused");
    let folder = Folder::new();
    for (from, to, about) in [
        ("postgres://localhost/db", "mysql", "--from"),
        ("sqlite", "oracle", "--to"),
        ("sqlite:data/none.db", "mysql", "there is no database"),
        ("sqlite", "mysql://canary", "DATABASE_URL"),
        ("mysql", "mysql", "there is no database"),
    ] {
        let ended = migrate(&folder, from, to, &[], &mysql);
        assert!(ended.is_refusal_about(about), "{from} {to}: {ended:?}");
        assert!(!ended.err.contains("canary"), "{ended:?}");
    }
    assert_eq!(sql(&port, "SHOW DATABASES LIKE 'refused'"), "");
}
