//! Plays a scenario in memory, so that an expectation that cannot come true is refused before anything is sent.
//!
//! A prediction is exact while one order runs after the other. It ends at the first act whose result depends on timing;
//! the checks at the end of the real run decide about the rest.

mod supplier;

use std::{collections::HashSet, fmt::Display, time::Duration};

use super::{ExpectedEnd, Placing, Scenario, What, When};
use crate::{
    domain::{
        Activity, Attempt, Decision, Effect, Guard, IdempotencyKey, Intent, InventoryModel, OrderId, OrderOutcome,
        Origin, REORDER_BELOW, Refusal, RelayPlan, UnixMillis,
    },
    faults::{Action, Draw, FaultPlan, Point, Seed},
    store::{Document, STARTING_DOCUMENT, Verdict},
};

use supplier::Shipping;

/// Number of failing attempts after which an activity counts as one that never ends.
const MAX_ATTEMPTS: u32 = 100;

/// A value of a scenario's file that can contradict the rest of the file. Acts are numbered from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Field {
    /// The fault plan of an act's orders.
    Faults(usize),
    /// The event that an act waits for.
    When(usize),
    /// The outcome of an act's orders.
    Outcome(usize),
    /// The attempts of each order of an act, or of all orders together.
    Attempts(Option<usize>, Activity),
    Stock,
    Verdict,
    Shipments,
    Deaths,
    Late,
}

/// An expectation that cannot be met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Contradiction {
    /// The expectation.
    pub field: Field,
    /// The reason why it cannot be met.
    pub problem: String,
}

fn refuse(field: Field, problem: String) -> Result<(), Contradiction> {
    Err(Contradiction { field, problem })
}

/// Refuses an expectation that differs from the prediction.
fn compare<T: PartialEq + Display + Copy>(
    field: Field,
    what: &str,
    expected: Option<T>,
    predicted: T,
) -> Result<(), Contradiction> {
    match expected.filter(|expected| *expected != predicted) {
        Some(expected) => refuse(field, format!("{what} cannot be {expected}: by the rules it is {predicted}")),
        None => Ok(()),
    }
}

/// Compares the expectations of a scenario with what its orders do by the rules.
///
/// # Errors
/// [`Contradiction`], at the first expectation that cannot be met, or at a fault plan under which an order never ends.
pub(super) fn check(scenario: &Scenario) -> Result<(), Contradiction> {
    for (index, act) in scenario.acts.iter().enumerate() {
        let What::Order(placing) = &act.what else { continue };
        for (order, activity) in placing.ids().flat_map(|order| Activity::ALL.map(|activity| (order.clone(), activity)))
        {
            if !can_end(scenario, placing, &order, activity) {
                refuse_endless(index, &order, activity)?;
            }
        }
    }
    let Some(mut prediction) = Prediction::new() else { return Ok(()) };
    for (index, act) in scenario.acts.iter().enumerate() {
        match &act.when {
            When::Committed(order) if !prediction.committed.contains(order) => {
                refuse(Field::When(index), format!("order {order} is never committed: it is refused"))?;
            }
            When::Failed(order) if !prediction.failed.contains(order) => {
                refuse(Field::When(index), format!("no attempt of order {order}'s update fails under its faults"))?;
            }
            When::NotSupplied(order) if !prediction.not_supplied.contains(order) => {
                let problem = format!("no attempt of order {order}'s supplier order fails under its faults");
                refuse(Field::When(index), problem)?;
            }
            _ => {}
        }
        let placing = match &act.what {
            What::Order(placing) => placing,
            What::SupplierOutage { requests } if index == 0 || act.when == When::Ended => {
                prediction.shipping.set_outage(*requests);
                continue;
            }
            What::OtherClientOrder(order) if index == 0 || act.when == When::Ended => {
                prediction.shipping.takes_key(order.id.clone());
                continue;
            }
            _ => return Ok(()),
        };
        let (outcome, attempts) = match prediction.play(scenario, index, placing) {
            Ok(played) => played,
            Err(Unknown::Timing) => return Ok(()),
            Err(Unknown::Endless(activity)) => return refuse_endless(index, &placing.order, activity),
        };
        let order = &placing.order;
        let what = format!("the outcome of order {order}");
        compare(Field::Outcome(index), &what, placing.outcome.map(ExpectedEnd::name), outcome.name())?;
        for (activity, expected, found) in each(placing.attempts, attempts) {
            let what = format!("the number of {} attempts of order {order}", activity.short_name());
            compare(Field::Attempts(Some(index), activity), &what, expected, found)?;
        }
    }
    prediction.compare(scenario)
}

/// Refuses the faults of act `index`, under which an activity never ends.
fn refuse_endless(index: usize, order: &OrderId, activity: Activity) -> Result<(), Contradiction> {
    let name = activity.short_name();
    refuse(
        Field::Faults(index),
        format!(
            "{name} of order {order} never ends under these faults: its first {MAX_ATTEMPTS} attempts all fail; limit \
             the faults to its first attempts, as in 2*error"
        ),
    )
}

