//! Connects to whichever address of a host answers first: RFC 8305, so that a broken route costs a moment and not the
//! whole time there is.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{net::TcpStream, task::JoinSet, time::sleep};

/// How long an address is waited for before the next is tried beside it: RFC 8305 §5.
const HEAD_START: Duration = Duration::from_millis(250);

/// A connection to one of these addresses, which are tried in their order; the last error when there is none.
pub(crate) async fn dial(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    let tcp = match addresses {
        [address] => TcpStream::connect(address).await?,
        _ => race(addresses).await?,
    };
    tcp.set_nodelay(true)?;
    Ok(tcp)
}

/// Those that lose are given up when this ends.
async fn race(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    let mut waiting = addresses.iter().copied();
    let mut tries = JoinSet::new();
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    loop {
        let next = waiting.next();
        if let Some(address) = next {
            tries.spawn_local(TcpStream::connect(address));
        }
        tokio::select! {
            ended = tries.join_next() => match ended {
                Some(Ok(Ok(tcp))) => return Ok(tcp),
                Some(Ok(Err(error))) => last = error,
                Some(Err(_)) => {}
                None => return Err(last),
            },
            () = sleep(HEAD_START), if next.is_some() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use socket2::{Domain, Socket, Type};
    use tokio::net::TcpListener;

    use super::*;

    /// An address that answers nothing: its queue is full, and nobody accepts.
    fn black_hole() -> (Socket, Vec<Socket>, SocketAddr) {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap();
        let fill = || {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            socket.set_nonblocking(true).unwrap();
            let _ = socket.connect(&address);
            socket
        };
        let queue = (0..4).map(|_| fill()).collect();
        (listener, queue, address.as_socket().unwrap())
    }

    async fn on_one_thread<T>(future: impl Future<Output = T>) -> T {
        tokio::task::LocalSet::new().run_until(future).await
    }

    #[tokio::test]
    async fn an_address_that_answers_nothing_does_not_keep_the_next_from_answering() {
        let (_listener, _queue, silent) = black_hole();
        let open = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = open.local_addr().unwrap();

        let tcp = on_one_thread(dial(&[silent, address])).await.unwrap();

        assert_eq!(tcp.peer_addr().unwrap(), address);
    }

    #[tokio::test]
    async fn the_last_error_is_told_when_no_address_answers() {
        let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();

        for addresses in [&[closed][..], &[closed, closed]] {
            let error = on_one_thread(dial(addresses)).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        }
        assert_eq!(on_one_thread(dial(&[])).await.unwrap_err().kind(), io::ErrorKind::AddrNotAvailable);
    }
}
