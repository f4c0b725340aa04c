//! Which server to connect to, and how.

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
    /// Sent with every call. Without TLS it can be read on the network.
    pub api_key: Option<SecretString>,
    /// gRPC metadata of every call: names in lower case, and values that may be secrets.
    pub metadata: Vec<(String, SecretString)>,
    /// The proxy of the connection; `None`: a direct connection.
    pub proxy: Option<Proxy>,
    /// A notice about a proxy that is set and not used, for the error of a failed connection.
    pub unused_proxy: Option<String>,
    /// Namespace on the server.
    pub namespace: String,
    /// Temporal shows it with every action of this process.
    pub identity: String,
    /// Maximum time for each stage of connecting.
    pub timeout: Duration,
    /// Encrypts the payloads that the server stores; `None`: they are not encrypted.
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
    /// An endpoint without TLS and with a timeout of 5 s.
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
