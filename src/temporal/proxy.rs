//! A tunnel through an HTTP proxy (CONNECT). The proxy resolves the server's name. Error messages do not contain its
//! password.

use std::{fmt, io, time::Duration};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use secrecy::{ExposeSecret as _, SecretString, zeroize::Zeroizing};
use temporalio_client::HttpConnectProxyOptions;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::socket::{open, resolve, within};
use crate::domain::sanitize;

/// Maximum length of the proxy's answer before the tunnel opens.
const MAX_ANSWER_BYTES: usize = 16 * 1024;

/// Prefix of every HTTP response.
const HTTP_PREFIX: &[u8] = b"HTTP/";

/// Maximum length of a status line in a message.
const MAX_STATUS_CHARS: usize = 120;

/// An HTTP proxy that the environment names.
#[derive(Clone)]
pub struct Proxy {
    /// The variable and its layer, as part of a sentence: `HTTPS_PROXY in the environment`.
    pub origin: String,
    /// `host:port`.
    pub address: String,
    /// User name and password.
    pub user: Option<(String, SecretString)>,
}

impl fmt::Debug for Proxy {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { origin, address, user } = self;
        let user = user.as_ref().map(|_| "not shown");
        out.debug_struct("Proxy").field("origin", origin).field("address", address).field("user", &user).finish()
    }
}

/// Why a proxy does not open a tunnel.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// The proxy's host name cannot be resolved.
    #[error("its host name does not resolve on this machine ({0})")]
    UnknownHost(io::Error),
    /// The proxy cannot be reached.
    #[error("nothing answers there ({0})")]
    Unreachable(io::Error),
    /// The proxy does not answer the request.
    #[error("it accepts the connection but does not answer ({0})")]
    Silent(io::Error),
    /// The proxy closed the connection.
    #[error("it closed the connection ({0})")]
    Broken(io::Error),
    /// The proxy requires a login.
    #[error("it asks for a user name and a password (407); write it as http://USER:PASSWORD@HOST:PORT")]
    LoginWanted,
    /// The proxy requires a login method other than Basic.
    #[error(
        "it requires the login method {0}, and only Basic is supported; use a proxy on this machine that logs in there, \
         such as cntlm"
    )]
    OtherLogin(String),
    /// The proxy rejects the login.
    #[error("it refuses the user name and the password (407)")]
    LoginRefused,
    /// The proxy answers with another status.
    #[error("it answers: {0}")]
    Refused(String),
    /// The program is not an HTTP proxy.
    #[error("it is not an HTTP proxy: its answer has no status")]
    NotAProxy,
}

impl Proxy {
    /// Returns the client library's options for this proxy.
    pub(super) fn options(&self) -> HttpConnectProxyOptions {
        let user = self.user.as_ref().map(|(name, password)| (name.clone(), password.expose_secret().to_owned()));
        HttpConnectProxyOptions::new(self.address.clone()).maybe_basic_auth(user).build()
    }

    /// Opens a tunnel to `target`, a `host:port` that the proxy resolves. `limit` applies to each stage.
    ///
    /// # Errors
    /// Returns [`ProxyError`] if the proxy cannot be reached or does not open a tunnel.
    pub async fn tunnel(&self, target: &str, limit: Duration) -> Result<TcpStream, ProxyError> {
        let addresses = resolve(&self.address, limit).await.map_err(ProxyError::UnknownHost)?;
        let stream = open(addresses, limit).await.map_err(ProxyError::Unreachable)?;
        let asked = within(limit, async { Ok(self.ask(stream, target).await) });
        asked.await.unwrap_or_else(|late| Err(ProxyError::Silent(late)))
    }

