//! Reads the terminal on a thread of its own, with level-triggered polling: whatever is there is read, however much it
//! is, and a writer to the terminal is never blocked by this program.

use std::{
    fs::File,
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    thread,
    time::{Duration, Instant},
};

use crossterm::event::{KeyCode, KeyEventKind, KeyModifiers};
use futures::Stream;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    termios::isatty,
};
use tokio::sync::mpsc;

use super::{
    decoder::{Decoded, Decoder},
    input::{Input, Press},
};

/// Events that may wait. The rest waits in the terminal.
const QUEUE: usize = 256;

/// Stack of the thread, in bytes.
const STACK_BYTES: usize = 128 * 1024;

/// Bytes that come within this time of each other belong together. No keyboard is that fast.
const BATCH_GAP: Duration = Duration::from_millis(2);

/// Bytes that come without a gap are handed on after this time.
const BATCH_LIMIT: Duration = Duration::from_millis(20);

/// This many keys in one batch were not typed.
const MIN_BURST_KEYS: usize = 6;

/// Several keys that come this soon after a burst belong to it.
const BURST_GAP: Duration = Duration::from_millis(30);

/// After a hang-up the signal comes too, and says more than the end of the input.
const SIGNAL_DELAY: Duration = Duration::from_millis(100);

/// What comes from the terminal, until it cannot be read or nobody listens.
///
/// # Errors
/// The operating system gives no thread, or there is no terminal.
pub fn events() -> io::Result<impl Stream<Item = io::Result<Input>> + Send> {
    let terminal = terminal()?;
    let (sender, mut receiver) = mpsc::channel(QUEUE);
    thread::Builder::new().name("keys".to_owned()).stack_size(STACK_BYTES).spawn(move || {
        let ended = read(terminal.as_fd(), |input| sender.blocking_send(Ok(input)).is_ok());
        thread::sleep(SIGNAL_DELAY);
        if let Err(error) = ended {
            // The receiver is gone: there is no one left to report to.
            let _gone = sender.blocking_send(Err(error));
        }
    })?;
    Ok(futures::stream::poll_fn(move |context| receiver.poll_recv(context)))
}

/// Standard input, or the terminal of this process.
fn terminal() -> io::Result<OwnedFd> {
    let input = io::stdin();
    if isatty(&input) { input.as_fd().try_clone_to_owned() } else { Ok(File::open("/dev/tty")?.into()) }
}

