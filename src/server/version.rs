//! The version of the Temporal server inside a `temporal` executable.

use std::{path::Path, process::Stdio, time::Duration};

use tokio::{process::Command, time::timeout};

use super::withhold_secrets;

/// Maximum duration of `temporal --version`.
const VERSION_TIMEOUT: Duration = Duration::from_secs(5);

/// The oldest tested server; older ones do not list workers.
const OLDEST: ServerVersion = ServerVersion { major: 1, minor: 30 };

/// Major and minor version of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ServerVersion {
    major: u32,
    minor: u32,
}

impl std::fmt::Display for ServerVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// Returns the server version of `executable` if it is too old; `None` if it is new enough or unknown.
pub(super) async fn too_old(executable: &Path) -> Option<ServerVersion> {
    too_old_within(executable, VERSION_TIMEOUT).await
}

async fn too_old_within(executable: &Path, limit: Duration) -> Option<ServerVersion> {
    let mut command = Command::new(executable);
    withhold_secrets(&mut command).arg("--version").stdin(Stdio::null()).kill_on_drop(true);
    let output = timeout(limit, command.output()).await.ok()?.ok()?;
    read(&String::from_utf8_lossy(&output.stdout)).filter(|version| *version < OLDEST)
}

/// Parses the server version in `temporal version 1.9.1 (Server 1.32.0, UI 2.54.1)`.
fn read(text: &str) -> Option<ServerVersion> {
    let (_, rest) = text.split_once("(Server ")?;
    let mut numbers = rest.split(['.', ',', '-', ')']).map(str::parse::<u32>);
    Some(ServerVersion { major: numbers.next()?.ok()?, minor: numbers.next()?.ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_version_is_read_and_not_the_commands() {
        let version = |major, minor| Some(ServerVersion { major, minor });
        assert_eq!(read("temporal version 1.9.1 (Server 1.32.0, UI 2.54.1)"), version(1, 32));
        assert_eq!(read("temporal version 1.6.0-rc (Server 2.0-rc.1)"), version(2, 0));
        assert_eq!((read("temporal version 9"), read("(Server x.y)")), (None, None));
    }

    #[tokio::test]
    async fn only_a_version_that_is_reported_can_be_too_old() {
        let folder = tempfile::tempdir().unwrap();
        for (script, expected) in [
            ("echo 'temporal version 1.5.1 (Server 1.29.1, UI 2.42.1)'", Some("1.29")),
            ("echo 'temporal version 1.9.1 (Server 1.32.0, UI 2.54.1)'", None),
            ("exit 1", None),
        ] {
            let path = folder.path().join("temporal");
            // Another process writes the file, because a file that is open for writing cannot be executed.
            let write = format!("printf '#!/bin/sh\\n%s\\n' \"$1\" > {0}; chmod 755 {0}", path.display());
            let written = std::process::Command::new("sh").args(["-c", &write, "sh", script]).status().unwrap();
            assert!(written.success());
            assert_eq!(too_old(&path).await.map(|version| version.to_string()).as_deref(), expected);
        }
    }

    #[tokio::test]
    async fn a_program_that_does_not_answer_is_ended() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("temporal");
        let write = format!("printf '#!/bin/sh\\nexec sleep 600\\n' > {0}; chmod 755 {0}", path.display());
        let written = std::process::Command::new("sh").args(["-c", &write]).status().unwrap();
        assert!(written.success());
        let since = std::time::Instant::now();
        assert_eq!(too_old_within(&path, Duration::from_millis(200)).await, None);
        assert!(since.elapsed() < Duration::from_mins(1));
    }
}
