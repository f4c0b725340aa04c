//! The lines that stay on the terminal after quitting.

use crate::{
    app::{App, walkthrough::Walkthrough},
    domain::{Activity, sanitize},
    store::Verdict,
};

const MAX_SENTENCE_CHARS: usize = 600;

/// The lines that stay on the terminal after the session.
#[must_use]
pub fn summary(app: &App) -> String {
    if let Some(walkthrough) = app.walkthrough() {
        return of_walkthrough(app, walkthrough);
    }
    let (orders, audit) = (app.orders(), &app.journal().audit);
    let [update, supplier] = Activity::ALL.map(|activity| orders.retries(activity));
    let counts = format!(
        "idempotence: orders {} (open {}), attempts {}, retries {} (update {update}, supplier {supplier})",
        orders.len(),
        orders.open(),
        orders.attempts(),
        update.saturating_add(supplier)
    );
    let verdict = match (audit.seq, audit.verdict()) {
        (0, _) => "no verdict: no journal was found".to_owned(),
        _ if app.journal().is_reading() => "no verdict: the journal was not read to its end".to_owned(),
        (_, Verdict::Right) if orders.unsettled() > 0 => {
            format!("verdict PENDING: {}", sanitize(&audit.sentence(), MAX_SENTENCE_CHARS))
        }
        (_, Verdict::Right) if orders.open() > 0 => {
            format!("verdict RIGHT so far: {}", sanitize(&audit.sentence(), MAX_SENTENCE_CHARS))
        }
        (_, Verdict::Right) => format!("verdict RIGHT: {}", sanitize(&audit.sentence(), MAX_SENTENCE_CHARS)),
        (_, Verdict::Wrong) => format!("verdict WRONG: {}", sanitize(&audit.sentence(), MAX_SENTENCE_CHARS)),
    };
    let mut lines = vec![counts, verdict];
    lines.extend(app.journal().earlier.sentence());
    let on_order = audit.on_order().units;
    if on_order > 0 {
        lines.push(format!(
            "{on_order} units are on order: the relay of the next worker sends the order to the supplier"
        ));
    }
    if audit.refused.units > 0 {
        lines.push(format!("{} units were refused by the supplier", audit.refused.units));
    }
    if orders.open() > 0 {
        lines.push("Temporal keeps the open orders; the next worker continues them".to_owned());
    }
    if orders.forgotten() > 0 {
        lines.push(format!("{} older orders were dropped from the list", orders.forgotten()));
    }
    lines.push(format!("database {}", app.options().database));
    lines.push(format!("log {}", app.options().log));
    lines.join("\n") + "\n"
}

/// The summary of a walkthrough; its database is deleted with the session.
fn of_walkthrough(app: &App, walkthrough: &Walkthrough) -> String {
    let (steps, unseen) = (walkthrough.position().1, walkthrough.unseen());
    let shown = walkthrough.counts().map_or_else(
        || "no step was played".to_owned(),
        |(sum, holds)| {
            let how = if holds { "all as described" } else { "NOT all as described" };
            format!(
                "{how}; {} orders, {} attempts, {} retries, {} answered from the ledger",
                sum.starts, sum.attempts, sum.retries, sum.replays
            )
        },
    );
    let unseen = if unseen == 0 { String::new() } else { format!(", {unseen} of them not played to the end") };
    format!(
        "idempotence: walkthrough '{}', {steps} steps{unseen}: {shown}\nlog {}\n",
        walkthrough.title(),
        app.options().log
    )
}
