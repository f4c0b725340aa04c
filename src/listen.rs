//! Parsing and resolving listen addresses: a port on this machine, or a host and a port.

use std::{
    fmt, io,
    net::{Ipv4Addr, SocketAddr},
    str::FromStr,
};

use tokio::net::lookup_host;

/// Host and port to listen on. The host may be a name, which only [`ListenAddress::resolve`] looks up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenAddress(String);

/// Why a text is not a listen address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ListenAddressError {
    /// The text begins with a scheme such as `http:`.
    #[error("it has a scheme")]
    Scheme,
    /// The text contains an unreplaced placeholder such as `${PORT}`.
    #[error("it contains an unreplaced placeholder")]
    Placeholder,
    /// The text has more than one port.
    #[error("it has more than one port")]
    Ports,
    /// The text has no valid port.
    #[error("it has no valid port")]
    NoPort,
    /// The host is empty or contains a character that neither a name nor an address can contain.
    #[error("its host is not a name or an address")]
    Host,
    /// The text is an IPv6 address without brackets, or without a port.
    #[error("an IPv6 address needs brackets and a port, as in [::1]:8081")]
    Brackets,
}

impl FromStr for ListenAddress {
    type Err = ListenAddressError;

    fn from_str(text: &str) -> Result<Self, ListenAddressError> {
        let text = text.trim();
        if let Ok(port) = text.strip_prefix(':').unwrap_or(text).parse::<u16>() {
            return Ok(Self(SocketAddr::from((Ipv4Addr::LOCALHOST, port)).to_string()));
        }
        if text.contains('$') || text.contains("{{") {
            return Err(ListenAddressError::Placeholder);
        }
        let is_scheme = |name: &str| name.eq_ignore_ascii_case("http") || name.eq_ignore_ascii_case("https");
        if text.contains("://")
            || text.split_once(':').is_some_and(|(name, rest)| is_scheme(name) && rest.contains(':'))
        {
            return Err(ListenAddressError::Scheme);
        }
        let (host, port) = text.rsplit_once(':').ok_or(ListenAddressError::NoPort)?;
        if host.contains(':') && !(host.starts_with('[') && host.ends_with(']')) {
            let is_ipv6 = text.contains("::") || text.matches(':').count() > 6;
            return Err(if is_ipv6 { ListenAddressError::Brackets } else { ListenAddressError::Ports });
        }
        if port.parse::<u16>().is_err() {
            return Err(ListenAddressError::NoPort);
        }
        let is_plain = |character: char| character.is_ascii_alphanumeric() || "-._:[]%".contains(character);
        if host.is_empty() || !host.chars().all(is_plain) {
            return Err(ListenAddressError::Host);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl ListenAddress {
    /// Looks up the address. IPv4 is preferred, since most programs try it first for `localhost`.
    ///
    /// # Errors
    /// Returns an error if the name cannot be looked up or has no address.
    pub async fn resolve(&self) -> io::Result<SocketAddr> {
        let found: Vec<_> = lookup_host(&self.0).await?.collect();
        let preferred = found.iter().find(|address| address.is_ipv4()).or(found.first());
        preferred.copied().ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the name has no address"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_name_or_a_port_is_a_listen_address() {
        for (text, address) in [
            ("127.0.0.1:8081", "127.0.0.1:8081"),
            ("localhost:8081", "127.0.0.1:8081"),
            (" 8081 ", "127.0.0.1:8081"),
            (":8081", "127.0.0.1:8081"),
            ("[::1]:0", "[::1]:0"),
            ("0.0.0.0:1", "0.0.0.0:1"),
        ] {
            let listen: ListenAddress = text.parse().unwrap();
            assert_eq!(listen.resolve().await.unwrap(), address.parse().unwrap(), "{text}");
        }
    }

    #[test]
    fn the_mistake_in_an_address_is_named() {
        use ListenAddressError::{Brackets, Host, NoPort, Placeholder, Ports, Scheme};

        for (text, error) in [
            ("", NoPort),
            ("localhost", NoPort),
            ("127.0.0.1", NoPort),
            ("localhost:http", NoPort),
            ("70000", NoPort),
            ("http://localhost:8081", Scheme),
            ("http:localhost:8081", Scheme),
            ("localhost:${PORT}", Placeholder),
            ("{{ host }}:8081", Placeholder),
            ("127.0.0.1:8081:8081", Ports),
            ("a b:1", Host),
            ("a/b:1", Host),
            ("::1", Brackets),
            ("[::1]", Brackets),
            ("::", Brackets),
            ("::8081", Brackets),
            ("2001:db8::5:8081", Brackets),
        ] {
            assert_eq!(text.parse::<ListenAddress>(), Err(error), "{text}");
        }
    }
}
