//! Recordings: everything that the pure core was told, with its times, so that the same screens come again without a
//! server, a worker or a database. Knows neither a clock nor a terminal.
//!
//! | file | role |
//! | --- | --- |
//! | `format` | the lines of a recording, written and read |
//! | `recorder` | writes down what a core is told |
//! | `player` | a core that is told it again: stops, steps, seeks |
//! | `paced` | a live core that is shown no faster than a room can follow |
//! | `library` | the recordings that are compiled in, from `assets/recordings` |
//!
//! A recording is JSON Lines in the form of [`crate::store::line`]. The first line names format and version. Each other
//! one has its number `n` from 1, the time `at` in milliseconds since the beginning, and one of: `begin` with the setup of
//! a core, which lies over the one before until `end`, or `message`. That a tick with the line's time comes before it, as
//! the event loop has it, is not written down.

mod format;
mod library;
mod paced;
mod player;
mod recorder;

pub use format::{Entry, MAX_RECORDING_BYTES, Recording, RecordingError, What};
pub use library::{BUILT_IN, built_in};
pub use paced::Paced;
pub use player::Player;
pub use recorder::{Recorded, Recorder};
