//! Parts of all commands with a session at the terminal.

use std::{ops::ControlFlow, process::ExitCode};

use super::print;
use crate::{
    app::{App, Command, summary},
    runtime::{event_loop::Ending, session::Ended},
};

/// Number of messages that can wait for the core. When the queue is full, their senders wait.
pub const MESSAGE_QUEUE_LEN: usize = 1024;

/// Prints the summary of an ended session, and returns its exit code.
pub fn conclude(ended: Ended<(App, Ending)>) -> ExitCode {
    let ended = ended.map(|(app, ending)| {
        print::last_lines(summary(&app));
        ending
    });
    ExitCode::from(ended.exit_code())
}

/// Executes no command except quit, for a session without an executor.
pub fn quit_only(command: &Command) -> ControlFlow<()> {
    if *command == Command::Quit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}
