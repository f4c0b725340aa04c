//! The server, the link to it, the worker of this dashboard, and the other workers that poll the task queue.

use crate::domain::{Run, UnixMillis, WORKER_ROLE, is_worker_of_ours, process_identity};

use super::{
    command::Command,
    log::Log,
    message::{Link, LogLevel, Server, Worker},
    notice::Tone,
    orders::{Orders, Slot, poll_schedule::PollSchedule},
    process_exit::ProcessExit,
    sanitized::text,
};

/// Identities of own workers that are remembered: the server lists a dead worker for minutes.
const MAX_OWN_IDENTITIES: usize = 256;

/// The connections of this dashboard, as the runtime reports them.
#[derive(Debug, Clone)]
pub struct Connections {
    /// The name of this host, a part of its workers' identities.
    host: String,
    link: Link,
    link_since: UnixMillis,
    server: Server,
    worker: Worker,
    /// Identities of the pollers; `None` until the server has reported them.
    pollers: Option<Vec<String>>,
    /// Identities of this dashboard's workers, those that have ended too.
    own: Vec<String>,
    polls: PollSchedule,
}

impl Connections {
    /// No connection yet. `host`: the name of this host.
    #[must_use]
    pub fn new(host: String, now: UnixMillis) -> Self {
        Self {
            host,
            link: Link::Connecting { attempt: 1 },
            link_since: now,
            server: Server::Unknown,
            worker: Worker::Absent,
            pollers: None,
            own: Vec::new(),
            polls: PollSchedule::default(),
        }
    }

    /// The link to the server.
    #[must_use]
    pub const fn link(&self) -> &Link {
        &self.link
    }

