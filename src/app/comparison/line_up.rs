//! The attempts of the three sides, side by side.

use std::collections::BTreeMap;

use crate::{
    app::{
        orders::{activity_attempts::AttemptView, execution::Execution, progress::Stage},
        subject::SIDES,
    },
    domain::{Activity, RetryWaits, ShipmentId, UnixMillis},
};

use super::ComparisonState;

/// One attempt, with a cell per side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineUpRow<'a> {
    /// The order.
    pub order: &'a str,
    /// The activity.
    pub activity: Activity,
    /// The number of the attempt.
    pub attempt: u32,
    /// In the order of the sides; `None` if a side has no such attempt.
    pub cells: [Option<LineUpCell<'a>>; SIDES],
}

/// An attempt on one side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineUpCell<'a> {
    /// The attempt.
    Attempt {
        /// Its state and facts.
        seen: AttemptView<'a>,
        /// The number of the shipment that it caused, if the order had one before.
        shipped_again: Option<u32>,
    },
    /// Not begun; due at this time.
    Due(UnixMillis),
}

type Key<'a> = (&'a str, Activity, u32);

impl ComparisonState {
    /// The attempts in the order in which they first happened on any side.
    #[must_use]
    pub fn line_up(&self) -> Vec<LineUpRow<'_>> {
        let waits = self.terms.waits();
        let mut rows: BTreeMap<Key<'_>, (UnixMillis, LineUpRow<'_>)> = BTreeMap::new();
        for (place, side) in self.sides.iter().enumerate() {
            for (key, at, cell) in side.executions().flat_map(|execution| cells(execution, &waits)) {
                let (order, activity, attempt) = key;
                let empty = LineUpRow { order, activity, attempt, cells: [None; SIDES] };
                let (first, row) = rows.entry(key).or_insert((at, empty));
                *first = at.min(*first);
                if let Some(place) = row.cells.get_mut(place) {
                    *place = Some(cell);
                }
            }
        }
        let mut rows: Vec<_> = rows.into_values().collect();
        rows.sort_by_key(|(at, _)| *at);
        rows.into_iter().map(|(_, row)| row).collect()
    }
}

/// The attempts of an order and the next one, with their times. Unobserved attempts are left out.
fn cells<'a>(
    execution: &'a Execution,
    waits: &RetryWaits,
) -> impl Iterator<Item = (Key<'a>, UnixMillis, LineUpCell<'a>)> {
    let order = execution.order.as_str();
    let shipped_again = move |seen: &AttemptView<'a>| {
        let shipment = &seen.facts?.shipped.as_ref()?.shipment;
        let position =
            shipments(execution).iter().position(|(first, attempt)| *first == shipment && *attempt == seen.number)?;
        u32::try_from(position).ok().map(|position| position.saturating_add(1)).filter(|number| *number > 1)
    };
    let of_activity = move |activity| {
        execution.attempts(activity).filter_map(move |seen| {
            let facts = seen.facts?;
            let at = facts.started.or(facts.committed.map(|committed| committed.at)).or_else(|| facts.ended())?;
            Some((
                (order, activity, seen.number),
                at,
                LineUpCell::Attempt { shipped_again: shipped_again(&seen), seen },
            ))
        })
    };
    let next = match execution.stage(waits) {
        Stage::BackingOff { activity, next, due } => Some((activity, next, due)),
        Stage::Unanswered { activity, attempt, due } => Some((activity, attempt.saturating_add(1), due)),
        _ => None,
    };
    let next = next.and_then(|(activity, number, due)| {
        Some(((order, activity.activity.ours()?, number), due, LineUpCell::Due(due)))
    });
    Activity::ALL.into_iter().flat_map(of_activity).chain(next)
}

/// The shipments of an order as they were made, each with the attempt that caused it.
fn shipments(execution: &Execution) -> Vec<(&ShipmentId, u32)> {
    let mut all: Vec<_> = execution
        .attempts(Activity::SupplierOrder)
        .filter_map(|seen| seen.facts?.shipped.as_ref().map(|shipped| (shipped.at, &shipped.shipment, seen.number)))
        .collect();
    all.sort_by_key(|(at, ..)| *at);
    let mut first: Vec<(&ShipmentId, u32)> = Vec::new();
    for (_, shipment, attempt) in all {
        if first.iter().all(|(known, _)| *known != shipment) {
            first.push((shipment, attempt));
        }
    }
    first
}
