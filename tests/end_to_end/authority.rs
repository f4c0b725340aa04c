//! A certificate authority for tests. It issues valid and invalid certificates and writes them as PEM files.

use std::{
    fs,
    net::IpAddr,
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

const DAY: Duration = Duration::from_hours(24);

/// Period of validity of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Validity {
    /// From yesterday until this duration from now.
    For(Duration),
    /// Until yesterday.
    Expired,
    /// From tomorrow.
    NotYet,
}

impl Validity {
    /// Valid now, for 30 days.
    pub const NOW: Self = Self::For(DAY.saturating_mul(30));

    fn set(self, params: &mut CertificateParams) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970");
        let before = |time| now.saturating_sub(time);
        let (from, until) = match self {
            Self::For(time) => (before(DAY), now + time),
            Self::Expired => (before(DAY * 30), before(DAY)),
            Self::NotYet => (now + DAY, now + DAY * 30),
        };
        params.not_before = date_time_ymd(1970, 1, 1) + from;
        params.not_after = date_time_ymd(1970, 1, 1) + until;
    }
}

/// A certificate with its private key, for one peer of a connection.
#[derive(Debug, Clone)]
pub struct Certified {
    /// PEM: the certificate, followed by the intermediate certificates up to the root.
    pub certificate: PathBuf,
    /// PEM, PKCS #8.
    pub key: PathBuf,
    chain: Vec<CertificateDer<'static>>,
    private: Vec<u8>,
}

impl Certified {
    /// Returns the certificate chain and the key in the form that a rustls server needs.
    pub fn parts(&self) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        (self.chain.clone(), PrivatePkcs8KeyDer::from(self.private.clone()).into())
    }
}

/// A root or intermediate authority that writes its files to the folder of a test.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    /// Certificates between the root and this authority, with their PEM text. Empty for a root.
    intermediates: Vec<(CertificateDer<'static>, String)>,
    folder: PathBuf,
    name: String,
}

impl Authority {
    /// Creates a root authority and writes its certificate.
    pub fn new(folder: &Path, name: &str) -> Self {
        let issuer = CertifiedIssuer::self_signed(authority(name), key()).expect("a certificate");
        let made = Self { issuer, intermediates: Vec::new(), folder: folder.to_owned(), name: name.to_owned() };
        fs::write(made.path(), made.issuer.pem()).expect("a folder to write to");
        made
    }

    /// Creates an intermediate authority. Certificates that it issues include its own certificate in their chain.
    pub fn intermediate(&self, name: &str) -> Self {
        let issuer = CertifiedIssuer::signed_by(authority(name), key(), &self.issuer).expect("a certificate");
        let mut intermediates = vec![(issuer.der().clone(), issuer.pem())];
        intermediates.extend(self.intermediates.iter().cloned());
        Self { issuer, intermediates, folder: self.folder.clone(), name: self.name.clone() }
    }

    /// Returns the path of the root's PEM file, for clients that trust this authority.
    pub fn path(&self) -> PathBuf {
        self.folder.join(format!("{}.pem", self.name))
    }

    /// Returns this authority's own certificate, for test servers that trust it.
    pub fn certificate(&self) -> CertificateDer<'static> {
        self.issuer.der().clone()
    }

    /// Issues a server certificate for these host names or IP addresses.
    pub fn server(&self, names: &[&str], validity: Validity) -> Certified {
        let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
        let file = format!("server-{}", uuid::Uuid::new_v4().simple());
        self.issue(&file, names, ExtendedKeyUsagePurpose::ServerAuth, validity)
    }

    pub fn client(&self, name: &str, validity: Validity) -> Certified {
        let file = format!("{name}-{}", uuid::Uuid::new_v4().simple());
        self.issue(&file, vec![name.to_owned()], ExtendedKeyUsagePurpose::ClientAuth, validity)
    }

    fn issue(&self, file: &str, names: Vec<String>, usage: ExtendedKeyUsagePurpose, validity: Validity) -> Certified {
        let common = names.iter().find(|name| name.parse::<IpAddr>().is_err()).cloned();
        let mut params = CertificateParams::new(names).expect("names of hosts");
        params.distinguished_name.push(DnType::CommonName, common.unwrap_or_else(|| "by address".to_owned()));
        params.extended_key_usages = vec![usage];
        params.use_authority_key_identifier_extension = true;
        validity.set(&mut params);
        let key = key();
        let leaf = params.signed_by(&key, &self.issuer).expect("a certificate");
        let mut pem = leaf.pem();
        let mut chain = vec![leaf.der().clone()];
        for (certificate, text) in &self.intermediates {
            pem.push_str(text);
            chain.push(certificate.clone());
        }
        let certified = Certified {
            certificate: self.folder.join(format!("{file}.pem")),
            key: self.folder.join(format!("{file}.key")),
            chain,
            private: key.serialize_der(),
        };
        fs::write(&certified.certificate, pem).expect("a folder to write to");
        fs::write(&certified.key, key.serialize_pem()).expect("a folder to write to");
        certified
    }
}

fn key() -> KeyPair {
    KeyPair::generate().expect("a key")
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Validity::NOW.set(&mut params);
    params
}
