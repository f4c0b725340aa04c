//! Comparisons for tests. The domain's rules decide about each effect, as they do in the store.

use crate::{
    app::{
        App, Command, Comparison, ComparisonEvent, ComparisonNews, Intent, Message, Worker, WorkerExit,
        testing::fixture::{SUPPLIER, Scene, T0, UPDATE},
    },
    domain::{
        Activity, Attempt, Decision, Delivery, Effect, Guard, IdempotencyKey, Inventory, InventoryModel, Order,
        OrderId, OrderOutcome, Origin, ProductId, REORDER_BELOW, RunEnd, SUPPLIER_QUANTITY, SupplierOrder, UnixMillis,
        WorkflowId,
    },
    faults::{Action, Point},
    store::{
        AttemptEvent, CommitOutcome, Fact, News, Phase, Record,
        record::{Commit, Init},
    },
};

pub const A12: &str = Comparison::ORDER;
pub const B7: &str = Comparison::OTHER;

/// The sides of a comparison, each with its stock and its journal.
pub struct Play {
    pub app: App,
    pub terms: Comparison,
    pub now: u64,
    stocks: [(InventoryModel, Vec<Record>); Guard::ALL.len()],
}

impl Play {
    /// A comparison without workers.
    pub fn begin(interleaved: bool) -> Self {
        Self::begin_on(Scene::new().app, interleaved)
    }

    pub fn begin_on(mut app: App, interleaved: bool) -> Self {
        let intent = if interleaved { Intent::CompareInterleaved } else { Intent::Compare };
        let commands = app.update(Message::Intent(intent));
        let [Command::Compare(terms)] = commands.as_slice() else { panic!("{commands:?}") };
        let terms = terms.clone();
        let stock = || (InventoryModel::new(product(), 1000, Inventory::NO_ORDER, REORDER_BELOW), Vec::new());
        Self { app, terms, now: T0, stocks: [stock(), stock(), stock()] }
    }

    pub fn tell(&mut self, guard: Guard, event: ComparisonEvent) {
        let number = self.terms.number;
        self.app.update(Message::Compared(ComparisonNews { number, guard, event }));
    }

    pub fn wait(&mut self, millis: u64) {
        self.now += millis;
        self.app.update(Message::Tick { now: UnixMillis(self.now) });
    }

    /// The workers poll, and the databases are there.
    pub fn ready(mut self) -> Self {
        for (pid, guard) in (4_242..).zip(Guard::ALL) {
            self.tell(guard, ComparisonEvent::Worker(Worker::Ready { pid }));
            self.write(guard, Fact::Init(Init { product: product(), stock: 1000, last_order: "000".into() }));
        }
        self
    }

    pub fn start(&mut self, order: &str) {
        for guard in Guard::ALL {
            let (workflow, run) = (workflow(order, guard), run(order, guard));
            self.tell(guard, ComparisonEvent::Started { workflow, run, order: order.into() });
        }
    }

    pub fn end(&mut self, order: &str) {
        for guard in Guard::ALL {
            let end = RunEnd::completed(OrderOutcome::Applied);
            self.tell(guard, ComparisonEvent::Ended { workflow: workflow(order, guard), run: run(order, guard), end });
        }
    }

    /// The journal of that side from its first line.
    pub fn records(&self, guard: Guard) -> Vec<Record> {
        self.stocks[guard as usize].1.clone()
    }

    fn write(&mut self, guard: Guard, fact: Fact) {
        let (_, records) = &mut self.stocks[guard as usize];
        let restarted = records.is_empty();
        let record = Record { seq: records.len() as u64 + 1, at: UnixMillis(self.now), fact };
        records.push(record.clone());
        self.tell(guard, ComparisonEvent::Journal(News { restarted, records: vec![record], ..News::default() }));
    }

    pub fn phase(&mut self, guard: Guard, order: &str, activity: Activity, attempt: u32, phase: Phase) {
        let origin = origin(guard, order, activity, attempt);
        self.write(guard, Fact::Attempt(AttemptEvent { origin, phase }));
    }

