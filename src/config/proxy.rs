//! The HTTP proxy that the environment names, by the rules of Temporal's own CLI: `HTTPS_PROXY`, or `ALL_PROXY`, for
//! every server on another machine except those in `NO_PROXY`. Messages never show a proxy's password.

use std::{
    ffi::OsString,
    net::{IpAddr, Ipv6Addr},
};

use percent_encoding::percent_decode_str;
use url::Url;

use super::{
    address::Address,
    foreign,
    sourced::{Layer, Origin, Sourced},
};
use crate::temporal::Proxy;

/// Names of the proxy, most preferred first.
const PROXIES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/// Names of the list of hosts for which no proxy is used.
const EXCEPTIONS: [&str; 2] = ["NO_PROXY", "no_proxy"];

/// The proxy for one server.
#[derive(Debug, Clone, Default)]
pub(super) struct ProxyChoice {
    pub(super) proxy: Option<Sourced<Proxy>>,
    /// The notice that a named proxy is not used, with the reason.
    pub(super) notice: Option<String>,
}

/// Chooses the proxy for the server at `address`.
pub(super) fn choose(environment: &[(OsString, OsString)], address: &Address) -> ProxyChoice {
    let Some((name, text)) = first_of(environment, &PROXIES) else { return ProxyChoice::default() };
    let exceptions = first_of(environment, &EXCEPTIONS).map_or("", |(_, text)| text);
    if address.is_loopback() || is_excepted(exceptions, address.host(), address.port()) {
        return ProxyChoice::default();
    }
    let origin = Origin { name, layer: Layer::Environment };
    match parse(text, &origin) {
        Ok(proxy) => ProxyChoice { proxy: Some(Sourced { value: proxy, origin }), notice: None },
        Err(problem) => {
            let notice =
                format!("{origin} had no effect: {problem}. The connection to {address} is made without a proxy.");
            ProxyChoice { proxy: None, notice: Some(notice) }
        }
    }
}

/// Returns the first of the names that is set, and its value without quotes.
fn first_of<'e>(environment: &'e [(OsString, OsString)], names: &[&'static str]) -> Option<(&'static str, &'e str)> {
    names.iter().find_map(|name| {
        let (_, value) = environment.iter().find(|(known, _)| known.as_os_str() == *name)?;
        let text = value.to_str()?.trim();
        let text = foreign::without_quotes(text).unwrap_or(text).trim();
        (!text.is_empty() && !text.eq_ignore_ascii_case("none")).then_some((*name, text))
    })
}

fn parse(text: &str, origin: &Origin) -> Result<Proxy, &'static str> {
    const FORM: &str = "it is not a proxy's address, such as http://HOST:PORT";
    let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
    if !scheme.eq_ignore_ascii_case("http") {
        return Err("only http:// proxies, which use CONNECT, are supported");
    }
    // Users write `\`, `#` and `/` in a login unescaped, so the address begins after the last `@`.
    let (login, address) = rest.rsplit_once('@').map_or((None, rest), |(login, address)| (Some(login), address));
    let url = Url::parse(&format!("http://{address}")).map_err(|_| FORM)?;
    let (host, port) = url.host_str().zip(url.port_or_known_default()).ok_or(FORM)?;
    let decoded =
        |text: &str| percent_decode_str(text).decode_utf8().map(std::borrow::Cow::into_owned).map_err(|_| FORM);
    let user = match login.map(|login| login.split_once(':').unwrap_or((login, ""))) {
        None | Some(("", "")) => None,
        Some((name, password)) => Some((decoded(name)?, decoded(password)?.into())),
    };
    Ok(Proxy { origin: origin.to_string(), address: format!("{host}:{port}"), user })
}

/// Whether `NO_PROXY` contains the host: its name, its domain, its address, its network, or `*`. An entry with a port
/// applies only to that port.
fn is_excepted(list: &str, host: &str, port: u16) -> bool {
    let is_separator = |char: char| char.is_whitespace() || matches!(char, ',' | ';');
    list.split(is_separator).filter(|entry| !entry.is_empty()).any(|entry| {
        let entry = entry.split_once("://").map_or(entry, |(_, rest)| rest.trim_end_matches('/'));
        entry == "*" || {
            let (named, its_port) = split_port(entry);
            its_port.is_none_or(|its_port| its_port == port) && covers(&named.to_ascii_lowercase(), host)
        }
    })
}

fn split_port(entry: &str) -> (&str, Option<u16>) {
    match entry.rsplit_once(':') {
        Some((host, port)) if host.ends_with(']') || !host.contains(':') => match port.parse() {
            Ok(port) => (host.trim_matches(['[', ']']), Some(port)),
            Err(_) => (entry, None),
        },
        _ => (entry.trim_matches(['[', ']']), None),
    }
}

fn covers(entry: &str, host: &str) -> bool {
    if let Ok(address) = host.parse::<IpAddr>() {
        return match entry.split_once('/') {
            None => entry.parse() == Ok(address),
            Some((network, bits)) => network.parse().is_ok_and(|network| contains(network, bits, address)),
        };
    }
    let (host, entry) = (host.trim_end_matches('.'), entry.trim_end_matches('.'));
    let entry = entry.strip_prefix('*').filter(|rest| rest.starts_with('.')).unwrap_or(entry);
    match entry.strip_prefix('.') {
        Some(_) => host.ends_with(entry),
        None => host == entry || host.strip_suffix(entry).is_some_and(|before| before.ends_with('.')),
    }
}

