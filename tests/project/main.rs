//! Checks on the project itself: the layers of the code, the file formats, the language, and documents that must match
//! the program.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod architecture;
mod documents;
mod formats;
mod graph;
mod output;
mod settings;
mod words;
