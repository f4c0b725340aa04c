//! Why the SDK could not connect: what the judge of the certificate found, and what TLS reports.

use std::{error::Error, io};

use rustls::{AlertDescription, CertificateError as Verdict};
use temporalio_client::errors::ClientConnectError;

use super::{
    connect_error::{ConnectError, MAX_CAUSE_CHARS, last_cause, not_temporal, of_status},
    dial::dial,
    endpoint::{Endpoint, Transport},
    tls::{Finding, Judge, Judgement, Tls, probe},
};
use crate::domain::sanitize;

/// Why the SDK could not connect, given who judged the server's certificate. Where that stays in the dark, the server is asked
/// once more.
pub(super) async fn diagnose(error: &ClientConnectError, endpoint: &Endpoint, judge: Option<&Judge>) -> ConnectError {
    let address = endpoint.address.clone();
    let plain = || match error {
        ClientConnectError::SystemInfoCallError(status) => of_status(status, endpoint),
        other => not_temporal(endpoint, last_cause(other)),
    };
    let (Transport::Tls(tls), Some(judge)) = (&endpoint.transport, judge) else { return plain() };
    if let Some(refused) = judge.last().and_then(|judgement| of_judgement(&judgement, &address)) {
        return refused;
    }
    // The status that carries the cause hides it from whoever asks the error itself.
    let cause = match error {
        ClientConnectError::SystemInfoCallError(status) => tls_cause(status),
        other => tls_cause(other),
    };
    let alert = match cause {
        Some(rustls::Error::AlertReceived(alert)) => Some(*alert),
        Some(rustls::Error::InvalidMessage(_)) => return ConnectError::NotTls { address },
        Some(error) => return ConnectError::Tls { address, cause: sanitize(&error.to_string(), MAX_CAUSE_CHARS) },
        None if is_answer(error) => return plain(),
        None => match find_out(endpoint, tls, judge).await {
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
        // The server gave up before it showed a certificate, so it is not about the client's.
        Some(AlertDescription::HandshakeFailure) if judge.last().is_none() => {
            ConnectError::Tls { address, cause: NOTHING_IN_COMMON.to_owned() }
        }
        // Before TLS 1.3 there was no alert of its own for that.
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

/// Why a handshake fails before any certificate.
const NOTHING_IN_COMMON: &str = "the two sides have no method in common; supported are TLS 1.2 and 1.3, and a server \
                                 certificate whose key is ECDSA on P-256 or P-384, Ed25519, or RSA of 2048 bits or more";

/// Asks the server once more, on a connection of its own.
async fn find_out(endpoint: &Endpoint, tls: &Tls, judge: &Judge) -> Option<Finding> {
    let limit = endpoint.timeout;
    let stream = dial(endpoint).await.ok()?;
    probe(stream, endpoint.host(), tls, judge, limit).await
}

/// Whether the server itself answered, so that the connection is not what is wrong.
fn is_answer(error: &ClientConnectError) -> bool {
    matches!(error, ClientConnectError::SystemInfoCallError(status) if status.source().is_none())
}

fn of_judgement(judgement: &Judgement, address: &str) -> Option<ConnectError> {
    let verdict = judgement.verdict()?;
    let address = address.to_owned();
    let cause = || sanitize(&verdict.to_string(), MAX_CAUSE_CHARS);
    let Some(shown) = &judgement.certificate else {
        return Some(ConnectError::BadServerCertificate { address, cause: cause() });
    };
    Some(match verdict {
        Verdict::UnknownIssuer => ConnectError::UnknownIssuer { address, issuer: shown.issuer.clone() },
        Verdict::NotValidForName | Verdict::NotValidForNameContext { .. } => {
            let names = if shown.names.is_empty() { "no name at all".to_owned() } else { shown.names.join(", ") };
            ConnectError::WrongName {
                address,
                asked: judgement.asked.clone(),
                names: sanitize(&names, MAX_CAUSE_CHARS),
            }
        }
        Verdict::Expired | Verdict::ExpiredContext { .. } => {
            ConnectError::ServerExpired { address, until: shown.until.clone() }
        }
        Verdict::NotValidYet | Verdict::NotValidYetContext { .. } => {
            ConnectError::ServerNotYetValid { address, from: shown.from.clone() }
        }
        Verdict::Other(_) if shown.is_authority => {
            let kind = if judgement.asked.parse::<std::net::IpAddr>().is_ok() { "IP" } else { "DNS" };
            ConnectError::AuthorityAsServer { address, host: sanitize(&judgement.asked, MAX_CAUSE_CHARS), kind }
        }
        _ => ConnectError::BadServerCertificate { address, cause: cause() },
    })
}

/// Alerts with which a server refuses a client's certificate.
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
        AlertDescription::UnknownCA => "it does not know the authority that signed it".to_owned(),
        AlertDescription::CertificateExpired => "it says that it has expired".to_owned(),
        AlertDescription::CertificateRevoked => "it says that it was revoked".to_owned(),
        other => format!("{other:?}"),
    }
}

/// What TLS itself says, wherever in the chain of causes. An I/O error hides its inside from [`Error::source`].
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
