//! Runs a scenario without a terminal: starts server, worker and orders, prints a line per attempt and effect, and
//! checks the result.

pub(super) mod lines;
mod reasons;
mod report;

use std::{ops::ControlFlow, process::ExitCode, time::Duration};

use futures::StreamExt;
use tokio::sync::mpsc;

use super::{
    Failure,
    log::{self, LogFile},
    print,
    progress::awaited,
    record,
    sandbox::Sandbox,
    scenarios,
    session::MESSAGE_QUEUE_LEN,
};
use crate::{
    app::{App, Core, InitialStock, Link, Message, ScenarioRun, StartMode, Worker},
    cli::{DemoArgs, ProcessingArgs},
    config::Settings,
    domain::Guard,
    faults::FaultPlan,
    recording::{Recorded, Recorder},
    runtime::{
        backend::{Backend, bring_up},
        headless,
        signals::{ProcessEvent, signals},
        worker_keeper::WorkerRequest,
    },
    scenario::{Scenario, What},
    store::{Document, Follower, Location, STARTING_DOCUMENT, StoreError, Verdict},
    temporal::CallRetries,
};

use lines::Lines;
use reasons::Reasons;
use report::Report;

/// Name of the default scenario.
pub(super) const FIRST: &str = "seed";

/// Maximum time until the worker and the server have ended. The worker finishes its running attempts.
pub(super) const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(15);

