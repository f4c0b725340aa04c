//! Verifies the server's certificate with rustls's own verifier, and keeps the certificate and the result for
//! messages. With verification disabled, it accepts every certificate and keeps it too.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use rustls::{
    CertificateError as CertificateDefect, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_name,
    },
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::ParsedCertificate,
};

use super::{
    Expiring,
    certificates::{Certificate, CertificateError},
};

/// A server's certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerCertificate {
    /// Names and addresses for which it is valid.
    pub names: Vec<String>,
    /// The authority that signed it.
    pub issuer: String,
    /// Whether it is an authority's (CA:TRUE).
    pub is_authority: bool,
    /// Its first day, as `2026-12-31`.
    pub from: String,
    /// Its last day, as `2026-12-31`.
    pub until: String,
    /// The warning if it expires soon.
    pub expiring: Option<Expiring>,
}

/// The result of verifying a server's certificate.
#[derive(Debug, Clone)]
pub struct Verification {
    /// The certificate; `None` if it cannot be parsed.
    pub certificate: Option<ServerCertificate>,
    /// The expected name.
    pub expected: String,
    /// Why the certificate was refused; `None` if it was accepted.
    pub refused: Option<rustls::Error>,
}

/// A verifier that keeps its last result.
#[derive(Debug, Clone)]
pub struct RecordingVerifier {
    inner: Option<Arc<WebPkiServerVerifier>>,
    /// Certificates that the settings trust. A server may also use one of them as its own certificate.
    trusted: Arc<[CertificateDer<'static>]>,
    provider: Arc<CryptoProvider>,
    last: Arc<Mutex<Option<Verification>>>,
}

impl RecordingVerifier {
    /// Creates a verifier that accepts every certificate.
    pub fn accepting_all() -> Self {
        Self {
            inner: None,
            trusted: Arc::default(),
            provider: Arc::new(ring::default_provider()),
            last: Arc::default(),
        }
    }

    /// Creates a verifier that trusts the authorities of the operating system.
    ///
    /// # Errors
    /// Returns [`CertificateError::NoAuthorities`] if the system has no authorities.
    pub fn trusting_the_system() -> Result<Self, CertificateError> {
        Self::of_roots(authorities_of_the_system()?, Arc::default(), |cause| CertificateError::NoAuthorities { cause })
    }

    /// Creates a verifier that trusts these certificates, as authorities and as a server's own.
    ///
    /// # Errors
    /// Returns [`CertificateError::Unusable`] if a certificate cannot be used. `origin` names the setting in the
    /// message.
    pub fn trusting(origin: &str, trusted: Vec<CertificateDer<'static>>) -> Result<Self, CertificateError> {
        let unusable = |cause| CertificateError::Unusable { origin: origin.to_owned(), cause };
        let mut roots = RootCertStore::empty();
        for der in &trusted {
            roots.add(der.clone()).map_err(|error| unusable(error.to_string()))?;
        }
        Self::of_roots(roots, trusted.into(), unusable)
    }

    fn of_roots(
        roots: RootCertStore,
        trusted: Arc<[CertificateDer<'static>]>,
        failed: impl FnOnce(String) -> CertificateError,
    ) -> Result<Self, CertificateError> {
        let provider = Arc::new(ring::default_provider());
        let inner = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .build()
            .map_err(|error| failed(error.to_string()))?;
        Ok(Self { inner: Some(inner), trusted, provider, last: Arc::default() })
    }

    /// Accepts a certificate that is itself trusted, as Go and OpenSSL do, if its name, time and usage are valid. The
    /// library refuses a self-signed certificate with CA:TRUE, which `openssl req -x509` creates.
    fn accept_trusted_itself(
        &self,
        shown: &CertificateDer<'_>,
        server_name: &ServerName<'_>,
        now: UnixTime,
        refused: rustls::Error,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let is_about_the_chain = matches!(
            &refused,
            rustls::Error::InvalidCertificate(CertificateDefect::UnknownIssuer | CertificateDefect::Other(_))
        );
        let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        let serves = || Certificate::of(shown).is_ok_and(|certificate| certificate.serves_at(now));
        if !is_about_the_chain || !self.trusted.contains(shown) || !serves() {
            return Err(refused);
        }
        verify_server_name(&ParsedCertificate::try_from(shown)?, server_name)?;
        Ok(ServerCertVerified::assertion())
    }

    /// Returns the verifier for the client library.
    pub fn verifier(&self) -> Arc<dyn ServerCertVerifier> {
        Arc::new(self.clone())
    }

    /// Returns the result for the last certificate.
    pub fn last(&self) -> Option<Verification> {
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

impl ServerCertVerifier for RecordingVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let result = match &self.inner {
            Some(inner) => inner
                .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
                .or_else(|refused| self.accept_trusted_itself(end_entity, server_name, now, refused)),
            None => Ok(ServerCertVerified::assertion()),
        };
        let verification = Verification {
            certificate: Certificate::of(end_entity).ok().map(ServerCertificate::from),
            expected: server_name.to_str().into_owned(),
            refused: result.as_ref().err().cloned(),
        };
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(verification);
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
            is_authority: certificate.is_authority,
            names: certificate.names,
            issuer: certificate.issuer,
        }
    }
}

impl Verification {
    /// Returns why the certificate was refused, if the certificate itself is the cause.
    pub fn defect(&self) -> Option<&CertificateDefect> {
        match &self.refused {
            Some(rustls::Error::InvalidCertificate(defect)) => Some(defect),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, KeyPair, date_time_ymd};

    use super::*;

    fn params() -> CertificateParams {
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
    }

    fn certificate(params: &CertificateParams) -> CertificateDer<'static> {
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().clone()
    }

    fn judged(trusted: &CertificateDer<'static>, shown: &CertificateDer<'_>, name: &str) -> Option<CertificateDefect> {
        let verifier = RecordingVerifier::trusting("the test", vec![trusted.clone()]).unwrap();
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let judged = verifier.verify_server_cert(shown, &[], &name, &[], UnixTime::now());
        let last = verifier.last().unwrap();
        assert_eq!(judged.is_err(), last.refused.is_some());
        last.defect().cloned()
    }

    #[test]
    fn a_self_signed_certificate_is_accepted_if_it_is_the_trusted_one() {
        let own = certificate(&params());
        assert_eq!(judged(&own, &own, "localhost"), None);
        let other = certificate(&params());
        assert!(matches!(
            judged(&own, &other, "localhost"),
            Some(CertificateDefect::UnknownIssuer | CertificateDefect::Other(_))
        ));
        assert!(matches!(judged(&own, &own, "elsewhere"), Some(CertificateDefect::NotValidForNameContext { .. })));
    }

    #[test]
    fn the_time_and_the_usage_of_a_trusted_certificate_are_checked() {
        let mut old = params();
        (old.not_before, old.not_after) = (date_time_ymd(2000, 1, 1), date_time_ymd(2001, 1, 1));
        let old = certificate(&old);
        assert!(judged(&old, &old, "localhost").is_some());
        let mut client = params();
        client.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let client = certificate(&client);
        assert!(judged(&client, &client, "localhost").is_some());
    }
}
