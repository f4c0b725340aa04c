//! Reads the acts of a scenario's file in order. An act may refer only to orders of the acts before it.

use std::collections::HashSet;

use super::{
    Act, OrderOutcome, Placing, What, When,
    fields::{Places, attempts, faults, guard},
    predict::Field,
};
use crate::{
    domain::{InvalidId, OrderId, ProductId},
    source_text::SourceError,
    toml_table::{Quoted, Table},
};

/// Number of orders that one act can send.
const COPIES: std::ops::RangeInclusive<i64> = 1..=super::MAX_COPIES as i64;
/// Number of orders that the supplier refuses in an outage.
const OUTAGE: std::ops::RangeInclusive<i64> = 0..=super::MAX_OUTAGE_REQUESTS as i64;
const REQUESTS: &str = "requests";
const DEFAULT_PRODUCT: &str = "123456";

/// Makes an event of an order.
type EventOf = fn(OrderId) -> When;

/// The events of an order, each with its name and a space.
const EVENTS: [(&str, EventOf); 3] =
    [("committed ", When::Committed), ("failed ", When::Failed), ("not supplied ", When::NotSupplied)];

/// The acts that were read.
#[derive(Debug)]
pub(super) struct Acts {
    /// The acts, in order.
    pub done: Vec<Act>,
    orders: HashSet<OrderId>,
    /// Offset of the scenario's fault plan, for acts without one.
    faults: Option<usize>,
    has_supplier: bool,
}

impl Acts {
    pub(super) fn new(faults: Option<usize>, has_supplier: bool) -> Self {
        Self { done: Vec::new(), orders: HashSet::new(), faults, has_supplier }
    }

    pub(super) fn read(&mut self, table: Table<'_>, places: &mut Places) -> Result<(), SourceError> {
        const ORDER: [&str; 10] =
            ["after", "order", "product", "quantity", "copies", "workflow", "guard", "faults", "outcome", "attempts"];
        table.allow(&[&ORDER[..], &["do", REQUESTS]].concat())?;
        let when = self.when(table)?;
        let (order, deed) = (table.text("order")?, deed(table)?);
        let what = match (order, deed) {
            (Some(order), None) => {
                if let Some(at) = table.key(REQUESTS) {
                    return Err(table.source.wrong(at, "requests belongs to do = \"supplier-outage\"; remove it"));
                }
                What::Order(self.placing(table, &order, places)?)
            }
            (None, Some(deed)) => {
                let stray = ORDER.iter().filter(|key| **key != "after").find_map(|key| Some((key, table.key(key)?)));
                if let Some((key, at)) = stray {
                    let problem = format!("{key} belongs to an order, and this act has do and no order; remove it");
                    return Err(table.source.wrong(at, problem));
                }
                if deed.is_about_the_supplier() && !self.has_supplier {
                    let at = table.key("do").unwrap_or(table.at);
                    return Err(table.source.wrong(at, "the scenario has no supplier; add supplier = \"header\""));
                }
                deed
            }
            (Some(_), Some(_)) => {
                let at = table.key("do").unwrap_or(table.at);
                return Err(table.source.wrong(at, "this act has an order and do; keep one of them"));
            }
            (None, None) => {
                return Err(table.source.wrong(table.at, "the act does nothing; give it an order or do"));
            }
        };
        let act = self.done.len();
        places.extend(table.text("after")?.map(|after| (Field::When(act), after.span.start)));
        self.orders.extend(orders(&what));
        self.done.push(Act { when, what });
        Ok(())
    }

