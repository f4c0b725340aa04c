//! Copies a text: with the desktop's own program if this machine has the screen, into tmux's buffer, else through the
//! terminal. Says which, since a terminal does not answer whether it took it.

use std::{io, process::Stdio, time::Duration};

use tokio::{io::AsyncWriteExt, process::Command, time::timeout};

use crate::config;

/// How long one program may take. One that hangs is ended.
const LIMIT: Duration = Duration::from_millis(700);

/// Programs that fill the clipboard of a desktop from their standard input, each with its arguments.
const DESKTOP: [(&str, &[&str]); 6] = [
    ("pbcopy", &[]),
    ("clip.exe", &[]),
    ("wl-copy", &[]),
    ("xclip", &["-selection", "clipboard"]),
    ("xsel", &["--clipboard", "--input"]),
    ("termux-clipboard-set", &[]),
];

/// tmux's own buffer; `-w` also offers it to the terminal, and is newer.
const TMUX: [(&str, &[&str]); 2] = [("tmux", &["load-buffer", "-w", "-"]), ("tmux", &["load-buffer", "-"])];

/// Where a text went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Copied {
    /// This program took it.
    By(&'static str),
    /// Into tmux's buffer.
    Tmux,
    /// No program took it: the terminal is to be asked, which does not answer.
    AskTerminal,
}

/// Where this process runs, as far as it matters for copying.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Over ssh: the screen is another machine's.
    pub remote: bool,
    pub tmux: bool,
    /// In GNU screen, which hands on only what is wrapped for it.
    pub screen: bool,
}

impl Place {
    #[must_use]
    pub fn of_process() -> Self {
        let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        Self {
            remote: ["SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY"].into_iter().any(is_set),
            tmux: is_set("TMUX"),
            screen: is_set("STY"),
        }
    }

    /// Tries the programs of this place, one after another.
    pub async fn copy(self, text: &str) -> Copied {
        let desktop = if self.remote { &[][..] } else { &DESKTOP };
        for (program, arguments) in desktop {
            if takes(program, arguments, text).await {
                return Copied::By(program);
            }
        }
        let tmux = if self.tmux { &TMUX[..] } else { &[] };
        for (program, arguments) in tmux {
            if takes(program, arguments, text).await {
                return Copied::Tmux;
            }
        }
        Copied::AskTerminal
    }

    /// A sequence for the terminal, as what is between hands it on.
    #[must_use]
    pub fn wrap(self, sequence: &str) -> String {
        if self.tmux {
            return format!("\x1bPtmux;{}\x1b\\", sequence.replace('\x1b', "\x1b\x1b"));
        }
        if !self.screen {
            return sequence.to_owned();
        }
        // It takes strings of some 700 bytes, and an ST would end its own.
        let inner = sequence.replace("\x1b\\", "\x07");
        let mut wrapped = String::with_capacity(inner.len() * 2);
        for piece in inner.as_bytes().chunks(500) {
            // Base 64 is ASCII, so no character is cut.
            wrapped.push_str("\x1bP");
            wrapped.push_str(&String::from_utf8_lossy(piece));
            wrapped.push_str("\x1b\\");
        }
        wrapped
    }
}

impl Copied {
    /// What is true of it.
    #[must_use]
    pub fn sentence(self, text: &str) -> String {
        match self {
            Self::By(program) => format!("copied with {program}: {text}"),
            Self::Tmux => format!("copied into tmux's buffer (prefix ] pastes it): {text}"),
            Self::AskTerminal => format!("copied, where the terminal allows it: {text}"),
        }
    }
}

/// Whether the program is there and took the text.
async fn takes(program: &str, arguments: &[&str], text: &str) -> bool {
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
    match timeout(LIMIT, ran).await {
        Ok(Ok(status)) if status.success() => true,
        Ok(Err(error)) if error.kind() == io::ErrorKind::NotFound => false,
        ended => {
            tracing::info!(program, ?ended, "the text was not copied by this program");
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
    async fn a_program_takes_the_text_fails_or_is_limited() {
        let folder = tempfile::tempdir().unwrap();
        let copied = folder.path().join("copied");
        let takes_it = script(folder.path(), &format!("cat > {}; echo noise; echo noise >&2", copied.display()));
        assert!(takes(&takes_it, &[], "order-A12").await);
        assert_eq!(fs::read_to_string(&copied).unwrap(), "order-A12");
        assert!(!takes(&script(folder.path(), "cat > /dev/null; exit 1"), &[], "x").await);
        assert!(!takes("/nonexistent/pbcopy", &[], "x").await);
        let since = Instant::now();
        let hangs = script(folder.path(), "exec sleep 600");
        assert!(!takes(&hangs, &[], &"x".repeat(1_000_000)).await);
        assert!(since.elapsed() < LIMIT * 4, "{:?}", since.elapsed());
    }

    #[test]
    fn what_lies_between_gets_the_sequence_in_its_wrapping() {
        let plain = Place { remote: true, tmux: false, screen: false };
        let osc = format!("\x1b]52;c;{}\x07", "QQ".repeat(600));
        assert_eq!(plain.wrap(&osc), osc);
        let tmux = Place { tmux: true, ..plain }.wrap(&osc);
        assert!(tmux.starts_with("\x1bPtmux;\x1b\x1b]52;c;QQ") && tmux.ends_with("\x07\x1b\\"));
        let screen = Place { screen: true, ..plain }.wrap(&osc);
        let unwrapped: String =
            screen.split("\x1bP").map(|piece| piece.strip_suffix("\x1b\\").unwrap_or(piece)).collect();
        assert_eq!((unwrapped, screen.matches("\x1bP").count()), (osc, 3));
    }
}
