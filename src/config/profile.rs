//! The lowest layer: a profile of Temporal's own `temporal.toml`, which its command line and SDKs share. Which profile, and
//! in which file, the layers above say.

use std::path::{Path, PathBuf};

use super::effective::{Choice, LayerFile, Sourced};
use super::error::{Layer, Origin, SettingsError};
use super::sources::{self, Sources, Value, Values};
use super::{Flags, names, paths, values};
use crate::temporal;

/// The profile that is taken where nobody names one, and that need not be there.
const DEFAULT: &str = "default";

/// What the profile says, its file, and its name.
pub(super) struct ProfileLayer {
    pub(super) values: Values,
    /// `None`: there is no folder for it.
    pub(super) file: Option<LayerFile>,
    pub(super) name: Sourced<String>,
}

/// Reads the profile. `usual` is where Temporal's own tools look.
pub(super) fn read(
    flags: &Flags,
    sources: &Sources,
    current_dir: &Path,
    usual: Option<PathBuf>,
) -> Result<ProfileLayer, SettingsError> {
    let named = Choice::new(flags.profile.as_deref(), "--profile", &["TEMPORAL_PROFILE"]);
    let named = named.named(sources, values::label)?;
    let file = paths::named_file(sources, "TEMPORAL_CONFIG_FILE", current_dir)?.map(|file| file.value).or(usual);
    let name = named.clone().unwrap_or_else(|| Sourced::by_default("TEMPORAL_PROFILE", DEFAULT.to_owned()));
    let Some((file, bytes)) = file.map(sources::regular_file).transpose()? else {
        return match named {
            Some(Sourced { origin, .. }) => Err(SettingsError::NoProfileFile { origin }),
            None => Ok(ProfileLayer { values: Values::new(), file: None, name }),
        };
    };
    let bad = |problem: String| SettingsError::BadProfiles { file: file.path.clone(), problem };
    let text = std::str::from_utf8(&bytes).map_err(|_| bad("it is not UTF-8; save it as UTF-8".to_owned()))?;
    let mut profiles = temporal::profiles(text).map_err(|error| bad(error.to_string()))?;
    match (profiles.remove(&name.value), named) {
        (Some(profile), _) => {
            Ok(ProfileLayer { values: layer(profile, &file.path, &name.value), file: Some(file), name })
        }
        (None, None) => Ok(ProfileLayer { values: Values::new(), file: Some(file), name }),
        // Naming what is taken anyway changes nothing.
        (None, Some(named)) if named.value == DEFAULT => {
            Ok(ProfileLayer { values: Values::new(), file: Some(file), name: named })
        }
        (None, Some(Sourced { value, origin })) => {
            let known: Vec<_> = profiles.into_keys().collect();
            Err(SettingsError::NoProfile {
                origin: Box::new(origin),
                profile: value,
                file: file.path,
                known: known.join(", "),
            })
        }
    }
}

fn layer(profile: temporal::Profile, file: &Path, name: &str) -> Values {
    let layer = Layer::Profile { file: file.to_owned(), profile: name.to_owned() };
    let known = profile.into_iter().filter_map(|(name, text)| Some((names::known(name)?, text)));
    let filled = known.filter(|(_, text)| !text.trim().is_empty());
    filled.map(|(name, text)| (name, Value { text, origin: Origin { name, layer: layer.clone() } })).collect()
}
