//! The TOML form of a scenario. Keys with a default are optional. An `outcome` or `attempts` that is left out is not
//! checked.
//!
//! ~~~toml
//! title = "..."            # one line
//! why = "..."              # a sentence about what it shows
//! guard = "ledger"         # the default; or last-order, off
//! faults = "none"          # the default; or another preset, or a plan
//! seed = 42                # the default
//! limit_seconds = 60       # the default; at most an hour
//! supplier = "header"      # a supplier ships; or outbox, lookup, none: its key policy. Default: no supplier
//! supplier_key_seconds = 2 # time for which that supplier knows a key; default: longer than any scenario
//!
//! [retry]                  # by default as everywhere: 1000, 2, 5000 and 10000
//! initial_ms = 100
//! coefficient = 2
//! maximum_ms = 400
//! start_to_close_ms = 2000
//!
//! [[acts]]                 # at least one; each has an order or do
//! after = "ended"          # default: at once; or committed ORDER, failed ORDER, not supplied ORDER,
//!                          # server down, server up, supplier down, supplier outage,
//!                          # other client shipped
//! order = "A12"
//! product = "123456"       # the default
//! quantity = 999           # any whole number, valid or not
//! copies = 1               # the default, to 500; they are named ORDER-1, ORDER-2 and so on
//! workflow = "own"         # the default, order-ORDER; or new
//! guard = "off"            # instead of the scenario's, as faults
//! outcome = "applied"      # or replayed, skipped, rejected, conflict, joined, failed
//! attempts = { update = 2, supplier = 1 } # of each copy
//!
//! [[acts]]
//! do = "kill-server"       # or start-server, kill-worker, start-worker, kill-supplier, start-supplier
//!
//! [[acts]]
//! do = "supplier-outage"   # the supplier answers orders with 503
//! requests = 2             # to 50: how many; 0 ends the outage
//!
//! [[acts]]
//! do = "other-client-order" # another program orders from the supplier, under the key of our order
//! reference = "A12"        # our order
//! quantity = 7             # any but 1000, which would be the same order as ours
//!
//! [expect]
//! stock = 1001
//! verdict = "right"        # or wrong; with a supplier, of shipments and credits as well
//! shipments = 1            # at the supplier for our orders, each of 1000 units
//! attempts = { update = 2, supplier = 1 } # of all orders together
//! deaths = 0               # workers that die by a fault
//! late = 0                 # attempts that continue after their timeout
//! ~~~

use std::time::Duration;

use super::{
    Act, Expectation, Scenario, ScenarioSupplier,
    acts::Acts,
    fields::{Places, attempts, faults, guard},
    predict::{self, Field},
};
use crate::{
    domain::{KeyPolicy, RetryWaits, millis},
    faults::Seed,
    source_text::{Source, SourceError},
    store::Verdict,
    toml_table::{Document, Table},
};

/// Largest seed: Temporal's Web UI shows it exactly.
const MAX_SEED: i64 = (1 << 53) - 1;
const DEFAULT_SEED: Seed = 42;
/// Maximum of `limit_seconds`: an hour.
const MAX_LIMIT_SECONDS: i64 = 3_600;
const DEFAULT_LIMIT: Duration = Duration::from_mins(1);
/// Maximum of every wait in `[retry]`: an hour.
const MAX_WAIT_MILLIS: i64 = RetryWaits::MAX.as_secs().cast_signed() * 1_000;
const MAX_COEFFICIENT: i64 = RetryWaits::MAX_COEFFICIENT.cast_signed();

/// Reads a scenario. `file` names it in errors; `name` is its own.
///
/// # Errors
/// [`SourceError`] if the text is not a scenario, or if its expectations cannot come true.
pub fn parse(name: &str, file: &str, text: &str) -> Result<Scenario, SourceError> {
    let source = Source::new(file, text);
    let (scenario, places) = read(name, source)?;
    match predict::check(&scenario) {
        Ok(()) => Ok(scenario),
        Err(contradiction) => {
            let at = places.get(&contradiction.field).copied().unwrap_or_default();
            Err(source.wrong(at, contradiction.problem))
        }
    }
}

/// Checks a scenario that was changed after it was read.
///
/// # Errors
/// The reason if its expectations cannot come true.
pub fn check(scenario: &Scenario) -> Result<(), String> {
    predict::check(scenario).map_err(|contradiction| contradiction.problem)
}

/// Reads a scenario without checking whether its expectations can come true.
pub(super) fn read(name: &str, source: Source<'_>) -> Result<(Scenario, Places), SourceError> {
    let document = Document::parse(source)?;
    let mut places = Places::new();
    let scenario = scenario(name, document.root("the scenario"), &mut places)?;
    Ok((scenario, places))
}

