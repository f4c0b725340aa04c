//! The server to connect to, and the settings of the connection.

use std::time::Duration;

use secrecy::SecretString;

use super::{codec::Codec, proxy::Proxy, tls::Tls};

/// A server and the identity of this client.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// `host:port`.
    pub address: String,
    /// Plaintext or TLS.
    pub transport: Transport,
    /// API key, sent with every call. Without TLS it can be read on the network.
    pub api_key: Option<SecretString>,
    /// gRPC metadata of every call: names in lower case, and values that may be secrets.
    pub metadata: Vec<(String, SecretString)>,
    /// Proxy for the connection; `None` for a direct connection.
    pub proxy: Option<Proxy>,
    /// Notice about a configured proxy that is not used, for the error of a failed connection.
    pub unused_proxy: Option<String>,
    /// Namespace on the server.
    pub namespace: String,
    /// Identity of this process, which Temporal shows with each of its actions.
    pub identity: String,
    /// Maximum time for each stage of connecting.
    pub timeout: Duration,
    /// Codec that encrypts the payloads on the server; `None` if they are not encrypted.
    pub codec: Option<Codec>,
}

/// How the connection is secured.
#[derive(Debug, Clone, Default)]
pub enum Transport {
    /// Not encrypted: anyone on the network can read and alter it.
    #[default]
    Plaintext,
    /// TLS with these settings.
    Tls(Tls),
}

impl Endpoint {
    /// Creates an endpoint without TLS and with a timeout of 5 s.
    #[must_use]
    pub fn plain(address: impl Into<String>, namespace: impl Into<String>, identity: impl Into<String>) -> Self {
        Self {
            address: address.into(),
            transport: Transport::Plaintext,
            api_key: None,
            metadata: Vec::new(),
            proxy: None,
            unused_proxy: None,
            namespace: namespace.into(),
            identity: identity.into(),
            timeout: Duration::from_secs(5),
            codec: None,
        }
    }

    /// The host of the address, without brackets.
    pub(super) fn host(&self) -> &str {
        self.address.rsplit_once(':').map_or(self.address.as_str(), |(host, _)| host).trim_matches(['[', ']'])
    }
}
