//! Short words for the stage and the result of an order, used by both the table and the filter.

use crate::app::{OrderVerdict, Stage};

/// The state of an order.
#[must_use]
pub const fn stage_word(stage: Stage<'_>) -> &'static str {
    match stage {
        Stage::Starting => "starting",
        Stage::NotStarted(_) => "not started",
        Stage::Queued => "queued",
        Stage::Running { .. } | Stage::Elsewhere { .. } | Stage::Between => "running",
        Stage::Unanswered { .. } => "no answer",
        Stage::BackingOff { .. } => "retrying",
        Stage::TaskFails(_) => "stuck",
        Stage::Completed => "completed",
        Stage::Refused => "rejected",
        Stage::Failed(_) => "failed",
        Stage::Cancelled => "cancelled",
        Stage::Terminated => "terminated",
        Stage::TimedOut => "timed out",
        Stage::Paused { .. } => "paused",
        Stage::Unknown => "unknown",
    }
}

/// The result of an order; empty while it is open.
#[must_use]
pub fn verdict_word(verdict: OrderVerdict) -> String {
    match verdict {
        OrderVerdict::Pending => "",
        OrderVerdict::Unconfirmed => "written, not confirmed",
        OrderVerdict::AppliedOnce => "✓ applied once",
        OrderVerdict::Replayed => "↺ replayed",
        OrderVerdict::Skipped => "= skipped",
        OrderVerdict::Rejected => "◆ rejected",
        OrderVerdict::Conflict => "◆ conflict",
        OrderVerdict::Applied(2) => "APPLIED TWICE",
        OrderVerdict::Applied(times) => return format!("APPLIED {times} TIMES"),
        OrderVerdict::Shipped(2) => "SHIPPED TWICE",
        OrderVerdict::Shipped(times) => return format!("SHIPPED {times} TIMES"),
        OrderVerdict::OnOrder => "→ on order",
        OrderVerdict::NotSupplied => "◆ not supplied",
        OrderVerdict::Completed => "✓ completed",
        OrderVerdict::NoEffect => "no effect",
        OrderVerdict::Unknown => "effect unknown",
    }
    .to_owned()
}
