//! Reads the terminal, on a thread of its own: crossterm's reader never returns from a terminal that has hung up, and
//! the event loop has to, to end.

use std::{io, thread};

use crossterm::event::{self, Event};
use futures::Stream;
use tokio::sync::mpsc;

/// Events that may wait. A paste without end waits in the terminal.
const QUEUE: usize = 256;

/// The reader parses bytes; it needs no deep stack.
const STACK: usize = 128 * 1024;

/// What comes from the terminal, until it cannot be read or nobody listens.
///
/// # Errors
/// The operating system's, where it gives no thread.
pub fn events() -> io::Result<impl Stream<Item = io::Result<Event>> + Unpin> {
    let (sender, mut receiver) = mpsc::channel(QUEUE);
    thread::Builder::new().name("keys".to_owned()).stack_size(STACK).spawn(move || {
        loop {
            let event = event::read();
            let failed = event.is_err();
            if sender.blocking_send(event).is_err() || failed {
                return;
            }
        }
    })?;
    Ok(futures::stream::poll_fn(move |context| receiver.poll_recv(context)))
}
