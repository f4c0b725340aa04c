//! Where log lines go. They never go to a screen that shows the dashboard.

use std::{
    fmt,
    fs::{self, File, OpenOptions},
    io,
    path::{Path, PathBuf},
    sync::Mutex,
};

use tokio::sync::mpsc;
use tracing::{Level, Metadata};
use tracing_subscriber::{
    Layer, Registry,
    filter::{LevelFilter, Targets},
    fmt::MakeWriter,
    prelude::*,
};

use super::print;
use crate::{
    app::{self, Message},
    clock::now,
    config::{Settings, private},
    temporal,
};

/// Path of the log file; `None` if the file cannot be written.
#[derive(Debug, Clone)]
pub struct LogFile(Option<PathBuf>);

impl LogFile {
    #[must_use]
    /// Path of the log file; `None` if no log is written.
    pub fn path(&self) -> Option<&Path> {
        self.0.as_deref()
    }
}

impl fmt::Display for LogFile {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path() {
            Some(path) => path.display().fmt(out),
            None => out.write_str("not written"),
        }
    }
}

/// Logs to a file in the state folder and returns its path. If the file cannot be written, the command runs without a
/// log.
pub fn to_file(settings: &Settings) -> LogFile {
    let (opened, unwritable) = open(settings);
    announce(settings);
    if let Some(reason) = unwritable {
        print::problem(&reason);
    }
    let (path, file) = opened.unzip();
    if let Some(file) = file {
        install(settings, lines(settings, Mutex::new(file)));
    }
    LogFile(path)
}

/// Logs as [`to_file`] does, and also sends the dashboard's lines to its core.
pub fn to_file_and_core(settings: &Settings, core: &mpsc::Sender<Message>) -> LogFile {
    let (opened, unwritable) = open(settings);
    let (path, file) = opened.unzip();
    let mut layers = vec![to_core(core.clone()).boxed()];
    layers.extend(file.map(|file| lines(settings, Mutex::new(file)).boxed()));
    install(settings, layers);
    if let Some(reason) = unwritable {
        tracing::warn!("{reason}");
    }
    LogFile(path)
}

/// Prints the notices of the settings on standard error.
pub fn announce(settings: &Settings) {
    for notice in &settings.notices {
        print::problem(notice);
    }
}

/// Opens the log. Returns its path and file, or why it cannot be written.
fn open(settings: &Settings) -> (Option<(PathBuf, File)>, Option<String>) {
    let folder = &settings.state_dir;
    let path = folder.join("idempotence.log");
    let opened = settings
        .private_folder_around(folder)
        .map_or(Ok(()), private)
        .and_then(|()| fs::create_dir_all(folder))
        .and_then(|()| OpenOptions::new().create(true).append(true).open(&path));
    match opened {
        Ok(file) => (Some((path, file)), None),
        Err(error) => (None, Some(format!("no log is written: cannot open {}: {error}", path.display()))),
    }
}

/// Logs to standard error, for commands whose output is a log.
pub fn to_stderr(settings: &Settings) {
    install(settings, lines(settings, io::stderr));
}

/// Logs as [`to_stderr`] does, and also logs the causes of the workflow tasks that the SDK fails.
pub fn of_worker(settings: &Settings) {
    let (layer, found) = temporal::failed_tasks();
    install(settings, vec![lines(settings, io::stderr).boxed(), layer.boxed()]);
    tokio::spawn(temporal::log_failed_tasks(found));
}

/// Installs the layers as a list, because with `and_then` two filtered layers would hide each other's lines.
fn install(settings: &Settings, layer: impl Layer<Registry> + Send + Sync) {
    // Only tests install a second subscriber. The first one stays installed.
    let _already_set = tracing_subscriber::registry().with(layer).try_init();
    for notice in &settings.notices {
        tracing::warn!("{notice}");
    }
}

fn lines(
    settings: &Settings,
    writer: impl for<'a> MakeWriter<'a> + Send + Sync + 'static,
) -> impl Layer<Registry> + Send + Sync {
    tracing_subscriber::fmt::layer().with_ansi(false).with_writer(writer).with_filter(filter(settings.log_level))
}

/// Returns the layer for this program's lines at `info` and above.
fn to_core(core: mpsc::Sender<Message>) -> impl Layer<Registry> + Send + Sync {
    let ours = Targets::new().with_target(env!("CARGO_CRATE_NAME"), LevelFilter::INFO);
    let layer = tracing_subscriber::fmt::layer().with_ansi(false).without_time().with_level(false).with_target(false);
    layer.with_writer(Core(core)).with_filter(ours)
}

/// Sends log lines to the dashboard.
struct Core(mpsc::Sender<Message>);

/// A line that is being written.
struct Line<'a> {
    core: &'a mpsc::Sender<Message>,
    level: app::LogLevel,
}

impl<'a> MakeWriter<'a> for Core {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Self::Writer {
        Line { core: &self.0, level: app::LogLevel::Info }
    }

    fn make_writer_for(&'a self, meta: &Metadata<'_>) -> Self::Writer {
        let level = match *meta.level() {
            Level::ERROR => app::LogLevel::Error,
            Level::WARN => app::LogLevel::Warn,
            Level::INFO => app::LogLevel::Info,
            Level::DEBUG | Level::TRACE => app::LogLevel::Detail,
        };
        Line { core: &self.0, level }
    }
}

impl io::Write for Line<'_> {
    /// Sends a whole line without waiting. If half of the queue is full, the line is dropped, so that messages about
    /// orders have room. This function must not log.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.core.capacity() > self.core.max_capacity() / 2 {
            let text = String::from_utf8_lossy(line).trim_end().to_owned();
            let _full_or_gone = self.core.try_send(Message::Logged { at: now(), level: self.level, text });
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Returns the filter for the configured level. The SDK warns about each lost poll, so it logs only errors unless the
/// level is `debug` or `trace`.
fn filter(level: Level) -> Targets {
    let ours = LevelFilter::from_level(level);
    let (others, retries) = if level >= Level::DEBUG { (ours, ours) } else { (LevelFilter::ERROR, LevelFilter::OFF) };
    Targets::new()
        .with_default(others)
        .with_target(temporal::RETRY_LOG_TARGET, retries)
        .with_target(env!("CARGO_CRATE_NAME"), ours)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_server_does_not_fill_the_log() {
        for (level, logged) in [(Level::INFO, false), (Level::WARN, false), (Level::DEBUG, true)] {
            let filter = filter(level);
            assert_eq!(filter.would_enable(temporal::RETRY_LOG_TARGET, &Level::ERROR), logged, "{level:?}");
            assert!(filter.would_enable("temporalio_sdk", &Level::ERROR));
            assert!(filter.would_enable("idempotence::commands::worker", &Level::WARN));
        }
    }

    #[test]
    fn the_core_receives_our_lines_from_info_on_without_delaying_them() {
        let (sender, mut core) = mpsc::channel(8);
        let subscriber = tracing_subscriber::registry().with(to_core(sender));
        tracing::subscriber::with_default(subscriber, || {
            tracing::warn!(pid = 7, "the worker is gone");
            tracing::debug!("a detail");
            tracing::error!(target: "temporalio_sdk", "another crate's");
            let Ok(Message::Logged { level, text, .. }) = core.try_recv() else { panic!("nothing came") };
            assert_eq!((level, text.as_str()), (app::LogLevel::Warn, "the worker is gone pid=7"));
            assert!(core.try_recv().is_err(), "nothing else");
            for number in 0..100 {
                tracing::info!(number, "a storm");
            }
        });
        assert_eq!(core.len(), 4, "half of the queue is left for other messages");
    }
}
