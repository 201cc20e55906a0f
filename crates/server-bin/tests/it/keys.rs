use std::fs;

use serde_json::{Value, json};

use crate::support::{Folder, PASSWORD, Running, contents};

const KEY: &str = "sk-canary-of-the-keys-tests";
const OLD: &str = "a passphrase from last year";
const NEW: &str = "a passphrase from this year";

/// The text of the first key, which only the right encryption key makes readable.
fn revealed(server: &Running) -> Value {
    let (_, answer) =
        server.sign_in(PASSWORD).unwrap().call("POST", "/keys/1/reveal", &json!({ "password": PASSWORD }));
    answer["key_value"].clone()
}

fn folder_with_a_key(variables: &[(&str, &str)]) -> Folder {
    let folder = Folder::new();
    let variables = [variables, &[("ADMIN_PASSWORD", PASSWORD)]].concat();
    let server = folder.serve(&variables);
    server.sign_in(PASSWORD).unwrap().add_service("weather", "http://127.0.0.1:9", KEY);
    server.stop();
    folder
}

#[test]
fn a_wrong_encryption_key_is_refused_and_changes_nothing() {
    let folder = folder_with_a_key(&[("ENCRYPTION_KEY", OLD)]);
    let before = contents(&folder.path("data"));
    let ended = folder.run(&[], &[("ENCRYPTION_KEY", NEW), ("ADMIN_PASSWORD", PASSWORD)]);

    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.err.contains("ENCRYPTION_KEY"), "{}", ended.err);
    assert!(contents(&folder.path("data")) == before, "a file has changed");
}

#[test]
fn rekey_moves_from_the_previous_key_to_the_one_that_is_set() {
    let folder = folder_with_a_key(&[("ENCRYPTION_KEY", OLD)]);
    let new = [("ENCRYPTION_KEY", NEW), ("ADMIN_PASSWORD", PASSWORD)];
    let rekeyed = folder.run(&["rekey"], &[&new[..], &[("ENCRYPTION_KEY_PREVIOUS", OLD)]].concat());

    assert_eq!(rekeyed.code, Some(0), "{rekeyed:?}");
    assert_eq!(revealed(&folder.serve(&new)), KEY);
    assert_eq!(folder.run(&[], &[("ENCRYPTION_KEY", OLD)]).code, Some(2));
}

#[test]
fn rekey_replaces_a_generated_key_by_another() {
    let folder = folder_with_a_key(&[]);
    let before = folder.secrets();
    let rekeyed = folder.run(&["rekey"], &[]);

    assert_eq!(rekeyed.code, Some(0), "{rekeyed:?}");
    assert_ne!(folder.secrets(), before);
    assert!(!folder.secrets().contains("PREVIOUS"));
    assert_eq!(revealed(&folder.serve(&[("ADMIN_PASSWORD", PASSWORD)])), KEY);
}

#[test]
fn rekey_says_what_it_needs() {
    let folder = folder_with_a_key(&[("ENCRYPTION_KEY", OLD)]);
    let ended = folder.run(&["rekey"], &[("ENCRYPTION_KEY", OLD)]);
    assert!(ended.is_refusal_about("ENCRYPTION_KEY_PREVIOUS"), "{ended:?}");

    let ended = Folder::new().run(&["rekey"], &[]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.err.contains("DATABASE_PATH"), "{}", ended.err);
}

#[test]
fn a_backup_of_a_running_server_opens_with_the_same_key_and_shows_none() {
    let folder = folder_with_a_key(&[("ENCRYPTION_KEY", OLD)]);
    let variables = [("ENCRYPTION_KEY", OLD), ("ADMIN_PASSWORD", PASSWORD)];
    let server = folder.serve(&variables);
    let backup = folder.run(&["backup", "copy.db"], &variables);
    let again = folder.run(&["backup", "copy.db"], &variables);
    server.stop();

    assert_eq!(backup.code, Some(0), "{backup:?}");
    assert_ne!(again.code, Some(0), "a backup must not be overwritten");
    let copy = fs::read(folder.path("copy.db")).unwrap();
    assert!(!copy.windows(KEY.len()).any(|bytes| bytes == KEY.as_bytes()));
    let restored = folder.serve(&[&variables[..], &[("DATABASE_PATH", "copy.db")]].concat());
    assert_eq!(revealed(&restored), KEY);
}
