//! `import`: what other gateways keep, into a database of ours.

use std::{fs, net::SocketAddr};

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::{
    support::{Ended, Folder, PASSWORD, PROXY_KEY, contents},
    upstream::{Manner, start},
};

const KNOWN: [(&str, &str); 2] = [("ADMIN_PASSWORD", PASSWORD), ("GLOBAL_PROXY_KEYS", PROXY_KEY)];
/// `sk-test-sealed`, as gpt-load encrypts it under this key.
const GPT_LOAD_KEY: &str = "a-key-of-gpt-load";
const SEALED: &str = "000102030405060708090a0bf897114c595ef752edaf6e47276001244c3b81f72ce1f2e39a2c14554b8f";

fn import(folder: &Folder, gateway: &str, source: &str, more: &[&str]) -> Ended {
    folder.run(&[&["import", "--from", gateway, source], more].concat(), &KNOWN)
}

/// A database of gpt-load: a group with two keys, and one that spreads requests over others.
fn gpt_load(folder: &Folder, upstream: SocketAddr, keys: [&str; 2]) {
    let database = Connection::open(folder.path("gpt-load.db")).unwrap();
    let [one, other] = keys;
    database
        .execute_batch(&format!(
            "CREATE TABLE groups (id integer PRIMARY KEY, name text, display_name text, group_type text, channel_type text,
                 upstreams json, config json, param_overrides json);
             CREATE TABLE api_keys (id integer PRIMARY KEY, group_id integer, key_value text, key_hash text, status text);
             INSERT INTO groups VALUES
                 (1, 'main', 'Main', 'standard', 'openai', '[{{\"url\": \"http://{upstream}\", \"weight\": 1}}]', '{{}}',
                  '{{\"temperature\": 1}}'),
                 (2, 'all', '', 'aggregate', 'openai', '[]', NULL, NULL);
             INSERT INTO api_keys VALUES (1, 1, '{one}', 'x', 'active'), (2, 1, '{other}', 'y', 'invalid');"
        ))
        .unwrap();
}

#[test]
fn gpt_load_is_tried_first_then_imported_and_then_served() {
    let folder = Folder::new();
    gpt_load(&folder, start(Manner::Friendly), ["sk-test-1", "sk-test-2"]);
    let before = fs::read(folder.path("gpt-load.db")).unwrap();

    let tried = import(&folder, "gpt-load", "gpt-load.db", &["--dry-run"]);
    assert_eq!(tried.code, Some(0), "{tried:?}");
    for told in
        ["main           2        0        1", "parameters", "all is left behind", "Nothing was written"]
    {
        assert!(tried.out.contains(told), "{told}: {}", tried.out);
    }
    assert!(!folder.path("data").exists());

    let done = import(&folder, "gpt-load", "gpt-load.db", &[]);
    assert_eq!(done.code, Some(0), "{done:?}");
    assert!(done.out.contains("Added 1 services and 2 keys"), "{}", done.out);
    assert!(!done.out.contains("sk-test") && !tried.out.contains("sk-test"));
    assert!(fs::read(folder.path("gpt-load.db")).unwrap() == before);

    let again = import(&folder, "gpt-load", "gpt-load.db", &[]);
    assert!(again.out.contains("Added 0 services and 0 keys"), "{}", again.out);
    assert!(again.out.contains("2 keys that were there already"), "{}", again.out);

    let server = folder.serve(&KNOWN);
    let bearer = format!("Bearer {PROXY_KEY}");
    let asked = server.call("POST", "/llm/main/v1/chat/completions", &[("authorization", &bearer)], "{}");
    assert_eq!(asked, (200, "hi".into()));
}

#[test]
fn a_dump_and_an_export_of_gpt_load_are_read_too() {
    let folder = Folder::new();
    folder.write(
        "dump.sql",
        "-- PostgreSQL database dump\n\nCOPY public.groups (id, name, channel_type, upstreams) FROM stdin;\n\
         1\tmain\topenai\t[{\"url\": \"https://api.example.com\", \"weight\": 1}]\n\\.\n\n\
         COPY public.api_keys (id, group_id, key_value, status) FROM stdin;\n1\t1\tsk-test-1\tactive\n\\.\n",
    );
    let export = json!({
        "group": { "name": "main", "channel_type": "openai", "upstreams": [{ "url": "https://api.example.com" }] },
        "keys": [{ "key_value": "sk-test-1" }, { "key_value": "sk-test-2" }],
    });
    folder.write("export.json", &export.to_string());

    let dump = import(&folder, "gpt-load", "dump.sql", &[]);
    assert!(dump.out.contains("Added 1 services and 1 keys"), "{dump:?}");
    // The same group: only its other key is new.
    let export = import(&folder, "gpt-load", "export.json", &[]);
    assert!(export.out.contains("Added 0 services and 1 keys"), "{export:?}");
}

