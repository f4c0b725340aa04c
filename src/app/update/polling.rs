//! Which workers poll the task queue beside the one of this dashboard.

use crate::{
    app::{App, LogLevel, Worker, notice::Tone, orders::ingest},
    domain::{UnixMillis, WORKER_ROLE, is_worker_of_ours, process_identity},
};

/// How many process ids of own workers are remembered: the server lists a dead one for minutes.
const MAX_OWN_PIDS: usize = 256;

/// Pollers as the server reports them, and which of them are this dashboard's own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PollerView {
    /// `None`: the server has not reported any yet.
    identities: Option<Vec<String>>,
    own: Vec<String>,
}

impl PollerView {
    /// Identities of the pollers that are not workers of this dashboard. `None`: not known.
    pub fn others(&self) -> Option<impl Iterator<Item = &str>> {
        let identities = self.identities.as_ref()?;
        Some(identities.iter().filter(|identity| !self.own.contains(identity)).map(String::as_str))
    }

    /// A worker of this dashboard polls under this identity.
    pub fn own(&mut self, identity: String) {
        if !self.own.contains(&identity) {
            self.own.push(identity);
        }
        let excess = self.own.len().saturating_sub(MAX_OWN_PIDS);
        self.own.drain(..excess);
    }
}

impl App {
    /// The identity of this dashboard's worker with that process id.
    #[must_use]
    pub(in crate::app) fn worker_identity(&self, pid: u32) -> String {
        process_identity(WORKER_ROLE, pid, &self.setup().host)
    }

    /// Whether it is known which workers poll the task queue.
    #[must_use]
    pub fn knows_pollers(&self) -> bool {
        self.pollers.others().is_some()
    }

    /// A worker that polls the task queue and is not this dashboard's.
    #[must_use]
    pub fn other_worker(&self) -> Option<&str> {
        self.pollers.others()?.next()
    }

    /// Such a worker that is another program, whose rules are unknown here.
    #[must_use]
    pub fn foreign_worker(&self) -> Option<&str> {
        self.pollers.others()?.find(|identity| !is_worker_of_ours(identity))
    }

    /// Some worker takes orders: this dashboard's, or another one.
    #[must_use]
    pub fn is_served(&self) -> bool {
        matches!(self.worker(), Worker::Ready { .. } | Worker::Elsewhere) || self.other_worker().is_some()
    }

    pub(in crate::app) fn polled_by(&mut self, identities: &[String]) {
        let before: Vec<_> = self.pollers.others().into_iter().flatten().map(str::to_owned).collect();
        self.pollers.identities = Some(identities.iter().map(|identity| ingest::text(identity)).collect());
        let now: Vec<_> = self.pollers.others().into_iter().flatten().map(str::to_owned).collect();
        let lines = |from: &[String], without: &[String], what: &str| -> Vec<_> {
            from.iter()
                .filter(|identity| !without.contains(identity))
                .map(|identity| format!("{identity} {what}"))
                .collect()
        };
        let lines = [lines(&now, &before, "polls the task queue"), lines(&before, &now, "no longer polls")].concat();
        let at: UnixMillis = self.now;
        // While a worker of this dashboard comes up, its own identity is not known yet.
        if *self.worker() != Worker::Starting {
            for line in &lines {
                self.log.write(at, LogLevel::Info, line);
            }
        }
    }

    /// No worker was started, because another one polls.
    pub(in crate::app) fn say_that_another_polls(&mut self) {
        let other = self.other_worker().unwrap_or("another worker");
        let text = format!("{other} polls the task queue, so no worker is started here; w starts one beside it");
        self.notify(&text, Tone::Plain);
    }
}

#[cfg(test)]
mod tests {
    use crate::app::{Command, Intent, Message, Overlay, Question, Worker, testing::fixture::Scene, trouble};

    const PYTHON: &str = "31@there";

    fn polled_by(scene: &mut Scene, identities: &[&str]) {
        let identities = identities.iter().map(|&identity| identity.to_owned()).collect();
        scene.tell(Message::Pollers { identities });
    }

    #[test]
    fn a_dead_worker_of_this_dashboard_is_no_other_worker() {
        let mut scene = Scene::new();
        polled_by(&mut scene, &["idempotence-worker@4242@here"]);
        scene.tell(Message::Worker(Worker::Killed));
        assert_eq!(scene.app.other_worker(), None);
        // The same process id on another host is another worker.
        polled_by(&mut scene, &["idempotence-worker@4242@here", "idempotence-worker@4242@there"]);
        assert_eq!(scene.app.other_worker(), Some("idempotence-worker@4242@there"));
        assert_eq!(scene.app.foreign_worker(), None);
    }

    #[test]
    fn orders_do_not_wait_while_another_worker_polls() {
        let mut scene = Scene::new();
        for state in [Worker::Stopped, Worker::Killed, Worker::Absent] {
            scene.tell(Message::Worker(state));
            polled_by(&mut scene, &[]);
            assert!(!scene.app.is_served() && !trouble(&scene.app).unwrap().passes);
            polled_by(&mut scene, &[PYTHON]);
            let said = trouble(&scene.app).unwrap();
            assert!(scene.app.is_served() && said.passes && said.text.contains(PYTHON), "{}", said.text);
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
