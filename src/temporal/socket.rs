//! Resolves a name and opens a TCP connection, each within a time limit.

use std::{io, net::SocketAddr, time::Duration};

use futures::future::select_ok;
use tokio::{
    net::{TcpStream, lookup_host},
    time::timeout,
};

/// Resolves a `host:port` to at least one address.
pub(super) async fn resolve(address: &str, limit: Duration) -> io::Result<Vec<SocketAddr>> {
    let found: Vec<_> = within(limit, lookup_host(address)).await?.collect();
    if found.is_empty() { Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address")) } else { Ok(found) }
}

/// Connects to the first address that answers. One address of a name can be unreachable while another one works.
pub(super) async fn open(addresses: Vec<SocketAddr>, limit: Duration) -> io::Result<TcpStream> {
    let connecting = select_ok(addresses.into_iter().map(|address| Box::pin(TcpStream::connect(address))));
    within(limit, connecting).await.map(|(stream, _others)| stream)
}

/// Runs `work`, or fails with [`io::ErrorKind::TimedOut`] after `limit`.
pub(super) async fn within<T>(limit: Duration, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    let late = |_| io::Error::new(io::ErrorKind::TimedOut, format!("no answer in {} s", limit.as_secs()));
    timeout(limit, work).await.map_err(late).flatten()
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn an_unreachable_address_does_not_delay_the_others() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (full, _clients) = stuck().await;
        let stuck = full.local_addr().unwrap();
        let since = tokio::time::Instant::now();
        let addresses = vec![stuck, listener.local_addr().unwrap()];
        open(addresses, Duration::from_secs(5)).await.unwrap();
        assert!(since.elapsed() < Duration::from_secs(1));
        let late = open(vec![stuck], Duration::from_secs(1)).await.unwrap_err();
        assert_eq!((late.kind(), late.to_string().as_str()), (io::ErrorKind::TimedOut, "no answer in 1 s"));
    }

    /// Returns a listener whose backlog is full, so that the next connection gets no answer, and the connections that
    /// fill it.
    async fn stuck() -> (TcpListener, Vec<TcpStream>) {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(1).unwrap();
        let address = listener.local_addr().unwrap();
        let mut clients = Vec::new();
        while let Ok(client) = timeout(Duration::from_millis(200), TcpStream::connect(address)).await {
            clients.push(client.unwrap());
        }
        (listener, clients)
    }
}