/// Runs one scenario or all of them, or lists them. Exits with 0 if the results are as expected, otherwise with 1.
pub async fn run(settings: Settings, args: DemoArgs) -> Result<ExitCode, Failure> {
    if args.list {
        scenarios::list(args.json)?;
        return Ok(ExitCode::SUCCESS);
    }
    let log = log::to_file(&settings);
    if args.all {
        return play_all(&settings, &args, &log).await;
    }
    let scenario = scenarios::find(args.scenario.as_deref().unwrap_or(FIRST), None)?;
    let scenario = under(&settings, scenario, &args)?;
    let recorder = record::begin(args.record.as_deref())?;
    let sandbox = Sandbox::of(&settings, &scenario, true)?;
    // A server that the scenario kills belongs to the sandbox and is stopped with it.
    let backend = if scenario.needs_own_server() { None } else { Some(backend(&sandbox.settings, args.json).await?) };
    let mut lines = Lines::new(&scenario, args.json);
    lines.begin(&sandbox.settings, &log);
    let report = play(&sandbox, scenario, &log, recorder, (&mut lines, &mut Reasons::default())).await;
    if let Some(backend) = backend {
        end(backend).await;
    }
    let report = report?;
    if args.json {
        print::json(&report.json());
    } else {
        report.print();
    }
    Ok(if report.as_expected() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs all scenarios in sequence on one server, and prints a table with a row for each.
async fn play_all(settings: &Settings, args: &DemoArgs, log: &LogFile) -> Result<ExitCode, Failure> {
    let all = scenarios::all()?;
    for scenario in &all {
        allowed(settings, scenario, args.processing.remote_faults)?;
    }
    let backend = backend(settings, args.json).await?;
    let mut reports = Vec::with_capacity(all.len());
    let mut reasons = Reasons::default();
    for scenario in all {
        let sandbox = Sandbox::of(settings, &scenario, false)?;
        let mut quiet = Lines::new(&scenario, true);
        let report = match play(&sandbox, scenario, log, None, (&mut quiet, &mut reasons)).await {
            Ok(report) => report,
            Err(failure) => {
                end(backend).await;
                return Err(failure);
            }
        };
        if !args.json {
            report.print_row();
        }
        reports.push(report);
    }
    end(backend).await;
    let right = reports.iter().filter(|report| report.as_expected()).count();
    if args.json {
        print::json(&report::table(&reports));
    } else {
        print::line(&format!("{right} of {} scenarios ended as expected", reports.len()));
    }
    Ok(if right == reports.len() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Applies the options of the command line to the scenario. Its expected attempts do not apply to other faults.
fn under(settings: &Settings, mut scenario: Scenario, args: &DemoArgs) -> Result<Scenario, Failure> {
    let ProcessingArgs { faults, guard, seed, remote_faults } = &args.processing;
    // On a server on another machine, the default plan contains no faults.
    let unasked = args.scenario.is_none() && faults.is_none() && !remote_faults && !settings.address.is_loopback();
    let faults = if unasked { Some(FaultPlan::none()) } else { faults.clone() };
    if faults.is_some() || guard.is_some() || seed.is_some() {
        forget_attempts(&mut scenario);
        "The stock is right with the options of the command line.".clone_into(&mut scenario.why);
    }
    if let Some(guard) = guard {
        // Keep the expected stock only of a scenario for `ledger`, since a scenario for another guard expects a wrong
        // stock.
        scenario.expect.stock = scenario.expect.stock.filter(|_| scenario.guard == Guard::Ledger);
        (scenario.guard, scenario.expect.verdict) = (*guard, Verdict::Right);
    }
    scenario.faults = faults.unwrap_or(scenario.faults);
    scenario.seed = seed.unwrap_or(scenario.seed);
    allowed(settings, &scenario, *remote_faults)?;
    Ok(scenario)
}

fn forget_attempts(scenario: &mut Scenario) {
    let expect = &mut scenario.expect;
    (expect.attempts, expect.deaths, expect.late) = ([None; 2], None, None);
    for act in &mut scenario.acts {
        if let What::Order(placing) = &mut act.what {
            (placing.attempts, placing.outcome) = ([None; 2], None);
        }
    }
}

/// Refuses planned faults on a server on another machine unless they are requested.
fn allowed(settings: &Settings, scenario: &Scenario, remote_faults: bool) -> Result<(), Failure> {
    if settings.address.is_loopback() || remote_faults || !scenario.has_faults() || scenario.needs_own_server() {
        return Ok(());
    }
    Err(Failure::Usage(format!(
        "{} is not this machine; to inject the faults of '{}' there anyway, add --remote-faults",
        settings.address, scenario.name
    )))
}

pub(super) async fn backend(settings: &Settings, quiet: bool) -> Result<Backend, Failure> {
    let progress = |step: crate::server::Progress| {
        if !quiet {
            print::line(&step.to_string());
        }
    };
    let bring_up = bring_up(settings, "demo", CallRetries::Sdk, &progress);
    Ok(awaited(format!("the server at {} is not up yet", settings.address), bring_up).await?)
}

/// Stops the server if this program started it.
pub(super) async fn end(backend: Backend) {
    if let Some(server) = backend.server {
        server.stop().await;
    }
}

/// Whether the database is unused: in the state after a reset, or not created yet.
fn is_untouched(location: &Location) -> Result<bool, StoreError> {
    let mut database = Follower::new(location);
    let (news, progress) = database.read_some()?;
    let document = database.document()?;
    let is_starting =
        |document: &Document| Document::parse(STARTING_DOCUMENT.as_bytes()).is_ok_and(|of| of == *document);
    let is_whole = progress.is_complete() && database.take_covered().is_none();
    Ok(is_whole && news.records.len() <= 1 && document.as_ref().is_none_or(is_starting))
}

/// Runs a scenario in its sandbox until it ends.
async fn play(
    sandbox: &Sandbox,
    scenario: Scenario,
    log: &LogFile,
    recorder: Option<Recorder>,
    (lines, reasons): (&mut Lines, &mut Reasons),
) -> Result<Report, Failure> {
    let processes = sandbox.processes(log)?;
    let used = !sandbox.is_fresh() && !is_untouched(&sandbox.settings.database.location)?;
    if used && scenario.supplier.is_some() {
        return Err(Failure::Usage(format!(
            "{} was used before, and the supplier of '{}' begins without shipments, so they cannot be compared; run reset \
             first, or leave DATABASE unset",
            sandbox.settings.database.location, scenario.name
        )));
    }
    let initial_stock = if used { InitialStock::Keep } else { InitialStock::Fresh };
    if used {
        lines.say("this database was used before and may already contain the orders, so only the verdict is checked");
    }
    reasons.begin(&scenario.name);
    let start_mode = StartMode::Scenario { scenario: Box::new(scenario), initial_stock };
    let core = Recorded::new(sandbox.setup(log, start_mode), recorder);
    let (sender, mut messages) = mpsc::channel(MESSAGE_QUEUE_LEN);
    let executor = processes.start(&sandbox.settings, sender);
    let heard = |message: &Message, core: &Recorded| {
        lines.print_message(message, core.app());
        reasons.report(message, core.app());
        hopeless(message, core.app()).map_or_else(|| until_over(core.app()), |failure| ControlFlow::Break(Err(failure)))
    };
    let playing = headless::run(core, &mut messages, |command| executor.execute(command), heard);
    let played = tokio::select! {
        played = playing => Ok(played),
        signal = end_signal()? => Err(Failure::Signal(signal)),
    };
    drop(messages);
    // If the sandbox is removed, its worker need not finish.
    let last = if played.is_ok() { WorkerRequest::Stop } else { WorkerRequest::Kill };
    awaited("the worker is finishing its running activities".to_owned(), executor.finish(last, SHUTDOWN_TIMEOUT)).await;
    let (core, why) = played?;
    let (app, _recorder) = core.end();
    match why {
        Some(Ok(())) => Report::of(&app),
        Some(Err(failure)) => Err(failure),
        None => Err(Failure::Other("the tasks of the demo ended before the scenario; see the log".to_owned())),
    }
}

/// Resolves with the signal that requests the end, so that the sandbox is removed before the process ends.
pub(super) fn end_signal() -> Result<impl Future<Output = i32>, Failure> {
    let signals = signals().map_err(Failure::io("listen for signals"))?;
    Ok(async move {
        let mut ends = signals.filter_map(|outside| {
            std::future::ready(if let ProcessEvent::End(signal) = outside { Some(signal) } else { None })
        });
        match ends.next().await {
            Some(signal) => signal,
            None => std::future::pending().await,
        }
    })
}

fn until_over(app: &App) -> ControlFlow<Result<(), Failure>> {
    if app.scenario_run().is_some_and(ScenarioRun::is_over) {
        ControlFlow::Break(Ok(()))
    } else {
        ControlFlow::Continue(())
    }
}

/// Returns the failure of the server or the worker that ends the command, if it occurs before the first order.
pub(super) fn hopeless(message: &Message, app: &App) -> Option<Failure> {
    if app.scenario_run().is_none_or(ScenarioRun::has_begun) {
        return None;
    }
    match message {
        Message::Link(Link::Down { cause, .. }) | Message::JournalUnreadable { cause } => {
            Some(Failure::Other(cause.clone()))
        }
        Message::Worker(Worker::Exited { cause, .. }) => {
            let log = &app.options().log;
            Some(Failure::Other(format!("the worker ended before it was ready: {cause}; its log is {log}")))
        }
        _ => None,
    }
}
