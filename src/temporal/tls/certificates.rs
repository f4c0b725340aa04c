//! Reads and checks the certificates and keys of the settings. Error messages contain no part of a key.

use std::{
    fs::File,
    io::{self, Read},
    path::PathBuf,
    time::SystemTime,
};

use rustls::{
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer},
    sign::CertifiedKey,
};
use secrecy::{ExposeSecret, zeroize::Zeroizing};
use x509_parser::{
    certificate::X509Certificate, extensions::GeneralName, prelude::FromDer, time::ASN1Time, x509::X509Version,
};

use super::{
    ClientIdentity, EXPIRY_WARNING_DAYS, Expiring, Pem, PemSource,
    key_kind::KeyKind,
    pem::{self, Block, PemProblem},
};
use crate::domain::sanitize;

/// Maximum size of a file. A bundle of all public authorities is 250 kB.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// Maximum length of a name in a message.
const MAX_NAME_CHARS: usize = 200;

/// Seconds per day.
const DAY: i64 = 24 * 60 * 60;

/// Why a certificate or a key of the settings cannot be used.
#[expect(missing_docs, reason = "the fields are the values in the messages")]
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// The file cannot be read.
    #[error("{origin} names {path:?}, which cannot be read: {error}; correct the path or its permissions")]
    Unreadable { origin: String, path: PathBuf, error: io::Error },
    /// The file or text does not contain a certificate.
    #[error("{origin} has no certificate in PEM form: {problem}")]
    NoCertificate { origin: String, problem: PemProblem },
    /// The file or text does not contain a private key.
    #[error("{origin} has no private key in PEM form: {problem}")]
    NoKey { origin: String, problem: PemProblem },
    /// The TLS library does not support the kind of key.
    #[error(
        "the private key of {origin} is {kind}, which is not supported; use a certificate whose key is ECDSA on P-256 or \
         P-384, Ed25519, or RSA of 2048 to 4096 bits, as made by: openssl genpkey -algorithm EC -pkeyopt \
         ec_paramgen_curve:P-256 -out FILE.key"
    )]
    UnsupportedKey { origin: String, kind: KeyKind },
    /// The key has an unusual form.
    #[error("the private key of {origin} has an unusable form; convert it: openssl pkey -in FILE -out FILE.key")]
    OddKey { origin: String },
    /// The key is encrypted with a password.
    #[error(
        "the private key of {origin} is protected by a password, which cannot be typed here; make a copy without one \
         that only you can read: openssl pkey -in FILE -out FILE.key"
    )]
    LockedKey { origin: String },
    /// The key does not belong to the certificate.
    #[error(
        "the certificate of {certificate} and the private key of {key} do not belong together; use a matching pair"
    )]
    Mismatch { certificate: String, key: String },
    /// The certificate has expired.
    #[error("the certificate of {origin} expired on {until}; renew it, and replace the file")]
    Expired { origin: String, until: String },
    /// The certificate is not valid yet.
    #[error("the certificate of {origin} is not valid before {from}; check the clock of this machine")]
    NotYetValid { origin: String, from: String },
    /// The certificate uses X.509 version 1.
    #[error(
        "the certificate of {origin} uses X.509 version 1, which is no longer accepted; create it again with an \
         extension, which makes it version 3, as in: openssl x509 -req -extfile FILE, with basicConstraints=CA:FALSE in FILE"
    )]
    OldVersion { origin: String },
    /// The certificate is invalid for another reason.
    #[error("the certificate of {origin} cannot be used: {cause}; create a new one")]
    Unusable { origin: String, cause: String },
    /// The operating system has no trusted authorities.
    #[error(
        "this machine trusts no authority for TLS certificates ({cause}); install its ca-certificates, or set \
         TEMPORAL_SERVER_ROOT_CA_CERT to the file of the one that signed the server's"
    )]
    NoAuthorities { cause: String },
}

