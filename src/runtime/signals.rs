//! Signals from other processes that end, stop or continue this one.

use std::{io, time::Duration};

use futures::{
    Stream, StreamExt,
    stream::{self, BoxStream, PollNext},
};
use rustix::process::Signal;
use tokio::{
    signal::unix::{SignalKind, signal},
    time::sleep,
};

/// An event of the process that neither the keyboard nor the core caused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProcessEvent {
    /// The signal with this number ends the process.
    End(i32),
    /// SIGTSTP: the terminal must be restored and the process stopped.
    Stop,
    /// SIGCONT: the process was stopped, by itself or by another process, and now runs again.
    Continued,
    /// A thread panicked. The terminal has already been restored.
    Panicked,
}

/// The signals that end a dashboard. SIGQUIT is included, so that a core dump does not leave the terminal in raw mode.
const ENDING: [Signal; 4] = [Signal::INT, Signal::TERM, Signal::HUP, Signal::QUIT];

/// How long a SIGCONT is held back. A shell sends SIGCONT together with the signal that ends a stopped program, in
/// either order, and the program must end without taking the terminal.
const CONTINUE_DELAY: Duration = Duration::from_millis(20);

/// Receives the signals as values. After this call, they no longer have their default effect.
///
/// # Errors
/// Returns an error if the operating system refuses a signal handler.
pub fn signals() -> io::Result<impl Stream<Item = ProcessEvent> + Unpin> {
    let ending = end_signals()?;
    let stop = each(Signal::TSTP, ProcessEvent::Stop)?;
    let continued = each(Signal::CONT, ProcessEvent::Continued)?.then(|continued| async move {
        sleep(CONTINUE_DELAY).await;
        continued
    });
    let continued = continued.boxed();
    Ok(end_first(ending, stream::select(stop, continued)))
}

/// Receives the signals that end the process, which then no longer end it by default. A SIGHUP that was ignored when
/// the process started, as under nohup, stays ignored.
///
/// # Errors
/// Returns an error if the operating system refuses a signal handler.
pub fn end_signals() -> io::Result<impl Stream<Item = ProcessEvent> + Unpin> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let handled = ENDING.into_iter().filter(|signal| *signal != Signal::HUP || !is_ignored(*signal, &status));
    let ending: Vec<_> =
        handled.map(|signal| each(signal, ProcessEvent::End(signal.as_raw()))).collect::<io::Result<_>>()?;
    Ok(stream::select_all(ending))
}

/// Whether the process ignores a signal, according to `status`, the text of `/proc/self/status`. Returns `false`
/// without that text.
fn is_ignored(signal: Signal, status: &str) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).map(str::trim);
    let mask = mask.and_then(|mask| u64::from_str_radix(mask, 16).ok()).unwrap_or_default();
    let bit = u32::try_from(signal.as_raw() - 1).unwrap_or(u32::MAX);
    mask.checked_shr(bit).is_some_and(|rest| rest & 1 == 1)
}

/// Merges both streams. If both have items, signals that end the process come first.
fn end_first(
    ending: impl Stream<Item = ProcessEvent> + Unpin,
    others: impl Stream<Item = ProcessEvent> + Unpin,
) -> impl Stream<Item = ProcessEvent> + Unpin {
    stream::select_with_strategy(ending, others, |(): &mut ()| PollNext::Left)
}

/// Yields `value` for each signal with this number.
pub(super) fn each<T: Copy + Send + 'static>(number: Signal, value: T) -> io::Result<BoxStream<'static, T>> {
    let signal = signal(SignalKind::from_raw(number.as_raw()))?;
    let each = stream::unfold(signal, move |mut signal| async move {
        signal.recv().await?;
        Some((value, signal))
    });
    Ok(each.boxed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mask_of_ignored_signals_is_read() {
        let status = "Name:\tx\nSigBlk:\t0000000000000001\nSigIgn:\t0000000000001001\n";
        assert!(is_ignored(Signal::HUP, status) && is_ignored(Signal::PIPE, status));
        assert!(!is_ignored(Signal::TERM, status) && !is_ignored(Signal::HUP, ""));
    }

    /// A continued process under load finds both signals at once. If it took the terminal first, it would be stopped
    /// again for good.
    #[tokio::test]
    async fn an_ending_signal_comes_before_a_continue() {
        let others = stream::iter([ProcessEvent::Stop, ProcessEvent::Continued, ProcessEvent::Continued]);
        let both = end_first(stream::iter([ProcessEvent::End(15)]), others);
        let all: Vec<_> = both.collect().await;
        assert_eq!(all, [ProcessEvent::End(15), ProcessEvent::Stop, ProcessEvent::Continued, ProcessEvent::Continued]);
    }
}
