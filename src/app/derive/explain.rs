//! What happened to an order, in one sentence that an audience understands. Derived; stores nothing.

use crate::{
    app::orders::{
        activity_attempts::ActivityState,
        attempt::AttemptState,
        description::FailingTask,
        execution::{Execution, OrderVerdict},
        progress::Stage,
    },
    domain::{Activity, Guard, OtherActivity, RunEnd},
    store::Outcome,
};

use super::{
    explanation::{Explanation, Kind},
    failure_certainty::doubt,
};

fn say(kind: Kind, head: &'static str, text: impl Into<String>) -> Explanation {
    Explanation { kind, head, text: text.into() }
}

/// `stage`: where it stands.
#[must_use]
pub fn explain(execution: &Execution, stage: Stage<'_>) -> Explanation {
    match execution.verdict() {
        OrderVerdict::Applied(times) => return applied_again(execution, times),
        OrderVerdict::Rejected => return say(Kind::Refused, "REJECTED", refusal(execution)),
        OrderVerdict::Conflict => return say(Kind::Refused, "CONFLICT", refusal(execution)),
        _ => {}
    }
    let at_end = |what: &str| format!("{what} {}", effect_at_end(execution));
    match stage {
        Stage::NotStarted(cause) => say(Kind::Refused, "NOT STARTED", cause),
        Stage::Starting => say(Kind::Plain, "STARTING", "the server has not answered the start yet."),
        Stage::Queued => say(Kind::Plain, "QUEUED", "Temporal holds the order until a worker takes it."),
        Stage::Completed => completed(execution),
        Stage::Failed(message) => say(Kind::Refused, "FAILED", at_end(&sentence(message))),
        Stage::Cancelled => say(Kind::Plain, "CANCELLED", at_end("nothing more will happen.")),
        Stage::Terminated => say(Kind::Plain, "TERMINATED", at_end("nothing more will happen.")),
        Stage::TimedOut => say(Kind::Plain, "TIMED OUT", at_end("nothing more will happen.")),
        Stage::Unknown => {
            say(Kind::Plain, "NOT KNOWN", at_end("this server does not know the run: it ran elsewhere, or long ago."))
        }
        Stage::Refused => say(Kind::Refused, "REFUSED", refusal(execution)),
        Stage::TaskFails(failing) => say(Kind::Refused, "WORKFLOW TASK FAILS", failing_task(failing)),
        Stage::Elsewhere { first: Some(first), count } => say(Kind::Plain, "UNDER WAY", elsewhere(first, count)),
        Stage::Paused { .. } => {
            say(Kind::Plain, "PAUSED", "somebody paused the activity in Temporal; unpaused, it goes on.")
        }
        Stage::Running { .. }
        | Stage::Elsewhere { first: None, .. }
        | Stage::Unanswered { .. }
        | Stage::BackingOff { .. }
        | Stage::Between => underway(execution),
    }
}

/// Activities of another program's workflow.
fn elsewhere(first: &OtherActivity, count: usize) -> String {
    let more = match count {
        0 | 1 => String::new(),
        2 => " and 1 more are".to_owned(),
        count => format!(" and {} more are", count - 1),
    };
    let verb = if more.is_empty() { " is" } else { more.as_str() };
    let failure = first
        .failure
        .as_ref()
        .map_or_else(String::new, |failure| format!(" The latest failure says: {}", sentence(failure)));
    format!(
        "{}{verb} pending, attempt {}: no activity of this program, so its effect is not known here.{failure}",
        first.name, first.attempt
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
    let message = execution.refused.as_ref().map_or(reported, |refused| refused.message.clone());
    format!("{} Trying again changes nothing, so Temporal does not.", sentence(&message))
}

fn applied_again(execution: &Execution, times: u32) -> Explanation {
    let head = if times == 2 { "APPLIED TWICE" } else { "APPLIED AGAIN" };
    let why = match execution.details().map(|terms| terms.guard) {
        Some(Guard::Off) => "no guard remembered it",
        Some(Guard::LastOrder) => "last-order remembers one order only",
        Some(Guard::Ledger) | None => "its key was not in the ledger",
    };
    say(Kind::Wrong, head, format!("its effect is in the stock {times} times: {why}."))
}

/// What an order that did not complete has left in the stock.
fn effect_at_end(execution: &Execution) -> &'static str {
    match execution.verdict() {
        OrderVerdict::AppliedOnce | OrderVerdict::Unconfirmed => "Its effect is in the stock, once.",
        OrderVerdict::Replayed | OrderVerdict::Skipped => "The stock did not move.",
        OrderVerdict::NoEffect => "The journal shows no effect of it.",
        _ => "No journal line tells whether its effect is in the stock.",
    }
}

