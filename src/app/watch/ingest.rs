//! Answers about executions on their way into the state. Foreign text is sanitized and bounded here, because a recording may
//! contain anything.

use crate::domain::{
    ActivityOptions, EventKind, ExecutionInfo, ExecutionReport, FailureCause, FailureKind, FailureReport, Heartbeat,
    HistoryEvent, ItemEnd, Pause, PayloadContent, PendingActivity, PendingDetails, PendingNexus, ReportedActivity, Run,
    answer_limits::{MAX_CAUSES, MAX_JSON_BYTES, MAX_PAYLOADS, MAX_TRACE_LINES, MAX_TYPES, name, text, trace_line},
    sanitize,
};

use super::message::{HistoryPage, ListPage, WatchNews, WatchProblem};

/// The answer with harmless text. What it answers stays as it was requested.
pub fn sanitized(news: WatchNews) -> WatchNews {
    match news {
        WatchNews::Listed { query, page, answer } => {
            WatchNews::Listed { query, page, answer: answer.map(list).map_err(problem) }
        }
        WatchNews::Counted { query, answer } => WatchNews::Counted { query, answer: answer.map_err(problem) },
        WatchNews::Described { run, answer } => {
            let answer = answer.map(|report| Box::new(execution_report(*report))).map_err(problem);
            WatchNews::Described { run, answer }
        }
        WatchNews::History { run, answer } => {
            let page = |page: HistoryPage| HistoryPage { events: page.events.into_iter().map(event).collect(), ..page };
            WatchNews::History { run, answer: answer.map(page).map_err(problem) }
        }
    }
}

fn list(page: ListPage) -> ListPage {
    ListPage { executions: page.executions.into_iter().map(info).collect(), ..page }
}

fn problem(problem: WatchProblem) -> WatchProblem {
    match problem {
        WatchProblem::NoNamespace { cause } => WatchProblem::NoNamespace { cause: text(&cause) },
        WatchProblem::Denied { cause } => WatchProblem::Denied { cause: text(&cause) },
        WatchProblem::Busy { cause } => WatchProblem::Busy { cause: text(&cause) },
        WatchProblem::Unsupported { cause } => WatchProblem::Unsupported { cause: text(&cause) },
        WatchProblem::Invalid { cause } => WatchProblem::Invalid { cause: text(&cause) },
        WatchProblem::Unanswered { cause } => WatchProblem::Unanswered { cause: text(&cause) },
        WatchProblem::NotFound | WatchProblem::NoLink => problem,
    }
}

fn run(run: &Run) -> Run {
    Run { workflow: name(&run.workflow), run: name(&run.run) }
}

fn info(mut info: ExecutionInfo) -> ExecutionInfo {
    info.run = run(&info.run);
    info.workflow_type = name(&info.workflow_type);
    info.task_queue = name(&info.task_queue);
    info.parent = info.parent.as_ref().map(run);
    info
}

fn execution_report(report: ExecutionReport) -> ExecutionReport {
    ExecutionReport {
        info: info(report.info),
        activities: report.activities.into_iter().map(activity).collect(),
        nexus: report.nexus.into_iter().map(nexus).collect(),
        ..report
    }
}

fn activity(ReportedActivity { pending, details }: ReportedActivity) -> ReportedActivity {
    let pending = PendingActivity {
        activity: name(pending.activity.name()).into(),
        id: name(&pending.id),
        // The server counts from 1.
        attempt: pending.attempt.max(1),
        failure: pending.failure.map(failure),
        worker: name(&pending.worker),
        ..pending
    };
    let details = PendingDetails {
        heartbeat: details.heartbeat.map(|beat| Heartbeat { details: payloads(beat.details), ..beat }),
        pause: details.pause.map(|pause| Pause { by: name(&pause.by), reason: text(&pause.reason), ..pause }),
        options: details.options.map(options),
        ..details
    };
    ReportedActivity { pending, details }
}

