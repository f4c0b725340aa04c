//! Where a codec server listens, which pages may ask it, and the token that everybody must show.

use std::{fmt, net::SocketAddr};

use axum::http::HeaderValue;
use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;
use url::Url;

use crate::{
    error_text::quoted,
    listen::{ListenAddress, ListenAddressError},
};

/// What a codec server needs to know.
pub struct CodecServerOptions {
    listen: SocketAddr,
    origins: Vec<HeaderValue>,
    token: Option<SecretString>,
}

impl fmt::Debug for CodecServerOptions {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { listen, origins, token } = self;
        let token = token.as_ref().map(|_| "not shown");
        let mut shown = out.debug_struct("CodecServerOptions");
        shown.field("listen", listen).field("origins", origins).field("token", &token).finish()
    }
}

/// Why options make no codec server. Never holds the token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OptionsError {
    /// Other computers could ask without a token.
    #[error(
        "a codec server at {listen} would decrypt for every computer that reaches it; let it listen at 127.0.0.1, or set \
         a token"
    )]
    Open {
        /// Where it would listen.
        listen: SocketAddr,
    },
    /// Not an address to listen at.
    #[error(
        "{listen} is not an address to listen at ({problem}); write it as in 127.0.0.1:8081, localhost:8081 or 8081"
    )]
    Listen {
        /// What was given, quoted.
        listen: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Not where a page can come from.
    #[error(
        "{origin} is not where a page comes from; write it as in http://localhost:8233, without a path or a wildcard, once \
         for each host"
    )]
    Origin {
        /// What was given, quoted.
        origin: String,
    },
    /// Not what a header can carry.
    #[error("the codec server's token is empty, or has a space or a character that is not ASCII; set another one")]
    Token,
}

/// The address to listen at.
///
/// # Errors
/// [`OptionsError::Listen`].
pub async fn resolve_listen(text: &str) -> Result<SocketAddr, OptionsError> {
    let refused = |problem: String| OptionsError::Listen { listen: quoted(text.trim()), problem };
    let listen: ListenAddress = text.parse().map_err(|error: ListenAddressError| refused(error.to_string()))?;
    listen.resolve().await.map_err(|error| refused(error.to_string()))
}

impl CodecServerOptions {
    /// `origins` are the pages that may ask, such as `http://localhost:8233`; a request without an origin comes from no
    /// page. With a `token`, every request must bring it as `Authorization: Bearer`.
    ///
    /// # Errors
    /// [`OptionsError`].
    pub fn new(
        listen: SocketAddr,
        origins: impl IntoIterator<Item = impl AsRef<str>>,
        token: Option<SecretString>,
    ) -> Result<Self, OptionsError> {
        let origins = origins.into_iter().map(|text| origin(text.as_ref())).collect::<Result<_, _>>()?;
        let can_travel = |token: &SecretString| {
            let token = token.expose_secret();
            !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic())
        };
        if token.as_ref().is_some_and(|token| !can_travel(token)) {
            return Err(OptionsError::Token);
        }
        let options = Self { listen, origins, token };
        if options.allows(listen) { Ok(options) } else { Err(OptionsError::Open { listen }) }
    }

    /// Where it is to listen.
    #[must_use]
    pub const fn listen(&self) -> SocketAddr {
        self.listen
    }

    /// Whether it may listen there: other computers need a token.
    pub(super) const fn allows(&self, address: SocketAddr) -> bool {
        address.ip().is_loopback() || self.token.is_some()
    }

    /// As browsers send them.
    pub(super) fn origins(&self) -> &[HeaderValue] {
        &self.origins
    }

    /// Whether a request with this `Authorization` may go on. Takes the same time whatever the token's letters are.
    pub(super) fn admits(&self, authorization: Option<&HeaderValue>) -> bool {
        let Some(token) = &self.token else { return true };
        let shown = authorization.map(HeaderValue::as_bytes).and_then(|value| {
            let (scheme, shown) = value.split_at_checked("Bearer ".len())?;
            scheme.eq_ignore_ascii_case(b"Bearer ").then_some(shown)
        });
        shown.is_some_and(|shown| bool::from(shown.ct_eq(token.expose_secret().as_bytes())))
    }
}

/// An origin in the form in which browsers send it.
fn origin(text: &str) -> Result<HeaderValue, OptionsError> {
    let refused = || OptionsError::Origin { origin: quoted(text) };
    let url = Url::parse(text).map_err(|_| refused())?;
    let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    let has_user = !url.username().is_empty() || url.password().is_some();
    // A browser sends the name of a host, so a pattern never matches.
    let is_pattern = url.host_str().is_none_or(|host| host.contains('*'));
    if !matches!(url.scheme(), "http" | "https") || !is_bare || has_user || is_pattern {
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
    fn other_computers_need_a_token() {
        for listen in ["127.0.0.1:8888", "[::1]:0", "127.8.9.1:1"] {
            assert!(options(listen, &[], None).is_ok(), "{listen}");
        }
        for listen in ["0.0.0.0:8888", "[::]:8888", "192.168.1.2:1"] {
            let refused = options(listen, &[], None).unwrap_err();
            assert_eq!(refused, OptionsError::Open { listen: listen.parse().unwrap() });
            assert!(options(listen, &[], Some("secret")).is_ok(), "{listen}");
        }
    }

    #[test]
    fn an_origin_is_taken_as_browsers_send_it() {
        let good = [
            "http://localhost:8233",
            "HTTP://Localhost:8233/",
            "https://cloud.temporal.io:443",
            "http://[::1]:80",
            "https://ünï.de",
        ];
        let taken = options("127.0.0.1:0", &good, None).unwrap();
        let sent = [
            "http://localhost:8233",
            "http://localhost:8233",
            "https://cloud.temporal.io",
            "http://[::1]",
            "https://xn--n-nga1b.de",
        ];
        assert_eq!(taken.origins(), sent);
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
    async fn a_wrong_address_is_quoted_with_what_is_wrong_and_how_to_write_it() {
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
