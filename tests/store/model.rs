//! Random schedules of orders, retries, processes and failures against a model of a few lines, on both kinds of database.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use futures::executor::block_on;
use idempotence::{
    domain::{Guard, REORDER_BELOW},
    store::{
        CommitRequest, Committed, Engine, Location, Publication, Request, Store, StoreError, StoreHandle, Verdict,
        mysql::{MySqlDatabase, MySqlHost},
    },
};
use proptest::prelude::*;

use crate::{
    bench::{assert_right, clock, document, order, origin, supplier},
    mysql_proxy::{Cut, Proxy},
    mysql_server::{self, Server},
    simulated::{InjectedFault, Simulated},
};

/// Number of processes.
const PROCESSES: usize = 3;

/// Maximum time for the repetitions of one request.
const RETRY_LIMIT: Duration = Duration::from_mins(1);

/// The processes of one database, and the failures that a schedule injects.
trait Processes {
    /// Sends a request from a process, which starts if it does not run. Returns `None` if it must be repeated.
    fn ask(&mut self, process: usize, request: CommitRequest) -> Option<Result<Committed, StoreError>>;

    /// Ends a process.
    fn end(&mut self, process: usize);

    /// Injects a failure after some more operations.
    fn fail(&mut self, within: usize, cut: Cut);

    /// Ends all processes and checks the database.
    fn assert_right(&mut self, stock: i64);
}

/// Processes on a simulated machine. A failure kills a process.
struct OnSimulatedMachine {
    machine: Simulated,
    processes: [Option<Engine<Simulated>>; PROCESSES],
}

impl OnSimulatedMachine {
    fn new() -> Self {
        Self { machine: Simulated::with_document(&document(1000, "000")), processes: [const { None }; PROCESSES] }
    }

    fn open(&self) -> Result<Engine<Simulated>, StoreError> {
        Engine::open(self.machine.another(), clock, REORDER_BELOW)
    }
}

impl Processes for OnSimulatedMachine {
    fn ask(&mut self, process: usize, request: CommitRequest) -> Option<Result<Committed, StoreError>> {
        let mut engine = self.processes[process].take().map_or_else(|| self.open(), Ok).ok()?;
        let answers = engine.commit(&[Request::Commit(request)], Publication::Now);
        match answers.and_then(|mut answers| answers.remove(0)) {
            Err(error) if error.is_retryable() => None,
            answer => {
                self.processes[process] = Some(engine);
                Some(answer.map(|reply| reply.committed().unwrap()))
            }
        }
    }

    fn end(&mut self, process: usize) {
        self.processes[process] = None;
    }

    fn fail(&mut self, within: usize, cut: Cut) {
        let fault = if cut == Cut::Before { InjectedFault::Die } else { InjectedFault::DieAfter };
        self.machine.fail_at(self.machine.operations().len() + within, fault);
    }

    fn assert_right(&mut self, stock: i64) {
        // One planned kill may still be waiting for its operation.
        drop(self.open().or_else(|_| self.open()).unwrap());
        assert_right(&self.machine, stock);
    }
}

/// Processes that share a database in MySQL. A failure is one of a connection.
struct OnServer {
    proxy: Proxy,
    database: MySqlDatabase,
    processes: [Option<StoreHandle>; PROCESSES],
}

impl OnServer {
    fn new(server: &Server) -> Self {
        let database = server.database();
        Self { proxy: Proxy::start(server), database, processes: [const { None }; PROCESSES] }
    }

    fn location(&self) -> Location {
        Location::MySql(Box::new(self.database.clone()))
    }

    fn through_proxy(&self) -> Location {
        let host = MySqlHost::Tcp { host: "127.0.0.1".into(), port: self.proxy.port() };
        Location::MySql(Box::new(MySqlDatabase { host, ..self.database.clone() }))
    }
}

impl Processes for OnServer {
    fn ask(&mut self, process: usize, request: CommitRequest) -> Option<Result<Committed, StoreError>> {
        let running = self.processes[process].take();
        let store = running.map_or_else(|| self.through_proxy().open(None, &|_| {}), Ok).ok()?;
        let answer = block_on(store.commit(request));
        // A process continues after a failure of its connection.
        self.processes[process] = Some(store);
        Some(answer).filter(|answer| answer.as_ref().err().is_none_or(|error| !error.is_retryable()))
    }

    fn end(&mut self, process: usize) {
        self.processes[process] = None;
    }

    fn fail(&mut self, within: usize, cut: Cut) {
        // An order has about 15 packets.
        self.proxy.cut_after(within * 4, cut);
    }

