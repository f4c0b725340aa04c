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
    supplier::service::ServiceError,
    temporal::{ConnectError, StartError, WatchError, WorkerError},
};

/// Why a command failed. The message is for the user.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The settings are wrong.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The arguments are wrong.
    #[error("{0}")]
    Usage(String),
    /// The database refused an operation.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No server is available.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// The connection failed.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The worker failed.
    #[error(transparent)]
    Worker(#[from] WorkerError),
    /// The order could not be started.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The end of the order could not be awaited.
    #[error(transparent)]
    Watch(#[from] WatchError),
    /// The embedded server could not be supervised.
    #[error(transparent)]
    Supervise(#[from] SuperviseError),
    /// The session at the terminal failed.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The scenario could not be loaded.
    #[error(transparent)]
    Scenario(#[from] ScenarioProblem),
    /// The walkthrough is not valid.
    #[error(transparent)]
    Script(#[from] SourceError),
    /// The recording is not valid.
    #[error(transparent)]
    Recorded(#[from] RecordingError),
    /// The recording cannot be written.
    #[error("the recording cannot be written to {}: {source}; use another file", .file.display())]
    Recording {
        /// The file.
        file: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
    /// A file cannot be written.
    #[error("could not write {}: {source}", .file.display())]
    Unwritable {
        /// The file.
        file: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
    /// The folder of a file does not exist.
    #[error("could not write {}: there is no folder {}; create it first", .file.display(), .folder.display())]
    NoFolder {
        /// The file.
        file: PathBuf,
        /// The folder.
        folder: PathBuf,
    },
    /// A file cannot be read.
    #[error("could not read {}: {source}", .file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
    /// A private folder cannot be used.
    #[error(
        "the folder {} for state and temporary files cannot be used: {source}; remove it, or set XDG_STATE_HOME and \
         XDG_CACHE_HOME to folders of your own", .folder.display()
    )]
    PrivateFolder {
        /// The folder.
        folder: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
    /// An operation of the operating system failed.
    #[error("could not {what}: {source}")]
    Io {
        /// The operation, as the end of "could not".
        what: &'static str,
        /// The operating system's error.
        source: io::Error,
    },
    /// A signal ended the command.
    #[error("ended by signal {0}")]
    Signal(i32),
    /// The options of the codec server are wrong.
    #[error(transparent)]
    CodecOptions(#[from] OptionsError),
    /// The codec server failed.
    #[error(transparent)]
    CodecServer(#[from] CodecServerError),
    /// The supplier failed.
    #[error(transparent)]
    Supplier(#[from] ServiceError),
    /// The key file cannot be read or written.
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

    /// Returns the exit code: 2 for wrong usage, settings and files that the user named, 128 plus the number of a
    /// signal, otherwise 1.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            // As shells do.
            Self::Signal(signal) => u8::try_from(128 + signal).unwrap_or(1),
            Self::Settings(_)
            | Self::Usage(_)
            | Self::CodecOptions(_)
            | Self::Scenario(_)
            | Self::Script(_)
            | Self::Recorded(_)
            | Self::Recording { .. }
            | Self::Unreadable { .. } => WRONG_SETTINGS,
            Self::Store(_)
            | Self::Backend(_)
            | Self::Connect(_)
            | Self::Worker(_)
            | Self::Start(_)
            | Self::Watch(_)
            | Self::Supervise(_)
            | Self::Session(_)
            // Unlike the file of `--record`, which is refused before the command does anything.
            | Self::Unwritable { .. }
            | Self::NoFolder { .. }
            | Self::PrivateFolder { .. }
            | Self::Io { .. }
            | Self::CodecServer(_)
            | Self::Supplier(_)
            | Self::KeyFile(_)
            | Self::Other(_) => 1,
        }
    }
}
