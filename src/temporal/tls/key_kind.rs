//! Recognises private keys that the TLS library does not support.

use std::fmt;

use rustls::pki_types::PrivateKeyDer;

/// The kind of an unsupported private key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// ECDSA on this curve.
    Curve(&'static str),
    /// Ed448.
    Ed448,
    /// DSA.
    Dsa,
    /// RSA for PSS signatures only.
    RsaPss,
    /// X25519 or X448, which serve only for key exchange.
    Exchange,
    /// RSA with an unsupported key size.
    Rsa,
}

impl fmt::Display for KeyKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Curve(curve) => write!(out, "an ECDSA key on {curve}"),
            Self::Ed448 => out.write_str("an Ed448 key"),
            Self::Dsa => out.write_str("a DSA key"),
            Self::RsaPss => out.write_str("a key for RSA-PSS only"),
            Self::Exchange => out.write_str("a key for key exchange (X25519 or X448), which cannot sign"),
            Self::Rsa => out.write_str("an RSA key of another size"),
        }
    }
}

/// Object identifiers as DER, with the kind of key that each identifies.
const KINDS: [(&[u8], KeyKind); 11] = [
    (&[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23], KeyKind::Curve("P-521")),
    (&[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x0a], KeyKind::Curve("secp256k1")),
    (&[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x21], KeyKind::Curve("P-224")),
    (&[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x01], KeyKind::Curve("P-192")),
    (&[0x06, 0x09, 0x2b, 0x24, 0x03, 0x03, 0x02, 0x08, 0x01, 0x01], KeyKind::Curve("a Brainpool curve")),
    (&[0x06, 0x03, 0x2b, 0x65, 0x71], KeyKind::Ed448),
    (&[0x06, 0x03, 0x2b, 0x65, 0x6e], KeyKind::Exchange),
    (&[0x06, 0x03, 0x2b, 0x65, 0x6f], KeyKind::Exchange),
    (&[0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x38, 0x04, 0x01], KeyKind::Dsa),
    (&[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a], KeyKind::RsaPss),
    (&[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01], KeyKind::Rsa),
];

/// Number of bytes at the start of PKCS#8 that contain the algorithm. The key follows.
const PKCS8_HEAD_BYTES: usize = 40;

/// Number of bytes at the start of SEC1 that contain the curve, even after a key on P-521.
const SEC1_HEAD_BYTES: usize = 96;

