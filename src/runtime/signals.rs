//! What other processes tell this one: to end, to stop, to go on.

use std::io;

use futures::{
    Stream, StreamExt,
    stream::{self, BoxStream},
};
use rustix::process::Signal;
use tokio::signal::unix::{SignalKind, signal};

/// Something that neither the keyboard nor the core has asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outside {
    /// The signal of this number asks for the end.
    End(i32),
    /// SIGTSTP: give the terminal back, and stop.
    Stop,
    /// SIGCONT: the process was stopped, by itself or by anybody.
    GoOn,
    /// A thread has panicked, and the terminal is given back already.
    Panicked,
}

/// The signals that end a dashboard. SIGQUIT is among them, so that a core dump does not leave the terminal raw.
const ENDING: [Signal; 4] = [Signal::INT, Signal::TERM, Signal::HUP, Signal::QUIT];

/// From now on these signals come as values, and do nothing by themselves.
///
/// # Errors
/// The operating system's.
pub fn signals() -> io::Result<impl Stream<Item = Outside> + Unpin> {
    let mut all = Vec::new();
    for ending in ENDING {
        all.push(each(ending, Outside::End(ending.as_raw()))?);
    }
    all.push(each(Signal::TSTP, Outside::Stop)?);
    all.push(each(Signal::CONT, Outside::GoOn)?);
    Ok(stream::select_all(all))
}

fn each(number: Signal, outside: Outside) -> io::Result<BoxStream<'static, Outside>> {
    let signal = signal(SignalKind::from_raw(number.as_raw()))?;
    let each = stream::unfold(signal, move |mut signal| async move {
        signal.recv().await?;
        Some((outside, signal))
    });
    Ok(each.boxed())
}
