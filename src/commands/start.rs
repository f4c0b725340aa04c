//! The original demo's starter: prints the stock, starts an order, waits, and prints the stock again.

use std::process::ExitCode;

use serde_json::json;
use tokio::time::Instant;

use super::{
    Failure, drawn_seed, faults_for, log, print,
    progress::awaited,
    waiting::{Waited, Waiting},
};
use crate::{
    cli::StartArgs,
    config::Settings,
    domain::{OrderOutcome, RunEnd, RunResult, WorkflowId},
    runtime::backend::endpoint,
    temporal::{CallRetries, Demo, Link, OrderInput, StartRequest, Started, start},
};

/// Starts or joins an order, and waits for its end unless `--no-wait` is given.
pub async fn run(settings: Settings, args: StartArgs) -> Result<ExitCode, Failure> {
    let limit = args.timeout.and_then(|limit| Some((Instant::now().checked_add(limit)?, limit)));
    let _log = log::to_file(&settings);
    let faults = faults_for(&settings, args.processing.faults.as_ref(), args.processing.remote_faults)?;
    let seed = args.processing.seed.unwrap_or_else(drawn_seed);
    let guard = args.processing.guard.unwrap_or_default();
    let endpoint = endpoint(&settings, "starter");
    let connecting = Link::connect(&endpoint, CallRetries::Sdk);
    let link = awaited(format!("connecting to {}", settings.address), connecting).await?;
    let document = settings.database.location.read_document()?;
    if let Some(known) = document.as_ref().map(|document| &document.product).filter(|known| **known != args.product_id)
    {
        print::problem(&format!(
            "hint: {} has product {known} only, so a worker with this database rejects an order of {}",
            settings.database.location, args.product_id
        ));
    }
    let before = document.map(|document| document.stock);
    say(&args, &format!("stock before: {}", shown(before)));
    let input = OrderInput {
        order: args.order_id.to_string(),
        item: args.product_id.to_string(),
        quantity: args.quantity,
        demo: Some(Demo::new(&faults, seed, guard)),
    };
    let workflow =
        args.workflow_id.clone().unwrap_or_else(|| link.conceal(WorkflowId::of_order(args.order_id.as_str()).as_str()));
    let request = StartRequest { workflow, task_queue: settings.task_queue.clone(), input };
    let taken = awaited(format!("waiting for {} to accept the order", settings.address), start(&link, request));
    let (started, watch) = taken.await?;
    say(&args, &format!("workflow {} run {}", started.workflow, started.run));
    if started.joined {
        print::problem("joined a running workflow; its product, quantity and faults are unchanged");
    } else {
        say(&args, &format!("faults {faults}, seed {seed}, guard {guard}"));
    }
    if args.no_wait {
        let note = "started without waiting. The same command without --no-wait joins it and waits";
        return Ok(left_open(&args, &started, "started", before, note));
    }
    let waiting = Waiting { link: &link, started: &started, task_queue: &settings.task_queue, limit };
    match waiting.wait(&watch).await? {
        Waited::Ended(end) => report(&args, &started, &end, before, stock(&settings)?),
        Waited::GivenUp(why) => {
            let workflow = &started.workflow;
            let note = format!(
                "{}. The order stays open in Temporal: the same command joins it and waits again; to end it, run: temporal \
                 workflow terminate --workflow-id '{workflow}'",
                why.trim_end_matches('.')
            );
            left_open(&args, &started, "open", before, &note);
            Ok(ExitCode::FAILURE)
        }
    }
}

/// Reports an order that is still open.
fn left_open(args: &StartArgs, started: &Started, outcome: &str, before: Option<i64>, note: &str) -> ExitCode {
    if args.json {
        print_json(args, started, outcome, before, None);
    } else {
        print::line(&format!("result: {outcome}"));
    }
    print::problem(note);
    ExitCode::SUCCESS
}

fn print_json(args: &StartArgs, started: &Started, outcome: &str, before: Option<i64>, after: Option<i64>) {
    print::json(&json!({
        "orderID": args.order_id.as_str(),
        "workflowID": started.workflow,
        "runID": started.run,
        "outcome": outcome,
        "stockBefore": before,
        "stockAfter": after,
    }));
}

fn say(args: &StartArgs, text: &str) {
    if !args.json {
        print::line(text);
    }
}

fn shown(stock: Option<i64>) -> String {
    stock.map_or_else(|| "no database here yet".to_owned(), |stock| stock.to_string())
}

fn stock(settings: &Settings) -> Result<Option<i64>, Failure> {
    Ok(settings.database.location.read_document()?.map(|document| document.stock))
}

/// Returns the end of a run in one or two words, as in the output of `--json`.
fn outcome_name(end: &RunEnd) -> String {
    match end {
        // A worker of the original demo reports no result. Only the completion is known.
        RunEnd::Completed { result: RunResult::None } => OrderOutcome::Applied.to_string(),
        other => other.to_string(),
    }
}

fn report(
    args: &StartArgs,
    started: &Started,
    end: &RunEnd,
    before: Option<i64>,
    after: Option<i64>,
) -> Result<ExitCode, Failure> {
    let outcome = outcome_name(end);
    if args.json {
        print_json(args, started, &outcome, before, after);
    } else {
        print::line(&format!("result: {outcome}"));
        print::line(&format!("stock after: {}", shown(after)));
    }
    match end {
        RunEnd::Completed { .. } => Ok(ExitCode::SUCCESS),
        RunEnd::Rejected { code, message } => Err(Failure::Other(format!("rejected ({code}): {message}"))),
        RunEnd::Conflict { message } => Err(Failure::Other(format!("conflict: {message}"))),
        RunEnd::Failed { message } => Err(Failure::Other(format!("the order failed: {message}"))),
        RunEnd::Cancelled | RunEnd::Terminated | RunEnd::TimedOut => {
            Err(Failure::Other(format!("the workflow was {outcome}")))
        }
        RunEnd::Unknown => Err(Failure::Other("the server no longer has this workflow".to_owned())),
    }
}
