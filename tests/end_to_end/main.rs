//! The real program on a real Temporal server. All tests share one server; each test has its own database, task queue
//! and worker processes.
//!
//! `IDEMPOTENCE_OFFLINE=1` skips these tests if no server is available, and the run reports each skipped test.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod appearance;
mod authority;
mod commands;
mod comparison;
mod dashboard;
mod demoscripts;
mod extension;
mod failures;
mod hangups;
mod headless;
mod installation;
mod keyboard;
mod keys;
mod kill_loop;
mod kill_loop_mysql;
mod limited_fs;
mod machines;
mod malformed;
mod metrics;
mod mounts;
mod mysql;
#[path = "../store/mysql_server.rs"]
mod mysql_server;
mod network;
mod no_log;
mod nondeterminism;
mod notices;
mod operations;
mod orders;
mod other_programs;
mod outbox;
mod outputs;
mod presence;
mod proxy;
mod python;
mod python_environment;
mod reasons;
mod sandbox;
mod scenarios;
mod screen;
mod secured;
mod servers;
mod shipped;
mod sql_checks;
mod supplied;
mod supplier;
mod supplier_process;
mod terminal;
mod tls;
mod tls_termination;
mod users;
mod waits;
mod walkthrough;
mod watch_lines;
mod watch_operations;
mod watch_pages;
mod watch_pictures;
mod watch_refusals;
mod watch_screen;
mod watch_situations;
mod watched;
