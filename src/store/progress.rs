//! Progress of reading a journal.

/// Bytes of a journal that were read, of all that it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes read.
    pub read: u64,
    /// All bytes.
    pub of: u64,
}

impl Progress {
    /// Whether everything was read.
    #[must_use]
    pub const fn is_complete(self) -> bool {
        self.read >= self.of
    }
}
