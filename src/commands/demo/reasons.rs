//! Prints on standard error why a scenario is waiting, one line per change, even if nothing else is printed.

use crate::{
    app::{Advice, App, Message, Obstacle, ScenarioRun, Tone},
    commands::print,
    domain::UnixMillis,
};

/// Time before a missing worker or server is reported, in milliseconds. A restart by the scenario takes 0.5 s, or 1.8 s
/// next to eight busy processes on two cores.
const REPORTED_AFTER: u64 = 3_000;

/// The causes that have been reported, so that each is printed only once.
#[derive(Debug, Default)]
pub struct Reasons {
    scenario: String,
    /// Time since which a worker or server is missing.
    since: Option<UnixMillis>,
    /// The missing worker or server. A new attempt has not failed yet, so the failure of the previous attempt stays
    /// here.
    current: Option<Obstacle>,
    reported: Option<Obstacle>,
    notices: Vec<String>,
}

impl Reasons {
    /// Forgets the causes of the previous scenario.
    pub fn begin(&mut self, scenario: &str) {
        *self = Self { scenario: scenario.to_owned(), notices: std::mem::take(&mut self.notices), ..Self::default() };
    }

    /// Reports a changed cause after `app` has applied a message.
    pub fn report(&mut self, message: &Message, app: &App) {
        let notice = self.notice(message);
        let reason = self.reason(obstacle(app), app.shown_now());
        for text in notice.into_iter().chain(reason) {
            print::problem(&text);
        }
    }

    /// Reports once a notice that is not a problem. The scenario's own lines contain all other notices.
    fn notice(&mut self, message: &Message) -> Option<String> {
        let Message::Notice { text, tone: Tone::Plain } = message else { return None };
        if self.notices.contains(text) {
            return None;
        }
        self.notices.push(text.clone());
        Some(text.clone())
    }

    fn reason(&mut self, obstacle: Option<Obstacle>, now: UnixMillis) -> Option<String> {
        let Some(obstacle) = obstacle else {
            (self.since, self.current, self.reported) = (None, None, None);
            return None;
        };
        let since = *self.since.get_or_insert(now);
        let obstacle = self.current.take().filter(|current| obstacle.is_like(current)).unwrap_or(obstacle);
        self.current = Some(obstacle.clone());
        let is_new = self.reported.as_ref().is_none_or(|reported| !obstacle.is_like(reported));
        if now.0.saturating_sub(since.0) < REPORTED_AFTER || !is_new {
            return None;
        }
        let advice = match obstacle.advice() {
            Some(Advice::Command(advice)) => format!("; {advice}"),
            Some(Advice::Key(_)) | None => String::new(),
        };
        let text = format!("scenario {} waits: {}{advice}", self.scenario, obstacle.cause());
        self.reported = Some(obstacle);
        Some(text)
    }
}

