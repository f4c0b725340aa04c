//! Benchmarks, each measured in the same run as its baseline: `cargo bench`.
//!
//! They are not tests, because timings on a shared machine are too noisy to fail a build. An argument selects the groups
//! whose names contain it.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement stops at the first surprise, and prints")]

use std::borrow::Cow;

mod bare;
mod child;
mod dashboard;
mod frames;
mod ledger;
mod memory;
#[expect(dead_code, reason = "the tests use more of it")]
#[path = "../../tests/store/mysql_server.rs"]
mod mysql_server;
mod orders;
mod screen;
mod store;
mod watch;

/// One line of the report.
#[derive(Debug)]
pub struct Figure {
    /// What was measured.
    pub name: &'static str,
    /// The result, with its unit.
    pub measured: String,
    /// The target, with its unit.
    pub wanted: Cow<'static, str>,
    /// Whether the target was reached.
    pub reached: bool,
}

/// Median of a series.
pub fn median(mut series: Vec<f64>) -> f64 {
    series.sort_by(f64::total_cmp);
    series[series.len() / 2]
}

/// Arithmetic mean of a series.
#[expect(clippy::cast_precision_loss, reason = "a few hundred")]
#[must_use]
pub fn mean(series: &[f64]) -> f64 {
    series.iter().sum::<f64>() / series.len() as f64
}

type Measure = fn() -> Vec<Figure>;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some((store::load::ARGUMENT, rest)) = arguments.split_first().map(|(first, rest)| (first.as_str(), rest)) {
        return store::load::process(rest);
    }
    let asked: Vec<String> = arguments.into_iter().filter(|argument| !argument.starts_with('-')).collect();
    let parts: [(&str, Measure); 10] = [
        ("store, durable", store::durable::measure),
        ("store, large", store::large::measure),
        ("store, long", store::long::measure),
        ("store, mysql", store::mysql::measure),
        ("frames", frames::measure),
        ("dashboard", dashboard::measure),
        ("orders, many", orders::measure_many),
        ("orders, sequence", orders::measure_sequence),
        ("memory", memory::measure),
        ("watch", watch::measure),
    ];
    println!("{:<50} {:>40}   wanted", "figure", "measured");
    for (name, measure) in parts {
        if asked.is_empty() || asked.iter().any(|part| name.contains(part.as_str())) {
            for figure in measure() {
                let mark = if figure.reached { "" } else { "   MISSED" };
                println!("{:<50} {:>40}   {}{mark}", figure.name, figure.measured, figure.wanted);
            }
        }
    }
}
