//! Recordings: every message that a core received, with its time, so that a replay shows the same screens without a
//! server, a worker or a database. The module uses neither a clock nor a terminal.
//!
//! | file | role |
//! | --- | --- |
//! | `format` | the lines of a recording: writing and reading |
//! | `recorder` | writes the messages that a core receives |
//! | `player` | plays a recording back: stops, steps, seeks |
//! | `paced` | shows a live core no faster than an audience can follow |
//! | `library` | the built-in recordings from `assets/recordings` |
//!
//! A recording is a file of JSON Lines in the form of [`crate::store::line`]. The first line names format and version.
//! Every other line has its number `n` from 1, the time `at` in milliseconds since the beginning, and one of three
//! fields: `begin` with the options of a new core, `message` for the newest core, or `end` of the newest core, after
//! which the previous one continues. Ticks are not recorded: like the event loop, the player sends one before each
//! message.

mod format;
mod library;
mod paced;
mod player;
mod recorder;

pub use format::{Entry, EntryKind, MAX_RECORDING_BYTES, Recording, RecordingError};
pub use library::{BUILT_IN, built_in};
pub use paced::Paced;
pub use player::Player;
pub use recorder::{Recorded, Recorder};
