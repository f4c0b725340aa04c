//! Asks a server that broke a connection off why it did. It says so in an alert, which is lost where the client has written
//! something meanwhile; this writes nothing, and listens.

use std::{io, sync::Arc, time::Duration};

use rustls::{
    AlertDescription, ClientConfig,
    crypto::ring,
    pki_types::{PrivateKeyDer, ServerName, pem::PemObject},
};
use secrecy::ExposeSecret;
use tokio::{io::AsyncReadExt, net::TcpStream, time::timeout};
use tokio_rustls::TlsConnector;

use super::{Judge, Tls, chain_of, read};

/// The alert with which the server at `address` ends a connection under these terms; `None` where it does not, or in
/// another way.
pub async fn alert_of(address: &str, tls: &Tls, judge: &Judge, patience: Duration) -> Option<AlertDescription> {
    let config = Arc::new(config(tls, judge)?);
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host).trim_matches(['[', ']']);
    let name = ServerName::try_from(tls.server_name.as_deref().unwrap_or(host).to_owned()).ok()?;
    let asked = async {
        let stream = TcpStream::connect(address).await?;
        let mut stream = TlsConnector::from(config).connect(name, stream).await?;
        stream.read_u8().await
    };
    alert(&timeout(patience, asked).await.ok()?.err()?)
}

fn config(tls: &Tls, judge: &Judge) -> Option<ClientConfig> {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().ok()?;
    let builder = builder.dangerous().with_custom_certificate_verifier(judge.verifier());
    let mut config = match &tls.identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let chain = chain_of(&identity.certificate, &read(&identity.certificate).ok()?).ok()?;
            let key = read(&identity.key).ok()?;
            let key = PrivateKeyDer::from_pem_slice(key.expose_secret().as_bytes()).ok()?;
            builder.with_client_auth_cert(chain, key).ok()?
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    Some(config)
}

fn alert(error: &io::Error) -> Option<AlertDescription> {
    match error.get_ref()?.downcast_ref()? {
        rustls::Error::AlertReceived(alert) => Some(*alert),
        _ => None,
    }
}
