//! The project's own promises: which module may import what, and documents that cannot part from the program.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod architecture;
mod documents;
mod formats;
mod graph;
mod output;
mod settings;
mod words;
