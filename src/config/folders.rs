//! The folders for files that outlive a run. They are in the home folder or, if it cannot be used, in a private
//! temporary folder. Choosing them only reads the file system; [`private`] creates one.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};
use rustix::process::geteuid;

use super::sourced::{Layer, Origin, Sourced};
use crate::error_text::quoted_path;
use crate::temporal::PROFILE_FOLDER;

/// Name of this program's folder in the XDG base folders.
const PROGRAM: &str = "idempotence";

/// The folders for temporary files if `TMPDIR` does not name a usable one.
const TEMPORARY: [&str; 3] = ["/tmp", "/var/tmp", "/dev/shm"];

/// The folders for files that outlive a run.
pub(super) struct Folders {
    pub(super) state: Sourced<PathBuf>,
    pub(super) cache: Sourced<PathBuf>,
    /// The folder of the settings file; `None` if there is no home folder.
    pub(super) config: Option<PathBuf>,
    /// The folder of Temporal's own tools, which contains their profiles.
    pub(super) temporal: Option<PathBuf>,
    /// The parent folder of state or cache, if [`private`] must create it first.
    pub(super) private: Option<PathBuf>,
    /// The notice that state does not last.
    pub(super) notice: Option<String>,
}

impl Folders {
    /// Chooses `idempotence` in `XDG_STATE_HOME`, `XDG_CACHE_HOME` and `XDG_CONFIG_HOME`, or in the home folder's
    /// `.local/state`, `.cache` and `.config`, on every operating system. As the XDG specification requires, relative
    /// paths count as unset.
    pub(super) fn of(environment: &[(OsString, OsString)]) -> Self {
        let home = Home::of(environment);
        let folder =
            |name, under_home: &str| home.base(name, under_home).map(|base| base.map(|base| base.join(PROGRAM)));
        // Temporal's tools use the folder for settings that the usual Go and Rust libraries return.
        let temporal = if cfg!(target_os = "macos") {
            home.folder.as_ref().map(|home| home.value.join("Library/Application Support"))
        } else {
            home.base("XDG_CONFIG_HOME", ".config").map(|base| base.value)
        };
        let temporary = temporary_folder(environment);
        let private = temporary.join(format!("{PROGRAM}-{}", geteuid().as_raw()));
        let (state, no_state) = usable(folder("XDG_STATE_HOME", ".local/state"), &private.join("state"));
        let (cache, no_cache) = usable(folder("XDG_CACHE_HOME", ".cache"), &private.join("cache"));
        let notice = no_state.as_ref().map(|reason| {
            format!(
                "{reason}, so state is kept in {}, which does not last; set XDG_STATE_HOME to a folder that does.",
                quoted_path(&private)
            )
        });
        Self {
            notice,
            private: (no_state.is_some() || no_cache.is_some()).then_some(private),
            state,
            cache,
            config: folder("XDG_CONFIG_HOME", ".config").map(|folder| folder.value),
            temporal: temporal.map(|base| base.join(PROFILE_FOLDER)),
        }
    }
}

/// Returns the home folder, if there is one.
struct Home<'a> {
    environment: &'a [(OsString, OsString)],
    folder: Option<Sourced<PathBuf>>,
}

impl<'a> Home<'a> {
    fn of(environment: &'a [(OsString, OsString)]) -> Self {
        let folder = match variable(environment, "HOME") {
            Some(home) => Some(home),
            None => env::home_dir().map(|home| Sourced::by_default("HOME", home)),
        };
        Self { environment, folder: folder.filter(|home| home.value.is_absolute() && home.value.is_dir()) }
    }

    /// Returns the folder that the variable names, or one in the home folder.
    fn base(&self, name: &'static str, under_home: &str) -> Option<Sourced<PathBuf>> {
        let named = variable(self.environment, name).filter(|folder| folder.value.is_absolute());
        named.or_else(|| self.folder.clone().map(|home| home.map(|home| home.join(under_home))))
    }
}

fn variable(environment: &[(OsString, OsString)], name: &'static str) -> Option<Sourced<PathBuf>> {
    let (_, value) = environment.iter().find(|(key, _)| key == OsStr::new(name))?;
    Some(Sourced { value: PathBuf::from(value), origin: Origin { name, layer: Layer::Environment } })
}

/// Returns the folder if it exists or can be created, and otherwise `instead`, with the reason.
fn usable(folder: Option<Sourced<PathBuf>>, instead: &Path) -> (Sourced<PathBuf>, Option<String>) {
    let replaced = |origin, reason: String| (Sourced { value: instead.to_owned(), origin }, Some(reason));
    match folder {
        None => {
            let origin = Origin { name: "TMPDIR", layer: Layer::Default };
            replaced(origin, "There is no home folder (HOME does not name one)".to_owned())
        }
        Some(folder) if folder.value.is_dir() || can_be_made(&folder.value) => (folder, None),
        Some(Sourced { value, origin }) => {
            replaced(origin, format!("The folder {} cannot be created", quoted_path(&value)))
        }
    }
}

/// Whether the nearest existing folder above is writable.
fn can_be_made(folder: &Path) -> bool {
    let above = folder.ancestors().find(|above| above.symlink_metadata().is_ok());
    above.is_some_and(is_writable)
}

fn is_writable(folder: &Path) -> bool {
    folder.is_dir() && access(folder, Access::WRITE_OK | Access::EXEC_OK).is_ok()
}

