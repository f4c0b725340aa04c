//! The lowest layer: a profile in Temporal's own `temporal.toml`, which its command line and SDKs share. The layers
//! above name the profile and the file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::choice::Choice;
use super::error::SettingsError;
use super::layer::{Value, Values};
use super::layer_files::{LayerFile, own_file};
use super::needs::Area;
use super::sourced::{Layer, Origin, Sourced};
use super::sources::Sources;
use super::{Address, Flags, names, paths, values};
use crate::error_text::quoted_path;
use crate::temporal;

/// The profile that is used if no layer names one. It need not exist.
const DEFAULT: &str = "default";

/// The content of the profile, its file, and its name.
#[derive(Default)]
pub(super) struct ProfileLayer {
    values: Values,
    /// Entries that this program does not know, each with where it is.
    unknown: Vec<String>,
    /// Its gRPC metadata.
    pub(super) metadata: BTreeMap<String, String>,
    /// The file; `None` if there is no folder for it.
    pub(super) file: Option<LayerFile>,
    /// The name; `None` if no layer names a profile.
    named: Option<Sourced<String>>,
}

/// Prefixes of a profile's security settings.
const SECURITY: [&str; 3] = ["TEMPORAL_TLS", "TEMPORAL_API_KEY", "TEMPORAL_CODEC_"];

impl ProfileLayer {
    /// Returns its name, which may be the default.
    pub(super) fn name(&self) -> Sourced<String> {
        let default = || Sourced::by_default("TEMPORAL_PROFILE", DEFAULT.to_owned());
        self.named.clone().unwrap_or_else(default)
    }

    /// Removes the profile's security settings if no layer names the profile but one names another server, because a
    /// key belongs to the server in the same profile.
    fn keep_to_its_server(&mut self, sources: &Sources, flags: &Flags) -> Result<(), SettingsError> {
        let above =
            Choice::new(flags.address.as_deref(), "--address", &names::SERVER).named(sources, values::address)?;
        let own = self.values.get("TEMPORAL_ADDRESS").and_then(|own| own.text.parse::<Address>().ok());
        let elsewhere = above.zip(own).is_some_and(|(above, own)| above.value.address != own);
        if self.named.is_some() || !elsewhere {
            return Ok(());
        }
        let of_security = |name: &str| SECURITY.iter().any(|security| name.starts_with(security));
        let (left_out, kept) = std::mem::take(&mut self.values).into_iter().partition(|(name, _)| of_security(name));
        self.values = kept;
        let left_out: Values = left_out;
        let metadata = std::mem::take(&mut self.metadata).into_keys();
        self.unknown.extend(metadata.map(|name| format!("grpc_meta {name} in the profile (another server is named)")));
        self.unknown.extend(left_out.into_values().map(|value| format!("{} (another server is named)", value.origin)));
        Ok(())
    }
}

/// Adds the profile as the lowest layer. `usual` is the path at which Temporal's own tools look for the file.
pub(super) fn add(sources: &mut Sources, flags: &Flags, current_dir: &Path, usual: Option<PathBuf>) -> ProfileLayer {
    let layer = read(flags, sources, current_dir, usual);
    let mut layer = sources.problems.or_default(Area::Connection, layer);
    // The only possible mistake is one in the address, which is reported when the address itself is read.
    let _reported_there = layer.keep_to_its_server(sources, flags);
    sources.unknown.append(&mut layer.unknown);
    sources.add(std::mem::take(&mut layer.values));
    layer
}

fn read(
    flags: &Flags,
    sources: &mut Sources,
    current_dir: &Path,
    usual: Option<PathBuf>,
) -> Result<ProfileLayer, SettingsError> {
    let named = Choice::new(flags.profile.as_deref(), "--profile", &["TEMPORAL_PROFILE"]);
    let named = named.named(sources, values::label)?;
    let explicit = paths::named_file(sources, "TEMPORAL_CONFIG_FILE", current_dir)?;
    let (explicit, file) = explicit.map_or((None, usual), |file| (Some(file.origin), Some(file.value)));
    let name = named.as_ref().map_or(DEFAULT, |named| named.value.as_str()).to_owned();
    let Some((file, bytes)) = file.map(|file| own_file(file, &mut sources.notices)).transpose()? else {
        return match named {
            Some(Sourced { origin, .. }) => Err(SettingsError::NoProfileFile { origin }),
            None => Ok(ProfileLayer::default()),
        };
    };
    let bad = |problem: String| SettingsError::BadProfiles { file: file.path.clone(), problem };
    let text = std::str::from_utf8(&bytes).map_err(|_| bad("it is not UTF-8; save it as UTF-8".to_owned()))?;
    let mut profiles = temporal::profiles(text).map_err(|error| bad(error.to_string()))?;
    let profile = profiles.remove(&name);
    let known = || profiles.into_keys().collect::<Vec<_>>().join(", ");
    match (profile, named) {
        (Some(profile), named) => {
            let layer = layer(profile, &file.path, &name);
            Ok(ProfileLayer { file: Some(file), named, ..layer })
        }
        (None, Some(Sourced { value, origin })) if name != DEFAULT => {
            let (known, origin) = (file.present.then(known), Box::new(origin));
            Err(SettingsError::NoProfile { origin, profile: value, file: file.path, known })
        }
        // For Temporal's own tools, both the file and the profile "default" are optional. But a user who names a file
        // wants it to be used.
        (None, named) => {
            let unused = explicit.filter(|_| file.ignored.is_none()).map(|origin| unused(&origin, &file, &known()));
            sources.notices.extend(Area::Connection, unused);
            Ok(ProfileLayer { file: Some(file), named, ..ProfileLayer::default() })
        }
    }
}

/// Returns the notice that the file named by `origin` is not used.
fn unused(origin: &Origin, file: &LayerFile, known: &str) -> String {
    let path = quoted_path(&file.path);
    if !file.present {
        return format!(
            "{origin} names {path}, which does not exist, so no profile is used; correct the path, or unset {}.",
            origin.name
        );
    }
    let known = if known.is_empty() { "none" } else { known };
    format!(
        "{origin} names {path}, which has no profile {DEFAULT:?} (it has: {known}), so nothing in it is used; name a profile \
         with --profile or TEMPORAL_PROFILE."
    )
}

fn layer(profile: temporal::Profile, file: &Path, name: &str) -> ProfileLayer {
    let layer = Layer::Profile { file: file.to_owned(), profile: name.to_owned() };
    let mut read = ProfileLayer { metadata: profile.metadata, ..ProfileLayer::default() };
    let slip = |(written, meant)| format!("{written:?} {layer} (did you mean {meant}?)");
    read.unknown.extend(profile.misspelled.into_iter().map(slip));
    for (name, text) in profile.values.into_iter().filter(|(_, text)| !text.trim().is_empty()) {
        let origin = Origin { name, layer: layer.clone() };
        match names::known(name) {
            Some(name) => drop(read.values.insert(name, Value { text, origin })),
            None => read.unknown.push(origin.to_string()),
        }
    }
    read
}
