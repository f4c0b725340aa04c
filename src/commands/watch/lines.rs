//! Prints the events of executions as they happen: a line for each, or a JSON object. Without a workflow id it follows
//! the open executions of the list.

use std::{collections::BTreeMap, ops::ControlFlow, process::ExitCode, sync::Arc, time::Duration};

use tokio::sync::mpsc;

use super::{
    followed::{EventFinders, Followed, shown_runs},
    print,
};
use crate::{
    app::{
        App, Command, Core, Link, Message, Options, Overlay, PlannedWait, WatchEvent, WatchEventKind, WatchProblem,
        Watched, doubt_of_empty_list, explain_problem,
    },
    commands::{Failure, demo::end_signal, session::MESSAGE_QUEUE_LEN},
    config::Settings,
    domain::{ActivityOptions, ItemEnd, PayloadContent, PendingState, Run, TimeoutKind, expired_timeout},
    recording::{Recorded, Recorder},
    runtime::{executor::WatchExecutor, headless},
    ui::times,
};

/// Prints events until the execution ends, or until a signal if no execution is named.
///
/// # Errors
/// Returns [`Failure`] if the server cannot be reached at the start, does not know the execution, or refuses to describe
/// it, and for a signal.
pub async fn print_events(
    settings: Arc<Settings>,
    setup: Options,
    recorder: Option<Recorder>,
    json: bool,
) -> Result<ExitCode, Failure> {
    let (sender, mut messages) = mpsc::channel(MESSAGE_QUEUE_LEN);
    let executor = WatchExecutor::start(settings, sender);
    let mut printer = Printer::new(json, &setup);
    let core = Lines { first: Recorded::new(setup.clone(), recorder), others: Followed::new(setup) };
    let after = |message: &Message, core: &Lines| printer.after(message, core);
    let running = headless::run(core, &mut messages, |command| executor.execute(command), after);
    let (core, ended) = tokio::select! {
        ended = running => ended,
        signal = end_signal()? => return Err(Failure::Signal(signal)),
    };
    let _ended = core.first.end();
    ended.unwrap_or_else(|| Err(Failure::Other("the connection's task ended; see the log".to_owned())))
}

/// The core of the named execution or of the list, and in the second case the executions that are followed.
struct Lines {
    first: Recorded,
    others: Followed,
}

impl Lines {
    /// The executions to print.
    fn watched(&self) -> impl Iterator<Item = &Watched> {
        shown_runs(self.first.app()).chain(self.others.watched())
    }

    /// Whether the list is followed, rather than one execution.
    fn is_list(&self) -> bool {
        self.first.app().watch().is_some_and(|watch| watch.opened().is_none())
    }
}

impl Core for Lines {
    fn app(&self) -> &App {
        self.first.app()
    }

    fn update(&mut self, message: Message) -> Vec<Command> {
        let mut commands = self.others.update(&message);
        commands.extend(self.first.update(message));
        self.others.follow(self.first.app().watch());
        commands
    }

    fn take_dirty(&mut self) -> bool {
        self.first.take_dirty()
    }

    fn overlay(&self) -> Overlay {
        self.first.overlay()
    }

    fn use_ascii(&mut self) {
        self.first.use_ascii();
    }

    fn pace(&self) -> Duration {
        self.first.pace().min(self.others.pace())
    }
}

/// Prints what has changed after each message.
struct Printer {
    json: bool,
    namespace: String,
    finders: EventFinders,
    /// The last printed state of the connection or of the list.
    notice: Option<String>,
    /// The last printed problem of each execution of the list.
    problems: BTreeMap<Run, String>,
}

impl Printer {
    fn new(json: bool, setup: &Options) -> Self {
        Self {
            json,
            namespace: setup.namespace.clone(),
            finders: EventFinders::default(),
            notice: None,
            problems: BTreeMap::new(),
        }
    }

    fn after(&mut self, message: &Message, core: &Lines) -> ControlFlow<Result<ExitCode, Failure>> {
        match message {
            Message::Link(Link::Down { cause, attempt, .. }) if *attempt > 0 && self.notice.is_none() => {
                return ControlFlow::Break(Err(Failure::Other(cause.clone())));
            }
            Message::Link(Link::Down { cause, .. }) => self.notice(&format!("not connected: {cause}; retrying")),
            Message::Link(Link::Up) => self.notice(&format!("connected to {}", core.app().options().server)),
            _ => {}
        }
        let is_list = core.is_list();
        if is_list {
            self.list(core)?;
            self.followed(core)?;
        }
        let now = core.app().shown_now();
        for watched in core.watched() {
            let events = self.finders.find(watched, now);
            for event in &events {
                self.event(event, watched, is_list);
            }
        }
        if is_list { ControlFlow::Continue(()) } else { self.end(core) }
    }

