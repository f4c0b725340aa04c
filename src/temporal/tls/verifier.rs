//! Judges the server's certificate: rustls's own verifier decides, and this keeps what it decided about which certificate,
//! so that a person can be told. Without verification it takes whatever comes, and keeps that too.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use rustls::{
    CertificateError as Verdict, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
};

use super::{
    Expiring,
    certificates::{Certificate, CertificateError},
};

/// What the server showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerCertificate {
    /// The names that it is good for.
    pub names: Vec<String>,
    /// Who signed it.
    pub issuer: String,
    /// Its first and last day.
    pub from: String,
    pub until: String,
    /// Where it ends soon.
    pub expiring: Option<Expiring>,
}

/// What came of a server's certificate.
#[derive(Debug, Clone)]
pub struct Judgement {
    /// `None`: it cannot be read.
    pub certificate: Option<ServerCertificate>,
    /// The name that was looked for.
    pub asked: String,
    /// `None`: it was taken.
    pub refused: Option<rustls::Error>,
}

/// Judges, and remembers the last judgement.
#[derive(Debug, Clone)]
pub struct Judge {
    inner: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
    last: Arc<Mutex<Option<Judgement>>>,
}

impl Judge {
    /// One that takes every certificate.
    pub fn of_nobody() -> Self {
        Self { inner: None, provider: Arc::new(ring::default_provider()), last: Arc::default() }
    }

    /// One that trusts `roots`, or without any the authorities of the operating system.
    ///
    /// # Errors
    /// [`CertificateError::NoAuthorities`].
    pub fn trusting(roots: Option<RootCertStore>) -> Result<Self, CertificateError> {
        let roots = roots.map_or_else(authorities_of_the_system, Ok)?;
        let provider = Arc::new(ring::default_provider());
        let inner = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .build()
            .map_err(|error| CertificateError::NoAuthorities { cause: error.to_string() })?;
        Ok(Self { inner: Some(inner), provider, last: Arc::default() })
    }

    pub fn verifier(&self) -> Arc<dyn ServerCertVerifier> {
        Arc::new(self.clone())
    }

    /// What came of the last certificate that was shown.
    pub fn last(&self) -> Option<Judgement> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn authorities_of_the_system() -> Result<RootCertStore, CertificateError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        let cause = found.errors.first().map_or_else(|| "none is installed".to_owned(), ToString::to_string);
        return Err(CertificateError::NoAuthorities { cause });
    }
    Ok(roots)
}

impl ServerCertVerifier for Judge {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let result = match &self.inner {
            Some(inner) => inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now),
            None => Ok(ServerCertVerified::assertion()),
        };
        let judgement = Judgement {
            certificate: Certificate::of(end_entity).ok().map(ServerCertificate::from),
            asked: server_name.to_str().into_owned(),
            refused: result.as_ref().err().cloned(),
        };
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(judgement);
        result
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

impl From<Certificate> for ServerCertificate {
    fn from(certificate: Certificate) -> Self {
        Self {
            expiring: certificate.expiring("the server", SystemTime::now()),
            from: certificate.from(),
            until: certificate.until(),
            names: certificate.names,
            issuer: certificate.issuer,
        }
    }
}

impl Judgement {
    /// Why a certificate was refused, where that is about the certificate.
    pub fn verdict(&self) -> Option<&Verdict> {
        match &self.refused {
            Some(rustls::Error::InvalidCertificate(verdict)) => Some(verdict),
            _ => None,
        }
    }
}