/// A value per activity, in the order of [`Activity::ALL`].
type PerActivity<T> = [T; Activity::ALL.len()];

fn each(expected: PerActivity<Option<u32>>, found: PerActivity<u32>) -> PerActivity<(Activity, Option<u32>, u32)> {
    Activity::ALL.map(|activity| (activity, expected[activity as usize], found[activity as usize]))
}

/// The faults of one attempt, asked for in the order in which the attempt reaches their points.
#[derive(Debug)]
struct Strikes<'s> {
    plan: &'s FaultPlan,
    seed: Seed,
    order: &'s OrderId,
    activity: Activity,
    attempt: Attempt,
    timeout: Duration,
    /// The sum of the delays so far.
    delay: Duration,
}

impl<'s> Strikes<'s> {
    fn new(
        scenario: &'s Scenario,
        placing: &'s Placing,
        order: &'s OrderId,
        activity: Activity,
        attempt: Attempt,
    ) -> Self {
        let plan = placing.faults.as_ref().unwrap_or(&scenario.faults);
        let (seed, timeout) = (scenario.seed, scenario.retry.start_to_close);
        Self { plan, seed, order, activity, attempt, timeout, delay: Duration::ZERO }
    }

    /// The fault at a point. A delay that reaches the timeout is a hang, a shorter one is not a fault.
    fn at(&mut self, point: Point) -> Option<Fault> {
        let Self { seed, activity, attempt, .. } = *self;
        match self.plan.strike(&Draw { seed, order: self.order.as_str(), activity, attempt, point })? {
            Action::Error => Some(Fault::Error),
            Action::Crash => Some(Fault::Crash),
            Action::Hang => Some(Fault::Hang),
            Action::Delay { duration } => {
                self.delay += duration;
                (self.delay >= self.timeout).then_some(Fault::Hang)
            }
        }
    }
}

/// A fault that ends an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Error,
    Crash,
    /// The attempt continues after its timeout.
    Hang,
}

/// Whether one of the first [`MAX_ATTEMPTS`] attempts has no fault at its commit.
fn can_end(scenario: &Scenario, placing: &Placing, order: &OrderId, activity: Activity) -> bool {
    (1..=MAX_ATTEMPTS).filter_map(Attempt::new).any(|attempt| {
        let mut strikes = Strikes::new(scenario, placing, order, activity, attempt);
        Point::OF_COMMIT.map(|point| strikes.at(point)) == [None; 2]
    })
}

/// Why the result of an order is not predicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unknown {
    /// It depends on timing.
    Timing,
    /// The activity never ends.
    Endless(Activity),
}

/// How an attempt ends, if it does not fail.
type Ended = Result<OrderOutcome, Stop>;

/// Why an order fails for good.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Stop {
    Refused(Refusal),
    /// The supplier knows its key with another order.
    KeyTaken,
}

/// Why an attempt ends before its commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Undelivered {
    Failed(Fault),
    /// See [`Stop::KeyTaken`].
    KeyTaken,
}

/// One run of an order.
#[derive(Debug, Clone, Copy)]
struct Run<'s> {
    scenario: &'s Scenario,
    placing: &'s Placing,
    guard: Guard,
    /// The act, which stands for the run.
    act: usize,
}

/// The state after the acts that were played so far.
#[derive(Debug)]
struct Prediction {
    inventory: InventoryModel,
    applied: HashSet<IdempotencyKey>,
    /// Orders that were not refused.
    committed: HashSet<OrderId>,
    /// Orders with an update attempt that failed.
    failed: HashSet<OrderId>,
    /// Orders with an attempt of the supplier order that failed.
    not_supplied: HashSet<OrderId>,
    attempts: PerActivity<u32>,
    verdict: Verdict,
    shipping: Shipping,
    deaths: u32,
    late: u32,
    /// A delay reaches the timeout: the attempt may be late or the run over by then.
    late_is_open: bool,
    /// The order that certainly still runs when the next act follows at once.
    running: Option<OrderId>,
}

impl Prediction {
    /// The state before the first act. A test ensures that the compiled-in document can be read.
    fn new() -> Option<Self> {
        let start = Document::parse(STARTING_DOCUMENT.as_bytes()).ok()?;
        let inventory = InventoryModel::new(start.product, start.stock, &start.last_order, REORDER_BELOW);
        Some(Self {
            inventory,
            applied: HashSet::new(),
            committed: HashSet::new(),
            failed: HashSet::new(),
            not_supplied: HashSet::new(),
            attempts: [0; 2],
            verdict: Verdict::Right,
            shipping: Shipping::default(),
            deaths: 0,
            late: 0,
            late_is_open: false,
            running: None,
        })
    }

