//! Reads certificates and keys in PEM form, and says what is wrong with them. No error carries a part of a key.

use std::{
    fs::File,
    io::{self, Read},
    path::PathBuf,
    time::SystemTime,
};

use rustls::{
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    sign::CertifiedKey,
};
use secrecy::{ExposeSecret, SecretString};
use x509_parser::{
    certificate::X509Certificate, extensions::GeneralName, prelude::FromDer, time::ASN1Time, x509::X509Version,
};

use super::{ClientIdentity, Expiring, Pem, PemSource, WARNED_AHEAD};
use crate::domain::sanitize;

/// The largest file that is read, in bytes; a bundle of all public authorities has a quarter of a million.
const LARGEST: u64 = 1 << 20;

/// The longest name in a message.
const LONGEST: usize = 200;

const DAY: i64 = 24 * 60 * 60;

/// Why a certificate or a key of the settings cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    #[error("{origin} names {path:?}, which cannot be read: {error}; correct the path or its permissions")]
    Unreadable { origin: String, path: PathBuf, error: io::Error },
    #[error(
        "{origin} holds no certificate in PEM form, which begins with -----BEGIN CERTIFICATE-----; where it is a DER file, \
         convert it: openssl x509 -inform der -in FILE -out FILE.pem"
    )]
    NoCertificate { origin: String },
    #[error(
        "{origin} holds no private key in PEM form, which begins with -----BEGIN PRIVATE KEY-----; name the .key file that \
         belongs to the certificate"
    )]
    NoKey { origin: String },
    #[error(
        "the private key of {origin} is protected by a password, which nobody could type here; make a copy without one, \
         readable only for you: openssl pkey -in FILE -out FILE.key"
    )]
    LockedKey { origin: String },
    #[error("the certificate of {certificate} and the private key of {key} do not belong together; name a pair")]
    Mismatch { certificate: String, key: String },
    #[error("the certificate of {origin} expired on {until}; have it renewed, and put the new one in its place")]
    Expired { origin: String, until: String },
    #[error("the certificate of {origin} is valid only from {from} on; check the clock of this machine")]
    NotYetValid { origin: String, from: String },
    #[error(
        "the certificate of {origin} is of X.509 version 1, which is not taken any more; have it made again with an \
         extension, which makes it version 3, as in: openssl x509 -req -extfile FILE, with basicConstraints=CA:FALSE in FILE"
    )]
    OldVersion { origin: String },
    #[error("the certificate of {origin} cannot be used: {cause}; have a new one made")]
    Unusable { origin: String, cause: String },
    #[error(
        "this machine trusts no authority for TLS certificates ({cause}); install its ca-certificates, or set \
         TEMPORAL_SERVER_ROOT_CA_CERT to the file of the one that signed the server's"
    )]
    NoAuthorities { cause: String },
}

/// The text of a certificate or key; a secret until it is known which of them it is.
pub(super) fn read(pem: &Pem) -> Result<SecretString, CertificateError> {
    let path = match &pem.source {
        PemSource::Inline(text) => return Ok(text.clone()),
        PemSource::File(path) => path,
    };
    let unreadable = |error| CertificateError::Unreadable { origin: pem.origin.clone(), path: path.clone(), error };
    // The kind is asked first: opening a named pipe would wait for ever.
    let metadata = path.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(unreadable(io::Error::other("it is no regular file")));
    }
    let mut text = Vec::new();
    File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut text)).map_err(unreadable)?;
    if u64::try_from(text.len()).is_ok_and(|length| length > LARGEST) {
        return Err(unreadable(io::Error::other("it has more than 1 MiB")));
    }
    // What is not UTF-8 is no PEM; that is said by whoever looks for a certificate or a key in it.
    Ok(String::from_utf8(text).unwrap_or_default().into())
}

/// The certificates in `text`, at least one.
pub(super) fn chain_of(pem: &Pem, text: &SecretString) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let missing = || CertificateError::NoCertificate { origin: pem.origin.clone() };
    let found = CertificateDer::pem_slice_iter(text.expose_secret().as_bytes()).collect::<Result<Vec<_>, _>>();
    found.ok().filter(|chain| !chain.is_empty()).ok_or_else(missing)
}

/// Whether the key is one, and that of the certificate.
pub(super) fn check_pair(
    identity: &ClientIdentity,
    chain: Vec<CertificateDer<'static>>,
    key: &SecretString,
) -> Result<(), CertificateError> {
    let origin = || identity.key.origin.clone();
    let text = key.expose_secret();
    if text.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----") || text.contains("Proc-Type: 4,ENCRYPTED") {
        return Err(CertificateError::LockedKey { origin: origin() });
    }
    let key =
        PrivateKeyDer::from_pem_slice(text.as_bytes()).map_err(|_| CertificateError::NoKey { origin: origin() })?;
    match CertifiedKey::from_der(chain, key, &ring::default_provider()) {
        Ok(_) => Ok(()),
        Err(rustls::Error::InconsistentKeys(_)) => {
            Err(CertificateError::Mismatch { certificate: identity.certificate.origin.clone(), key: origin() })
        }
        Err(error) => {
            Err(CertificateError::Unusable { origin: identity.certificate.origin.clone(), cause: error.to_string() })
        }
    }
}

/// What a person wants to know of a certificate.
pub(super) struct Certificate {
    /// The names that it is good for.
    pub(super) names: Vec<String>,
    /// Who signed it.
    pub(super) issuer: String,
    from: ASN1Time,
    until: ASN1Time,
    /// Of before version 3.
    is_old: bool,
}

