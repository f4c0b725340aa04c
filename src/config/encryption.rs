//! Payload encryption: whether it is on, the key that encrypts, and the sources of the keys. Messages, `Debug` output
//! and `idempotence config` never show a key.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};

use super::choice::Choice;
use super::error::SettingsError;
use super::sourced::{Layer, Origin, Sourced};
use super::sources::Sources;
use super::{Flags, paths, values};
use crate::encryption::{KeyFile, KeyFileError, KeyId, KeyRing, Keys, parse_keys, sample_key};
use crate::temporal::Codec;

/// The name of the key file in this program's folder for settings.
const KEY_FILE: &str = "encryption-keys.toml";

const KEY_ID: &str = "DATACONVERTER_ENCRYPTION_KEY_ID";
const KEY_FILE_NAME: &str = "IDEMPOTENCE_ENCRYPTION_KEY_FILE";

/// The ids of the available keys, by source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyIds {
    /// The ids in the key file; `None` if there is no such file.
    pub file: Option<Vec<KeyId>>,
    /// The ids in `IDEMPOTENCE_ENCRYPTION_KEYS`, if it is set.
    pub list: Option<(Origin, Vec<KeyId>)>,
}

/// The settings of payload encryption.
#[derive(Debug, Clone)]
pub(super) struct Encryption {
    pub(super) on: Sourced<bool>,
    pub(super) key_id: Option<Sourced<String>>,
    pub(super) keys: Option<Sourced<SecretString>>,
    /// The key file; `None` if no layer names one and there is no folder for the default one.
    pub(super) key_file: Option<Sourced<PathBuf>>,
    pub(super) sample_key: Sourced<bool>,
    pub(super) refuse_plaintext: Sourced<bool>,
}

impl Encryption {
    /// Reads the settings. `folder` is this program's folder for settings.
    pub(super) fn resolve(
        flags: &Flags,
        sources: &Sources,
        current_dir: &Path,
        folder: Option<&Path>,
    ) -> Result<Self, SettingsError> {
        let truth = |name: &'static str| {
            let named = Choice::without_flag(&[name]).named(sources, values::boolean)?;
            Ok::<_, SettingsError>(named.unwrap_or(Sourced::by_default(name, false)))
        };
        let on = Choice::new(flags.encrypt_payload.as_deref(), "--encrypt-payload", &["ENCRYPT_PAYLOAD"]);
        let keys =
            Choice::without_flag(&["IDEMPOTENCE_ENCRYPTION_KEYS"]).named(sources, |found| Ok(found.text.to_owned()))?;
        let usual = || folder.map(|folder| Sourced::by_default(KEY_FILE_NAME, folder.join(KEY_FILE)));
        Ok(Self {
            on: on.of(sources, values::boolean, bool::default)?,
            key_id: Choice::without_flag(&[KEY_ID]).named(sources, values::label)?,
            keys: keys.map(|keys| keys.map(SecretString::from)),
            key_file: paths::named_file(sources, KEY_FILE_NAME, current_dir)?.or_else(usual),
            sample_key: truth("IDEMPOTENCE_INSECURE_SAMPLE_KEY")?,
            refuse_plaintext: truth("IDEMPOTENCE_REFUSE_PLAINTEXT")?,
        })
    }

    /// Replaces these settings after a mistake in them. Payloads are never sent with this value.
    pub(super) fn off() -> Self {
        Self {
            on: Sourced::by_default("ENCRYPT_PAYLOAD", false),
            key_id: None,
            keys: None,
            key_file: None,
            sample_key: Sourced::by_default("IDEMPOTENCE_INSECURE_SAMPLE_KEY", false),
            refuse_plaintext: Sourced::by_default("IDEMPOTENCE_REFUSE_PLAINTEXT", false),
        }
    }

    /// Returns the codec; `None` if payload encryption is off.
    pub(super) fn codec(&self) -> Result<Option<Codec>, SettingsError> {
        self.on.value.then(|| self.codec_of_keys()).transpose()
    }

    fn codec_of_keys(&self) -> Result<Codec, SettingsError> {
        let id = self.key_id.as_ref().ok_or(SettingsError::NoKeyId)?;
        // A text that is not an id may be a key.
        let name = if id.value.parse::<KeyId>().is_ok() { id.value.as_str() } else { "NAME" };
        let ring = KeyRing::new(&id.value, self.keys_for(&id.value)?).map_err(|cause| SettingsError::NoKey {
            origin: id.origin.clone(),
            add: format!("idempotence keys add '{name}'"),
            cause: Box::new(cause),
        })?;
        Ok(Codec::new(Arc::new(ring), self.refuse_plaintext.value))
    }

    /// Returns all available keys. The key with the id `id` encrypts.
    fn keys_for(&self, id: &str) -> Result<Keys, SettingsError> {
        if self.sample_key.value {
            // The ring reports a text that is not an id.
            return Ok(id.parse().map(|id: KeyId| Keys::from([(id, sample_key())])).unwrap_or_default());
        }
        let mut keys = self.keys_in_file()?;
        keys.extend(self.keys_in_list(&keys)?);
        Ok(keys)
    }

    /// Reads the keys in the key file. The default file need not exist.
    fn keys_in_file(&self) -> Result<Keys, KeyFileError> {
        match &self.key_file {
            Some(file) if file.origin.layer != Layer::Default || file.value.exists() => KeyFile::at(&file.value).read(),
            _ => Ok(Keys::new()),
        }
    }

    /// Reads the keys in the list. Refuses a key whose id is also `in_file`.
    fn keys_in_list(&self, in_file: &Keys) -> Result<Keys, SettingsError> {
        let Some(listed) = &self.keys else { return Ok(Keys::new()) };
        let keys = parse_keys(listed.value.expose_secret())
            .map_err(|cause| SettingsError::BadKeys { origin: listed.origin.clone(), cause })?;
        match keys.keys().find(|id| in_file.contains_key(*id)) {
            Some(id) => Err(SettingsError::KeyTwice { origin: listed.origin.clone(), id: id.to_string() }),
            None => Ok(keys),
        }
    }

    /// Returns the ids of all keys, by source.
    pub(super) fn key_ids(&self) -> Result<KeyIds, SettingsError> {
        let in_file = match self.keys_in_file() {
            Ok(keys) => Some(keys),
            Err(KeyFileError::Unreadable { error, .. }) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error.into()),
        };
        let in_list = self.keys_in_list(in_file.as_ref().unwrap_or(&Keys::new()))?;
        let list = self.keys.as_ref().map(|list| (list.origin.clone(), in_list.into_keys().collect()));
        let exists = self.key_file.as_ref().is_some_and(|file| file.value.exists());
        Ok(KeyIds { file: in_file.filter(|_| exists).map(|keys| keys.into_keys().collect()), list })
    }

    /// Returns sentences about settings that are dangerous or have no effect.
    pub(super) fn notices(&self) -> Vec<String> {
        let mut notices = Vec::new();
        if !self.on.value {
            let idle = [
                self.key_id.as_ref().map(|id| &id.origin),
                Some(&self.refuse_plaintext).filter(|refuse| refuse.value).map(|refuse| &refuse.origin),
                Some(&self.sample_key).filter(|sample| sample.value).map(|sample| &sample.origin),
            ];
            let without = |origin: &Origin| format!("{origin} had no effect: payload encryption is off.");
            notices.extend(idle.into_iter().flatten().map(without));
        } else if self.sample_key.value {
            notices.push(format!(
                "INSECURE: payloads are encrypted with the key of Temporal's public samples, which is not secret ({}).",
                self.sample_key.origin
            ));
        }
        notices
    }
}