    /// Plays the order of act `act`. Returns its outcome and its attempts.
    fn play(
        &mut self,
        scenario: &Scenario,
        act: usize,
        placing: &Placing,
    ) -> Result<(ExpectedEnd, PerActivity<u32>), Unknown> {
        let when = scenario.acts.get(act).map_or(&When::AtOnce, |act| &act.when);
        if *when == When::AtOnce && !placing.new_workflow && self.running.as_ref() == Some(&placing.order) {
            return Ok((ExpectedEnd::Outcome(OrderOutcome::Joined), [0; 2]));
        }
        // An act at the supplier is predicted only if every order before it has ended. The next order has to wait for it.
        let before = act.checked_sub(1).and_then(|before| scenario.acts.get(before)).map(|before| &before.what);
        let is_alone = match before {
            None => true,
            Some(What::SupplierOutage { .. }) => *when == When::SupplierOutage,
            Some(What::OtherClientOrder(_)) => *when == When::OtherClientShipped,
            Some(_) => *when == When::Ended,
        };
        // When the relay credits the units is not known.
        let is_on_order = !self.inventory.outbox.is_empty();
        if placing.copies > 1 || is_on_order || !is_alone || !self.shipping.is_settled() {
            return Err(Unknown::Timing);
        }
        self.shipping.settle();
        let run = Run { scenario, placing, guard: placing.guard.unwrap_or(scenario.guard), act };
        let (mut outcome, mut taken, mut delay) = (ExpectedEnd::Outcome(OrderOutcome::Applied), [0; 2], Duration::ZERO);
        for activity in Activity::ALL {
            let ended = self.play_activity(run, activity, &mut taken[activity as usize], &mut delay)?;
            match ended {
                Ok(found) if activity == Activity::UpdateInventory => outcome = ExpectedEnd::Outcome(found),
                Ok(_) => {}
                Err(stop) => {
                    outcome = match stop {
                        Stop::Refused(Refusal::Conflict { .. }) => ExpectedEnd::Outcome(OrderOutcome::Conflict),
                        Stop::Refused(_) => ExpectedEnd::Outcome(OrderOutcome::Rejected),
                        Stop::KeyTaken => ExpectedEnd::Failed,
                    };
                    break;
                }
            }
        }
        let is_refused = matches!(outcome, ExpectedEnd::Outcome(OrderOutcome::Conflict | OrderOutcome::Rejected));
        let order = |is: bool| is.then(|| placing.order.clone());
        self.committed.extend(order(!is_refused));
        self.failed.extend(order(is_refused || taken[0] > 1));
        self.not_supplied.extend(order(taken[1] > 1 || outcome == ExpectedEnd::Failed));
        self.late_is_open |= delay >= scenario.retry.start_to_close;
        self.running = order(!delay.is_zero() || taken.iter().sum::<u32>() > 2);
        self.attempts = Activity::ALL.map(|activity| self.attempts[activity as usize] + taken[activity as usize]);
        // A worker that dies may end an attempt that hangs.
        if self.deaths > 0 && self.late > 0 { Err(Unknown::Timing) } else { Ok((outcome, taken)) }
    }

    /// Plays the attempts of an activity until one does not fail. Adds to the number of attempts and to the delays.
    fn play_activity(
        &mut self,
        run: Run<'_>,
        activity: Activity,
        taken: &mut u32,
        delay: &mut Duration,
    ) -> Result<Ended, Unknown> {
        let Run { scenario, placing, .. } = run;
        for attempt in (1..=MAX_ATTEMPTS).filter_map(Attempt::new) {
            *taken += 1;
            let mut strikes = Strikes::new(scenario, placing, &placing.order, activity, attempt);
            let ended = self.play_attempt(run, &mut strikes)?;
            *delay += strikes.delay;
            let fault = match ended {
                Ok(ended) => return Ok(ended),
                Err(fault) => fault,
            };
            self.deaths += u32::from(fault == Fault::Crash);
            self.late += u32::from(fault == Fault::Hang);
            let timeout = if fault == Fault::Error { Duration::ZERO } else { scenario.retry.start_to_close };
            self.shipping.wait(timeout + scenario.retry.after(*taken));
        }
        Err(Unknown::Endless(activity))
    }

    /// Plays one attempt. The inner error is the fault that ends it.
    fn play_attempt(&mut self, run: Run<'_>, strikes: &mut Strikes<'_>) -> Result<Result<Ended, Fault>, Unknown> {
        let Run { placing, guard, act, .. } = run;
        let delivery = match self.deliver(run, strikes)? {
            Ok(delivery) => delivery,
            Err(Undelivered::Failed(fault)) => return Ok(Err(fault)),
            Err(Undelivered::KeyTaken) => return Ok(Ok(Err(Stop::KeyTaken))),
        };
        if let Some(fault) = strikes.at(Point::BeforeCommit) {
            self.fails_before_commit(fault, run, strikes.activity)?;
            return Ok(Err(fault));
        }
        let was_empty = self.inventory.outbox.is_empty();
        let ended = self.commit(&placing.effect(strikes.activity, delivery), guard, act);
        if was_empty && !self.inventory.outbox.is_empty() {
            self.relay(run)?;
        }
        // An attempt that is refused ends there.
        let after = if ended.is_ok() { strikes.at(Point::AfterCommit) } else { None };
        Ok(after.map_or(Ok(ended), Err))
    }