    /// Ends if the execution has ended, or cannot be watched.
    fn end(&mut self, core: &Lines) -> ControlFlow<Result<ExitCode, Failure>> {
        let Some(watch) = core.app().watch() else { return ControlFlow::Continue(()) };
        let Some(watched) = watch.opened() else { return ControlFlow::Continue(()) };
        if let Some((problem, text)) = watched.problem.as_ref().zip(watch.explain(&self.namespace)) {
            // The similar ids are those of the list, which is requested after the answer.
            let is_complete =
                *problem != WatchProblem::NotFound || watch.list().is_read() || watch.list().problem().is_some();
            if !is_complete {
                return ControlFlow::Continue(());
            }
            if problem.is_final() && watched.info.is_none() {
                return ControlFlow::Break(Err(Failure::Other(text)));
            }
            self.notice(&text);
        } else if let Some(text) = watch.explain_history(&self.namespace) {
            self.notice(&text);
        }
        let Some(end) = watched.end.as_ref().filter(|_| watched.is_complete()) else {
            return ControlFlow::Continue(());
        };
        if end.next_run.is_some() && watched.target.run.is_empty() {
            return ControlFlow::Continue(());
        }
        let has_completed = matches!(end.end, ItemEnd::Completed { .. });
        ControlFlow::Break(Ok(if has_completed { ExitCode::SUCCESS } else { ExitCode::FAILURE }))
    }

    /// Ends if the list cannot be read at all.
    fn list(&mut self, core: &Lines) -> ControlFlow<Result<ExitCode, Failure>> {
        let Some(watch) = core.app().watch() else { return ControlFlow::Continue(()) };
        let list = watch.list();
        if let Some(problem) = list.problem() {
            let text = explain_problem(problem, None, &self.namespace, &[]);
            if problem.is_final() && !list.is_read() {
                return ControlFlow::Break(Err(Failure::Other(text)));
            }
            self.notice(&text);
        } else if list.is_read() {
            let open = list.rows().iter().filter(|row| row.info.status.is_open()).count();
            let (query, followed) = (list.query(), core.others.len());
            self.notice(&match open {
                0 => {
                    let doubt = doubt_of_empty_list(query).map_or_else(String::new, |doubt| format!(". {doubt}"));
                    format!("no open execution; waiting for one that the query finds: {query}{doubt}")
                }
                _ if open > followed => {
                    // Without a count of the others, which changes often.
                    format!(
                        "following {followed} executions, and more are open; name one, or narrow the list with --query"
                    )
                }
                _ => format!("following all open executions that the query finds: {query}"),
            });
        }
        ControlFlow::Continue(())
    }

    /// Prints the problems of the executions of the list. Ends if the server refuses to describe all of them.
    fn followed(&mut self, core: &Lines) -> ControlFlow<Result<ExitCode, Failure>> {
        let mut known = std::mem::take(&mut self.problems);
        let (mut refused, mut refusal) = (0, None);
        for (watch, opened) in core.others.watches().filter_map(|watch| Some((watch, watch.opened()?))) {
            let Some(text) = watch.explain(&self.namespace).or_else(|| watch.explain_history(&self.namespace)) else {
                continue;
            };
            let text = format!("{}: {text}", opened.target.workflow);
            if opened.info.is_none() && opened.problem.as_ref().is_some_and(is_refusal) {
                refused += 1;
                refusal = Some(text.clone());
            }
            let before = known.remove(opened.run());
            if before.as_ref() != Some(&text) {
                print::problem(&text);
            }
            self.problems.insert(opened.run().clone(), text);
        }
        match refusal {
            Some(text) if refused == core.others.len() => ControlFlow::Break(Err(Failure::Other(text))),
            _ => ControlFlow::Continue(()),
        }
    }

    /// Prints a sentence about the connection or the list once, on standard error, so that JSON stays JSON.
    fn notice(&mut self, text: &str) {
        if self.notice.as_deref() != Some(text) {
            print::problem(text);
            self.notice = Some(text.to_owned());
        }
    }

