//! One client connection: a request out, its answer in, checked.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{
    fixture::{Endpoint, Route},
    wire::{Body, Head},
};

/// A keep-alive connection to one endpoint.
pub(super) struct Connection {
    socket: TcpStream,
    buffer: Vec<u8>,
    request: Vec<u8>,
    body_len: Option<usize>,
}

/// When an answer came, counted from the request.
pub(super) struct Timing {
    pub(super) first_byte: Duration,
    pub(super) total: Duration,
}

/// An answer that has begun.
struct Begun {
    body: Body,
    received: usize,
}

impl Connection {
    pub(super) async fn open(endpoint: Endpoint, route: Route) -> Result<Self> {
        let socket = TcpStream::connect(endpoint.address()).await?;
        socket.set_nodelay(true)?;
        Ok(Self {
            socket,
            buffer: vec![0; 4096],
            request: endpoint.request(route),
            body_len: endpoint.body_len(route),
        })
    }

    /// Sends the request and reads the answer to its end.
    pub(super) async fn exchange(&mut self) -> Result<Timing> {
        let start = Instant::now();
        let Begun { mut body, mut received } = self.begin().await?;
        let first_byte = start.elapsed();
        while !body.is_done() {
            let read = self.read(0).await?;
            received += body.feed(&self.buffer[..read])?;
        }
        let total = start.elapsed();
        let expected = self.body_len.unwrap_or(received);
        ensure!(received == expected, "{received} bytes of body instead of {expected}");
        Ok(Timing { first_byte, total })
    }

    /// Sends the request and reads the answer to the first byte of its body.
    pub(super) async fn first_byte(&mut self) -> Result<()> {
        self.begin().await.map(drop)
    }

    async fn begin(&mut self) -> Result<Begun> {
        self.socket.write_all(&self.request).await?;
        let mut filled = 0;
        let mut begun: Option<Begun> = None;
        loop {
            filled += self.read(filled).await?;
            let (mut answer, body_start) = match begun.take() {
                Some(answer) => (answer, 0),
                None => match Head::parse(&self.buffer[..filled])? {
                    Some(head) => {
                        ensure!(head.second_word() == "200", "an answer {}", head.second_word());
                        (Begun { body: head.body()?, received: 0 }, head.len())
                    }
                    None => continue,
                },
            };
            answer.received += answer.body.feed(&self.buffer[body_start..filled])?;
            if answer.received > 0 || answer.body.is_done() {
                return Ok(answer);
            }
            begun = Some(answer);
            filled = 0;
        }
    }

    async fn read(&mut self, from: usize) -> Result<usize> {
        let read = self.socket.read(&mut self.buffer[from..]).await?;
        ensure!(read > 0, "a connection that ended, or a head too long, in the middle of an answer");
        Ok(read)
    }
}
