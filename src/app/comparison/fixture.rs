//! Comparisons for tests. The domain's rules decide about each effect, as they do in the store.

use crate::{
    app::{
        App, Candidate, Command, Comparison, ComparisonEvent, ComparisonNews, Intent, Message, ProcessExit, SIDES,
        Worker,
        testing::{
            fixture::{SUPPLIER, Scene, T0, UPDATE},
            supplier::Supplier,
        },
    },
    domain::{
        Activity, Attempt, Decision, Delivery, Effect, IdempotencyKey, Inventory, InventoryModel, KeyPolicy, Order,
        OrderId, OrderOutcome, Origin, ProductId, REORDER_BELOW, RunEnd, SUPPLIER_QUANTITY, ShipmentId, SupplierOrder,
        UnixMillis, WorkflowId,
    },
    faults::{Action, Point},
    store::{
        AttemptEvent, CommitOutcome, Fact, News, Phase, Record,
        record::{Commit, Init},
    },
};

pub const A12: &str = Comparison::ORDER;
pub const B7: &str = Comparison::OTHER;

/// The world of one side.
struct World {
    candidate: Candidate,
    stock: InventoryModel,
    journal: Vec<Record>,
    supplier: Supplier,
    /// The shipment of the attempt that runs.
    shipment: Option<ShipmentId>,
}

impl World {
    fn new(candidate: Candidate) -> Self {
        let stock = InventoryModel::new(product(), 1000, Inventory::NO_ORDER, REORDER_BELOW);
        Self { candidate, stock, journal: Vec::new(), supplier: Supplier::default(), shipment: None }
    }
}

/// The sides of a comparison, each with its stock, its journal and its supplier.
pub struct Play {
    pub app: App,
    pub terms: Comparison,
    pub now: u64,
    worlds: [World; SIDES],
}

impl Play {
    /// A comparison of guards, without workers.
    pub fn begin(interleaved: bool) -> Self {
        Self::begin_on(Scene::new().app, interleaved)
    }

    pub fn begin_on(mut app: App, interleaved: bool) -> Self {
        let intent = if interleaved { Intent::CompareInterleaved } else { Intent::Compare };
        let commands = app.update(Message::Intent(intent));
        Self::of(app, &commands)
    }

    /// A comparison of policies, without workers.
    pub fn begin_policies(interleaved: bool) -> Self {
        let mut app = Scene::new().app;
        for intent in [Intent::Compare, Intent::CompareOther] {
            app.update(Message::Intent(intent));
        }
        let intent = if interleaved { Intent::CompareInterleaved } else { Intent::Compare };
        let commands = app.update(Message::Intent(intent));
        Self::of(app, &commands)
    }

    fn of(app: App, commands: &[Command]) -> Self {
        let [Command::Compare(terms)] = commands else { panic!("{commands:?}") };
        let terms = terms.clone();
        let worlds = terms.subject.candidates().map(World::new);
        Self { app, terms, now: T0, worlds }
    }

    fn candidates(&self) -> [Candidate; SIDES] {
        self.terms.subject.candidates()
    }

    fn world(&mut self, candidate: Candidate) -> &mut World {
        self.worlds.iter_mut().find(|world| world.candidate == candidate).unwrap()
    }

    pub fn tell(&mut self, candidate: impl Into<Candidate>, event: ComparisonEvent) {
        let (number, candidate) = (self.terms.number, candidate.into());
        self.app.update(Message::Compared(ComparisonNews { number, candidate, event }));
    }

    pub fn wait(&mut self, millis: u64) {
        self.now += millis;
        self.app.update(Message::Tick { now: UnixMillis(self.now) });
    }

    /// The workers poll, and the databases are there.
    pub fn ready(mut self) -> Self {
        for (pid, side) in (4_242..).zip(self.candidates()) {
            self.tell(side, ComparisonEvent::Worker(Worker::Ready { pid }));
            self.write(side, Fact::Init(Init { product: product(), stock: 1000, last_order: "000".into() }));
        }
        self
    }

    pub fn start(&mut self, order: &str) {
        for side in self.candidates() {
            let (workflow, run) = (workflow(order, side), run(order, side));
            self.tell(side, ComparisonEvent::Started { workflow, run, order: order.into() });
        }
    }

    pub fn end(&mut self, order: &str) {
        for side in self.candidates() {
            let end = RunEnd::completed(OrderOutcome::Applied);
            self.tell(side, ComparisonEvent::Ended { workflow: workflow(order, side), run: run(order, side), end });
        }
    }