    fn event(&self, event: &WatchEvent, watched: &Watched, is_list: bool) {
        if self.json {
            return print::json(event);
        }
        let begun = watched.info.as_ref().map_or(event.at, |info| info.started);
        let since = event.at.since(begun);
        let execution = if is_list { format!("{}  ", event.workflow) } else { String::new() };
        let text = sentence(event);
        print::line(&format!("{:>4}.{:03} s  {execution}{text}", since.as_secs(), since.subsec_millis()));
    }
}

/// Whether the server would refuse to describe any other execution too.
const fn is_refusal(problem: &WatchProblem) -> bool {
    matches!(problem, WatchProblem::NoNamespace { .. } | WatchProblem::Denied { .. } | WatchProblem::Unsupported { .. })
}

/// Returns the line of an event, in ASCII apart from foreign text, because the encoding of the output is unknown.
pub(in crate::commands) fn sentence(event: &WatchEvent) -> String {
    use WatchEventKind as Kind;
    match &event.kind {
        Kind::Found { workflow_type, task_queue, status, input } => {
            let (workflow, run, status) = (&event.workflow, &event.run, status.name());
            format!(
                "{workflow} started: type {workflow_type}({}), task queue {task_queue}, run {run}, status {status}",
                values(input)
            )
        }
        Kind::Scheduled { activity, options } => {
            let options = options.as_ref().map_or_else(String::new, |options| format!(": {}", limits(options)));
            format!("{activity}  scheduled{options}")
        }
        Kind::NotObserved { activity, first, last } if first == last => {
            format!("{activity}  attempt {first} not observed")
        }
        Kind::NotObserved { activity, first, last } => format!("{activity}  attempts {first} to {last} not observed"),
        Kind::NotKept { lanes } => {
            format!("{lanes} earlier activities, timers and other parts of the history are not kept")
        }
        Kind::AttemptStarted { activity, attempt, waited, planned } => {
            let waited = waited.map_or_else(String::new, |waited| format!(" after {}", times::observed(waited)));
            let planned = planned.filter(|_| !waited.is_empty());
            format!("{activity}  {attempt} started{waited}{}", planned_wait(planned))
        }
        Kind::AttemptFailed { activity, attempt, took, wait, certainty, limit, failure } => {
            let took = took.map_or_else(String::new, |took| format!(" after {}", times::exact(took)));
            let wait = wait.map_or_else(String::new, |wait| {
                format!(", backoff {}{}", times::observed(wait.observed), planned_wait(wait.planned))
            });
            let retry = if failure.retryable { "" } else { " (not retryable)" };
            let certainty = certainty.label().map_or_else(String::new, |label| format!(" [{label}]"));
            let message = in_time(expired_timeout(&failure.causes), *limit, &failure.message);
            let reason = coded(&failure.code, &message);
            format!("{activity}  {attempt} failed{took}{wait}: {reason}{retry}{certainty}")
        }
        Kind::AttemptEnded { activity, attempt } => format!("{activity}  {attempt} ended; its result is not known"),
        Kind::Waiting { activity, attempt, wait, planned, .. } => {
            let wait = wait.map_or_else(String::new, |wait| format!(" in {}", times::exact(wait)));
            format!("{activity}  {attempt} due{wait}{}", planned_wait(*planned))
        }
        Kind::StateChanged { activity, state } => format!("{activity}  {}", state_text(*state)),
        Kind::ActivityEnded { activity, attempts, limit, end, retries_ended } => {
            let attempts = if *attempts == 1 { "1 attempt".to_owned() } else { format!("{attempts} attempts") };
            let mut end = end.clone();
            if let ItemEnd::TimedOut(failure) = &mut end {
                failure.message = in_time(failure.timeout(), *limit, &failure.message);
            }
            let why = retries_ended.map_or_else(String::new, |why| format!(": {}", why.text()));
            format!("{activity}  {} after {attempts}{why}", ended(&end))
        }
        Kind::ItemBegan { item, name, input, from, due } => {
            let input = input.as_ref().map_or_else(String::new, |input| format!("({})", values(input)));
            let from = from.as_ref().map_or_else(String::new, |from| format!(" from {from}"));
            let due = due.map(|due| due.since(event.at));
            let due = due.map_or_else(String::new, |due| format!(", fires in {}", times::exact(due)));
            format!("{item} {name}{input}{from}{due}")
        }
        Kind::ItemAttemptFailed { item, name, attempt, due, failure } => {
            let reason = coded(&failure.code, &failure.message);
            let due = due.map(|due| due.since(event.at));
            let next =
                due.map_or_else(String::new, |due| format!("; attempt {} due in {}", attempt + 1, times::exact(due)));
            format!("{item} {name}  attempt {attempt} failed: {reason}{next}")
        }
        Kind::ItemEnded { item, name, attempts, took, end } => {
            let attempts = if *attempts > 1 { format!(", {attempts} attempts") } else { String::new() };
            let ended = match end {
                ItemEnd::Completed { .. } if *item == "timer" => "fired".to_owned(),
                end => ended(end),
            };
            format!("{item} {name} {ended} after {}{attempts}", times::exact(*took))
        }
        Kind::TaskFails { attempt, cause, code, message, worker } => {
            let worker = worker.as_ref().filter(|worker| !worker.is_empty());
            let worker = worker.map_or_else(String::new, |worker| format!(" on worker {worker}"));
            let cause = cause.as_ref().map_or_else(String::new, |cause| format!(": {cause}"));
            let message = message.as_ref().map(|message| coded(code.as_deref().unwrap_or_default(), message));
            let message = message.map_or_else(String::new, |message| format!(": {message}"));
            format!("WORKFLOW TASK FAILS, attempt {attempt}{worker}{cause}{message}; nothing else can continue")
        }
        Kind::TaskRecovered => "the workflow task no longer fails".to_owned(),
        Kind::Ended { end, next_run } => {
            let next = next_run.as_ref().map_or_else(String::new, |run| format!("; continues in run {run}"));
            format!("{} {}{next}", event.workflow, ended(end))
        }
    }
}