/// Returns the folder for temporary files: `TMPDIR` if it is usable, or one of the usual ones.
pub(super) fn temporary_folder(environment: &[(OsString, OsString)]) -> PathBuf {
    let named = variable(environment, "TMPDIR").map(|folder| folder.value).filter(|folder| folder.is_absolute());
    let usual = TEMPORARY.into_iter().map(PathBuf::from);
    let found = named.into_iter().chain(usual).find(|folder| is_writable(folder));
    found.unwrap_or_else(|| PathBuf::from(TEMPORARY[0]))
}

/// Returns the folder for temporary files of this process.
#[must_use]
pub fn temporary() -> PathBuf {
    temporary_folder(&env::vars_os().collect::<Vec<_>>())
}

/// Creates `folder` for this user alone, or checks that an existing one is private. Its name is predictable, so another
/// user may already have created it or a link with its name.
///
/// # Errors
/// Fails if the folder cannot be created, or if other users can use or replace it.
pub fn private(folder: &Path) -> io::Result<()> {
    let refused = |reason: &str| Err(io::Error::new(io::ErrorKind::PermissionDenied, reason.to_owned()));
    if let Some(above) = folder.parent() {
        let above = fs::metadata(above)?;
        let trusted = above.uid() == 0 || above.uid() == geteuid().as_raw();
        // Without the sticky bit, any user could move the folder away and put another in its place.
        if !trusted || (above.mode() & 0o022 != 0 && above.mode() & 0o1000 == 0) {
            return refused("other users can replace it, because its parent folder has no sticky bit");
        }
    }
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let found = fs::symlink_metadata(folder)?;
    if !found.is_dir() {
        return refused("it is not a folder");
    }
    if found.uid() != geteuid().as_raw() {
        return refused("it belongs to another user");
    }
    if found.mode() & 0o077 != 0 {
        return refused("other users may use it; run chmod 700 on it");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn of(pairs: &[(&str, &Path)]) -> Folders {
        let environment: Vec<_> = pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        Folders::of(&environment)
    }

    #[test]
    fn without_a_usable_home_folder_state_and_cache_go_to_a_private_temporary_folder() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("file");
        fs::write(&file, "").unwrap();
        let private = root.path().join(format!("idempotence-{}", geteuid().as_raw()));
        for home in ["", "relative", "/nonexistent/home", file.to_str().unwrap()] {
            let folders = of(&[("HOME", Path::new(home)), ("TMPDIR", root.path())]);
            assert_eq!(folders.state.value, private.join("state"), "{home:?}");
            assert_eq!(folders.cache.value, private.join("cache"), "{home:?}");
            assert_eq!(folders.private.as_deref(), Some(private.as_path()), "{home:?}");
            assert!(
                folders.notice.as_ref().is_some_and(|notice| notice.contains("XDG_STATE_HOME")),
                "{:?}",
                folders.notice
            );
        }
        let with_home = of(&[("HOME", root.path()), ("TMPDIR", root.path())]);
        assert_eq!(with_home.state.value, root.path().join(".local/state/idempotence"));
        assert_eq!((with_home.private, with_home.notice), (None, None));
        let named = of(&[("HOME", Path::new("")), ("XDG_STATE_HOME", root.path()), ("XDG_CACHE_HOME", root.path())]);
        assert_eq!((named.state.value, named.private), (root.path().join("idempotence"), None));
        assert_eq!(named.config, None);
    }

    #[test]
    fn a_state_folder_that_is_there_is_kept_even_if_it_cannot_be_written() {
        let root = tempfile::tempdir().unwrap();
        let state = root.path().join(".local/state/idempotence");
        fs::create_dir_all(&state).unwrap();
        fs::set_permissions(&state, fs::Permissions::from_mode(0o555)).unwrap();
        assert_eq!(of(&[("HOME", root.path())]).state.value, state);
    }

    #[test]
    fn a_temporary_folder_that_is_not_there_is_passed_over() {
        let named = |folder: &str| temporary_folder(&[("TMPDIR".into(), folder.into())]);
        for folder in ["/nonexistent", "relative", "", "/dev/null"] {
            assert!(named(folder).is_dir(), "{folder:?}");
        }
    }

    #[test]
    fn a_private_folder_is_created_for_this_user_and_no_other_is_accepted() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        for _first_and_again in 0..2 {
            private(&at("new")).unwrap();
            assert_eq!(fs::metadata(at("new")).unwrap().mode() & 0o777, 0o700);
        }
        fs::create_dir(at("open")).unwrap();
        fs::set_permissions(at("open"), fs::Permissions::from_mode(0o750)).unwrap();
        symlink(at("new"), at("link")).unwrap();
        fs::write(at("file"), "").unwrap();
        for (name, reason) in [("open", "chmod 700"), ("link", "not a folder"), ("file", "not a folder")] {
            let error = private(&at(name)).unwrap_err().to_string();
            assert!(error.contains(reason), "{name}: {error}");
        }
        fs::set_permissions(root.path(), fs::Permissions::from_mode(0o777)).unwrap();
        assert!(private(&at("other")).unwrap_err().to_string().contains("sticky"));
        fs::set_permissions(root.path(), fs::Permissions::from_mode(0o1777)).unwrap();
        private(&at("other")).unwrap();
    }
}