    /// Records a fault before the commit of an attempt. The late commit of an attempt that hangs changes nothing under the
    /// ledger.
    fn fails_before_commit(&mut self, fault: Fault, run: Run<'_>, activity: Activity) -> Result<(), Unknown> {
        if fault != Fault::Hang {
            return Ok(());
        }
        if run.guard != Guard::Ledger {
            return Err(Unknown::Timing);
        }
        if activity == Activity::SupplierOrder {
            self.shipping.hangs(run);
        }
        Ok(())
    }

    /// Commits an effect in the run of act `act`.
    fn commit(&mut self, effect: &Effect, guard: Guard, act: usize) -> Ended {
        let run = act.to_string();
        match self.inventory.decide(effect, guard, &run).map_err(Stop::Refused)? {
            Decision::Replay { same_run: false, .. } => Ok(OrderOutcome::Replayed),
            Decision::Replay { same_run: true, .. } => Ok(OrderOutcome::Applied),
            // The units were shipped before, so nothing has to be shipped here.
            Decision::Skip(_) | Decision::Ship => Ok(OrderOutcome::Skipped),
            Decision::Apply(change) => {
                // As in the audit, a supplier order that was not needed does not count.
                let (counts, activity) = (change.receipt.delta != 0, effect.activity());
                let is_new = !counts || self.applied.insert(change.key.clone());
                if !is_new {
                    self.verdict = Verdict::Wrong;
                } else if counts && activity == Activity::SupplierOrder {
                    self.shipping.credit();
                }
                self.inventory.apply(change, &origin_of(effect, run));
                Ok(OrderOutcome::Applied)
            }
            Decision::Intend(change) => {
                if let Effect::Supplier(order) = effect.clone() {
                    let (line, due) = (act as u64, UnixMillis::default());
                    let (plan, origin) = (RelayPlan::default(), origin_of(effect, run));
                    self.inventory.intend(change, Intent { line, order, guard, plan, origin, tries: 0, due });
                }
                Ok(OrderOutcome::Applied)
            }
        }
    }

    /// Compares the expectations of the whole scenario with the state after its last act.
    fn compare(&self, scenario: &Scenario) -> Result<(), Contradiction> {
        let expect = &scenario.expect;
        for (activity, expected, found) in each(expect.attempts, self.attempts) {
            let what = format!("the number of {} attempts of all orders", activity.short_name());
            compare(Field::Attempts(None, activity), &what, expected, found)?;
        }
        compare(Field::Deaths, "the number of worker deaths", expect.deaths, self.deaths)?;
        compare(Field::Late, "the number of late attempts", expect.late.filter(|_| !self.late_is_open), self.late)?;
        let stock = self.inventory.stock.saturating_add(self.inventory.outbox.units());
        compare(Field::Stock, "the stock at the end", expect.stock, stock)?;
        if let Some(shipments) = self.shipping.shipments() {
            compare(Field::Shipments, "the number of shipments", expect.shipments, shipments)?;
        }
        match (self.verdict, scenario.supplier.map(|_| self.shipping.verdict())) {
            (Verdict::Wrong, _) | (_, Some(Some(Verdict::Wrong))) => {
                compare(Field::Verdict, "the verdict", Some(expect.verdict.name()), Verdict::Wrong.name())
            }
            // Whether there are as many shipments as credits depends on timing.
            (Verdict::Right, Some(None)) => Ok(()),
            (Verdict::Right, None | Some(Some(Verdict::Right))) => {
                compare(Field::Verdict, "the verdict", Some(expect.verdict.name()), Verdict::Right.name())
            }
        }
    }
}

/// The origin of an effect in a run.
fn origin_of(effect: &Effect, run: String) -> Origin {
    let (order, activity) = (effect.order_id().clone(), effect.activity());
    Origin { order, workflow: String::new(), run, activity, attempt: Attempt::FIRST }
}

#[cfg(test)]
mod tests {
    use crate::{domain::KeyPolicy, scenario::parse};

    /// A scenario with these acts, lines before them, and expectation.
    fn text(head: &str, acts: &str, expect: &str) -> String {
        format!("title = 't'\nwhy = 'w'\n{head}\n{acts}\n[expect]\n{expect}\n")
    }

    fn order(rest: &str) -> String {
        format!("[[acts]]\norder = 'A12'\n{rest}\n")
    }

    /// Why the scenario is refused; empty if it is not.
    fn problem(head: &str, acts: &str, expect: &str) -> String {
        parse("s", "s.toml", &text(head, acts, expect)).err().map(|error| error.problem).unwrap_or_default()
    }