/// Returns the message of a timeout with its value if that is known.
fn in_time(timeout: Option<TimeoutKind>, limit: Option<Duration>, message: &str) -> String {
    match (timeout, limit) {
        (Some(timeout), Some(limit)) => timeout.sentence(Some(&times::round(limit))),
        _ => message.to_owned(),
    }
}

fn planned_wait(planned: Option<PlannedWait>) -> String {
    match planned {
        Some(PlannedWait::Policy(wait)) => format!(" (policy: {})", times::round(wait)),
        Some(PlannedWait::Requested(wait)) => format!(" (next_retry_delay: {})", times::round(wait)),
        None => String::new(),
    }
}

const fn state_text(state: PendingState) -> &'static str {
    match state {
        PendingState::Paused => "paused",
        PendingState::CancelRequested => "cancellation requested",
        PendingState::Started | PendingState::Scheduled => "no longer paused",
    }
}

/// Returns the type and the message of a failure, each of them if it is not empty.
fn coded(code: &str, message: &str) -> String {
    let separator = if code.is_empty() || message.is_empty() { "" } else { ": " };
    format!("{code}{separator}{message}")
}

fn values(values: &[PayloadContent]) -> String {
    values.iter().map(PayloadContent::to_string).collect::<Vec<_>>().join(", ")
}

/// Returns how an item ended.
fn ended(end: &ItemEnd) -> String {
    let failed = |how: &str, code: &str, message: &str| format!("{how}: {}", coded(code, message));
    match end {
        ItemEnd::Completed { result } if result.is_empty() => "completed".to_owned(),
        ItemEnd::Completed { result } => format!("completed: {}", values(result)),
        ItemEnd::Failed(failure) => failed("FAILED", &failure.code, &failure.message),
        ItemEnd::TimedOut(failure) => failed("TIMED OUT", "", &failure.message),
        ItemEnd::Cancelled => "cancelled".to_owned(),
        ItemEnd::Terminated { reason } if reason.is_empty() => "TERMINATED".to_owned(),
        ItemEnd::Terminated { reason } => format!("TERMINATED: {reason}"),
        ItemEnd::ContinuedAsNew => "continued as new".to_owned(),
    }
}

/// Returns the timeouts and the retry policy of an activity.
fn limits(options: &ActivityOptions) -> String {
    let retry = &options.retry;
    let attempts = match retry.maximum_attempts {
        0 => "unlimited attempts".to_owned(),
        1 => "1 attempt".to_owned(),
        attempts => format!("{attempts} attempts"),
    };
    let [initial, maximum] = [retry.initial, retry.maximum_wait()].map(times::round);
    let timeouts = [
        ("start-to-close", options.start_to_close),
        ("schedule-to-close", options.schedule_to_close),
        ("schedule-to-start", options.schedule_to_start),
        ("heartbeat", options.heartbeat),
    ];
    let mut parts = vec![format!("retry after {initial}, then x{} up to {maximum}, {attempts}", retry.coefficient)];
    let limited = timeouts.into_iter().filter_map(|(name, limit)| Some((name, limit?)));
    parts.extend(limited.map(|(name, limit)| format!("{name} {}", times::round(limit))));
    parts.join("; ")
}
