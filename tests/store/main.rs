//! Tests of the store: concurrency, repetition, crashes, loss of power, other programs.
//!
//! The original demo, which this program reimplements, has the defects D1 to D16. Each has a test with its number, here
//! or in `tests/end_to_end`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "the end-to-end tests use the rest")]
#[path = "../end_to_end/authority.rs"]
mod authority;
mod bench;
mod both;
mod checkpoints;
mod compacted;
mod compaction;
mod compaction_command;
mod compaction_crashes;
mod compaction_model;
mod compaction_readers;
mod concurrency;
mod crashes;
mod defects;
mod examined;
mod foreign;
mod lost_end;
mod model;
mod mysql_checkpoints;
mod mysql_defects;
mod mysql_faults;
mod mysql_generations;
mod mysql_proxy;
mod mysql_server;
mod mysql_tls;
mod odd;
mod opening;
mod outbox;
mod processes;
mod recovery;
mod resets;
mod simulated;
mod special_files;
mod together;