/// Reads until the end of the input, or until `hand_on` says that the receiver is gone.
fn read(terminal: BorrowedFd<'_>, mut hand_on: impl FnMut(Input) -> bool) -> io::Result<()> {
    let (mut decoder, mut batches) = (Decoder::default(), Batches::default());
    let mut is_open = true;
    while is_open {
        if is_readable(terminal, decoder.patience())? {
            is_open = read_batch(terminal, &mut decoder)?;
        } else {
            decoder.give_up();
        }
        for input in batches.sort(decoder.take(), Instant::now()) {
            if !hand_on(input) {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Reads what comes without a gap. `false`: the end of the input.
fn read_batch(terminal: BorrowedFd<'_>, decoder: &mut Decoder) -> io::Result<bool> {
    let mut buffer = [0; 4096];
    let (since, mut is_first) = (Instant::now(), true);
    loop {
        match rustix::io::read(terminal, &mut buffer) {
            // The end, or a terminal that has hung up.
            Ok(0) | Err(rustix::io::Errno::IO) => return Ok(false),
            Ok(count) => {
                let bytes = buffer.get(..count).unwrap_or_default();
                if std::mem::take(&mut is_first) {
                    decoder.split_escape(bytes);
                }
                decoder.feed(bytes);
            }
            Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => {}
            Err(error) => return Err(error.into()),
        }
        if since.elapsed() > BATCH_LIMIT || !is_readable(terminal, Some(BATCH_GAP))? {
            return Ok(true);
        }
    }
}

/// Whether there is something to read, its end included, within `limit`.
fn is_readable(terminal: BorrowedFd<'_>, limit: Option<Duration>) -> io::Result<bool> {
    let deadline = limit.map(|limit| Instant::now() + limit);
    loop {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let left = left.and_then(|left| Timespec::try_from(left).ok());
        let mut wanted = [PollFd::from_borrowed_fd(terminal, PollFlags::IN)];
        match poll(&mut wanted, left.as_ref()) {
            Ok(ready) => return Ok(ready > 0),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Distinguishes typed keys from those of a paste or a script.
#[derive(Debug, Default)]
struct Batches {
    /// When the last burst came.
    burst: Option<Instant>,
}

impl Batches {
    fn sort(&mut self, decoded: Vec<Decoded>, now: Instant) -> Vec<Input> {
        let keys = decoded.iter().filter(|decoded| matches!(decoded, Decoded::Key { .. } if !moves(decoded))).count();
        let goes_on = self.burst.is_some_and(|burst| now.saturating_duration_since(burst) < BURST_GAP);
        let is_burst = keys >= MIN_BURST_KEYS || goes_on && keys > 1;
        self.burst = is_burst.then_some(now);
        let mut sorted = Vec::new();
        for decoded in decoded {
            let is_ctrl_c = is_ctrl_c(&decoded);
            match (decoded, sorted.last_mut()) {
                (Decoded::Event(event), _) => sorted.push(Input::Event(event)),
                (Decoded::Reply(reply), _) => sorted.push(Input::Reply(reply)),
                (Decoded::Key { typed, command }, last) => {
                    let press = Press { typed, command, at: now };
                    match last {
                        _ if is_ctrl_c || !is_burst => sorted.push(Input::Key(press)),
                        Some(Input::Burst(keys)) => keys.push(press),
                        _ => sorted.push(Input::Burst(vec![press])),
                    }
                }
            }
        }
        sorted
    }
}

/// Keys that no text has, so that many of them at once are a key that is held on a slow connection. Releases are no keys.
const fn moves(decoded: &Decoded) -> bool {
    use KeyCode::{Down, End, Home, Left, PageDown, PageUp, Right, Up};
    match decoded {
        Decoded::Key { typed, .. } => {
            matches!(typed.kind, KeyEventKind::Release)
                || matches!(typed.code, Up | Down | Left | Right | Home | End | PageUp | PageDown)
        }
        _ => false,
    }
}

/// It quits, wherever it is found.
fn is_ctrl_c(decoded: &Decoded) -> bool {
    matches!(decoded, Decoded::Key { command, .. }
        if command.code == KeyCode::Char('c') && command.modifiers.contains(KeyModifiers::CONTROL))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn sorted(batches: &mut Batches, bytes: &[u8], now: Instant) -> Vec<String> {
        let mut decoder = Decoder::default();
        decoder.feed(bytes);
        let word = |input| match input {
            Input::Key(press) => format!("{:?}", press.typed.code),
            Input::Burst(keys) => format!("burst of {}", keys.len()),
            other => format!("{other:?}"),
        };
        batches.sort(decoder.take(), now).into_iter().map(word).collect()
    }

    #[test]
    fn many_keys_at_once_are_a_burst_and_control_c_is_in_none() {
        let mut batches = Batches::default();
        let now = Instant::now();
        assert_eq!(sorted(&mut batches, b"fffoD", now).len(), 5);
        assert_eq!(sorted(&mut batches, b"orders", now), ["burst of 6"]);
        // The rest of a paste in pieces; one key alone was pressed.
        let soon = now + BURST_GAP / 2;
        assert_eq!(sorted(&mut batches, b"bx", soon), ["burst of 2"]);
        assert_eq!(sorted(&mut batches, b"q", soon), ["Char('q')"]);
        assert_eq!(sorted(&mut batches, b"bx", soon).len(), 2);
        let held = b"\x1b[B".repeat(40);
        assert_eq!(sorted(&mut batches, &held, now + BURST_GAP * 3).len(), 40);
        let quits = sorted(&mut batches, b"rm -rf /\x03tmp", now);
        assert_eq!(quits, ["burst of 8", "Char('c')", "burst of 3"]);
    }

    /// What `read` hands on of what is written into a pipe.
    fn through_a_pipe(write: impl FnOnce(File) + Send + 'static) -> Vec<Input> {
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        let writing = thread::spawn(move || write(File::from(writer)));
        let mut inputs = Vec::new();
        read(reader.as_fd(), |input| {
            inputs.push(input);
            true
        })
        .unwrap();
        writing.join().unwrap();
        inputs
    }

    #[test]
    fn everything_is_read_however_much_it_is() {
        let inputs = through_a_pipe(|mut pipe| pipe.write_all(&vec![b'x'; 100_000]).unwrap());
        let keys: usize = inputs.iter().map(|input| if let Input::Burst(keys) = input { keys.len() } else { 0 }).sum();
        assert_eq!(keys, 100_000);
    }

    #[test]
    fn a_sequence_that_comes_in_parts_is_whole_and_a_paste_without_an_end_ends() {
        let inputs = through_a_pipe(|mut pipe| {
            pipe.write_all(b"\x1b").unwrap();
            // Longer than a batch, shorter than the limit.
            thread::sleep(Duration::from_millis(15));
            pipe.write_all(b"[C").unwrap();
            thread::sleep(Duration::from_millis(15));
            pipe.write_all(b"\x1b[200~abc").unwrap();
            thread::sleep(Duration::from_millis(500));
            pipe.write_all(b"q").unwrap();
        });
        let [Input::Key(right), Input::Event(paste), Input::Key(quit)] = &inputs[..] else { panic!("{inputs:?}") };
        assert_eq!((right.typed.code, quit.typed.code), (KeyCode::Right, KeyCode::Char('q')));
        assert_eq!(*paste, crossterm::event::Event::Paste("abc".to_owned()));
    }
}