    /// Whether the link is up.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.link == Link::Up
    }

    /// The time of the last change from one kind of link state to another.
    #[must_use]
    pub const fn link_since(&self) -> UnixMillis {
        self.link_since
    }

    /// The server that the link leads to.
    #[must_use]
    pub const fn server(&self) -> &Server {
        &self.server
    }

    /// The worker process of this dashboard.
    #[must_use]
    pub const fn worker(&self) -> &Worker {
        &self.worker
    }

    /// Whether a worker process of this dashboard runs.
    #[must_use]
    pub const fn has_worker(&self) -> bool {
        matches!(self.worker, Worker::Starting | Worker::Ready { .. } | Worker::Stopping)
    }

    /// Whether no worker process of this dashboard runs, and none will be started by itself.
    #[must_use]
    pub const fn is_without_worker(&self) -> bool {
        matches!(self.worker, Worker::Absent | Worker::Elsewhere | Worker::Killed | Worker::Stopped)
    }

    /// Whether the pollers of the task queue are known.
    #[must_use]
    pub const fn knows_pollers(&self) -> bool {
        self.pollers.is_some()
    }

    /// Identities of pollers that are not workers of this dashboard.
    fn others(&self) -> impl Iterator<Item = &str> {
        let identities = self.pollers.iter().flatten().map(String::as_str);
        identities.filter(|identity| !self.own.iter().any(|own| own == identity))
    }

    /// A worker that polls the task queue and is not this dashboard's.
    #[must_use]
    pub fn other_worker(&self) -> Option<&str> {
        self.others().next()
    }

    /// Such a worker of another program, whose rules are unknown here.
    #[must_use]
    pub fn foreign_worker(&self) -> Option<&str> {
        self.others().find(|identity| !is_worker_of_ours(identity))
    }

    /// Whether any worker takes orders, this dashboard's or another one.
    #[must_use]
    pub fn is_served(&self) -> bool {
        matches!(self.worker, Worker::Ready { .. } | Worker::Elsewhere) || self.other_worker().is_some()
    }

    /// The open orders to ask the server about now, as a command.
    pub fn poll(&mut self, now: UnixMillis, orders: &Orders, selected: Option<Slot>) -> Option<Command> {
        if self.is_up() { self.polls.command(now, orders, selected) } else { None }
    }

    /// The server has answered about a run, or the question has failed.
    pub fn on_answer(&mut self, run: &Run) {
        self.polls.on_answer(run);
    }

    /// Applies a new state of the link.
    pub fn on_link(&mut self, link: Link, log: &mut Log, now: UnixMillis) {
        let link = match link {
            Link::Down { cause, attempt, next_try } => Link::Down { cause: text(&cause), attempt, next_try },
            other => other,
        };
        if std::mem::discriminant(&link) != std::mem::discriminant(&self.link) {
            self.link_since = now;
            match &link {
                Link::Up => {
                    log.write(now, LogLevel::Info, "connected");
                    log.clear_complaint();
                }
                Link::Down { cause, .. } => log.write(now, LogLevel::Error, &format!("no connection: {cause}")),
                Link::Connecting { .. } => {}
            }
        }
        if let Link::Down { cause, .. } = &link {
            self.forget_earlier_server(cause);
        }
        self.link = link;
    }

    /// Forgets a server that was not started, or that ended for another reason than `cause`: it would hide why there is no
    /// connection now.
    fn forget_earlier_server(&mut self, cause: &str) {
        let is_earlier = match &self.server {
            Server::Preparing { .. } => true,
            Server::Ended { cause: of_end } => of_end != cause,
            Server::Foreign | Server::Unknown | Server::Killed | Server::Running { .. } => false,
        };
        if is_earlier {
            self.server = Server::Unknown;
        }
    }

    /// Applies a new state of the server.
    pub fn on_server(&mut self, server: Server, log: &mut Log, now: UnixMillis) {
        let server = sanitized_server(server);
        let line = match &server {
            _ if server == self.server => None,
            Server::Foreign => Some((
                LogLevel::Info,
                "the server does not belong to this dashboard and keeps running after it".to_owned(),
            )),
            Server::Running { web_ui } => {
                Some((LogLevel::Info, format!("the embedded server is running; Web UI {web_ui}")))
            }
            Server::Killed => Some((LogLevel::Warn, "the embedded server was killed on request".to_owned())),
            Server::Ended { cause } => Some((LogLevel::Error, format!("the embedded server has ended: {cause}"))),
            Server::Preparing { .. } | Server::Unknown => None,
        };
        if let Some((level, text)) = line {
            log.write(now, level, &text);
        }
        self.server = server;
    }

    /// Applies a new state of this dashboard's worker. Returns the identity of a worker that has died. `crash_planned`: a
    /// fault plan of an open order makes its worker crash.
    pub fn on_worker(&mut self, worker: Worker, crash_planned: bool, log: &mut Log, now: UnixMillis) -> Option<String> {
        let worker = sanitized_worker(worker);
        let line = match &worker {
            _ if worker == self.worker => None,
            Worker::Ready { pid } => Some((LogLevel::Info, format!("worker {pid} is polling"))),
            Worker::Elsewhere => Some((LogLevel::Info, "another worker is polling".to_owned())),
            Worker::Stopped => Some((LogLevel::Info, "the worker has finished and stopped".to_owned())),
            Worker::Killed => Some((LogLevel::Warn, "the worker was killed on request".to_owned())),
            Worker::Exited { cause: ProcessExit::Aborted, .. } if crash_planned => {
                let pid = if let Worker::Ready { pid } = self.worker { format!(" {pid}") } else { String::new() };
                Some((LogLevel::Warn, format!("worker{pid} crashed as the fault plan specifies")))
            }
            Worker::Exited { cause, .. } => Some((LogLevel::Error, format!("the worker is gone: {cause}"))),
            Worker::Absent | Worker::Starting | Worker::Stopping => None,
        };
        if let Some((level, text)) = line {
            log.write(now, level, &text);
        }
        let died = match (&self.worker, &worker) {
            (Worker::Ready { pid }, Worker::Killed | Worker::Exited { .. }) => Some(self.identity(*pid)),
            _ => None,
        };
        match &worker {
            Worker::Elsewhere if self.worker != Worker::Elsewhere => {
                let other = self.other_worker().unwrap_or("another worker");
                let text = format!(
                    "{other} is polling the task queue, so no worker is started here; press w to start one beside it"
                );
                log.notify(&text, Tone::Plain, now);
            }
            Worker::Ready { pid } => {
                self.add_own(self.identity(*pid));
                log.clear_complaint();
            }
            _ => {}
        }
        self.worker = worker;
        died
    }

    /// Applies the pollers that the server reports.
    pub fn on_pollers(&mut self, identities: &[String], log: &mut Log, now: UnixMillis) {
        let before: Vec<_> = self.others().map(str::to_owned).collect();
        self.pollers = Some(identities.iter().map(|identity| text(identity)).collect());
        // While a worker of this dashboard starts, its own identity is not known yet.
        if self.worker == Worker::Starting {
            return;
        }
        let after: Vec<_> = self.others().map(str::to_owned).collect();
        for (identities, without, verb) in
            [(&after, &before, "is polling the task queue"), (&before, &after, "is no longer polling")]
        {
            for identity in identities.iter().filter(|identity| !without.contains(identity)) {
                log.write(now, LogLevel::Info, &format!("{identity} {verb}"));
            }
        }
    }

    /// The identity of this dashboard's worker with that process id.
    fn identity(&self, pid: u32) -> String {
        process_identity(WORKER_ROLE, pid, &self.host)
    }

    fn add_own(&mut self, identity: String) {
        if !self.own.contains(&identity) {
            self.own.push(identity);
        }
        let excess = self.own.len().saturating_sub(MAX_OWN_IDENTITIES);
        self.own.drain(..excess);
    }
}