/// Returns the unplanned obstacle for which the scenario waits. A later step may remove one that an earlier step
/// caused.
fn obstacle(app: &App) -> Option<Obstacle> {
    let is_planned = app.scenario_run().is_some_and(ScenarioRun::has_steps_left);
    Obstacle::first(app.facts()).filter(|obstacle| !(is_planned && obstacle.is_asked_for()))
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::{
        app::{
            Worker,
            testing::headless::{World, scenario, scenario_mode},
        },
        scenario::{Act, What, When},
    };

    fn no_link(cause: &str, next_try: u64) -> Obstacle {
        Obstacle::NoLink { cause: cause.to_owned(), next_try: UnixMillis(next_try) }
    }

    fn exited(cause: &str) -> Obstacle {
        Obstacle::WorkerExited { cause: cause.to_owned(), restart_at: None }
    }

    /// Returns the lines that are reported, with their times in seconds.
    fn reported(obstacles: &[(u64, Option<Obstacle>)]) -> Vec<(u64, String)> {
        let mut reasons = Reasons::default();
        reasons.begin("seed");
        let reports = obstacles.iter().filter_map(|(second, obstacle)| {
            let text = reasons.reason(obstacle.clone(), UnixMillis(second * 1_000))?;
            Some((*second, text.strip_prefix("scenario seed waits: ").unwrap_or_else(|| panic!("{text}")).to_owned()))
        });
        reports.collect()
    }

    #[test]
    fn a_cause_is_reported_once_until_it_changes() {
        let connecting = |attempt| Some(Obstacle::Connecting { address: "there:7233".to_owned(), attempt });
        let lines = reported(&[
            (0, Some(no_link("refused", 1))),
            (3, connecting(2)),
            (3, Some(no_link("refused", 5))),
            (4, connecting(3)),
            (5, Some(no_link("refused", 9))),
            (9, Some(no_link("no permission", 12))),
            (10, None),
            (20, Some(no_link("no permission", 25))),
            (23, Some(no_link("no permission", 28))),
        ]);
        let line = |cause: &str| format!("no connection: {cause}; run idempotence config to see the settings");
        assert_eq!(lines, [(3, line("refused")), (9, line("no permission")), (23, line("no permission"))]);
    }

    #[test]
    fn a_worker_that_dies_at_each_start_is_reported_once_per_cause() {
        let starting = || Some(Obstacle::WorkerStarting);
        let lines = reported(&[
            (0, Some(exited("exited with code 1"))),
            (1, starting()),
            (2, Some(exited("exited with code 1"))),
            (4, Some(exited("exited with code 1"))),
            (5, starting()),
            (6, Some(exited("the journal is damaged"))),
        ]);
        assert_eq!(
            lines,
            [
                (4, "the worker is gone: exited with code 1".to_owned()),
                (6, "the worker is gone: the journal is damaged".to_owned())
            ]
        );
    }

    #[test]
    fn an_obstacle_that_ends_in_time_is_not_reported() {
        let starting = || Some(Obstacle::WorkerStarting);
        assert_eq!(reported(&[(0, starting()), (2, None), (3, starting()), (5, None)]), []);
    }

    #[test]
    fn a_stopped_process_is_an_obstacle_if_no_act_is_left() {
        let act = |when, what| Act { when, what };
        let kill = [act(When::AtOnce, What::KillWorker)];
        let start = [act(When::Ended, What::StartWorker)];
        for (more, expected) in [(vec![], Some(Obstacle::WorkerKilled)), (start.to_vec(), None)] {
            let mut scenario = scenario("happy-path");
            scenario.acts.extend(kill.iter().cloned().chain(more));
            let mut world = World::new(scenario_mode(scenario));
            while *world.app().worker() != Worker::Killed {
                assert!(world.go_on());
            }
            world.tell(Message::Pollers { identities: Vec::new() });
            assert_eq!(obstacle(world.app()), expected);
        }
    }

    #[test]
    fn a_line_suggests_no_key_press_and_is_not_repeated_per_attempt() {
        let failing = |attempt| Obstacle::OrdersFail {
            order: "A12".to_owned(),
            more: 0,
            attempt,
            explanation: "the worker has no key".to_owned(),
        };
        let lines = reported(&[(0, Some(failing(2))), (3, Some(failing(3))), (4, Some(failing(4)))]);
        assert_eq!(lines, [(3, "A12 cannot continue: the worker has no key".to_owned())]);
        let lines = reported(&[(0, Some(Obstacle::NoWorker)), (3, Some(Obstacle::NoWorker))]);
        assert_eq!(lines, [(3, "no worker is polling the task queue".to_owned())]);
    }

    #[test]
    fn a_notice_is_reported_once_in_all_scenarios() {
        let mut reasons = Reasons::default();
        let notice = |tone| Message::Notice { text: "the server does not report it".to_owned(), tone };
        assert_eq!(reasons.notice(&notice(Tone::Bad)), None);
        assert!(reasons.notice(&notice(Tone::Plain)).is_some());
        reasons.begin("another");
        assert_eq!(reasons.notice(&notice(Tone::Plain)), None);
    }
}
