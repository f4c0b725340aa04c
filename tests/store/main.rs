//! The store against what breaks stores: concurrency, repetition, crashes, loss of power, other programs.
//!
//! The defects D1 to D16 are those of the demo that this program reimplements; each has a test by its number, here or
//! in `tests/end_to_end`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bench;
mod concurrency;
mod crashes;
mod defects;
mod examined;
mod foreign;
mod lost_end;
mod model;
mod odd;
mod opening;
mod processes;
mod recovery;
mod resets;
mod simulated;
mod special_files;
