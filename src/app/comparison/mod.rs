//! Comparisons: the same order under the same faults with the three guards at once. Each side has a journal of its own, and
//! its verdict follows from that alone.
//!
//! The final stocks if the first attempt commits and then fails:
//!
//! | | `ledger` | `last-order` | `off` | why |
//! | --- | --- | --- | --- | --- |
//! | A12 takes 999 | 1001 | 1001, by luck | 2 | no other order came between, so A12 is still the last order |
//! | A12 takes 998, B7 takes 1 before the retry | 1001 | 3 | 3 | the last order is B7, and A12 is taken again |
//!
//! In the second row, A12 takes 998, so that B7 leaves 1 unit and one supplier order delivers 1000. The right stock is then
//! 1001 in both rows, whichever order triggers the supplier.

#[cfg(test)]
pub(crate) mod fixture;
mod line_up;

use std::time::Duration;

use crate::{
    domain::{Activity, Attempt, Guard, RetryWaits, RunEnd, Stock, UnixMillis},
    faults::{Action, Draw, Fault, FaultPlan, Point, Preset, Seed},
    store::Verdict,
};

use super::{
    command::Comparison,
    connections::sanitized_worker,
    derive::journal_view::JournalView,
    message::{ComparisonEvent, ComparisonNews, Worker},
    orders::{Orders, execution::Execution, ingest},
    sanitized,
};

pub use line_up::{LineUpCell, LineUpRow};

/// Attempts after which a plan that still fails takes too long for an audience.
const MAX_FAILED_ATTEMPTS: u32 = 4;

impl Comparison {
    /// The order of every side.
    pub const ORDER: &'static str = "A12";
    /// The product.
    pub const PRODUCT: &'static str = "123456";
    /// The order that comes between, for one unit.
    pub const OTHER: &'static str = "B7";
    /// The units that the other order takes.
    pub const OTHER_QUANTITY: i64 = 1;

    /// The units that [`Self::ORDER`] takes.
    #[must_use]
    pub const fn quantity(&self) -> i64 {
        if self.interleaved { 998 } else { 999 }
    }

    /// The retry policy. The other order needs time to come between; without one the waits are short.
    #[must_use]
    pub fn waits(&self) -> RetryWaits {
        if self.interleaved {
            RetryWaits { initial: Duration::from_secs(3), ..RetryWaits::default() }
        } else {
            RetryWaits { start_to_close: Duration::from_secs(5), ..RetryWaits::default() }
        }
    }

    /// The plan, by its name if it has one.
    #[must_use]
    pub fn plan(&self) -> String {
        Preset::of(&self.faults).map_or_else(|| self.faults.to_string(), |preset| preset.label().to_owned())
    }

    /// Number of orders per side.
    #[must_use]
    pub const fn orders(&self) -> usize {
        if self.interleaved { 2 } else { 1 }
    }
}

/// The state of one side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SideStage<'a> {
    /// Its worker starts, or waits until all sides can begin.
    Preparing,
    /// Its orders run.
    Running,
    /// Its orders have ended.
    Done,
    /// It cannot continue, with the reason.
    Failed(&'a str),
}

/// The database, worker and orders of one guard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Side {
    guard: Guard,
    worker: Worker,
    orders: Orders,
    journal: JournalView,
    failure: Option<String>,
    /// Number of orders that it gets.
    due: usize,
}

impl Side {
    fn new(guard: Guard, due: usize) -> Self {
        Self {
            guard,
            worker: Worker::Absent,
            orders: Orders::default(),
            journal: JournalView::default(),
            failure: None,
            due,
        }
    }

    /// The guard.
    #[must_use]
    pub const fn guard(&self) -> Guard {
        self.guard
    }

    /// Its worker.
    #[must_use]
    pub const fn worker(&self) -> &Worker {
        &self.worker
    }

    /// Its journal.
    #[must_use]
    pub const fn journal(&self) -> &JournalView {
        &self.journal
    }

