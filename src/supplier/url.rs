//! The address of a supplier.

use std::{fmt, net::Ipv4Addr, str::FromStr};

use url::Url;

/// Port at which this program's own service listens by default.
const DEFAULT_PORT: u16 = 8855;

/// The base of a supplier's addresses: `http` or `https`, without a user name, a query or a fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SupplierUrl(Url);

/// Why a text is not the address of a supplier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SupplierUrlError {
    /// It is not a URL of `http` or `https`.
    #[error("it must be an address such as http://127.0.0.1:8855")]
    Form,
    /// It has a user name, which would be visible in logs and in the arguments of processes.
    #[error("it must have no user name or password")]
    User,
    /// It has a query or a fragment.
    #[error("it must have no '?' and no '#', because paths such as /orders are added to it")]
    Query,
}

impl SupplierUrl {
    /// The address of `path`, which begins with a slash, and may have a query.
    pub(super) fn join(&self, path: &str) -> String {
        format!("{}{path}", self.0.as_str().trim_end_matches('/'))
    }

    /// Whether it is on this machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        match self.0.host() {
            Some(url::Host::Domain(name)) => name == "localhost",
            Some(url::Host::Ipv4(address)) => address.is_loopback(),
            Some(url::Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        }
    }

    /// Whether requests are encrypted.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// The port, if this program's own service on `127.0.0.1` has this address. It has neither TLS nor a path.
    #[must_use]
    pub fn own_port(&self) -> Option<u16> {
        let is_own = match self.0.host()? {
            url::Host::Domain(name) => name == "localhost",
            url::Host::Ipv4(address) => address == Ipv4Addr::LOCALHOST,
            url::Host::Ipv6(_) => false,
        };
        (is_own && !self.is_https() && self.0.path() == "/").then(|| self.0.port_or_known_default()).flatten()
    }

    /// What to do if it is not reachable.
    pub(super) fn remedy(&self) -> String {
        match self.own_port() {
            Some(DEFAULT_PORT) => "start it with: idempotence supplier".to_owned(),
            Some(port) => format!("start it with: idempotence supplier --listen 127.0.0.1:{port}"),
            None if self.is_loopback() => "start it, or check SUPPLIER_URL".to_owned(),
            None => "check SUPPLIER_URL and the network".to_owned(),
        }
    }
}

impl FromStr for SupplierUrl {
    type Err = SupplierUrlError;

    fn from_str(text: &str) -> Result<Self, SupplierUrlError> {
        let url = Url::parse(text.trim()).map_err(|_| SupplierUrlError::Form)?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(SupplierUrlError::Form);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(SupplierUrlError::User);
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(SupplierUrlError::Query);
        }
        Ok(Self(url))
    }
}

impl fmt::Display for SupplierUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0.as_str().trim_end_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_base_for_paths() {
        for (text, joined, port) in [
            ("http://127.0.0.1:8855", "http://127.0.0.1:8855/orders", Some(8855)),
            (" http://localhost:8855/ ", "http://localhost:8855/orders", Some(8855)),
            ("http://localhost", "http://localhost/orders", Some(80)),
            // The service does not listen there.
            ("http://[::1]:8855", "http://[::1]:8855/orders", None),
            ("http://127.0.0.2:8855", "http://127.0.0.2:8855/orders", None),
            ("http://127.0.0.1:8855/shop/", "http://127.0.0.1:8855/shop/orders", None),
            ("https://127.0.0.1:8855", "https://127.0.0.1:8855/orders", None),
            ("https://supplier.example/v1", "https://supplier.example/v1/orders", None),
        ] {
            let url: SupplierUrl = text.parse().unwrap();
            assert_eq!((url.join("/orders"), url.own_port()), (joined.to_owned(), port), "{text}");
        }
    }

    #[test]
    fn only_an_address_of_our_own_service_is_advised_to_be_started() {
        for (text, remedy) in [
            ("http://127.0.0.1:8855", "start it with: idempotence supplier"),
            ("http://localhost:9000", "start it with: idempotence supplier --listen 127.0.0.1:9000"),
            ("https://127.0.0.1:8855", "start it, or check SUPPLIER_URL"),
            ("http://[::1]:8855", "start it, or check SUPPLIER_URL"),
            ("https://supplier.example/v1", "check SUPPLIER_URL and the network"),
            ("http://192.0.2.1:8855", "check SUPPLIER_URL and the network"),
        ] {
            let url: SupplierUrl = text.parse().unwrap();
            assert_eq!(url.remedy(), remedy, "{text}");
            let error = crate::supplier::SupplierError::Unreachable { url, cause: "refused".to_owned() }.to_string();
            assert_eq!(error, format!("the supplier at {text} is not reachable: refused; {remedy}"));
        }
    }

    #[test]
    fn other_texts_are_refused() {
        use SupplierUrlError::{Form, Query, User};
        for (text, problem) in [
            ("", Form),
            ("8855", Form),
            ("localhost:8855", Form),
            ("ftp://localhost", Form),
            ("http://", Form),
            ("http://me:secret@localhost", User),
            ("http://localhost?a=b", Query),
            ("http://localhost#a", Query),
        ] {
            assert_eq!(text.parse::<SupplierUrl>(), Err(problem), "{text}");
        }
    }
}
