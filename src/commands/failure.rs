//! Why a command failed, and its exit code.

use std::{io, path::PathBuf};

use super::scenarios::ScenarioProblem;
use crate::{
    codec_server::{CodecServerError, OptionsError},
    config::SettingsError,
    encryption::KeyFileError,
    recording::RecordingError,
    runtime::{backend::BackendError, session::SessionError},
    server::SuperviseError,
    source_text::SourceError,
    store::StoreError,
    temporal::{ConnectError, StartError, WatchError, WorkerError},
};

/// Why a command failed. The message is for the user.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error("{0}")]
    Usage(String),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Backend(#[from] BackendError),
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(transparent)]
    Worker(#[from] WorkerError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Watch(#[from] WatchError),
    #[error(transparent)]
    Supervise(#[from] SuperviseError),
    #[error(transparent)]
    Session(#[from] SessionError),
    #[error(transparent)]
    Scenario(#[from] ScenarioProblem),
    #[error(transparent)]
    Script(#[from] SourceError),
    #[error(transparent)]
    Recorded(#[from] RecordingError),
    #[error("the recording cannot be written to {}: {source}; name another file", .file.display())]
    Recording { file: PathBuf, source: io::Error },
    #[error("could not write {}: {source}", .file.display())]
    Unwritable { file: PathBuf, source: io::Error },
    #[error("could not write {}: there is no folder {}; create it first", .file.display(), .folder.display())]
    NoFolder { file: PathBuf, folder: PathBuf },
    #[error("could not read {}: {source}", .file.display())]
    Unreadable { file: PathBuf, source: io::Error },
    #[error(
        "the folder {} for state and temporary files cannot be used: {source}; remove it, or set XDG_STATE_HOME and \
         XDG_CACHE_HOME to folders of your own", .folder.display()
    )]
    PrivateFolder { folder: PathBuf, source: io::Error },
    #[error("could not {what}: {source}")]
    Io { what: &'static str, source: io::Error },
    #[error("ended by signal {0}")]
    Signal(i32),
    #[error(transparent)]
    CodecOptions(#[from] OptionsError),
    #[error(transparent)]
    CodecServer(#[from] CodecServerError),
    #[error(transparent)]
    KeyFile(#[from] KeyFileError),
    /// The command ran, but its result is a failure, for example a rejected order or a lost server.
    #[error("{0}")]
    Other(String),
}

/// Exit code for wrong usage and wrong settings.
pub(super) const WRONG_SETTINGS: u8 = 2;

impl Failure {
    pub(super) fn io(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { what, source }
    }

    /// 2 for wrong usage, settings and input files, 128 plus the number of a signal, else 1.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            // As in shells.
            Self::Signal(signal) => u8::try_from(128 + signal).unwrap_or(1),
            Self::Settings(_)
            | Self::Usage(_)
            | Self::CodecOptions(_)
            | Self::Scenario(_)
            | Self::Script(_)
            | Self::Recorded(_)
            | Self::Recording { .. }
            | Self::Unreadable { .. } => WRONG_SETTINGS,
            _ => 1,
        }
    }
}
