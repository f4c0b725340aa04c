//! Random orders, attempts, processes and compactions give the same answers as without compactions.

use std::collections::VecDeque;

use idempotence::{
    domain::InventoryRules,
    store::{CommitOutcome, Engine, Phase, Publication, Request},
};
use rand::{RngExt, SeedableRng, rngs::StdRng};

use crate::{
    bench::{assert_right, audit, clock, document, order, supplier},
    compacted::{attempt, commit_of, declaration, lasting, rejected_order, retried_order},
    simulated::Simulated,
};

/// More executions are remembered than end between the end of a run and a late line of it.
const RULES: InventoryRules = InventoryRules { reorder_below: crate::compacted::RULES.reorder_below, max_ended: 12 };

const STEPS: usize = 300;
const PROCESSES: usize = 3;

/// Orders in progress, each with the requests that are left, and orders that have ended lately.
struct Orders {
    random: StdRng,
    begun: usize,
    open: Vec<(String, VecDeque<Request>)>,
    ended: VecDeque<String>,
}

impl Orders {
    fn new(seed: u64) -> Self {
        Self { random: StdRng::seed_from_u64(seed), begun: 0, open: Vec::new(), ended: VecDeque::new() }
    }

    fn begin(&mut self) {
        let id = format!("R{}", self.begun);
        self.begun += 1;
        let mut requests: VecDeque<Request> = match self.random.random_range(0..8) {
            0 => rejected_order(&id).into(),
            // It is cancelled.
            1 => retried_order(&id).into_iter().take(4).collect(),
            _ => retried_order(&id).into(),
        };
        for number in 3..3 + self.random.random_range(0..3) {
            requests.push_front(attempt(&order(&id, 1), number, Phase::Started));
        }
        self.open.push((id, requests));
    }

    /// The next request.
    fn next(&mut self) -> Request {
        while self.open.len() < 4 {
            self.begin();
        }
        let late = self.ended.get(self.random.random_range(0..20)).cloned();
        if let Some(id) = late {
            // A stalled worker continues with an earlier attempt.
            let number = self.random.random_range(1..4);
            return match self.random.random_range(0..3) {
                0 => attempt(&order(&id, 1), number, Phase::Started),
                1 => commit_of(&order(&id, 1), number),
                _ => commit_of(&supplier(&id, 1000), number),
            };
        }
        if self.random.random_range(0..12) == 0 {
            // Another start of any order, or a conflict.
            let id = format!("R{}", self.random.random_range(0..self.begun));
            return commit_of(&order(&id, self.random.random_range(1..3)), 1);
        }
        let index = self.random.random_range(0..self.open.len());
        let (id, requests) = &mut self.open[index];
        let request = requests.pop_front().expect("an open order has requests");
        if requests.is_empty() {
            self.ended.push_front(id.clone());
            self.ended.truncate(2);
            self.open.remove(index);
        }
        request
    }
}

/// A machine and its processes; `None` is one that has ended.
struct World {
    machine: Simulated,
    processes: [Option<Engine<Simulated>>; PROCESSES],
}

impl World {
    fn new() -> Self {
        Self { machine: Simulated::with_document(&document(1_000_000, "000")), processes: [const { None }; PROCESSES] }
    }

    fn process(&mut self, index: usize) -> &mut Engine<Simulated> {
        let open = || Engine::open(self.machine.another(), clock, RULES).unwrap();
        self.processes[index].get_or_insert_with(open)
    }
}

fn run(seed: u64) -> u64 {
    let mut orders = Orders::new(seed);
    let mut random = StdRng::seed_from_u64(seed ^ 1);
    let [mut with, mut without] = [World::new(), World::new()];
    let mut compactions = 0;
    for step in 0..STEPS {
        let process = random.random_range(0..PROCESSES);
        let request = orders.next();
        let answers = [&mut with, &mut without].map(|world| {
            format!("{:?}", world.process(process).commit(std::slice::from_ref(&request), Publication::Now))
        });
        assert_eq!(answers[0], answers[1], "seed {seed}, step {step}: {request:?}");
        assert_eq!(with.machine.document(), without.machine.document(), "seed {seed}, step {step}");
        match random.random_range(0..30) {
            0 => [&mut with, &mut without].into_iter().for_each(|world| world.processes[process] = None),
            1 | 2 => {
                let saved = with.process(process).compact(random.random_range(1..6), &|_| {}).unwrap();
                compactions += u64::from(saved.is_some());
            }
            _ => {}
        }
    }
    let [journal, whole] = [&with, &without].map(|world| world.machine.journal_bytes());
    let facts =
        |journal: &[u8]| lasting(journal).into_iter().map(|record| (record.seq, record.fact)).collect::<Vec<_>>();
    assert_eq!(facts(&journal), facts(&whole), "seed {seed}");
    assert_eq!(audit(&journal).sentence(), audit(&whole).sentence(), "seed {seed}");
    assert_eq!(declaration(&journal).is_some(), compactions > 0);
    assert_right(&with.machine, audit(&whole).actual);
    compactions
}

#[test]
fn random_orders_have_the_same_answers_with_and_without_compactions() {
    let seed: u64 = rand::random();
    println!("seed {seed}");
    let compactions: u64 = (0..12).map(|case| run(seed.wrapping_add(case))).sum();
    assert!(compactions > 20, "only {compactions} compactions");
}

/// An outcome that only a first commit has.
#[test]
fn the_random_orders_are_of_every_kind() {
    let mut orders = Orders::new(1);
    let requests: Vec<_> = (0..STEPS).map(|_| format!("{:?}", orders.next())).collect();
    let applied = format!("Completed {{ outcome: {:?} }}", CommitOutcome::Applied);
    for wanted in
        ["Started", "retryable: true", "retryable: false", "quantity: 2000000", &applied, "attempt: Attempt(3)"]
    {
        assert!(requests.iter().any(|request| request.contains(wanted)), "{wanted}");
    }
}