    /// The journal of that side from its first line.
    pub fn records(&self, side: impl Into<Candidate>) -> Vec<Record> {
        let side = side.into();
        self.worlds.iter().find(|world| world.candidate == side).unwrap().journal.clone()
    }

    fn write(&mut self, side: Candidate, fact: Fact) {
        let now = self.now;
        let journal = &mut self.world(side).journal;
        let restarted = journal.is_empty();
        let record = Record { seq: journal.len() as u64 + 1, at: UnixMillis(now), fact };
        journal.push(record.clone());
        self.tell(side, ComparisonEvent::Journal(News { restarted, records: vec![record], ..News::default() }));
    }

    pub fn phase(&mut self, side: Candidate, order: &str, activity: Activity, attempt: u32, phase: Phase) {
        let origin = origin(side, order, activity, attempt);
        self.write(side, Fact::Attempt(AttemptEvent { origin, phase }));
    }

    /// Begins an attempt, and commits its effect if the guard allows it. Returns what the guard decided.
    pub fn commit(
        &mut self,
        side: impl Into<Candidate>,
        order: &str,
        activity: Activity,
        attempt: u32,
    ) -> CommitOutcome {
        let side = side.into();
        self.phase(side, order, activity, attempt, Phase::Started);
        self.apply(side, order, activity, attempt)
    }

    /// Commits the effect of an attempt that has begun, if the guard allows it.
    pub fn apply(&mut self, side: Candidate, order: &str, activity: Activity, attempt: u32) -> CommitOutcome {
        let origin = origin(side, order, activity, attempt);
        let delivery = match self.world(side).shipment.take() {
            Some(shipment) if activity == SUPPLIER => Delivery::Shipped(shipment),
            _ => Delivery::Immediate,
        };
        let effect = self.effect(order, activity, delivery);
        let guard = side.guard();
        let inventory = &mut self.world(side).stock;
        let change = match inventory.decide(&effect, guard, &origin.run).unwrap() {
            Decision::Apply(change) => change,
            Decision::Replay { .. } => return CommitOutcome::Replayed,
            Decision::Skip(_) => return CommitOutcome::Skipped,
            Decision::Ship | Decision::Intend(_) => unreachable!("the units need no shipment"),
        };
        inventory.apply(change.clone(), &origin);
        let commit = Commit {
            key: change.key,
            payload: change.payload,
            receipt: change.receipt,
            shipment: change.shipment,
            intent: None,
            relay: None,
            guard,
            origin,
        };
        self.write(side, if activity == SUPPLIER { Fact::Supplier(commit) } else { Fact::Order(commit) });
        CommitOutcome::Applied
    }

    fn effect(&self, order: &str, activity: Activity, delivery: Delivery) -> Effect {
        let id = OrderId::new(order).unwrap();
        let quantity = if order == A12 { self.terms.quantity() } else { Comparison::OTHER_QUANTITY };
        match activity {
            Activity::UpdateInventory => Effect::Order(Order { id, product: product(), quantity }),
            Activity::SupplierOrder => {
                Effect::Supplier(SupplierOrder { order: id, product: product(), quantity: SUPPLIER_QUANTITY, delivery })
            }
        }
    }

    /// On every side: the attempt commits, and its acknowledgement is lost.
    pub fn lost(&mut self, order: &str, attempt: u32) {
        for side in self.candidates() {
            self.commit(side, order, UPDATE, attempt);
            let (code, message) = ("RandomError".into(), "RANDOM ERROR".into());
            let point = Some(Point::AfterCommit);
            self.phase(side, order, UPDATE, attempt, Phase::Failed { code, message, retryable: true, point });
        }
    }

    /// On every side: the attempt commits, and its worker dies.
    pub fn crashed(&mut self, order: &str, attempt: u32) {
        for side in self.candidates() {
            self.commit(side, order, UPDATE, attempt);
            let fault = Phase::Fault { point: Point::AfterCommit, action: Action::Crash };
            self.phase(side, order, UPDATE, attempt, fault);
            let cause = ProcessExit::Aborted;
            let restart_at = Some(UnixMillis(self.now + 250));
            self.tell(side, ComparisonEvent::Worker(Worker::Exited { cause, restart_at }));
        }
    }

