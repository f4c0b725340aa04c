//! The server's address: parsed once, compared after normalisation. Resolves no name and opens no connection.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use super::foreign;

/// Port if the address has none, which is Temporal's default.
pub const DEFAULT_PORT: u16 = 7233;

/// Host if the address has none.
const THIS_MACHINE: &str = "localhost";

/// Host and port of a Temporal server. Displays as `host:port`, with brackets around an IPv6 address.
///
/// The host is kept as typed but in lower case (`localhost` stays `localhost`); IP addresses are in their shortest
/// form.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Address {
    host: String,
    port: u16,
}

/// The reason why a text is not an address. Each message says what to write instead, without repeating the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// No host.
    #[error("it names no host; write host:port, such as localhost:7233")]
    NoHost,
    /// A scheme that means another kind of server.
    #[error(
        "before the host, only http://, https://, grpc://, tcp://, dns:/// and passthrough:/// are allowed; write \
         host:port, such as localhost:7233"
    )]
    Scheme,
    /// `unix:///run/temporal.sock`.
    #[error("Unix sockets are not supported; write host:port, such as localhost:7233")]
    UnixSocket,
    /// `a:7233,b:7233`.
    #[error("it names several servers; write one host:port, or a name that resolves to all of them")]
    Several,
    /// `${HOST}:7233`, `{{ host }}:7233`.
    #[error("it contains a placeholder, and variables are not expanded here; write the actual host:port")]
    Placeholder,
    /// `http:localhost:7233`.
    #[error("its scheme needs two slashes; write http://localhost:7233, or only localhost:7233")]
    Slashes,
    /// `localhost:7233:7233`.
    #[error("it has more than one colon, as if it had two ports; write host:port, such as localhost:7233")]
    Colons,
    /// `localhost:7233 # comment`.
    #[error(
        "it contains a comment, which docker run --env-file and Kubernetes keep as part of the value; remove the comment"
    )]
    Comment,
    /// `user:password@host`.
    #[error("an address has no user name or password; write host:port only")]
    UserInfo,
    /// Something after the port.
    #[error("nothing may follow the port; write host:port without a path")]
    Path,
    /// A port that is not a number from 1 to 65535.
    #[error("the port must be a number from 1 to 65535; write host:port, such as localhost:7233")]
    Port,
    /// An IPv6 address without brackets, which makes the port ambiguous.
    #[error("an IPv6 address needs brackets; write it as [::1]:7233")]
    Brackets,
    /// Brackets around something other than an IPv6 address.
    #[error("there is no IPv6 address in the brackets; write it as [::1]:7233 (without a zone such as %eth0)")]
    Ipv6,
    /// A host of digits that is not an IPv4 address.
    #[error("the host is neither a name nor an IPv4 address; write host:port, such as localhost:7233")]
    Number,
    /// Characters or lengths that a host name cannot have.
    #[error(
        "the host is not a host name: use letters, digits, '-', '_' and '.', at most 63 per label and 253 in total"
    )]
    HostName,
}

impl Address {
    /// Returns the host, without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the port, which is never 0.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether the address can only mean this machine: `localhost`, 127.0.0.0/8 or `::1`. Names are not resolved, so
    /// another name for this machine counts as remote.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.host)
    }

    /// Returns the port if a server for this address can be started on this machine.
    #[must_use]
    pub fn loopback_port(&self) -> Option<u16> {
        self.is_loopback().then_some(self.port)
    }
}

/// See [`Address::is_loopback`].
pub(super) fn is_loopback(host: &str) -> bool {
    match host.parse::<IpAddr>() {
        Ok(ip) => ip.to_canonical().is_loopback(),
        Err(_) => host == "localhost" || host == "localhost.",
    }
}

/// Parses a host and an optional port, and normalises the host as for an [`Address`].
pub(super) fn host_and_port(text: &str) -> Result<(String, Option<u16>), AddressError> {
    let (host, port) = split(text, true)?;
    Ok((host, port.map(parse_port).transpose()?))
}

/// An address, and whether it asks for TLS.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Target {
    pub(super) address: Address,
    /// Whether it begins with `https://`, or its host accepts only TLS.
    pub(super) https: bool,
}

