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
    let mut ending = Vec::new();
    for signal in ENDING {
        ending.push(each(signal, Outside::End(signal.as_raw()))?);
    }
    let stop = each(Signal::TSTP, Outside::Stop)?;
    let go_on = each(Signal::CONT, Outside::GoOn)?.then(|go_on| async move {
        sleep(END_FIRST).await;
        go_on
    });
    let go_on = go_on.boxed();
    Ok(end_first(stream::select_all(ending), stream::select(stop, go_on)))
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

    /// A process that goes on under load finds both at once; taking the terminal first would stop it again, for good.
    #[tokio::test]
    async fn an_end_that_is_there_comes_before_the_going_on() {
        let others = stream::iter([Outside::Stop, Outside::GoOn, Outside::GoOn]);
        let both = end_first(stream::iter([Outside::End(15)]), others);
        let all: Vec<_> = both.collect().await;
        assert_eq!(all, [Outside::End(15), Outside::Stop, Outside::GoOn, Outside::GoOn]);
    }
}
