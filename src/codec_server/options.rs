//! Options of a codec server: its listen address, the pages that may use it, and the token that clients must send.

use std::{fmt, net::SocketAddr};

use axum::http::HeaderValue;
use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;
use url::Url;

use crate::{
    error_text::quoted,
    listen::{ListenAddress, ListenAddressError},
};

/// Options of a codec server.
pub struct CodecServerOptions {
    listen: SocketAddr,
    origins: Vec<HeaderValue>,
    token: Option<SecretString>,
}

impl fmt::Debug for CodecServerOptions {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { listen, origins, token } = self;
        let token = token.as_ref().map(|_| "not shown");
        let mut fields = out.debug_struct("CodecServerOptions");
        fields.field("listen", listen).field("origins", origins).field("token", &token).finish()
    }
}

/// Why the options are invalid. The message never contains the token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OptionsError {
    /// Other machines could use the server without a token.
    #[error(
        "a codec server on {listen} would decrypt for every machine that can reach it; listen on 127.0.0.1, or set a token"
    )]
    TokenRequired {
        /// The listen address.
        listen: SocketAddr,
    },
    /// The text is not a listen address.
    #[error(
        "{listen} is not a listen address ({problem}); use an address such as 127.0.0.1:8081, localhost:8081 or 8081"
    )]
    Listen {
        /// The text, quoted.
        listen: String,
        /// The problem with the text.
        problem: String,
    },
    /// The text is not an origin of a page.
    #[error(
        "{origin} is not an origin; write one origin per host, such as http://localhost:8233, without a path or a wildcard"
    )]
    Origin {
        /// The text, quoted.
        origin: String,
    },
    /// The token cannot be sent in a header.
    #[error("the codec server's token is empty, or contains a space or a non-ASCII character; set another one")]
    Token,
}

/// Parses a listen address and looks up its host.
///
/// # Errors
/// Returns [`OptionsError::Listen`] if the text is not a listen address, or its host has no address.
pub async fn resolve_listen(text: &str) -> Result<SocketAddr, OptionsError> {
    let refused = |problem: String| OptionsError::Listen { listen: quoted(text.trim()), problem };
    let listen: ListenAddress = text.parse().map_err(|error: ListenAddressError| refused(error.to_string()))?;
    listen.resolve().await.map_err(|error| refused(error.to_string()))
}

impl CodecServerOptions {
    /// Checks the options. `origins` are the pages that may use the server, such as `http://localhost:8233`; a request
    /// without an origin does not come from a page. Every request must send the `token` as `Authorization: Bearer`.
    ///
    /// # Errors
    /// Returns [`OptionsError::Origin`] if a text is not an origin, [`OptionsError::Token`] if the token cannot be sent
    /// in a header, and [`OptionsError::TokenRequired`] if other machines can reach `listen` and there is no token.
    pub fn new(
        listen: SocketAddr,
        origins: impl IntoIterator<Item = impl AsRef<str>>,
        token: Option<SecretString>,
    ) -> Result<Self, OptionsError> {
        let origins = origins.into_iter().map(|text| origin(text.as_ref())).collect::<Result<_, _>>()?;
        let is_sendable = |token: &SecretString| {
            let token = token.expose_secret();
            !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic())
        };
        if token.as_ref().is_some_and(|token| !is_sendable(token)) {
            return Err(OptionsError::Token);
        }
        let options = Self { listen, origins, token };
        if options.allows(listen) { Ok(options) } else { Err(OptionsError::TokenRequired { listen }) }
    }

    /// The listen address. Port 0 selects a free port.
    #[must_use]
    pub const fn listen(&self) -> SocketAddr {
        self.listen
    }

    /// Whether the server may listen on `address`: a non-loopback address requires a token.
    pub(super) const fn allows(&self, address: SocketAddr) -> bool {
        address.ip().is_loopback() || self.token.is_some()
    }

    /// The allowed origins, in the form that browsers send.
    pub(super) fn origins(&self) -> &[HeaderValue] {
        &self.origins
    }

    /// Whether a request with this `Authorization` header is allowed. The comparison takes constant time.
    pub(super) fn admits(&self, authorization: Option<&HeaderValue>) -> bool {
        let Some(token) = &self.token else { return true };
        let sent = authorization.map(HeaderValue::as_bytes).and_then(|value| {
            let (scheme, sent) = value.split_at_checked("Bearer ".len())?;
            scheme.eq_ignore_ascii_case(b"Bearer ").then_some(sent)
        });
        sent.is_some_and(|sent| bool::from(sent.ct_eq(token.expose_secret().as_bytes())))
    }
}