fn nexus(pending: PendingNexus) -> PendingNexus {
    PendingNexus { operation: text(&pending.operation), failure: pending.failure.map(failure), ..pending }
}

fn options(mut options: ActivityOptions) -> ActivityOptions {
    let types = std::mem::take(&mut options.retry.non_retryable);
    options.retry.non_retryable = types.iter().take(MAX_TYPES).map(|kind| name(kind)).collect();
    options.task_queue = name(&options.task_queue);
    options
}

fn failure(report: FailureReport) -> FailureReport {
    FailureReport {
        code: name(&report.code),
        message: text(&report.message),
        causes: report.causes.into_iter().take(MAX_CAUSES).map(cause).collect(),
        ..report
    }
}

fn cause(cause: FailureCause) -> FailureCause {
    let kind = match cause.kind {
        FailureKind::Application { code, retryable, next_retry_delay } => {
            FailureKind::Application { code: name(&code), retryable, next_retry_delay }
        }
        FailureKind::Activity { activity, id } => FailureKind::Activity { activity: name(&activity), id: name(&id) },
        FailureKind::Child { workflow_type, workflow } => {
            FailureKind::Child { workflow_type: name(&workflow_type), workflow: name(&workflow) }
        }
        FailureKind::Nexus { operation } => FailureKind::Nexus { operation: text(&operation) },
        FailureKind::Timeout(_)
        | FailureKind::Cancelled
        | FailureKind::Terminated
        | FailureKind::Server { .. }
        | FailureKind::Other => cause.kind,
    };
    FailureCause {
        kind,
        message: text(&cause.message),
        stack_trace: cause.stack_trace.iter().take(MAX_TRACE_LINES).map(|line| trace_line(line)).collect(),
        details: payloads(cause.details),
    }
}

fn payloads(all: Vec<PayloadContent>) -> Vec<PayloadContent> {
    let clean = |content| match content {
        PayloadContent::Json { text, bytes } => PayloadContent::Json { text: sanitize(&text, MAX_JSON_BYTES), bytes },
        PayloadContent::Other { encoding, bytes } => PayloadContent::Other { encoding: name(&encoding), bytes },
        PayloadContent::Undecodable { cause } => PayloadContent::Undecodable { cause: text(&cause) },
        PayloadContent::Null => content,
    };
    all.into_iter().take(MAX_PAYLOADS).map(clean).collect()
}

fn end(end: ItemEnd) -> ItemEnd {
    match end {
        ItemEnd::Completed { result } => ItemEnd::Completed { result: payloads(result) },
        ItemEnd::Failed(report) => ItemEnd::Failed(failure(report)),
        ItemEnd::TimedOut(report) => ItemEnd::TimedOut(failure(report)),
        ItemEnd::Terminated { reason } => ItemEnd::Terminated { reason: text(&reason) },
        ItemEnd::Cancelled | ItemEnd::ContinuedAsNew => end,
    }
}

fn event(event: HistoryEvent) -> HistoryEvent {
    HistoryEvent { kind: event_kind(event.kind), ..event }
}

