//! What goes on in an execution now, in one sentence, and a failing workflow task.

use ratatui::{
    style::Style,
    text::{Line, Span},
};

use crate::{
    app::{ActivityAttempts, App, Item, ItemKind, Link, Watched, age},
    domain::{ItemEnd, PayloadContent, PendingActivity, PendingDetails, PendingState, UnixMillis},
    text::wrap,
};

use super::super::{glyphs, theme, times};

/// The sentence and its style.
pub fn sentence(app: &App, watched: &Watched) -> (String, Style) {
    if watched.is_over() {
        return ended(app, watched);
    }
    let activities: Vec<_> = pending(watched).collect();
    if let Some((_, worst, details)) = activities.iter().max_by_key(|(_, pending, _)| urgency(pending)) {
        let (text, style) = activity(app, watched, worst, details);
        let others = activities.len().saturating_sub(1);
        let more = match others {
            0 => String::new(),
            1 => "; 1 more activity is pending".to_owned(),
            others => format!("; {others} more activities are pending"),
        };
        return (format!("{text}{more}"), style);
    }
    let open = watched.items.iter().filter(|item| item.end.is_none());
    // A Nexus operation may be retried, and of several timers the next one counts.
    let first = open.min_by_key(|item| match item.kind {
        ItemKind::Nexus { .. } => (0, item.from),
        ItemKind::Timer { due, .. } => (1, due),
        _ => (2, item.from),
    });
    if let Some(first) = first {
        return (item(app, first), theme::PLAIN);
    }
    (task(app, watched), theme::PLAIN)
}

/// The pending activities, as the latest description reports them.
fn pending(watched: &Watched) -> impl Iterator<Item = (&ActivityAttempts, &PendingActivity, &PendingDetails)> {
    let activities = watched.execution.activities();
    activities.filter_map(|activity| {
        let (pending, details) = watched.pending(activity.into())?;
        Some((activity, pending, details))
    })
}

/// Activities that have failed come first, then the highest attempt.
fn urgency(pending: &PendingActivity) -> (bool, u32) {
    (pending.failure.is_some(), pending.attempt)
}

fn countdown(app: &App, due: UnixMillis) -> String {
    times::countdown(due, app.shown_now(), app.appearance().still)
}

fn activity(app: &App, watched: &Watched, pending: &PendingActivity, details: &PendingDetails) -> (String, Style) {
    let now = app.shown_now();
    let name = format!("{} #{}", pending.activity.name(), pending.attempt);
    let limit = match pending.maximum {
        0 => String::new(),
        maximum => format!("{} of {maximum} attempts", pending.attempt),
    };
    let note = |parts: &[&str]| {
        let parts: Vec<_> = parts.iter().copied().filter(|part| !part.is_empty()).collect();
        if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) }
    };
    if pending.state == PendingState::Paused {
        let by = details.pause.as_ref().map_or_else(String::new, |pause| pause_text(app, pause));
        let running = if pending.runs() { "the attempt that runs continues" } else { "" };
        return (format!("{name} is paused{by}{}", note(&[running, &limit])), theme::WARN);
    }
    if pending.runs() {
        let took = pending.started.map_or_else(String::new, |at| format!(" for {}", times::short(now.since(at))));
        let cancels = pending.state == PendingState::CancelRequested;
        let asked = if cancels { "cancellation requested" } else { "" };
        return (format!("{name} runs{took}{}", note(&[asked, &limit])), theme::BOLD);
    }
    if pending.state == PendingState::CancelRequested {
        return (format!("{name}: cancellation requested{}", note(&[&limit])), theme::WARN);
    }
    match pending.due() {
        Some(due) if due > now => {
            let policy = policy(watched, pending);
            (format!("{name} {}{}", countdown(app, due), note(&[&policy, &limit])), theme::BOLD)
        }
        due => {
            let queue = details.options.as_ref().map(|options| options.task_queue.as_str());
            let queue = queue.map_or_else(String::new, |queue| format!(" on task queue {queue}"));
            let since = due.or(details.scheduled).map_or_else(String::new, |at| format!(" for {}", age(at, now)));
            (format!("{name} waits for a worker{queue}{since}{}", note(&[&limit])), theme::WARN)
        }
    }
}