    /// Asserts the prediction for an order of 999 units or of `quantity`: only this expectation is accepted.
    #[track_caller]
    fn ends(head: &str, acts: &str, stock: i64, verdict: &str, [update, supplier, deaths, late]: [u32; 4]) {
        let expect = |stock: i64, verdict: &str, [update, supplier, deaths, late]: [u32; 4]| {
            format!(
                "stock = {stock}\nverdict = '{verdict}'\ndeaths = {deaths}\nlate = {late}\n\
                 attempts = {{ update = {update}, supplier = {supplier} }}"
            )
        };
        let counts = [update, supplier, deaths, late];
        assert_eq!(problem(head, acts, &expect(stock, verdict, counts)), "");
        let other = if verdict == "right" { "wrong" } else { "right" };
        for (stock, verdict) in [(stock + 1, verdict), (stock, other)] {
            assert_ne!(problem(head, acts, &expect(stock, verdict, counts)), "");
        }
        for index in 0..counts.len() {
            let mut counts = counts;
            counts[index] += 1;
            assert_ne!(problem(head, acts, &expect(stock, verdict, counts)), "");
        }
    }

    #[test]
    fn the_faults_of_one_order_change_its_attempts_and_not_the_stock() {
        for (faults, counts) in [
            ("none", [1, 1, 0, 0]),
            ("update.after-commit=1*error", [2, 1, 0, 0]),
            ("update.before-commit=1*error;update.after-commit=2*error", [3, 1, 0, 0]),
            ("before-commit=2*error", [3, 3, 0, 0]),
            ("supplier.after-commit=1*crash", [1, 2, 1, 0]),
            ("update.before-commit=1*hang", [2, 1, 0, 1]),
            ("update.after-commit=2*hang;supplier.before-commit=1*hang", [3, 2, 0, 3]),
        ] {
            ends(&format!("faults = '{faults}'"), &order("quantity = 999"), 1001, "right", counts);
        }
    }

    #[test]
    fn a_delay_that_reaches_the_timeout_leaves_open_whether_the_attempt_is_late() {
        let (delay, acts) = ("faults = 'update.before-commit=1*delay(10000)'", order("quantity = 999"));
        for (late, update) in [(0, 2), (1, 2), (1, 1)] {
            let expect = format!("stock = 1001\nverdict = 'right'\nlate = {late}\nattempts = {{ update = {update} }}");
            assert_eq!(problem(delay, &acts, &expect).is_empty(), update == 2);
        }
    }

    #[test]
    fn a_start_that_surely_joins_has_no_attempts() {
        let slow = order("quantity = 10\nfaults = 'update.before-commit=1*delay(500)'");
        let joined = slow.clone() + &order("quantity = 10\noutcome = 'joined'");
        ends("", &joined, 990, "right", [1, 1, 0, 0]);
        let replayed = slow + &order("quantity = 10\nafter = 'ended'\noutcome = 'replayed'");
        ends("", &replayed, 990, "right", [2, 2, 0, 0]);
    }

    #[test]
    fn a_refused_order_has_no_supplier_order() {
        for refused in ["quantity = 1001", "quantity = 0", "quantity = 1\nproduct = '999999'"] {
            let acts = order(&format!("{refused}\nfaults = 'update.before-commit=1*error;update.after-commit=error'"));
            assert!(problem("", &acts, "stock = 1000\nverdict = 'right'").contains("never ends"));
            let acts =
                order(&format!("{refused}\nfaults = 'update.before-commit=1*error;update.after-commit=5*error'"));
            ends("", &acts, 1000, "right", [2, 0, 0, 0]);
        }
    }

    #[test]
    fn without_the_ledger_every_commit_counts() {
        let once = "faults = 'update.after-commit=1*error'";
        let acts = order("quantity = 999");
        ends(&format!("guard = 'off'\n{once}"), &acts, 2, "wrong", [2, 1, 0, 0]);
        ends(&format!("guard = 'last-order'\n{once}"), &acts, 1001, "right", [2, 1, 0, 0]);
        // The stock is low at both attempts of the supplier's: 1000 - 1999 = -999, and 1 after the first credit.
        let credit = "guard = 'off'\nfaults = 'supplier.after-commit=1*error'";
        ends(credit, &order("quantity = 1999"), 1001, "wrong", [1, 2, 0, 0]);
    }

