//! Checks the database against its journal, and the supplier's shipments against the credits in it, without changing
//! anything.

use std::{process::ExitCode, time::Duration};

use serde_json::{Value, json};

use super::{Failure, print, progress::reading_journal};
use crate::{
    cli::AuditArgs,
    config::Settings,
    domain::{IdempotencyKey, SUPPLIER_QUANTITY, Units},
    store::{Examination, Follower, Location, Problem, StoreError, Verdict},
    supplier::{Pairing, SupplierClient, SupplierError, SupplierUrl, api::Shipment},
};

/// Maximum time for a page of the supplier's list.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// Maximum number of shipments without a credit that are named.
const MAX_NAMED: usize = 20;

/// The supplier of the settings, and its shipments and credits, or why they are not known.
type Pair<'a> = (&'a SupplierUrl, Result<Pairing, Failure>);

/// Prints the verdict on the stock, and on the supplier if the settings name one. Exits with 0 if all is right, otherwise
/// with 1.
pub async fn run(settings: &Settings, args: &AuditArgs) -> Result<ExitCode, Failure> {
    let database = &settings.database.location;
    let found = reading_journal(database, |seen| database.examine(seen))?.ok_or_else(|| {
        Failure::Other(format!(
            "there is no database at {database}; a worker creates it, or run: idempotence reset --yes"
        ))
    })?;
    let verdict = found.verdict();
    let pairing = match &settings.supplier {
        Some(url) => Some((url, paired(database, url).await)),
        None => None,
    };
    if args.json {
        print::json(&as_json(&found, pairing.as_ref()));
    } else {
        print_text(&found, pairing.as_ref());
    }
    if let Some(problem) = &found.problem {
        print::problem(&format!("{database}: {problem}"));
    }
    // The verdict on the database does not depend on the supplier, so it comes first.
    let pair_verdict = pairing.map(|(_, pairing)| pairing).transpose()?.map(|pairing| pairing.verdict());
    let all_right = verdict == Verdict::Right && pair_verdict.unwrap_or(Verdict::Right) == Verdict::Right;
    Ok(if all_right { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn as_json(found: &Examination, pairing: Option<&Pair<'_>>) -> Value {
    let audit = &found.audit;
    let twice: Vec<_> = audit.applied_twice.iter().map(IdempotencyKey::as_str).collect();
    let mut object = json!({
        "verdict": found.verdict().name(),
        "stock": { "initial": audit.initial, "expected": audit.expected, "actual": audit.actual },
        "orders": audit.orders,
        "supplierOrders": audit.supplier_orders,
        "adjustments": audit.adjustments,
        "appliedTwice": twice,
        "seq": audit.seq,
    });
    // What a database without a supplier does not have.
    let more = [
        ("outbox", Some(audit.on_order()).filter(|on_order| !on_order.is_none()).map(units)),
        ("refused", Some(audit.refused).filter(|refused| !refused.is_none()).map(units)),
        ("problem", found.problem.as_ref().map(|problem| json!(problem.to_string()))),
        ("supplier", pairing.map(|(url, pairing)| supplier_as_json(url, pairing.as_ref()))),
    ];
    if let Some(fields) = object.as_object_mut() {
        fields.extend(more.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    }
    object
}

fn print_text(found: &Examination, pairing: Option<&Pair<'_>>) {
    let audit = &found.audit;
    match &found.problem {
        Some(Problem::Differs { document, journal, .. }) => {
            print::line(&format!("wrong: the document says {}, its journal {journal}", document.stock));
        }
        Some(_) => print::line(&format!("wrong: the database needs repair; its journal says {}", audit.actual)),
        None => print::line(&format!("{}: {}", found.verdict().name(), audit.sentence())),
    }
    let on_order = audit.on_order();
    if !on_order.is_none() {
        let orders = counted(on_order.count, "supplier order");
        print::line(&format!("outbox: {orders} of {} units, for the relay of a worker to send", on_order.units));
    }
    if !audit.refused.is_none() {
        let orders = counted(audit.refused.count, "supplier order");
        print::line(&format!("refused by the supplier: {orders} of {} units", audit.refused.units));
    }
    if let Some((url, Ok(pairing))) = pairing {
        print_pairing(url, pairing);
    }
}

/// Reads the supplier's list and the journal. Orders may run meanwhile: of the shipments that were made after the list was
/// read, only those count whose credits are in the journal.
async fn paired(database: &Location, url: &SupplierUrl) -> Result<Pairing, Failure> {
    let client = SupplierClient::new(url.clone()).map_err(Failure::io("read the certificates of this system"))?;
    let mut pairing = Pairing::default();
    let failed = |error: SupplierError| Failure::Other(error.to_string());
    let last = add_shipments(&client, &mut pairing, 0, |_, _| true).await.map_err(failed)?;
    tokio::task::block_in_place(|| add_credits(database, &mut pairing))?;
    add_shipments(&client, &mut pairing, last, Pairing::is_credited).await.map_err(failed)?;
    Ok(pairing)
}

fn add_credits(database: &Location, pairing: &mut Pairing) -> Result<(), StoreError> {
    let mut follower = Follower::from_first_line(database);
    loop {
        let (news, progress) = follower.read_some()?;
        if news.restarted {
            pairing.forget_credits();
        }
        news.records.iter().for_each(|record| pairing.add_record(record));
        if progress.is_complete() && !news.more {
            return Ok(());
        }
    }
}

/// Adds the shipments after number `after` for which `counts`. Returns the number of the last one.
async fn add_shipments(
    client: &SupplierClient,
    pairing: &mut Pairing,
    mut after: u64,
    counts: fn(&Pairing, &Shipment) -> bool,
) -> Result<u64, SupplierError> {
    loop {
        let page = client.shipments(after, ANSWER_LIMIT).await?;
        for shipment in page.shipments {
            after = shipment.shipment.0;
            if counts(pairing, &shipment) {
                pairing.add_shipment(&shipment);
            }
        }
        if !page.more {
            return Ok(after);
        }
    }
}

fn units(Units { count, units }: Units) -> Value {
    json!({ "count": count, "units": units })
}

fn supplier_as_json(url: &SupplierUrl, pairing: Result<&Pairing, &Failure>) -> Value {
    let pairing = match pairing {
        Ok(pairing) => pairing,
        Err(failure) => return json!({ "url": url.to_string(), "problem": failure.to_string() }),
    };
    let unpaired: Vec<_> = pairing
        .unpaired()
        .map(|unpaired| {
            json!({
                "shipment": unpaired.shipment,
                "order": unpaired.order,
                "credits": unpaired.credits,
                "shipped": unpaired.is_shipped,
            })
        })
        .collect();
    json!({
        "url": url.to_string(),
        "verdict": pairing.verdict().name(),
        "shipped": units(pairing.shipped),
        "credited": units(pairing.credited),
        "others": units(pairing.others),
        "unpaired": unpaired,
    })
}

fn counted(count: u64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

fn print_pairing(url: &SupplierUrl, pairing: &Pairing) {
    let Pairing { shipped, credited, others, .. } = pairing;
    print::line(&format!(
        "supplier {url}: {}: {} of {} units, {} of {} units",
        pairing.verdict().name(),
        counted(shipped.count, "shipment"),
        shipped.units,
        counted(credited.count, "credit"),
        credited.units
    ));
    if !others.is_none() {
        print::line(&format!(
            "  not compared: {} of {} units for other clients; this program always orders {SUPPLIER_QUANTITY} units",
            counted(others.count, "shipment"),
            others.units
        ));
    }
    let unpaired: Vec<_> = pairing.unpaired().collect();
    for unpaired in unpaired.iter().take(MAX_NAMED) {
        print::line(&format!("  {unpaired}"));
    }
    if unpaired.len() > MAX_NAMED {
        print::line(&format!("  and {} more; all of them: --json", unpaired.len() - MAX_NAMED));
    }
}
