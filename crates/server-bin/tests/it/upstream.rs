//! An API of one's own.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
};

/// How an upstream answers.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Manner {
    /// With 200 and two letters.
    Friendly,
    /// With 401, and with everything that it was sent.
    Indiscreet,
    /// Not at all.
    Silent,
    /// With what it used of an LLM: a million tokens.
    Chatty,
    /// By hanging up.
    Rude,
}

/// Starts one; it ends with the test process.
pub(crate) fn start(manner: Manner) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || serve(stream, manner));
        }
    });
    address
}

fn serve(mut stream: TcpStream, manner: Manner) {
    let mut request = [0; 8192];
    while let Ok(n @ 1..) = stream.read(&mut request) {
        let answer = match manner {
            Manner::Friendly => "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi".to_owned(),
            Manner::Indiscreet => {
                let told = String::from_utf8_lossy(&request[..n]);
                format!("HTTP/1.1 401 Unauthorized\r\ncontent-length: {}\r\n\r\n{told}", told.len())
            }
            Manner::Chatty => {
                let used = r#"{"usage":{"prompt_tokens":1000000,"completion_tokens":0}}"#;
                let length = used.len();
                format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{used}"
                )
            }
            Manner::Silent => continue,
            Manner::Rude => return,
        };
        if stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}