impl Certificate {
    /// One of the settings.
    pub(super) fn parse(pem: &Pem, der: &CertificateDer<'_>) -> Result<Self, CertificateError> {
        let read = Self::of(der).map_err(|cause| CertificateError::Unusable { origin: pem.origin.clone(), cause })?;
        if read.is_old { Err(CertificateError::OldVersion { origin: pem.origin.clone() }) } else { Ok(read) }
    }

    pub(super) fn of(der: &CertificateDer<'_>) -> Result<Self, String> {
        let (_, certificate) = X509Certificate::from_der(der).map_err(|error| sanitize(&error.to_string(), LONGEST))?;
        let validity = certificate.validity();
        Ok(Self {
            names: names(&certificate),
            issuer: sanitize(&certificate.issuer().to_string(), LONGEST),
            from: validity.not_before,
            until: validity.not_after,
            is_old: certificate.version() != X509Version::V3,
        })
    }

    pub(super) fn check_time(&self, pem: &Pem, now: SystemTime) -> Result<(), CertificateError> {
        let (now, origin) = (seconds(now), pem.origin.clone());
        if now > self.until.timestamp() {
            return Err(CertificateError::Expired { origin, until: self.until() });
        }
        if now < self.from.timestamp() {
            return Err(CertificateError::NotYetValid { origin, from: day(self.from) });
        }
        Ok(())
    }

    /// Whether it ends soon, with `what` it is.
    pub(super) fn expiring(&self, what: &str, now: SystemTime) -> Option<Expiring> {
        let days = (self.until.timestamp() - seconds(now)).div_euclid(DAY);
        (days < WARNED_AHEAD).then(|| Expiring { what: what.to_owned(), until: self.until(), days })
    }

    /// Its last day.
    pub(super) fn until(&self) -> String {
        day(self.until)
    }

    pub(super) fn from(&self) -> String {
        day(self.from)
    }
}

/// The names and addresses that the certificate is good for. Its common name is none of them any more.
fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(alternatives)) = certificate.subject_alternative_name() else { return Vec::new() };
    let name = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some(sanitize(name, LONGEST)),
        GeneralName::IPAddress(bytes) => match **bytes {
            [a, b, c, d] => Some(std::net::Ipv4Addr::new(a, b, c, d).to_string()),
            _ => <[u8; 16]>::try_from(*bytes).ok().map(|bytes| std::net::Ipv6Addr::from(bytes).to_string()),
        },
        _ => None,
    };
    alternatives.value.general_names.iter().filter_map(name).collect()
}

fn day(time: ASN1Time) -> String {
    time.to_datetime().date().to_string()
}

fn seconds(time: SystemTime) -> i64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `openssl x509 -req` without extensions.
    const VERSION_1: &str = "-----BEGIN CERTIFICATE-----\n\
        MIIBGDCBvwIUClrsphROBkv25brNnUlwoMwTK9MwCgYIKoZIzj0EAwIwDjEMMAoG\n\
        A1UEAwwDb2xkMCAXDTI2MTEyNTAyMTQwN1oYDzIxMjYxMTAxMDIxNDA3WjAOMQww\n\
        CgYDVQQDDANvbGQwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQvTL+IDEKuLI5q\n\
        Z0GLnDdOBZwFnYkTJlkhEAioP6nHafDp7Ojz1afdSALhVOHmBKDIzPrxwW7idx1C\n\
        qaxmGJXfMAoGCCqGSM49BAMCA0gAMEUCIQC7u3YBmruvjkJMnPl0M9NRwps02kXB\n\
        0VP3EwKOv4kFGAIgDQ05GstbLXnySUjT2iiMHufynkR8eeF9hBCCQjsbBs0=\n\
        -----END CERTIFICATE-----\n\
        ";

    fn inline(origin: &str, text: &str) -> Pem {
        Pem { origin: origin.to_owned(), source: PemSource::Inline(text.to_owned().into()) }
    }

    #[test]
    fn a_certificate_of_version_1_is_told_with_how_to_make_another() {
        let pem = inline("TEMPORAL_TLS_CERT in the environment", VERSION_1);
        let [der] = chain_of(&pem, &read(&pem).unwrap()).unwrap().try_into().unwrap();
        let Err(error) = Certificate::parse(&pem, &der) else { panic!("it is taken") };
        assert!(
            error.to_string().contains("is of X.509 version 1") && error.to_string().contains("-extfile"),
            "{error}"
        );
    }

    #[test]
    fn a_key_with_a_password_is_told_without_it() {
        let text = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nhunter2\n-----END ENCRYPTED PRIVATE KEY-----\n";
        let identity =
            ClientIdentity { certificate: inline("the certificate", VERSION_1), key: inline("the key", text) };
        let error = check_pair(&identity, Vec::new(), &read(&identity.key).unwrap()).unwrap_err();
        assert!(matches!(error, CertificateError::LockedKey { .. }), "{error}");
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }

    #[test]
    fn a_file_that_is_no_file_of_certificates_is_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let of = |path: PathBuf| Pem { origin: "X".to_owned(), source: PemSource::File(path) };
        let large = folder.path().join("large.pem");
        std::fs::write(&large, vec![b'x'; usize::try_from(LARGEST).unwrap() + 1]).unwrap();
        assert!(read(&of(large)).unwrap_err().to_string().contains("more than 1 MiB"));
        assert!(read(&of(folder.path().to_owned())).unwrap_err().to_string().contains("no regular file"));
        let der = folder.path().join("client.der");
        std::fs::write(&der, [0x30, 0x82, 0xff]).unwrap();
        let pem = of(der);
        let error = chain_of(&pem, &read(&pem).unwrap()).unwrap_err().to_string();
        assert!(error.contains("openssl x509 -inform der"), "{error}");
    }
}