impl Default for Address {
    fn default() -> Self {
        Self { host: THIS_MACHINE.to_owned(), port: DEFAULT_PORT }
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

    /// Accepts the forms that Temporal's tools accept: `host:port`, `host`, `:port`, `port`, `[ipv6]:port`, with an
    /// HTTP or gRPC scheme before it, a `/` after it, and quotes and spaces around it. A missing host, or the address
    /// that means "every interface", is this machine.
    fn from_str(text: &str) -> Result<Self, AddressError> {
        Target::from_str(text).map(|target| target.address)
    }
}

impl FromStr for Target {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        // Checked first, so that no later message can show a password.
        if text.contains('@') {
            return Err(AddressError::UserInfo);
        }
        let text = foreign::without_quotes(text).unwrap_or(text).trim();
        if text.contains('$') || text.contains("{{") {
            return Err(AddressError::Placeholder);
        }
        let (https, rest) = without_scheme(text)?;
        if rest.contains(" #") {
            return Err(AddressError::Comment);
        }
        if rest.contains(',') {
            return Err(AddressError::Several);
        }
        let rest = rest.strip_suffix('/').unwrap_or(rest).trim_end();
        if rest.contains(['/', '?', '#']) {
            return Err(AddressError::Path);
        }
        let (host, port) = split(rest, text.contains("//"))?;
        let address = Address { host, port: port.map_or(Ok(DEFAULT_PORT), parse_port)? };
        let https = https || is_cloud(&address.host);
        Ok(Self { address, https })
    }
}

/// Whether the host belongs to Temporal Cloud, which accepts only TLS.
fn is_cloud(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    [".tmprl.cloud", ".api.temporal.io"].iter().any(|cloud| host.ends_with(cloud))
}

/// Returns whether the scheme means TLS, and the text after it. A resolver between the second and third slash of a gRPC
/// scheme is not supported.
fn without_scheme(text: &str) -> Result<(bool, &str), AddressError> {
    let lower = text.to_ascii_lowercase();
    let after = |scheme: &str| lower.starts_with(scheme).then(|| text.get(scheme.len()..).unwrap_or_default());
    if lower.starts_with("unix:") || lower.starts_with("unix-abstract:") {
        return Err(AddressError::UnixSocket);
    }
    if let Some(rest) = ["https://", "grpcs://", "grpc+tls://", "tls://", "ssl://"].into_iter().find_map(after) {
        return Ok((true, rest));
    }
    let plain = ["dns:///", "passthrough:///", "ipv4:///", "ipv6:///", "http://", "grpc://", "tcp://", "h2c://"];
    if let Some(rest) = plain.into_iter().find_map(after) {
        return Ok((false, rest));
    }
    if text.contains("://") {
        return Err(AddressError::Scheme);
    }
    let slashless = ["https:", "http:", "grpcs:", "grpc:", "tcp:", "tls:", "ssl:", "h2c:"].into_iter().find_map(after);
    if slashless.is_some_and(|rest| rest.contains(|first: char| !first.is_ascii_digit())) {
        return Err(AddressError::Slashes);
    }
    let opaque = ["dns:", "passthrough:", "ipv4:", "ipv6:", "//"].into_iter().find_map(after);
    // `dns:7233` is a host of that name.
    let opaque = opaque.filter(|rest| lower.starts_with("//") || rest.parse::<u16>().is_err());
    Ok((false, opaque.unwrap_or(text)))
}

/// Splits host and port. If `has_scheme`, a host is required.
fn split(text: &str, has_scheme: bool) -> Result<(String, Option<&str>), AddressError> {
    if let Some(inner) = text.strip_prefix('[') {
        let (ip, after) = inner.split_once(']').ok_or(AddressError::Ipv6)?;
        let ip: Ipv6Addr = ip.parse().map_err(|_| AddressError::Ipv6)?;
        return match after.strip_prefix(':') {
            None if !after.is_empty() => Err(AddressError::Port),
            port => Ok((ipv6_host(ip), port)),
        };
    }
    if let Some(ip) = ipv6_without_port(text) {
        return Ok((ipv6_host(ip), None));
    }
    match text.split_once(':') {
        None if !has_scheme && parse_port(text).is_ok() => Ok((THIS_MACHINE.to_owned(), Some(text))),
        None => Ok((parse_host(text)?, None)),
        Some(_) if text.contains("::") || text.matches(':').count() > 6 => Err(AddressError::Brackets),
        Some((_, port)) if port.contains(':') => Err(AddressError::Colons),
        Some(("", port)) if !has_scheme => Ok((THIS_MACHINE.to_owned(), Some(port))),
        Some((host, port)) => Ok((parse_host(host)?, Some(port))),
    }
}

