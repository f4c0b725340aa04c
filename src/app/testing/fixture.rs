//! Scenes for tests: an application, and journal records of made-up attempts.

use std::time::Duration;

use crate::{
    app::*,
    domain::{
        Activity, Attempt, FailureReport, Guard, IdempotencyKey, OrderId, OrderOutcome, Origin, PendingActivity,
        PendingState, ProductId, Receipt, RunEnd, RunResult, ShipmentId, UnixMillis,
    },
    faults::{Action, Point, Preset},
    store::{
        AttemptEvent, CommitOutcome, Document, Fact, News, Phase, Record,
        document::Retries,
        record::{Commit, Init},
    },
};

pub const T0: u64 = 1_700_000_000_000;
pub const UPDATE: Activity = Activity::UpdateInventory;
pub const SUPPLIER: Activity = Activity::SupplierOrder;

pub fn setup() -> Options {
    Options {
        server: "localhost:7233".into(),
        namespace: "default".into(),
        task_queue: "inventory-task-queue".into(),
        host: "here".into(),
        database: "database/inventory.json".into(),
        log: "idempotence.log".into(),
        session: "K7".into(),
        seed: 42,
        preset: Preset::Seed,
        guard: Guard::Ledger,
        faults_allowed: true,
        security: Security::default(),
        encrypted: false,
        retry: RetryWaits::default(),
        appearance: Appearance::default(),
        web_ui: None,
        version: "0.1.0".into(),
        now: UnixMillis(T0),
        above_dashboard: false,
        start_mode: StartMode::Dashboard,
    }
}

/// The server's answer while attempt `number` of the update runs.
pub fn running(number: u32, started: u64) -> PendingActivity {
    PendingActivity {
        activity: UPDATE.into(),
        id: "1".into(),
        attempt: number,
        maximum: 0,
        state: PendingState::Started,
        started: Some(UnixMillis(started)),
        completed: None,
        next: None,
        interval: None,
        failure: None,
        worker: "1234@elsewhere".into(),
    }
}

/// The server's answer between two attempts of the update: the one before `number` has failed.
pub fn waiting(number: u32, completed: u64, next: u64) -> PendingActivity {
    let failure =
        FailureReport { code: "Error".into(), message: "RANDOM ERROR".into(), retryable: true, causes: Vec::new() };
    PendingActivity {
        state: PendingState::Scheduled,
        started: None,
        completed: Some(UnixMillis(completed)),
        next: Some(UnixMillis(next)),
        interval: Some(Duration::from_millis(next - completed)),
        failure: Some(failure),
        ..running(number, 0)
    }
}

/// The same answer about an activity of another program's workflow.
pub fn foreign(name: &str, id: &str, pending: PendingActivity) -> PendingActivity {
    PendingActivity { activity: name.into(), id: id.into(), ..pending }
}

/// An application with a journal that is written record by record.
pub struct Scene {
    pub app: App,
    pub records: Vec<Record>,
    pub now: u64,
    pub stock: i64,
    pub guard: Guard,
    pub order: &'static str,
    pub workflow: String,
    pub run: String,
}

impl Scene {
    /// Connected, with a ready worker and the starting document.
    pub fn new() -> Self {
        let mut scene = Self {
            app: App::new(setup()),
            records: Vec::new(),
            now: T0,
            stock: 1000,
            guard: Guard::Ledger,
            order: "A12",
            workflow: "order-A12".into(),
            run: "0198f1a2-6b1f-7c3e".into(),
        };
        scene.tell(Message::Link(Link::Up));
        scene.tell(Message::Server(Server::Running { web_ui: "http://localhost:8233".into() }));
        scene.tell(Message::Worker(Worker::Ready { pid: 4242 }));
        let product = ProductId::new("123456").unwrap();
        scene.write(Fact::Init(Init { product, stock: 1000, last_order: "000".into() }));
        scene.document("000");
        scene
    }

    pub fn tell(&mut self, message: Message) -> Vec<Command> {
        self.app.update(message)
    }

    pub fn press(&mut self, intent: Intent) -> Vec<Command> {
        self.tell(Message::Intent(intent))
    }

    pub fn wait(&mut self, millis: u64) {
        self.now += millis;
        let now = UnixMillis(self.now);
        self.tell(Message::Tick { now });
    }

