//! The security of the connection: TLS, certificates and the API key. Checks that files can be opened, but does not
//! read them.
//!
//! A setting that needs TLS turns it on. `TEMPORAL_TLS=false` contradicts such a setting in the same or a higher layer,
//! and overrides one in a lower layer. So a single command can run without TLS although files turn it on.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use secrecy::SecretString;

use super::address::Target;
use super::choice::Choice;
use super::error::SettingsError;
use super::layer::Found;
use super::sourced::{Layer, Origin, Sourced};
use super::sources::Sources;
use super::{Flags, names, paths, values};
use crate::error_text::quoted;
use crate::temporal::{ClientIdentity, Pem, PemSource, Tls, Transport, is_content};

const API_KEY: &str = "TEMPORAL_API_KEY";

/// A certificate or key: its file, or the text itself.
#[derive(Debug, Clone)]
pub(super) enum Credential {
    File(PathBuf),
    Inline(SecretString),
}

/// The security settings.
#[derive(Debug, Clone)]
pub(super) struct Security {
    /// Whether the connection uses TLS. The origin is the setting that decides.
    pub(super) tls: Sourced<bool>,
    pub(super) cert: Option<Sourced<Credential>>,
    pub(super) key: Option<Sourced<Credential>>,
    pub(super) root_ca: Option<Sourced<Credential>>,
    pub(super) server_name: Option<Sourced<String>>,
    pub(super) skip_verify: Sourced<bool>,
    pub(super) api_key: Option<Sourced<SecretString>>,
    /// Settings that are overridden because a higher layer turns TLS off.
    pub(super) overridden: Vec<Origin>,
}

impl Security {
    /// Replaces these settings after a mistake in them. Connections are never made with this value.
    pub(super) fn off() -> Self {
        Self {
            tls: Sourced::by_default("TEMPORAL_TLS", false),
            cert: None,
            key: None,
            root_ca: None,
            server_name: None,
            skip_verify: Sourced::by_default(names::SKIP_VERIFY[0], false),
            api_key: None,
            overridden: Vec::new(),
        }
    }

    /// Reads and checks the settings for a server at `target`.
    ///
    /// # Errors
    /// Fails if a value is wrong, two settings contradict each other, a file cannot be opened, or a remote server would
    /// be used without a decision about TLS.
    pub(super) fn resolve(
        flags: &Flags,
        sources: &Sources,
        current_dir: &Path,
        target: &Sourced<Target>,
    ) -> Result<Self, SettingsError> {
        let credential = |flag: Option<&Path>, flag_name, names: &[&'static str]| {
            let flag = flag.map(Path::to_string_lossy);
            credential(Choice::new(flag.as_deref(), flag_name, names), sources, current_dir)
        };
        let truth = |flag: Option<&str>, flag_name, names: &[&'static str]| {
            Choice::new(flag, flag_name, names).named(sources, values::boolean)
        };
        let explicit = truth(flags.tls.as_deref(), "--tls", &["TEMPORAL_TLS"])?;
        let skip = truth(flags.insecure_skip_verify.as_deref(), "--insecure-skip-verify", &names::SKIP_VERIFY)?;
        let name = Choice::new(flags.server_name.as_deref(), "--server-name", &names::SERVER_NAME);
        let api_key = Choice::without_flag(&[API_KEY]).named(sources, values::api_key)?;
        let mut security = Self {
            tls: explicit.clone().unwrap_or(Sourced::by_default("TEMPORAL_TLS", false)),
            cert: credential(flags.tls_cert.as_deref(), "--tls-cert", &names::TLS_CERT)?,
            key: credential(flags.tls_key.as_deref(), "--tls-key", &names::TLS_KEY)?,
            root_ca: credential(flags.server_root_ca_cert.as_deref(), "--server-root-ca-cert", &names::ROOT_CA)?,
            server_name: name.named(sources, values::server_name)?,
            skip_verify: skip.unwrap_or(Sourced::by_default(names::SKIP_VERIFY[0], false)),
            api_key: api_key.map(|key| key.map(SecretString::from)),
            overridden: Vec::new(),
        };
        security.decide(explicit, target)?;
        security.check(target)?;
        Ok(security)
    }

