//! The settings that are paths: the file of the database, and the Temporal program. Reads the file system but does not change it.

use std::fs;
use std::path::{Path, PathBuf};

use super::error::SettingsError;
use super::foreign;
use super::sourced::{Layer, Origin, Sourced};
use super::sources::Sources;
use crate::error_text::quoted;
use crate::store;

/// The file name of the document.
const DOCUMENT: &str = "inventory.json";
/// Maximum size of a document, in bytes. A larger file is not ours.
const MAX_DOCUMENT_BYTES: u64 = 1 << 20;

/// Returns the file that `given`, the value of the flag or of `DATABASE`, names, or the usual one.
pub(super) fn database(
    given: Option<Sourced<PathBuf>>,
    current_dir: &Path,
    usual: &dyn Fn() -> PathBuf,
) -> Result<Sourced<PathBuf>, SettingsError> {
    let Some(Sourced { value, origin }) = given else {
        return a_file(Sourced::by_default("DATABASE", usual()));
    };
    if is_connection_string(&value.to_string_lossy()) {
        return Err(SettingsError::DatabaseOfAnotherProgram { origin });
    }
    let Sourced { value, origin } = checked(Sourced { value, origin })?;
    let file = a_file(Sourced { value: base(&origin, current_dir).join(&value), origin })?;
    if is_database(&file.value) {
        return Ok(file);
    }
    not_meant_for_mysql(&value.to_string_lossy(), &file.origin)?;
    if matches!(file.origin.layer, Layer::Environment | Layer::DotEnv(_)) {
        not_of_another_program(&value.to_string_lossy(), &file.origin)?;
    }
    Ok(file)
}

/// Refuses a folder. A trailing slash means a folder, whether or not it exists.
fn a_file(path: Sourced<PathBuf>) -> Result<Sourced<PathBuf>, SettingsError> {
    let says_folder = path.value.as_os_str().as_encoded_bytes().ends_with(b"/") || path.value.file_name().is_none();
    if says_folder || path.value.is_dir() {
        return Err(SettingsError::DatabaseIsFolder { origin: path.origin, path: path.value });
    }
    Ok(path)
}

/// Whether the text is a URL or a connection string, which may contain a password. Used as a path, it would create
/// folders in the current folder, which may belong to another project.
fn is_connection_string(text: &str) -> bool {
    let compact = text.to_ascii_lowercase().replace(' ', "");
    let is_json = Path::new(&compact).extension().is_some_and(|extension| extension == "json");
    let has_marks = text.contains([':', '@', '=', ';']) || (text.trim().contains(' ') && !is_json);
    text.contains("://") || foreign::names_password(text) || (has_marks && !is_clearly_a_path(text))
}

/// Whether the text begins as only a path can.
fn is_clearly_a_path(text: &str) -> bool {
    text.starts_with(['~', '$'])
        || (text.starts_with('/') && !text.starts_with("//"))
        || text.starts_with("./")
        || text.starts_with("../")
}

/// Refuses `mysql` without the colon that selects MySQL, because it would be a file of that name.
fn not_meant_for_mysql(text: &str, origin: &Origin) -> Result<(), SettingsError> {
    if !["mysql", "mariadb"].iter().any(|word| text.trim().eq_ignore_ascii_case(word)) {
        return Ok(());
    }
    Err(SettingsError::Invalid {
        origin: origin.clone(),
        value: quoted(text),
        problem: format!(
            "a database in MySQL or MariaDB is selected with a colon; write mysql:, or {} for a file of that name",
            quoted(&format!("./{text}"))
        ),
    })
}

/// Refuses values that other programs expect in a variable with a common name such as `DATABASE`: a bare name, or a
/// file in another format.
fn not_of_another_program(text: &str, origin: &Origin) -> Result<(), SettingsError> {
    const EXTENSIONS: [&str; 6] = ["db", "db3", "sqlite", "sqlite3", "duckdb", "mdb"];
    let extension = Path::new(text).extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase());
    let has_dot = Path::new(text).file_name().is_some_and(|name| name.to_string_lossy().contains('.'));
    let is_name = !has_dot && !is_clearly_a_path(text);
    if is_name && !text.contains('/') {
        return Err(SettingsError::Invalid {
            origin: origin.clone(),
            value: quoted(text),
            problem: format!(
                "a bare name usually means another program's database; for a file of that name in the current folder \
                 write {}, otherwise unset {} for this program or use --database FILE",
                quoted(&format!("./{text}")),
                origin.name
            ),
        });
    }
    let has_their_extension = extension.is_some_and(|extension| EXTENSIONS.contains(&extension.as_str()));
    if is_name || has_their_extension || text.contains('?') {
        return Err(SettingsError::DatabaseOfAnotherProgram { origin: origin.clone() });
    }
    Ok(())
}