#[test]
fn encrypted_keys_of_gpt_load_need_its_key() {
    let folder = Folder::new();
    gpt_load(&folder, start(Manner::Friendly), [SEALED, SEALED]);
    folder.write("key", &format!("{GPT_LOAD_KEY}\n"));

    let blind = import(&folder, "gpt-load", "gpt-load.db", &[]);
    assert!(blind.is_refusal_about("--from-encryption-key-file"), "{blind:?}");
    folder.write("wrong", "another key");
    let wrong = import(&folder, "gpt-load", "gpt-load.db", &["--from-encryption-key-file", "wrong"]);
    assert!(wrong.is_refusal_about("do not open"), "{wrong:?}");
    assert!(!folder.path("data").exists());

    let done = import(&folder, "gpt-load", "gpt-load.db", &["--from-encryption-key-file", "key"]);
    assert!(done.out.contains("Added 1 services and 1 keys"), "{done:?}");
    let server = folder.serve(&KNOWN);
    let (_, revealed) =
        server.sign_in(PASSWORD).unwrap().call("POST", "/keys/1/reveal", &json!({ "password": PASSWORD }));
    assert_eq!(revealed["key_value"], "sk-test-sealed");
}

#[test]
fn an_import_beside_a_running_server_does_no_harm_and_is_served_after_a_restart() {
    let folder = Folder::new();
    let server = folder.serve(&KNOWN);
    server.sign_in(PASSWORD).unwrap().add_service("weather", "http://127.0.0.1:9", "sk-test-0");
    folder.write(
        "config.yaml",
        "model_list:\n  - model_name: gpt\n    litellm_params: { model: openai/gpt, api_key: os.environ/A_KEY }\n",
    );

    let missing = import(&folder, "litellm", "config.yaml", &[]);
    assert!(missing.out.contains("A_KEY, which is not set"), "{missing:?}");
    let variables = [&KNOWN[..], &[("A_KEY", "sk-test-1")]].concat();
    let done = folder.run(&["import", "--from", "litellm", "config.yaml"], &variables);
    assert!(done.out.contains("Added 1 services and 1 keys"), "{done:?}");
    assert!(done.out.contains("within five seconds"), "{done:?}");
    server.sign_in(PASSWORD).unwrap().add_service("more", "http://127.0.0.1:9", "sk-test-2");
    server.stop();

    let server = folder.serve(&KNOWN);
    let (_, services) = server.sign_in(PASSWORD).unwrap().call("GET", "/proxy-configs", &Value::Null);
    assert_eq!(services["total"], 3, "{services}");
}

#[test]
fn channels_whose_names_or_addresses_are_taken_get_slugs_of_their_own() {
    let folder = Folder::new();
    let database = Connection::open(folder.path("one-api.db")).unwrap();
    database
        .execute_batch(
            "CREATE TABLE channels (id integer PRIMARY KEY, type integer, key text, status integer, name text, base_url text);
             INSERT INTO channels VALUES (1, 1, 'sk-test-1' || char(10) || 'sk-test-2', 1, 'OpenAI', ''),
                 (2, 1, 'sk-test-3', 2, 'OpenAI', ''), (3, 3, 'sk-test-4', 1, 'Azure', 'https://a.example.com');",
        )
        .unwrap();
    folder.serve_known().sign_in(PASSWORD).unwrap().add_service("openai", "http://127.0.0.1:9", "sk-test-0");

    for (added, there) in
        [("Added 2 services and 3 keys", "0 keys"), ("Added 0 services and 0 keys", "3 keys")]
    {
        let done = import(&folder, "one-api", "one-api.db", &[]);
        assert!(done.out.contains(added) && done.out.contains(there), "{}", done.out);
        assert!(done.out.contains("openai-2 ") && done.out.contains("openai-3 "), "{}", done.out);
        assert!(done.out.contains("Azure is left behind"), "{}", done.out);
    }
    let server = folder.serve_known();
    let (_, services) = server.sign_in(PASSWORD).unwrap().call("GET", "/proxy-configs", &Value::Null);
    assert_eq!(services["items"][0]["is_active"], false, "a disabled channel stays disabled: {services}");
}

#[test]
fn a_source_that_cannot_be_read_is_refused_and_changes_nothing() {
    let folder = Folder::new();
    folder.serve_known().stop();
    let before = contents(&folder.path("data"));
    folder.write("text", "sk-canary");
    folder.write("dump.sql", "-- PostgreSQL database dump\nCOPY public.groups (id) FROM stdin;\n1\n");
    Connection::open(folder.path("empty.db")).unwrap().execute_batch("CREATE TABLE t (a)").unwrap();
    for (gateway, source, about) in [
        ("gpt-load", "nowhere.db", "nowhere.db cannot be read"),
        ("gpt-load", "text", "is not JSON"),
        ("gpt-load", "dump.sql", "ends in the middle of the table groups"),
        ("gpt-load", "empty.db", "no tables groups and api_keys"),
        ("new-api", "empty.db", "no table channels"),
        ("one-api", "text", "is not a SQLite file"),
        ("litellm", "text", "no model_list"),
        ("one-api", "mysql://canary", "DATABASE_URL"),
    ] {
        let ended = import(&folder, gateway, source, &[]);
        assert!(ended.is_refusal_about(about), "{gateway} {source}: {ended:?}");
        assert!(!ended.err.contains("canary"), "{ended:?}");
    }
    assert!(contents(&folder.path("data")) == before, "a file has changed");
}
