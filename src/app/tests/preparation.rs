//! A run whose preparation does not complete: when it is given up, and what it reports as missing.

use crate::{
    app::{
        App, Link, Message, Options, ProcessExit, RunState, ScenarioRun, Worker,
        testing::{
            fixture,
            headless::{scenario, scenario_mode},
        },
    },
    domain::UnixMillis,
};

const POLLER: &str = "31@there";

/// A scenario that has not begun.
struct Stage {
    app: App,
    now: u64,
}

impl Stage {
    fn new(link: Link, worker: Worker) -> Self {
        let setup = Options { start_mode: scenario_mode(scenario("happy-path")), ..fixture::setup() };
        let mut stage = Self { app: App::new(setup), now: fixture::T0 };
        stage.tell(Message::Link(link));
        stage.tell(Message::Pollers { identities: vec![POLLER.to_owned()] });
        stage.tell(Message::Worker(worker));
        stage
    }

    fn tell(&mut self, message: Message) {
        let commands = self.app.update(message);
        assert_eq!(commands, []);
    }

    fn wait(&mut self, millis: u64) {
        self.now += millis;
        self.tell(Message::Tick { now: UnixMillis(self.now) });
    }

    fn given_up(&self) -> Option<&str> {
        match self.app.scenario_run().map(ScenarioRun::state) {
            Some(RunState::Abandoned(why)) => Some(why),
            _ => None,
        }
    }
}

fn down() -> Link {
    Link::Down { cause: "refused".to_owned(), attempt: 1, next_try: UnixMillis(fixture::T0) }
}

#[test]
fn a_setup_without_a_ready_worker_shows_the_workers_state() {
    let crashed = Worker::Exited { cause: ProcessExit::Code(1), restart_at: None };
    for (worker, expected) in [
        (Worker::Starting, "the worker is starting and is not polling yet"),
        (Worker::Elsewhere, "31@there is another program that polls the task queue"),
        (crashed, "the worker is gone: exited with code 1"),
        (Worker::Stopping, "the worker is stopping"),
    ] {
        let mut stage = Stage::new(Link::Up, worker);
        stage.wait(60_000);
        assert_eq!(stage.given_up(), None);
        stage.wait(1);
        assert_eq!(stage.given_up(), Some(format!("not ready after 60 s: {expected}").as_str()));
    }
}

#[test]
fn a_setup_whose_server_comes_and_goes_is_given_up_too() {
    let mut stage = Stage::new(Link::Up, Worker::Starting);
    for _ in 0..9 {
        stage.wait(10_000);
        stage.tell(Message::Link(down()));
        stage.wait(10_000);
        stage.tell(Message::Link(Link::Up));
    }
    assert_eq!(stage.given_up(), None);
    stage.tell(Message::Link(down()));
    stage.wait(1_000);
    assert_eq!(stage.given_up(), Some("not ready after 180 s: no connection: refused"));
}
