//! The page about one lane with everything that is known: its failure cause by cause, all attempts, and its details. A failure
//! of the workflow task comes first.

use ratatui::text::{Line, Span};

use crate::{
    app::{App, End, Lane, TaskFailure, Watched, latest_failure},
    domain::{FailureCause, FailureKind, FailureReport, ItemEnd},
    text::{truncate, wrap},
};

use super::{
    super::{glyphs, theme, timeline::List, times},
    details,
    execution::name,
    values::{named, written},
};

/// Maximum rows of one message.
const MAX_MESSAGE: usize = 20;

/// The title and the lines of the page: of the selected lane, or of the execution if it has none.
pub fn page(app: &App, width: usize) -> Option<(String, Vec<Line<'static>>)> {
    let watch = app.watch()?;
    let watched = watch.opened()?;
    let mut lines = of_task(watched, width);
    let lane = watch.selected_lane();
    let of_lane = lane.map_or_else(Vec::new, |lane| causes(watched, lane, width));
    if of_lane.is_empty() {
        lines.extend(of_execution(watched, width));
    }
    lines.extend(of_lane);
    lines.extend(lane.map_or_else(Vec::new, |lane| about(app, watched, lane, width)));
    let title = lane.map_or_else(|| watched.target.workflow.clone(), name);
    Some((format!(" {title} "), lines))
}

/// The latest failure of the workflow task.
fn of_task(watched: &Watched, width: usize) -> Vec<Line<'static>> {
    let Some(TaskFailure { cause, failure, worker, .. }) = &watched.task_failure else { return Vec::new() };
    let retried = if watched.is_over() { "" } else { ": Temporal retries it" };
    let mut lines = vec![heading(&format!("failure of the workflow task{retried}"))];
    lines.extend(named("cause", cause, theme::BAD, width));
    if !worker.is_empty() {
        lines.extend(named("worker", worker, theme::PLAIN, width));
    }
    lines.extend(failure.iter().flat_map(|failure| chain(failure, width)));
    lines.push(Line::raw(""));
    lines
}

/// The failure of the execution as a whole.
fn of_execution(watched: &Watched, width: usize) -> Vec<Line<'static>> {
    let Some(End { end: ItemEnd::Failed(failure) | ItemEnd::TimedOut(failure), .. }) = &watched.end else {
        return Vec::new();
    };
    let mut lines = vec![heading("failure of the workflow")];
    lines.extend(chain(failure, width));
    lines.push(Line::raw(""));
    lines
}

fn about(app: &App, watched: &Watched, lane: Lane<'_>, width: usize) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    if let Lane::Activity(activity) = lane {
        let list = List { app, execution: &watched.execution, activities: &[activity], width };
        lines.push(heading("attempts"));
        lines.extend(list.visible(usize::MAX, 0));
        lines.push(Line::raw(""));
    }
    lines.push(heading("details"));
    lines.extend(details::lines(app, watched, lane, width));
    lines
}

fn heading(text: &str) -> Line<'static> {
    Line::styled(format!(" {text}"), theme::KNOWN.patch(theme::BOLD))
}

/// The chain of causes of the lane's latest failure, outermost first. None if it has not failed.
fn causes(watched: &Watched, lane: Lane<'_>, width: usize) -> Vec<Line<'static>> {
    let (reason, retryable, causes) = match lane {
        Lane::Activity(activity) => match latest_failure(watched, activity) {
            Some((_, failure)) => {
                let options = activity.activity_record().and_then(|record| record.options.as_ref());
                (details::reason(failure, options), failure.retryable, failure.causes.as_slice())
            }
            None => return Vec::new(),
        },
        Lane::Signals(_) => return Vec::new(),
        Lane::Item(item) => match &item.end {
            Some((_, ItemEnd::Failed(failure) | ItemEnd::TimedOut(failure))) => {
                (glyphs::reason(failure), failure.retryable, failure.causes.as_slice())
            }
            _ => return Vec::new(),
        },
    };
    let retried = if retryable { "Temporal may retry it" } else { "Temporal does not retry it" };
    let mut lines = vec![heading(&format!("failure: {retried}"))];
    lines.extend(written_chain(&reason, causes, width));
    lines.push(Line::raw(""));
    lines
}

fn chain(failure: &FailureReport, width: usize) -> Vec<Line<'static>> {
    written_chain(&glyphs::reason(failure), &failure.causes, width)
}

/// The causes; without any, the reason.
fn written_chain(reason: &str, causes: &[FailureCause], width: usize) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    if causes.is_empty() {
        lines.extend(named("message", reason, theme::BAD, width));
    }
    for (index, cause) in causes.iter().enumerate() {
        if index > 0 {
            lines.extend([Line::raw(""), heading("caused by")]);
        }
        lines.extend(written_cause(cause, width));
    }
    lines
}

fn written_cause(cause: &FailureCause, width: usize) -> Vec<Line<'static>> {
    let room = width.saturating_sub(2);
    let mut lines =
        vec![Line::from(vec![Span::raw(" "), Span::styled(truncate(&kind(&cause.kind), room), theme::BOLD)])];
    let message = wrap(&cause.message, room, 0, MAX_MESSAGE).into_iter();
    lines.extend(message.filter(|text| !text.is_empty()).map(|text| Line::styled(format!(" {text}"), theme::BAD)));
    for details in &cause.details {
        lines.extend(written(details, room).into_iter().map(|text| Line::raw(format!(" {text}"))));
    }
    lines.extend(cause.stack_trace.iter().map(|text| Line::styled(format!(" {}", truncate(text, room)), theme::FAINT)));
    lines
}

fn kind(kind: &FailureKind) -> String {
    let retried = |retryable: bool| if retryable { "retryable" } else { "not retryable" };
    match kind {
        FailureKind::Application { code, retryable, next_retry_delay } => {
            let code = if code.is_empty() { "application failure" } else { code };
            let delay = next_retry_delay
                .map_or_else(String::new, |delay| format!(", next_retry_delay {}", times::round(delay)));
            format!("{code} ({}{delay})", retried(*retryable))
        }
        FailureKind::Timeout(kind) => format!("{kind} timeout"),
        FailureKind::Cancelled => "cancelled".to_owned(),
        FailureKind::Terminated => "terminated".to_owned(),
        FailureKind::Server { retryable } => format!("failure of the server ({})", retried(*retryable)),
        FailureKind::Activity { activity, id } => format!("activity {activity} {id} failed"),
        FailureKind::Child { workflow_type, workflow } => format!("child workflow {workflow_type} {workflow} failed"),
        FailureKind::Nexus { operation } => format!("Nexus operation {operation} failed"),
        FailureKind::Other => "failure".to_owned(),
    }
}