    /// Whether a layer below the flags turns TLS off.
    pub(super) fn plaintext_is_set(&self) -> bool {
        !self.tls.value && !matches!(self.tls.origin.layer, Layer::Flag | Layer::Default)
    }

    /// Returns the settings that turn TLS on, the clearest first. An API key is among them, although it can be sent
    /// without TLS: on this machine, in a service mesh that adds TLS, or at the user's risk.
    fn wanting_tls(&self, target: &Sourced<Target>) -> Vec<Origin> {
        fn origin<T>(set: Option<&Sourced<T>>) -> Option<Origin> {
            set.map(|set| set.origin.clone())
        }
        let skip = Some(&self.skip_verify).filter(|skip| skip.value);
        let https = Some(target).filter(|target| target.value.https);
        let files = [origin(self.cert.as_ref()), origin(self.key.as_ref()), origin(self.root_ca.as_ref())];
        let others = [origin(self.server_name.as_ref()), origin(self.api_key.as_ref()), origin(skip), origin(https)];
        files.into_iter().chain(others).flatten().collect()
    }

    /// Decides about TLS. `explicit` is the value of the setting itself.
    fn decide(&mut self, explicit: Option<Sourced<bool>>, target: &Sourced<Target>) -> Result<(), SettingsError> {
        let wanting = self.wanting_tls(target);
        match explicit {
            Some(Sourced { value: false, origin: denied }) => {
                let contradicts = |origin: &&Origin| origin.name != API_KEY && !denied.layer.is_above(&origin.layer);
                if let Some(asked) = wanting.iter().find(contradicts) {
                    return Err(SettingsError::TlsDenied { denied, asked: Box::new(asked.clone()) });
                }
                (self.cert, self.key, self.root_ca, self.server_name) = (None, None, None, None);
                // An API key from a lower layer was set for a connection with TLS, so it is not sent without TLS.
                self.api_key.take_if(|key| denied.layer.is_above(&key.origin.layer));
                self.skip_verify.value = false;
                self.overridden = wanting.into_iter().filter(|origin| denied.layer.is_above(&origin.layer)).collect();
            }
            Some(_) => {}
            None => {
                if let Some(origin) = wanting.into_iter().next() {
                    self.tls = Sourced { value: true, origin };
                }
            }
        }
        Ok(())
    }

    fn check(&self, target: &Sourced<Target>) -> Result<(), SettingsError> {
        let half = match (&self.cert, &self.key) {
            (Some(cert), None) => Some((cert, names::TLS_KEY[0])),
            (None, Some(key)) => Some((key, names::TLS_CERT[0])),
            _ => None,
        };
        if let Some((present, missing)) = half {
            return Err(SettingsError::HalfKeyPair { present: present.origin.clone(), missing });
        }
        for (credential, shows) in [(&self.cert, true), (&self.key, false), (&self.root_ca, true)] {
            credential.as_ref().map_or(Ok(()), |credential| readable(credential, shows))?;
        }
        match &self.api_key {
            Some(api_key) if self.skip_verify.value => Err(SettingsError::SkipVerifyWithApiKey {
                skip: self.skip_verify.origin.clone(),
                api_key: Box::new(api_key.origin.clone()),
            }),
            _ if !self.tls.value && self.tls.origin.layer == Layer::Default && !target.value.address.is_loopback() => {
                Err(SettingsError::PlaintextToRemote { address: target.value.address.to_string() })
            }
            _ => Ok(()),
        }
    }

