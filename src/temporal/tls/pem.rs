//! Reads PEM in the form of RFC 7468 and in the forms that people and other systems produce: text before, between and
//! after the blocks, a BOM, indentation, `\n` as two letters, spaces instead of line ends, base64 around the whole
//! text, or the bare base64 of DER. The error for an unsupported form has the command that converts it. Error messages
//! contain no part of a key.

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
    prelude::BASE64_STANDARD,
};
use rustls::pki_types::PrivateKeyDer;
use secrecy::zeroize::Zeroizing;
use x509_parser::{certificate::X509Certificate, prelude::FromDer};

/// Bytes per line of base64 in the output of [`write`].
const LINE_BYTES: usize = 64;

/// Maximum number of base64 layers around the text.
const MAX_WRAPPINGS: usize = 2;

/// Both alphabets of base64, with or without padding.
const ANY_BASE64: [GeneralPurpose; 2] = {
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    [GeneralPurpose::new(&alphabet::STANDARD, config), GeneralPurpose::new(&alphabet::URL_SAFE, config)]
};

const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"-----END ";
const DASHES: &[u8] = b"-----";

/// A PEM block: its label, such as `CERTIFICATE`, and its content.
pub(super) struct Block {
    pub(super) label: String,
    pub(super) der: Zeroizing<Vec<u8>>,
    /// Whether it is encrypted with a password, in the old form of OpenSSL.
    pub(super) locked: bool,
}

/// Why bytes are not PEM.
#[expect(missing_docs, reason = "the fields are the values in the messages")]
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PemProblem {
    /// The text is empty.
    #[error("it is empty")]
    Empty,
    /// The text is neither PEM nor base64.
    #[error(
        "it has no line such as -----BEGIN CERTIFICATE----- and is neither base64 of that nor of DER; copy the PEM file whole"
    )]
    NotPem,
    /// The value is a path, but must be the text.
    #[error("it is a path, but this setting expects the text; set {instead} to the path")]
    Path { instead: &'static str },
    /// The block is an OpenSSL `TRUSTED CERTIFICATE`.
    #[error("it is an OpenSSL TRUSTED CERTIFICATE; convert it: openssl x509 -in FILE -out FILE.pem")]
    Trusted,
    /// The file is PKCS#7.
    #[error("it is a PKCS#7 file; convert it: openssl pkcs7 -print_certs -in FILE -out FILE.pem")]
    Pkcs7,
    /// The key is in OpenSSH form.
    #[error("it is a key in OpenSSH form; convert a copy of it: ssh-keygen -p -m PKCS8 -N '' -f FILE")]
    OpenSsh,
    /// All blocks have other labels.
    #[error("it has only {labels}; use the file with the expected content")]
    Other { labels: String },
    /// The text is UTF-16.
    #[error("it is UTF-16, as PowerShell writes it; convert it: iconv -f UTF-16 -t UTF-8 FILE > FILE.pem")]
    Utf16,
    /// The file is a certificate in DER form.
    #[error("it is a certificate in DER form; convert it: openssl x509 -inform der -in FILE -out FILE.pem")]
    DerCertificate,
    /// The file is a private key in DER form.
    #[error("it is a private key in DER form; convert it: openssl pkey -inform der -in FILE -out FILE.pem")]
    DerKey,
    /// The file is PKCS#12.
    #[error("it is a PKCS#12 file; convert it: openssl pkcs12 -in FILE -nodes -out FILE.pem")]
    Pkcs12,
    /// The file is a Java key store.
    #[error(
        "it is a Java key store; convert it: keytool -importkeystore -srckeystore FILE -destkeystore FILE.p12 \
             -deststoretype PKCS12, then: openssl pkcs12 -in FILE.p12 -nodes -out FILE.pem"
    )]
    JavaKeyStore,
    /// A block has no end line.
    #[error("its block {number} ({label}) has no end line, so it was cut off; copy the file whole")]
    CutOff { number: usize, label: String },
    /// A block is not base64.
    #[error("its block {number} ({label}) is not base64; copy the file whole")]
    NotBase64 { number: usize, label: String },
}

/// Reads all blocks of a PEM text. A text without a block is an error.
pub(super) fn read(bytes: &[u8]) -> Result<Vec<Block>, PemProblem> {
    let mut bytes = Zeroizing::new(bytes.to_vec());
    for _ in 0..=MAX_WRAPPINGS {
        let text = without_bom(&bytes);
        if text.iter().all(u8::is_ascii_whitespace) {
            return Err(PemProblem::Empty);
        }
        if find(text, BEGIN).is_some() {
            return blocks(text);
        }
        if let Some(problem) = binary(text) {
            return Err(problem);
        }
        let inside = base64_of(text, &ANY_BASE64).ok_or(PemProblem::NotPem)?;
        // Check this first, since the content of a PKCS#12 file could be taken for a key.
        if is_pkcs12(&inside) {
            return Err(PemProblem::Pkcs12);
        }
        if let Some(blocks) = bare(&inside) {
            return Ok(blocks);
        }
        bytes = inside;
    }
    Err(PemProblem::NotPem)
}

