//! The server's address: parsed once, compared after normalisation. It resolves no name and opens no connection.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// Temporal's own port, meant where none is written.
pub const DEFAULT_PORT: u16 = 7233;

/// Host and port of a Temporal server. Displays as `host:port`, with brackets round an IPv6 address.
///
/// The host is kept as typed but in lower case (`localhost` stays `localhost`); IP addresses take their shortest form.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Address {
    host: String,
    port: u16,
}

/// Why a text is no address. Each message says what to write instead; none repeats the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// Nothing there.
    #[error("it names no host; write host:port, such as localhost:7233")]
    NoHost,
    /// Any other `scheme://` than http or https.
    #[error("only http:// or https:// may stand before the host; write host:port, such as localhost:7233")]
    Scheme,
    /// `user:password@host`.
    #[error("an address takes no user name or password; write host:port only")]
    UserInfo,
    /// Something after the port.
    #[error("nothing may follow the port; write host:port without a path")]
    Path,
    /// A port that is no number from 1 to 65535.
    #[error("the port is no number from 1 to 65535; write host:port, such as localhost:7233")]
    Port,
    /// An IPv6 address without brackets, so that the port cannot be told apart.
    #[error("an IPv6 address needs brackets; write it as [::1]:7233")]
    Brackets,
    /// Brackets around something else than an IPv6 address.
    #[error("there is no IPv6 address in the brackets; write it as [::1]:7233 (without a zone such as %eth0)")]
    Ipv6,
    /// A host made of digits that is no IPv4 address, such as a port on its own.
    #[error("the host is neither a name nor an IPv4 address; write host:port, such as localhost:7233")]
    Number,
    /// Characters or lengths that no host name has.
    #[error("the host is no host name: letters, digits, '-', '_' and '.' only, at most 63 per label and 253 in all")]
    HostName,
}

impl Address {
    /// The host, without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, never 0.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether the address can only mean this machine: `localhost`, 127.0.0.0/8 or `::1`. Looks nothing up, so another
    /// name for this machine counts as remote.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        match self.host.parse::<IpAddr>() {
            Ok(ip) => ip.to_canonical().is_loopback(),
            Err(_) => self.host == "localhost" || self.host == "localhost.",
        }
    }

    /// The port, if a server for this address can be started on this machine.
    #[must_use]
    pub fn loopback_port(&self) -> Option<u16> {
        self.is_loopback().then_some(self.port)
    }
}

/// An address as people write it, which may say that it is one with TLS.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Target {
    pub(super) address: Address,
    /// Written as `https://`.
    pub(super) https: bool,
}

impl Default for Address {
    fn default() -> Self {
        Self { host: "localhost".to_owned(), port: DEFAULT_PORT }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(out, "[{}]:{}", self.host, self.port)
        } else {
            write!(out, "{}:{}", self.host, self.port)
        }
    }
}

impl FromStr for Address {
    type Err = AddressError;

    /// Takes `host:port`, `host`, `[ipv6]:port` and `[ipv6]`, each with `http://` or `https://` before and `/` after it or
    /// not.
    fn from_str(text: &str) -> Result<Self, AddressError> {
        Target::from_str(text).map(|target| target.address)
    }
}

impl FromStr for Target {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        // First of all, so that no later message has a reason to show a password.
        if text.contains('@') {
            return Err(AddressError::UserInfo);
        }
        let (https, rest) = without_scheme(text.trim())?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.contains(['/', '?', '#']) {
            return Err(AddressError::Path);
        }
        let (host, port) = split(rest)?;
        let address = Address { host, port: port.map_or(Ok(DEFAULT_PORT), parse_port)? };
        Ok(Self { address, https })
    }
}

fn without_scheme(text: &str) -> Result<(bool, &str), AddressError> {
    match text.split_once("://") {
        None => Ok((false, text)),
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => Ok((false, rest)),
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => Ok((true, rest)),
        Some(_) => Err(AddressError::Scheme),
    }
}

fn split(text: &str) -> Result<(String, Option<&str>), AddressError> {
    if let Some(inner) = text.strip_prefix('[') {
        let (ip, after) = inner.split_once(']').ok_or(AddressError::Ipv6)?;
        let ip: Ipv6Addr = ip.parse().map_err(|_| AddressError::Ipv6)?;
        return match after.strip_prefix(':') {
            None if !after.is_empty() => Err(AddressError::Port),
            port => Ok((ip.to_string(), port)),
        };
    }
    match text.split_once(':') {
        None => Ok((parse_host(text)?, None)),
        Some((_, port)) if port.contains(':') => Err(AddressError::Brackets),
        Some((host, port)) => Ok((parse_host(host)?, Some(port))),
    }
}

fn parse_port(text: &str) -> Result<u16, AddressError> {
    // `u16::from_str` also takes a leading '+'.
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|&port| digits && port != 0).ok_or(AddressError::Port)
}

