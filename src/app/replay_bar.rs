//! Where a replayed recording stands: shown in place of the keys.

use super::App;

/// What a replay does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
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
    pub standing: Standing,
    /// How many times as fast as it was, in quarters.
    pub speed: u64,
    /// In milliseconds since the beginning.
    pub at: u64,
    pub length: u64,
    /// Entries that were told, and how many there are.
    pub told: usize,
    pub entries: usize,
}

impl App {
    /// Where the recording stands that this is replayed from; `None` where it happens.
    #[must_use]
    pub const fn replay(&self) -> Option<&ReplayBar> {
        self.replay.as_ref()
    }

    /// What is said in the replay itself, as of a key that does nothing.
    #[must_use]
    pub fn replay_note(&self) -> Option<&str> {
        self.replay_note.as_deref()
    }

    pub fn show_replay_note(&mut self, text: &str) {
        self.replay_note = Some(text.to_owned());
        self.dirty = true;
    }

    pub fn clear_replay_note(&mut self) {
        self.dirty |= self.replay_note.take().is_some();
    }

    pub fn show_replay(&mut self, bar: ReplayBar) {
        // Time alone moves it in seconds.
        let shown = |bar: &ReplayBar| ReplayBar { at: bar.at / 1_000, ..*bar };
        self.dirty |= self.replay.as_ref().map(shown) != Some(shown(&bar));
        self.replay = Some(bar);
    }
}
