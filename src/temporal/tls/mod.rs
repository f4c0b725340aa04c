//! TLS settings of a connection. Certificates are read again for every connection, so that renewed ones are used. They
//! are checked before use, because the error then has a reason, which a server's alert lacks.

mod certificates;
mod key_kind;
mod pem;
mod probe;
mod verifier;

use std::{path::PathBuf, time::SystemTime};

use rustls::pki_types::CertificateDer;
use secrecy::SecretString;
use temporalio_client::{ClientTlsOptions, TlsOptions};

pub use certificates::CertificateError;
use certificates::{Certificate, chain_of, check_pair, key_of, written};
pub use key_kind::KeyKind;
pub use pem::PemProblem;
pub(crate) use pem::is_content;
pub(super) use probe::{Finding, probe};
pub use verifier::ServerCertificate;
pub(super) use verifier::{RecordingVerifier, Verification};

/// Number of days before a certificate's expiry during which a warning is shown.
pub const EXPIRY_WARNING_DAYS: i64 = 14;

/// A certificate or a key in the settings.
#[derive(Debug, Clone)]
pub struct Pem {
    /// Setting and its source, as part of a message: `TEMPORAL_TLS_CERT in the environment`.
    pub origin: String,
    /// The file or the text.
    pub source: PemSource,
}

/// Location of the PEM text.
#[derive(Debug, Clone)]
pub enum PemSource {
    /// The path of a file.
    File(PathBuf),
    /// The text itself, which may be a private key.
    Inline(SecretString),
}

/// The client's certificate and its key.
#[derive(Debug, Clone)]
pub struct ClientIdentity {
    /// The certificate, optionally with its chain.
    pub certificate: Pem,
    /// The private key.
    pub key: Pem,
}

/// TLS settings.
#[derive(Debug, Clone, Default)]
pub struct Tls {
    /// Authorities that may sign the server's certificate; `None` for those that the operating system trusts.
    pub root_ca: Option<Pem>,
    /// Expected name in the server's certificate; `None` for the host of the address.
    pub server_name: Option<String>,
    /// The client's certificate and key.
    pub identity: Option<ClientIdentity>,
    /// Whether to accept any server certificate. Anyone on the network can then read and alter the traffic.
    pub skip_verify: bool,
}

/// A certificate that has expired or expires soon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expiring {
    /// The setting and its source, or the server.
    pub what: String,
    /// The last day, as `2026-12-31`.
    pub until: String,
    /// Whole days left; negative if it has expired.
    pub days: i64,
}

impl std::fmt::Display for Expiring {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { what, until, days } = self;
        match days {
            ..0 => write!(out, "the certificate of {what} has expired: its last day was {until}"),
            0 => write!(out, "the certificate of {what} expires within a day, on {until}"),
            1 => write!(out, "the certificate of {what} expires in 1 day, on {until}"),
            _ => write!(out, "the certificate of {what} expires in {days} days, on {until}"),
        }
    }
}

impl Tls {
    /// Reads and checks the certificates of the settings. The options contain the returned verifier too, which keeps its
    /// verdict on the server's certificate.
    ///
    /// # Errors
    /// Returns [`CertificateError`] if a certificate or key cannot be read, is invalid, or does not match the other.
    pub(super) fn options(&self, now: SystemTime) -> Result<(TlsOptions, RecordingVerifier), CertificateError> {
        let verifier = if self.skip_verify {
            RecordingVerifier::accepting_all()
        } else {
            match &self.root_ca {
                Some(ca) => RecordingVerifier::trusting(&ca.origin, ca.authorities(now)?)?,
                None => RecordingVerifier::trusting_the_system()?,
            }
        };
        let identity = self.identity.as_ref().map(|identity| identity.options(now)).transpose()?;
        let options = TlsOptions::builder()
            .server_cert_verifier(verifier.verifier())
            .maybe_domain(self.server_name.clone())
            .maybe_client_tls_options(identity)
            .build();
        Ok((options, verifier))
    }

    /// Returns the certificates of the settings that expire within `EXPIRY_WARNING_DAYS`.
    ///
    /// # Errors
    /// Returns [`CertificateError`] if a certificate cannot be read. An expired certificate is not an error here.
    pub fn expiring(&self, now: SystemTime) -> Result<Vec<Expiring>, CertificateError> {
        let identity = self.identity.as_ref().map(|identity| &identity.certificate);
        let mut soon = Vec::new();
        for pem in identity.into_iter().chain(&self.root_ca) {
            for der in chain_of(pem)? {
                soon.extend(Certificate::parse(pem, &der)?.expiring(&pem.origin, now));
            }
        }
        Ok(soon)
    }
}

impl ClientIdentity {
    fn options(&self, now: SystemTime) -> Result<ClientTlsOptions, CertificateError> {
        let (chain, key) = (chain_of(&self.certificate)?, key_of(&self.key)?);
        // The first certificate is the client's own. The server checks the others.
        if let Some(own) = chain.first() {
            Certificate::parse(&self.certificate, own)?.check_time(&self.certificate, now)?;
        }
        let (certificates, secret) = written(&chain, &key);
        check_pair(self, chain, key)?;
        Ok(ClientTlsOptions::builder().client_cert(certificates).client_private_key(secret.to_vec()).build())
    }
}

impl Pem {
    /// Returns the authorities' certificates that are valid now. If none is valid, the last problem is the error.
    fn authorities(&self, now: SystemTime) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
        let mut valid = Vec::new();
        let mut useless = None;
        for der in chain_of(self)? {
            // A bundle may contain expired certificates, which are skipped.
            match Certificate::parse(self, &der)?.check_time(self, now) {
                Ok(()) => valid.push(der),
                Err(error) => useless = Some(error),
            }
        }
        match useless {
            Some(error) if valid.is_empty() => Err(error),
            _ => Ok(valid),
        }
    }
}

/// Wraps the text of a private key, for tests.
#[cfg(test)]
fn pem_of_text(origin: &str, text: &str) -> Pem {
    Pem { origin: origin.to_owned(), source: PemSource::Inline(text.to_owned().into()) }
}
