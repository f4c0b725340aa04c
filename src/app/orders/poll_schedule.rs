//! When the server is asked about which open runs: often enough for a live screen, and not so often that thousands of open
//! orders are a load.

use std::collections::HashMap;

use crate::{
    app::{command::Command, sanitized},
    domain::{Run, UnixMillis},
};

use super::{Orders, Slot};

/// Milliseconds between two rounds.
const ROUND_MILLIS: u64 = 250;

/// Runs per round.
const MAX_RUNS_PER_ROUND: usize = 16;

/// Runs per round that are among the newest rows, and the number of those rows.
const MAX_NEWEST: usize = 8;
const MAX_NEWEST_ROWS: usize = 32;

/// Milliseconds after which an unanswered question is repeated.
const ANSWER_TIMEOUT_MILLIS: u64 = 3_000;

/// The open questions, and the next turn.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PollSchedule {
    next: UnixMillis,
    asked: HashMap<Run, UnixMillis>,
    /// The last order in turn.
    turn: Option<Slot>,
}

impl PollSchedule {
    /// The runs to ask about now: the selected one, open ones among the newest, and the others in turn. The work does not grow
    /// with the number of orders. To be called while the link is up.
    pub fn due(&mut self, now: UnixMillis, orders: &Orders, selected: Option<Slot>) -> Vec<Run> {
        if now < self.next {
            return Vec::new();
        }
        let next = self.next.0.saturating_add(ROUND_MILLIS);
        self.next = UnixMillis(if next > now.0 { next } else { now.0.saturating_add(ROUND_MILLIS) });
        self.asked.retain(|_, at| now.0.saturating_sub(at.0) < ANSWER_TIMEOUT_MILLIS);
        let mut due = Vec::new();
        self.choose(now, orders, selected, &mut due);
        for slot in orders.newest_first(0).take(MAX_NEWEST_ROWS).map(|(slot, _)| slot) {
            if due.len() < MAX_NEWEST {
                self.choose(now, orders, Some(slot), &mut due);
            }
        }
        // Skip open questions, but not more than can be open.
        let most = MAX_RUNS_PER_ROUND + self.asked.len();
        for slot in orders.open_after(self.turn).take(most) {
            if due.len() == MAX_RUNS_PER_ROUND {
                break;
            }
            self.turn = Some(slot);
            self.choose(now, orders, Some(slot), &mut due);
        }
        due
    }

    /// Adds the run in that slot if it is open and there is no open question about it.
    fn choose(&mut self, now: UnixMillis, orders: &Orders, slot: Option<Slot>, due: &mut Vec<Run>) {
        let Some(execution) = slot.and_then(|slot| orders.get(slot)).filter(|execution| !execution.is_over()) else {
            return;
        };
        let Some(run) = execution.run.clone() else { return };
        let run = Run { workflow: execution.workflow.clone(), run };
        let is_whole = sanitized::is_whole(&run.workflow) && sanitized::is_whole(&run.run);
        if is_whole && !self.asked.contains_key(&run) {
            self.asked.insert(run.clone(), now);
            due.push(run);
        }
    }

    /// The server has answered about a run, or the question has failed.
    pub fn on_answer(&mut self, run: &Run) {
        self.asked.remove(run);
    }

    /// The same as a command, if there is anything to ask.
    pub fn command(&mut self, now: UnixMillis, orders: &Orders, selected: Option<Slot>) -> Option<Command> {
        let due = self.due(now, orders, selected);
        (!due.is_empty()).then_some(Command::Describe(due))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::domain::RunEnd;

    fn orders(total: u64, open: impl Fn(u64) -> bool) -> Orders {
        let mut orders = Orders::default();
        for number in 0..total {
            let key = (format!("order-{number}"), format!("run-{number}"));
            orders.change(key.clone(), UnixMillis(number), |_| {});
            if !open(number) {
                orders.ended(key, RunEnd::Cancelled, UnixMillis(number));
            }
        }
        orders
    }

    fn names(due: &[Run]) -> Vec<&str> {
        due.iter().map(|run| run.workflow.as_str()).collect()
    }

    fn answer(asking: &mut PollSchedule, due: &[Run]) {
        for run in due {
            asking.on_answer(run);
        }
    }

    #[test]
    fn the_selected_order_is_polled_first_and_only_open_ones_are() {
        let mut orders = orders(100, |number| number % 10 == 5);
        let provisional =
            orders.change((String::new(), String::new()), UnixMillis(1), |execution| execution.run = None);
        let mut asking = PollSchedule::default();
        let due = asking.due(UnixMillis(1_000), &orders, orders.at(94));
        assert_eq!(names(&due)[..4], ["order-5", "order-95", "order-85", "order-75"]);
        assert_eq!(due.len(), 10);
        asking = PollSchedule::default();
        assert_eq!(asking.due(UnixMillis(1_000), &orders, Some(provisional)).len(), 10);
    }

    #[test]
    fn no_order_is_polled_again_before_its_answer_or_a_timeout() {
        let orders = orders(2, |_| true);
        let mut asking = PollSchedule::default();
        let due = asking.due(UnixMillis(1_000), &orders, None);
        assert_eq!(due.len(), 2);
        assert!(asking.due(UnixMillis(1_250), &orders, None).is_empty());
        asking.on_answer(&due[0]);
        assert_eq!(asking.due(UnixMillis(1_499), &orders, None), []);
        assert_eq!(asking.due(UnixMillis(1_500), &orders, None), [due[0].clone()]);
        assert_eq!(asking.due(UnixMillis(4_000), &orders, None), [due[1].clone()]);
    }

    #[test]
    fn ticks_of_100_ms_give_a_poll_every_250_ms() {
        let orders = orders(1, |_| true);
        let mut asking = PollSchedule::default();
        let rounds = (0..=20).filter(|tick| {
            let due = asking.due(UnixMillis(10_000 + tick * 100), &orders, None);
            answer(&mut asking, &due);
            !due.is_empty()
        });
        assert_eq!(rounds.count(), 9);
    }

    #[test]
    fn every_order_is_polled_in_turn_and_the_newest_each_time() {
        let orders = orders(1_000, |number| number % 5 == 0);
        let mut asking = PollSchedule::default();
        let mut seen = std::collections::HashSet::new();
        for round in 1..=20 {
            let due = asking.due(UnixMillis(round * 1_000), &orders, orders.at(0));
            assert!(due.len() <= MAX_RUNS_PER_ROUND, "{}", due.len());
            assert!(names(&due).contains(&"order-995"));
            answer(&mut asking, &due);
            seen.extend(due);
        }
        assert_eq!(seen.len(), 200);
    }

    #[test]
    fn an_id_that_was_sanitized_is_not_polled() {
        let mut orders = Orders::default();
        orders.change((sanitized::id("order-\u{1b}[2J"), "r".into()), UnixMillis(1), |_| {});
        assert!(PollSchedule::default().due(UnixMillis(1_000), &orders, None).is_empty());
    }
}