/// Parses an IPv6 address without brackets, if no part of it can be a port.
fn ipv6_without_port(text: &str) -> Option<Ipv6Addr> {
    let ip = text.parse().ok()?;
    let (before, _) = text.rsplit_once(':')?;
    let may_have_port = before.parse::<Ipv6Addr>().is_ok() || text.starts_with("::");
    (matches!(text, "::1" | "::") || !may_have_port).then_some(ip)
}

/// Returns the host for an IPv6 address. `::`, which means every interface to a server, becomes the loopback address,
/// at which a client reaches the server.
fn ipv6_host(ip: Ipv6Addr) -> String {
    if ip.is_unspecified() { Ipv6Addr::LOCALHOST.to_string() } else { ip.to_string() }
}

/// Parses a port, which is not 0.
pub(super) fn parse_port(text: &str) -> Result<u16, AddressError> {
    // `u16::from_str` also accepts a leading '+'.
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|&port| digits && port != 0).ok_or(AddressError::Port)
}

fn parse_host(text: &str) -> Result<String, AddressError> {
    if text.is_empty() {
        return Err(AddressError::NoHost);
    }
    if let Some(ip) = text.parse().ok().or_else(|| short_loopback(text)) {
        // See `ipv6_host`.
        return Ok(if ip == Ipv4Addr::UNSPECIFIED { Ipv4Addr::LOCALHOST } else { ip }.to_string());
    }
    let ascii;
    let text = if text.is_ascii() {
        text
    } else {
        ascii = idna::domain_to_ascii(text).map_err(|_| AddressError::HostName)?;
        &ascii
    };
    let labels = text.strip_suffix('.').unwrap_or(text);
    if text.len() > 253 || !labels.split('.').all(is_label) {
        return Err(AddressError::HostName);
    }
    // Resolvers read `10.1`, `0x7f000001` and `99999` as IPv4 numbers, which the user probably did not intend.
    match labels.rsplit('.').next() {
        Some(last) if last.starts_with(|first: char| first.is_ascii_digit()) && is_number(last) => {
            Err(AddressError::Number)
        }
        _ => Ok(text.to_ascii_lowercase()),
    }
}

