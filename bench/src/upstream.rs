//! The mock upstream: one thread per core, each answering what it reads as fast as it can.

use std::{
    io::{self, Read as _, Write as _},
    net,
    num::NonZero,
    sync::Arc,
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    runtime,
    time::{self, MissedTickBehavior},
};

use crate::{
    fixture::{self, CHAT_END, EVENT, PROXY_KEY, Route, UPSTREAM_KEY_PREFIX},
    wire::Head,
};

const STREAM_HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n\
                           X-Accel-Buffering: no\r\nTransfer-Encoding: chunked\r\n\r\n";

/// What is sent, made once.
struct Answers {
    plain: Vec<u8>,
    event: Vec<u8>,
    chat_end: Vec<u8>,
}

/// Serves until standard input ends, so that it never outlives the harness. Prints its address first.
pub(crate) fn run() -> Result<()> {
    let listener = net::TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let answers = Arc::new(Answers::new());
    for _ in 0..thread::available_parallelism().map_or(1, NonZero::get) {
        let (listener, answers) = (listener.try_clone()?, Arc::clone(&answers));
        thread::spawn(move || serve(listener, &answers));
    }
    writeln!(io::stdout(), "{}", listener.local_addr()?)?;
    io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

fn serve(listener: net::TcpListener, answers: &Arc<Answers>) -> Result<()> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let tasks = tokio::task::LocalSet::new();
    tasks.block_on(&runtime, async {
        let listener = TcpListener::from_std(listener)?;
        loop {
            let (socket, _) = listener.accept().await?;
            socket.set_nodelay(true)?;
            let answers = Arc::clone(answers);
            // A connection that breaks is the client's to notice.
            tokio::task::spawn_local(async move { drop(connection(socket, &answers).await) });
        }
    })
}

async fn connection(mut socket: TcpStream, answers: &Answers) -> Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    while let Some(route) = request(&mut socket, &mut buffer).await? {
        match route {
            Route::Plain => socket.write_all(&answers.plain).await?,
            Route::Delayed { ms } => {
                time::sleep(Duration::from_millis(ms)).await;
                socket.write_all(&answers.plain).await?;
            }
            Route::Stream { events, gap_ms } => stream(&mut socket, answers, &[], events, gap_ms).await?,
            Route::Chat { events, gap_ms } => {
                stream(&mut socket, answers, &answers.chat_end, events, gap_ms).await?;
            }
            Route::Idle => {
                socket.write_all(STREAM_HEAD.as_bytes()).await?;
                socket.write_all(&answers.event).await?;
                socket.read_u8().await?;
            }
        }
    }
    Ok(())
}

/// The next request, read whole; `None` when the client is done.
async fn request(socket: &mut TcpStream, buffer: &mut [u8]) -> Result<Option<Route>> {
    let mut filled = 0;
    loop {
        let read = socket.read(&mut buffer[filled..]).await?;
        if read == 0 {
            return Ok(None);
        }
        filled += read;
        let Some(head) = Head::parse(&buffer[..filled])? else { continue };
        let key = head
            .header("x-api-key")
            .or_else(|| head.header("authorization")?.strip_prefix("Bearer "))
            .unwrap_or_default();
        ensure!(key.starts_with(UPSTREAM_KEY_PREFIX), "the proxy did not put an upstream key on the request");
        ensure!(head.header("x-proxy-key") != Some(PROXY_KEY), "the proxy let its own key through");
        let route = Route::from_path(head.second_word()).context("a path that nobody asks for")?;
        let mut body = head.body()?;
        body.feed(&buffer[head.len()..filled])?;
        while !body.is_done() {
            let read = socket.read(buffer).await?;
            ensure!(read > 0, "a request that was cut");
            body.feed(&buffer[..read])?;
        }
        return Ok(Some(route));
    }
}

async fn stream(
    socket: &mut TcpStream,
    answers: &Answers,
    end: &[u8],
    events: usize,
    gap_ms: u64,
) -> Result<()> {
    // A timer must not have a period of nothing; without gaps it is not awaited.
    let mut gap = time::interval(Duration::from_millis(gap_ms.max(1)));
    gap.set_missed_tick_behavior(MissedTickBehavior::Delay);
    gap.tick().await;
    socket.write_all(STREAM_HEAD.as_bytes()).await?;
    for _ in 0..events {
        socket.write_all(&answers.event).await?;
        if gap_ms > 0 {
            gap.tick().await;
        }
    }
    socket.write_all(end).await?;
    socket.write_all(b"0\r\n\r\n").await?;
    Ok(())
}

impl Answers {
    fn new() -> Self {
        let body = fixture::answer();
        let plain = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let chunk = |text: &str| format!("{:x}\r\n{text}\r\n", text.len()).into_bytes();
        Self { plain: plain.into_bytes(), event: chunk(EVENT), chat_end: chunk(CHAT_END) }
    }
}
