//! Opens a page in the browser that `$BROWSER` names, or else in the desktop's. The browser's output does not reach the
//! screen, and the caller waits only for a limited time.

use std::{
    ffi::OsString,
    process::{self, Stdio},
    time::Duration,
};

use tokio::{process::Command, time::timeout};

use crate::config;

/// Time within which a program is expected to fail. A program that still runs afterwards is the browser itself, or
/// hangs.
const FAILURE_TIMEOUT: Duration = Duration::from_secs(2);

/// Result of opening a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    /// A program opened the page.
    Done,
    /// This program was started and is still running.
    Asked(String),
    /// No browser could be started.
    Nowhere,
}

/// Opens a page with the first program that succeeds.
pub async fn open(url: &str) -> Opened {
    for command in commands(url, |name| std::env::var_os(name).filter(|value| !value.is_empty())) {
        let name = command.get_program().to_string_lossy().into_owned();
        match run(command).await {
            Some(true) => return Opened::Done,
            Some(false) => {}
            None => return Opened::Asked(name),
        }
    }
    Opened::Nowhere
}

/// Returns the programs to try. Over ssh, the desktop's program would open the page on the wrong machine, or not at
/// all.
fn commands(url: &str, variable: impl Fn(&str) -> Option<OsString>) -> Vec<process::Command> {
    if let Some(browsers) = variable("BROWSER") {
        let browsers = browsers.to_string_lossy().into_owned();
        return browsers.split(':').filter_map(|line| named(line, url)).collect();
    }
    let has = |names: &[&str]| names.iter().any(|name| variable(name).is_some());
    let remote = has(&["SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY"]);
    let display = has(&["DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME"]);
    let desktop = display || cfg!(target_os = "macos") && !remote;
    if desktop { open::commands(url) } else { Vec::new() }
}

/// Returns the command for one entry of `$BROWSER`, a command line. The page replaces `%s`, or is appended if there is
/// no `%s`.
fn named(line: &str, url: &str) -> Option<process::Command> {
    let mut words = shlex::split(line)?;
    if words.iter().any(|word| word.contains("%s")) {
        words = words.into_iter().map(|word| word.replace("%s", url)).collect();
    } else {
        words.push(url.to_owned());
    }
    let mut words = words.into_iter();
    let mut command = process::Command::new(words.next().filter(|program| program != url)?);
    command.args(words);
    Some(command)
}

/// Whether the program opened the page; `None` if it is still running, and is left running.
async fn run(command: process::Command) -> Option<bool> {
    let mut command = Command::from(command);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
    config::secrets().for_each(|name| {
        command.env_remove(name);
    });
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            tracing::info!(%error, ?command, "could not start this browser");
            return Some(false);
        }
    };
    let ended = timeout(FAILURE_TIMEOUT, child.wait()).await.ok()?;
    tracing::info!(?ended, ?command, "a browser program ended");
    Some(ended.is_ok_and(|status| status.success()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "http://localhost:8233/namespaces/default?a=b&c='d'";

    fn lines(variables: &[(&str, &str)]) -> Vec<String> {
        let find = |name: &str| variables.iter().find(|(set, _)| *set == name).map(|(_, value)| OsString::from(value));
        let line = |command: process::Command| {
            let words = std::iter::once(command.get_program()).chain(command.get_args());
            words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join("|")
        };
        commands(URL, find).into_iter().map(line).collect()
    }

    #[test]
    fn browser_is_a_list_of_command_lines() {
        let ssh = ("SSH_CONNECTION", "192.0.2.1 1 192.0.2.2 22");
        assert_eq!(lines(&[("BROWSER", "code --open"), ssh]), [format!("code|--open|{URL}")]);
        let two = lines(&[("BROWSER", "'my browser' --url=%s -n:w3m:")]);
        assert_eq!(two, [format!("my browser|--url={URL}|-n"), format!("w3m|{URL}")]);
        assert_eq!(lines(&[ssh]), Vec::<String>::new(), "the user is elsewhere");
    }

    #[tokio::test]
    async fn a_program_that_fails_or_hangs_does_not_block() {
        let command = |script: &str| {
            let mut command = process::Command::new("sh");
            command.args(["-c", script]);
            command
        };
        assert_eq!(run(command("echo noise; exit 0")).await, Some(true));
        assert_eq!(run(command("exit 3")).await, Some(false));
        assert_eq!(run(process::Command::new("/nonexistent/browser")).await, Some(false));
        assert_eq!(run(command("exec sleep 4")).await, None);
    }
}
