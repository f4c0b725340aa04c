//! A world for tests: a server, a worker and a database that carry out the core's commands by the domain's rules, one attempt
//! after the other, on a clock of their own.

use std::collections::VecDeque;

use crate::{
    app::{
        App, Command, Core, InitialStock, Intent, Link, Message, Options, ProcessExit, Script, Server, StartMode,
        StartOrder, Worker, parse_script,
    },
    domain::{
        Activity, Attempt, Change, Decision, Delivery, Effect, Guard, Inventory, InventoryModel, KeyPolicy, Order,
        OrderId, Origin, ProductId, REORDER_BELOW, Refusal, RelayPlan, RunEnd, SUPPLIER_QUANTITY, ShipmentId,
        SupplierOrder, Supply, UnixMillis, millis,
    },
    faults::{Action, Draw, Point},
    recording::{Recorded, Recorder},
    scenario::{self, Scenario},
    store::{
        AttemptEvent, CommitOutcome, Document, Fact, News, Phase, Record, StoreError,
        record::{Commit, Init, Refused},
    },
};

use super::{
    fixture::{T0, setup},
    supplier::Supplier,
};

pub struct World {
    pub core: Recorded,
    pub now: u64,
    /// All commands of the core, oldest first.
    pub asked: Vec<Command>,
    /// All messages to the core, with their times.
    pub heard: Vec<(u64, Message)>,
    queue: VecDeque<Command>,
    pub(super) inventory: InventoryModel,
    pub(super) supplier: Supplier,
    pub(super) records: Vec<Record>,
    open: VecDeque<Open>,
    asleep: VecDeque<(Open, Point)>,
    runs: u32,
    up: bool,
    pid: u32,
    /// The effect that was committed or replayed last belongs to the run of the attempt.
    own: bool,
}

/// An open order.
#[derive(Clone)]
struct Open {
    start: StartOrder,
    run: String,
    activity: Activity,
    attempt: u32,
    outcome: CommitOutcome,
    /// The time of its next attempt.
    due: u64,
}

enum Done {
    Again,
    Next(CommitOutcome),
    Over(RunEnd),
}

pub fn scenario(name: &str) -> Scenario {
    scenario::built_in(name).unwrap()
}

/// The walkthrough that is compiled in.
pub fn shipped() -> Script {
    let find = |name: &str| scenario::built_in(name).map_err(|error| error.to_string());
    parse_script("walkthrough.md", include_str!("../../../assets/walkthrough.md"), find).unwrap()
}

pub fn walkthrough() -> StartMode {
    StartMode::Walkthrough(Box::new(shipped()))
}

pub fn scenario_mode(scenario: Scenario) -> StartMode {
    StartMode::Scenario { scenario: Box::new(scenario), initial_stock: InitialStock::Fresh }
}

impl World {
    /// Connected, with a worker and a new database.
    pub fn new(start_mode: StartMode) -> Self {
        Self::recorded(start_mode, None)
    }

    pub fn recorded(start_mode: StartMode, recorder: Option<Recorder>) -> Self {
        let mut world = Self {
            core: Recorded::new(Options { start_mode, ..setup() }, recorder),
            now: T0,
            asked: Vec::new(),
            heard: Vec::new(),
            queue: VecDeque::new(),
            inventory: stock(),
            supplier: Supplier::default(),
            records: Vec::new(),
            open: VecDeque::new(),
            asleep: VecDeque::new(),
            runs: 0,
            up: true,
            pid: 4_242,
            own: false,
        };
        world.tell(Message::Server(Server::Running { web_ui: "http://localhost:8233".into() }));
        world.tell(Message::Link(Link::Up));
        world.tell(Message::Worker(Worker::Ready { pid: 4_242 }));
        world.begin_journal();
        world
    }

    /// Another session on the same database.
    pub fn again(self, start_mode: StartMode) -> Self {
        let (inventory, records, runs) = (self.inventory, self.records, self.runs);
        let mut world = Self::new(start_mode);
        (world.inventory, world.runs) = (inventory, runs);
        world.records.clone_from(&records);
        world.tell(Message::Journal(News { restarted: true, records, ..News::default() }));
        world.publish();
        world
    }

    pub fn app(&self) -> &App {
        self.core.app()
    }

    pub fn press(&mut self, intent: Intent) {
        self.wait(500);
        self.tell(Message::Intent(intent));
    }

    pub fn wait(&mut self, millis: u64) {
        self.now += millis;
        self.tell(Message::Tick { now: UnixMillis(self.now) });
    }

