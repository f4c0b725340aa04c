//! The details of one lane of an execution: why it failed, its limits, its arguments and its result.

use std::time::Duration;

use ratatui::text::Line;

use crate::{
    app::{
        ActivityAttempts, ActivityRecord, App, Certainty, Failure, Item, ItemKind, Lane, RetriesEnded, Watched, age,
        latest_certainty, latest_failure, retry_warnings,
    },
    domain::{
        ActivityOptions, FailureReport, ItemEnd, PayloadContent, PendingActivity, PendingDetails, PendingState,
        RetryPolicy, TimeoutKind, UnixMillis,
    },
};

use super::{
    super::{glyphs, theme, times},
    now, signals,
    values::{named, payloads},
};

/// The lines about a lane, the most important first.
pub fn lines(app: &App, watched: &Watched, lane: Lane<'_>, width: usize) -> Vec<Line<'static>> {
    match lane {
        Lane::Activity(activity) => of_activity(app, watched, activity, width),
        Lane::Signals(all) => match all.only() {
            Some(signal) => of_item(app, signal, width),
            None => signals::lines(app, all, width),
        },
        Lane::Item(item) => of_item(app, item, width),
    }
}

fn of_activity(app: &App, watched: &Watched, activity: &ActivityAttempts, width: usize) -> Vec<Line<'static>> {
    let record = activity.activity_record();
    let options = record.and_then(|record| record.options.as_ref());
    let pending = watched.pending(activity.into());
    let mut lines = failure(watched, activity, width);
    lines.extend(left_open(watched, activity, width));
    if let Some((pending, details)) = pending {
        lines.extend(state(app, pending, details, width));
    }
    if let Some(why) = RetriesEnded::of(activity) {
        lines.extend(named("no retry", why.text(), theme::WARN, width));
    }
    lines.extend(advice(watched, activity, width));
    if let Some((_, details)) = pending {
        lines.extend(heartbeat(app, options, details, width));
    }
    lines.extend(limits(app, activity, pending, options, width));
    if let Some(options) = options {
        lines.extend(named("timeouts", &timeouts(options), theme::PLAIN, width));
        lines.extend(named("retry", &retry(&options.retry), theme::PLAIN, width));
    }
    lines.extend(place(activity, options, width));
    if let Some(ActivityRecord { input, end, .. }) = record {
        if let Some((_, ItemEnd::Completed { result })) = end {
            lines.extend(payloads("result", result, width));
        }
        lines.extend(payloads("input", input, width));
    }
    lines
}

/// The failure of the latest attempt that has failed.
fn failure(watched: &Watched, activity: &ActivityAttempts, width: usize) -> Vec<Line<'static>> {
    let options = activity.activity_record().and_then(|record| record.options.as_ref());
    let Some((_, failure)) = latest_failure(watched, activity) else {
        let reported = |failure: &FailureReport| {
            let timeout = failure.timeout().map(|kind| timed_out(kind, options));
            timeout.unwrap_or_else(|| glyphs::reason(failure))
        };
        let failure = failure_without_attempt(activity).map(reported);
        return failure.map_or_else(Vec::new, |reason| named("failure", &reason, theme::BAD, width));
    };
    let retried = if failure.retryable { "" } else { " (not retryable)" };
    named("failure", &format!("{}{retried}", reason(failure, options)), theme::BAD, width)
}

/// The history has no attempt of an activity that was open when the execution ended.
fn left_open(watched: &Watched, activity: &ActivityAttempts, width: usize) -> Vec<Line<'static>> {
    let has_end = activity.activity_record().is_some_and(|record| record.end.is_some());
    if has_end || !watched.is_complete() {
        return Vec::new();
    }
    let attempts = if activity.total() == 0 { "; its attempts were not observed" } else { "" };
    named("state", &format!("open when the execution ended{attempts}"), theme::PLAIN, width)
}

/// Why an activity failed before any attempt of it began.
fn failure_without_attempt(activity: &ActivityAttempts) -> Option<&FailureReport> {
    match activity.activity_record()?.end.as_ref()? {
        (_, ItemEnd::Failed(failure) | ItemEnd::TimedOut(failure)) if activity.total() == 0 => Some(failure),
        _ => None,
    }
}

