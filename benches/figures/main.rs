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
mod journal;
mod ledger;
mod memory;
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
    let asked: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let parts: [(&str, Measure); 7] = [
        ("store", store::measure),
        ("frames", frames::measure),
        ("dashboard", dashboard::measure),
        ("orders", orders::measure),
        ("memory", memory::measure),
        ("journal", journal::measure),
        ("watch", watch::measure),
    ];
    println!("{:<46} {:>34}   wanted", "figure", "measured");
    for (name, measure) in parts {
        if asked.is_empty() || asked.iter().any(|part| name.contains(part.as_str())) {
            for figure in measure() {
                let mark = if figure.reached { "" } else { "   MISSED" };
                println!("{:<46} {:>34}   {}{mark}", figure.name, figure.measured, figure.wanted);
            }
        }
    }
}