    pub fn tell(&mut self, message: Message) {
        self.heard.push((self.now, message.clone()));
        let mut commands = self.core.update(Message::Tick { now: UnixMillis(self.now) });
        commands.extend(self.core.update(message));
        self.asked.extend(commands.iter().cloned());
        self.queue.extend(commands);
    }

    /// Does the next thing. `false`: there is nothing to do.
    pub fn go_on(&mut self) -> bool {
        if let Some(command) = self.queue.pop_front() {
            self.obey(command);
        } else if let Some(open) = self.take_due() {
            self.attempt(open);
        } else if let Some((asleep, point)) = self.asleep.pop_front() {
            self.wake(&asleep, point);
        } else {
            return self.relay();
        }
        true
    }

    /// Goes on until nothing is left to do.
    pub fn settle(&mut self) {
        for _ in 0..10_000 {
            if !self.go_on() {
                return;
            }
        }
        panic!("it never settles");
    }

    /// The order with the earliest next attempt.
    fn take_due(&mut self) -> Option<Open> {
        let first = self.open.iter().enumerate().filter(|_| self.up).min_by_key(|(_, open)| open.due)?.0;
        self.open.remove(first)
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::StartOrder(start) => self.start(start),
            Command::Reset => {
                (self.inventory, self.supplier, self.records) = (stock(), Supplier::default(), Vec::new());
                self.tell(Message::ResetDone(Ok(Some(".until-1".into()))));
                self.begin_journal();
            }
            Command::KillWorker => {
                self.asleep.clear();
                self.tell(Message::Worker(Worker::Killed));
            }
            Command::StartWorker => self.new_worker(),
            Command::Terminate(run) => {
                self.open.retain(|open| open.run != run.run);
                self.tell(Message::Ended { workflow: run.workflow, run: run.run, end: RunEnd::Terminated });
            }
            Command::KillServer => {
                self.up = false;
                // The server's state is reported first; in between the link seems to be up.
                self.tell(Message::Server(Server::Killed));
                let next_try = UnixMillis(self.now);
                self.tell(Message::Link(Link::Down { cause: "killed".into(), attempt: 0, next_try }));
            }
            Command::StartServer => {
                self.up = true;
                self.tell(Message::Server(Server::Running { web_ui: "http://localhost:8233".into() }));
                self.tell(Message::Link(Link::Up));
            }
            command => {
                if let Some(report) = self.supplier.obey(&command) {
                    self.tell(Message::Supplier(report));
                }
            }
        }
    }

    fn new_worker(&mut self) {
        self.pid += 1;
        self.tell(Message::Worker(Worker::Starting));
        self.tell(Message::Worker(Worker::Ready { pid: self.pid }));
    }

    fn start(&mut self, start: StartOrder) {
        let under_way = self.open.iter().find(|open| open.start.workflow == start.workflow);
        let (run, joined) = match under_way {
            Some(open) => (open.run.clone(), true),
            None => (format!("run-{}", self.runs), false),
        };
        self.runs += u32::from(!joined);
        let (order, workflow) = (start.order.to_string(), start.workflow.clone());
        let told = Message::Started { ticket: start.ticket, order, workflow, run: run.clone(), joined };
        if !joined {
            let (activity, outcome) = (Activity::UpdateInventory, CommitOutcome::Applied);
            self.open.push_back(Open { start, run, activity, attempt: 1, outcome, due: self.now });
        }
        self.tell(told);
    }

    fn attempt(&mut self, open: Open) {
        self.now = self.now.max(open.due) + 20;
        self.note(&open, Phase::Started);
        match self.run(&open) {
            Done::Again => {
                let due = self.now + millis::whole(open.start.retry.after(open.attempt));
                self.open.push_back(Open { attempt: open.attempt + 1, due, ..open });
            }
            Done::Next(outcome) if open.activity == Activity::UpdateInventory => {
                // What the workflow reports: an effect of its own run counts as applied.
                let outcome = if self.own { CommitOutcome::Applied } else { outcome };
                self.open.push_back(Open {
                    activity: Activity::SupplierOrder,
                    attempt: 1,
                    outcome,
                    due: self.now,
                    ..open
                });
            }
            Done::Next(_) => {
                self.end(&open, RunEnd::completed(open.outcome.into()));
            }
            Done::Over(end) => self.end(&open, end),
        }
    }

    fn end(&mut self, open: &Open, end: RunEnd) {
        self.tell(Message::Ended { workflow: open.start.workflow.clone(), run: open.run.clone(), end });
    }

    fn run(&mut self, open: &Open) -> Done {
        let delivery = match self.deliver(open) {
            Ok(delivery) => delivery,
            Err(done) => return done,
        };
        if self.struck(open, Point::BeforeCommit) {
            return Done::Again;
        }
        let outcome = match self.commit(open, delivery) {
            Ok(outcome) => outcome,
            Err(error) => return Done::Over(self.refuse(open, &error)),
        };
        if self.struck(open, Point::AfterCommit) {
            return Done::Again;
        }
        self.note(open, Phase::Completed { outcome });
        Done::Next(outcome)
    }

    /// Ships the units of a supplier order, if they are needed.
    fn deliver(&mut self, open: &Open) -> Result<Delivery, Done> {
        let (Activity::SupplierOrder, Some(Supply::Shipped(policy))) = (open.activity, open.start.supply) else {
            return Ok(Delivery::Immediate);
        };
        if policy == KeyPolicy::Outbox {
            return Ok(Delivery::Outbox(RelayPlan::default()));
        }
        let decided = self.inventory.decide(&effect(open, Delivery::NotShipped), open.start.guard, &open.run);
        if decided != Ok(Decision::Ship) {
            return Ok(Delivery::NotShipped);
        }
        if self.supplier.down {
            let (code, message) = ("SupplierUnreachable".into(), "the supplier is not reachable".into());
            self.note(open, Phase::Failed { code, message, retryable: true, point: None });
            return Err(Done::Again);
        }
        let found = (policy == KeyPolicy::Lookup).then(|| self.supplier.find(&open.start.order)).flatten();
        let shipment = match found {
            Some(shipment) => {
                self.note(open, Phase::Shipped { shipment: shipment.clone(), replayed: true });
                shipment
            }
            None if self.struck(open, Point::BeforeSend) => return Err(Done::Again),
            None if self.supplier.refuses() => {
                let (code, message) = ("SupplierUnavailable".into(), "the supplier answers 503".into());
                self.note(open, Phase::Failed { code, message, retryable: true, point: None });
                return Err(Done::Again);
            }
            None => self.send(open, policy)?,
        };
        if self.struck(open, Point::AfterSend) { Err(Done::Again) } else { Ok(Delivery::Shipped(shipment)) }
    }

    fn send(&mut self, open: &Open, policy: KeyPolicy) -> Result<ShipmentId, Done> {
        let Some((shipment, replayed)) = self.ship(&open.start.order, policy) else {
            let message = "the supplier knows this key with another order".to_owned();
            let code = "SupplierConflict".to_owned();
            self.note(open, Phase::Failed { code, message: message.clone(), retryable: false, point: None });
            return Err(Done::Over(RunEnd::Failed { message }));
        };
        self.note(open, Phase::Shipped { shipment: shipment.clone(), replayed });
        Ok(shipment)
    }

    pub(super) fn ship(&mut self, order: &OrderId, policy: KeyPolicy) -> Option<(ShipmentId, bool)> {
        let scenario = self.core.app().scenario_run().unwrap().scenario();
        let lifetime = scenario.supplier.and_then(|supplier| supplier.key_lifetime);
        self.supplier.send(order, policy, lifetime, self.now)
    }

    /// Whether a planned fault ends the attempt.
    fn struck(&mut self, open: &Open, point: Point) -> bool {
        let attempt = Attempt::new(open.attempt).unwrap();
        let StartOrder { order, seed, faults, .. } = &open.start;
        let draw = Draw { seed: *seed, order: order.as_str(), activity: open.activity, attempt, point };
        let Some(action) = faults.strike(&draw) else { return false };
        if action == Action::Error {
            let (code, message) = ("RandomError".into(), "RANDOM ERROR".into());
            self.note(open, Phase::Failed { code, message, retryable: true, point: Some(point) });
            return true;
        }
        self.note(open, Phase::Fault { point, action });
        match action {
            Action::Crash => {
                let restart_at = Some(UnixMillis(self.now));
                self.tell(Message::Worker(Worker::Exited { cause: ProcessExit::Aborted, restart_at }));
                self.new_worker();
            }
            Action::Hang => self.asleep.push_back((open.clone(), point)),
            Action::Delay { .. } | Action::Error => return false,
        }
        self.now += millis::whole(open.start.retry.start_to_close);
        true
    }

    fn wake(&mut self, open: &Open, point: Point) {
        let delivery = match (open.start.supply, point) {
            (Some(Supply::Shipped(policy)), Point::BeforeSend) => match self.send(open, policy) {
                Ok(shipment) => Delivery::Shipped(shipment),
                Err(_) => return,
            },
            (Some(Supply::Shipped(_)), _) if open.activity == Activity::SupplierOrder => {
                self.supplier.find(&open.start.order).map_or(Delivery::NotShipped, Delivery::Shipped)
            }
            _ => Delivery::Immediate,
        };
        let outcome = match point {
            Point::AfterCommit => CommitOutcome::Applied,
            Point::BeforeSend | Point::AfterSend | Point::BeforeCommit => self.commit(open, delivery).unwrap(),
        };
        self.note(open, Phase::Completed { outcome });
    }

    fn commit(&mut self, open: &Open, delivery: Delivery) -> Result<CommitOutcome, StoreError> {
        let (effect, guard) = (effect(open, delivery), open.start.guard);
        let decided =
            self.inventory.decide(&effect, guard, &open.run).map_err(|refusal: Refusal| StoreError::from(refusal));
        let change = match decided? {
            Decision::Apply(change) => change,
            Decision::Intend(change) => {
                self.own = true;
                let Effect::Supplier(order) = effect else { unreachable!() };
                self.intend(&open.start, order, change, origin(open));
                return Ok(CommitOutcome::Applied);
            }
            Decision::Replay { same_run, .. } => {
                self.own = same_run;
                return Ok(CommitOutcome::Replayed);
            }
            Decision::Ship => unreachable!("the units were shipped before"),
            Decision::Skip(_) => {
                self.own = false;
                return Ok(CommitOutcome::Skipped);
            }
        };
        self.own = true;
        let origin = origin(open);
        self.inventory.apply(change.clone(), &origin);
        let commit = commit_of(change, guard, origin);
        self.write(match open.activity {
            Activity::UpdateInventory => Fact::Order(commit),
            Activity::SupplierOrder => Fact::Supplier(commit),
        });
        self.publish();
        Ok(CommitOutcome::Applied)
    }

    fn refuse(&mut self, open: &Open, error: &StoreError) -> RunEnd {
        let (code, message) = (error.type_name().to_owned(), error.to_string());
        let (workflow, run) = (open.start.workflow.clone(), open.run.clone());
        self.write(Fact::Reject(Refused { key: None, code: code.clone(), message: message.clone(), workflow, run }));
        self.note(open, Phase::Failed { code: code.clone(), message: message.clone(), retryable: false, point: None });
        if code == StoreError::CONFLICT { RunEnd::Conflict { message } } else { RunEnd::Rejected { code, message } }
    }

    fn begin_journal(&mut self) {
        let Inventory { product, stock, last_order, .. } = Inventory::clone(&self.inventory);
        self.write(Fact::Init(Init { product, stock, last_order }));
        self.publish();
    }

    fn note(&mut self, open: &Open, phase: Phase) {
        self.write(Fact::Attempt(AttemptEvent { origin: origin(open), phase }));
    }

    pub(super) fn write(&mut self, fact: Fact) {
        self.now += 3;
        let seq = self.records.len() as u64 + 1;
        let record = Record { seq, at: UnixMillis(self.now), fact };
        self.records.push(record.clone());
        self.tell(Message::Journal(News { restarted: seq == 1, records: vec![record], ..News::default() }));
    }

    pub(super) fn publish(&mut self) {
        let document = Document::of(&self.inventory, self.records.len() as u64);
        self.tell(Message::Document { document });
    }
}

fn stock() -> InventoryModel {
    InventoryModel::new(ProductId::new("123456").unwrap(), 1000, Inventory::NO_ORDER, REORDER_BELOW)
}

fn effect(open: &Open, delivery: Delivery) -> Effect {
    let StartOrder { order, product, quantity, .. } = open.start.clone();
    match open.activity {
        Activity::UpdateInventory => Effect::Order(Order { id: order, product, quantity }),
        Activity::SupplierOrder => {
            Effect::Supplier(SupplierOrder { order, product, quantity: SUPPLIER_QUANTITY, delivery })
        }
    }
}

fn origin(open: &Open) -> Origin {
    Origin {
        order: open.start.order.clone(),
        workflow: open.start.workflow.clone(),
        run: open.run.clone(),
        activity: open.activity,
        attempt: Attempt::new(open.attempt).unwrap(),
    }
}

pub(super) fn commit_of(change: Change, guard: Guard, origin: Origin) -> Commit {
    let Change { key, payload, receipt, shipment } = change;
    Commit { key, payload, receipt, shipment, intent: None, relay: None, guard, origin }
}
