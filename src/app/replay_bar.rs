//! Where a replayed recording stands: shown in place of the keys.

/// What a replay does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplayState {
    Playing,
    Paused,
    /// It waits for the key that the speaker pressed here.
    Waiting,
    /// It asks whether to leave.
    Asking,
    /// The screen is black, until any key.
    Blank,
    /// Nothing more is to come.
    Over,
    /// Nothing more is to come, because the program that was recorded was killed.
    CutOff,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplayBar {
    pub state: ReplayState,
    /// How many times as fast as it was, in quarters.
    pub speed: u64,
    /// In milliseconds since the beginning.
    pub at: u64,
    pub length: u64,
    /// Entries that were told, and how many there are.
    pub told: usize,
    pub entries: usize,
}
