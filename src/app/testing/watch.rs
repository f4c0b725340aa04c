//! Scenes of the pages about executions of any workflow: an application, and a server whose answers a test decides.

use std::collections::BTreeMap;

use crate::{
    app::*,
    domain::{
        ActivityOptions, EventKind, ExecutionInfo, ExecutionReport, ExecutionStatus, HistoryEvent, PendingActivity,
        PendingDetails, PendingTask, ReportedActivity, Run, UnixMillis,
    },
};

use super::fixture::{T0, setup};

/// The run of an execution by its number.
pub fn run(number: usize) -> Run {
    Run { workflow: format!("checkout-{number}"), run: format!("run-{number}") }
}

/// An open execution in a list.
pub fn info(run: Run) -> ExecutionInfo {
    ExecutionInfo {
        run,
        workflow_type: "Checkout".into(),
        task_queue: "shop".into(),
        status: ExecutionStatus::Running,
        started: UnixMillis(T0 - 60_000),
        closed: None,
        history_length: 5,
        parent: None,
    }
}

/// The description of an open execution.
pub fn report(run: Run, at: u64, pending: Vec<PendingActivity>) -> ExecutionReport {
    let details = || PendingDetails { options: Some(ActivityOptions::default()), ..PendingDetails::default() };
    let activities = pending.into_iter().map(|pending| ReportedActivity { pending, details: details() });
    let (activities, nexus) = (activities.collect(), Vec::new());
    ExecutionReport { at: UnixMillis(at), info: info(run), activities, nexus, task: None }
}

/// A history event.
pub fn event(id: u64, at: u64, kind: EventKind) -> HistoryEvent {
    HistoryEvent { id, at: UnixMillis(at), kind }
}

/// An application with a page about executions, and a server with open executions, the newest first.
pub struct WatchScene {
    pub app: App,
    pub now: u64,
    pub executions: Vec<ExecutionInfo>,
    /// What the server reports about their activities.
    pub pending: BTreeMap<Run, Vec<PendingActivity>>,
    /// Their failing workflow tasks.
    pub tasks: BTreeMap<Run, PendingTask>,
    /// Their histories.
    pub histories: BTreeMap<Run, Vec<HistoryEvent>>,
    /// Error that the server answers instead.
    pub problem: Option<WatchProblem>,
    /// The requests so far, with their times.
    pub requests: Vec<(u64, WatchRequest)>,
    /// The time until an answer comes.
    pub latency: u64,
    /// Number of ticks so far.
    pub ticks: usize,
    /// Number of frames so far because of the clock, and because of answers.
    pub frames: [usize; 2],
    /// The time of the latest tick.
    ticked: u64,
    answers: Vec<(u64, WatchNews)>,
}

impl WatchScene {
    /// A session that watches with these options, and a server with that many executions.
    pub fn new(options: WatchOptions, executions: usize) -> Self {
        let start_mode = StartMode::Watch(Box::new(options));
        let mut scene = Self::on(App::new(Options { start_mode, ..setup() }), executions);
        scene.tell(Message::Link(Link::Up));
        scene
    }

    /// The same with an application that is connected.
    pub fn on(app: App, executions: usize) -> Self {
        Self {
            app,
            now: T0,
            executions: (0..executions).map(|number| info(run(number))).collect(),
            pending: BTreeMap::new(),
            tasks: BTreeMap::new(),
            histories: BTreeMap::new(),
            problem: None,
            requests: Vec::new(),
            latency: 10,
            ticks: 0,
            frames: [0, 0],
            ticked: T0,
            answers: Vec::new(),
        }
    }

    pub fn tell(&mut self, message: Message) {
        let commands = self.app.update(message);
        self.execute(commands);
    }

    /// Presses a key. Returns the commands that are not answered here.
    pub fn press(&mut self, intent: Intent) -> Vec<Command> {
        let commands = self.app.update(Message::Intent(intent));
        let (watch, rest): (Vec<_>, Vec<_>) = commands.into_iter().partition(
            |command| matches!(command, Command::Watch(request) if !matches!(request, WatchRequest::Operate(..))),
        );
        self.execute(watch);
        rest
    }

