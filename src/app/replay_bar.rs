//! The state of a replay, shown in place of the keys.

use std::time::Duration;

/// What a replay does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplayState {
    /// It plays.
    Playing,
    /// It is paused.
    Paused,
    /// It waits for the key that the speaker pressed here.
    Waiting,
    /// It asks whether to leave.
    Confirming,
    /// The screen is black until any key.
    Blank,
    /// It has ended.
    Over,
    /// It has ended, because the recorded program was killed.
    CutOff,
}

/// The state of a replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplayBar {
    /// What it does.
    pub state: ReplayState,
    /// Speed in quarters of the recorded speed.
    pub speed: u64,
    /// Time since the beginning.
    pub at: Duration,
    /// Its length.
    pub length: Duration,
    /// Number of entries that were replayed.
    pub replayed: usize,
    /// Number of entries.
    pub entries: usize,
}
