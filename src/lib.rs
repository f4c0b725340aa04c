//! A terminal dashboard that shows how Temporal retries activities, and how an idempotency key per effect keeps the
//! stock right while they are.

pub mod domain;
pub mod faults;
pub mod store;
