//! WebSocket handshakes of both sides, without the frames that follow.

use tokio::{
    io::{AsyncWriteExt, copy},
    net::TcpStream,
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
};

use super::{
    Gateway, PROXY_KEY,
    upstream::{RawUpstream, read_head},
};

/// An upstream's consent.
pub const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                      Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nX-Conn: 1\r\n\r\n";

/// A client's wish.
pub fn handshake(path: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {PROXY_KEY}\r\nConnection: keep-alive, Upgrade\r\n\
         Upgrade: WebSocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Protocol: realtime\r\n\r\n"
    )
}

/// Both kinds of service before one upstream.
pub fn services(url: &str, keys: &[&str]) -> Gateway {
    Gateway::new().generic("svc", &format!("{url}/base"), keys).llm("ai", "openai_compatible", url, keys)
}

/// Switches and hands the connection on; the heads of the requests come out of the channel.
pub async fn switching<F>(then: fn(TcpStream) -> F) -> (RawUpstream, UnboundedReceiver<String>)
where
    F: Future<Output = ()> + Send + 'static,
{
    let (seen, heads) = unbounded_channel();
    let upstream = RawUpstream::serve(move |mut socket| {
        let seen = seen.clone();
        async move {
            seen.send(String::from_utf8(read_head(&mut socket).await).unwrap()).unwrap();
            socket.write_all(SWITCH.as_bytes()).await.unwrap();
            then(socket).await;
        }
    })
    .await;
    (upstream, heads)
}

/// Sends back all that comes.
pub async fn echo(mut socket: TcpStream) {
    let (mut reading, mut writing) = socket.split();
    let _ = copy(&mut reading, &mut writing).await;
    let _ = writing.shutdown().await;
}