    /// Answers a start as the server would.
    pub fn begin(&mut self, command: &Command, run: &str) {
        let Command::StartOrder(start) = command else { panic!("{command:?}") };
        self.workflow.clone_from(&start.workflow);
        self.run = run.into();
        self.tell(Message::Started {
            ticket: start.ticket,
            order: start.order.to_string(),
            workflow: start.workflow.clone(),
            run: run.into(),
            joined: false,
        });
    }

    pub fn origin(&self, activity: Activity, attempt: u32) -> Origin {
        Origin {
            order: OrderId::new(self.order).unwrap(),
            workflow: self.workflow.clone(),
            run: self.run.clone(),
            activity,
            attempt: Attempt::new(attempt).unwrap(),
        }
    }

    pub fn write(&mut self, fact: Fact) {
        let seq = self.records.len() as u64 + 1;
        let record = Record { seq, at: UnixMillis(self.now), fact };
        self.records.push(record.clone());
        self.tell(Message::Journal(News { restarted: seq == 1, records: vec![record], ..News::default() }));
    }

    pub fn phase(&mut self, activity: Activity, attempt: u32, phase: Phase) {
        let origin = self.origin(activity, attempt);
        self.write(Fact::Attempt(AttemptEvent { origin, phase }));
        self.now += 4;
    }

    /// The first attempt credits a shipment.
    pub fn credit(&mut self, shipment: &str) {
        self.commit_with(SUPPLIER, 1, 1000, Some(shipment.to_owned().into()));
    }

    pub fn commit(&mut self, activity: Activity, attempt: u32, delta: i64) {
        self.commit_with(activity, attempt, delta, None);
    }

    fn commit_with(&mut self, activity: Activity, attempt: u32, delta: i64, shipment: Option<ShipmentId>) {
        self.stock += delta;
        let origin = self.origin(activity, attempt);
        let receipt = Receipt { delta, stock: self.stock };
        let payload = format!("{} x 123456", delta.abs()).into();
        let guard = self.guard;
        let (key, supplier) = match activity {
            Activity::UpdateInventory => (IdempotencyKey::order(&origin.order), false),
            Activity::SupplierOrder => (IdempotencyKey::supplier(&origin.order), true),
        };
        let commit = Commit { key, payload, receipt, shipment, intent: None, relay: None, guard, origin };
        self.write(if supplier { Fact::Supplier(commit) } else { Fact::Order(commit) });
        self.now += 8;
        self.document(self.order);
    }

    pub fn started(&mut self, activity: Activity, attempt: u32) {
        self.phase(activity, attempt, Phase::Started);
    }

    pub fn failed(&mut self, activity: Activity, attempt: u32, point: Point) {
        let (code, message) = ("RandomError".into(), "RANDOM ERROR".into());
        self.phase(activity, attempt, Phase::Failed { code, message, retryable: true, point: Some(point) });
    }

    pub fn crash(&mut self, activity: Activity, attempt: u32, point: Point) {
        self.phase(activity, attempt, Phase::Fault { point, action: Action::Crash });
    }

    pub fn done(&mut self, activity: Activity, attempt: u32, outcome: CommitOutcome) {
        self.phase(activity, attempt, Phase::Completed { outcome });
    }

    pub fn ended(&mut self, result: impl Into<RunResult>) {
        let (workflow, run) = (self.workflow.clone(), self.run.clone());
        self.tell(Message::Ended { workflow, run, end: RunEnd::Completed { result: result.into() } });
    }

    /// The server's answer about the run, now.
    pub fn answer(&self, pending: Vec<PendingActivity>) -> Message {
        let (workflow, run) = (self.workflow.clone(), self.run.clone());
        let answer =
            Ok(Description { at: UnixMillis(self.now), open: true, pending, failing: None, others: Vec::new() });
        Message::Described { workflow, run, answer }
    }

    pub fn described(&mut self, pending: Vec<PendingActivity>) {
        let answer = self.answer(pending);
        self.tell(answer);
    }

    /// An order of another program's worker, which writes no journal records. Its second attempt has just failed, and the third
    /// is due in three seconds.
    pub fn elsewhere() -> Self {
        let mut scene = Self::new();
        let commands = scene.press(Intent::SeedOrder);
        scene.begin(&commands[0], "0198f1a2-6b1f-7c3e");
        let now = scene.now;
        scene.described(vec![running(1, now)]);
        scene.wait(1_250);
        scene.described(vec![running(2, now + 1_200)]);
        scene.wait(250);
        scene.described(vec![waiting(3, now + 1_400, now + 4_500)]);
        scene
    }