    async fn ask(&self, mut stream: TcpStream, target: &str) -> Result<TcpStream, ProxyError> {
        let mut request = Zeroizing::new(format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n"));
        if let Some((name, password)) = &self.user {
            let login = Zeroizing::new(format!("{name}:{}", password.expose_secret()));
            let login = Zeroizing::new(BASE64_STANDARD.encode(login.as_bytes()));
            request.extend(["Proxy-Authorization: Basic ", login.as_str(), "\r\n"]);
        }
        request.push_str("\r\n");
        stream.write_all(request.as_bytes()).await.map_err(ProxyError::Broken)?;
        let head = head(&mut stream).await?;
        let status = head.lines().next().unwrap_or_default();
        match status.strip_prefix("HTTP/1.").and_then(|rest| rest.split(' ').nth(1)) {
            Some(code) if code.starts_with('2') => Ok(stream),
            Some("407") => Err(match methods_without_basic(&head) {
                Some(methods) => ProxyError::OtherLogin(methods),
                None if self.user.is_some() => ProxyError::LoginRefused,
                None => ProxyError::LoginWanted,
            }),
            Some(_) => Err(ProxyError::Refused(sanitize(status, MAX_STATUS_CHARS))),
            None => Err(ProxyError::NotAProxy),
        }
    }
}

/// Returns the login methods that the proxy offers, if Basic is not one of them.
fn methods_without_basic(head: &str) -> Option<String> {
    let fields = head.lines().filter_map(|line| line.split_once(':'));
    let offered = fields.filter(|(name, _)| name.trim().eq_ignore_ascii_case("proxy-authenticate"));
    let methods: Vec<_> = offered.filter_map(|(_, value)| value.split_whitespace().next()).collect();
    let has_basic = methods.iter().any(|method| method.eq_ignore_ascii_case("basic"));
    (!methods.is_empty() && !has_basic).then(|| sanitize(&methods.join(" or "), MAX_STATUS_CHARS))
}

/// Reads the response up to its empty line. The bytes after it belong to the tunnel and are not read.
async fn head(stream: &mut TcpStream) -> Result<String, ProxyError> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && !head.ends_with(b"\n\n") {
        // Decide from the first bytes, since a server of another protocol may send them and then wait for the client.
        if head.len() == HTTP_PREFIX.len() && head != HTTP_PREFIX {
            return Err(ProxyError::NotAProxy);
        }
        match stream.read_u8().await {
            Ok(byte) if head.len() < MAX_ANSWER_BYTES => head.push(byte),
            Ok(_) => return Err(ProxyError::NotAProxy),
            Err(_) if !head.is_empty() && !head.starts_with(HTTP_PREFIX) => return Err(ProxyError::NotAProxy),
            Err(error) => return Err(ProxyError::Broken(error)),
        }
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

#[cfg(test)]
mod tests {
    use tokio::{net::TcpListener, task::JoinHandle};

    use super::*;

    const LIMIT: Duration = Duration::from_secs(5);

    /// Starts a proxy that sends one `answer`. The task returns the request that the proxy receives.
    async fn proxy(answer: &'static str) -> (String, JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let asked = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = String::new();
            while !request.ends_with("\r\n\r\n") {
                request.push(char::from(stream.read_u8().await.unwrap()));
            }
            stream.write_all(answer.as_bytes()).await.unwrap();
            request
        });
        (address, asked)
    }

    fn named(address: String, user: Option<(&str, &str)>) -> Proxy {
        let user = user.map(|(name, password)| (name.to_owned(), password.into()));
        Proxy { origin: "HTTPS_PROXY in the environment".to_owned(), address, user }
    }

    #[tokio::test]
    async fn a_tunnel_begins_after_the_answer_and_the_proxy_resolves_the_name() {
        let (address, asked) = proxy("HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\nS").await;
        let mut stream = named(address, Some(("me", "p:w"))).tunnel("nowhere.example:7233", LIMIT).await.unwrap();
        assert_eq!(stream.read_u8().await.unwrap(), b'S');
        let asked = asked.await.unwrap();
        assert!(
            asked.starts_with("CONNECT nowhere.example:7233 HTTP/1.1\r\nHost: nowhere.example:7233\r\n"),
            "{asked}"
        );
        let login = BASE64_STANDARD.encode("me:p:w");
        assert!(asked.contains(&format!("\r\nProxy-Authorization: Basic {login}\r\n")), "{asked}");
    }

    #[tokio::test]
    async fn every_refusal_of_a_proxy_has_its_own_message() {
        let cases = [
            ("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", None, "asks for a user name"),
            ("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", Some(("me", "hunter2")), "refuses the user name"),
            (
                "HTTP/1.1 407 X\r\nProxy-Authenticate: NTLM\r\nproxy-authenticate: Negotiate x\r\n\r\n",
                Some(("me", "hunter2")),
                "method NTLM or Negotiate, and only Basic",
            ),
            ("HTTP/1.1 407 X\nProxy-Authenticate: basic realm=x\n\n", None, "asks for a user name"),
            ("HTTP/1.0 403 Forbidden\r\n\r\n", None, "it answers: HTTP/1.0 403 Forbidden"),
            ("HTTP/1.1 502 Bad\u{1b}[2J Gateway\r\n\r\n", None, "502 Bad"),
            ("SSH-2.0-OpenSSH\r\n", None, "not an HTTP proxy"),
            ("SSH-2.0-OpenSSH\r\n\r\n", None, "not an HTTP proxy"),
            ("<html><body>Not found</body></html>", None, "not an HTTP proxy"),
            ("HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\n\r\n<html>", None, "400 Bad Request"),
            ("HTTP/1.1 200", None, "it closed the connection"),
            ("", None, "it closed the connection"),
        ];
        for (answer, user, said) in cases {
            let (address, _asked) = proxy(answer).await;
            let proxy = named(address, user);
            let error = proxy.tunnel("a:1", LIMIT).await.unwrap_err().to_string();
            assert!(error.contains(said) && !error.contains('\u{1b}'), "{answer:?}: {error}");
            assert!(!format!("{error} {proxy:?}").contains("hunter2"));
        }
        let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let error = named(closed.to_string(), None).tunnel("a:1", LIMIT).await.unwrap_err();
        assert!(matches!(error, ProxyError::Unreachable(_)), "{error}");
        let unknown = named("proxy.invalid:3128".to_owned(), None).tunnel("a:1", LIMIT).await.unwrap_err();
        assert!(unknown.to_string().contains("its host name does not resolve"), "{unknown}");
    }

    #[tokio::test]
    async fn a_proxy_that_does_not_answer_times_out() {
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = named(silent.local_addr().unwrap().to_string(), None);
        let error = proxy.tunnel("a:1", Duration::from_millis(100)).await.unwrap_err();
        assert!(matches!(error, ProxyError::Silent(_)), "{error}");
    }
}
