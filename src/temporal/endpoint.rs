//! Which server to connect to, and how.

use std::time::Duration;

use secrecy::SecretString;

use super::{codec::Codec, proxy::Proxy, tls::Tls};

/// Where the server is, and who asks.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// `host:port`.
    pub address: String,
    pub transport: Transport,
    /// Sent with every call. Readable on the way without TLS.
    pub api_key: Option<SecretString>,
    /// Sent with every call: names in lower case, as gRPC has them, and values that may be secrets.
    pub metadata: Vec<(String, SecretString)>,
    /// What the connection goes through; `None`: it is made directly.
    pub proxy: Option<Proxy>,
    /// The notice about a proxy that is named and not used.
    pub unused_proxy: Option<String>,
    pub namespace: String,
    /// Shown by Temporal beside what this process does.
    pub identity: String,
    /// How long a server may take to answer before it counts as silent.
    pub timeout: Duration,
    /// Encrypts what the server stores.
    pub codec: Option<Codec>,
}

/// What the connection is made of.
#[derive(Debug, Clone, Default)]
pub enum Transport {
    /// Everybody on the way can read it.
    #[default]
    Plaintext,
    Tls(Tls),
}

impl Endpoint {
    /// One without TLS, with 5 s to answer.
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
