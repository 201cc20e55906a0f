use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
};

use crate::support::{Folder, PASSWORD};

/// The value of a variable in the file of generated secrets.
fn kept(folder: &Folder, name: &str) -> String {
    let text = folder.secrets();
    text.lines().find_map(|line| line.strip_prefix(&format!("{name}="))).unwrap().to_owned()
}

fn mode(folder: &Folder, name: &str) -> u32 {
    fs::metadata(folder.path(name)).unwrap().permissions().mode() & 0o777
}

#[test]
fn without_any_setting_the_server_makes_its_secrets_and_tells_them_once() {
    let folder = Folder::new();
    let server = folder.serve(&[]);
    let (password, proxy_key) = (kept(&folder, "ADMIN_PASSWORD"), kept(&folder, "GLOBAL_PROXY_KEYS"));

    assert!(server.sign_in(&password).is_some());
    assert_eq!(mode(&folder, "data/secrets.env"), 0o600);
    assert_eq!(mode(&folder, "data"), 0o700);
    let log = server.log();
    for secret in ["ADMIN_PASSWORD", "JWT_SECRET", "GLOBAL_PROXY_KEYS", "ENCRYPTION_KEY"] {
        assert!(!log.contains(&kept(&folder, secret)), "{secret} is in the log");
    }
    let banner = server.stop();
    assert!(banner.contains(&password) && banner.contains(&proxy_key), "{banner}");
    assert!(
        !banner.contains(&kept(&folder, "JWT_SECRET")) && !banner.contains(&kept(&folder, "ENCRYPTION_KEY"))
    );

    let again = folder.serve(&[]);
    assert!(again.sign_in(&password).is_some());
    let banner = again.stop();
    assert!(!banner.contains(&password) && !banner.contains(&proxy_key), "{banner}");
}

#[test]
fn the_log_names_the_database_and_the_cache() {
    let folder = Folder::new();
    let server = folder.serve(&[]);

    assert!(server.log().contains("Database Type: sqlite"), "{}", server.log());
    assert!(server.log().contains("Cache Type: memory"), "{}", server.log());
}

#[test]
fn what_is_set_is_not_made_and_not_kept() {
    let folder = Folder::new();
    let server = folder.serve(&[("ADMIN_PASSWORD", PASSWORD)]);

    assert!(server.sign_in(PASSWORD).is_some());
    let banner = server.stop();
    assert!(banner.contains("Proxy key:") && !banner.contains("Password:"), "{banner}");
    assert!(!folder.secrets().contains("ADMIN_PASSWORD"));
}

#[test]
fn with_every_secret_set_only_the_folder_is_made() {
    let folder = Folder::new();
    let server = folder.serve(&[
        ("ADMIN_PASSWORD", PASSWORD),
        ("JWT_SECRET", "0123456789-0123456789-0123456789"),
        ("GLOBAL_PROXY_KEYS", "pk-0123456789abcdef"),
        ("ENCRYPTION_KEY", "a passphrase of the tests"),
        ("DATABASE_PATH", "deep/down/rotator.db"),
    ]);

    assert!(server.sign_in(PASSWORD).is_some());
    assert!(!folder.path("deep/down/secrets.env").exists());
}

#[test]
fn a_folder_that_cannot_be_made_is_told_with_the_variable_to_change() {
    let folder = Folder::new();
    folder.write("file", "");
    let ended = folder.run(&[], &[("DATABASE_PATH", "file/rotator.db")]);

    assert!(ended.is_refusal_about("DATABASE_PATH"), "{ended:?}");
}

#[test]
fn what_is_missing_is_added_to_what_is_kept() {
    let folder = Folder::new();
    folder.serve(&[("ADMIN_PASSWORD", PASSWORD)]).stop();
    let before = folder.secrets();
    let server = folder.serve(&[]);

    let after = folder.secrets();
    assert!(after.starts_with(&before), "{after}");
    assert!(server.sign_in(&kept(&folder, "ADMIN_PASSWORD")).is_some());
}

#[test]
fn a_file_of_secrets_that_others_can_read_is_closed_to_them() {
    let folder = Folder::new();
    folder.serve(&[]).stop();
    fs::set_permissions(folder.path("data/secrets.env"), Permissions::from_mode(0o644)).unwrap();
    let _server = folder.serve(&[]);

    assert_eq!(mode(&folder, "data/secrets.env"), 0o600);
}

#[test]
fn the_process_leaves_no_core_dump() {
    let folder = Folder::new();
    let server = folder.serve(&[]);
    let limits = fs::read_to_string(format!("/proc/{}/limits", server.pid())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();

    assert_eq!(core.split_whitespace().collect::<Vec<_>>()[4..6], ["0", "0"], "{core}");
}
