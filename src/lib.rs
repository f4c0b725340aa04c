//! A terminal dashboard that shows how Temporal retries activities, and how an idempotency key per effect keeps the
//! stock right while they are.

pub mod cli;
pub mod commands;
pub mod config;
pub mod domain;
pub mod faults;
pub mod runtime;
pub mod server;
pub mod store;
pub mod temporal;