    /// Its state.
    #[must_use]
    pub fn stage(&self) -> SideStage<'_> {
        if let Some(cause) = &self.failure {
            return SideStage::Failed(cause);
        }
        let done = self.executions().filter(|execution| is_done(execution)).count();
        match self.orders.len() {
            0 => SideStage::Preparing,
            _ if done >= self.due => SideStage::Done,
            _ => SideStage::Running,
        }
    }

    /// The stock by its journal; `None` before the first record.
    #[must_use]
    pub fn stock(&self) -> Option<Stock> {
        (self.journal.audit.seq > 0).then_some(self.journal.audit.actual)
    }

    /// The verdict; `None` while it is open, because right so far may become wrong.
    #[must_use]
    pub fn verdict(&self) -> Option<Verdict> {
        match self.journal.audit.verdict() {
            Verdict::Wrong => Some(Verdict::Wrong),
            Verdict::Right => (self.stage() == SideStage::Done).then_some(Verdict::Right),
        }
    }

    /// Whether it is right without protection: no other order came between, and the guard remembers one.
    #[must_use]
    pub fn is_lucky(&self) -> bool {
        self.guard == Guard::LastOrder && self.verdict() == Some(Verdict::Right)
    }

    fn executions(&self) -> impl Iterator<Item = &Execution> {
        self.orders.newest_first(0).map(|(_, execution)| execution)
    }

    fn apply(&mut self, event: ComparisonEvent, now: UnixMillis) {
        match event {
            ComparisonEvent::Worker(worker) => self.worker = sanitized_worker(worker),
            ComparisonEvent::Started { workflow, run, order } => {
                let key = (sanitized::id(&workflow), sanitized::id(&run));
                self.orders.started(0, key, &sanitized::id(&order), false, now);
            }
            ComparisonEvent::Journal(news) => {
                let _applied = ingest::apply_news(&mut self.journal, &mut self.orders, news, now);
            }
            ComparisonEvent::Ended { workflow, run, end } => {
                ingest::apply_end(&mut self.orders, &workflow, &run, end, now);
            }
            ComparisonEvent::Failed { cause } => self.failure = Some(sanitized::text(&cause)),
        }
    }
}

/// Whether the server has reported the end, and the journal what led to it.
fn is_done(execution: &Execution) -> bool {
    match &execution.end {
        Some(RunEnd::Completed { .. }) => execution.has_succeeded(Activity::SupplierOrder),
        Some(_) => true,
        None => false,
    }
}

/// A comparison, running or ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComparisonState {
    terms: Comparison,
    /// The name of the plan that was set, if another one was taken.
    instead_of: Option<String>,
    sides: [Side; Guard::ALL.len()],
}

impl ComparisonState {
    fn new(terms: Comparison, instead_of: Option<String>) -> Self {
        let sides = Guard::ALL.map(|guard| Side::new(guard, terms.orders()));
        Self { terms, instead_of, sides }
    }

    /// The order, plan and seed.
    #[must_use]
    pub const fn terms(&self) -> &Comparison {
        &self.terms
    }

    /// The plan that was set, if it leaves to chance what a comparison must show and another one was taken.
    #[must_use]
    pub fn instead_of(&self) -> Option<&str> {
        self.instead_of.as_deref()
    }

    /// The sides, in the order of [`Guard::ALL`].
    #[must_use]
    pub const fn sides(&self) -> &[Side; Guard::ALL.len()] {
        &self.sides
    }

    /// The side of a guard.
    #[must_use]
    pub fn side(&self, guard: Guard) -> &Side {
        &self.sides[guard as usize]
    }

    /// Whether all three sides have completed.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.sides.iter().all(|side| side.stage() == SideStage::Done)
    }

    /// Whether all three sides have completed or failed.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.sides.iter().all(|side| matches!(side.stage(), SideStage::Done | SideStage::Failed(_)))
    }
}

/// The comparison on the screen, and the number of comparisons: news of an earlier one is ignored.
#[derive(Debug, Clone, Default)]
pub struct Comparisons {
    begun: u64,
    current: Option<ComparisonState>,
}

