//! What other processes tell this one: to end, to stop, to go on.

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

/// A shell sends a SIGCONT along with what is to end a stopped program, and in whatever order they arrive, it is to end
/// before it cares for the terminal.
const END_FIRST: Duration = Duration::from_millis(20);

/// From now on these signals come as values, and do nothing by themselves.
///
/// # Errors
/// The operating system's.
pub fn signals() -> io::Result<impl Stream<Item = Outside> + Unpin> {
    let ending = end_signals()?;
    let stop = each(Signal::TSTP, Outside::Stop)?;
    let go_on = each(Signal::CONT, Outside::GoOn)?.then(|go_on| async move {
        sleep(END_FIRST).await;
        go_on
    });
    let go_on = go_on.boxed();
    Ok(end_first(ending, stream::select(stop, go_on)))
}

/// The signals that ask for the end; they no longer end the process by themselves. A SIGHUP that was ignored when the
/// process started, as under nohup, stays ignored.
///
/// # Errors
/// The operating system's.
pub fn end_signals() -> io::Result<impl Stream<Item = Outside> + Unpin> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let heeded = ENDING.into_iter().filter(|signal| *signal != Signal::HUP || !is_ignored(*signal, &status));
    let ending: Vec<_> = heeded.map(|signal| each(signal, Outside::End(signal.as_raw()))).collect::<io::Result<_>>()?;
    Ok(stream::select_all(ending))
}

/// Whether the process ignores a signal, by the text of `/proc/self/status`. Systems without that file do not tell.
fn is_ignored(signal: Signal, status: &str) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).map(str::trim);
    let mask = mask.and_then(|mask| u64::from_str_radix(mask, 16).ok()).unwrap_or_default();
    let bit = u32::try_from(signal.as_raw() - 1).unwrap_or(u32::MAX);
    mask.checked_shr(bit).is_some_and(|rest| rest & 1 == 1)
}

/// What asks for the end comes before all else that is there, however long nobody has looked.
fn end_first(
    ending: impl Stream<Item = Outside> + Unpin,
    others: impl Stream<Item = Outside> + Unpin,
) -> impl Stream<Item = Outside> + Unpin {
    stream::select_with_strategy(ending, others, |(): &mut ()| PollNext::Left)
}

/// A value for each signal of this number.
pub(super) fn each<T: Copy + Send + 'static>(number: Signal, outside: T) -> io::Result<BoxStream<'static, T>> {
    let signal = signal(SignalKind::from_raw(number.as_raw()))?;
    let each = stream::unfold(signal, move |mut signal| async move {
        signal.recv().await?;
        Some((outside, signal))
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

    /// A process that goes on under load finds both at once; taking the terminal first would stop it again, for good.
    #[tokio::test]
    async fn an_end_that_is_there_comes_before_the_going_on() {
        let others = stream::iter([Outside::Stop, Outside::GoOn, Outside::GoOn]);
        let both = end_first(stream::iter([Outside::End(15)]), others);
        let all: Vec<_> = both.collect().await;
        assert_eq!(all, [Outside::End(15), Outside::Stop, Outside::GoOn, Outside::GoOn]);
    }
}
