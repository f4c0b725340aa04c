//! What the history and the descriptions of an execution say about an activity as a whole. The dashboard knows its own two
//! activities without them.

use crate::domain::{ActivityOptions, FailureReport, ItemEnd, PayloadContent, UnixMillis};

/// The record of one activity.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ActivityRecord {
    /// When it was scheduled, by the history. The server's reports have the time of the latest attempt only.
    pub scheduled: Option<UnixMillis>,
    /// The history event that scheduled it.
    pub scheduling_event: Option<u64>,
    /// Its options: the current ones while it is pending, else those with which it was scheduled.
    pub options: Option<ActivityOptions>,
    /// When its schedule-to-close timeout expires, while it is pending.
    pub expires: Option<UnixMillis>,
    /// Its latest heartbeat, while it is pending.
    pub heartbeat: Option<UnixMillis>,
    /// Its arguments.
    pub input: Vec<PayloadContent>,
    /// When the workflow requested its cancellation.
    pub cancel_requested: Option<UnixMillis>,
    /// Its last attempt, which the history has only once the activity has ended.
    pub last: Option<LastAttempt>,
    /// When and how it ended.
    pub end: Option<(UnixMillis, ItemEnd)>,
}

/// The last attempt of an activity that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastAttempt {
    /// Its number, from 1.
    pub number: u32,
    /// Its start.
    pub started: UnixMillis,
    /// The identity of its worker.
    pub worker: String,
    /// Why the attempt before it failed.
    pub failure_before: Option<FailureReport>,
}

impl ActivityRecord {
    /// Whether it has ended with a result.
    #[must_use]
    pub const fn has_succeeded(&self) -> bool {
        matches!(self.end, Some((_, ItemEnd::Completed { .. })))
    }
}