fn contains(network: IpAddr, bits: &str, address: IpAddr) -> bool {
    let width = if network.is_ipv4() { 32 } else { 128 };
    let Some(bits) = bits.parse::<u32>().ok().filter(|bits| *bits <= width) else { return false };
    let number = |address: IpAddr| match address {
        IpAddr::V4(address) => u128::from(u32::from(address)),
        IpAddr::V6(address) => u128::from(Ipv6Addr::from(address.octets())),
    };
    let shift = width - bits;
    let prefix = |address| number(address).checked_shr(shift).unwrap_or(0);
    network.is_ipv4() == address.is_ipv4() && prefix(network) == prefix(address)
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn chosen(variables: &[(&str, &str)], address: &str) -> ProxyChoice {
        let environment: Vec<_> = variables.iter().map(|(name, value)| (name.into(), value.into())).collect();
        choose(&environment, &address.parse().unwrap())
    }

    fn address_of(variables: &[(&str, &str)], address: &str) -> Option<String> {
        chosen(variables, address).proxy.map(|proxy| proxy.value.address)
    }

    #[test]
    fn a_proxy_is_for_servers_on_other_machines() {
        let far = "myns.abcdf.tmprl.cloud:7233";
        for name in PROXIES {
            for (text, address) in [
                ("http://proxy:3128", "proxy:3128"),
                ("proxy:3128", "proxy:3128"),
                ("http://proxy/", "proxy:80"),
                ("http://[::1]:3128", "[::1]:3128"),
                ("\"http://proxy:3128\"", "proxy:3128"),
            ] {
                assert_eq!(address_of(&[(name, text)], far).as_deref(), Some(address), "{name}={text}");
            }
            for near in ["localhost:7233", "127.0.0.1:7233", "[::1]:7233"] {
                assert!(address_of(&[(name, "proxy:3128")], near).is_none(), "{near}");
            }
        }
        assert_eq!(address_of(&[("HTTPS_PROXY", " "), ("all_proxy", "b:1")], far).as_deref(), Some("b:1"));
        assert_eq!(address_of(&[("ALL_PROXY", "b:1"), ("https_proxy", "a:1")], far).as_deref(), Some("a:1"));
        assert!(chosen(&[("HTTP_PROXY", "a:1")], far).proxy.is_none());
        let none = chosen(&[("HTTPS_PROXY", "none")], far);
        assert!(none.proxy.is_none() && none.notice.is_none());
    }

    #[test]
    fn a_login_may_have_characters_that_a_url_escapes() {
        for (login, name, password) in [
            ("DOM\\me:hunter2", "DOM\\me", "hunter2"),
            ("me:a#b/c?d@e:f", "me", "a#b/c?d@e:f"),
            ("me:50%", "me", "50%"),
            ("me", "me", ""),
        ] {
            let proxy = chosen(&[("HTTPS_PROXY", &format!("http://{login}@proxy:1"))], "far:1").proxy.unwrap().value;
            let (known, secret) = proxy.user.unwrap();
            assert_eq!((proxy.address.as_str(), known.as_str()), ("proxy:1", name), "{login}");
            assert_eq!(secret.expose_secret(), password, "{login}");
        }
    }

    #[test]
    fn a_login_is_decoded_and_never_shown() {
        let proxy = chosen(&[("HTTPS_PROXY", "http://me:hunter%40%2B2@proxy:1")], "far:1").proxy.unwrap();
        let (name, password) = proxy.value.user.clone().unwrap();
        assert_eq!((name.as_str(), password.expose_secret()), ("me", "hunter@+2"));
        assert!(!format!("{proxy:?}").contains("hunter"));
        for text in
            ["socks5://me:hunter2@proxy:1", "https://me:hunter2@proxy:1", "http://me:hunter2@:1", "http://hunter2:x"]
        {
            let choice = chosen(&[("HTTPS_PROXY", text)], "far:1");
            let notice = choice.notice.unwrap();
            assert!(
                choice.proxy.is_none() && notice.contains("HTTPS_PROXY in the environment had no effect"),
                "{notice}"
            );
            assert!(!notice.contains("hunter2"), "{notice}");
        }
    }

    #[test]
    fn exceptions_are_names_domains_addresses_and_networks() {
        let excepted = [
            ("*", "far.example.com:1"),
            ("far.example.com", "far.example.com:1"),
            ("a.b, EXAMPLE.com", "far.example.com:1"),
            (".example.com", "far.example.com:1"),
            ("*.example.com", "far.example.com:1"),
            ("example.com:7233", "far.example.com:7233"),
            ("10.1.2.3", "10.1.2.3:1"),
            ("10.0.0.0/8", "10.1.2.3:1"),
            ("0.0.0.0/0", "10.1.2.3:1"),
            ("fd00::/8", "[fd12::1]:1"),
            ("[fd12::1]:1", "[fd12::1]:1"),
            ("'far.example.com'", "far.example.com:1"),
            ("a.b;far.example.com\nc", "far.example.com:1"),
            ("http://far.example.com/", "far.example.com:1"),
            ("example.com.", "far.example.com:1"),
        ];
        for (list, address) in excepted {
            assert!(address_of(&[("HTTPS_PROXY", "p:1"), ("NO_PROXY", list)], address).is_none(), "{list}");
            assert!(address_of(&[("HTTPS_PROXY", "p:1"), ("no_proxy", list)], address).is_none(), "{list}");
        }
        let others = [
            ("", "far.example.com:1"),
            ("ar.example.com", "far.example.com:1"),
            (".example.com", "example.com:1"),
            ("example.com:7233", "far.example.com:7234"),
            ("10.1.2.4", "10.1.2.3:1"),
            ("10.1.2.0/33", "10.1.2.3:1"),
            ("11.0.0.0/8", "10.1.2.3:1"),
            ("::/0", "10.1.2.3:1"),
        ];
        for (list, address) in others {
            assert!(address_of(&[("HTTPS_PROXY", "p:1"), ("NO_PROXY", list)], address).is_some(), "{list}");
        }
    }
}