/// What did not happen in time, with the value of the timeout if it is known.
fn timed_out(kind: TimeoutKind, options: Option<&ActivityOptions>) -> String {
    kind.sentence(options.and_then(|options| options.limit(kind)).map(times::round).as_deref())
}

/// The type and the message of a failure, or its timeout.
pub fn reason(failure: &Failure, options: Option<&ActivityOptions>) -> String {
    match failure.timeout() {
        Some(kind) => timed_out(kind, options),
        None => glyphs::coded(&failure.code, &failure.message),
    }
}

/// A pause, or a request for cancellation.
fn state(app: &App, pending: &PendingActivity, details: &PendingDetails, width: usize) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    if let Some(pause) = &details.pause {
        let text = format!("paused{}", now::pause_text(app, pause));
        lines.extend(named("pause", &text, theme::WARN, width));
    }
    if pending.state == PendingState::CancelRequested {
        lines.extend(named("cancel", "the workflow has requested its cancellation", theme::WARN, width));
    }
    lines
}

/// What is certain about the effect of the latest attempt that has failed, and the warnings about the activity.
fn advice(watched: &Watched, activity: &ActivityAttempts, width: usize) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    let of_attempt = latest_certainty(watched, activity).map(|(id, certainty)| (format!("{id} "), certainty));
    let of_end = || {
        let failure = failure_without_attempt(activity)?;
        Some((String::new(), Certainty::of(&failure.code, &failure.causes)))
    };
    if let Some((id, certainty)) = of_attempt.or_else(of_end) {
        let style = if certainty == Certainty::OutcomeUnknown { theme::WARN } else { theme::PLAIN };
        lines.extend(named("effect", &format!("{id}{}", certainty.text()), style, width));
    }
    for warning in retry_warnings(watched, activity) {
        lines.extend(named("warning", warning.text(), theme::WARN, width));
    }
    lines
}

fn heartbeat(
    app: &App,
    options: Option<&ActivityOptions>,
    details: &PendingDetails,
    width: usize,
) -> Vec<Line<'static>> {
    let limit = options.and_then(|options| options.heartbeat);
    let limit = limit.map_or_else(String::new, |limit| format!(" (timeout {})", times::round(limit)));
    let Some(heartbeat) = &details.heartbeat else {
        let none = || named("heartbeat", &format!("none yet{limit}"), theme::PLAIN, width);
        return if limit.is_empty() { Vec::new() } else { none() };
    };
    let at = heartbeat
        .at
        .map_or_else(|| "of an earlier attempt".to_owned(), |at| format!("{} ago", age(at, app.shown_now())));
    let details: Vec<_> = heartbeat.details.iter().map(PayloadContent::to_string).collect();
    let colon = if details.is_empty() { "" } else { ": " };
    named("heartbeat", &format!("{at}{limit}{colon}{}", details.join(", ")), theme::PLAIN, width)
}

/// How many attempts and how much time are left.
fn limits(
    app: &App,
    activity: &ActivityAttempts,
    pending: Option<(&PendingActivity, &PendingDetails)>,
    options: Option<&ActivityOptions>,
    width: usize,
) -> Vec<Line<'static>> {
    let Some((pending, details)) = pending else { return Vec::new() };
    let maximum = match (pending.maximum, options) {
        (0, Some(options)) => options.retry.maximum_attempts,
        (maximum, _) => maximum,
    };
    let attempts = match maximum {
        0 => format!("#{}, unlimited", pending.attempt),
        maximum => {
            let left = maximum.saturating_sub(pending.attempt);
            let after = if pending.runs() { "after this one" } else { "after the next one" };
            format!("#{} of {maximum}, {left} left {after}", pending.attempt)
        }
    };
    let resets = match activity.resets() {
        0 => String::new(),
        1 => ", reset once".to_owned(),
        resets => format!(", reset {resets} times"),
    };
    let expires = details.expires.map_or_else(
        || "; does not expire".to_owned(),
        |at| format!("; expires {}", times::countdown(at, app.shown_now(), app.appearance().still)),
    );
    named("attempts", &format!("{attempts}{resets}{expires}"), theme::PLAIN, width)
}