    #[test]
    fn a_repeated_order_is_recognised_by_its_key() {
        let again = |third: &str| {
            let act = |id: &str, rest: &str| format!("[[acts]]\norder = '{id}'\nquantity = 10\n{rest}\n");
            let ended = "after = 'ended'";
            act("A", "") + &act("B", ended) + &act("A", &format!("{ended}\n{third}"))
        };
        let replayed = again("workflow = 'new'\noutcome = 'replayed'");
        ends("guard = 'ledger'", &replayed, 980, "right", [3, 3, 0, 0]);
        ends("guard = 'last-order'", &again("outcome = 'applied'"), 970, "wrong", [3, 3, 0, 0]);
        ends("guard = 'off'", &again("guard = 'ledger'\noutcome = 'replayed'"), 980, "right", [3, 3, 0, 0]);
        let conflict = order("quantity = 10") + &order("after = 'ended'\nquantity = 20\noutcome = 'conflict'");
        ends("", &conflict, 990, "right", [2, 1, 0, 0]);
    }

    /// Asserts the prediction with a supplier of these keys: only this number of shipments and this verdict are accepted.
    #[track_caller]
    fn ships(keys: &str, faults: &str, shipments: u32, attempts: u32) {
        let head = format!("{keys}\nfaults = '{faults}'");
        let verdict = if shipments == 1 { "right" } else { "wrong" };
        let expect = |shipments: u32, verdict: &str, attempts: u32| {
            let attempts = format!("attempts = {{ supplier = {attempts} }}");
            problem(
                &head,
                &order("quantity = 999"),
                &format!("stock = 1001\nverdict = '{verdict}'\nshipments = {shipments}\n{attempts}"),
            )
        };
        assert_eq!(expect(shipments, verdict, attempts), "", "{head}");
        let number = format!("the number of shipments cannot be 9: by the rules it is {shipments}");
        assert_eq!(expect(9, verdict, attempts), number, "{head}");
        assert_ne!(expect(shipments, verdict, attempts + 1), "", "{head}");
        let other = if shipments == 1 { "wrong" } else { "right" };
        assert_eq!(
            expect(shipments, other, attempts),
            format!("the verdict cannot be {other}: by the rules it is {verdict}"),
            "{head}"
        );
    }

    #[test]
    fn a_supplier_ships_once_per_request_that_it_does_not_recognise() {
        let policies = ["supplier = 'header'", "supplier = 'lookup'", "supplier = 'none'"];
        for (faults, attempts, shipments) in [
            ("none", 1, [1, 1, 1]),
            ("supplier.before-send=2*error", 3, [1, 1, 1]),
            ("supplier.after-send=2*error", 3, [1, 1, 3]),
            ("supplier.after-send=1*crash", 2, [1, 1, 2]),
            // The units are shipped before the commit.
            ("supplier.before-commit=1*error", 2, [1, 1, 2]),
            // A supplier order that is in the ledger is not sent.
            ("supplier.after-commit=1*error", 2, [1, 1, 1]),
            ("supplier.after-commit=2*error;supplier.before-send=1*error", 3, [1, 1, 1]),
            ("supplier.before-send=1*error;supplier.after-send=2*error;supplier.before-commit=3*error", 4, [1, 1, 3]),
        ] {
            for (keys, shipments) in policies.into_iter().zip(shipments) {
                ships(keys, faults, shipments, attempts);
            }
        }
    }

    #[test]
    fn an_outage_delays_the_shipment_under_every_policy() {
        let acts = |when: &str| {
            "[[acts]]\ndo = 'supplier-outage'\nrequests = 2\n".to_owned()
                + &order(&format!("after = '{when}'\nquantity = 999"))
        };
        let expect = |shipments: u32, attempts: u32| {
            format!("stock = 1001\nverdict = 'right'\nshipments = {shipments}\nattempts = {{ supplier = {attempts} }}")
        };
        for policy in [KeyPolicy::Header, KeyPolicy::Lookup, KeyPolicy::None] {
            let head = format!("supplier = '{policy}'\nfaults = 'supplier.before-send=1*error'");
            assert_eq!(problem(&head, &acts("supplier outage"), &expect(1, 4)), "", "{head}");
            for (shipments, attempts) in [(2, 4), (1, 3)] {
                assert_ne!(problem(&head, &acts("supplier outage"), &expect(shipments, attempts)), "", "{head}");
            }
        }
        // The relay waits for the end of the outage, not the activity.
        let head = "supplier = 'outbox'\nfaults = 'supplier.before-send=1*error'";
        assert_eq!(problem(head, &acts("supplier outage"), &expect(1, 1)), "");
        assert_ne!(problem(head, &acts("supplier outage"), &expect(1, 3)), "");
        // The order may come before the outage.
        let head = "supplier = 'header'";
        for attempts in [1, 3] {
            assert_eq!(problem(head, &acts("ended").replace("after = 'ended'\n", ""), &expect(1, attempts)), "");
        }
        // An attempt that wakes up late may take one of the refusals.
        let late = "supplier = 'header'\nfaults = 'supplier.before-send=1*hang'";
        for attempts in [2, 4] {
            assert_eq!(problem(late, &acts("supplier outage"), &expect(1, attempts)), "");
        }
        let ended = order("quantity = 1") + &acts("supplier outage").replacen("do =", "after = 'ended'\ndo =", 1);
        let ended = ended.replacen("A12", "B", 1);
        let expect = "stock = 1000\nverdict = 'right'\nshipments = 1\nattempts = { update = 2, supplier = 4 }";
        assert_eq!(problem(head, &ended, expect), "");
    }