fn completed(execution: &Execution) -> Explanation {
    let seen: Vec<_> = execution.attempts(Activity::UpdateInventory).collect();
    let retries: u64 =
        Activity::ALL.iter().map(|activity| execution.activity(*activity).total().saturating_sub(1)).sum();
    let progress = match retries {
        0 => "no attempt failed".to_owned(),
        1 => "1 retry".to_owned(),
        _ => format!("{retries} retries"),
    };
    let committed = execution.activity(Activity::UpdateInventory).first_commit();
    match (seen.last().map(|seen| seen.state), committed) {
        (Some(AttemptState::Succeeded(Outcome::Replayed)), Some(first)) => {
            say(Kind::Good, "APPLIED ONCE", format!("{first} made the effect; the retry got the recorded result back."))
        }
        (Some(AttemptState::Succeeded(Outcome::Replayed)), None) => say(
            Kind::Replayed,
            "REPLAYED",
            "the ledger knew this order: it gave the recorded result back, and the stock did not move.",
        ),
        (Some(AttemptState::Succeeded(Outcome::Skipped)), Some(first)) => say(
            Kind::Good,
            "APPLIED ONCE",
            format!("{first} made the effect; last-order saw that it was the last order."),
        ),
        (Some(AttemptState::Succeeded(Outcome::Skipped)), None) => {
            say(Kind::Replayed, "SKIPPED", "the guard last-order saw that it was the last order.")
        }
        (_, Some(_)) => say(Kind::Good, "APPLIED ONCE", format!("{progress}, and each effect is in once.")),
        _ if execution.outlived => say(
            Kind::Plain,
            "COMPLETED",
            "the journal was replaced while it ran, as by a reset: this stock does not show its effect.",
        ),
        _ => say(
            Kind::Good,
            "COMPLETED",
            "Temporal says so. Its worker leaves no lines in this journal: its effect on the stock is not known.",
        ),
    }
}

/// The order is not over: the last failure, else what runs.
fn underway(execution: &Execution) -> Explanation {
    let activity = execution.current();
    if let Some((activity, seen)) = execution.last_trouble().filter(|_| !execution.has_succeeded(activity)) {
        return doubt(execution, activity, &seen);
    }
    match execution.activity(activity).latest(ActivityState::Open) {
        Some(seen)
            if seen.state == AttemptState::Running
                && !seen.facts.is_some_and(crate::app::AttemptFacts::is_journaled) =>
        {
            let place = seen.id();
            say(
                Kind::Plain,
                "UNDER WAY",
                format!("{place} runs, says the server. No journal line tells yet what it does to the stock."),
            )
        }
        _ if activity == Activity::SupplierOrder || execution.has_succeeded(Activity::UpdateInventory) => {
            let text = if execution.foreign {
                "the update is done. Another program's workflow runs it: what comes next is not known here."
            } else if execution.activity(Activity::UpdateInventory).is_journaled() {
                "the stock is updated; the supplier is next."
            } else {
                "the update is done, and no journal line tells what it did; the supplier is next."
            };
            say(Kind::Plain, "UNDER WAY", text)
        }
        _ => say(Kind::Plain, "UNDER WAY", "the first attempt runs."),
    }
}