impl Comparisons {
    /// The comparison that runs, or has ended and is still on the screen.
    #[must_use]
    pub const fn current(&self) -> Option<&ComparisonState> {
        self.current.as_ref()
    }

    /// Begins a comparison in place of the one before. Takes another plan if `plan` leaves to chance what a comparison must
    /// show.
    pub fn begin(&mut self, interleaved: bool, plan: &FaultPlan, seed: Seed) -> Comparison {
        let (faults, instead_of) = if loses_an_acknowledgement(plan, seed) {
            (plan.clone(), None)
        } else {
            (Preset::AfterCommitOnce.plan(), Some(Preset::of(plan).map_or("yours", Preset::label).to_owned()))
        };
        self.begun = self.begun.saturating_add(1);
        let terms = Comparison { number: self.begun, faults, seed, interleaved };
        self.current = Some(ComparisonState::new(terms.clone(), instead_of));
        terms
    }

    /// Forgets the comparison. Returns whether there was one.
    pub fn end(&mut self) -> bool {
        self.current.take().is_some()
    }

    /// Applies news of the current comparison.
    pub fn apply(&mut self, news: ComparisonNews, now: UnixMillis) {
        let current = self.current.as_mut().filter(|current| current.terms.number == news.number);
        let side = current.and_then(|current| current.sides.get_mut(news.guard as usize));
        if let Some(side) = side {
            side.apply(news.event, now);
        }
    }
}