    #[test]
    fn a_key_of_another_client_fails_an_order_that_sends_it() {
        let other = "[[acts]]\ndo = 'other-client-order'\nreference = 'A12'\nquantity = 7\n";
        let acts =
            |rest: &str| other.to_owned() + &order(&format!("after = 'other client shipped'\nquantity = 999\n{rest}"));
        let expect = |stock: i64, shipments: u32, attempts: u32| {
            format!(
                "stock = {stock}\nverdict = 'right'\nshipments = {shipments}\nattempts = {{ supplier = {attempts} }}"
            )
        };
        for (policy, outcome, found) in [
            ("header", "failed", (1, 0, 1)),
            ("outbox", "applied", (1, 0, 1)),
            ("lookup", "applied", (1001, 1, 1)),
            ("none", "applied", (1001, 1, 1)),
        ] {
            let (head, (stock, shipments, attempts)) = (format!("supplier = '{policy}'"), found);
            let problem =
                |outcome: &str, expect: &str| problem(&head, &acts(&format!("outcome = '{outcome}'")), expect);
            assert_eq!(problem(outcome, &expect(stock, shipments, attempts)), "", "{head}");
            for expect in [
                expect(stock + 1, shipments, attempts),
                expect(stock, shipments + 1, attempts),
                expect(stock, shipments, attempts + 1),
                expect(stock, shipments, attempts).replace("right", "wrong"),
            ] {
                assert_ne!(problem(outcome, &expect), "", "{head}, {expect}");
            }
            let other = if outcome == "failed" { "applied" } else { "failed" };
            let text = format!("the outcome of order A12 cannot be {other}: by the rules it is {outcome}");
            assert_eq!(problem(other, &expect(stock, shipments, attempts)), text);
        }
        // Not predicted: the order may come first, an outage may refuse the other order, and the key may expire.
        let outage = "[[acts]]\ndo = 'supplier-outage'\nrequests = 1\n";
        for (head, acts) in [
            ("", acts("").replace("after = 'other client shipped'\n", "")),
            ("", outage.to_owned() + &acts("").replacen("do =", "after = 'ended'\ndo =", 1)),
            ("supplier_key_seconds = 1", acts("")),
        ] {
            for expect in [expect(1, 0, 1), expect(1001, 1, 1)] {
                assert_eq!(problem(&format!("supplier = 'header'\n{head}"), &acts, &expect), "", "{head}\n{acts}");
            }
        }
        let other = other.replace("A12", "B");
        let acts = other + &order("after = 'other client shipped'\nquantity = 999");
        assert_eq!(problem("supplier = 'header'", &acts, &expect(1001, 1, 1)), "", "it has another key");
    }

    #[test]
    fn the_relay_sends_an_order_with_its_key_after_the_activity_has_ended() {
        for (faults, shipments, attempts) in [
            ("none", 1, 1),
            ("supplier.before-send=2*error", 1, 1),
            ("supplier.after-send=2*error", 1, 1),
            ("supplier.after-send=1*hang", 1, 1),
            ("supplier.before-commit=1*error;supplier.after-send=3*error", 1, 2),
            ("supplier.after-commit=1*error", 1, 2),
        ] {
            ships("supplier = 'outbox'", faults, shipments, attempts);
        }
        let expect = "stock = 1001\nverdict = 'right'\nshipments = 1";
        let endless =
            problem("supplier = 'outbox'\nfaults = 'supplier.after-send=error'", &order("quantity = 999"), expect);
        assert!(endless.starts_with("supplier of order A12 never ends"), "{endless}");
    }

    #[test]
    fn an_expired_key_is_a_new_order() {
        let keys = |retry: &str| format!("supplier = 'header'\nsupplier_key_seconds = 2\nretry = {{ {retry} }}");
        let fault = "supplier.after-send=1*error";
        ships(&keys("initial_ms = 2000"), fault, 2, 2);
        ships(&keys("initial_ms = 100, start_to_close_ms = 2000"), "supplier.after-send=1*crash", 2, 2);
        // The wait is shorter, but a slow machine can make it longer.
        let head = format!("{}\nfaults = '{fault}'", keys("initial_ms = 1999"));
        for (shipments, verdict) in [(1, "right"), (2, "wrong")] {
            let expect = format!("stock = 1001\nverdict = '{verdict}'\nshipments = {shipments}");
            assert_eq!(problem(&head, &order("quantity = 999"), &expect), "");
        }
        ships(&format!("limit_seconds = 1\n{}", keys("initial_ms = 2000")), fault, 1, 2);
    }

