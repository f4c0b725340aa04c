//! Python for the scripts in `python/`, with their packages in a virtual environment in `target/`, and Python workers.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::LazyLock,
};

use crate::sandbox::{offline, skipped, text};

const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/end_to_end/python");

/// A Python with the packages that the scripts need, or the reason why there is none.
static PYTHON: LazyLock<Result<PathBuf, String>> = LazyLock::new(prepare);

/// Returns the Python interpreter. If the scripts cannot run, reports a skipped test and returns `None`.
pub fn python() -> Option<&'static Path> {
    if offline() {
        return None;
    }
    match &*PYTHON {
        Ok(python) => Some(python),
        Err(reason) => {
            skipped(reason);
            None
        }
    }
}

/// Returns a command that runs a script in its folder.
pub fn script(python: &Path, name: &str) -> Command {
    let mut command = Command::new(python);
    command.env("PYTHONDONTWRITEBYTECODE", "1").current_dir(SCRIPTS).arg(name);
    command
}

/// Creates the environment once per list of versions, while other test processes wait.
fn prepare() -> Result<PathBuf, String> {
    let wanted = fs::read_to_string(format!("{SCRIPTS}/requirements.txt")).map_err(|error| error.to_string())?;
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let folder = cache.join("python");
    let lock = fs::create_dir_all(cache).and_then(|()| File::create(cache.join("python.lock")));
    let lock = lock.map_err(|error| format!("no folder for a virtual environment: {error}"))?;
    lock.lock().map_err(|error| error.to_string())?;
    let python = folder.join("bin/python");
    // This file is written last, so its existence means that the environment is complete.
    let made = folder.join("made-of.txt");
    if fs::read_to_string(&made).is_ok_and(|made| made == wanted) && python.exists() {
        return Ok(python);
    }
    let _none_yet = fs::remove_dir_all(&folder);
    succeed("python3 -m venv", Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
    let mut install = Command::new(&python);
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]);
    install.args(["--retries", "1", "--timeout", "15", "--only-binary", ":all:", "-r", "requirements.txt"]);
    succeed("pip install", install.current_dir(SCRIPTS))?;
    fs::write(&made, wanted).map_err(|error| error.to_string())?;
    Ok(python)
}

fn succeed(what: &str, command: &mut Command) -> Result<(), String> {
    match command.stdin(Stdio::null()).output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            let (said, problem) = text(&output);
            Err(format!("{what} failed: {}", problem.trim().lines().chain(said.trim().lines()).last().unwrap_or("?")))
        }
        Err(error) => Err(format!("{what} does not run: {error}")),
    }
}

/// A polling Python worker, which is killed on drop.
pub struct PythonWorker {
    child: Child,
    stdin: Option<ChildStdin>,
}

impl PythonWorker {
    /// Starts a worker with this command and waits until it polls.
    pub fn start(mut script: Command) -> Self {
        let mut child = script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("Python starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
        assert_eq!(line, "ready\n");
        let stdin = child.stdin.take();
        Self { child, stdin }
    }

    /// Lets the worker end by itself, so that the server assigns its executions to other workers at once.
    pub fn stop(mut self) {
        drop(self.stdin.take());
        self.child.wait().expect("it was ours");
    }
}

impl Drop for PythonWorker {
    fn drop(&mut self) {
        let _ended_before = self.child.kill();
        let _reaped_before = self.child.wait();
    }
}
