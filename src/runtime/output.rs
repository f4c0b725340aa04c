//! Writes to the terminal on a separate thread. If the terminal accepts no bytes, for example because of a stopped
//! multiplexer or a broken connection, only this thread blocks, and keys and signals still work.

use std::{
    fs::File,
    io::{self, Write},
    os::fd::AsFd,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use rustix::event::{PollFd, PollFlags, poll};
use tokio::sync::Notify;

/// Stack size of the thread. The thread only copies bytes.
const STACK_BYTES: usize = 64 * 1024;

/// The queue of bytes for the terminal. Clones share the queue.
#[derive(Debug, Clone)]
pub struct Output {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
    idle: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: Vec<u8>,
    /// Whether the thread has taken bytes that the terminal has not accepted yet.
    writing: bool,
    /// The error of the first failed write, until [`Output::send`] returns it.
    failed: Option<io::Error>,
    /// Whether a write failed. Later bytes are dropped.
    dead: bool,
}

impl Output {
    /// Starts the thread that writes to `terminal`.
    ///
    /// # Errors
    /// Returns an error if no thread can be started.
    pub fn start(terminal: File) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        let write = move || theirs.write_to(terminal);
        thread::Builder::new().name("screen".to_owned()).stack_size(STACK_BYTES).spawn(write)?;
        Ok(Self { shared })
    }

    /// Appends bytes to the queue without blocking.
    ///
    /// # Errors
    /// Returns the error of the first failed write, once.
    pub fn send(&self, bytes: &[u8]) -> io::Result<()> {
        let mut queue = self.shared.lock();
        if let Some(error) = queue.failed.take() {
            return Err(error);
        }
        if !queue.dead {
            queue.waiting.extend_from_slice(bytes);
            self.shared.changed.notify_all();
        }
        Ok(())
    }

    /// Whether the terminal has not yet accepted everything that was sent.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.shared.lock().is_busy()
    }

    /// Resolves when the terminal has accepted everything.
    pub fn idle(&self) -> impl Future<Output = ()> + Send + 'static {
        let shared = Arc::clone(&self.shared);
        async move {
            loop {
                let idle = shared.idle.notified();
                if !shared.lock().is_busy() {
                    return;
                }
                idle.await;
            }
        }
    }

    /// Blocks for at most `limit` until the terminal has accepted everything. Returns whether it has.
    #[must_use]
    pub fn drain(&self, limit: Duration) -> bool {
        let queue = self.shared.lock();
        let waited = self.shared.changed.wait_timeout_while(queue, limit, |queue| queue.is_busy());
        let (queue, _) = waited.unwrap_or_else(PoisonError::into_inner);
        !queue.is_busy() && !queue.dead
    }
}

impl Queue {
    fn is_busy(&self) -> bool {
        self.writing || !self.waiting.is_empty()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_to(&self, mut terminal: File) {
        loop {
            let bytes = {
                let mut queue = self.lock();
                while queue.waiting.is_empty() {
                    queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
                }
                queue.writing = true;
                std::mem::take(&mut queue.waiting)
            };
            let written = write_all(&mut terminal, &bytes);
            let mut queue = self.lock();
            queue.writing = false;
            if let Err(error) = written {
                (queue.failed, queue.dead) = (Some(error), true);
                queue.waiting.clear();
            }
            let (dead, idle) = (queue.dead, !queue.is_busy());
            drop(queue);
            self.changed.notify_all();
            if idle {
                self.idle.notify_waiters();
            }
            if dead {
                return;
            }
        }
    }
}

/// Writes all bytes, even if another program has made the terminal non-blocking.
fn write_all(terminal: &mut File, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match terminal.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let mut ready = [PollFd::from_borrowed_fd(terminal.as_fd(), PollFlags::OUT)];
                // The write is retried in any case, even after an interrupted poll.
                let _ready = poll(&mut ready, None);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use rustix::pipe::pipe;

    use super::*;

    #[tokio::test]
    async fn a_reader_that_accepts_no_bytes_does_not_block_the_caller() {
        let (reader, writer) = pipe().unwrap();
        let output = Output::start(File::from(writer)).unwrap();
        // More than a pipe can buffer.
        let bytes = vec![b'x'; 1024 * 1024];
        output.send(&bytes).unwrap();
        assert!(output.is_busy() && !output.drain(Duration::from_millis(20)));
        output.send(b"end").unwrap();
        let read = tokio::task::spawn_blocking(move || {
            let mut read = vec![0; bytes.len() + 3];
            File::from(reader).read_exact(&mut read).unwrap();
            read
        });
        assert!(read.await.unwrap().ends_with(b"xend"));
        output.idle().await;
        assert!(output.drain(Duration::from_secs(10)));
    }

    #[tokio::test]
    async fn a_closed_terminal_is_reported_once_and_then_ignored() {
        let (reader, writer) = pipe().unwrap();
        drop(reader);
        let output = Output::start(File::from(writer)).unwrap();
        output.send(b"lost").unwrap();
        output.idle().await;
        assert_eq!(output.send(b"lost").unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        output.send(b"lost").unwrap();
        assert!(!output.is_busy() && !output.drain(Duration::ZERO));
    }
}
