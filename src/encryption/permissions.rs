//! Access to a key file by other users: distinguishes a user's mistake from a mounted secret, and copies the owner,
//! group and permissions to a replacement.

use std::{
    fs::{self, File, Metadata},
    io,
    os::unix::fs::MetadataExt as _,
    path::Path,
};

use rustix::fs::{Gid, StatVfsMountFlags, Uid, fchown};

/// Facts that decide whether a key file is private enough.
#[derive(Debug, Clone, Copy)]
pub(super) struct Privacy {
    /// Permission bits.
    mode: u32,
    /// User id of the owner.
    owner: u32,
    /// Effective user id of this process.
    user: u32,
    read_only_mount: bool,
    /// Whether the file is in a Kubernetes volume: `keys.toml -> ..data/keys.toml`, `..data -> ..2026_01_01_...`.
    kubernetes: bool,
}

/// Refusal of a key file that other users can read or change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TooPermissive {
    /// Permission bits of the file.
    pub(super) mode: u32,
    /// What to do, depending on the file system and the owner.
    pub(super) advice: String,
}

impl Privacy {
    /// Reads the facts about `file`, which was opened as `path`.
    ///
    /// # Errors
    /// Returns the operating system's error if it does not describe the file system.
    pub(super) fn of(file: &File, metadata: &Metadata, path: &Path) -> io::Result<Self> {
        Ok(Self {
            mode: metadata.mode() & 0o777,
            owner: metadata.uid(),
            user: rustix::process::geteuid().as_raw(),
            read_only_mount: rustix::fs::fstatvfs(file)?.f_flag.contains(StatVfsMountFlags::RDONLY),
            kubernetes: path.parent().is_some_and(|folder| folder.join("..data").is_symlink())
                || fs::canonicalize(path).is_ok_and(|real| {
                    real.components().any(|part| part.as_os_str().as_encoded_bytes().starts_with(b"..20"))
                }),
        })
    }

    /// Accepts a file that only its owner can use, and a file whose permissions another user chose, as for an
    /// administrator's file or a mounted secret. `ssh` treats private keys in the same way.
    ///
    /// # Errors
    /// Returns [`TooPermissive`] if other users can read or change the file and the user can correct that.
    pub(super) fn check(self, path: &Path) -> Result<(), TooPermissive> {
        let others_read = self.mode & 0o055 != 0;
        let others_write = self.mode & 0o022 != 0;
        // An installed secret is a file owned by root that no user can write (0440, 0444) or that only one group can
        // read (0640).
        let installed = self.owner == 0 && (self.mode & 0o222 == 0 || self.mode & 0o005 == 0);
        let arranged = self.owner != self.user || self.kubernetes || installed;
        if self.read_only_mount || (!others_write && (!others_read || arranged)) {
            return Ok(());
        }
        Err(TooPermissive { mode: self.mode, advice: self.advice(path) })
    }

    fn advice(self, path: &Path) -> String {
        let text = path.to_string_lossy();
        let path = shlex::try_quote(&text).unwrap_or(std::borrow::Cow::Borrowed("FILE"));
        if self.kubernetes {
            "set defaultMode: 0400, or 0440 with fsGroup, for its volume".to_owned()
        } else if self.owner == self.user || self.user == 0 {
            format!("run: chmod 600 {path}")
        } else {
            let copy = format!("install -m 600 {path} COPY");
            format!("its owner (user {}) can run: chmod go-w {path}; or use your own copy: {copy}", self.owner)
        }
    }
}

/// Returns what to do if other users can read or change the file of a secret, and the user can correct that. `file` was
/// opened as `path`.
///
/// # Errors
/// Returns the operating system's error if it does not describe the file or its file system.
pub fn exposed(file: &File, path: &Path) -> io::Result<Option<String>> {
    let privacy = Privacy::of(file, &file.metadata()?, path)?;
    Ok(privacy.check(path).err().map(|TooPermissive { advice, .. }| advice))
}

/// Copies the owner, group and permissions of the replaced file to the new one, so that the same users can read the
/// keys.
///
/// # Errors
/// Returns the operating system's error if this user cannot give the file that owner, or a group that could read the
/// old file.
pub(super) fn keep_access(new: &File, old: &Metadata) -> io::Result<()> {
    let found = new.metadata()?;
    let owner = (found.uid() != old.uid()).then(|| Uid::from_raw(old.uid()));
    let group = (found.gid() != old.gid()).then(|| Gid::from_raw(old.gid()));
    let changed = fchown(new, owner, group);
    // If a group could not read the old file, it does not need to own the new one.
    if owner.is_some() || old.mode() & 0o070 != 0 {
        changed?;
    }
    // This fails only on a file system without permissions.
    let _ = new.set_permissions(old.permissions());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: u32 = 0;
    const ME: u32 = 1000;
    const OTHER: u32 = 2000;

    fn privacy(mode: u32, owner: u32, user: u32) -> Privacy {
        Privacy { mode, owner, user, read_only_mount: false, kubernetes: false }
    }

    fn accepts(privacy: Privacy) -> bool {
        privacy.check(Path::new("/k")).is_ok()
    }

    #[test]
    fn the_users_own_file_must_be_private() {
        for user in [ME, ROOT] {
            for mode in [0o600, 0o400, 0o700] {
                assert!(accepts(privacy(mode, user, user)), "{mode:o}");
            }
            for mode in [0o604, 0o620, 0o602, 0o644, 0o664, 0o666, 0o777] {
                let refused = privacy(mode, user, user).check(Path::new("/k")).unwrap_err();
                assert_eq!((refused.mode, refused.advice.as_str()), (mode, "run: chmod 600 /k"));
            }
        }
        assert!(!accepts(privacy(0o640, ME, ME)) && !accepts(privacy(0o444, ME, ME)));
    }

    #[test]
    fn a_secret_that_an_administrator_installed_is_accepted() {
        for mode in [0o440, 0o444, 0o640, 0o644] {
            assert!(accepts(privacy(mode, ROOT, ME)), "{mode:o}");
            assert!(accepts(privacy(mode, OTHER, ME)), "{mode:o}");
        }
        // Root in a container: Docker's /run/secrets, and a file for one group.
        for mode in [0o440, 0o444, 0o640] {
            assert!(accepts(privacy(mode, ROOT, ROOT)), "{mode:o}");
        }
        for mode in [0o660, 0o646, 0o666] {
            let refused = privacy(mode, ROOT, ME).check(Path::new("/k")).unwrap_err();
            assert!(refused.advice.contains("its owner (user 0)") && refused.advice.contains("install -m 600"));
        }
    }

    #[test]
    fn a_mounted_secret_is_accepted_and_the_advice_fits_its_mount() {
        for mode in [0o440, 0o444, 0o640, 0o644, 0o666, 0o777] {
            assert!(accepts(Privacy { read_only_mount: true, ..privacy(mode, ME, ME) }), "{mode:o}");
        }
        let kubernetes = |mode| Privacy { kubernetes: true, ..privacy(mode, ME, ME) };
        for mode in [0o400, 0o440, 0o444, 0o640, 0o644] {
            assert!(accepts(kubernetes(mode)), "{mode:o}");
        }
        let refused = kubernetes(0o666).check(Path::new("/k")).unwrap_err();
        assert!(refused.advice.contains("defaultMode") && !refused.advice.contains("chmod"), "{refused:?}");
    }
}