/// Parses the common short forms of loopback addresses, such as `127.1`.
fn short_loopback(text: &str) -> Option<Ipv4Addr> {
    let last: u16 = text.strip_prefix("127.").map(|rest| rest.strip_prefix("0.").unwrap_or(rest))?.parse().ok()?;
    let [high, low] = last.to_be_bytes();
    Some(Ipv4Addr::new(127, 0, high, low))
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
            ("0.0.0.0:7233", "127.0.0.1:7233"),
            ("[::]:7233", "[::1]:7233"),
            ("::1", "[::1]:7233"),
            ("2001:db8::5", "[2001:db8::5]:7233"),
            ("fe80::1", "[fe80::1]:7233"),
            ("2001:DB8:0:0:0:0:0:5", "[2001:db8::5]:7233"),
            ("ipv6:2001:db8::5", "[2001:db8::5]:7233"),
            ("http://2001:db8::5/", "[2001:db8::5]:7233"),
            ("ipv6:[2001:db8::5]:7234", "[2001:db8::5]:7234"),
            ("http:7233", "http:7233"),
            (":7233", "localhost:7233"),
            ("7234", "localhost:7234"),
            ("127.1:7233", "127.0.0.1:7233"),
            ("127.0.1", "127.0.0.1:7233"),
            ("localhost:07233", "localhost:7233"),
            ("dns:///localhost:7233", "localhost:7233"),
            ("DNS:localhost:7233", "localhost:7233"),
            ("passthrough:///10.1.2.3:7233", "10.1.2.3:7233"),
            ("ipv4:127.0.0.1:7233", "127.0.0.1:7233"),
            ("ipv6:[::1]:7233", "[::1]:7233"),
            ("grpc://localhost:7233/", "localhost:7233"),
            ("grpcs://temporal:7233", "temporal:7233"),
            ("tcp://10.96.0.12:7233", "10.96.0.12:7233"),
            ("//localhost:7233", "localhost:7233"),
            ("dns:7233", "dns:7233"),
            ("\"localhost:7233\"", "localhost:7233"),
            ("'localhost:7233' # ours", "localhost:7233"),
            ("h\u{f6}\u{df}.code.example:7233", "xn--h-qfa2e.code.example:7233"),
            ("us-east-1.aws.api.temporal.io:7233", "us-east-1.aws.api.temporal.io:7233"),
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
    fn invalid_addresses_are_refused() {
        use AddressError as E;
        let cases = [
            ("", E::NoHost),
            ("http://", E::NoHost),
            (":", E::Port),
            ("http://:7233", E::NoHost),
            ("dns:///", E::NoHost),
            ("https://", E::NoHost),
            ("dns://8.8.8.8/localhost:7233", E::Scheme),
            ("xds:///temporal:7233", E::Scheme),
            ("postgres://db/temporal", E::Scheme),
            ("unix:///run/temporal.sock", E::UnixSocket),
            ("unix:temporal.sock", E::UnixSocket),
            ("localhost:7233,localhost:7234", E::Several),
            ("localhost:7233 # ours", E::Comment),
            ("localhost # ours", E::Comment),
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
            ("::1:7233", E::Brackets),
            ("::7233", E::Brackets),
            ("2001:db8::5:7233", E::Brackets),
            ("2001:db8:0:0:0:0:0:5:7233", E::Brackets),
            ("localhost:7233:7233", E::Colons),
            ("10.1.2.3:7233:7234", E::Colons),
            ("http://localhost:7233:7233", E::Colons),
            ("http:localhost:7233", E::Slashes),
            ("HTTPS:localhost", E::Slashes),
            ("grpc:/localhost:7233", E::Slashes),
            ("${TEMPORAL_HOST}:7233", E::Placeholder),
            ("temporal:$PORT", E::Placeholder),
            ("http://{{ host }}:7233", E::Placeholder),
            ("[::1", E::Ipv6),
            ("[localhost]:7233", E::Ipv6),
            ("[fe80::1%eth0]:7233", E::Ipv6),
            ("0", E::Number),
            ("72333", E::Number),
            ("10.1", E::Number),
            ("http://7233", E::Number),
            ("256.0.0.1", E::Number),
            ("0x7f000001", E::Number),
            ("local host", E::HostName),
            ("a..b", E::HostName),
            (".", E::HostName),
            ("h\u{1b}[2J", E::HostName),
            ("h\u{f6}st\u{0}", E::HostName),
        ];
        for (text, error) in cases {
            assert_eq!(text.parse::<Address>(), Err(error), "{text:?}");
        }
        assert_eq!("a".repeat(64).parse::<Address>(), Err(E::HostName));
        assert_eq!(["a"; 128].join(".").parse::<Address>(), Err(E::HostName));
    }

    #[test]
    fn an_https_scheme_turns_tls_on() {
        for (text, https) in [
            ("https://x", true),
            ("HTTPS://x:1/", true),
            ("grpcs://x", true),
            ("myns.abcdf.tmprl.cloud", true),
            ("us-east-1.aws.api.temporal.io:7233", true),
            ("http://x", false),
            ("tmprl.cloud.example", false),
            ("x", false),
        ] {
            assert_eq!(text.parse::<Target>().unwrap().https, https, "{text}");
        }
    }

    #[test]
    fn loopback_is_recognised_without_a_lookup() {
        let cases = [
            ("localhost:7233", true),
            ("LocalHost.:7233", true),
            ("127.0.0.1:7233", true),
            ("127.9.9.9:7233", true),
            ("[::1]:7233", true),
            ("[::ffff:127.0.0.1]:7233", true),
            ("0.0.0.0:7233", true),
            ("[::]:7233", true),
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