fn scenario(name: &str, root: Table<'_>, places: &mut Places) -> Result<Scenario, SourceError> {
    root.allow(&[
        "title",
        "why",
        "guard",
        "faults",
        "seed",
        "limit_seconds",
        "supplier",
        "supplier_key_seconds",
        "retry",
        "acts",
        "expect",
    ])?;
    let seed = root.number("seed", 0..=MAX_SEED)?;
    let limit = root.number("limit_seconds", 1..=MAX_LIMIT_SECONDS)?;
    let (title, why) = (root.line("title")?, root.line("why")?);
    let (guard, faults) = (guard(root)?.unwrap_or_default(), faults(root)?.unwrap_or_default());
    let retry = root.table("retry", "[retry]")?.map(retry).transpose()?.unwrap_or_default();
    Ok(Scenario {
        name: name.to_owned(),
        title,
        why,
        guard,
        faults,
        seed: seed.map_or(DEFAULT_SEED, |seed| seed.value.unsigned_abs()),
        supplier: supplier(root)?,
        retry,
        limit: limit.map_or(DEFAULT_LIMIT, |limit| Duration::from_secs(limit.value.unsigned_abs())),
        acts: acts(root, places)?,
        expect: expectation(root, places)?,
    })
}

fn supplier(root: Table<'_>) -> Result<Option<ScenarioSupplier>, SourceError> {
    let key = root.word("supplier", &KeyPolicy::ALL.map(|policy| (policy.name(), policy)))?;
    let seconds = root.number("supplier_key_seconds", 1..=MAX_LIMIT_SECONDS)?;
    match (key, seconds) {
        (Some(key), seconds) => {
            let key_lifetime = seconds.map(|seconds| Duration::from_secs(seconds.value.unsigned_abs()));
            Ok(Some(ScenarioSupplier { key: key.value, key_lifetime }))
        }
        (None, Some(_)) => Err(without_supplier(root, "supplier_key_seconds")),
        (None, None) => Ok(None),
    }
}

/// The refusal of a key that only a scenario with a supplier has.
fn without_supplier(table: Table<'_>, key: &str) -> SourceError {
    let at = table.key(key).unwrap_or(table.at);
    table
        .source
        .wrong(at, format!("{key} needs a supplier; add supplier = \"header\", \"outbox\", \"lookup\" or \"none\""))
}

fn acts(root: Table<'_>, places: &mut Places) -> Result<Vec<Act>, SourceError> {
    let tables = root.required("acts", root.tables("acts", "the act")?)?;
    if tables.is_empty() {
        let at = root.key("acts").unwrap_or_default();
        return Err(root.source.wrong(at, "acts needs at least one act"));
    }
    let has_supplier = root.key("supplier").is_some();
    let mut acts = Acts::new(root.text("faults")?.map(|plan| plan.span.start), has_supplier);
    for table in tables {
        acts.read(table, places)?;
    }
    Ok(acts.done)
}

/// Reads a table `[retry]`. What it leaves out has the default value.
///
/// # Errors
/// A value is out of bounds, or the first wait is longer than the longest.
pub(crate) fn retry(table: Table<'_>) -> Result<RetryWaits, SourceError> {
    table.allow(&["initial_ms", "coefficient", "maximum_ms", "start_to_close_ms"])?;
    let default = RetryWaits::default();
    let number = |key, most| Ok(table.number(key, 1..=most)?.map(|number| number.value.unsigned_abs()));
    let wait = |key, default| {
        let given: Option<u64> = number(key, MAX_WAIT_MILLIS)?;
        Ok(given.map_or(default, Duration::from_millis))
    };
    let retry = RetryWaits {
        initial: wait("initial_ms", default.initial)?,
        coefficient: number("coefficient", MAX_COEFFICIENT)?.unwrap_or(default.coefficient),
        maximum: wait("maximum_ms", default.maximum)?,
        start_to_close: wait("start_to_close_ms", default.start_to_close)?,
    };
    if retry.initial > retry.maximum {
        let problem = format!(
            "the first wait, initial_ms = {}, is longer than the longest, maximum_ms = {}; increase maximum_ms or \
             reduce initial_ms",
            millis::whole(retry.initial),
            millis::whole(retry.maximum)
        );
        return Err(table
            .source
            .wrong(table.key("initial_ms").or(table.key("maximum_ms")).unwrap_or(table.at), problem));
    }
    Ok(retry)
}

fn expectation(root: Table<'_>, places: &mut Places) -> Result<Expectation, SourceError> {
    let table = root.required("expect", root.table("expect", "[expect]")?)?;
    table.allow(&["stock", "verdict", "shipments", "attempts", "deaths", "late"])?;
    let verdicts = [Verdict::Right, Verdict::Wrong].map(|verdict| (verdict.name(), verdict));
    let attempts = attempts(table, None, places)?;
    let stock = table.required("stock", table.number("stock", i64::MIN..=i64::MAX)?)?;
    let verdict = table.required("verdict", table.word("verdict", &verdicts)?)?;
    places.insert(Field::Stock, stock.at);
    places.insert(Field::Verdict, verdict.at);
    let mut count = |key, field| -> Result<Option<u32>, SourceError> {
        let Some(count) = table.count(key)? else { return Ok(None) };
        places.insert(field, count.at);
        Ok(Some(count.value))
    };
    let (deaths, late) = (count("deaths", Field::Deaths)?, count("late", Field::Late)?);
    let shipments = count("shipments", Field::Shipments)?;
    if shipments.is_some() && root.key("supplier").is_none() {
        return Err(without_supplier(table, "shipments"));
    }
    Ok(Expectation { stock: Some(stock.value), verdict: verdict.value, shipments, attempts, deaths, late })
}
