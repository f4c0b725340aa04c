//! The real program on a real Temporal server: one server for all tests, and for each test a database, a task queue
//! and worker processes of its own.
//!
//! `IDEMPOTENCE_OFFLINE=1` leaves these tests out where no server can be had, and the run says so.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod authority;
mod commands;
mod comparison;
mod dashboard;
mod demoscripts;
mod extension;
mod failures;
mod fronts;
mod hangups;
mod headless;
mod installation;
mod keyboard;
mod keys;
mod kill_loop;
mod lacking;
mod look;
mod malformed;
mod metrics;
mod mounts;
mod no_log;
mod nondeterminism;
mod notices;
mod operations;
mod orders;
mod outputs;
mod presence;
mod proxy;
mod python;
mod reasons;
mod sandbox;
mod scenarios;
mod screen;
mod secured;
mod servers;
mod shipped;
mod terminal;
mod tls;
mod users;
mod waits;
mod walkthrough;
