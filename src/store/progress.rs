//! Progress of reading a journal.

/// Progress of reading a journal, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes read.
    pub read: u64,
    /// Size of the journal.
    pub of: u64,
}

impl Progress {
    /// Whether the whole journal was read.
    #[must_use]
    pub const fn is_complete(self) -> bool {
        self.read >= self.of
    }
}
