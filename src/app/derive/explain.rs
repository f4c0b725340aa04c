//! Explains in one sentence what happened to an order.

use crate::{
    app::orders::{
        activity_attempts::ActivityState,
        attempt::AttemptState,
        description::FailingTask,
        execution::{Execution, OrderVerdict},
        progress::Stage,
    },
    domain::{Activity, Guard, PendingActivity, RunEnd, ShipmentId},
    store::CommitOutcome,
};

use super::{
    explanation::{Explanation, Kind},
    failure_certainty::explain_failure,
};

fn say(kind: Kind, head: &'static str, text: impl Into<String>) -> Explanation {
    Explanation { kind, head, text: text.into() }
}

/// `stage` is the order's current stage.
#[must_use]
pub fn explain(execution: &Execution, stage: Stage<'_>) -> Explanation {
    match execution.verdict() {
        OrderVerdict::Applied(times) => return applied_again(execution, times),
        OrderVerdict::Shipped(times) => return shipped_again(execution, times),
        OrderVerdict::Rejected => return say(Kind::Refused, "REJECTED", refusal(execution)),
        OrderVerdict::Conflict => return say(Kind::Refused, "CONFLICT", refusal(execution)),
        _ => {}
    }
    let at_end = |what: &str| format!("{what} {}", effect_at_end(execution));
    match stage {
        Stage::NotStarted(cause) => say(Kind::Refused, "NOT STARTED", cause),
        Stage::Starting => say(Kind::Plain, "STARTING", "The server has not answered the start yet."),
        Stage::Queued => say(Kind::Plain, "QUEUED", "Temporal keeps the order until a worker takes it."),
        Stage::Completed => outbox(execution).unwrap_or_else(|| completed(execution)),
        Stage::Failed(message) => say(Kind::Refused, "FAILED", at_end(&sentence(message))),
        Stage::Cancelled => say(Kind::Plain, "CANCELLED", at_end("Nothing more will happen.")),
        Stage::Terminated => say(Kind::Plain, "TERMINATED", at_end("Nothing more will happen.")),
        Stage::TimedOut => say(Kind::Plain, "TIMED OUT", at_end("Nothing more will happen.")),
        Stage::Unknown => {
            say(Kind::Plain, "UNKNOWN", at_end("This server does not know the run: it ran elsewhere, or long ago."))
        }
        Stage::Refused => say(Kind::Refused, "REJECTED", refusal(execution)),
        Stage::TaskFails(failing) => say(Kind::Refused, "WORKFLOW TASK FAILS", failing_task(failing)),
        Stage::Elsewhere { first: Some(first), count } => say(Kind::Plain, "IN PROGRESS", elsewhere(first, count)),
        Stage::Paused { .. } => {
            say(Kind::Plain, "PAUSED", "The activity is paused in Temporal and continues when unpaused.")
        }
        Stage::Running { .. }
        | Stage::Elsewhere { first: None, .. }
        | Stage::Unanswered { .. }
        | Stage::BackingOff { .. }
        | Stage::Between => underway(execution),
    }
}

/// Explains activities of another program's workflow.
fn elsewhere(first: &PendingActivity, count: usize) -> String {
    let more = match count {
        0 | 1 => String::new(),
        2 => " and 1 more are".to_owned(),
        count => format!(" and {} more are", count - 1),
    };
    let verb = if more.is_empty() { " is" } else { more.as_str() };
    let failure = first
        .failure
        .as_ref()
        .map_or_else(String::new, |failure| format!(" The latest failure says: {}", sentence(&failure.message)));
    format!(
        "{}{verb} pending, attempt {}. Activities of other programs have unknown effects here.{failure}",
        first.activity, first.attempt
    )
}

fn failing_task(failing: &FailingTask) -> String {
    let FailingTask { attempt, explanation } = failing;
    format!("{}; Temporal is at attempt {attempt} of this workflow task.", explanation.trim_end_matches('.'))
}

fn sentence(text: &str) -> String {
    if text.ends_with('.') { text.to_owned() } else { format!("{text}.") }
}

fn refusal(execution: &Execution) -> String {
    let reported = match &execution.end {
        Some(RunEnd::Rejected { message, .. } | RunEnd::Conflict { message }) => message.clone(),
        _ => String::new(),
    };
    let message = execution.rejection.as_ref().map_or(reported, |reason| reason.message.clone());
    format!("{} Retrying cannot help, so Temporal does not retry.", sentence(&message))
}

fn applied_again(execution: &Execution, times: u32) -> Explanation {
    let (head, often) = match times {
        2 => ("APPLIED TWICE", "twice".to_owned()),
        times => ("APPLIED AGAIN", format!("{times} times")),
    };
    let why = match execution.details().map(|details| details.guard) {
        Some(Guard::Off) => "No guard recorded the first attempt",
        Some(Guard::LastOrder) => "The guard last-order remembers only the last order",
        Some(Guard::Ledger) | None => "Its key was not in the ledger",
    };
    say(Kind::Wrong, head, format!("{why}, so the stock was changed {often}."))
}

