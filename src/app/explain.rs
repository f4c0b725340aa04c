//! What happened to an order, in one sentence that an audience understands. Derived; stores nothing.

use crate::{
    domain::{Activity, Guard},
    faults::Point,
    store::Outcome,
};

use super::{
    attempt::AttemptState,
    execution::{Execution, OrderVerdict, Stage},
    lane::Seen,
};

/// What kind of sentence it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The failure says for sure that the effect did not happen.
    Definite,
    /// The failure leaves open what happened, and the effect did.
    Indefinite,
    Good,
    Replayed,
    Wrong,
    Refused,
    Plain,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    pub kind: Kind,
    /// One or two words in capitals.
    pub head: &'static str,
    pub text: String,
}

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
    match stage {
        Stage::NotStarted(cause) => say(Kind::Refused, "NOT STARTED", cause),
        Stage::Starting => say(Kind::Plain, "STARTING", "the server has not answered the start yet."),
        Stage::Queued => say(Kind::Plain, "QUEUED", "Temporal holds the order until a worker takes it."),
        Stage::Completed => completed(execution),
        Stage::Failed(message) => say(Kind::Refused, "FAILED", message),
        Stage::Cancelled => say(Kind::Plain, "CANCELLED", "nothing more will happen."),
        Stage::Terminated => say(Kind::Plain, "TERMINATED", "nothing more will happen."),
        Stage::TimedOut => say(Kind::Plain, "TIMED OUT", "nothing more will happen."),
        Stage::Refused => say(Kind::Refused, "REFUSED", refusal(execution)),
        Stage::Running { .. } | Stage::Unanswered { .. } | Stage::BackingOff { .. } | Stage::Between => {
            underway(execution)
        }
    }
}

fn refusal(execution: &Execution) -> String {
    use super::message::End;
    let told = match &execution.end {
        Some(End::Rejected { message, .. } | End::Conflict { message }) => message.clone(),
        _ => String::new(),
    };
    let message = execution.refused.as_ref().map_or(told, |refused| refused.message.clone());
    format!("{message}. Trying again changes nothing, so Temporal does not.")
}

fn applied_again(execution: &Execution, times: u32) -> Explanation {
    let head = if times == 2 { "APPLIED TWICE" } else { "APPLIED AGAIN" };
    let why = match execution.terms().map(|terms| terms.guard) {
        Some(Guard::Off) => "no guard remembered it",
        Some(Guard::LastOrder) => "last-order remembers one order only",
        Some(Guard::Ledger) | None => "its key was not in the ledger",
    };
    say(Kind::Wrong, head, format!("its effect is in the stock {times} times: {why}."))
}

fn completed(execution: &Execution) -> Explanation {
    let seen: Vec<_> = execution.attempts(Activity::UpdateInventory).collect();
    let attempts: u64 = Activity::ALL.iter().map(|activity| u64::from(execution.lane(*activity).highest())).sum();
    let committed = execution.lane(Activity::UpdateInventory).first_commit();
    match (seen.last().map(|seen| seen.state), committed) {
        (Some(AttemptState::Succeeded(Outcome::Replayed)), Some(first)) => say(
            Kind::Good,
            "APPLIED ONCE",
            format!("#{first} made the effect; the retry got the recorded result back."),
        ),
        (Some(AttemptState::Succeeded(Outcome::Replayed)), None) => say(
            Kind::Replayed,
            "REPLAYED",
            "the ledger knew this order: it gave the recorded result back, and the stock did not move.",
        ),
        (Some(AttemptState::Succeeded(Outcome::Skipped)), _) => {
            say(Kind::Replayed, "SKIPPED", "the guard last-order saw that it was the last order.")
        }
        (_, Some(_)) => say(Kind::Good, "APPLIED ONCE", format!("{attempts} attempts, and each effect is in once.")),
        _ => say(Kind::Good, "COMPLETED", "its worker leaves no lines in this journal."),
    }
}

/// The order is not over: the last failure, else what runs.
fn underway(execution: &Execution) -> Explanation {
    match execution.last_trouble() {
        Some((activity, seen)) => trouble(execution, activity, &seen),
        None if execution.has_succeeded(Activity::UpdateInventory) => {
            say(Kind::Plain, "UNDER WAY", "the stock is updated; the supplier is next.")
        }
        None => say(Kind::Plain, "UNDER WAY", "the first attempt runs."),
    }
}

/// A failure behind the commit of nothing: no units were needed, or the ledger gave the recorded result back.
fn without_effect(seen: &Seen<'_>, earlier: Option<u32>) -> Option<Explanation> {
    let AttemptState::Failed(failure) = seen.state else { return None };
    if failure.point != Some(Point::AfterCommit) {
        return None;
    }
    let number = seen.number;
    let text = match (seen.facts.and_then(|facts| facts.committed), earlier) {
        (Some(committed), _) if committed.delta == 0 => {
            format!("#{number} failed after it was decided that no units are needed; the retry gets the same answer.")
        }
        (None, Some(first)) => format!("#{number} got the recorded result of #{first}, then failed: the stock stands."),
        _ => return None,
    };
    Some(say(Kind::Indefinite, "INDEFINITE", text))
}

fn trouble(execution: &Execution, activity: Activity, seen: &Seen<'_>) -> Explanation {
    let number = seen.number;
    let earlier = execution.lane(activity).first_commit().filter(|first| *first < number);
    let happened = seen.facts.is_some_and(super::attempt::AttemptFacts::effect_unreported);
    if let Some(said) = without_effect(seen, earlier) {
        return said;
    }
    match (seen.state, happened, earlier) {
        (AttemptState::Crashed(Point::AfterCommit), _, _) => say(
            Kind::Indefinite,
            "INDEFINITE",
            format!("#{number}: worker died after the commit. The effect is in; never repeat it."),
        ),
        (AttemptState::Crashed(Point::BeforeCommit), _, None) => say(
            Kind::Definite,
            "DEFINITE",
            format!("#{number}: worker died before the commit. No effect; the retry is safe."),
        ),
        (AttemptState::Failed(_), true, _) => say(
            Kind::Indefinite,
            "INDEFINITE",
            format!("#{number} failed after the commit. The effect happened; a retry must not repeat it."),
        ),
        (AttemptState::Failed(_) | AttemptState::Crashed(_), false, Some(first)) => say(
            Kind::Indefinite,
            "INDEFINITE",
            format!("#{number} failed, but #{first} made the effect; a retry must not repeat it."),
        ),
        (AttemptState::Failed(failure), false, None) if failure.point.is_some() => say(
            Kind::Definite,
            "DEFINITE",
            format!("#{number} failed before the commit. No effect happened; the retry is safe."),
        ),
        (AttemptState::Failed(failure), false, None) => say(Kind::Plain, "FAILED", failure.message.clone()),
        (_, true, _) => say(
            Kind::Indefinite,
            "INDEFINITE",
            format!("#{number} gave no answer, but its effect is in; a retry must not repeat it."),
        ),
        (_, false, _) => say(
            Kind::Indefinite,
            "INDEFINITE",
            format!("#{number} gave no answer. Temporal cannot know whether the effect happened."),
        ),
    }
}