impl Block {
    pub(super) fn is_certificate(&self) -> bool {
        matches!(self.label.as_str(), "CERTIFICATE" | "X509 CERTIFICATE" | "X.509 CERTIFICATE")
    }
}

/// Returns the error if no block has the expected label.
pub(super) fn others(blocks: &[Block]) -> PemProblem {
    let has = |label: &str| blocks.iter().any(|block| block.label == label);
    if has("TRUSTED CERTIFICATE") {
        PemProblem::Trusted
    } else if has("PKCS7") || has("PKCS #7 SIGNED DATA") || has("CMS") {
        PemProblem::Pkcs7
    } else if has("OPENSSH PRIVATE KEY") {
        PemProblem::OpenSsh
    } else {
        let mut labels: Vec<_> = blocks.iter().map(|block| block.label.as_str()).collect();
        labels.dedup();
        PemProblem::Other { labels: labels.join(", ") }
    }
}

/// Whether a value for a path is the content of a file instead: PEM, or base64 of PEM or DER.
pub(crate) fn is_content(text: &str) -> bool {
    const SHORTEST: usize = 60;
    let decoded = || base64_of(text.as_bytes(), &ANY_BASE64).filter(|_| text.trim().len() >= SHORTEST);
    // DER begins with a SEQUENCE.
    let is_base64 = || decoded().is_some_and(|inside| inside.starts_with(&[0x30]) || find(&inside, BEGIN).is_some());
    text.contains("-----") || text.contains('\n') || is_base64()
}

/// Writes DER as PEM.
pub(super) fn write(label: &str, der: &[u8]) -> Zeroizing<Vec<u8>> {
    let base64 = Zeroizing::new(BASE64_STANDARD.encode(der));
    // Reserve the whole buffer at once: a buffer that grows leaves copies of the key in memory.
    let mut text = Zeroizing::new(Vec::with_capacity(base64.len() + base64.len() / LINE_BYTES + 2 * label.len() + 40));
    text.extend_from_slice(format!("-----BEGIN {label}-----\n").as_bytes());
    for line in base64.as_bytes().chunks(LINE_BYTES) {
        text.extend_from_slice(line);
        text.push(b'\n');
    }
    text.extend_from_slice(format!("-----END {label}-----\n").as_bytes());
    text
}

fn without_bom(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

/// Recognises the binary form of bytes that have no block.
fn binary(bytes: &[u8]) -> Option<PemProblem> {
    let dash_16 = [b'-', 0, b'-', 0];
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") || find(bytes, &dash_16).is_some() {
        return Some(PemProblem::Utf16);
    }
    if bytes.starts_with(b"\xfe\xed\xfe\xed") {
        return Some(PemProblem::JavaKeyStore);
    }
    if X509Certificate::from_der(bytes).is_ok() {
        return Some(PemProblem::DerCertificate);
    }
    if is_pkcs12(bytes) {
        return Some(PemProblem::Pkcs12);
    }
    PrivateKeyDer::try_from(bytes).is_ok().then_some(PemProblem::DerKey)
}

/// Whether bytes begin with `SEQUENCE { INTEGER 3, ... }`, in DER or, with an indefinite length, in BER.
fn is_pkcs12(bytes: &[u8]) -> bool {
    let [0x30, length, content @ ..] = bytes else { return false };
    // With the high bit set, the lower bits are the number of bytes of the length.
    let width = if *length > 0x80 { usize::from(length & 0x7f) } else { 0 };
    content.get(width..).is_some_and(|content| content.starts_with(&[0x02, 0x01, 0x03]))
}

/// Splits a text into its blocks. Text outside of the blocks is a comment.
fn blocks(text: &[u8]) -> Result<Vec<Block>, PemProblem> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(begin) = find(rest, BEGIN) {
        let number = found.len() + 1;
        rest = &rest[begin + BEGIN.len()..];
        let Some(label) = find(rest, DASHES).map(|end| &rest[..end]).filter(|label| is_label(label)) else { continue };
        let label = String::from_utf8_lossy(label).into_owned();
        rest = &rest[label.len() + DASHES.len()..];
        let cut_off = || PemProblem::CutOff { number, label: label.clone() };
        let end = find(rest, END).ok_or_else(cut_off)?;
        let body = &rest[..end];
        if find(body, BEGIN).is_some() {
            return Err(cut_off());
        }
        rest = &rest[end + END.len()..];
        let locked = find(body, b"Proc-Type: 4,ENCRYPTED").is_some();
        let der = if locked { Some(Zeroizing::default()) } else { base64_of(body, &[BASE64_STANDARD]) };
        let der = der.ok_or_else(|| PemProblem::NotBase64 { number, label: label.clone() })?;
        found.push(Block { label, der, locked });
    }
    if found.is_empty() { Err(PemProblem::NotPem) } else { Ok(found) }
}

