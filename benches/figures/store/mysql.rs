//! The store in MySQL beside one transaction per effect on the same server, and beside the store in a file on the same disk.

use std::path::Path;

use idempotence::store::Location;

use super::{
    folder,
    load::{self, BASELINE_TABLES, Measured, Target},
};
use crate::{Figure, ledger, mean, mysql_server::Server};

/// Rounds in which each database is measured once, so that all see the same noise.
const ROUNDS: usize = 2;

/// Callers, and what is expected beside one transaction per effect.
struct Case {
    processes: usize,
    in_flight: usize,
    rate: &'static str,
    min_ratio: f64,
    latency: &'static str,
    max_ratio: f64,
}

const CASES: [Case; 3] = [
    Case {
        processes: 1,
        in_flight: 1,
        rate: "MySQL: effects, 1 in flight",
        min_ratio: 0.8,
        latency: "MySQL: latency, 1 in flight",
        max_ratio: 1.25,
    },
    Case {
        processes: 1,
        in_flight: 32,
        rate: "MySQL: effects, 32 in flight",
        min_ratio: 2.0,
        latency: "MySQL: latency, 32 in flight",
        max_ratio: 0.5,
    },
    Case {
        processes: 4,
        in_flight: 8,
        rate: "MySQL: effects, 4 processes with 8 each",
        min_ratio: 1.0,
        latency: "MySQL: latency, 4 processes with 8 each",
        max_ratio: 1.0,
    },
];

pub fn measure() -> Vec<Figure> {
    let folder = folder();
    let Some(server) = Server::start_below(folder.path(), |_| Some(Vec::new())) else { return Vec::new() };
    let json = folder.path().join("inventory.json");
    drop(ledger::begin(&json));
    let (ours, baseline) = (server.database().name, server.database().name);
    let location = Location::MySql(Box::new(load::database(server.port(), &ours)));
    drop(location.open(None, &|_| {}).unwrap());
    // The next effect adopts the change.
    server.admin(&format!("UPDATE {ours}.idempotence_document SET in_stock = 100000000"));
    server.admin(&format!("USE {baseline}; {BASELINE_TABLES}"));
    let json = Path::to_str(&json).unwrap();
    let targets = [Target::MySql(server.port(), &ours), Target::OneByOne(server.port(), &baseline), Target::Json(json)];
    let figures = CASES.iter().flat_map(|case| case.measure(targets)).collect();
    server.kill();
    figures
}

impl Case {
    fn measure(&self, targets: [Target; 3]) -> [Figure; 2] {
        let rounds: Vec<_> =
            (0..ROUNDS).map(|_| targets.map(|target| load::apply(target, self.processes, self.in_flight))).collect();
        let means = |value: fn(&Measured) -> f64| {
            [0, 1, 2].map(|target| mean(&rounds.iter().map(|round| value(&round[target])).collect::<Vec<_>>()))
        };
        let [ours, theirs, json] = means(|measured| measured.per_second);
        let ratio = ours / theirs;
        let rate = Figure {
            name: self.rate,
            measured: format!("{ratio:.2}x ({ours:.0}/s, {theirs:.0}/s; JSON {json:.0}/s)"),
            wanted: format!("at least {}x one transaction each", self.min_ratio).into(),
            reached: ratio >= self.min_ratio,
        };
        let [ours, theirs, json] = means(|measured| measured.seconds * 1e3);
        let ratio = ours / theirs;
        let latency = Figure {
            name: self.latency,
            measured: format!("{ratio:.2}x ({ours:.2} ms, {theirs:.2} ms; JSON {json:.2} ms)"),
            wanted: format!("at most {}x", self.max_ratio).into(),
            reached: ratio <= self.max_ratio,
        };
        [rate, latency]
    }
}
