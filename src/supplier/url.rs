//! The address of a supplier.

use std::{fmt, str::FromStr};

use url::Url;

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

    /// The port, if it is on this machine and the protocol is `http`.
    #[must_use]
    pub fn loopback_port(&self) -> Option<u16> {
        let is_loopback = match self.0.host()? {
            url::Host::Domain(name) => name == "localhost",
            url::Host::Ipv4(address) => address.is_loopback(),
            url::Host::Ipv6(address) => address.is_loopback(),
        };
        (is_loopback && self.0.scheme() == "http").then(|| self.0.port_or_known_default()).flatten()
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
            ("http://[::1]/shop/", "http://[::1]/shop/orders", Some(80)),
            ("https://127.0.0.1:8855", "https://127.0.0.1:8855/orders", None),
            ("https://supplier.example/v1", "https://supplier.example/v1/orders", None),
        ] {
            let url: SupplierUrl = text.parse().unwrap();
            assert_eq!((url.join("/orders"), url.loopback_port()), (joined.to_owned(), port), "{text}");
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