/// Reads the bytes of a certificate or key.
fn bytes_of(pem: &Pem) -> Result<Zeroizing<Vec<u8>>, CertificateError> {
    let path = match &pem.source {
        PemSource::Inline(text) => return Ok(Zeroizing::new(text.expose_secret().as_bytes().to_vec())),
        PemSource::File(path) => path,
    };
    let unreadable = |error| CertificateError::Unreadable { origin: pem.origin.clone(), path: path.clone(), error };
    // Check the file type first: opening a named pipe could block for ever.
    let metadata = path.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(unreadable(io::Error::other("it is not a regular file")));
    }
    let mut bytes = Zeroizing::new(Vec::new());
    File::open(path).and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)).map_err(unreadable)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > MAX_FILE_BYTES) {
        return Err(unreadable(io::Error::other("it has more than 1 MiB")));
    }
    Ok(bytes)
}

/// Reads the PEM blocks of a certificate or key. An inline text without a block may be a path by mistake, which has its
/// own error.
fn blocks_of(pem: &Pem, instead: &'static str) -> Result<Result<Vec<Block>, PemProblem>, CertificateError> {
    let bytes = bytes_of(pem)?;
    let is_inline = matches!(pem.source, PemSource::Inline(_));
    Ok(pem::read(&bytes).map_err(|problem| match problem {
        PemProblem::NotPem if is_inline && is_path(&bytes) => PemProblem::Path { instead },
        problem => problem,
    }))
}

fn is_path(text: &[u8]) -> bool {
    const ENDINGS: [&[u8]; 5] = [b".pem", b".crt", b".cer", b".key", b".cert"];
    let text = text.trim_ascii();
    let is_line = text.len() < 256 && text.iter().all(u8::is_ascii_graphic);
    let is_named = ENDINGS.iter().any(|ending| text.to_ascii_lowercase().ends_with(ending));
    is_line && (is_named || text.starts_with(b"/") || text.starts_with(b"./") || text.starts_with(b"~/"))
}

/// Reads all certificates of a file or text. A text without a certificate is an error, and so is a certificate in an
/// unsupported form, which may be the client's own.
pub(super) fn chain_of(pem: &Pem) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let missing = |problem| CertificateError::NoCertificate { origin: pem.origin.clone(), problem };
    let blocks =
        blocks_of(pem, "TEMPORAL_TLS_CERT, or for an authority TEMPORAL_SERVER_ROOT_CA_CERT,")?.map_err(missing)?;
    let chain: Vec<_> =
        blocks.iter().filter(|block| block.is_certificate()).map(|block| block.der.to_vec().into()).collect();
    if chain.is_empty() || blocks.iter().any(|block| block.label == "TRUSTED CERTIFICATE") {
        return Err(missing(pem::others(&blocks)));
    }
    Ok(chain)
}

/// Reads the first private key of a file or text.
pub(super) fn key_of(pem: &Pem) -> Result<PrivateKeyDer<'static>, CertificateError> {
    let missing = |problem| CertificateError::NoKey { origin: pem.origin.clone(), problem };
    let blocks = blocks_of(pem, "TEMPORAL_TLS_KEY")?.map_err(missing)?;
    if blocks.iter().any(|block| block.locked || block.label == "ENCRYPTED PRIVATE KEY") {
        return Err(CertificateError::LockedKey { origin: pem.origin.clone() });
    }
    if blocks.iter().any(|block| block.label == "DSA PRIVATE KEY") {
        return Err(CertificateError::UnsupportedKey { origin: pem.origin.clone(), kind: KeyKind::Dsa });
    }
    let key = blocks.iter().find_map(|block| {
        let der = block.der.to_vec();
        match block.label.as_str() {
            "PRIVATE KEY" => Some(PrivatePkcs8KeyDer::from(der).into()),
            "RSA PRIVATE KEY" => Some(PrivatePkcs1KeyDer::from(der).into()),
            "EC PRIVATE KEY" => Some(PrivateSec1KeyDer::from(der).into()),
            _ => None,
        }
    });
    key.ok_or_else(|| missing(pem::others(&blocks)))
}