fn event_kind(kind: EventKind) -> EventKind {
    match kind {
        EventKind::Started { workflow_type, input, attempt, continued_from } => EventKind::Started {
            workflow_type: name(&workflow_type),
            input: payloads(input),
            attempt,
            continued_from: continued_from.as_deref().map(name),
        },
        EventKind::TaskCompleted { worker } => EventKind::TaskCompleted { worker: name(&worker) },
        EventKind::TaskFailed { cause, failure: report, worker } => {
            EventKind::TaskFailed { cause: text(&cause), failure: failure(report), worker: name(&worker) }
        }
        EventKind::ActivityScheduled { id, activity, options: set, input } => EventKind::ActivityScheduled {
            id: name(&id),
            activity: name(activity.name()).into(),
            options: options(set),
            input: payloads(input),
        },
        EventKind::ActivityStarted { scheduled, attempt, worker, failure: before } => EventKind::ActivityStarted {
            scheduled,
            attempt: attempt.max(1),
            worker: name(&worker),
            failure: before.map(failure),
        },
        EventKind::ActivityEnded { scheduled, end: how } => EventKind::ActivityEnded { scheduled, end: end(how) },
        EventKind::LocalActivity { id, activity, attempt, started, backoff, end: how } => EventKind::LocalActivity {
            id: name(&id),
            activity: name(&activity),
            attempt,
            started,
            backoff,
            end: end(how),
        },
        EventKind::TimerStarted { id, duration } => EventKind::TimerStarted { id: name(&id), duration },
        EventKind::ChildInitiated { workflow, workflow_type } => {
            EventKind::ChildInitiated { workflow: name(&workflow), workflow_type: name(&workflow_type) }
        }
        EventKind::ChildStarted { initiated, run: started } => {
            EventKind::ChildStarted { initiated, run: run(&started) }
        }
        EventKind::ChildEnded { initiated, end: how } => EventKind::ChildEnded { initiated, end: end(how) },
        EventKind::NexusScheduled { operation } => EventKind::NexusScheduled { operation: text(&operation) },
        EventKind::NexusEnded { scheduled, end: how } => EventKind::NexusEnded { scheduled, end: end(how) },
        EventKind::Signaled { name: signal, input, from } => {
            EventKind::Signaled { name: name(&signal), input: payloads(input), from: name(&from) }
        }
        EventKind::UpdateAccepted { name: update, input } => {
            EventKind::UpdateAccepted { name: name(&update), input: payloads(input) }
        }
        EventKind::UpdateEnded { accepted, end: how } => EventKind::UpdateEnded { accepted, end: end(how) },
        EventKind::CancelRequested { cause } => EventKind::CancelRequested { cause: text(&cause) },
        EventKind::Ended { end: how, next_run } => {
            EventKind::Ended { end: end(how), next_run: next_run.as_deref().map(name) }
        }
        EventKind::Other { name: other } => EventKind::Other { name: name(&other) },
        EventKind::TaskTimedOut { .. }
        | EventKind::ActivityCancelRequested { .. }
        | EventKind::TimerEnded { .. }
        | EventKind::NexusStarted { .. } => kind,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::app::testing::{
        fixture::{foreign, waiting},
        watch::{report, run},
    };

    #[test]
    fn no_control_character_of_an_answer_passes() {
        let hostile = "a\u{1b}[2J\u{202e}b";
        let mut pending = foreign(hostile, hostile, waiting(0, 1, 2));
        let cause = FailureCause {
            kind: FailureKind::Application { code: hostile.into(), retryable: true, next_retry_delay: None },
            message: hostile.repeat(1_000),
            stack_trace: vec![hostile.into(); 1_000],
            details: vec![PayloadContent::Json { text: hostile.into(), bytes: 9 }; 1_000],
        };
        pending.failure = Some(FailureReport {
            code: hostile.into(),
            message: hostile.into(),
            retryable: true,
            causes: vec![cause; 1_000],
        });
        let mut report = report(run(1), 1, vec![pending]);
        report.info.workflow_type = hostile.into();
        let news = sanitized(WatchNews::Described { run: run(1), answer: Ok(Box::new(report)) });
        let text = serde_json::to_string(&news).unwrap();
        assert!(!text.contains("\\u001b") && !text.contains('\u{202e}'), "{text}");
        let WatchNews::Described { answer: Ok(report), .. } = news else { panic!() };
        let pending = &report.activities[0].pending;
        let causes = &pending.failure.as_ref().unwrap().causes;
        assert_eq!((pending.attempt, causes.len(), causes[0].stack_trace.len()), (1, MAX_CAUSES, MAX_TRACE_LINES));
    }
}
