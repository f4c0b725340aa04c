//! Determines why the SDK could not connect, from its error, the refusal of the certificate and the TLS alert.

use std::{error::Error, io};

use rustls::{AlertDescription, CertificateError as CertificateDefect};
use temporalio_client::errors::ClientConnectError;

use super::{
    connect_error::{ConnectError, MAX_CAUSE_CHARS, last_cause, not_temporal, of_status},
    dial::dial,
    endpoint::{Endpoint, Transport},
    tls::{Finding, RecordingVerifier, Tls, Verification, probe},
};
use crate::domain::sanitize;

/// Returns why the SDK could not connect. `verifier` verified the server's certificate. If neither the verifier nor the error
/// shows the cause, this function connects once more.
pub(super) async fn diagnose(
    error: &ClientConnectError,
    endpoint: &Endpoint,
    verifier: Option<&RecordingVerifier>,
) -> ConnectError {
    let address = endpoint.address.clone();
    let plain = || match error {
        ClientConnectError::SystemInfoCallError(status) => of_status(status, endpoint),
        other => not_temporal(endpoint, last_cause(other)),
    };
    let (Transport::Tls(tls), Some(verifier)) = (&endpoint.transport, verifier) else { return plain() };
    if let Some(refused) = verifier.last().and_then(|verification| of_verification(&verification, &address)) {
        return refused;
    }
    // The outer error does not expose the cause inside its status.
    let cause = match error {
        ClientConnectError::SystemInfoCallError(status) => tls_cause(status),
        other => tls_cause(other),
    };
    let alert = match cause {
        Some(rustls::Error::AlertReceived(alert)) => Some(*alert),
        Some(rustls::Error::InvalidMessage(_)) => return ConnectError::NotTls { address },
        Some(error) => return ConnectError::Tls { address, cause: sanitize(&error.to_string(), MAX_CAUSE_CHARS) },
        None if is_answer(error) => return plain(),
        None => match probe_again(endpoint, tls, verifier).await {
            Some(Finding::NoHttp2 | Finding::Alert(AlertDescription::NoApplicationProtocol)) => {
                return ConnectError::NoHttp2 { address };
            }
            Some(Finding::Alert(alert)) => Some(alert),
            None => None,
        },
    };
    match alert {
        Some(AlertDescription::NoApplicationProtocol) => ConnectError::NoHttp2 { address },
        Some(AlertDescription::CertificateRequired) => ConnectError::IdentityWanted { address },
        // The server ended the handshake before it sent its certificate, so the client's certificate is not the cause.
        Some(AlertDescription::HandshakeFailure) if verifier.last().is_none() => {
            ConnectError::Tls { address, cause: NO_COMMON_METHOD.to_owned() }
        }
        // TLS before 1.3 has no alert for a missing client certificate.
        Some(AlertDescription::HandshakeFailure | AlertDescription::BadCertificate) if tls.identity.is_none() => {
            ConnectError::IdentityWanted { address }
        }
        Some(alert) if is_about_identity(alert) && tls.identity.is_some() => {
            ConnectError::IdentityRefused { address, cause: words(alert) }
        }
        Some(alert) => ConnectError::Tls { address, cause: words(alert) },
        None => plain(),
    }
}

/// Cause of a handshake that fails before any certificate is sent.
const NO_COMMON_METHOD: &str = "the two sides have no method in common; supported are TLS 1.2 and 1.3, and a server \
                                 certificate whose key is ECDSA on P-256 or P-384, Ed25519, or RSA of 2048 bits or more";

/// Connects once more to find the cause.
async fn probe_again(endpoint: &Endpoint, tls: &Tls, verifier: &RecordingVerifier) -> Option<Finding> {
    let limit = endpoint.timeout;
    let stream = dial(endpoint).await.ok()?;
    probe(stream, endpoint.host(), tls, verifier, limit).await
}

/// Whether the server itself answered, which shows that the connection works.
fn is_answer(error: &ClientConnectError) -> bool {
    matches!(error, ClientConnectError::SystemInfoCallError(status) if status.source().is_none())
}

fn of_verification(verification: &Verification, address: &str) -> Option<ConnectError> {
    let defect = verification.defect()?;
    let address = address.to_owned();
    let cause = || sanitize(&defect.to_string(), MAX_CAUSE_CHARS);
    let Some(shown) = &verification.certificate else {
        return Some(ConnectError::BadServerCertificate { address, cause: cause() });
    };
    Some(match defect {
        CertificateDefect::UnknownIssuer => ConnectError::UnknownIssuer { address, issuer: shown.issuer.clone() },
        CertificateDefect::NotValidForName | CertificateDefect::NotValidForNameContext { .. } => {
            let names = if shown.names.is_empty() { "no name".to_owned() } else { shown.names.join(", ") };
            ConnectError::WrongName {
                address,
                asked: verification.expected.clone(),
                names: sanitize(&names, MAX_CAUSE_CHARS),
            }
        }
        CertificateDefect::Expired | CertificateDefect::ExpiredContext { .. } => {
            ConnectError::ServerExpired { address, until: shown.until.clone() }
        }
        CertificateDefect::NotValidYet | CertificateDefect::NotValidYetContext { .. } => {
            ConnectError::ServerNotYetValid { address, from: shown.from.clone() }
        }
        CertificateDefect::Other(_) if shown.is_authority => {
            let kind = if verification.expected.parse::<std::net::IpAddr>().is_ok() { "IP" } else { "DNS" };
            ConnectError::AuthorityAsServer { address, host: sanitize(&verification.expected, MAX_CAUSE_CHARS), kind }
        }
        _ => ConnectError::BadServerCertificate { address, cause: cause() },
    })
}

/// Whether an alert rejects the client's certificate.
const fn is_about_identity(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied
            | AlertDescription::DecryptError
            | AlertDescription::HandshakeFailure
    )
}

fn words(alert: AlertDescription) -> String {
    match alert {
        AlertDescription::UnknownCA => "it does not trust the authority that signed it".to_owned(),
        AlertDescription::CertificateExpired => "expired".to_owned(),
        AlertDescription::CertificateRevoked => "revoked".to_owned(),
        other => format!("{other:?}"),
    }
}

/// Finds the TLS error in a chain of causes. [`Error::source`] of an I/O error skips the error inside it.
fn tls_cause<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e rustls::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        let inside = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        let found = error.downcast_ref().or_else(|| inside?.downcast_ref());
        if found.is_some() {
            return found;
        }
        next = error.source().or_else(|| inside.map(|inside| inside as &(dyn Error + 'static)));
    }
    None
}
