//! Opens a connection to an endpoint, directly or through its proxy. Each stage has its own time limit and its own
//! error.

use std::{io, net::IpAddr};

use tokio::net::TcpStream;

use super::{
    connect_error::{ConnectError, not_temporal},
    endpoint::{Endpoint, Transport},
    proxy::{Proxy, ProxyError},
    socket::{open, resolve},
};

/// Why no connection was opened.
#[derive(Debug)]
pub(super) enum DialError {
    /// The host name was not resolved.
    Name(io::Error),
    /// The direct connection failed.
    Direct(io::Error),
    /// The proxy did not open a tunnel.
    Proxy(Proxy, ProxyError),
}

/// Opens a connection. The endpoint's timeout applies to each stage.
pub(super) async fn dial(endpoint: &Endpoint) -> Result<TcpStream, DialError> {
    let limit = endpoint.timeout;
    match &endpoint.proxy {
        None => {
            let addresses = resolve(&endpoint.address, limit).await.map_err(DialError::Name)?;
            open(addresses, limit).await.map_err(DialError::Direct)
        }
        Some(proxy) => {
            let tunnel = proxy.tunnel(&endpoint.address, limit).await;
            tunnel.map_err(|error| DialError::Proxy(proxy.clone(), error))
        }
    }
}

/// Checks that a connection can be opened, so that an unreachable address is not reported as a wrong protocol.
pub(super) async fn reach(endpoint: &Endpoint) -> Result<(), ConnectError> {
    let address = endpoint.address.clone();
    let host = endpoint.host().to_owned();
    let error = match dial(endpoint).await {
        Ok(_) => return Ok(()),
        Err(DialError::Proxy(Proxy { address: proxy, origin, .. }, cause)) => {
            return Err(ConnectError::Proxy { proxy, origin, address, cause });
        }
        Err(DialError::Name(cause)) => ConnectError::UnknownHost { address, host, cause },
        // A program listens there, but resets the connection at once.
        Err(DialError::Direct(cause)) if cause.kind() == io::ErrorKind::ConnectionReset => {
            not_temporal(endpoint, cause.to_string())
        }
        // The embedded server has no TLS and runs only on this machine, so it cannot replace any other server.
        Err(DialError::Direct(cause)) => match endpoint.transport {
            Transport::Plaintext if is_this_machine(&host) => ConnectError::Unreachable { address, cause },
            _ => ConnectError::Absent { address, cause },
        },
    };
    Err(match (&endpoint.unused_proxy, &error) {
        (Some(notice), ConnectError::UnknownHost { .. } | ConnectError::Absent { .. }) => {
            ConnectError::WithoutProxy { error: Box::new(error), notice: notice.clone() }
        }
        _ => error,
    })
}

fn is_this_machine(host: &str) -> bool {
    host.parse::<IpAddr>().map_or(host.trim_end_matches('.') == "localhost", |ip| ip.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::net::TcpListener;

    use super::*;

    fn endpoint(address: &str) -> Endpoint {
        Endpoint { timeout: Duration::from_secs(1), ..Endpoint::plain(address, "default", "test") }
    }

    async fn refusal(endpoint: &Endpoint) -> String {
        reach(endpoint).await.unwrap_err().to_string()
    }

    #[tokio::test]
    async fn an_unresolved_name_does_not_suggest_starting_a_server() {
        for transport in [Transport::Plaintext, Transport::Tls(super::super::Tls::default())] {
            let endpoint = Endpoint { transport, ..endpoint("temporal.invalid:7233") };
            let said = refusal(&endpoint).await;
            assert!(said.contains("the host name 'temporal.invalid'") && said.contains("DNS"), "{said}");
            assert!(said.contains("HTTPS_PROXY") && !said.contains("idempotence server"), "{said}");
        }
    }

    #[tokio::test]
    async fn an_embedded_server_is_suggested_on_this_machine_only() {
        let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let near = endpoint(&closed.to_string());
        assert!(refusal(&near).await.contains("start a server there with: idempotence server"));
        let secured = Endpoint { transport: Transport::Tls(super::super::Tls::default()), ..near };
        let said = refusal(&secured).await;
        assert!(said.contains("no program listens at this port") && !said.contains("idempotence server"), "{said}");
        for (host, near) in [
            ("localhost", true),
            ("localhost.", true),
            ("127.1.2.3", true),
            ("::1", true),
            ("::ffff:127.0.0.1", true),
            ("10.1.2.3", false),
            ("localhost.example", false),
        ] {
            assert_eq!(is_this_machine(host), near, "{host}");
        }
    }

    #[tokio::test]
    async fn a_proxy_that_is_not_used_is_named_when_the_direct_connection_fails() {
        let notice = "HTTPS_PROXY in the environment had no effect".to_owned();
        let endpoint = Endpoint { unused_proxy: Some(notice.clone()), ..endpoint("temporal.invalid:7233") };
        let said = refusal(&endpoint).await;
        assert!(said.contains(&notice), "{said}");
    }
}
