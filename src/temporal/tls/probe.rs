//! Asks a server that broke a connection off why it did. It says so in an alert, which is lost where the client has written
//! something meanwhile; this writes nothing, and listens.

use std::{io, sync::Arc, time::Duration};

use rustls::{AlertDescription, ClientConfig, crypto::ring, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite},
    time::timeout,
};
use tokio_rustls::TlsConnector;

use super::{Judge, Tls, chain_of, key_of};

/// The protocol that gRPC needs, as TLS names it.
const HTTP2: &[u8] = b"h2";

/// What a connection attempt found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// The server ended the connection with this alert.
    Alert(AlertDescription),
    /// TLS works, and the server did not agree to HTTP/2 (ALPN `h2`).
    NoHttp2,
}

/// Finds out what is wrong with TLS on a fresh `stream` to `host`; `None` if nothing is found in time.
pub async fn probe(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    host: &str,
    tls: &Tls,
    judge: &Judge,
    patience: Duration,
) -> Option<Finding> {
    let config = Arc::new(config(tls, judge)?);
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
    match timeout(patience, asked).await.ok()? {
        Ok(finding) => Some(finding),
        Err(alert) => alert.map(Finding::Alert),
    }
}

fn config(tls: &Tls, judge: &Judge) -> Option<ClientConfig> {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().ok()?;
    let builder = builder.dangerous().with_custom_certificate_verifier(judge.verifier());
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