    pub fn document(&mut self, last_order: &str) {
        let retries = Activity::ALL.map(|activity| self.app.orders().retries(activity));
        let begun = self.records.len() > 1;
        let document = Document {
            last_order: last_order.into(),
            product: ProductId::new("123456").unwrap(),
            stock: self.stock,
            retries: begun.then_some(Retries { update_inventory: retries[0], supplier_order: retries[1] }),
            seq: begun.then_some(self.records.len() as u64),
        };
        self.tell(Message::Document { document });
    }

    /// The demo order up to its second failure: one before the commit, one after it, and the wait for the third attempt.
    pub fn mid_retry() -> Self {
        let mut scene = Self::new();
        scene.wait(2_000);
        let commands = scene.press(Intent::SeedOrder);
        scene.begin(&commands[0], "0198f1a2-6b1f-7c3e");
        scene.started(UPDATE, 1);
        scene.failed(UPDATE, 1, Point::BeforeCommit);
        scene.wait(1_000);
        scene.started(UPDATE, 2);
        scene.commit(UPDATE, 2, -999);
        scene.failed(UPDATE, 2, Point::AfterCommit);
        scene.document("A12");
        scene.wait(300);
        scene
    }

    /// The demo order, completed and right: 1001.
    pub fn right() -> Self {
        let mut scene = Self::mid_retry();
        scene.wait(1_700);
        scene.started(UPDATE, 3);
        scene.done(UPDATE, 3, CommitOutcome::Replayed);
        scene.started(SUPPLIER, 1);
        scene.commit(SUPPLIER, 1, 1000);
        scene.done(SUPPLIER, 1, CommitOutcome::Applied);
        scene.ended(OrderOutcome::Applied);
        scene.wait(400);
        scene
    }

    /// The commit of an attempt or try to order units, with the stock after the demo order.
    pub fn supplier_commit(&self, attempt: u32, delta: i64) -> Commit {
        let origin = self.origin(SUPPLIER, attempt);
        Commit {
            key: IdempotencyKey::supplier(&origin.order),
            payload: "1000 x 123456".parse().unwrap(),
            receipt: Receipt { delta, stock: 1 + delta },
            shipment: None,
            intent: None,
            relay: None,
            guard: self.guard,
            origin,
        }
    }

    /// The demo order, completed with its supplier order in the outbox, and the line of the intent.
    pub fn on_order() -> (Self, u64) {
        let mut scene = Self::new();
        let commands = scene.press(Intent::SeedOrder);
        scene.begin(&commands[0], "0198f1a2-6b1f-7c3e");
        scene.started(UPDATE, 1);
        scene.commit(UPDATE, 1, -999);
        scene.done(UPDATE, 1, CommitOutcome::Applied);
        scene.started(SUPPLIER, 1);
        scene.write(Fact::Intent(scene.supplier_commit(1, 0)));
        let line = scene.records.len() as u64;
        scene.done(SUPPLIER, 1, CommitOutcome::Applied);
        scene.ended(OrderOutcome::Applied);
        (scene, line)
    }

    /// The same without a guard: the retry applies the order again.
    pub fn wrong() -> Self {
        let mut scene = Self::new();
        scene.press(Intent::NextGuard);
        scene.press(Intent::NextGuard);
        scene.guard = Guard::Off;
        let commands = scene.press(Intent::SeedOrder);
        scene.begin(&commands[0], "0198f1a2-6b1f-7c3e");
        scene.started(UPDATE, 1);
        scene.commit(UPDATE, 1, -999);
        scene.failed(UPDATE, 1, Point::AfterCommit);
        scene.wait(1_000);
        scene.started(UPDATE, 2);
        scene.commit(UPDATE, 2, -999);
        scene.done(UPDATE, 2, CommitOutcome::Applied);
        scene.started(SUPPLIER, 1);
        scene.commit(SUPPLIER, 1, 1000);
        scene.done(SUPPLIER, 1, CommitOutcome::Applied);
        scene.ended(OrderOutcome::Applied);
        scene.wait(7_000);
        scene
    }
}
