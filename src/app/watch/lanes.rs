//! The lane of an execution that is selected first, and how many lanes were dropped.

use crate::domain::ItemEnd;

use super::{
    items::{Item, ItemKind},
    lane::Lane,
    watched::Watched,
};

impl Watched {
    /// Number of lanes that were dropped to keep memory bounded.
    #[must_use]
    pub fn dropped_lanes(&self) -> u64 {
        self.items.dropped().saturating_add(self.execution.dropped_activities())
    }
}

/// The position of an activity that is retried, else of the last lane that has failed, else of the last one that is open,
/// and so on.
pub fn default_lane(opened: &Watched, lanes: &[Lane<'_>]) -> usize {
    let is_retried = |lane: &Lane<'_>| opened.pending(*lane).is_some_and(|(pending, _)| pending.failure.is_some());
    if let Some(retried) = lanes.iter().position(is_retried) {
        return retried;
    }
    let has_failed = |end: &ItemEnd| matches!(end, ItemEnd::Failed(_) | ItemEnd::TimedOut(_) | ItemEnd::Cancelled);
    let rank = |lane: &Lane<'_>| match lane {
        Lane::Activity(activity) => match activity.activity_record().and_then(|record| record.end.as_ref()) {
            Some((_, end)) if has_failed(end) => 3,
            None if !opened.is_over() => 2,
            _ => 1,
        },
        Lane::Signals(_) => 0,
        Lane::Item(Item { kind, end, .. }) => match (kind, end) {
            (ItemKind::Timer { .. } | ItemKind::Signal { .. } | ItemKind::CancelRequest { .. }, _) => 0,
            (_, Some((_, end))) if has_failed(end) => 3,
            (_, None) => 2,
            _ => 1,
        },
    };
    // Of equal lanes, the last.
    lanes.iter().enumerate().max_by_key(|(_, lane)| rank(lane)).map_or(0, |(position, _)| position)
}