impl KeyKind {
    /// Returns the kind of an unsupported key; `None` if the kind is unknown or should be supported.
    pub(super) fn of(key: &PrivateKeyDer<'_>) -> Option<Self> {
        let head = match key {
            PrivateKeyDer::Pkcs1(_) => return Some(Self::Rsa),
            PrivateKeyDer::Sec1(_) => SEC1_HEAD_BYTES,
            _ => PKCS8_HEAD_BYTES,
        };
        let der = key.secret_der();
        let head = &der[..der.len().min(head)];
        let has = |oid: &[u8]| head.windows(oid.len()).any(|window| window == oid);
        KINDS.iter().find(|(oid, _)| has(oid)).map(|(_, kind)| *kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::temporal::tls::{certificates::key_of, pem_of_text};

    /// Created by `openssl genpkey`, and used only in these tests.
    const KEYS: [(&str, &str); 7] = [
        (
            "MIHuAgEAMBAGByqGSM49AgEGBSuBBAAjBIHWMIHTAgEBBEIBobk0bT3quVB6xOFYzavush49IwqDNOSYLe3ukr5Ai72g3JX/DpLX\
             rjCrwD9eEjwVvJoHF5gtQrNs+xW1e7zc5WuhgYkDgYYABACfTB238lfIoQsDOxHy0q078cUxmF/36/edf/VK8TcCD0TnGxu4qZIV\
             C+baDRibF6yxpo7PICeZ/eL+W+CCKVkvXQEmKISKJJXLt1JorGv1pIDgmVBOEsc9p9rmyuOWM2dK9+Ut10LV2gmADiBTqXYC0zHF\
             Wly98WaQqhXWECNgvuIxUQ==",
            "an ECDSA key on P-521",
        ),
        (
            "MIHcAgEBBEIB0QYcgb8A6OEhq4xX5jOZ/N7BhicAIQVekCvXW6t5uRWNABN3QIRUm4J9ooW/HMER3lQ0r0eL9tk7LC90FQmX/jKg\
             BwYFK4EEACOhgYkDgYYABAECTv781+4dN8fdHiz5LCkyZ+T43/hVWPC3q0/4WTSDaaV2SGyZSoDZvPdPOjBgNqbazsBhmtksI6CX\
             QitB/32KKADbUuXz2vl/2SQsnFBmRN6Mp7pRN1KXNY/kuLTdwV6AFpKr4m+OGt35pyfXq/Gh5RgD4mqJMkzyKm4DymjCrkvFIA==",
            "an ECDSA key on P-521",
        ),
        (
            "MIGEAgEAMBAGByqGSM49AgEGBSuBBAAKBG0wawIBAQQgAt6kLmIcx38NlnFe2dY8JrRuEUyTd2nvC7fGbsr6oeihRANCAARMYc4t\
             vhFZL2rNg1xFnmyqQV25m0lCTSKgg4LF4vaDbNVSwgJqlkYDrKxD+RNHdYr8/om5ylFmLdlrgMFeXghG",
            "an ECDSA key on secp256k1",
        ),
        (
            "MEcCAQAwBQYDK2VxBDsEOTOx7UbgSGipHpd0YwKFO3JBA2e1z+nTQHybjgJtCmj0qxIitrxjws+MSFaRnK5tifNvdRG74bs5gg==",
            "an Ed448 key",
        ),
        (
            "MIIBUgIBADALBgkqhkiG9w0BAQoEggE+MIIBOgIBAAJBAMnDFHEILxchqHRubMpcgnNNY6vDfIoxdJU9PIwB8HRvdLDnoM3AFdCW\
             /5SaFgsDr1UNHEUAafCcFGUoFzOI/kcCAwEAAQJBAMO02JUzjQnw+gfGPPylc1wIi0/HFXyusBk7Bwn/r5Af+KLXv+v8M52M2pBS\
             OO1Is0lR+SfsmtbHv/bFq9III/ECIQD/xwdL0YcJI+YNIvz33Lv8JnBaqvz/hFXMc4yk2CCAPQIhAMnwBSDNwAeumR9daz3mXcxR\
             onTnF5ij0kZOg0xPhTzTAiBVALv4AoYyD3Ag5YPUi9MdlVi5iSHTeRNagvw2vGzwsQIgIsKHD3N7N5dNUkHRYPFTegUfUsIopKSm\
             YGXJYgxaIfMCICL71VJvpXo0qYwBztzCMzu+c0EHUkhgCf6QUNg2wqFd",
            "a key for RSA-PSS only",
        ),
        (
            "MC4CAQAwBQYDK2VuBCIEIHBjNh+LATP5syo0Jgcc/unq4ngv1aLOxNpZCEtHNrV+",
            "a key for key exchange (X25519 or X448), which cannot sign",
        ),
        (
            "MIIBVQIBADANBgkqhkiG9w0BAQEFAASCAT8wggE7AgEAAkEAuAejr30ZfNnT7Ty4kJFB5Y91dCoz4w1MvaH+BXqcbKVjZjUduGMK\
             r+7fpdmWVncrwpzfuwCwHrLWwnxVvWEy2QIDAQABAkAbmDGoJ8cBnJwVj6xRKSbLaEaBY66iFiVyre6sHaWE+Mp948VcsX5V+rL2\
             g0uOmyLMKSL6IvS7+hr9eTidPhlxAiEA6KOu6QUCtzNyzo5I2NrW0AzBfncROMLV8f16EuAc7w0CIQDKgmFxGaECWiYgiNpiNDQU\
             xEPC7BgifMuLc+hWppf//QIgIdCY/fnieSqbR3bbE9pLWxZfkbhQ4oU/f9suQUweKIkCIQCCKcOP+rUu2drf1pbnwD4piu0zAKWS\
             pTv/aoTQDUxt0QIhAJwvP4skXgysNQSq9G0WkDTQwyhPm/+5y2+EVq1LLSdr",
            "an RSA key of another size",
        ),
    ];

    #[test]
    fn an_unsupported_key_is_named_by_its_kind() {
        for (base64, kind) in KEYS {
            let text = pem_of_text("the key", base64);
            let key = key_of(&text).unwrap_or_else(|error| panic!("{kind}: {error}"));
            assert_eq!(KeyKind::of(&key).map(|kind| kind.to_string()).as_deref(), Some(kind));
        }
    }
}