/// Returns a chain and its key as PEM, for the client library.
pub(super) fn written(chain: &[CertificateDer<'_>], key: &PrivateKeyDer<'_>) -> (Vec<u8>, Zeroizing<Vec<u8>>) {
    let label = match key {
        PrivateKeyDer::Pkcs1(_) => "RSA PRIVATE KEY",
        PrivateKeyDer::Sec1(_) => "EC PRIVATE KEY",
        _ => "PRIVATE KEY",
    };
    let chain = chain.iter().flat_map(|der| pem::write("CERTIFICATE", der).to_vec()).collect();
    (chain, pem::write(label, key.secret_der()))
}

/// Checks that the key is supported and belongs to the certificate.
pub(super) fn check_pair(
    identity: &ClientIdentity,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<(), CertificateError> {
    let origin = || identity.key.origin.clone();
    if ring::sign::any_supported_type(&key).is_err() {
        return Err(match KeyKind::of(&key) {
            Some(kind) => CertificateError::UnsupportedKey { origin: origin(), kind },
            None => CertificateError::OddKey { origin: origin() },
        });
    }
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

/// The parts of a certificate that messages and checks need.
pub(super) struct Certificate {
    /// The names and addresses that it is valid for.
    pub(super) names: Vec<String>,
    /// The authority that signed it.
    pub(super) issuer: String,
    from: ASN1Time,
    until: ASN1Time,
    /// Whether its X.509 version is older than 3.
    is_old: bool,
    /// Whether it is an authority's (CA:TRUE).
    pub(super) is_authority: bool,
    /// Whether its extended key usage permits use by a server.
    is_for_servers: bool,
}

impl Certificate {
    /// Parses a certificate of the settings.
    pub(super) fn parse(pem: &Pem, der: &CertificateDer<'_>) -> Result<Self, CertificateError> {
        let read = Self::of(der).map_err(|cause| CertificateError::Unusable { origin: pem.origin.clone(), cause })?;
        if read.is_old { Err(CertificateError::OldVersion { origin: pem.origin.clone() }) } else { Ok(read) }
    }

    pub(super) fn of(der: &CertificateDer<'_>) -> Result<Self, String> {
        let (_, certificate) =
            X509Certificate::from_der(der).map_err(|error| sanitize(&error.to_string(), MAX_NAME_CHARS))?;
        let validity = certificate.validity();
        Ok(Self {
            names: names(&certificate),
            issuer: sanitize(&certificate.issuer().to_string(), MAX_NAME_CHARS),
            from: validity.not_before,
            until: validity.not_after,
            is_old: certificate.version() != X509Version::V3,
            is_authority: certificate.is_ca(),
            is_for_servers: certificate
                .extended_key_usage()
                .ok()
                .flatten()
                .is_none_or(|usage| usage.value.any || usage.value.server_auth),
        })
    }

    /// Whether a server may present it at this time, in seconds since 1970.
    pub(super) fn serves_at(&self, seconds: i64) -> bool {
        self.is_for_servers && (self.from.timestamp()..=self.until.timestamp()).contains(&seconds)
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

    /// Returns the warning if the certificate expires soon. `what` names it in the message.
    pub(super) fn expiring(&self, what: &str, now: SystemTime) -> Option<Expiring> {
        let days = (self.until.timestamp() - seconds(now)).div_euclid(DAY);
        (days < EXPIRY_WARNING_DAYS).then(|| Expiring { what: what.to_owned(), until: self.until(), days })
    }

    /// Returns its last day.
    pub(super) fn until(&self) -> String {
        day(self.until)
    }

    pub(super) fn from(&self) -> String {
        day(self.from)
    }
}

/// Returns the names and addresses for which a certificate is valid. The common name no longer counts.
fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(alternatives)) = certificate.subject_alternative_name() else { return Vec::new() };
    let name = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some(sanitize(name, MAX_NAME_CHARS)),
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

    /// Created by `openssl x509 -req` without extensions.
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
    fn the_error_for_a_version_1_certificate_says_how_to_create_another() {
        let pem = inline("TEMPORAL_TLS_CERT in the environment", VERSION_1);
        let [der] = chain_of(&pem).unwrap().try_into().unwrap();
        let Err(error) = Certificate::parse(&pem, &der) else { panic!("it is accepted") };
        assert!(
            error.to_string().contains("uses X.509 version 1") && error.to_string().contains("-extfile"),
            "{error}"
        );
    }

    #[test]
    fn a_key_with_a_password_is_recognised_without_it() {
        let new = "-----BEGIN ENCRYPTED PRIVATE KEY-----\naHVudGVyMg==\n-----END ENCRYPTED PRIVATE KEY-----\n";
        let old = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\naHVudGVyMg==\n\
                   -----END RSA PRIVATE KEY-----\n";
        for text in [new, old, &new.replace('\n', "\\n")] {
            let error = key_of(&inline("the key", text)).unwrap_err();
            assert!(matches!(error, CertificateError::LockedKey { .. }), "{error}");
            assert!(!format!("{error} {error:?}").contains("aHVudGVyMg"));
        }
    }

    #[test]
    fn a_file_that_cannot_be_certificates_is_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let of = |path: PathBuf| Pem { origin: "X".to_owned(), source: PemSource::File(path) };
        let large = folder.path().join("large.pem");
        std::fs::write(&large, vec![b'x'; usize::try_from(MAX_FILE_BYTES).unwrap() + 1]).unwrap();
        assert!(chain_of(&of(large)).unwrap_err().to_string().contains("more than 1 MiB"));
        assert!(chain_of(&of(folder.path().to_owned())).unwrap_err().to_string().contains("not a regular file"));
    }

    #[test]
    fn unexpected_content_is_named() {
        let block = |label: &str| format!("-----BEGIN {label}-----\naHVudGVyMg==\n-----END {label}-----\n");
        let trusted = block("TRUSTED CERTIFICATE");
        let certificates = [
            (trusted.clone(), "openssl x509 -in FILE"),
            (format!("{trusted}{VERSION_1}"), "openssl x509 -in FILE"),
            (block("PKCS7"), "openssl pkcs7"),
            (block("PRIVATE KEY"), "it has only PRIVATE KEY"),
            ("/etc/tls/client.pem".to_owned(), "it is a path"),
            ("client.crt".to_owned(), "it is a path"),
        ];
        for (text, said) in certificates {
            let error = chain_of(&inline("X", &text)).unwrap_err().to_string();
            assert!(error.starts_with("X has no certificate in PEM form: ") && error.contains(said), "{error}");
        }
        let keys = [
            (VERSION_1.to_owned(), "it has only CERTIFICATE"),
            (block("OPENSSH PRIVATE KEY"), "ssh-keygen -p -m PKCS8"),
            ("./client.key".to_owned(), "set TEMPORAL_TLS_KEY to the path"),
        ];
        for (text, said) in keys {
            let error = key_of(&inline("X", &text)).unwrap_err().to_string();
            assert!(error.starts_with("X has no private key in PEM form: ") && error.contains(said), "{error}");
        }
        let dsa = key_of(&inline("X", &block("DSA PRIVATE KEY"))).unwrap_err().to_string();
        assert!(dsa.contains("the private key of X is a DSA key") && dsa.contains("P-256"), "{dsa}");
    }

    #[test]
    fn a_pair_in_one_file_is_read_and_written_unchanged() {
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::new(["x".to_owned()]).unwrap().self_signed(&key).unwrap();
        let text = format!("\u{feff}{}{}{VERSION_1}", key.serialize_pem(), certificate.pem());
        let pem = inline("X", &text);
        let (chain, key) = (chain_of(&pem).unwrap(), key_of(&pem).unwrap());
        assert_eq!((chain.len(), &chain[0]), (2, certificate.der()));
        let (certificates, secret) = written(&chain, &key);
        let again = inline("Y", &String::from_utf8([certificates, secret.to_vec()].concat()).unwrap());
        assert!(chain_of(&again).unwrap() == chain && key_of(&again).unwrap() == key);
        let identity = ClientIdentity { certificate: pem.clone(), key: pem };
        check_pair(&identity, chain[..1].to_vec(), key.clone_key()).unwrap();
        let other = rcgen::KeyPair::generate().unwrap();
        let other = rcgen::CertificateParams::new(["x".to_owned()]).unwrap().self_signed(&other).unwrap();
        let mismatch = check_pair(&identity, vec![other.der().clone()], key).unwrap_err();
        assert!(matches!(mismatch, CertificateError::Mismatch { .. }), "{mismatch}");
    }
}