/// Parses an origin into the form that browsers send.
fn origin(text: &str) -> Result<HeaderValue, OptionsError> {
    let refused = || OptionsError::Origin { origin: quoted(text) };
    let url = Url::parse(text).map_err(|_| refused())?;
    let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    let has_user = !url.username().is_empty() || url.password().is_some();
    // Browsers send the name of the host, so a wildcard would never match.
    let has_wildcard = url.host_str().is_none_or(|host| host.contains('*'));
    if !matches!(url.scheme(), "http" | "https") || !is_bare || has_user || has_wildcard {
        return Err(refused());
    }
    HeaderValue::try_from(url.origin().ascii_serialization()).map_err(|_| refused())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(listen: &str, origins: &[&str], token: Option<&str>) -> Result<CodecServerOptions, OptionsError> {
        CodecServerOptions::new(listen.parse().unwrap(), origins, token.map(SecretString::from))
    }

    #[test]
    fn other_machines_need_a_token() {
        for listen in ["127.0.0.1:8888", "[::1]:0", "127.8.9.1:1"] {
            assert!(options(listen, &[], None).is_ok(), "{listen}");
        }
        for listen in ["0.0.0.0:8888", "[::]:8888", "192.168.1.2:1"] {
            let refused = options(listen, &[], None).unwrap_err();
            assert_eq!(refused, OptionsError::TokenRequired { listen: listen.parse().unwrap() });
            assert!(options(listen, &[], Some("secret")).is_ok(), "{listen}");
        }
    }

    #[test]
    fn an_origin_is_normalised_as_browsers_send_it() {
        let good = [
            "http://localhost:8233",
            "HTTP://Localhost:8233/",
            "https://cloud.temporal.io:443",
            "http://[::1]:80",
            "https://ünï.de",
        ];
        let accepted = options("127.0.0.1:0", &good, None).unwrap();
        let sent = [
            "http://localhost:8233",
            "http://localhost:8233",
            "https://cloud.temporal.io",
            "http://[::1]",
            "https://xn--n-nga1b.de",
        ];
        assert_eq!(accepted.origins(), sent);
        let bad = [
            "*",
            "https://*.example",
            "https://*",
            "",
            "null",
            "localhost:8233",
            "file:///a",
            "http://a/b",
            "http://a?b",
            "http://a#b",
            "http://u:p@a",
        ];
        for origin in bad {
            let refused = options("127.0.0.1:0", &[origin], None).unwrap_err();
            assert_eq!(refused, OptionsError::Origin { origin: format!("{origin:?}") });
        }
    }

    #[tokio::test]
    async fn an_invalid_address_is_quoted_with_the_mistake_and_an_example() {
        assert_eq!(resolve_listen("localhost:8081").await, Ok("127.0.0.1:8081".parse().unwrap()));
        for text in ["", "localhost", "http://localhost:8081", "name.invalid:1"] {
            let refused = resolve_listen(text).await.unwrap_err().to_string();
            assert!(
                refused.starts_with(&format!("{text:?} is not")) && refused.contains("localhost:8081"),
                "{refused}"
            );
        }
    }

    #[test]
    fn a_token_is_compared_whole_and_never_shown() {
        for token in ["", "a b", "a\n", "ä"] {
            assert_eq!(options("127.0.0.1:0", &[], Some(token)).unwrap_err(), OptionsError::Token);
        }
        let options = options("127.0.0.1:0", &[], Some("s3cret")).unwrap();
        assert!(!format!("{options:?}").contains("s3cret"));
        let admits = |text: &'static str| options.admits(Some(&HeaderValue::from_static(text)));
        assert!(admits("Bearer s3cret") && admits("bearer s3cret"));
        for text in
            ["", "Bearer", "Bearer ", "Bearer s3cre", "Bearer s3cret1", "Bearer  s3cret", "Basic s3cret", "s3cret"]
        {
            assert!(!admits(text), "{text}");
        }
        assert!(!options.admits(None));
    }
}
