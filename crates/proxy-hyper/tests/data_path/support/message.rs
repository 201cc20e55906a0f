//! HTTP/1.1 messages as bytes, both ways: RFC 9112.

use bytes::Bytes;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt};

/// A message as it came, but for the framing of its body.
#[derive(Debug, Clone, Default)]
pub struct Message {
    pub start_line: String,
    /// Names in lower case, values byte by byte, in the order they came in.
    pub headers: Vec<(String, Bytes)>,
    pub body: Vec<u8>,
}

/// What a message is, which tells how long its body is where its headers do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Request,
    Answer,
    /// To `HEAD`, a 204 or a 304.
    BodylessAnswer,
}

impl Message {
    /// Reads one message; `None` when the other side has closed.
    pub async fn read(socket: &mut (impl AsyncBufRead + Unpin), role: Role) -> Option<Self> {
        let mut message = Self::default();
        let line = read_line(socket).await?;
        message.start_line = String::from_utf8(line).unwrap();
        loop {
            let line = read_line(socket).await?;
            if line.is_empty() {
                break;
            }
            let colon = line.iter().position(|b| *b == b':').unwrap();
            let name = String::from_utf8(line[..colon].to_ascii_lowercase()).unwrap();
            message.headers.push((name, Bytes::copy_from_slice(line[colon + 1..].trim_ascii())));
        }
        message.body = message.read_body(socket, role).await?;
        Some(message)
    }

    /// Takes out every line of this name.
    pub fn take(&mut self, name: &str) -> Vec<Bytes> {
        self.headers.extract_if(.., |(n, _)| n == name).map(|(_, value)| value).collect()
    }

    /// The values of every name, in their order; that of the names means nothing: RFC 9110 §5.3.
    pub fn sorted_headers(&self) -> Vec<(String, Bytes)> {
        let mut headers = self.headers.clone();
        headers.sort_by(|a, b| a.0.cmp(&b.0));
        headers
    }

    fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| &value[..])
    }

    async fn read_body(&self, socket: &mut (impl AsyncBufRead + Unpin), role: Role) -> Option<Vec<u8>> {
        let mut body = Vec::new();
        if role == Role::BodylessAnswer {
            return Some(body);
        }
        if self.header("transfer-encoding").is_some() {
            loop {
                let size = String::from_utf8(read_line(socket).await?).unwrap();
                let size = u64::from_str_radix(&size, 16).unwrap();
                socket.take(size).read_to_end(&mut body).await.ok()?;
                read_line(socket).await?;
                if size == 0 {
                    break;
                }
            }
        } else if let Some(length) = self.header("content-length") {
            let length = std::str::from_utf8(length).unwrap().parse().unwrap();
            socket.take(length).read_to_end(&mut body).await.ok()?;
        } else if role == Role::Answer {
            socket.read_to_end(&mut body).await.ok()?;
        }
        Some(body)
    }
}

/// A line without its end; `None` when there is none.
async fn read_line(socket: &mut (impl AsyncBufRead + Unpin)) -> Option<Vec<u8>> {
    let mut line = Vec::new();
    socket.read_until(b'\n', &mut line).await.ok()?;
    let line = line.strip_suffix(b"\r\n")?;
    Some(line.to_vec())
}
