//! Random schedules of orders, retries, guards, processes and crashes against a model of a few lines.

use std::collections::BTreeMap;

use idempotence::{
    domain::{Guard, REORDER_BELOW},
    store::{CommitRequest, Engine, Publication, Request, StoreError},
};
use proptest::prelude::*;

use crate::bench::{assert_right, clock, document, order, origin, supplier};
use crate::simulated::{InjectedFault, Simulated};

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
    /// Kills the process that runs the operation after this number of others.
    Kill {
        within: usize,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let process = 0..3_usize;
    prop_oneof![
        6 => (process.clone(), 0..6_u8, prop_oneof![Just(1_i64), Just(400), Just(999), -1..3_i64])
            .prop_map(|(process, id, quantity)| Step::Order { process, id, quantity }),
        3 => (process.clone(), 0..6_u8).prop_map(|(process, id)| Step::Supplier { process, id }),
        1 => (0..8_usize).prop_map(|within| Step::Kill { within }),
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

fn run(steps: &[Step]) {
    let machine = Simulated::with_document(&document(1000, "000"));
    let open = || Engine::open(machine.another(), clock, REORDER_BELOW);
    let mut processes: Vec<Option<Engine<Simulated>>> = (0..3).map(|_| None).collect();
    let mut model = Model { stock: 1000, ..Model::default() };
    for (number, step) in steps.iter().enumerate() {
        let (process, effect) = match step {
            Step::Kill { within } => {
                machine.fail_at(machine.operations().len() + within, InjectedFault::DieAfter);
                continue;
            }
            Step::Order { process, id, quantity } => (*process, order(&format!("A{id}"), *quantity)),
            Step::Supplier { process, id } => (*process, supplier(&format!("A{id}"), 1000)),
        };
        // Like Temporal, repeats a request after a retryable failure.
        let answer = loop {
            let engine = match processes[process].take() {
                Some(engine) => Ok(engine),
                None => open(),
            };
            let Ok(mut engine) = engine else { continue };
            let origin = origin(&effect, &format!("run-{number}"), 1);
            let request = Request::Commit(CommitRequest { effect: effect.clone(), guard: Guard::Ledger, origin });
            match engine.commit(&[request], Publication::Now).and_then(|mut answers| answers.remove(0)) {
                Err(error) if error.is_retryable() => {}
                answer => {
                    processes[process] = Some(engine);
                    break answer;
                }
            }
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
            Step::Kill { .. } => {}
        }
    }
    // One planned kill may still be waiting for its operation.
    drop(open().or_else(|_| open()).unwrap());
    assert_right(&machine, model.stock);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

    // A failing schedule is printed, shrunk, and kept with its seed beside this file.
    #[test]
    fn any_schedule_agrees_with_the_model(steps in prop::collection::vec(step(), 1..40)) {
        run(&steps);
    }
}