/// The wait that the failure requests, or that the retry policy has.
fn policy(watched: &Watched, pending: &PendingActivity) -> String {
    let requested = pending.failure.as_ref().and_then(crate::domain::FailureReport::next_retry_delay);
    if let Some(requested) = requested {
        return format!("next_retry_delay: {}", times::round(requested));
    }
    let activity = watched.execution.activities().find(|activity| {
        activity.key().id.as_deref() == Some(pending.id.as_str()) && activity.key().activity == pending.activity
    });
    let options = activity.and_then(|activity| activity.activity_record()?.options.as_ref());
    let by_policy = options.map(|options| options.retry.after(pending.attempt.saturating_sub(1)));
    match (by_policy, pending.interval) {
        (Some(policy), _) => format!("policy: {}", times::round(policy)),
        (None, Some(interval)) => format!("server: {}", times::round(interval)),
        (None, None) => String::new(),
    }
}

/// ` by the identity, 3 s ago: reason`.
pub fn pause_text(app: &App, pause: &crate::domain::Pause) -> String {
    let by = if pause.by.is_empty() { String::new() } else { format!(" by {}", pause.by) };
    let at = pause.at.map_or_else(String::new, |at| format!(" {} ago", age(at, app.shown_now())));
    let reason = if pause.reason.is_empty() { String::new() } else { format!(": {}", pause.reason) };
    format!("{by}{at}{reason}")
}

fn item(app: &App, item: &Item) -> String {
    let since = age(item.from, app.shown_now());
    match &item.kind {
        ItemKind::Timer { id, due } => format!("timer {id} fires {}", countdown(app, *due)),
        ItemKind::Child { workflow, .. } => format!("the child workflow {workflow} runs for {since}"),
        ItemKind::Nexus { operation, pending: Some(pending) } => match pending.next {
            Some(due) => format!("Nexus operation {operation} #{} {}", pending.attempt, countdown(app, due)),
            None => format!("Nexus operation {operation} #{} runs for {since}", pending.attempt),
        },
        ItemKind::Nexus { operation, pending: None } => format!("Nexus operation {operation} runs for {since}"),
        _ => format!("{} runs for {since}", item.label()),
    }
}

fn task(app: &App, watched: &Watched) -> String {
    let now = app.shown_now();
    match (&watched.task, &watched.info) {
        (Some(task), _) if task.started.is_some() => "a worker processes a workflow task".to_owned(),
        (Some(task), Some(info)) => {
            let since = task.scheduled.map_or_else(String::new, |at| format!(" for {}", age(at, now)));
            format!("a workflow task waits for a worker on task queue {}{since}", info.task_queue)
        }
        (None, Some(_)) => "nothing is pending: the workflow waits, for example for a signal".to_owned(),
        (_, None) if *app.link() == Link::Up => "reading the execution ..".to_owned(),
        (_, None) => "no connection to the server yet".to_owned(),
    }
}

