//! Executions of any workflow in every state, for tests.

use std::time::Duration;

use crate::{
    app::{
        App, HistoryPage, Link, ListPage, Message, Options, StartMode, WatchNews, WatchOptions, WatchProblem,
        testing::fixture::{T0, setup},
    },
    domain::{
        ActivityOptions, EventKind, ExecutionInfo, ExecutionReport, ExecutionStatus, FailureCause, FailureKind,
        FailureReport, Heartbeat, HistoryEvent, ItemEnd, Pause, PayloadContent, PendingActivity, PendingDetails,
        PendingNexus, PendingState, PendingTask, ReportedActivity, RetryPolicy, Run, TimeoutKind, UnixMillis,
    },
};

pub const RUN: &str = "0198f1a2-6b1f-7c3e-8d4a-1c2b3d4e5f60";

/// A session that watches one execution, or the list.
pub struct Watching {
    pub app: App,
    pub now: u64,
    target: Run,
    events: u64,
    pub status: ExecutionStatus,
    pub task: Option<PendingTask>,
    pub nexus: Vec<PendingNexus>,
}

pub fn json(text: &str) -> PayloadContent {
    PayloadContent::Json { text: text.to_owned(), bytes: text.len() as u64 }
}

/// An application failure, as the worker reported it.
pub fn failure(code: &str, message: &str) -> FailureReport {
    let cause = |kind, message: &str, stack: &[&str]| FailureCause {
        kind,
        message: message.to_owned(),
        stack_trace: stack.iter().map(|line| (*line).to_owned()).collect(),
        details: Vec::new(),
    };
    let application =
        |code: &str| FailureKind::Application { code: code.to_owned(), retryable: true, next_retry_delay: None };
    let stack = ["  File \"/app/payments.py\", line 41, in charge_card", "    raise CardDeclined(reason)"];
    let causes = vec![
        FailureCause {
            details: vec![json(r#"{"reason":"limit","retry":true}"#)],
            ..cause(application(code), message, &stack)
        },
        cause(application("HTTPError"), "503 Service Unavailable", &["  File \"/app/http.py\", line 9, in post"]),
    ];
    FailureReport { code: code.to_owned(), message: message.to_owned(), retryable: true, causes }
}

pub fn timed_out(kind: TimeoutKind) -> FailureReport {
    let message = format!("activity {kind} timeout");
    let cause = FailureCause {
        kind: FailureKind::Timeout(kind),
        message: message.clone(),
        stack_trace: Vec::new(),
        details: Vec::new(),
    };
    FailureReport { code: "Timeout".to_owned(), message, retryable: true, causes: vec![cause] }
}

pub fn options() -> ActivityOptions {
    ActivityOptions {
        task_queue: "payments".to_owned(),
        schedule_to_close: Some(Duration::from_mins(2)),
        start_to_close: Some(Duration::from_secs(5)),
        heartbeat: None,
        retry: RetryPolicy { maximum_attempts: 10, ..RetryPolicy::default() },
        ..ActivityOptions::default()
    }
}

impl Watching {
    pub fn list() -> Self {
        Self::new(WatchOptions::default())
    }

    pub fn execution() -> Self {
        Self::new(WatchOptions { workflow: Some("order-77".to_owned()), ..WatchOptions::default() })
    }

    /// One run, which stays on the screen after another one has continued it.
    pub fn run() -> Self {
        let (workflow, run) = (Some("order-77".to_owned()), Some(RUN.to_owned()));
        Self::new(WatchOptions { workflow, run, ..WatchOptions::default() })
    }

    fn new(options: WatchOptions) -> Self {
        let target = Run { workflow: "order-77".to_owned(), run: options.run.clone().unwrap_or_default() };
        let app = App::new(Options { start_mode: StartMode::Watch(Box::new(options)), ..setup() });
        let mut scene =
            Self { app, now: T0, target, events: 0, status: ExecutionStatus::Running, task: None, nexus: Vec::new() };
        scene.tell(Message::Link(Link::Up));
        scene.wait(0);
        scene
    }

    pub fn tell(&mut self, message: Message) {
        self.app.update(message);
    }

    pub fn wait(&mut self, millis: u64) {
        self.now += millis;
        let now = UnixMillis(self.now);
        self.tell(Message::Tick { now });
    }

    pub fn at(&self, back: u64) -> UnixMillis {
        UnixMillis(self.now - back)
    }

    pub fn info(&self) -> ExecutionInfo {
        info("order-77", RUN, self.status)
    }

    /// The server describes the execution with these pending activities.
    pub fn report(&mut self, activities: Vec<ReportedActivity>) {
        let report = ExecutionReport {
            at: UnixMillis(self.now),
            info: self.info(),
            activities,
            nexus: self.nexus.clone(),
            task: self.task.clone(),
        };
        self.tell(Message::Watch(WatchNews::Described { run: self.target.clone(), answer: Ok(Box::new(report)) }));
    }

    pub fn problem(&mut self, problem: WatchProblem) {
        self.tell(Message::Watch(WatchNews::Described { run: self.target.clone(), answer: Err(problem) }));
    }

    /// The list of executions has these workflow ids.
    pub fn listed(&mut self, ids: &[&str]) {
        let executions = ids.iter().map(|id| info(id, "run", ExecutionStatus::Running)).collect();
        let query = self.app.watch().unwrap().list().query().to_owned();
        let answer = Ok(ListPage { at: self.at(0), executions, more: false });
        self.tell(Message::Watch(WatchNews::Listed { query, page: 0, answer }));
    }

    /// The next event of the history, now. Returns its number.
    pub fn event(&mut self, kind: EventKind) -> u64 {
        self.events += 1;
        let event = HistoryEvent { id: self.events, at: UnixMillis(self.now), kind };
        let run = Run { run: RUN.to_owned(), ..self.target.clone() };
        let page = page_of(vec![event]);
        self.tell(Message::Watch(WatchNews::History { run, answer: Ok(page) }));
        self.events
    }

    pub fn started(&mut self) {
        self.report(Vec::new());
        self.event(EventKind::Started {
            workflow_type: "OrderWorkflow".to_owned(),
            input: vec![json(r#"{"order":"77"}"#)],
            attempt: 1,
            continued_from: None,
        });
    }

    pub fn schedule(&mut self, name: &str, id: &str, options: ActivityOptions) -> u64 {
        let input = vec![json(r#"{"card":"4111","amount":1250,"currency":"EUR"}"#)];
        self.event(EventKind::ActivityScheduled { id: id.to_owned(), activity: name.into(), options, input })
    }

    /// An activity whose attempt `number` runs since `back` milliseconds.
    pub fn running(&self, name: &str, id: &str, number: u32, back: u64) -> ReportedActivity {
        let pending = PendingActivity {
            activity: name.into(),
            id: id.to_owned(),
            attempt: number,
            maximum: 10,
            state: PendingState::Started,
            started: Some(self.at(back)),
            completed: None,
            next: None,
            interval: None,
            failure: None,
            worker: "77@payments-5f9c".to_owned(),
        };
        let details = PendingDetails {
            scheduled: Some(UnixMillis(T0)),
            expires: Some(UnixMillis(T0 + 120_000)),
            ..PendingDetails::default()
        };
        ReportedActivity { pending, details }
    }

    /// The attempt before `number` has failed just now after `took`; the next is due after `wait`.
    pub fn waiting(&self, name: &str, id: &str, number: u32, took: u64, wait: u64) -> ReportedActivity {
        let running = self.running(name, id, number, took);
        let pending = PendingActivity {
            state: PendingState::Scheduled,
            completed: Some(UnixMillis(self.now)),
            next: Some(UnixMillis(self.now + wait)),
            interval: Some(Duration::from_millis(wait)),
            failure: Some(failure("CardDeclined", "the issuer declined the card: try again later")),
            ..running.pending
        };
        ReportedActivity { pending, ..running }
    }

    /// Runs attempts up to `last`, which fail after 12 ms, and waits for the next one.
    pub fn fail(&mut self, name: &str, id: &str, last: u32) -> ReportedActivity {
        let policy = RetryPolicy::default();
        let mut latest = self.running(name, id, 1, 0);
        for number in 1..=last {
            let running = self.running(name, id, number, 0);
            self.report(vec![running]);
            self.wait(12);
            let wait = u64::try_from(policy.after(number).as_millis()).unwrap();
            latest = self.waiting(name, id, number + 1, 12, wait);
            self.report(vec![latest.clone()]);
            if number < last {
                self.wait(wait + 20);
            }
        }
        latest
    }
}

fn page_of(events: Vec<HistoryEvent>) -> HistoryPage {
    HistoryPage { events, more: false }
}

pub fn info(workflow: &str, run: &str, status: ExecutionStatus) -> ExecutionInfo {
    ExecutionInfo {
        run: Run { workflow: workflow.to_owned(), run: run.to_owned() },
        workflow_type: "OrderWorkflow".to_owned(),
        task_queue: "orders".to_owned(),
        status,
        started: UnixMillis(T0),
        closed: None,
        history_length: 12,
        parent: None,
    }
}

/// Three failures; the fourth attempt is due in 3.2 s.
pub fn backoff() -> Watching {
    backoff_of(Watching::execution())
}

fn backoff_of(mut scene: Watching) -> Watching {
    scene.started();
    scene.schedule("charge_card", "5", options());
    scene.fail("charge_card", "5", 3);
    scene.wait(800);
    scene
}

pub fn running() -> Watching {
    let mut scene = Watching::execution();
    scene.started();
    scene.schedule("charge_card", "5", options());
    scene.fail("charge_card", "5", 1);
    scene.wait(1_020);
    let mut running = scene.running("charge_card", "5", 2, 0);
    running.details.heartbeat = Some(Heartbeat { at: Some(scene.at(0)), details: vec![json(r#"{"done":3}"#)] });
    scene.report(vec![running]);
    scene.wait(3_200);
    scene
}

pub fn parallel() -> Watching {
    let mut scene = Watching::execution();
    scene.started();
    for (name, id) in [("reserve_stock", "4"), ("charge_card", "5"), ("send_mail", "6")] {
        scene.schedule(name, id, options());
    }
    scene.wait(40);
    let all = [("reserve_stock", "4"), ("charge_card", "5"), ("send_mail", "6")];
    let first: Vec<_> = all.iter().map(|(name, id)| scene.running(name, id, 1, 20)).collect();
    scene.report(first.clone());
    scene.wait(200);
    let charge = scene.waiting("charge_card", "5", 2, 200, 1_000);
    scene.report(vec![first[0].clone(), charge.clone(), first[2].clone()]);
    scene.wait(300);
    let event = EventKind::ActivityStarted { scheduled: 4, attempt: 1, worker: "78@mail".into(), failure: None };
    scene.event(event);
    scene.event(EventKind::ActivityEnded { scheduled: 4, end: ItemEnd::Completed { result: vec![json("\"sent\"")] } });
    scene.report(vec![first[0].clone(), charge]);
    scene.wait(200);
    scene
}

/// One attempt that exceeded each timeout.
pub fn timeouts(kind: TimeoutKind) -> Watching {
    let mut scene = Watching::execution();
    scene.started();
    scene.schedule("charge_card", "5", ActivityOptions { heartbeat: Some(Duration::from_secs(2)), ..options() });
    let running = scene.running("charge_card", "5", 1, 0);
    scene.report(vec![running]);
    scene.wait(5_000);
    let mut waiting = scene.waiting("charge_card", "5", 2, 5_000, 1_000);
    waiting.pending.failure = Some(timed_out(kind));
    scene.report(vec![waiting]);
    scene.wait(400);
    scene
}

pub fn items() -> Watching {
    let mut scene = Watching::execution();
    scene.started();
    let local = EventKind::LocalActivity {
        id: "1".into(),
        activity: "check_address".into(),
        attempt: 2,
        backoff: None,
        started: Some(scene.at(0)),
        end: ItemEnd::Completed { result: Vec::new() },
    };
    scene.wait(300);
    scene.event(local);
    scene.event(EventKind::TimerStarted { id: "7".into(), duration: Duration::from_secs(8) });
    scene.event(EventKind::ChildInitiated { workflow: "ship-77".into(), workflow_type: "Shipping".into() });
    scene.event(EventKind::NexusScheduled { operation: "billing/invoice/create".into() });
    scene.wait(1_000);
    let signal = |name: &str| EventKind::Signaled { name: name.into(), input: vec![json("true")], from: "cli".into() };
    scene.event(signal("approve"));
    scene.event(EventKind::UpdateAccepted { name: "set_address".into(), input: vec![json("\"Kai 7\"")] });
    scene.wait(1_200);
    scene.event(EventKind::ChildEnded { initiated: 4, end: ItemEnd::Failed(failure("NoCourier", "none is free")) });
    scene.wait(500);
    scene
}

pub fn failing_task() -> Watching {
    let mut scene = backoff();
    scene.wait(60_000);
    scene.event(EventKind::TaskFailed {
        cause: "NonDeterministicError".into(),
        failure: failure("RuntimeError", "nondeterminism: the history has activity charge_card, the code has refund"),
        worker: "81@orders".into(),
    });
    scene.wait(130_000);
    scene.task = Some(PendingTask { attempt: 7, scheduled: Some(scene.at(900)), started: None });
    let waiting = scene.waiting("charge_card", "5", 4, 12, 4_000);
    scene.report(vec![waiting]);
    scene
}

/// Watched from the third attempt on.
pub fn not_observed() -> Watching {
    let mut scene = Watching::execution();
    scene.started();
    scene.schedule("charge_card", "5", options());
    scene.wait(9_000);
    let waiting = scene.waiting("charge_card", "5", 5, 12, 8_000);
    scene.report(vec![waiting]);
    scene.wait(500);
    scene
}

pub fn paused() -> Watching {
    let mut scene = backoff();
    let mut paused = scene.waiting("charge_card", "5", 4, 812, 4_000);
    paused.pending.state = PendingState::Paused;
    paused.pending.next = None;
    let reason = "the bank is down".to_owned();
    paused.details.pause = Some(Pause { at: Some(scene.at(0)), by: "ada@ops".to_owned(), reason });
    scene.report(vec![paused]);
    scene.wait(9_000);
    scene
}

pub fn ended() -> Watching {
    let mut scene = backoff();
    scene.wait(3_200);
    scene.event(EventKind::ActivityStarted {
        scheduled: 2,
        attempt: 4,
        worker: "77@payments-5f9c".into(),
        failure: Some(failure("CardDeclined", "the issuer declined the card: try again later")),
    });
    scene.wait(80);
    scene.event(EventKind::ActivityEnded { scheduled: 2, end: ItemEnd::Completed { result: vec![json("\"paid\"")] } });
    scene.event(EventKind::Ended { end: ItemEnd::Completed { result: vec![json("\"done\"")] }, next_run: None });
    scene.status = ExecutionStatus::Completed;
    scene.report(Vec::new());
    scene.wait(2_000);
    scene
}

pub fn continued() -> Watching {
    let mut scene = backoff_of(Watching::run());
    let next_run = Some("0198f1a2-aaaa-7c3e-8d4a-1c2b3d4e5f60".to_owned());
    scene.status = ExecutionStatus::ContinuedAsNew;
    scene.report(Vec::new());
    scene.event(EventKind::Ended { end: ItemEnd::ContinuedAsNew, next_run });
    scene.wait(1_000);
    scene
}

/// `next_retry_delay` instead of the policy's wait.
pub fn requested_delay() -> Watching {
    let mut scene = Watching::execution();
    scene.started();
    scene.schedule("charge_card", "5", options());
    let running = scene.running("charge_card", "5", 1, 0);
    scene.report(vec![running]);
    scene.wait(12);
    let mut waiting = scene.waiting("charge_card", "5", 2, 12, 6_000);
    let failed = waiting.pending.failure.as_mut().unwrap();
    let (code, next_retry_delay) = ("CardDeclined".to_owned(), Some(Duration::from_secs(6)));
    failed.causes[0].kind = FailureKind::Application { code, retryable: true, next_retry_delay };
    scene.report(vec![waiting]);
    scene.wait(1_000);
    scene
}

/// A list with this many executions; some retry, and two have a failing workflow task.
pub fn list(count: u64) -> Watching {
    let mut scene = Watching::list();
    let name = |index: u64| (format!("order-{index}"), format!("run-{index}"));
    let executions = (0..count)
        .map(|index| ExecutionInfo {
            started: UnixMillis(T0 - index),
            ..info(&name(index).0, &name(index).1, ExecutionStatus::Running)
        })
        .collect();
    let query = scene.app.watch().unwrap().list().query().to_owned();
    let answer = Ok(ListPage { at: scene.at(0), executions, more: false });
    scene.tell(Message::Watch(WatchNews::Listed { query: query.clone(), page: 0, answer }));
    scene.tell(Message::Watch(WatchNews::Counted { query, answer: Ok(count) }));
    for index in 0..count.min(8) {
        let (workflow, run) = name(index);
        let mut activities = Vec::new();
        let number = u32::try_from(index).unwrap() + 1;
        match index {
            0 | 1 => {}
            2 => activities.push(scene.running("charge_card", "5", 1, 20)),
            _ => activities.push(scene.waiting("charge_card", "5", number, 12, 2_500)),
        }
        let task = (index == 1).then_some(PendingTask { attempt: 9, scheduled: None, started: None });
        let run = Run { workflow, run };
        let info = info(&run.workflow, &run.run, ExecutionStatus::Running);
        let report = ExecutionReport { at: scene.at(0), info, activities, nexus: Vec::new(), task };
        scene.tell(Message::Watch(WatchNews::Described { run, answer: Ok(Box::new(report)) }));
    }
    scene.wait(300);
    scene
}

/// The list after a request without an answer.
pub fn unlisted(problem: WatchProblem) -> Watching {
    let mut scene = Watching::list();
    let query = scene.app.watch().unwrap().list().query().to_owned();
    scene.tell(Message::Watch(WatchNews::Listed { query, page: 0, answer: Err(problem) }));
    scene
}

pub fn scenes() -> Vec<(&'static str, Watching)> {
    let mut all = vec![
        ("backoff", backoff()),
        ("running", running()),
        ("parallel", parallel()),
        ("items", items()),
        ("failing task", failing_task()),
        ("not observed", not_observed()),
        ("paused", paused()),
        ("ended", ended()),
        ("continued", continued()),
        ("requested delay", requested_delay()),
        ("list", list(200)),
        ("short list", list(3)),
        ("empty list", list(0)),
        ("unread list", Watching::list()),
        ("unread execution", Watching::execution()),
    ];
    for kind in
        [TimeoutKind::StartToClose, TimeoutKind::Heartbeat, TimeoutKind::ScheduleToStart, TimeoutKind::ScheduleToClose]
    {
        all.push((kind.name(), timeouts(kind)));
    }
    all
}
