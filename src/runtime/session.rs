//! A session at the terminal: takes the terminal, runs the event loop, and always restores the terminal.

use std::{io, ops::ControlFlow, panic::AssertUnwindSafe, time::Duration};

use crossterm::event::Event;
use futures::{FutureExt, Stream, StreamExt, stream};
use rustix::process::Signal;
use tokio::{sync::mpsc, time::timeout};

use crate::app::{Command, Core, Message};

use super::{
    event_loop::{self, Ending, LoopError},
    input::Input,
    keys,
    signals::{self, ProcessEvent},
    terminal::{self, Tty},
};

/// Why a session did not start, or ended with an error.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// A signal handler could not be installed.
    #[error("could not listen for signals: {0}")]
    Signals(#[source] io::Error),
    /// The terminal could not be read or set up.
    #[error("could not take the terminal: {0}")]
    Terminal(#[source] io::Error),
    /// The event loop failed.
    #[error(transparent)]
    Loop(#[from] LoopError),
}

/// How a session ended. The terminal has been restored.
#[derive(Debug)]
pub enum Ended<T> {
    /// The session ran and returned this result.
    Ran(T),
    /// The signal with this number arrived before the terminal was taken.
    Signal(i32),
    /// A panic ended the session, which is a bug in this program. The panic is on the screen and in the log.
    Panicked,
}

impl<T> Ended<T> {
    /// Changes the result of a session that ran.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Ended<U> {
        match self {
            Self::Ran(result) => Ended::Ran(change(result)),
            Self::Signal(signal) => Ended::Signal(signal),
            Self::Panicked => Ended::Panicked,
        }
    }
}

impl Ended<Ending> {
    /// Returns the exit code of the process, like [`Ending::exit_code`].
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Ran(ending) => ending.exit_code(),
            Self::Signal(signal) => Ending::Signal(*signal).exit_code(),
            Self::Panicked => Ending::Panic.exit_code(),
        }
    }
}

impl Ending {
    /// Returns the exit code of the process: 0, 1 after a panic, or 128 plus the number of a signal.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Quit | Self::Return | Self::NoMoreEvents | Self::Walkthrough => 0,
            Self::Signal(signal) => u8::try_from(128 + signal).unwrap_or(1),
            Self::Panic => 1,
        }
    }
}

/// Maximum time until the SIGCONT after a stop arrives.
const CONTINUE_TIMEOUT: Duration = Duration::from_millis(200);

/// Stops the process for as long as it is in the background. Returns the number of a signal that ends the process in
/// the meantime.
async fn wait_for_foreground(signals: &mut (impl Stream<Item = ProcessEvent> + Unpin)) -> Option<i32> {
    while terminal::stop_in_background() {
        match timeout(CONTINUE_TIMEOUT, signals.next()).await {
            Ok(Some(ProcessEvent::End(signal))) => return Some(signal),
            Ok(_) => {}
            // Without a shell, the process cannot be stopped. Taking the terminal then fails with the reason.
            Err(_) => return None,
        }
    }
    None
}

/// The taken terminal with its input, and the events of the process.
pub struct Session {
    tty: Tty,
    events: Box<dyn Stream<Item = io::Result<Input>> + Unpin>,
    signals: Box<dyn Stream<Item = ProcessEvent> + Unpin>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("tty", &self.tty).finish_non_exhaustive()
    }
}

impl Session {
    /// Measures whether each symbol takes one column. If not, the core draws ASCII.
    ///
    /// # Errors
    /// Returns [`LoopError::Draw`] if the terminal cannot be written.
    pub fn probe_width(&self) -> Result<(), LoopError> {
        self.tty.probe_width().map_err(LoopError::Draw)
    }

    /// Runs a core at the terminal. `execute` executes its commands, and returns `Break` for the quit command.
    ///
    /// # Errors
    /// Returns [`LoopError`] if the terminal can no longer be read, written or set up.
    pub async fn run<C: Core>(
        &mut self,
        core: C,
        messages: &mut mpsc::Receiver<Message>,
        execute: impl Fn(Command) -> ControlFlow<()>,
    ) -> Result<(C, Ending), LoopError> {
        event_loop::run(&mut self.tty, core, &mut self.events, messages, execute, &mut self.signals).await
    }
}

/// Merges both streams into one, which ends as soon as the first stream ends.
fn end_with<T: Send + 'static>(
    first: impl Stream<Item = T> + Send + 'static,
    second: impl Stream<Item = T> + Send + 'static,
) -> impl Stream<Item = T> + Unpin {
    let first = first.map(Some).chain(stream::once(std::future::ready(None)));
    let both = stream::select(first, second.map(Some));
    both.take_while(|item| std::future::ready(item.is_some())).filter_map(std::future::ready).boxed()
}

/// Yields the new size each time the terminal's window is resized.
fn sizes() -> io::Result<impl Stream<Item = io::Result<Input>> + Send> {
    let changed = signals::each(Signal::WINCH, ())?;
    Ok(changed.map(|()| {
        let size = terminal::size();
        Ok(Input::Event(Event::Resize(size.width, size.height)))
    }))
}

/// Takes the terminal, calls `run` with it, and always restores it.
///
/// # Errors
/// Returns [`SessionError`] if the terminal cannot be taken or the event loop fails. The terminal has been restored.
pub async fn run<T>(run: impl AsyncFnOnce(&mut Session) -> Result<T, LoopError>) -> Result<Ended<T>, SessionError> {
    // Handle signals first, so that none can end the process while the terminal is taken.
    let mut signals = signals::signals().map_err(SessionError::Signals)?;
    if let Some(signal) = wait_for_foreground(&mut signals).await {
        return Ok(Ended::Signal(signal));
    }
    let tty = Tty::take().map_err(SessionError::Terminal)?;
    let panicked = stream::once(Box::pin(tty.panicked())).map(|()| ProcessEvent::Panicked);
    let signals = Box::new(stream::select(signals, panicked));
    let keys = keys::events().map_err(SessionError::Terminal)?;
    let events = Box::new(end_with(keys, sizes().map_err(SessionError::Signals)?));
    let mut session = Session { tty, events, signals };
    let ended = AssertUnwindSafe(run(&mut session)).catch_unwind().await;
    session.tty.restore();
    match ended {
        Ok(ended) => Ok(Ended::Ran(ended?)),
        // The panic hook has already reported the panic.
        Err(_panic) => Ok(Ended::Panicked),
    }
}
