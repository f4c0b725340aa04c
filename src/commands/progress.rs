//! Reports on standard error what a command is doing, if it takes longer than a second.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::Duration,
};

use tokio::time::{Instant, sleep};

use super::print;
use crate::store;

/// Time before the first line. Each following pause is twice as long, up to the maximum.
const FIRST_LINE: Duration = Duration::from_secs(1);
const MAX_PAUSE: Duration = Duration::from_secs(30);

/// Number of bytes to read at a time.
const CHUNK_BYTES: u64 = 1 << 16;

/// Maximum size of a scenario or walkthrough, in bytes.
const MAX_TEXT_BYTES: u64 = 1 << 20;

fn longer(pause: Duration) -> Duration {
    pause.saturating_mul(2).min(MAX_PAUSE)
}

fn line(what: &str, since: Instant) -> String {
    format!("{what}, {} s so far", since.elapsed().as_secs())
}

/// Waits for `work` and reports `what` if it takes long.
pub fn awaited<T>(what: String, work: impl Future<Output = T>) -> impl Future<Output = T> {
    let mut work = Box::pin(work);
    async move {
        let (since, mut pause) = (Instant::now(), FIRST_LINE);
        loop {
            tokio::select! {
                done = &mut work => return done,
                () = sleep(pause) => print::problem(&line(&what, since)),
            }
            pause = longer(pause);
        }
    }
}

/// Progress as part of a whole; the whole is 0 while it is unknown.
#[derive(Debug, Clone, Default)]
pub struct Counter(Arc<[AtomicU64; 2]>);

impl Counter {
    /// Sets the progress.
    pub fn set(&self, part: u64, whole: u64) {
        self.0[0].store(part, Ordering::Relaxed);
        self.0[1].store(whole, Ordering::Relaxed);
    }

    fn get(&self) -> (u64, u64) {
        (self.0[0].load(Ordering::Relaxed), self.0[1].load(Ordering::Relaxed))
    }

    fn text(&self) -> String {
        match self.get() {
            (0, _) => String::new(),
            (part, 0) => format!(": {} kB", part / 1_000),
            (part, whole) => format!(": {} %", part.saturating_mul(100) / whole),
        }
    }
}

/// Runs blocking `work` and reports `what` and its progress if it takes long.
pub fn counted<T>(what: &str, work: impl FnOnce(&Counter) -> T) -> T {
    let counter = Counter::default();
    let (done, wait) = mpsc::channel::<()>();
    let (what, shown) = (what.to_owned(), counter.clone());
    let report = move || {
        let (since, mut pause) = (Instant::now(), FIRST_LINE);
        while wait.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
            print::problem(&line(&format!("{what}{}", shown.text()), since));
            pause = longer(pause);
        }
    };
    let reporter = thread::Builder::new().name("progress".to_owned()).spawn(report);
    let result = work(&counter);
    drop(done);
    // Wait for the thread, so that it prints no line after the result.
    match reporter.map(thread::JoinHandle::join) {
        Ok(_ended) => {}
        Err(error) => tracing::debug!(%error, "the progress was not reported"),
    }
    result
}

/// Runs `work` that reads the journal of the document at `database`.
pub fn reading_journal<T>(database: &store::Location, work: impl FnOnce(&dyn Fn(store::Progress)) -> T) -> T {
    let what = format!("reading the journal of {database}");
    counted(&what, |counter| work(&|progress: store::Progress| counter.set(progress.read, progress.of)))
}

/// Reads `file`, or standard input if it is `None`, up to `max` + 1 bytes.
///
/// # Errors
/// Returns the operating system's error if the file cannot be opened or read.
pub fn read_limited(name: &str, file: Option<&Path>, max: u64) -> io::Result<Vec<u8>> {
    counted(&format!("reading {name}"), |counter| match file {
        None => read_counted(io::stdin().lock(), max, counter),
        // Opening a named pipe blocks too.
        Some(file) => read_counted(File::open(file)?, max, counter),
    })
}

/// Reads a text file of at most [`MAX_TEXT_BYTES`].
///
/// # Errors
/// Returns the operating system's error, `FileTooLarge`, or `InvalidData` if the file is not UTF-8.
pub fn read_text(file: &Path) -> io::Result<String> {
    let bytes = read_limited(&file.display().to_string(), Some(file), MAX_TEXT_BYTES)?;
    if bytes.len() as u64 > MAX_TEXT_BYTES {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it has more than 1 MiB"));
    }
    String::from_utf8(bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.utf8_error()))
}

fn read_counted(input: impl Read, max: u64, counter: &Counter) -> io::Result<Vec<u8>> {
    let mut input = input.take(max.saturating_add(1));
    let mut bytes = Vec::new();
    while input.by_ref().take(CHUNK_BYTES).read_to_end(&mut bytes)? > 0 {
        counter.set(bytes.len() as u64, 0);
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endless_file_is_truncated() {
        let counter = Counter::default();
        let bytes = read_counted(io::repeat(b'x'), 100_000, &counter).unwrap();
        assert_eq!((bytes.len(), counter.get()), (100_001, (100_001, 0)));
        assert_eq!(read_counted(&b"short"[..], 100_000, &counter).unwrap(), b"short");
    }

    #[test]
    fn a_text_is_read_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("talk.md");
        let read = |bytes: &[u8]| {
            std::fs::write(&file, bytes).unwrap();
            read_text(&file).map_err(|error| error.kind())
        };
        assert_eq!(read(b"# A talk").as_deref(), Ok("# A talk"));
        assert_eq!(read(b"\xff"), Err(io::ErrorKind::InvalidData));
        assert_eq!(read(&vec![b'x'; 1 << 20]).map(|text| text.len()), Ok(1 << 20));
        assert_eq!(read(&vec![b'x'; (1 << 20) + 1]), Err(io::ErrorKind::FileTooLarge));
    }

    #[test]
    fn a_counter_shows_a_percentage_if_the_whole_is_known() {
        let counter = Counter::default();
        assert_eq!(counter.text(), "");
        counter.set(2_500, 0);
        assert_eq!(counter.text(), ": 2 kB");
        counter.set(30, 120);
        assert_eq!(counter.text(), ": 25 %");
    }
}
