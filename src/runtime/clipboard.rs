//! Copies a text: with a program of the desktop unless the session is remote, otherwise into tmux's buffer, otherwise
//! through the terminal. The notice says which one, since a terminal does not report whether it copied the text.

use std::{io, process::Stdio, time::Duration};

use tokio::{io::AsyncWriteExt, process::Command, time::timeout};

use crate::config;

/// Maximum run time of one program. A program that hangs is killed.
const PROGRAM_TIMEOUT: Duration = Duration::from_millis(700);

/// Programs that fill the clipboard of a desktop from their standard input, with their arguments.
const DESKTOP_PROGRAMS: [(&str, &[&str]); 6] = [
    ("pbcopy", &[]),
    ("clip.exe", &[]),
    ("wl-copy", &[]),
    ("xclip", &["-selection", "clipboard"]),
    ("xsel", &["--clipboard", "--input"]),
    ("termux-clipboard-set", &[]),
];

/// Commands that fill tmux's buffer. Newer versions support `-w`, which also offers the text to the terminal.
const TMUX_PROGRAMS: [(&str, &[&str]); 2] = [("tmux", &["load-buffer", "-w", "-"]), ("tmux", &["load-buffer", "-"])];

/// Where a text was copied to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Copied {
    /// This program copied the text.
    By(&'static str),
    /// The text is in tmux's buffer.
    Tmux,
    /// No program copied the text. The caller asks the terminal, which does not answer.
    AskTerminal,
}

/// The properties of this process's session that matter for copying.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CopyEnvironment {
    /// Whether the session runs over ssh, so that the screen belongs to another machine.
    pub remote: bool,
    /// Whether the session runs in tmux.
    pub tmux: bool,
    /// Whether the session runs in GNU screen, which forwards only wrapped sequences.
    pub screen: bool,
}

impl CopyEnvironment {
    /// Reads the environment of this process.
    #[must_use]
    pub fn of_process() -> Self {
        let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        Self {
            remote: ["SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY"].into_iter().any(is_set),
            tmux: is_set("TMUX"),
            screen: is_set("STY"),
        }
    }

    /// Tries the programs for this environment in order.
    pub async fn copy(self, text: &str) -> Copied {
        let desktop = if self.remote { &[][..] } else { &DESKTOP_PROGRAMS };
        for (program, arguments) in desktop {
            if copies_with(program, arguments, text).await {
                return Copied::By(program);
            }
        }
        let tmux = if self.tmux { &TMUX_PROGRAMS[..] } else { &[] };
        for (program, arguments) in tmux {
            if copies_with(program, arguments, text).await {
                return Copied::Tmux;
            }
        }
        Copied::AskTerminal
    }

    /// Wraps a sequence for the terminal, so that tmux or GNU screen forwards it.
    #[must_use]
    pub fn wrap(self, sequence: &str) -> String {
        if self.tmux {
            return format!("\x1bPtmux;{}\x1b\\", sequence.replace('\x1b', "\x1b\x1b"));
        }
        if !self.screen {
            return sequence.to_owned();
        }
        // GNU screen accepts strings of about 700 bytes, and an ST inside the string would end it.
        let inner = sequence.replace("\x1b\\", "\x07");
        let mut wrapped = String::with_capacity(inner.len() * 2);
        for piece in inner.as_bytes().chunks(500) {
            // Base64 is ASCII, so no character is split.
            wrapped.push_str("\x1bP");
            wrapped.push_str(&String::from_utf8_lossy(piece));
            wrapped.push_str("\x1b\\");
        }
        wrapped
    }
}

impl Copied {
    /// Returns the notice about the copy of `text`.
    #[must_use]
    pub fn sentence(self, text: &str) -> String {
        match self {
            Self::By(program) => format!("copied with {program}: {text}"),
            Self::Tmux => format!("copied to the tmux buffer (paste with prefix ]): {text}"),
            Self::AskTerminal => format!("sent to the clipboard (needs OSC 52 support): {text}"),
        }
    }
}

/// Whether the program exists and copied the text.
async fn copies_with(program: &str, arguments: &[&str], text: &str) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    command.process_group(0).kill_on_drop(true);
    config::secrets().for_each(|name| {
        command.env_remove(name);
    });
    let ran = async {
        let mut child = command.spawn()?;
        if let Some(mut input) = child.stdin.take() {
            input.write_all(text.as_bytes()).await?;
        }
        child.wait().await
    };
    match timeout(PROGRAM_TIMEOUT, ran).await {
        Ok(Ok(status)) if status.success() => true,
        Ok(Err(error)) if error.kind() == io::ErrorKind::NotFound => false,
        ended => {
            tracing::info!(program, ?ended, "this program did not copy the text");
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt, time::Instant};

    use super::*;

    fn script(folder: &std::path::Path, body: &str) -> String {
        let path = folder.join("program");
        fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        path.display().to_string()
    }

    #[tokio::test]
    async fn a_program_copies_the_text_or_fails_or_is_killed_at_the_limit() {
        let folder = tempfile::tempdir().unwrap();
        let copied = folder.path().join("copied");
        let copies_it = script(folder.path(), &format!("cat > {}; echo noise; echo noise >&2", copied.display()));
        assert!(copies_with(&copies_it, &[], "order-A12").await);
        assert_eq!(fs::read_to_string(&copied).unwrap(), "order-A12");
        assert!(!copies_with(&script(folder.path(), "cat > /dev/null; exit 1"), &[], "x").await);
        assert!(!copies_with("/nonexistent/pbcopy", &[], "x").await);
        let since = Instant::now();
        let hangs = script(folder.path(), "exec sleep 600");
        assert!(!copies_with(&hangs, &[], &"x".repeat(1_000_000)).await);
        assert!(since.elapsed() < PROGRAM_TIMEOUT * 4, "{:?}", since.elapsed());
    }

    #[test]
    fn multiplexers_get_the_sequence_in_their_wrapping() {
        let plain = CopyEnvironment { remote: true, tmux: false, screen: false };
        let osc = format!("\x1b]52;c;{}\x07", "QQ".repeat(600));
        assert_eq!(plain.wrap(&osc), osc);
        let tmux = CopyEnvironment { tmux: true, ..plain }.wrap(&osc);
        assert!(tmux.starts_with("\x1bPtmux;\x1b\x1b]52;c;QQ") && tmux.ends_with("\x07\x1b\\"));
        let screen = CopyEnvironment { screen: true, ..plain }.wrap(&osc);
        let unwrapped: String =
            screen.split("\x1bP").map(|piece| piece.strip_suffix("\x1b\\").unwrap_or(piece)).collect();
        assert_eq!((unwrapped, screen.matches("\x1bP").count()), (osc, 3));
    }
}
