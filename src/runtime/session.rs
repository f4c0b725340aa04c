//! A session at the terminal: takes it, runs the event loop on it, and gives it back, however that ends.

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
    signals::{self, Outside},
    terminal::{self, Tty},
};

/// Why there was no session, or none to its end.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    #[error("could not listen for signals: {0}")]
    Signals(#[source] io::Error),
    #[error("could not take the terminal: {0}")]
    Terminal(#[source] io::Error),
    #[error(transparent)]
    Loop(#[from] LoopError),
}

/// How a session ended. The terminal is as it was before.
#[derive(Debug)]
pub enum Ended<T> {
    /// It was played, and this is what came of it.
    Played(T),
    /// A signal of this number came before the terminal was taken.
    Signal(i32),
    /// By a defect of this program. The panic is on the screen and in the log.
    Panicked,
}

impl<T> Ended<T> {
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Ended<U> {
        match self {
            Self::Played(played) => Ended::Played(change(played)),
            Self::Signal(signal) => Ended::Signal(signal),
            Self::Panicked => Ended::Panicked,
        }
    }
}

impl Ended<Ending> {
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Played(ending) => ending.exit_code(),
            Self::Signal(signal) => Ending::Signal(*signal).exit_code(),
            Self::Panicked => Ending::Panic.exit_code(),
        }
    }
}

impl Ending {
    /// 0, 1 after a panic, and as shells have it, 128 and its number after a signal.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Quit | Self::Return | Self::NoMoreEvents | Self::Walkthrough => 0,
            Self::Signal(signal) => u8::try_from(128 + signal).unwrap_or(1),
            Self::Panic => 1,
        }
    }
}

/// How long the SIGCONT after a stop may take to arrive.
const CONTINUED: Duration = Duration::from_millis(200);

/// Stays stopped while it was started in the background. Gives the signal that asked for the end meanwhile.
async fn foreground(signals: &mut (impl Stream<Item = Outside> + Unpin)) -> Option<i32> {
    while terminal::stop_in_background() {
        match timeout(CONTINUED, signals.next()).await {
            Ok(Some(Outside::End(signal))) => return Some(signal),
            Ok(_) => {}
            // Nobody stops a process without a shell above it; taking the terminal says why that cannot be done.
            Err(_) => return None,
        }
    }
    None
}

/// The terminal, and what comes from it and from other processes.
pub struct Session {
    tty: Tty,
    events: Box<dyn Stream<Item = io::Result<Input>> + Unpin>,
    outside: Box<dyn Stream<Item = Outside> + Unpin>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("tty", &self.tty).finish_non_exhaustive()
    }
}

impl Session {
    /// Finds out whether symbols keep to their columns; if not, the core draws ASCII.
    ///
    /// # Errors
    /// [`LoopError`].
    pub fn probe_width(&self) -> Result<(), LoopError> {
        self.tty.probe_width().map_err(LoopError::Draw)
    }

    /// Runs a core at the terminal. `execute` executes its commands, and breaks if one is to quit.
    ///
    /// # Errors
    /// [`LoopError`].
    pub async fn play<C: Core>(
        &mut self,
        core: C,
        messages: &mut mpsc::Receiver<Message>,
        execute: impl Fn(Command) -> ControlFlow<()>,
    ) -> Result<(C, Ending), LoopError> {
        event_loop::run(&mut self.tty, core, &mut self.events, messages, execute, &mut self.outside).await
    }
}

/// Both streams, until the first one ends.
fn end_with<T: Send + 'static>(
    first: impl Stream<Item = T> + Send + 'static,
    second: impl Stream<Item = T> + Send + 'static,
) -> impl Stream<Item = T> + Unpin {
    let first = first.map(Some).chain(stream::once(std::future::ready(None)));
    let both = stream::select(first, second.map(Some));
    both.take_while(|item| std::future::ready(item.is_some())).filter_map(std::future::ready).boxed()
}

/// The new size, each time the terminal's window changes.
fn sizes() -> io::Result<impl Stream<Item = io::Result<Input>> + Send> {
    let changed = signals::each(Signal::WINCH, ())?;
    Ok(changed.map(|()| {
        let size = terminal::size();
        Ok(Input::Event(Event::Resize(size.width, size.height)))
    }))
}

/// Takes the terminal, plays on it, and gives it back, however that ends.
///
/// # Errors
/// [`SessionError`]; the terminal is as it was before.
pub async fn run<T>(play: impl AsyncFnOnce(&mut Session) -> Result<T, LoopError>) -> Result<Ended<T>, SessionError> {
    // Before the terminal is taken, so that no signal finds it taken and ends us.
    let mut signals = signals::signals().map_err(SessionError::Signals)?;
    if let Some(signal) = foreground(&mut signals).await {
        return Ok(Ended::Signal(signal));
    }
    let tty = Tty::take().map_err(SessionError::Terminal)?;
    let panicked = stream::once(Box::pin(tty.panicked())).map(|()| Outside::Panicked);
    let outside = Box::new(stream::select(signals, panicked));
    let keys = keys::events().map_err(SessionError::Terminal)?;
    let events = Box::new(end_with(keys, sizes().map_err(SessionError::Signals)?));
    let mut session = Session { tty, events, outside };
    let ended = AssertUnwindSafe(play(&mut session)).catch_unwind().await;
    session.tty.give_back();
    match ended {
        Ok(ended) => Ok(Ended::Played(ended?)),
        // The hook has said it.
        Err(_panic) => Ok(Ended::Panicked),
    }
}