/// The timeouts that are set, in one line.
pub fn timeouts(options: &ActivityOptions) -> String {
    let all = [
        ("start-to-close", options.start_to_close),
        ("schedule-to-close", options.schedule_to_close),
        ("schedule-to-start", options.schedule_to_start),
        ("heartbeat", options.heartbeat),
    ];
    let text = |(name, limit): (&str, Option<Duration>)| Some(format!("{name} {}", times::round(limit?)));
    let set: Vec<_> = all.into_iter().filter_map(text).collect();
    if set.is_empty() { "none".to_owned() } else { set.join(", ") }
}

/// A retry policy in one line.
pub fn retry(policy: &RetryPolicy) -> String {
    let [initial, maximum] = [policy.initial, policy.maximum_wait()].map(times::round);
    let limit = match policy.maximum_attempts {
        0 => "unlimited".to_owned(),
        1 => "1 attempt".to_owned(),
        limit => format!("{limit} attempts"),
    };
    let not = if policy.non_retryable.is_empty() {
        String::new()
    } else {
        format!("; not retried: {}", policy.non_retryable.join(", "))
    };
    format!("after {initial}, x{} up to {maximum}, {limit}{not}", policy.coefficient)
}

/// Its task queue and the worker of its latest attempt.
fn place(activity: &ActivityAttempts, options: Option<&ActivityOptions>, width: usize) -> Vec<Line<'static>> {
    let queue = options.map(|options| options.task_queue.as_str()).filter(|queue| !queue.is_empty());
    let reported = activity.latest_report().map(|(pending, ..)| pending.worker.as_str());
    let recorded = activity.activity_record().and_then(|record| record.last.as_ref()).map(|last| last.worker.as_str());
    let worker = recorded.or(reported).filter(|worker| !worker.is_empty());
    let texts = [queue.map(|queue| format!("queue {queue}")), worker.map(|worker| format!("worker {worker}"))];
    let texts: Vec<_> = texts.into_iter().flatten().collect();
    if texts.is_empty() { Vec::new() } else { named("where", &texts.join(", "), theme::PLAIN, width) }
}

fn of_item(app: &App, item: &Item, width: usize) -> Vec<Line<'static>> {
    let now = app.shown_now();
    let mark = glyphs::of_item(item);
    let since = item.end.as_ref().map_or_else(
        || format!(", for {}", age(item.from, now)),
        |(at, _)| {
            if *at > item.from { format!(", after {}", times::exact(at.since(item.from))) } else { String::new() }
        },
    );
    let mut lines = named("state", &format!("{} {}{since}", mark.glyph, mark.word), mark.style, width);
    let due = |at: UnixMillis| times::countdown(at, now, app.appearance().still);
    let mut say = |name: &str, text: &str| lines.extend(named(name, text, theme::PLAIN, width));
    match &item.kind {
        ItemKind::LocalActivity { attempts: 1, .. } => say("attempts", "1"),
        ItemKind::LocalActivity { attempts, .. } if *attempts > 1 => {
            say("attempts", &format!("{attempts}; the history records only the last"));
        }
        ItemKind::Timer { due: at, .. } if item.end.is_none() => say("fires", &due(*at)),
        ItemKind::Child { workflow, run, .. } => {
            say("workflow", workflow);
            if let Some(run) = run {
                say("run", &run.run);
            }
        }
        ItemKind::Nexus { pending: Some(pending), .. } => {
            let next = pending.next.map_or_else(String::new, |at| format!(", next {}", due(at)));
            say("attempts", &format!("#{}{next}", pending.attempt));
            if let Some(failure) = &pending.failure {
                say("failure", &glyphs::reason(failure));
            }
        }
        ItemKind::Signal { from, .. } if !from.is_empty() => say("from", from),
        ItemKind::CancelRequest { cause } if !cause.is_empty() => say("reason", cause),
        _ => {}
    }
    if let ItemKind::Signal { input, .. } | ItemKind::Update { input, .. } = &item.kind {
        lines.extend(payloads("input", input, width));
    }
    match &item.end {
        Some((_, ItemEnd::Completed { result })) => lines.extend(payloads("result", result, width)),
        Some((_, ItemEnd::Failed(failure) | ItemEnd::TimedOut(failure))) => {
            lines.extend(named("failure", &glyphs::reason(failure), theme::BAD, width));
        }
        Some((_, ItemEnd::Terminated { reason })) if !reason.is_empty() => {
            lines.extend(named("reason", reason, theme::BAD, width));
        }
        _ => {}
    }
    lines
}
