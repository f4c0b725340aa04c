//! Paths among the settings: the database, the Temporal program, the state and cache folders. Looks at the file system
//! to choose, but makes, opens and changes nothing.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use super::effective::Sourced;
use super::error::{Layer, Origin, SettingsError};
use super::sources::Sources;
use crate::temporal::PROFILE_FOLDER;
use crate::toml_text::quoted;

/// The document's name in its folder.
const DOCUMENT: &str = "inventory.json";
/// The folder of this program under the XDG base folders.
const PROGRAM: &str = "idempotence";

/// Where the stock is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Database {
    /// The JSON document; the file itself need not exist.
    pub path: PathBuf,
    /// Whether somebody named it, so that it is not the default.
    pub explicit: bool,
}

/// The folders for what outlives a run.
pub(super) struct Folders {
    pub(super) state: Sourced<PathBuf>,
    pub(super) cache: Sourced<PathBuf>,
    /// `None` where nothing says which it is; then there is no settings file.
    pub(super) config: Option<PathBuf>,
    /// The folder of Temporal's own tools, with their profiles.
    pub(super) temporal: Option<PathBuf>,
}

impl Folders {
    /// `idempotence` under `XDG_STATE_HOME`, `XDG_CACHE_HOME` and `XDG_CONFIG_HOME`, else under the home folder's
    /// `.local/state`, `.cache` and `.config`, on every system. As the XDG specification says, relative paths count as
    /// unset.
    pub(super) fn of(environment: &[(OsString, OsString)]) -> Result<Self, SettingsError> {
        let variable = |name: &'static str| {
            let (_, value) = environment.iter().find(|(key, _)| key == OsStr::new(name))?;
            let origin = Origin { name, layer: Layer::Environment };
            Some(Sourced { value: PathBuf::from(value), origin }).filter(|folder| folder.value.is_absolute())
        };
        let home = || {
            let of_user = || env::home_dir().filter(|path| path.is_absolute());
            variable("HOME").or_else(|| Some(Sourced::by_default("HOME", of_user()?)))
        };
        let base = |name, under_home: &str| variable(name).or_else(|| Some(home()?.map(|home| home.join(under_home))));
        let folder = |name, under_home: &str| base(name, under_home).map(|base| base.map(|base| base.join(PROGRAM)));
        // Where Go's and Rust's libraries have a user's settings, which Temporal's tools ask.
        let temporal = if cfg!(target_os = "macos") {
            home().map(|home| home.map(|home| home.join("Library/Application Support")))
        } else {
            base("XDG_CONFIG_HOME", ".config")
        };
        Ok(Self {
            state: folder("XDG_STATE_HOME", ".local/state").ok_or(SettingsError::NoHome)?,
            cache: folder("XDG_CACHE_HOME", ".cache").ok_or(SettingsError::NoHome)?,
            config: folder("XDG_CONFIG_HOME", ".config").map(|folder| folder.value),
            temporal: temporal.map(|base| base.value.join(PROFILE_FOLDER)),
        })
    }
}

/// The database that `flag` or `DATABASE` names, else `database/inventory.json` where the current folder has such a
/// folder, else the user's state folder.
pub(super) fn database(
    flag: Option<&Path>,
    sources: &Sources,
    current_dir: &Path,
    state_dir: &Path,
) -> Result<Sourced<PathBuf>, SettingsError> {
    let named = named(flag, "--database", sources, "DATABASE")?;
    let Sourced { value: path, origin } = match named {
        Some(Sourced { value, origin }) => Sourced { value: base(&origin, current_dir).join(value), origin },
        None => Sourced::by_default("DATABASE", default_database(current_dir, state_dir)),
    };
    // A trailing slash says folder too, whether or not there is one yet.
    let says_folder = path.as_os_str().as_encoded_bytes().ends_with(b"/") || path.file_name().is_none();
    if says_folder || path.is_dir() {
        return Err(SettingsError::DatabaseIsFolder { origin, path });
    }
    Ok(Sourced { value: path, origin })
}

/// What a relative path is relative to: the settings file's own folder, so that it means the same wherever the program
/// is started, and the current folder for everything else.
pub(super) fn base<'a>(origin: &'a Origin, current_dir: &'a Path) -> &'a Path {
    match &origin.layer {
        Layer::SettingsFile { file, .. } => file.parent().unwrap_or(current_dir),
        _ => current_dir,
    }
}

fn default_database(current_dir: &Path, state_dir: &Path) -> PathBuf {
    let folder = current_dir.join("database");
    if folder.is_dir() { folder.join(DOCUMENT) } else { state_dir.join(DOCUMENT) }
}

/// The Temporal program that `flag` or `TEMPORAL_CLI` names. A bare name is kept as it is, to be looked up in `PATH`;
/// any other relative path is taken from where [`base`] says. Whether it exists is seen when it is needed.
pub(super) fn temporal_cli(
    flag: Option<&Path>,
    sources: &Sources,
    current_dir: &Path,
) -> Result<Sourced<Option<PathBuf>>, SettingsError> {
    let Some(Sourced { value: path, origin }) = named(flag, "--temporal-cli", sources, "TEMPORAL_CLI")? else {
        return Ok(Sourced::by_default("TEMPORAL_CLI", None));
    };
    let path = if path.components().count() == 1 { path } else { base(&origin, current_dir).join(path) };
    Ok(Sourced { value: Some(path), origin })
}

/// The file that the setting `name` names, which has no flag.
pub(super) fn named_file(
    sources: &Sources,
    name: &'static str,
    current_dir: &Path,
) -> Result<Option<Sourced<PathBuf>>, SettingsError> {
    let named = named(None, "", sources, name)?;
    Ok(named.map(|Sourced { value, origin }| Sourced { value: base(&origin, current_dir).join(value), origin }))
}

/// The path that the flag or else the variable gives, checked but not yet absolute.
fn named(
    flag: Option<&Path>,
    flag_name: &'static str,
    sources: &Sources,
    name: &'static str,
) -> Result<Option<Sourced<PathBuf>>, SettingsError> {
    let (origin, path) = match (flag, sources.find(name)) {
        (Some(path), _) => (Origin { name: flag_name, layer: Layer::Flag }, path.to_owned()),
        (None, Some(found)) => (found.origin, PathBuf::from(found.text)),
        (None, None) => return Ok(None),
    };
    let text = path.to_string_lossy();
    let problem = if text.trim().is_empty() {
        "it must not be empty; give a path or leave it unset"
    } else if text.contains(char::is_control) {
        "it holds a control character; remove it"
    } else if text == "~" || text.starts_with("~/") {
        "only a shell, and only without quotes, turns ~ into the home folder; write the path in full"
    } else {
        return Ok(Some(Sourced { value: path, origin }));
    };
    Err(SettingsError::Invalid { origin, value: quoted(&text), problem: problem.to_owned() })
}
