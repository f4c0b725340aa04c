//! Where log lines go: never to a screen that somebody looks at.

use std::{
    fs::{self, OpenOptions},
    path::PathBuf,
    sync::Mutex,
};

use tracing_subscriber::{
    filter::{LevelFilter, Targets},
    fmt::MakeWriter,
    prelude::*,
};

use super::Failure;
use crate::config::{LogLevel, Settings};

/// Logs to a file in the state folder, and says which.
///
/// # Errors
/// [`Failure::Io`].
pub fn to_file(settings: &Settings) -> Result<PathBuf, Failure> {
    fs::create_dir_all(&settings.state_dir).map_err(Failure::io("make the state folder"))?;
    let path = settings.state_dir.join("idempotence.log");
    let file = OpenOptions::new().create(true).append(true).open(&path).map_err(Failure::io("open the log"))?;
    install(settings, Mutex::new(file));
    Ok(path)
}

/// Logs to standard error: for commands whose output is a log anyway.
pub fn to_stderr(settings: &Settings) {
    install(settings, std::io::stderr);
}

fn install(settings: &Settings, writer: impl for<'a> MakeWriter<'a> + Send + Sync + 'static) {
    let lines = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(writer);
    let subscriber = tracing_subscriber::registry().with(lines.with_filter(filter(settings.log_level)));
    // A second subscriber in one process is a test's; the first stays.
    let _already_set = subscriber.try_init();
    for notice in &settings.notices {
        tracing::warn!("{notice}");
    }
}

/// Ours at the level that was asked for; the SDK, which warns of every lost poll, only from errors on unless the level
/// is for looking into things.
fn filter(level: LogLevel) -> Targets {
    let ours = match level {
        LogLevel::Trace => LevelFilter::TRACE,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Error => LevelFilter::ERROR,
    };
    let others = if level <= LogLevel::Debug { ours } else { LevelFilter::ERROR };
    Targets::new().with_default(others).with_target(env!("CARGO_CRATE_NAME"), ours)
}