/// Whether `plan` certainly lets the update's first attempt commit and then fail, and lets both activities through soon.
fn loses_an_acknowledgement(plan: &FaultPlan, seed: Seed) -> bool {
    let update = Activity::UpdateInventory;
    let by_chance = |fault: &Fault| fault.activity.is_none_or(|of| of == update) && fault.percent < 100;
    if plan.faults().iter().any(by_chance) {
        return false;
    }
    let fails = |activity, number, point| {
        let Some(attempt) = Attempt::new(number) else { return false };
        let draw = Draw { seed, order: Comparison::ORDER, activity, attempt, point };
        plan.strike(&draw).is_some_and(|action| !matches!(action, Action::Delay { .. }))
    };
    let passes = |activity, number| !Point::OF_COMMIT.into_iter().any(|point| fails(activity, number, point));
    !fails(update, 1, Point::BeforeCommit)
        && fails(update, 1, Point::AfterCommit)
        && Activity::ALL.into_iter().all(|activity| (1..=MAX_FAILED_ATTEMPTS).any(|number| passes(activity, number)))
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::app::{
        App, AttemptState, Command, Link, Message, Server,
        testing::fixture::{SUPPLIER, Scene, UPDATE, setup},
    };

    use super::fixture::{A12, B7, Play, key};

    fn verdicts(play: &Play) -> [Option<Verdict>; 3] {
        Guard::ALL.map(|guard| play.app.comparison().unwrap().side(guard).verdict())
    }

    const RIGHT: Option<Verdict> = Some(Verdict::Right);
    const WRONG: Option<Verdict> = Some(Verdict::Wrong);

    #[test]
    fn the_same_order_ends_at_1001_1001_and_2() {
        let play = Play::over(false);
        assert_eq!((play.stocks(), verdicts(&play)), ([1001, 1001, 2], [RIGHT, RIGHT, WRONG]));
        let comparison = play.app.comparison().unwrap();
        assert!(comparison.is_done() && comparison.is_over());
        let lucky = Guard::ALL.map(|guard| comparison.side(guard).is_lucky());
        assert_eq!(lucky, [false, true, false]);
        assert!(comparison.sides().iter().all(|side| side.journal().audit.expected == 1001));
        let twice = &comparison.side(Guard::Off).journal().audit.applied_twice;
        assert_eq!(twice.as_slice(), [key(A12)]);
    }

    #[test]
    fn with_another_order_between_only_the_ledger_ends_at_1001() {
        let play = Play::over(true);
        assert_eq!((play.stocks(), verdicts(&play)), ([1001, 3, 3], [RIGHT, WRONG, WRONG]));
        let comparison = play.app.comparison().unwrap();
        assert!(comparison.sides().iter().all(|side| side.journal().audit.expected == 1001));
    }

    #[test]
    fn the_order_of_supplier_requests_does_not_matter() {
        let mut play = Play::begin(true).ready();
        play.start(A12);
        play.lost(A12, 1);
        play.start(B7);
        play.through(B7, UPDATE, 1);
        play.through(A12, UPDATE, 2);
        play.through(A12, SUPPLIER, 1);
        play.through(B7, SUPPLIER, 1);
        play.end(A12);
        play.end(B7);
        assert_eq!((play.stocks(), verdicts(&play)), ([1001, 3, 3], [RIGHT, WRONG, WRONG]));
        assert!(play.app.comparison().unwrap().sides().iter().all(|side| side.journal().audit.expected == 1001));
    }

    #[test]
    fn a_right_verdict_waits_for_the_end_and_a_wrong_one_does_not() {
        let mut play = Play::waiting(false);
        assert_eq!((play.stocks(), verdicts(&play)), ([1, 1, 1], [None, None, None]));
        play.through(A12, UPDATE, 2);
        assert_eq!((play.stocks(), verdicts(&play)), ([1, 1, -998], [None, None, WRONG]));
        play.through(A12, SUPPLIER, 1);
        assert_eq!(verdicts(&play)[0], None, "the server has not reported the end");
    }

    #[test]
    fn an_end_may_be_reported_before_the_journal_is_read() {
        let mut play = Play::waiting(false);
        play.end(A12);
        let stage = |play: &Play| play.app.comparison().unwrap().side(Guard::Ledger).stage() == SideStage::Done;
        assert!(!stage(&play));
        play.through(A12, UPDATE, 2);
        play.through(A12, SUPPLIER, 1);
        assert!(stage(&play) && verdicts(&play)[0] == RIGHT);
    }

    #[test]
    fn attempts_are_lined_up_in_the_order_in_which_they_happened() {
        let play = Play::over(true);
        let rows = play.app.comparison().unwrap().line_up();
        let keys: Vec<_> = rows.iter().map(|row| (row.order, row.activity, row.attempt)).collect();
        assert_eq!(keys, [(A12, UPDATE, 1), (B7, UPDATE, 1), (B7, SUPPLIER, 1), (A12, UPDATE, 2), (A12, SUPPLIER, 1)]);
        let stocks = |row: &LineUpRow<'_>| {
            row.cells.map(|cell| match cell {
                Some(LineUpCell::Attempt(seen)) => seen.facts.unwrap().committed.map(|committed| committed.stock),
                other => panic!("{other:?}"),
            })
        };
        assert_eq!(stocks(&rows[0]), [Some(2); 3]);
        assert_eq!(stocks(&rows[3]), [None, Some(3), Some(3)]);
    }

    #[test]
    fn an_expected_attempt_has_the_row_of_the_real_one() {
        let mut play = Play::waiting(false);
        let due = |play: &Play| {
            let comparison = play.app.comparison().unwrap();
            let rows = comparison.line_up();
            let last = rows.last().unwrap();
            assert_eq!((rows.len(), last.attempt), (2, 2));
            last.cells.map(|cell| matches!(cell, Some(LineUpCell::Due(_))))
        };
        assert_eq!(due(&play), [true; 3]);
        let outcome = play.commit(Guard::Ledger, A12, UPDATE, 2);
        assert_eq!(outcome, crate::store::CommitOutcome::Replayed);
        assert_eq!(due(&play), [false, true, true]);
    }

    #[test]
    fn after_a_crash_the_retry_waits_for_the_timeout() {
        let mut play = Play::begin(false).ready();
        play.start(A12);
        play.crashed(A12, 1);
        let comparison = play.app.comparison().unwrap();
        let rows = comparison.line_up();
        let Some(LineUpCell::Due(due)) = rows[1].cells[0] else { panic!("{rows:?}") };
        assert_eq!(due, UnixMillis(play.now).saturating_add(comparison.terms().waits().start_to_close));
        let Some(LineUpCell::Attempt(seen)) = rows[0].cells[0] else { panic!("{rows:?}") };
        assert!(matches!(seen.state, AttemptState::Crashed(Point::AfterCommit)));
    }

    #[test]
    fn news_of_an_earlier_comparison_is_ignored() {
        let mut play = Play::waiting(false);
        let old = play.terms.clone();
        let _ended = play.app.end_comparison();
        let again = play.app.begin_comparison(false);
        assert!(matches!(again.as_slice(), [Command::Compare(terms)] if terms.number > old.number));
        play.end(A12);
        play.tell(Guard::Off, ComparisonEvent::Failed { cause: "late".into() });
        let comparison = play.app.comparison().unwrap();
        assert!(comparison.sides().iter().all(|side| side.stage() == SideStage::Preparing));
    }

    #[test]
    fn failures_are_shown_without_control_characters() {
        let mut play = Play::begin(false);
        play.tell(Guard::Off, ComparisonEvent::Failed { cause: "no\u{1b}[2Jroom".into() });
        let comparison = play.app.comparison().unwrap();
        let SideStage::Failed(cause) = comparison.side(Guard::Off).stage() else { panic!("it failed") };
        assert!(cause.starts_with("no") && !cause.contains('\u{1b}'), "{cause:?}");
        assert!(!comparison.is_over());
    }

    #[test]
    fn a_comparison_ends_once_and_is_refused_if_it_cannot_run() {
        let mut play = Play::begin(false);
        assert_eq!(play.app.end_comparison(), [Command::EndComparison]);
        assert_eq!((play.app.end_comparison(), play.app.comparison()), (Vec::new(), None));
        let mut unconnected = App::new(setup());
        assert!(unconnected.begin_comparison(false).is_empty() && unconnected.notice().is_some());
        let mut remote = App::new(crate::app::Options { faults_allowed: false, ..setup() });
        remote.update(Message::Link(Link::Up));
        remote.update(Message::Server(Server::Foreign));
        assert!(remote.begin_comparison(false).is_empty() && remote.notice().is_some());
    }

    #[test]
    fn a_plan_that_leaves_it_to_chance_or_never_ends_is_replaced() {
        for (plan, taken) in [
            ("seed", false),
            ("none", false),
            ("after-commit-once", true),
            ("crash-after-commit", true),
            ("update.after-commit=2*hang", true),
            ("update.after-commit=1*error;supplier.before-commit=34%1*error", true),
            ("update.before-commit=delay(5);update.after-commit=1*error", true),
            ("after-commit=delay(5);after-commit=1*error", false),
            ("before-commit=1*error;after-commit=2*error", false),
            ("update.after-commit=error", false),
            ("update.after-commit=1*error;supplier.before-commit=error", false),
            ("supplier.after-commit=1*error", false),
            ("update.after-commit=99%1*error", false),
        ] {
            assert_eq!(loses_an_acknowledgement(&plan.parse().unwrap(), 42), taken, "{plan}");
        }
        let play = Play::begin(false);
        let comparison = play.app.comparison().unwrap();
        assert_eq!(comparison.instead_of(), Some("original"));
        assert_eq!(comparison.terms().faults, Preset::AfterCommitOnce.plan());
    }

    #[test]
    fn the_current_plan_is_used_if_it_shows_the_difference() {
        let mut scene = Scene::new();
        for _ in 0..2 {
            scene.press(crate::app::Intent::NextFaults);
        }
        let play = Play::begin_on(scene.app, true);
        let comparison = play.app.comparison().unwrap();
        assert_eq!((comparison.instead_of(), &comparison.terms().faults), (None, &Preset::CrashAfterCommit.plan()));
    }

    #[test]
    fn reading_a_journal_again_keeps_the_ends() {
        let mut play = Play::over(false);
        let records = play.records(Guard::Ledger);
        play.tell(
            Guard::Ledger,
            ComparisonEvent::Journal(crate::store::News { restarted: true, records, ..crate::store::News::default() }),
        );
        assert_eq!((play.stocks(), verdicts(&play)), ([1001, 1001, 2], [RIGHT, RIGHT, WRONG]));
    }
}