    /// Returns sentences about settings that are dangerous or have no effect.
    pub(super) fn notices(&self, target: &Target) -> Vec<String> {
        let address = &target.address;
        let mut notices = Vec::new();
        if self.skip_verify.value {
            notices.push(format!(
                "INSECURE: the certificate of {address} is not verified ({}), so any server that answers there can read and \
                 alter all traffic.",
                self.skip_verify.origin
            ));
            if let Some(root_ca) = &self.root_ca {
                notices.push(format!("{} had no effect: the certificate is not verified.", root_ca.origin));
            }
        }
        if !self.tls.value && !address.is_loopback() {
            notices.push(format!("The connection to {address} is not encrypted: {} is false.", self.tls.origin));
            if let Some(key) = &self.api_key {
                notices.push(format!(
                    "INSECURE: anyone on the network can read the API key that is sent to {address} ({}), since {} is false.",
                    key.origin, self.tls.origin
                ));
            }
        }
        if !self.overridden.is_empty() {
            let overridden = self.overridden.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            notices.push(format!("{overridden} had no effect: {} is false.", self.tls.origin));
        }
        notices
    }

    /// Returns the transport of the connection.
    pub(super) fn transport(&self) -> Transport {
        if !self.tls.value {
            return Transport::Plaintext;
        }
        let identity = self.cert.as_ref().zip(self.key.as_ref());
        Transport::Tls(Tls {
            root_ca: self.root_ca.as_ref().map(pem),
            server_name: self.server_name.as_ref().map(|name| name.value.clone()),
            identity: identity.map(|(cert, key)| ClientIdentity { certificate: pem(cert), key: pem(key) }),
            skip_verify: self.skip_verify.value,
        })
    }
}

fn pem(credential: &Sourced<Credential>) -> Pem {
    let source = match &credential.value {
        Credential::File(path) => PemSource::File(path.clone()),
        Credential::Inline(text) => PemSource::Inline(text.clone()),
    };
    Pem { origin: credential.origin.to_string(), source }
}

/// Returns the path that is named, or the text itself under a name for data.
fn credential(
    choice: Choice<'_>,
    sources: &Sources,
    current_dir: &Path,
) -> Result<Option<Sourced<Credential>>, SettingsError> {
    let data = choice.last_name();
    let Some(Sourced { value, origin }) = choice.named(sources, move |found| text(found, data))? else {
        return Ok(None);
    };
    let value = if is_data(origin.name) {
        Credential::Inline(value.into())
    } else {
        Credential::File(paths::base(&origin, current_dir).join(value))
    };
    Ok(Some(Sourced { value, origin }))
}

fn is_data(name: &str) -> bool {
    name.ends_with("_DATA")
}

/// Returns the value, unless it is the text itself under a name for a path, or not a path.
fn text(found: &Found<'_>, data: &'static str) -> Result<String, SettingsError> {
    if is_data(found.origin.name) {
        return Ok(found.text.to_owned());
    }
    if is_content(found.text) {
        return Err(SettingsError::TextInsteadOfPath { origin: found.origin.clone(), data });
    }
    match paths::problem_of(found.text) {
        None => Ok(found.text.to_owned()),
        // The path of a key may be the key itself, in one line.
        Some(problem) if names::TLS_KEY.contains(&data) => {
            let value = "set (not shown)".to_owned();
            Err(SettingsError::Invalid { origin: found.origin.clone(), value, problem: problem.to_owned() })
        }
        Some(problem) => Err(found.invalid(problem)),
    }
}

/// Checks that the file can be opened. If `shows` is false, the message does not contain the path, because the path of
/// a key may be the key itself, in one line.
fn readable(credential: &Sourced<Credential>, shows: bool) -> Result<(), SettingsError> {
    let Credential::File(path) = &credential.value else { return Ok(()) };
    // The kind is checked first, because opening a named pipe would block forever.
    let opened = path.metadata().and_then(|metadata| {
        if metadata.is_file() { File::open(path).map(drop) } else { Err(io::Error::other("it is not a regular file")) }
    });
    let for_message = || {
        if shows {
            quoted(&path.to_string_lossy())
        } else {
            "a file (not shown, as the value may be the key itself)".to_owned()
        }
    };
    opened.map_err(|error| SettingsError::FileUnreadable {
        origin: credential.origin.clone(),
        path: for_message(),
        error,
    })
}