    fn assert_right(&mut self, stock: i64) {
        self.proxy.cancel();
        self.processes = [const { None }; PROCESSES];
        // A schedule without an order has not created the tables.
        drop(self.location().open(None, &|_| {}).unwrap());
        let found = self.location().examine(&|_| {}).unwrap().unwrap();
        assert_eq!(found.verdict(), Verdict::Right, "{}, {:?}", found.audit.sentence(), found.problem);
        assert_eq!(found.audit.actual, stock);
    }
}

#[derive(Debug, Clone)]
enum Step {
    Order {
        process: usize,
        id: u8,
        quantity: i64,
    },
    Supplier {
        process: usize,
        id: u8,
    },
    /// A process ends, and starts again with its next request.
    End {
        process: usize,
    },
    /// A failure after this number of operations.
    Fail {
        within: usize,
        cut: Cut,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let process = 0..PROCESSES;
    let cut = prop_oneof![Just(Cut::Before), Just(Cut::After), Just(Cut::Kill)];
    prop_oneof![
        6 => (process.clone(), 0..6_u8, prop_oneof![Just(1_i64), Just(400), Just(999), -1..3_i64])
            .prop_map(|(process, id, quantity)| Step::Order { process, id, quantity }),
        3 => (process.clone(), 0..6_u8).prop_map(|(process, id)| Step::Supplier { process, id }),
        1 => process.prop_map(|process| Step::End { process }),
        2 => (0..8_usize, cut).prop_map(|(within, cut)| Step::Fail { within, cut }),
    ]
}

/// The rules, without files.
#[derive(Default)]
struct Model {
    stock: i64,
    orders: BTreeMap<u8, i64>,
    suppliers: BTreeMap<u8, i64>,
}

impl Model {
    fn order(&mut self, id: u8, quantity: i64) -> bool {
        match self.orders.get(&id) {
            Some(known) => *known == quantity,
            None if quantity < 1 || quantity > self.stock => false,
            None => {
                self.stock -= quantity;
                self.orders.insert(id, quantity);
                true
            }
        }
    }

    fn supplier(&mut self, id: u8) {
        if !self.suppliers.contains_key(&id) {
            let credit = if self.stock < REORDER_BELOW { 1000 } else { 0 };
            self.stock += credit;
            self.suppliers.insert(id, credit);
        }
    }
}

fn run(steps: &[Step], processes: &mut impl Processes) {
    let mut model = Model { stock: 1000, ..Model::default() };
    for (number, step) in steps.iter().enumerate() {
        let (process, effect) = match step {
            Step::End { process } => {
                processes.end(*process);
                continue;
            }
            Step::Fail { within, cut } => {
                processes.fail(*within, *cut);
                continue;
            }
            Step::Order { process, id, quantity } => (*process, order(&format!("A{id}"), *quantity)),
            Step::Supplier { process, id } => (*process, supplier(&format!("A{id}"), 1000)),
        };
        // Like Temporal, repeats a request after a retryable failure.
        let deadline = Instant::now() + RETRY_LIMIT;
        let answer = loop {
            let origin = origin(&effect, &format!("run-{number}"), 1);
            let request = CommitRequest { effect: effect.clone(), guard: Guard::Ledger, origin };
            if let Some(answer) = processes.ask(process, request) {
                break answer;
            }
            assert!(Instant::now() < deadline, "{step:?} is not answered");
        };
        match step {
            Step::Order { id, quantity, .. } => {
                let allowed = model.order(*id, *quantity);
                let conflict_or_rejection =
                    matches!(answer, Err(StoreError::Rejected(_) | StoreError::Conflict { .. }));
                assert_eq!(answer.is_ok(), allowed, "{step:?}: {answer:?}");
                assert!(allowed || conflict_or_rejection);
            }
            Step::Supplier { id, .. } => {
                model.supplier(*id);
                answer.unwrap();
            }
            Step::End { .. } | Step::Fail { .. } => {}
        }
    }
    processes.assert_right(model.stock);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

    // A failing schedule is printed, shrunk, and kept with its seed beside this file.
    #[test]
    fn any_schedule_agrees_with_the_model(steps in prop::collection::vec(step(), 1..40)) {
        run(&steps, &mut OnSimulatedMachine::new());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn any_schedule_on_a_server_agrees_with_the_model(steps in prop::collection::vec(step(), 1..40)) {
        if let Some(server) = mysql_server::shared() {
            run(&steps, &mut OnServer::new(server));
        }
    }
}
