//! How far a journal has been read.

/// How much of the journal has been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    pub read: u64,
    pub of: u64,
}

impl Progress {
    #[must_use]
    pub const fn is_complete(self) -> bool {
        self.read >= self.of
    }
}