fn is_label(label: &[u8]) -> bool {
    const MAX_LABEL_BYTES: usize = 40;
    let fits =
        |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || matches!(byte, b' ' | b'.' | b'#' | b'-');
    (1..=MAX_LABEL_BYTES).contains(&label.len()) && label.iter().all(fits)
}

/// Decodes base64 with the first engine that accepts it. Skips blanks, line ends, quotes, and the letters `\n` and `\r`
/// after one or more backslashes.
fn base64_of(text: &[u8], engines: &[GeneralPurpose]) -> Option<Zeroizing<Vec<u8>>> {
    let mut plain = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut after_backslash = false;
    for byte in text {
        match byte {
            b'\\' => after_backslash = true,
            b'n' | b'r' | b't' if after_backslash => after_backslash = false,
            _ if after_backslash => return None,
            b'"' | b'\'' => {}
            byte if byte.is_ascii_whitespace() => {}
            byte => plain.push(*byte),
        }
    }
    if plain.is_empty() {
        return None;
    }
    engines.iter().find_map(|engine| {
        let mut decoded = Zeroizing::new(Vec::with_capacity(plain.len()));
        engine.decode_vec(plain.as_slice(), &mut decoded).ok()?;
        Some(decoded)
    })
}

/// Reads the certificates or the key from DER that was encoded as bare base64.
fn bare(der: &[u8]) -> Option<Vec<Block>> {
    let mut blocks = Vec::new();
    let mut rest = der;
    while let Ok((after, _)) = X509Certificate::from_der(rest) {
        let der = Zeroizing::new(rest[..rest.len() - after.len()].to_vec());
        blocks.push(Block { label: "CERTIFICATE".to_owned(), der, locked: false });
        rest = after;
        if rest.is_empty() {
            return Some(blocks);
        }
    }
    let label = match PrivateKeyDer::try_from(der).ok()? {
        PrivateKeyDer::Pkcs1(_) => "RSA PRIVATE KEY",
        PrivateKeyDer::Sec1(_) => "EC PRIVATE KEY",
        _ => "PRIVATE KEY",
    };
    Some(vec![Block { label: label.to_owned(), der: Zeroizing::new(der.to_vec()), locked: false }])
}