fn shipped_again(execution: &Execution, times: u32) -> Explanation {
    let head = if times == 2 { "SHIPPED TWICE" } else { "SHIPPED AGAIN" };
    let shipments: Vec<_> = execution.shipments().into_iter().map(ShipmentId::as_str).collect();
    let shipments = crate::domain::sanitize(&shipments.join(", "), 60);
    say(Kind::Wrong, head, format!("The supplier took retries for new orders ({shipments}). Our stock changed once."))
}

/// Describes the effect on the stock of an order that did not complete.
fn effect_at_end(execution: &Execution) -> &'static str {
    match execution.verdict() {
        OrderVerdict::AppliedOnce | OrderVerdict::Unconfirmed => "Its change is in the stock, once.",
        OrderVerdict::Replayed | OrderVerdict::Skipped => "The stock did not change.",
        OrderVerdict::NoEffect => "The journal shows no change by it.",
        _ => "The journal does not show whether its change is in the stock.",
    }
}

/// Explains a supplier order that the relay has not shipped yet, or that the supplier refused.
fn outbox(execution: &Execution) -> Option<Explanation> {
    let failure = execution.latest_relay().and_then(|seen| match seen.state {
        AttemptState::Failed(failure) => Some(failure),
        _ => None,
    });
    match (execution.on_order(), failure) {
        (Some(units), None) => {
            let text =
                format!("{units} units are on order. The relay sends the order with its key until it is confirmed.");
            Some(say(Kind::Plain, "IN THE OUTBOX", text))
        }
        (Some(_), Some(failure)) => {
            let text = format!("{} The relay sends the order again, with the same key.", sentence(&failure.message));
            Some(say(Kind::Indefinite, "IN THE OUTBOX", text))
        }
        (None, Some(failure)) => {
            let text = format!("{} The order is not sent again.", sentence(&failure.message));
            Some(say(Kind::Refused, "SUPPLIER REFUSES", text))
        }
        (None, None) => None,
    }
}

fn completed(execution: &Execution) -> Explanation {
    let seen: Vec<_> = execution.attempts(Activity::UpdateInventory).collect();
    let retries: u64 = execution.order_activities().iter().map(|activity| activity.total().saturating_sub(1)).sum();
    let retries = match retries {
        0 => "No attempt failed".to_owned(),
        1 => "1 retry".to_owned(),
        _ => format!("{retries} retries"),
    };
    let relay = match execution.latest_relay().map_or(1, |seen| seen.number) {
        1 => String::new(),
        tries => format!(", and the relay needed {tries} tries"),
    };
    let committed = execution.activity(Activity::UpdateInventory).first_commit();
    match (seen.last().map(|seen| seen.state), committed) {
        (Some(AttemptState::Succeeded(CommitOutcome::Replayed)), Some(first)) => say(
            Kind::Good,
            "APPLIED ONCE",
            format!("Attempt {first} changed the stock; the retry got the recorded result."),
        ),
        (Some(AttemptState::Succeeded(CommitOutcome::Replayed)), None) => say(
            Kind::Replayed,
            "REPLAYED",
            "The ledger knew this order and returned the recorded result. The stock did not change.",
        ),
        (Some(AttemptState::Succeeded(CommitOutcome::Skipped)), Some(first)) => say(
            Kind::Good,
            "APPLIED ONCE",
            format!("Attempt {first} changed the stock; the guard last-order recognised the retry."),
        ),
        (Some(AttemptState::Succeeded(CommitOutcome::Skipped)), None) => say(
            Kind::Replayed,
            "SKIPPED",
            "The guard last-order took it for a repetition of the last order. The stock did not change.",
        ),
        (_, Some(_)) => say(Kind::Good, "APPLIED ONCE", format!("{retries}{relay}; every change was applied once.")),
        _ if execution.outlived => say(
            Kind::Plain,
            "COMPLETED",
            "The journal was replaced while it ran, as a reset does. This stock does not include its change.",
        ),
        _ => say(
            Kind::Good,
            "COMPLETED",
            "Temporal reports its completion. Its worker does not write to this journal, so its effect on the stock is unknown.",
        ),
    }
}

/// Explains an open order: its last failure, or its running attempt.
fn underway(execution: &Execution) -> Explanation {
    let activity = execution.current();
    if let Some((activity, seen)) = execution.last_trouble().filter(|_| !execution.has_succeeded(activity)) {
        return explain_failure(execution, activity, &seen);
    }
    match execution.activity(activity).latest(ActivityState::Open) {
        Some(seen)
            if seen.state == AttemptState::Running
                && !seen.facts.is_some_and(crate::app::AttemptFacts::is_journaled) =>
        {
            let place = seen.id();
            say(
                Kind::Plain,
                "IN PROGRESS",
                format!(
                    "The server reports that attempt {place} is running. The journal does not show its effect on the stock yet."
                ),
            )
        }
        _ if activity == Activity::SupplierOrder || execution.has_succeeded(Activity::UpdateInventory) => {
            let text = if execution.is_foreign() {
                "The update is done. Another program's workflow runs the order, so the next step is unknown here."
            } else if execution.activity(Activity::UpdateInventory).is_journaled() {
                "The stock is updated; the supplier is next."
            } else {
                "The update is done, but the journal does not show its effect. The supplier is next."
            };
            say(Kind::Plain, "IN PROGRESS", text)
        }
        _ => say(Kind::Plain, "IN PROGRESS", "The first attempt is running."),
    }
}
