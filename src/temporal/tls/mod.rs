//! What a TLS connection is made with. Certificates are read anew for every connection, so that renewed ones are taken
//! up, and judged before they are used: what the server would only answer with an alert, a person is told in a sentence.

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
pub(super) use verifier::{Judge, Judgement};

/// How long before its end a certificate is warned of, in days.
pub const WARNED_AHEAD: i64 = 14;

/// A certificate or a key as the settings name it.
#[derive(Debug, Clone)]
pub struct Pem {
    /// The setting and where it stands, as part of a sentence: `TEMPORAL_TLS_CERT in the environment`.
    pub origin: String,
    pub source: PemSource,
}

#[derive(Debug, Clone)]
pub enum PemSource {
    File(PathBuf),
    /// The text itself, which may be a private key.
    Inline(SecretString),
}

/// The client's certificate and its key.
#[derive(Debug, Clone)]
pub struct ClientIdentity {
    pub certificate: Pem,
    pub key: Pem,
}

/// What makes a connection one with TLS.
#[derive(Debug, Clone, Default)]
pub struct Tls {
    /// Who may sign the server's certificate; `None`: whom the operating system trusts.
    pub root_ca: Option<Pem>,
    /// The name to look for in the server's certificate, where it is not the address.
    pub server_name: Option<String>,
    pub identity: Option<ClientIdentity>,
    /// Any certificate of the server is taken, so whoever answers can read and change everything.
    pub skip_verify: bool,
}

/// A certificate of ours that ends soon, or has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expiring {
    /// The setting and where it stands, or the server.
    pub what: String,
    /// The last day, as `2026-12-31`.
    pub until: String,
    /// Whole days left; negative where it has ended.
    pub days: i64,
}

impl std::fmt::Display for Expiring {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { what, until, days } = self;
        match days {
            ..0 => write!(out, "the certificate of {what} has expired: its last day was {until}"),
            0 => write!(out, "the certificate of {what} expires within a day, at {until}"),
            1 => write!(out, "the certificate of {what} expires in 1 day, at {until}"),
            _ => write!(out, "the certificate of {what} expires in {days} days, at {until}"),
        }
    }
}

impl Tls {
    /// Reads and judges what the settings name. The judge, which the options hold too, keeps what it made of the server's
    /// certificate.
    ///
    /// # Errors
    /// [`CertificateError`].
    pub(super) fn options(&self, now: SystemTime) -> Result<(TlsOptions, Judge), CertificateError> {
        let judge = if self.skip_verify {
            Judge::of_nobody()
        } else {
            match &self.root_ca {
                Some(ca) => Judge::trusting(&ca.origin, ca.authorities(now)?)?,
                None => Judge::trusting_the_system()?,
            }
        };
        let identity = self.identity.as_ref().map(|identity| identity.options(now)).transpose()?;
        let options = TlsOptions::builder()
            .server_cert_verifier(judge.verifier())
            .maybe_domain(self.server_name.clone())
            .maybe_client_tls_options(identity)
            .build();
        Ok((options, judge))
    }

    /// Certificates that the settings name and that end within `WARNED_AHEAD` days.
    ///
    /// # Errors
    /// [`CertificateError`], for what can be read; one that has expired is none here.
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
        // The client's own is the first; the ones after it are the server's to judge.
        if let Some(own) = chain.first() {
            Certificate::parse(&self.certificate, own)?.check_time(&self.certificate, now)?;
        }
        let (certificates, secret) = written(&chain, &key);
        check_pair(self, chain, key)?;
        Ok(ClientTlsOptions::builder().client_cert(certificates).client_private_key(secret.to_vec()).build())
    }
}

impl Pem {
    /// The certificates of authorities that are valid now, at least one.
    fn authorities(&self, now: SystemTime) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
        let mut valid = Vec::new();
        let mut useless = None;
        for der in chain_of(self)? {
            // A bundle may have old ones, which then count for nothing.
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

/// A private key of a text, for tests.
#[cfg(test)]
fn pem_of_text(origin: &str, text: &str) -> Pem {
    Pem { origin: origin.to_owned(), source: PemSource::Inline(text.to_owned().into()) }
}