#[cfg(test)]
mod tests {
    use base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE, BASE64_URL_SAFE_NO_PAD};

    use super::*;

    /// Creates a certificate and a P-256 key for these tests.
    fn pair() -> (String, String) {
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
        (certificate.pem().replace('\r', ""), key.serialize_pem().replace('\r', ""))
    }

    fn der(text: &str) -> Vec<u8> {
        read(text.as_bytes()).unwrap()[0].der.to_vec()
    }

    fn bare_base64(text: &str) -> String {
        text.lines().filter(|line| !line.starts_with("-----")).collect()
    }

    #[test]
    fn a_text_is_read_in_every_form_of_a_variable() {
        let (certificate, key) = pair();
        for text in [&certificate, &key] {
            let plain = der(text);
            let base64 = BASE64_STANDARD.encode(text);
            let shapes = [
                text.replace('\n', "\\n"),
                text.replace('\n', "\\r\\n"),
                text.replace('\n', "\\\\n"),
                text.replace('\n', "\r\n"),
                text.replace('\n', " "),
                text.trim_end().to_owned(),
                format!("\"{}\"", text.replace('\n', "\\n")),
                format!("'{text}'"),
                base64.clone(),
                base64.as_bytes().chunks(76).map(String::from_utf8_lossy).collect::<Vec<_>>().join("\n"),
                BASE64_STANDARD.encode(&base64),
                base64.trim_end_matches('=').to_owned(),
                BASE64_URL_SAFE.encode(text),
                BASE64_URL_SAFE_NO_PAD.encode(text),
                BASE64_URL_SAFE_NO_PAD.encode(&plain),
                BASE64_STANDARD_NO_PAD.encode(&plain),
                bare_base64(text),
            ];
            for shape in shapes {
                let blocks = read(shape.as_bytes()).unwrap_or_else(|problem| panic!("{shape}: {problem}"));
                assert!(blocks.len() == 1 && *blocks[0].der == plain, "{shape}");
                assert!(text.contains(&format!("BEGIN {}", blocks[0].label)), "{}", blocks[0].label);
            }
        }
    }

    #[test]
    fn text_around_the_blocks_is_a_comment() {
        let (first, second) = (pair().0, pair().0);
        let both = |before: &[u8], between: &[u8], after: &[u8]| {
            [before, first.as_bytes(), between, second.as_bytes(), after].concat()
        };
        let texts = [
            both(b"", b"", b""),
            both(b"\xef\xbb\xbf", b"", b""),
            both(b"\xef\xbb\xbf", b"\xef\xbb\xbf", b""),
            both(b"# Autorit\xe9 de certification\n", b"\n\n", b""),
            both(b"Certificate:\n    Data:\n        Version: 3 (0x2)\n-----\n", b"Bag Attributes\n", b"\0\0garbage"),
            both(b"", b"", b"-----BEGIN trouble"),
        ];
        for text in texts {
            let blocks = read(&text).unwrap();
            let found: Vec<_> = blocks.iter().map(|block| block.der.to_vec()).collect();
            assert_eq!(found, [der(&first), der(&second)], "{}", String::from_utf8_lossy(&text));
        }
        let indented = first.lines().map(|line| format!("   {line}")).collect::<Vec<_>>().join("\n");
        assert_eq!(der(&indented), der(&first));
    }

    #[test]
    fn other_forms_are_named_with_the_command_that_converts_them() {
        let (certificate, key) = pair();
        let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
        let big_endian = |text: &str| text.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<_>>();
        let cut = &certificate[..certificate.len() / 2];
        let cases = [
            (Vec::new(), "it is empty"),
            (b"\xef\xbb\xbf \n".to_vec(), "it is empty"),
            ([b"\xff\xfe".to_vec(), utf16(&certificate)].concat(), "iconv -f UTF-16"),
            (utf16(&certificate), "iconv -f UTF-16"),
            ([b"\xfe\xff".to_vec(), big_endian(&certificate)].concat(), "iconv -f UTF-16"),
            (der(&certificate), "openssl x509 -inform der"),
            (der(&key), "openssl pkey -inform der"),
            (vec![0x30, 0x82, 1, 1, 0x02, 0x01, 0x03, 0x30], "openssl pkcs12"),
            (vec![0x30, 0x80, 0x02, 0x01, 0x03, 0x30, 0x80], "openssl pkcs12"),
            (vec![0x30, 0x81, 0xf0, 0x02, 0x01, 0x03, 0x30], "openssl pkcs12"),
            (vec![0x30, 0x83, 1, 1, 1, 0x02, 0x01, 0x03, 0x30], "openssl pkcs12"),
            (BASE64_STANDARD.encode([0x30, 0x80, 0x02, 0x01, 0x03, 0x30, 0x80]).into_bytes(), "openssl pkcs12"),
            (BASE64_STANDARD.encode([0x30, 0x82, 1, 1, 0x02, 0x01, 0x03, 0x30]).into_bytes(), "openssl pkcs12"),
            (b"\xfe\xed\xfe\xed\0\0\0\x02".to_vec(), "keytool"),
            (cut.as_bytes().to_vec(), "block 1 (CERTIFICATE) has no end line"),
            (format!("{certificate}{cut}{certificate}").into_bytes(), "block 2 (CERTIFICATE) has no end line"),
            (certificate.replace("MI", "M*").into_bytes(), "block 1 (CERTIFICATE) is not base64"),
            (b"hunter2".to_vec(), "copy the PEM file whole"),
            (b"<html></html>".to_vec(), "copy the PEM file whole"),
        ];
        for (bytes, said) in cases {
            let Err(problem) = read(&bytes) else { panic!("{said} is read") };
            assert!(problem.to_string().contains(said) && !problem.to_string().contains("hunter2"), "{problem}");
        }
    }

    #[test]
    fn written_pem_is_read_again() {
        let (_, key) = pair();
        let block = &read(key.as_bytes()).unwrap()[0];
        assert_eq!(String::from_utf8_lossy(&write(&block.label, &block.der)), key);
    }

    #[test]
    fn content_is_distinguished_from_a_path() {
        let (certificate, key) = pair();
        for text in [&certificate, &key] {
            assert!(is_content(text) && is_content(&text.replace('\n', "\\n")));
            assert!(is_content(&BASE64_STANDARD.encode(text)) && is_content(&bare_base64(text)));
        }
        for path in ["client.pem", "/etc/tls/client.pem", "MIX/cert.pem", "C:\\tls\\client.pem", ""] {
            assert!(!is_content(path), "{path}");
        }
    }
}