    /// On every side: the attempt succeeds.
    pub fn through(&mut self, order: &str, activity: Activity, attempt: u32) {
        for side in self.candidates() {
            let outcome = self.commit(side, order, activity, attempt);
            self.phase(side, order, activity, attempt, Phase::Completed { outcome });
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

    pub fn stocks(&self) -> [i64; SIDES] {
        self.app.comparison().unwrap().sides().each_ref().map(|side| side.stock().unwrap())
    }

    /// The attempt sends its order to the supplier. `asks`: the policy `lookup` asks before that; an overlapping attempt has
    /// asked already.
    pub fn send(&mut self, side: impl Into<Candidate>, attempt: u32, asks: bool) {
        let (side, order, now) = (side.into(), OrderId::new(A12).unwrap(), self.now);
        let policy = side.policy().unwrap();
        let supplier = &mut self.world(side).supplier;
        let found = (asks && policy == KeyPolicy::Lookup).then(|| supplier.find(&order)).flatten();
        let (shipment, replayed) = match found {
            Some(found) => (found, true),
            None => supplier.send(&order, policy, None, now).unwrap(),
        };
        self.world(side).shipment = Some(shipment.clone());
        self.phase(side, A12, SUPPLIER, attempt, Phase::Shipped { shipment, replayed });
    }

    /// The supplier is asked after the journal's latest record.
    pub fn report(&mut self, side: impl Into<Candidate>) {
        let side = side.into();
        let world = self.world(side);
        let report = world.supplier.obey(&Command::AskSupplier(world.journal.len() as u64)).unwrap();
        self.tell(side, ComparisonEvent::Supplier(report));
    }

    /// A comparison of policies up to the failure or the stall of the first attempt.
    pub fn waiting_policies(interleaved: bool) -> Self {
        let mut play = Self::begin_policies(interleaved).ready();
        play.wait(100);
        play.start(A12);
        play.wait(20);
        play.through(A12, UPDATE, 1);
        for side in play.candidates() {
            play.phase(side, A12, SUPPLIER, 1, Phase::Started);
            if interleaved {
                let fault = Phase::Fault { point: Point::BeforeSend, action: Action::Hang };
                play.phase(side, A12, SUPPLIER, 1, fault);
            } else {
                play.send(side, 1, true);
                let (code, message) = ("RandomError".into(), "RANDOM ERROR".into());
                let point = Some(Point::AfterSend);
                play.phase(side, A12, SUPPLIER, 1, Phase::Failed { code, message, retryable: true, point });
            }
            play.report(side);
        }
        play.wait(100);
        play
    }

    /// A comparison of policies up to the end of the workflow.
    pub fn ended_policies(interleaved: bool) -> Self {
        let mut play = Self::waiting_policies(interleaved);
        play.wait(2_100);
        for side in play.candidates() {
            play.phase(side, A12, SUPPLIER, 2, Phase::Started);
            play.send(side, 2, true);
            let outcome = play.apply(side, A12, SUPPLIER, 2);
            play.phase(side, A12, SUPPLIER, 2, Phase::Completed { outcome });
        }
        play.end(A12);
        play.wait(100);
        play
    }

    /// A comparison of policies to the end. With overlapping attempts, the first one wakes up after the end of the workflow.
    pub fn over_policies(interleaved: bool) -> Self {
        let mut play = Self::ended_policies(interleaved);
        play.wait(1_500);
        for side in play.candidates() {
            if interleaved {
                play.send(side, 1, false);
                let outcome = play.apply(side, A12, SUPPLIER, 1);
                play.phase(side, A12, SUPPLIER, 1, Phase::Completed { outcome });
            }
            play.report(side);
        }
        play
    }
}

fn product() -> ProductId {
    ProductId::new(Comparison::PRODUCT).unwrap()
}

fn workflow(order: &str, side: Candidate) -> String {
    WorkflowId::of_order(order).with_suffix(&format!("compare-x-{}", side.name())).into()
}

fn run(order: &str, side: Candidate) -> String {
    format!("run-{order}-{}", side.name())
}

fn origin(side: Candidate, order: &str, activity: Activity, attempt: u32) -> Origin {
    Origin {
        order: OrderId::new(order).unwrap(),
        workflow: workflow(order, side),
        run: run(order, side),
        activity,
        attempt: Attempt::new(attempt).unwrap(),
    }
}

/// The key of an order's own effect.
pub fn key(order: &str) -> IdempotencyKey {
    IdempotencyKey::order(&OrderId::new(order).unwrap())
}