fn ended(app: &App, watched: &Watched) -> (String, Style) {
    let closed = watched.end.as_ref().map(|end| end.at).or_else(|| watched.info.as_ref()?.closed);
    let ago = closed.map_or_else(String::new, |at| format!(" {} ago", age(at, app.shown_now())));
    let began = watched.info.as_ref().map(|info| info.started);
    let took =
        began.zip(closed).map_or_else(String::new, |(from, to)| format!(", after {}", times::exact(to.since(from))));
    let when = format!("({}{took})", ago.trim_start());
    let Some(end) = &watched.end else {
        let status = watched.info.as_ref().map_or("ended", |info| info.status.name());
        return (format!("{} {when}", status.to_lowercase()), theme::BOLD);
    };
    let next = end.next_run.as_ref().map_or_else(String::new, |run| format!("; run {run} continues it"));
    let (text, style) = match &end.end {
        ItemEnd::Completed { .. } => ("completed".to_owned(), theme::GOOD),
        ItemEnd::Failed(failure) => (format!("failed: {}", glyphs::reason(failure)), theme::BAD),
        ItemEnd::TimedOut(_) => ("timed out".to_owned(), theme::BAD),
        ItemEnd::Cancelled => ("cancelled".to_owned(), theme::WARN),
        ItemEnd::Terminated { reason } if reason.is_empty() => ("terminated".to_owned(), theme::BAD),
        ItemEnd::Terminated { reason } => (format!("terminated: {reason}"), theme::BAD),
        ItemEnd::ContinuedAsNew => ("continued as new".to_owned(), theme::PLAIN),
    };
    let result = match &end.end {
        ItemEnd::Completed { result } if !result.is_empty() => {
            format!(": {}", result.iter().map(PayloadContent::to_string).collect::<Vec<_>>().join(", "))
        }
        _ => String::new(),
    };
    (format!("{text}{next} {when}{result}"), style.patch(theme::BOLD))
}

/// What the history has not shown yet, or does not keep; empty if it is complete.
pub fn gaps(watched: &Watched) -> String {
    let length = watched.info.as_ref().map_or(0, |info| info.history_length);
    let mut texts = Vec::new();
    if !watched.is_caught_up() && watched.read > 0 && watched.read < length {
        texts.push(format!("reading the history: event {} of {length} ..", watched.read));
    }
    let dropped = watched.dropped_lanes();
    if dropped > 0 {
        texts.push(format!("{dropped} older lanes dropped"));
    }
    texts.join("; ")
}

/// Where the execution comes from, and how large it is.
pub fn origin(app: &App, watched: &Watched) -> String {
    let Some(info) = &watched.info else { return String::new() };
    let mut texts = vec![
        format!("started {} ago", age(info.started, app.shown_now())),
        format!("task queue {}", info.task_queue),
        format!("{} events", info.history_length),
    ];
    if let Some(start) = &watched.start {
        texts.extend((start.attempt > 1).then(|| format!("attempt {} of the workflow", start.attempt)));
        texts.extend(start.continued_from.as_ref().map(|run| format!("continues run {run}")));
    }
    texts.extend(info.parent.as_ref().map(|parent| format!("child of {parent}")));
    texts.join(", ")
}

/// The lines about a failing workflow task; none if it does not fail.
pub fn failing_task(app: &App, watched: &Watched, width: usize) -> Vec<Line<'static>> {
    let Some(task) = watched.task.as_ref().filter(|_| watched.task_fails()) else { return Vec::new() };
    let failed = watched.task_failure.as_ref();
    let since = failed.map(|failed| failed.at).or(task.scheduled);
    let since = since.map_or_else(String::new, |at| format!(", since {}", age(at, app.shown_now())));
    let head = format!(" WORKFLOW TASK FAILS: attempt {}{since} ", task.attempt);
    let consequence = "Nothing else can go on until a worker can process it.";
    let mut texts = wrap(consequence, width.saturating_sub(1), head.chars().count(), 2).into_iter();
    let first = Span::raw(format!(" {}", texts.next().unwrap_or_default()));
    let mut lines = vec![Line::from(vec![Span::styled(head, theme::badge(theme::BAD)), first])];
    lines.extend(texts.map(|text| Line::raw(format!(" {text}"))));
    let Some(failed) = failed else { return lines };
    let reason = failed.failure.as_ref().map_or_else(String::new, |failure| format!(": {}", glyphs::reason(failure)));
    let worker = if failed.worker.is_empty() { String::new() } else { format!(" (worker {})", failed.worker) };
    let text = format!("{}{reason}{worker}", failed.cause);
    let texts = wrap(&text, width.saturating_sub(2), 0, 3).into_iter();
    lines.extend(texts.map(|text| Line::styled(format!(" {text}"), theme::BAD)));
    lines
}
