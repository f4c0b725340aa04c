//! Reads the acts of a scenario's file in order. An act may refer only to orders of the acts before it.

use std::collections::HashSet;

use super::{
    Act, ExpectedEnd, Placing, What, When,
    fields::{Places, attempts, faults, guard},
    predict::Field,
};
use crate::{
    domain::{InvalidId, MAX_QUANTITY, Order, OrderId, ProductId, SUPPLIER_QUANTITY},
    source_text::SourceError,
    toml_table::{Quoted, Table},
};

/// Number of orders that one act can send.
const COPIES: std::ops::RangeInclusive<i64> = 1..=super::MAX_COPIES as i64;
/// Number of orders that the supplier refuses in an outage.
const OUTAGE: std::ops::RangeInclusive<i64> = 0..=super::MAX_OUTAGE_REQUESTS as i64;
/// The keys that only some acts with `do` have.
const OF_DEEDS: [&str; 2] = ["requests", "reference"];
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
        table.allow(&[&ORDER[..], &["do"], &OF_DEEDS].concat())?;
        let when = self.when(table)?;
        let (order, deed) = (table.text("order")?, table.word("do", &Deed::named())?);
        let what = match (order, deed) {
            (Some(order), None) => {
                if let Some((key, at)) = OF_DEEDS.iter().find_map(|key| Some((key, table.key(key)?))) {
                    let problem = format!("{key} belongs to an act with do, and this act has an order; remove it");
                    return Err(table.source.wrong(at, problem));
                }
                What::Order(self.placing(table, &order, places)?)
            }
            (None, Some(deed)) => {
                let own = deed.value.keys();
                let others = ORDER.iter().chain(&OF_DEEDS).filter(|key| **key != "after" && !own.contains(key));
                if let Some((key, at)) = others.into_iter().find_map(|key| Some((key, table.key(key)?))) {
                    let owner = if OF_DEEDS.contains(key) { "another act with do" } else { "an order" };
                    let problem = format!("{key} belongs to {owner}, and this act has do and no order; remove it");
                    return Err(table.source.wrong(at, problem));
                }
                let what = what(table, deed.value)?;
                if what.is_about_the_supplier() && !self.has_supplier {
                    let at = table.key("do").unwrap_or(table.at);
                    return Err(table.source.wrong(at, "the scenario has no supplier; add supplier = \"header\""));
                }
                what
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
            "other client shipped" if self.done.iter().any(|act| matches!(act.what, What::OtherClientOrder(_))) => {
                return Ok(When::OtherClientShipped);
            }
            "other client shipped" => {
                return Err(wrong("no act before this one sends an order of another client".to_owned()));
            }
            _ => {}
        }
        let known = EVENTS.iter().find_map(|(name, event)| Some((*event, after.text.strip_prefix(name)?)));
        let Some((event, order)) = known else {
            let shown = crate::error_text::quoted(after.text);
            return Err(wrong(format!(
                "after is {shown}; it must be ended, committed ORDER, failed ORDER, not supplied ORDER, server down, \
                 server up, supplier down, supplier outage or other client shipped"
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
        let outcome = table.word("outcome", &ExpectedEnd::named())?;
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

/// An act that is not an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deed {
    KillWorker,
    StartWorker,
    KillServer,
    StartServer,
    KillSupplier,
    StartSupplier,
    SupplierOutage,
    OtherClientOrder,
}

impl Deed {
    /// All of them, each with its name.
    const fn named() -> [(&'static str, Self); 8] {
        [
            ("kill-worker", Self::KillWorker),
            ("start-worker", Self::StartWorker),
            ("kill-server", Self::KillServer),
            ("start-server", Self::StartServer),
            ("kill-supplier", Self::KillSupplier),
            ("start-supplier", Self::StartSupplier),
            ("supplier-outage", Self::SupplierOutage),
            ("other-client-order", Self::OtherClientOrder),
        ]
    }

    /// Its keys beside `do` and `after`.
    const fn keys(self) -> &'static [&'static str] {
        match self {
            Self::SupplierOutage => &["requests"],
            Self::OtherClientOrder => &["reference", "product", "quantity"],
            _ => &[],
        }
    }
}

/// Reads the keys of an act that is not an order.
fn what(table: Table<'_>, deed: Deed) -> Result<What, SourceError> {
    Ok(match deed {
        Deed::KillWorker => What::KillWorker,
        Deed::StartWorker => What::StartWorker,
        Deed::KillServer => What::KillServer,
        Deed::StartServer => What::StartServer,
        Deed::KillSupplier => What::KillSupplier,
        Deed::StartSupplier => What::StartSupplier,
        Deed::SupplierOutage => {
            let requests = table.required("requests", table.number("requests", OUTAGE)?)?;
            What::SupplierOutage { requests: u32::try_from(requests.value).unwrap_or_default() }
        }
        Deed::OtherClientOrder => {
            let reference = table.required("reference", table.text("reference")?)?;
            let id = |problem: InvalidId| table.source.wrong(reference.span.start, problem.to_string());
            let units = table.required("quantity", table.number("quantity", 1..=MAX_QUANTITY)?)?;
            if units.value == SUPPLIER_QUANTITY {
                let problem = format!(
                    "an order of {SUPPLIER_QUANTITY} units is the same order as ours, so the supplier would ship nothing \
                     for us; use another quantity"
                );
                return Err(table.source.wrong(units.at, problem));
            }
            let reference = OrderId::new(reference.text).map_err(id)?;
            What::OtherClientOrder(Order { id: reference, product: product(table)?, quantity: units.value })
        }
    })
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
