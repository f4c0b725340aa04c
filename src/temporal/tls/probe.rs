//! Determines why a server closed a TLS connection. The reason is in an alert, which the client loses if it has written
//! data in the meantime. After the handshake, the probe therefore only reads.

use std::{io, sync::Arc, time::Duration};

use rustls::{AlertDescription, ClientConfig, crypto::ring, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite},
    time::timeout,
};
use tokio_rustls::TlsConnector;

use super::{RecordingVerifier, Tls, chain_of, key_of};

/// Name of gRPC's protocol in TLS.
const HTTP2: &[u8] = b"h2";

/// Result of a connection attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// The server ended the connection with this alert.
    Alert(AlertDescription),
    /// TLS works, but the server did not offer HTTP/2 (ALPN `h2`).
    NoHttp2,
}

/// Tests TLS on a new `stream` to `host`. Returns `None` if no cause is found within `limit`.
pub async fn probe(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    host: &str,
    tls: &Tls,
    verifier: &RecordingVerifier,
    limit: Duration,
) -> Option<Finding> {
    let config = Arc::new(config(tls, verifier)?);
    let name = ServerName::try_from(tls.server_name.as_deref().unwrap_or(host).to_owned()).ok()?;
    let asked = async {
        let mut stream = TlsConnector::from(config).connect(name, stream).await.map_err(|error| alert(&error))?;
        if stream.get_ref().1.alpn_protocol() != Some(HTTP2) {
            return Ok(Finding::NoHttp2);
        }
        match stream.read_u8().await {
            Ok(_) => Err(None),
            Err(error) => Err(alert(&error)),
        }
    };
    match timeout(limit, asked).await.ok()? {
        Ok(finding) => Some(finding),
        Err(alert) => alert.map(Finding::Alert),
    }
}

fn config(tls: &Tls, verifier: &RecordingVerifier) -> Option<ClientConfig> {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().ok()?;
    let builder = builder.dangerous().with_custom_certificate_verifier(verifier.verifier());
    let mut config = match &tls.identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            builder.with_client_auth_cert(chain_of(&identity.certificate).ok()?, key_of(&identity.key).ok()?).ok()?
        }
    };
    config.alpn_protocols = vec![HTTP2.to_vec()];
    Some(config)
}

fn alert(error: &io::Error) -> Option<AlertDescription> {
    match error.get_ref()?.downcast_ref()? {
        rustls::Error::AlertReceived(alert) => Some(*alert),
        _ => None,
    }
}
