//! Plays back a recording in the same interface, without server, worker or database.

pub(super) mod lines;

use std::{io, ops::ControlFlow, path::Path, process::ExitCode};

use tokio::sync::mpsc;

use super::{Failure, log, needs_terminal, progress::read_limited, session::quit_only};
use crate::{
    app::Command,
    cli::ReplayArgs,
    config::Settings,
    recording::{self, MAX_RECORDING_BYTES, Player, Recording},
    runtime::{notes::NotesWriter, session},
};

/// The default recording.
pub(super) const FIRST: &str = "walkthrough";

/// Plays the recording in the dashboard's screen, or prints it as lines.
pub async fn run(settings: Settings, args: ReplayArgs) -> Result<ExitCode, Failure> {
    let name = args.recording.as_deref().unwrap_or(FIRST);
    if name == STANDARD {
        let text = "replay reads its keys from standard input; save the recording to a file and replay that file";
        return Err(Failure::Usage(text.to_owned()));
    }
    let recording = read(name)?;
    if settings.plain {
        lines::print_all(recording, settings.appearance);
        return Ok(ExitCode::SUCCESS);
    }
    let player = Player::new(recording, settings.appearance);
    needs_terminal(&settings, "replay")?;
    let _log = log::to_file(&settings);
    let ended = session::run(async |session| {
        if settings.probe_width {
            session.probe_width()?;
        }
        // No messages arrive: only keys and the time change the state.
        let (_silent, mut messages) = mpsc::channel(1);
        let notes = NotesWriter::new(&settings.state_dir);
        let execute = |command| {
            if let Command::Present(page) = command {
                notes.show(page);
                return ControlFlow::Continue(());
            }
            quit_only(&command)
        };
        Box::pin(session.run(player, &mut messages, execute)).await
    });
    let ended = Box::pin(ended).await?;
    Ok(ExitCode::from(ended.map(|(_, ending)| ending).exit_code()))
}

/// File name that means standard input.
const STANDARD: &str = "-";

/// Returns the recording's name in messages.
pub fn shown(name: &str) -> &str {
    if name == STANDARD { "standard input" } else { name }
}

/// Reads the built-in recording `name`, the file `name`, or standard input.
///
/// # Errors
/// Returns [`Failure::Unreadable`] if it cannot be read, [`Failure::Recorded`] if it is not a valid recording.
pub fn read(name: &str) -> Result<Recording, Failure> {
    if let Some(bytes) = recording::built_in(name) {
        return Ok(Recording::read(name, bytes)?);
    }
    let file = (name != STANDARD).then(|| Path::new(name));
    let bytes = read_limited(shown(name), file, MAX_RECORDING_BYTES as u64).map_err(|source| {
        if source.kind() == io::ErrorKind::NotFound {
            let known: Vec<_> = recording::BUILT_IN.iter().map(|(known, _)| *known).collect();
            return Failure::Usage(format!("there is no recording {name}; built in are {}", known.join(" and ")));
        }
        Failure::Unreadable { file: shown(name).into(), source }
    })?;
    Ok(Recording::read(shown(name), &bytes)?)
}