fn parse_host(text: &str) -> Result<String, AddressError> {
    if text.is_empty() {
        return Err(AddressError::NoHost);
    }
    if let Ok(ip) = text.parse::<Ipv4Addr>() {
        return Ok(ip.to_string());
    }
    let labels = text.strip_suffix('.').unwrap_or(text);
    if text.len() > 253 || !labels.split('.').all(is_label) {
        return Err(AddressError::HostName);
    }
    // Resolvers read `127.1`, `0x7f000001` and `7233` as IPv4 numbers: not what anybody means here.
    match labels.rsplit('.').next() {
        Some(last) if last.starts_with(|first: char| first.is_ascii_digit()) && is_number(last) => {
            Err(AddressError::Number)
        }
        _ => Ok(text.to_ascii_lowercase()),
    }
}

fn is_label(label: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=63).contains(&label.len()) && label.bytes().all(allowed)
}

fn is_number(label: &str) -> bool {
    let hex = label.strip_prefix("0x").or_else(|| label.strip_prefix("0X"));
    hex.map_or_else(
        || label.bytes().all(|byte| byte.is_ascii_digit()),
        |digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_parsed_and_normalised() {
        let cases = [
            ("localhost:7233", "localhost:7233"),
            ("localhost", "localhost:7233"),
            ("LOCALHOST:7233", "localhost:7233"),
            ("http://localhost:7233/", "localhost:7233"),
            ("HTTP://temporal", "temporal:7233"),
            ("https://Temporal:443/", "temporal:443"),
            (" temporal:80 ", "temporal:80"),
            ("[::1]:7234", "[::1]:7234"),
            ("[::1]", "[::1]:7233"),
            ("[0:0:0:0:0:0:0:1]", "[::1]:7233"),
            ("127.0.0.1:1", "127.0.0.1:1"),
            ("my_host-2.example.com:65535", "my_host-2.example.com:65535"),
            ("myns.abcdf.tmprl.cloud:7233", "myns.abcdf.tmprl.cloud:7233"),
        ];
        for (text, shown) in cases {
            let address: Address = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(address.to_string(), shown, "{text}");
            assert_eq!(shown.parse(), Ok(address), "{text} does not round-trip");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        use AddressError as E;
        let cases = [
            ("", E::NoHost),
            ("http://", E::NoHost),
            (":7233", E::NoHost),
            ("https://", E::NoHost),
            ("dns:///localhost:7233", E::Scheme),
            ("http://me:secret@localhost", E::UserInfo),
            ("https://me:secret@localhost", E::UserInfo),
            ("localhost:7233/path", E::Path),
            ("localhost:7233?x=1", E::Path),
            ("localhost:", E::Port),
            ("localhost:0", E::Port),
            ("localhost:65536", E::Port),
            ("localhost:+80", E::Port),
            ("localhost:http", E::Port),
            ("[::1]7233", E::Port),
            ("[::1]:", E::Port),
            ("::1", E::Brackets),
            ("::1:7233", E::Brackets),
            ("[::1", E::Ipv6),
            ("[localhost]:7233", E::Ipv6),
            ("[fe80::1%eth0]:7233", E::Ipv6),
            ("7233", E::Number),
            ("127.1", E::Number),
            ("256.0.0.1", E::Number),
            ("0x7f000001", E::Number),
            ("local host", E::HostName),
            ("a..b", E::HostName),
            (".", E::HostName),
            ("h\u{1b}[2J", E::HostName),
            ("höst", E::HostName),
        ];
        for (text, error) in cases {
            assert_eq!(text.parse::<Address>(), Err(error), "{text:?}");
        }
        assert_eq!("a".repeat(64).parse::<Address>(), Err(E::HostName));
        assert_eq!(["a"; 128].join(".").parse::<Address>(), Err(E::HostName));
    }

    #[test]
    fn https_is_heard() {
        for (text, https) in [("https://x", true), ("HTTPS://x:1/", true), ("http://x", false), ("x", false)] {
            assert_eq!(text.parse::<Target>().unwrap().https, https, "{text}");
        }
    }

    #[test]
    fn loopback_is_told_without_a_lookup() {
        let cases = [
            ("localhost:7233", true),
            ("LocalHost.:7233", true),
            ("127.0.0.1:7233", true),
            ("127.9.9.9:7233", true),
            ("[::1]:7233", true),
            ("[::ffff:127.0.0.1]:7233", true),
            ("0.0.0.0:7233", false),
            ("[::]:7233", false),
            ("128.0.0.1:7233", false),
            ("localhost.example.com:7233", false),
            ("notlocalhost:7233", false),
        ];
        for (text, loopback) in cases {
            let address: Address = text.parse().unwrap();
            assert_eq!(address.is_loopback(), loopback, "{text}");
            assert_eq!(address.loopback_port(), loopback.then_some(7233), "{text}");
        }
        assert_eq!(Address::default(), "localhost:7233".parse().unwrap());
    }
}