/// Returns the folder at which a relative path starts: for a path in the settings file, the folder of that file, so
/// that the path does not depend on the current folder; for any other path, the current folder.
pub(super) fn base<'a>(origin: &'a Origin, current_dir: &'a Path) -> &'a Path {
    match &origin.layer {
        Layer::SettingsFile { file, .. } => file.parent().unwrap_or(current_dir),
        _ => current_dir,
    }
}

/// Returns `database/inventory.json` if the current folder is a checkout of this project or already contains such a
/// database, and otherwise the one in the user's state folder. This program must not write to another project's folder
/// `database`.
pub(super) fn default_database(current_dir: &Path, state_dir: &Path) -> PathBuf {
    let here = current_dir.join("database").join(DOCUMENT);
    if is_checkout(current_dir) || is_database(&here) { here } else { state_dir.join(DOCUMENT) }
}

/// Whether a database of this program exists: its journal, or a document in its format, which the original demo also
/// writes.
fn is_database(document: &Path) -> bool {
    let mut journal = document.as_os_str().to_owned();
    journal.push(".journal");
    let small = || fs::metadata(document).is_ok_and(|found| found.is_file() && found.len() <= MAX_DOCUMENT_BYTES);
    Path::new(&journal).is_file() || (small() && matches!(store::read_document(document), Ok(Some(_))))
}

/// Whether this is a checkout of this project, with its folder `database`.
fn is_checkout(folder: &Path) -> bool {
    let manifest = || fs::read_to_string(folder.join("Cargo.toml")).unwrap_or_default();
    let ours = format!("name = \"{}\"", env!("CARGO_PKG_NAME"));
    folder.join("database").is_dir() && manifest().lines().any(|line| line.trim() == ours)
}

/// Returns the Temporal program that `flag` or `TEMPORAL_CLI` names. A bare name is kept, to be looked up in `PATH`;
/// any other relative path starts at its [`base`]. Whether the program exists is checked when it is needed.
pub(super) fn temporal_cli(
    flag: Option<&Path>,
    sources: &Sources,
    current_dir: &Path,
) -> Result<Sourced<Option<PathBuf>>, SettingsError> {
    let Some(Sourced { value: path, origin }) = named(flag, "--temporal-cli", sources, "TEMPORAL_CLI")? else {
        return Ok(Sourced::by_default("TEMPORAL_CLI", None));
    };
    let is_bare = !path.as_os_str().as_encoded_bytes().contains(&b'/');
    let path = if is_bare { path } else { base(&origin, current_dir).join(path) };
    Ok(Sourced { value: Some(path), origin })
}

/// Returns the file named by the setting `name`. This setting has no flag.
pub(super) fn named_file(
    sources: &Sources,
    name: &'static str,
    current_dir: &Path,
) -> Result<Option<Sourced<PathBuf>>, SettingsError> {
    let named = named(None, "", sources, name)?;
    Ok(named.map(|Sourced { value, origin }| Sourced { value: base(&origin, current_dir).join(value), origin }))
}

/// Returns the path that the flag or the layers give, checked but not yet absolute.
fn named(
    flag: Option<&Path>,
    flag_name: &'static str,
    sources: &Sources,
    name: &'static str,
) -> Result<Option<Sourced<PathBuf>>, SettingsError> {
    given(flag, flag_name, sources, name).map(checked).transpose()
}

/// Returns the path that the flag or the layers give, as it is written.
pub(super) fn given(
    flag: Option<&Path>,
    flag_name: &'static str,
    sources: &Sources,
    name: &'static str,
) -> Option<Sourced<PathBuf>> {
    if let Some(path) = flag {
        return Some(Sourced { value: path.to_owned(), origin: Origin { name: flag_name, layer: Layer::Flag } });
    }
    sources.find(name).map(|found| Sourced { value: PathBuf::from(found.text), origin: found.origin })
}

fn checked(path: Sourced<PathBuf>) -> Result<Sourced<PathBuf>, SettingsError> {
    let text = path.value.to_string_lossy();
    match problem_of(&text) {
        None => Ok(path),
        Some(problem) => {
            let value = quoted(&text);
            Err(SettingsError::Invalid { origin: path.origin, value, problem: problem.to_owned() })
        }
    }
}

/// Returns the reason why the text cannot be a path for any setting.
pub(super) fn problem_of(text: &str) -> Option<&'static str> {
    if text.trim().is_empty() {
        Some("it must not be empty; give a path or leave it unset")
    } else if text.contains(char::is_control) {
        Some("it contains a control character; remove it")
    } else if text.starts_with('~') {
        Some("~ is expanded only by a shell, and only without quotes; write the path in full")
    } else if text.starts_with('$') || ["${", "$(", "/$"].iter().any(|mark| text.contains(mark)) {
        Some("variables are expanded only by a shell; write the path in full")
    } else if text.to_ascii_lowercase().starts_with("file:/") {
        Some("it is a URL; write the path without file://")
    } else {
        None
    }
}
