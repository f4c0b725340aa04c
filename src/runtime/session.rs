//! A session at the terminal: takes it, runs the event loop on it, and gives it back, however that ends.

use std::{io, panic::AssertUnwindSafe, time::Duration};

use futures::{FutureExt, Stream, StreamExt, stream};
use tokio::{sync::mpsc, time::timeout};

use super::{
    event_loop::{self, Ending, LoopError},
    keys,
    signals::{self, Outside},
    terminal::{self, Tty},
};
use crate::app::{App, Command, Message};

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
pub enum Ended {
    /// With the last state, and why.
    Orderly(Box<App>, Ending),
    /// By a defect of this program. The panic is on the screen and in the log.
    Panicked,
}

impl Ended {
    /// 0, 1 after a panic, and as shells have it, 128 and its number after a signal.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Orderly(_, Ending::Quit | Ending::NoMoreEvents) => 0,
            Self::Orderly(_, Ending::Signal(signal)) => u8::try_from(128 + signal).unwrap_or(1),
            Self::Orderly(_, Ending::Panic) | Self::Panicked => 1,
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

/// Runs a session. `begin` is called once the terminal is taken, and gives what carries out the core's commands; that
/// says whether a command means the end.
///
/// # Errors
/// [`SessionError`]; the terminal is as it was before.
pub async fn run<P: Fn(Command) -> bool>(
    app: App,
    messages: mpsc::Receiver<Message>,
    begin: impl FnOnce() -> P,
) -> Result<Ended, SessionError> {
    // Before the terminal is taken, so that no signal finds it taken and ends us.
    let mut signals = signals::signals().map_err(SessionError::Signals)?;
    if let Some(signal) = foreground(&mut signals).await {
        return Ok(Ended::Orderly(Box::new(app), Ending::Signal(signal)));
    }
    let mut tty = Tty::take().map_err(SessionError::Terminal)?;
    let panicked = stream::once(Box::pin(tty.panicked())).map(|()| Outside::Panicked);
    let outside = stream::select(signals, panicked);
    let events = keys::events().map_err(SessionError::Terminal)?;
    let session = async { event_loop::run(&mut tty, app, events, messages, begin(), outside).await };
    let ended = AssertUnwindSafe(session).catch_unwind().await;
    tty.give_back();
    match ended {
        Ok(ended) => {
            let (app, ending) = ended?;
            Ok(Ended::Orderly(Box::new(app), ending))
        }
        // The hook has said it.
        Err(_panic) => Ok(Ended::Panicked),
    }
}
