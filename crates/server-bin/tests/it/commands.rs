use std::{io::Write as _, process::Stdio};

use serde_json::Value;

use crate::support::{Folder, PASSWORD};

#[test]
fn a_wrong_command_line_is_told_and_ends_with_2() {
    for wrong in [&["serv"][..], &["--password", "x"], &["backup"]] {
        let ended = Folder::new().run(wrong, &[]);
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.err.contains("Usage:"), "{}", ended.err);
    }
}

#[test]
fn the_version_names_the_build() {
    let ended = Folder::new().run(&["--version"], &[]);

    assert_eq!(ended.code, Some(0));
    assert!(ended.out.starts_with("api-key-rotator "), "{}", ended.out);
    assert!(ended.out.contains("(lightweight)") || ended.out.contains("(enterprise)"), "{}", ended.out);
}

#[test]
fn a_hashed_password_signs_in() {
    let folder = Folder::new();
    let mut child =
        folder.command(&["hash-password"], &[]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    writeln!(child.stdin.take().unwrap(), "{PASSWORD}").unwrap();
    let output = child.wait_with_output().unwrap();
    let hash = String::from_utf8(output.stdout).unwrap();
    folder.write(".env", &format!("ADMIN_PASSWORD='{}'\n", hash.trim()));
    let server = folder.serve(&[]);

    assert!(hash.starts_with("$argon2id$"), "{hash}");
    assert!(server.sign_in(PASSWORD).is_some());
    assert!(server.sign_in(hash.trim()).is_none());
}

#[test]
fn what_is_left_of_a_hash_without_its_dollars_is_no_password() {
    for left in ["=19=19456,t=2,p=1", "$argon2id=19=19456,t=2,p=1", "$argon2id$v=19$m=19456,t=2,p=1"] {
        let ended = Folder::new().run(&["check-config"], &[("ADMIN_PASSWORD", left)]);

        assert!(ended.is_refusal_about("ADMIN_PASSWORD"), "{left}: {ended:?}");
        assert!(ended.err.contains("single quotes"), "{}", ended.err);
    }
}

#[test]
fn shells_learn_every_command_and_the_manual_page_names_them() {
    let commands = ["healthcheck", "check-config", "hash-password", "rekey", "backup", "migrate", "import"];
    for arguments in
        [&["completions", "bash"][..], &["completions", "zsh"], &["completions", "fish"], &["man"]]
    {
        let ended = Folder::new().run(arguments, &[]);

        assert_eq!(ended.code, Some(0), "{ended:?}");
        let text = ended.out.replace('\\', "");
        for command in commands {
            assert!(text.contains(command), "{arguments:?} knows no {command}");
        }
    }
}

#[test]
fn the_openapi_document_is_json() {
    let ended = Folder::new().run(&["openapi"], &[]);

    let document: Value = serde_json::from_str(&ended.out).unwrap();
    assert!(document["paths"]["/api/admin/login"].is_object());
}

#[test]
fn a_healthcheck_passes_exactly_while_the_server_is_well() {
    let folder = Folder::new();
    let server = folder.serve(&[]);
    let port = server.port();
    let check = |arguments: &[&str]| folder.run(arguments, &[("BACKEND_PORT", &port)]);

    assert_eq!(check(&["healthcheck"]).code, Some(0));
    assert_eq!(check(&["healthcheck", "--live"]).code, Some(0));
    server.stop();
    let ended = check(&["healthcheck"]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.err.contains("no server answers"), "{}", ended.err);
}
