//! Reads the terminal on a separate thread with level-triggered polling. All available input is read, so this program
//! never blocks a process that writes to the terminal.

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

/// Number of events that can wait for the event loop. Further input stays in the terminal.
const QUEUE_LEN: usize = 256;

/// Stack size of the thread.
const STACK_BYTES: usize = 128 * 1024;

/// Maximum gap between two bytes of a batch. No keyboard is that fast.
const BATCH_GAP: Duration = Duration::from_millis(2);

/// Maximum duration of a batch.
const BATCH_LIMIT: Duration = Duration::from_millis(20);

/// Number of keys from which a batch counts as a burst, because no user types that fast.
const MIN_BURST_KEYS: usize = 6;

/// Maximum time after a burst within which two or more keys still belong to it.
const BURST_GAP: Duration = Duration::from_millis(30);

/// How long the end of the input is held back. After a hang-up a signal arrives too, and says more about the cause.
const SIGNAL_DELAY: Duration = Duration::from_millis(100);

/// Yields the terminal's input until the input ends or cannot be read, or the stream is dropped.
///
/// # Errors
/// Returns an error if the process has no terminal, or if no thread can be started.
pub fn events() -> io::Result<impl Stream<Item = io::Result<Input>> + Send> {
    let terminal = terminal()?;
    let (sender, mut receiver) = mpsc::channel(QUEUE_LEN);
    thread::Builder::new().name("keys".to_owned()).stack_size(STACK_BYTES).spawn(move || {
        let ended = read(terminal.as_fd(), |input| sender.blocking_send(Ok(input)).is_ok());
        thread::sleep(SIGNAL_DELAY);
        if let Err(error) = ended {
            let _receiver_dropped = sender.blocking_send(Err(error));
        }
    })?;
    Ok(futures::stream::poll_fn(move |context| receiver.poll_recv(context)))
}

/// Opens standard input if it is a terminal, or else the controlling terminal.
fn terminal() -> io::Result<OwnedFd> {
    let input = io::stdin();
    if isatty(&input) { input.as_fd().try_clone_to_owned() } else { Ok(File::open("/dev/tty")?.into()) }
}

/// Reads until the end of the input, or until `send` returns `false`.
fn read(terminal: BorrowedFd<'_>, mut send: impl FnMut(Input) -> bool) -> io::Result<()> {
    let (mut decoder, mut batches) = (Decoder::default(), Batches::default());
    let mut is_open = true;
    while is_open {
        if is_readable(terminal, decoder.timeout())? {
            is_open = read_batch(terminal, &mut decoder)?;
        } else {
            decoder.give_up();
        }
        for input in batches.sort(decoder.take(), Instant::now()) {
            if !send(input) {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Reads one batch. Returns `false` if the input has ended.
fn read_batch(terminal: BorrowedFd<'_>, decoder: &mut Decoder) -> io::Result<bool> {
    let mut buffer = [0; 4096];
    let (since, mut is_first) = (Instant::now(), true);
    loop {
        match rustix::io::read(terminal, &mut buffer) {
            // The input has ended, or the terminal has hung up.
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

/// Whether input, or the end of the input, becomes available within `limit`.
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
    /// When the last burst was read.
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

/// Whether a key does not belong to a burst. No text contains these keys, so many at once come from a held key on a
/// slow connection. The release of a key is not a key press either.
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

/// Whether the key is Ctrl-C, which quits even in the middle of a burst.
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
    fn many_keys_at_once_are_a_burst_without_control_c() {
        let mut batches = Batches::default();
        let now = Instant::now();
        assert_eq!(sorted(&mut batches, b"fffoD", now).len(), 5);
        assert_eq!(sorted(&mut batches, b"orders", now), ["burst of 6"]);
        // The rest of a paste arrives in parts. A single key is a key press.
        let soon = now + BURST_GAP / 2;
        assert_eq!(sorted(&mut batches, b"bx", soon), ["burst of 2"]);
        assert_eq!(sorted(&mut batches, b"q", soon), ["Char('q')"]);
        assert_eq!(sorted(&mut batches, b"bx", soon).len(), 2);
        let held = b"\x1b[B".repeat(40);
        assert_eq!(sorted(&mut batches, &held, now + BURST_GAP * 3).len(), 40);
        let quits = sorted(&mut batches, b"rm -rf /\x03tmp", now);
        assert_eq!(quits, ["burst of 8", "Char('c')", "burst of 3"]);
    }

    /// Returns what `read` sends for the bytes that `write` writes into a pipe.
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
    fn all_input_is_read_at_any_length() {
        let inputs = through_a_pipe(|mut pipe| pipe.write_all(&vec![b'x'; 100_000]).unwrap());
        let keys: usize = inputs.iter().map(|input| if let Input::Burst(keys) = input { keys.len() } else { 0 }).sum();
        assert_eq!(keys, 100_000);
    }

    #[test]
    fn a_sequence_in_parts_is_decoded_and_a_paste_without_an_end_ends() {
        let inputs = through_a_pipe(|mut pipe| {
            pipe.write_all(b"\x1b").unwrap();
            // Longer than a batch, but shorter than the limit.
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
