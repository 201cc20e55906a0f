//! A disk that is full, by way of a limit on the size of files: it can be put on a running process, and taken off.

use std::process::{Command, Stdio};

use rustix::process::{Pid, Resource, Rlimit, prlimit};
use serde_json::{Value, json};

use crate::{
    support::{Folder, PASSWORD, PROXY_KEY, Running, service, until},
    upstream::{Manner, start},
};

/// Starts the server so that a write beyond the limit fails, rather than ends the process as the system would have it.
fn serve(folder: &Folder) -> Running {
    let server = folder.command(&[], &[("ADMIN_PASSWORD", PASSWORD), ("GLOBAL_PROXY_KEYS", PROXY_KEY)]);
    let mut command = Command::new("/bin/sh");
    command.args(["-c", r#"trap "" XFSZ; exec "$0""#]).arg(server.get_program());
    command.env_clear().envs(server.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.current_dir(server.get_current_dir().unwrap()).stdin(Stdio::null());
    Running::start(command)
}

fn limit_files(server: &Running, bytes: Option<u64>) {
    let pid = Pid::from_raw(i32::try_from(server.pid()).unwrap()).unwrap();
    prlimit(Some(pid), Resource::Fsize, Rlimit { current: bytes, maximum: None }).unwrap();
}

fn ask(server: &Running) -> u16 {
    server.call("GET", "/proxy/svc/x", &[("x-proxy-key", PROXY_KEY)], "").0
}

#[test]
fn a_full_disk_stops_changes_but_no_request_and_heals_without_a_restart() {
    let (folder, upstream) = (Folder::new(), start(Manner::Friendly));
    let server = serve(&folder);
    let admin = server.sign_in(PASSWORD).unwrap();
    admin.add_service("svc", &format!("http://{upstream}"), "sk-1");
    assert_eq!(ask(&server), 200);

    limit_files(&server, Some(0));
    let (status, refusal) = admin.call("POST", "/proxy-configs", &service("late", "http://127.0.0.1:9"));
    assert_eq!((status, &refusal["code"]), (507, &json!("storage_full")), "{refusal}");
    assert!((0..50).all(|_| ask(&server) == 200), "{}", server.log());
    until(|| server.log().contains("request records dropped"));
    assert_eq!(admin.call("GET", "/proxy-configs", &Value::Null).1["total"], json!(1));

    limit_files(&server, None);
    let (status, config) = admin.call("POST", "/proxy-configs", &service("late", "http://127.0.0.1:9"));
    assert_eq!(status, 201, "{config}");
    assert_eq!(admin.call("GET", "/proxy-configs", &Value::Null).1["total"], json!(2));
    assert_eq!(server.stop(), "");
}
