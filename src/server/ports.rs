//! Free ports on loopback. They are released at once, because the server binds them itself.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

/// Distance from the server's port to that of its Web UI, by convention of the dev server.
const WEB_UI_OFFSET: u16 = 1000;

pub(super) fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// Returns the loopback address of `port` if it has no listener. Port 0 selects a free port.
///
/// # Errors
/// Returns `AddrInUse` if there is a listener, or another error if the port is not available, for example below 1024.
pub(super) fn claim(port: u16) -> io::Result<SocketAddr> {
    // On macOS, a loopback port can be bound although another process listens on all interfaces.
    if port != 0 && TcpStream::connect_timeout(&loopback(port), Duration::from_millis(250)).is_ok() {
        return Err(io::ErrorKind::AddrInUse.into());
    }
    TcpListener::bind(loopback(port))?.local_addr()
}

/// Returns the default port of the Web UI for a dev server on port `server`; `None` if it exceeds the highest port.
#[must_use]
pub fn web_ui_port(server: u16) -> Option<u16> {
    server.checked_add(WEB_UI_OFFSET)
}

/// Returns the Web UI's address: 1000 above the server's port if that port is free, otherwise any free port.
pub(super) fn claim_for_web_ui(server: SocketAddr) -> io::Result<SocketAddr> {
    claim(web_ui_port(server.port()).unwrap_or(0)).or_else(|_| claim(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_in_use_is_refused() {
        let taken = TcpListener::bind(loopback(0)).unwrap();
        let error = claim(taken.local_addr().unwrap().port()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    }

    #[test]
    fn port_zero_is_some_free_port() {
        assert_ne!(claim(0).unwrap().port(), 0);
    }

    #[test]
    fn the_web_ui_moves_if_its_port_is_in_use_or_past_the_last() {
        let holder = TcpListener::bind(loopback(0)).unwrap();
        let taken = holder.local_addr().unwrap();
        let elsewhere = claim_for_web_ui(loopback(taken.port() - WEB_UI_OFFSET)).unwrap();
        assert!(elsewhere != taken && elsewhere.port() != 0);
        assert_ne!(claim_for_web_ui(loopback(u16::MAX)).unwrap().port(), 0);
    }
}
