//! Fixtures for tests: journals written line by line, and a server, worker and database without a process.

pub(crate) mod fixture;
pub(crate) mod headless;
mod outbox;
pub(crate) mod supplier;
pub(crate) mod watch;