    #[test]
    fn a_late_attempt_ships_again_unless_it_has_a_key_or_found_the_shipment() {
        for (faults, is_certain) in [
            ("supplier.before-send=1*hang", [true, false, false]),
            ("supplier.after-send=1*hang", [true, true, false]),
            ("supplier.before-commit=1*hang", [true, true, false]),
            ("supplier.after-commit=1*hang", [true, true, true]),
        ] {
            for (policy, is_certain) in ["header", "lookup", "none"].into_iter().zip(is_certain) {
                let head = format!("supplier = '{policy}'\nfaults = '{faults}'");
                let expect = |shipments: u32, verdict: &str| {
                    let expect = format!("stock = 1001\nverdict = '{verdict}'\nlate = 1\nshipments = {shipments}");
                    problem(&head, &order("quantity = 999"), &expect)
                };
                assert_eq!(expect(1, "right"), "", "{head}");
                assert_eq!(expect(2, "wrong").is_empty(), !is_certain, "{head}");
            }
        }
    }

    #[test]
    fn a_supplier_that_is_not_needed_ships_nothing() {
        let acts = order("quantity = 10\nfaults = 'supplier.after-send=error'");
        assert_eq!(problem("supplier = 'none'", &acts, "stock = 990\nverdict = 'right'\nshipments = 0"), "");
        assert!(
            problem(
                "supplier = 'none'\nfaults = 'supplier.after-send=error'",
                &order("quantity = 999"),
                "stock = 1001\nverdict = 'right'"
            )
            .starts_with("supplier of order A12 never ends under these faults")
        );
        let down = order("quantity = 999") + "[[acts]]\nafter = 'not supplied A12'\ndo = 'start-worker'";
        let problem = problem("", &down, "stock = 1001\nverdict = 'right'");
        assert_eq!(problem, "no attempt of order A12's supplier order fails under its faults");
    }

    #[test]
    fn expectations_that_depend_on_timing_are_not_refused() {
        let hang = "guard = 'off'\nfaults = 'update.before-commit=1*hang'";
        let both = "faults = 'update.before-commit=1*hang;update.after-commit=2*crash'";
        let one = order("quantity = 999");
        let two = one.clone() + &order("quantity = 999");
        let copies = order("quantity = 600\ncopies = 2");
        let killed = one.clone() + "[[acts]]\ndo = 'kill-worker'\n[[acts]]\ndo = 'start-worker'";
        for (head, acts) in [(hang, &one), (both, &one), ("", &two), ("", &copies), ("", &killed)] {
            assert_eq!(problem(head, acts, "stock = 7\nverdict = 'right'"), "", "{head}\n{acts}");
        }
    }

    #[test]
    fn a_contradiction_is_named() {
        let good = "stock = 1001\nverdict = 'right'";
        let acts = order("quantity = 999");
        assert_eq!(problem("", &acts, good), "");
        for (acts, expect, expected) in [
            (
                acts.as_str(),
                "stock = 2\nverdict = 'right'",
                "the stock at the end cannot be 2: by the rules it is 1001",
            ),
            (&acts, "stock = 1001\nverdict = 'wrong'", "the verdict cannot be wrong: by the rules it is right"),
            (
                &acts,
                &format!("{good}\nattempts = {{ supplier = 2 }}"),
                "the number of supplier attempts of all orders cannot be 2: by the rules it is 1",
            ),
            (&acts, &format!("{good}\ndeaths = 1"), "the number of worker deaths cannot be 1: by the rules it is 0"),
            (&acts, &format!("{good}\nlate = 1"), "the number of late attempts cannot be 1: by the rules it is 0"),
            (
                &order("quantity = 999\noutcome = 'replayed'"),
                good,
                "the outcome of order A12 cannot be replayed: by the rules it is applied",
            ),
            (
                &order("quantity = 999\nattempts = { update = 1 }\nfaults = 'after-commit-once'"),
                good,
                "the number of update attempts of order A12 cannot be 1: by the rules it is 2",
            ),
            (
                &order("quantity = 999\nfaults = 'supplier.before-commit=error'"),
                good,
                "supplier of order A12 never ends under these faults: its first 100 attempts all fail; limit the faults \
                 to its first attempts, as in 2*error",
            ),
            (
                &(acts.clone() + "[[acts]]\nafter = 'failed A12'\norder = 'B'\nquantity = 1"),
                good,
                "no attempt of order A12's update fails under its faults",
            ),
            (
                &(order("quantity = 0") + "[[acts]]\nafter = 'committed A12'\norder = 'B'\nquantity = 1"),
                "stock = 999\nverdict = 'right'",
                "order A12 is never committed: it is refused",
            ),
            (
                &order("quantity = 9\nguard = 'off'\nfaults = 'after-commit-once'"),
                "stock = 982\nverdict = 'right'",
                "the verdict cannot be right: by the rules it is wrong",
            ),
        ] {
            assert_eq!(problem("", acts, expect), expected);
        }
    }
}