    fn when(&self, table: Table<'_>) -> Result<When, SourceError> {
        let Some(after) = table.text("after")? else { return Ok(When::AtOnce) };
        let wrong = |problem: String| table.source.wrong(after.span.start, problem);
        match after.text {
            "ended" => return Ok(When::Ended),
            "server up" => return Ok(When::ServerUp),
            "server down" if self.done.iter().any(|act| act.what == What::KillServer) => return Ok(When::ServerDown),
            "server down" => return Err(wrong("no act before this one kills the server".to_owned())),
            "supplier down" if self.done.iter().any(|act| act.what == What::KillSupplier) => {
                return Ok(When::SupplierDown);
            }
            "supplier down" => return Err(wrong("no act before this one kills the supplier".to_owned())),
            "supplier outage" if self.done.iter().any(|act| begins_outage(&act.what)) => {
                return Ok(When::SupplierOutage);
            }
            "supplier outage" => return Err(wrong("no act before this one begins an outage".to_owned())),
            _ => {}
        }
        let known = EVENTS.iter().find_map(|(name, event)| Some((*event, after.text.strip_prefix(name)?)));
        let Some((event, order)) = known else {
            let shown = crate::error_text::quoted(after.text);
            return Err(wrong(format!(
                "after is {shown}; it must be ended, committed ORDER, failed ORDER, not supplied ORDER, server down, \
                 server up, supplier down or supplier outage"
            )));
        };
        let order = OrderId::new(order).map_err(|problem| wrong(format!("after names no order: {problem}")))?;
        if self.orders.contains(&order) {
            return Ok(event(order));
        }
        Err(wrong(format!(
            "no act before this one places order {order}; copies are named {order}-1, {order}-2 and so on"
        )))
    }

    fn placing(&self, table: Table<'_>, order: &Quoted<'_>, places: &mut Places) -> Result<Placing, SourceError> {
        let act = self.done.len();
        let quantity = table.required("quantity", table.number("quantity", i64::MIN..=i64::MAX)?)?;
        let copies = table.number("copies", COPIES)?.map_or(1, |copies| copies.value);
        let outcomes = OrderOutcome::ALL.map(|outcome| (outcome.name(), outcome));
        let outcome = table.word("outcome", &outcomes)?;
        let faults_at = table.text("faults")?.map(|plan| plan.span.start).or(self.faults).unwrap_or(table.at);
        places.insert(Field::Faults(act), faults_at);
        places.extend(outcome.iter().map(|outcome| (Field::Outcome(act), outcome.at)));
        let workflow = table.word("workflow", &[("own", false), ("new", true)])?;
        let id = |problem: InvalidId| table.source.wrong(order.span.start, problem.to_string());
        let placing = Placing {
            order: order.text.parse().map_err(id)?,
            copies: u32::try_from(copies).unwrap_or(1),
            product: product(table)?,
            quantity: quantity.value,
            new_workflow: workflow.is_some_and(|workflow| workflow.value),
            guard: guard(table)?,
            faults: faults(table)?,
            outcome: outcome.map(|outcome| outcome.value),
            attempts: attempts(table, Some(act), places)?,
        };
        // The last copy has the longest id.
        placing.id(placing.copies).map_err(id)?;
        Ok(placing)
    }
}

fn product(table: Table<'_>) -> Result<ProductId, SourceError> {
    let product = table.text("product")?;
    let at = product.as_ref().map_or(table.at, |product| product.span.start);
    ProductId::new(product.map_or(DEFAULT_PRODUCT, |product| product.text))
        .map_err(|problem| table.source.wrong(at, problem.to_string()))
}

fn deed(table: Table<'_>) -> Result<Option<What>, SourceError> {
    let requests = table.number(REQUESTS, OUTAGE)?;
    let outage = What::SupplierOutage {
        requests: requests.as_ref().and_then(|requests| u32::try_from(requests.value).ok()).unwrap_or_default(),
    };
    let words = [
        ("kill-worker", &What::KillWorker),
        ("start-worker", &What::StartWorker),
        ("kill-server", &What::KillServer),
        ("start-server", &What::StartServer),
        ("kill-supplier", &What::KillSupplier),
        ("start-supplier", &What::StartSupplier),
        ("supplier-outage", &outage),
    ];
    let Some(deed) = table.word("do", &words)? else { return Ok(None) };
    match (matches!(deed.value, What::SupplierOutage { .. }), requests) {
        (true, None) => table.required(REQUESTS, None),
        (false, Some(requests)) => {
            Err(table.source.wrong(requests.at, "requests belongs to do = \"supplier-outage\"; remove it"))
        }
        (true, Some(_)) | (false, None) => Ok(Some(deed.value.clone())),
    }
}

/// Whether an act makes the supplier refuse orders.
fn begins_outage(what: &What) -> bool {
    matches!(what, What::SupplierOutage { requests } if *requests > 0)
}

fn orders(what: &What) -> Vec<OrderId> {
    match what {
        What::Order(placing) => placing.ids().collect(),
        _ => Vec::new(),
    }
}