    /// Commits an attempt's effect if the guard allows it. Returns what the guard decided.
    pub fn commit(&mut self, guard: Guard, order: &str, activity: Activity, attempt: u32) -> CommitOutcome {
        self.phase(guard, order, activity, attempt, Phase::Started);
        let origin = origin(guard, order, activity, attempt);
        let effect = self.effect(order, activity);
        let (inventory, _) = &mut self.stocks[guard as usize];
        let change = match inventory.decide(&effect, guard, &origin.run).unwrap() {
            Decision::Apply(change) => change,
            Decision::Replay { .. } => return CommitOutcome::Replayed,
            Decision::Skip(_) => return CommitOutcome::Skipped,
            Decision::Ship => unreachable!("the units need no shipment"),
        };
        inventory.apply(change.clone(), &origin);
        let commit = Commit {
            key: change.key,
            payload: change.payload,
            receipt: change.receipt,
            shipment: change.shipment,
            guard,
            origin,
        };
        self.write(guard, if activity == SUPPLIER { Fact::Supplier(commit) } else { Fact::Order(commit) });
        CommitOutcome::Applied
    }

    fn effect(&self, order: &str, activity: Activity) -> Effect {
        let id = OrderId::new(order).unwrap();
        let quantity = if order == A12 { self.terms.quantity() } else { Comparison::OTHER_QUANTITY };
        match activity {
            Activity::UpdateInventory => Effect::Order(Order { id, product: product(), quantity }),
            Activity::SupplierOrder => Effect::Supplier(SupplierOrder {
                order: id,
                product: product(),
                quantity: SUPPLIER_QUANTITY,
                delivery: Delivery::Immediate,
            }),
        }
    }

    /// On every side: the attempt commits, and its acknowledgement is lost.
    pub fn lost(&mut self, order: &str, attempt: u32) {
        for guard in Guard::ALL {
            self.commit(guard, order, UPDATE, attempt);
            let (code, message) = ("RandomError".into(), "RANDOM ERROR".into());
            let point = Some(Point::AfterCommit);
            self.phase(guard, order, UPDATE, attempt, Phase::Failed { code, message, retryable: true, point });
        }
    }

    /// On every side: the attempt commits, and its worker dies.
    pub fn crashed(&mut self, order: &str, attempt: u32) {
        for guard in Guard::ALL {
            self.commit(guard, order, UPDATE, attempt);
            let fault = Phase::Fault { point: Point::AfterCommit, action: Action::Crash };
            self.phase(guard, order, UPDATE, attempt, fault);
            let cause = WorkerExit::Aborted;
            let restart_at = Some(UnixMillis(self.now + 250));
            self.tell(guard, ComparisonEvent::Worker(Worker::Exited { cause, restart_at }));
        }
    }

    /// On every side: the attempt succeeds.
    pub fn through(&mut self, order: &str, activity: Activity, attempt: u32) {
        for guard in Guard::ALL {
            let outcome = self.commit(guard, order, activity, attempt);
            self.phase(guard, order, activity, attempt, Phase::Completed { outcome });
        }
    }

    /// Up to the wait for the second attempt.
    pub fn waiting(interleaved: bool) -> Self {
        let mut play = Self::begin(interleaved).ready();
        play.wait(100);
        play.start(A12);
        play.wait(20);
        play.lost(A12, 1);
        if interleaved {
            play.wait(20);
            play.start(B7);
            play.through(B7, UPDATE, 1);
            play.wait(20);
            play.through(B7, SUPPLIER, 1);
            play.end(B7);
        }
        play.wait(100);
        play
    }

    /// To the end.
    pub fn over(interleaved: bool) -> Self {
        let mut play = Self::waiting(interleaved);
        play.wait(3_000);
        play.through(A12, UPDATE, 2);
        play.wait(20);
        play.through(A12, SUPPLIER, 1);
        play.end(A12);
        play.wait(100);
        play
    }

    pub fn stocks(&self) -> [i64; Guard::ALL.len()] {
        let comparison = self.app.comparison().unwrap();
        Guard::ALL.map(|guard| comparison.side(guard).stock().unwrap())
    }
}

fn product() -> ProductId {
    ProductId::new(Comparison::PRODUCT).unwrap()
}

fn workflow(order: &str, guard: Guard) -> String {
    WorkflowId::of_order(order).with_suffix(&format!("compare-x-{guard}")).into()
}

fn run(order: &str, guard: Guard) -> String {
    format!("run-{order}-{guard}")
}

fn origin(guard: Guard, order: &str, activity: Activity, attempt: u32) -> Origin {
    Origin {
        order: OrderId::new(order).unwrap(),
        workflow: workflow(order, guard),
        run: run(order, guard),
        activity,
        attempt: Attempt::new(attempt).unwrap(),
    }
}

/// The key of an order's own effect.
pub fn key(order: &str) -> IdempotencyKey {
    IdempotencyKey::order(&OrderId::new(order).unwrap())
}