    /// Lets time pass as the event loop does, and answers the requests.
    pub fn wait(&mut self, millis: u64) {
        let until = self.now + millis;
        while self.now < until {
            let due = self.answers.iter().map(|(at, _)| *at).min().unwrap_or(u64::MAX);
            let tick = self.ticked + u64::try_from(self.app.tick_interval().as_millis()).unwrap();
            self.now = due.min(tick).clamp(self.now, until);
            (self.ticked, self.ticks) = (self.now, self.ticks + 1);
            self.tell(Message::Tick { now: UnixMillis(self.now) });
            self.frames[0] += usize::from(self.app.take_dirty());
            let now = self.now;
            let (come, later) = std::mem::take(&mut self.answers).into_iter().partition(|(at, _)| *at <= now);
            self.answers = later;
            let come: Vec<_> = come;
            for (_, news) in come {
                self.tell(Message::Watch(news));
            }
            self.frames[1] += usize::from(self.app.take_dirty());
        }
    }

    pub fn watch(&self) -> &Watch {
        self.app.watch().unwrap()
    }

    pub fn opened(&self) -> &Watched {
        self.watch().opened().unwrap()
    }

    /// Requests of the last `millis` that `select` selects.
    pub fn sent(&self, millis: u64, select: impl Fn(&WatchRequest) -> bool) -> usize {
        let recent = self.requests.iter().filter(|(at, _)| at + millis > self.now);
        recent.filter(|(_, request)| select(request)).count()
    }

    fn execute(&mut self, commands: Vec<Command>) {
        for command in commands {
            let Command::Watch(request) = command else { continue };
            self.requests.push((self.now, request.clone()));
            if let Some((after, news)) = self.answer(request) {
                self.answers.push((self.now + after, news));
            }
        }
    }

    fn answer(&mut self, request: WatchRequest) -> Option<(u64, WatchNews)> {
        let problem = self.problem.clone();
        let news = match request {
            WatchRequest::List { query, page } => {
                let executions: Vec<_> =
                    self.executions.iter().skip(page * PAGE_ROWS).take(PAGE_ROWS).cloned().collect();
                let more = self.executions.len() > (page + 1) * PAGE_ROWS;
                let listed = ListPage { at: UnixMillis(self.now), executions, more };
                WatchNews::Listed { query, page, answer: problem.map_or(Ok(listed), Err) }
            }
            WatchRequest::Count { query } => {
                WatchNews::Counted { query, answer: problem.map_or(Ok(self.executions.len() as u64), Err) }
            }
            WatchRequest::Describe(run) => {
                let found = self
                    .executions
                    .iter()
                    .find(|info| info.run.workflow == run.workflow && (run.run.is_empty() || info.run.run == run.run));
                let described = found.map(|info| {
                    let pending = self.pending.get(&info.run).cloned().unwrap_or_default();
                    let task = self.tasks.get(&info.run).cloned();
                    let history_length = self.histories.get(&info.run).map_or(0, |events| events.len() as u64);
                    let info = ExecutionInfo { history_length, ..info.clone() };
                    ExecutionReport { task, info: info.clone(), ..report(info.run, self.now, pending) }
                });
                let described = described.map(Box::new).ok_or(WatchProblem::NotFound);
                WatchNews::Described { run, answer: problem.map_or(described, Err) }
            }
            WatchRequest::History { run, after } => {
                let all = self.histories.get(&run).map(Vec::as_slice).unwrap_or_default();
                let events: Vec<_> = all.iter().filter(|event| event.id > after).take(2).cloned().collect();
                let more = !matches!(all.last(), Some(HistoryEvent { kind: EventKind::Ended { .. }, id, .. }) if events.last().is_none_or(|last| last.id == *id));
                let waits = if events.is_empty() && problem.is_none() { 20_000 } else { 0 };
                let answer = problem.map_or(Ok(HistoryPage { events, more }), Err);
                return Some((self.latency + waits, WatchNews::History { run, answer }));
            }
            WatchRequest::Operate(..) => return None,
        };
        Some((self.latency, news))
    }
}
