use std::{os::unix::net::UnixDatagram, time::Duration};

use crate::support::Folder;

/// The next message of several lines, or nothing for half a minute.
fn heard(socket: &UnixDatagram) -> String {
    let mut text = [0; 256];
    let length = socket.recv(&mut text).unwrap();
    String::from_utf8(text[..length].to_vec()).unwrap()
}

#[test]
fn systemd_is_told_of_the_start_of_life_and_of_the_end() {
    let folder = Folder::new();
    let path = folder.path("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    // A sign every 50 ms: the server is asked by way of its own listener, whose port it finds out by itself.
    let server = folder.serve(&[("NOTIFY_SOCKET", path.to_str().unwrap()), ("WATCHDOG_USEC", "200000")]);

    assert!(heard(&socket).starts_with("READY=1\n"));
    assert_eq!(heard(&socket), "WATCHDOG=1\n");
    assert_eq!(heard(&socket), "WATCHDOG=1\n");
    server.terminate();
    let end = std::iter::repeat_with(|| heard(&socket)).find(|text| text != "WATCHDOG=1\n");
    assert!(end.unwrap().starts_with("STOPPING=1\n"));
    server.stop();
}

#[test]
fn a_socket_that_cannot_be_one_stops_the_start() {
    let ended = Folder::new().run(&[], &[("NOTIFY_SOCKET", &"x".repeat(200))]);

    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.err.contains("NOTIFY_SOCKET"), "{}", ended.err);
}