fn sanitized_server(server: Server) -> Server {
    match server {
        Server::Preparing { step } => Server::Preparing { step: text(&step) },
        Server::Running { web_ui } => Server::Running { web_ui: text(&web_ui) },
        Server::Ended { cause } => Server::Ended { cause: text(&cause) },
        Server::Foreign | Server::Unknown | Server::Killed => server,
    }
}

/// The state of a worker with a sanitized cause.
#[must_use]
pub fn sanitized_worker(worker: Worker) -> Worker {
    match worker {
        Worker::Exited { cause, restart_at } => Worker::Exited { cause: cause.sanitized(), restart_at },
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        app::{
            Command, Intent, LogLevel, Message, Overlay, ProcessExit, Question, Worker, testing::fixture::Scene,
            trouble,
        },
        faults::Preset,
    };

    const PYTHON: &str = "31@there";

    fn polled_by(scene: &mut Scene, identities: &[&str]) {
        let identities = identities.iter().map(|&identity| identity.to_owned()).collect();
        scene.tell(Message::Pollers { identities });
    }

    #[test]
    fn a_dead_worker_of_this_dashboard_does_not_count_as_another() {
        let mut scene = Scene::new();
        polled_by(&mut scene, &["idempotence-worker@4242@here"]);
        scene.tell(Message::Worker(Worker::Killed));
        assert_eq!(scene.app.connections().other_worker(), None);
        // The same process id on another host is another worker.
        polled_by(&mut scene, &["idempotence-worker@4242@here", "idempotence-worker@4242@there"]);
        assert_eq!(scene.app.connections().other_worker(), Some("idempotence-worker@4242@there"));
        assert_eq!(scene.app.connections().foreign_worker(), None);
    }

    #[test]
    fn only_a_planned_crash_is_logged_as_planned() {
        let crash = || {
            let cause = ProcessExit::Aborted;
            Message::Worker(Worker::Exited { cause, restart_at: None })
        };
        let last = |scene: &Scene| {
            let line = scene.app.log().oldest_first().last().unwrap();
            (line.level, line.text.clone())
        };
        let mut scene = Scene::new();
        scene.tell(crash());
        assert_eq!(last(&scene), (LogLevel::Error, "the worker is gone: crashed (aborted)".to_owned()));

        let mut scene = Scene::new();
        scene.press(Intent::NextFaults);
        scene.press(Intent::NextFaults);
        let commands = scene.press(Intent::SeedOrder);
        let Some(Command::StartOrder(start)) = commands.first() else { panic!("{commands:?}") };
        assert_eq!(start.faults, Preset::CrashAfterCommit.plan());
        scene.begin(&commands[0], "r1");
        scene.tell(crash());
        assert_eq!(last(&scene), (LogLevel::Warn, "worker 4242 crashed as the fault plan specifies".to_owned()));
    }

    #[test]
    fn orders_do_not_wait_while_another_worker_polls() {
        let mut scene = Scene::new();
        for state in [Worker::Stopped, Worker::Killed, Worker::Absent] {
            scene.tell(Message::Worker(state));
            polled_by(&mut scene, &[]);
            assert!(!scene.app.connections().is_served() && !trouble(&scene.app).unwrap().passes);
            polled_by(&mut scene, &[PYTHON]);
            let said = trouble(&scene.app).unwrap();
            assert!(scene.app.connections().is_served() && said.passes && said.text.contains(PYTHON), "{}", said.text);
            assert!(!said.text.contains("wait"), "{}", said.text);
        }
    }

    #[test]
    fn a_worker_beside_another_one_is_started_after_a_question() {
        let mut scene = Scene::new();
        polled_by(&mut scene, &[PYTHON]);
        scene.tell(Message::Worker(Worker::Elsewhere));
        assert!(scene.app.notice().unwrap().text.contains(PYTHON));
        assert_eq!(scene.press(Intent::ToggleWorker), []);
        assert_eq!(scene.app.overlay(), Overlay::Confirm(Question::StartBeside));
        assert_eq!(scene.press(Intent::Yes), [Command::StartWorker]);
        // No other worker polls: no question.
        polled_by(&mut scene, &[]);
        scene.tell(Message::Worker(Worker::Stopped));
        assert_eq!(scene.press(Intent::ToggleWorker), [Command::StartWorker]);
    }
}
