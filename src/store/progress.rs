//! Progress of reading a journal.

/// Progress of reading a journal, in bytes of a file or in lines of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// What was read.
    pub read: u64,
    /// All of the journal.
    pub of: u64,
}

impl Progress {
    /// Whether the whole journal was read.
    #[must_use]
    pub const fn is_complete(self) -> bool {
        self.read >= self.of
    }
}
