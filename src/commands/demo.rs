//! The scenario without a terminal: server, worker, order, a line per attempt and effect, and the verdict.

use std::{collections::BTreeMap, path::PathBuf, process::ExitCode};

use serde_json::json;
use tokio::sync::mpsc;

use super::{Failure, drawn_seed, faults_for, log, print, start};
use crate::{
    cli::DemoArgs,
    config::Settings,
    domain::{Activity, OrderId},
    runtime::{
        backend::{Backend, bring_up},
        follow::{Seen, follow},
        worker_child::{ChildEvent, WorkerChild, WorkerCommand},
    },
    store::{Audit, Fact, Phase, Record, Verdict, read_document},
    temporal::{Demo, End, Link, OrderInput, Patience, StartRequest, Started, Watch, order_workflow_id},
};

/// The seed's order, and the stock that it must leave on a database that starts from the seed's document.
const ORDER: &str = "A12";
const PRODUCT: &str = "123456";
const QUANTITY: i64 = 999;

pub async fn run(mut settings: Settings, args: DemoArgs) -> Result<ExitCode, Failure> {
    let log = log::to_file(&settings)?;
    let faults = faults_for(&settings, args.terms.faults.as_ref(), args.terms.remote_faults)?;
    let seed = args.terms.seed.unwrap_or_else(drawn_seed);
    let _folder = isolate(&mut settings)?;
    let say = |text: String| if args.json { tracing::info!("{text}") } else { print::line(&text) };
    let progress = |step: crate::server::Progress| {
        if !args.json {
            print::line(&step.to_string());
        }
    };
    let Backend { link, server } = bring_up(&settings, "demo", Patience::Retries, &progress).await?;
    say(format!("scenario {}: order {ORDER}, {QUANTITY} units of {PRODUCT}", args.scenario));
    say(format!("server {}, task queue {}", settings.address, settings.task_queue));
    say(format!("database {}, log {}", settings.database.path.display(), log.display()));
    say(format!("faults {faults}, seed {seed}, guard {}", args.terms.guard));
    let command = WorkerCommand::new(&settings, &log).map_err(Failure::io("find this program's own path"))?;
    let mut show = Show::new(&settings, args.json);
    let input = OrderInput {
        order: ORDER.to_owned(),
        item: PRODUCT.to_owned(),
        quantity: QUANTITY,
        demo: Some(Demo::new(&faults, seed, args.terms.guard)),
    };
    let (started, watch) = start_fresh(&link, &settings.task_queue, input).await?;
    say(format!("workflow {} run {}", started.workflow, started.run));
    let mut worker = Workers::start(command).await?;
    let end = tokio::select! {
        end = start::wait_for(&watch) => end,
        problem = worker.keep_alive(&say) => return Err(problem),
        () = show.follow() => return Err(Failure::Unanswered("the database can no longer be followed".to_owned())),
    };
    worker.stop().await;
    show.catch_up().await?;
    if let Some(server) = server {
        server.stop().await;
    }
    conclude(&settings, &args, &started, &end, &show)
}

/// Its own task queue always, so that no worker with another database takes the order; its own database unless one
/// was named, so that the scenario starts where the seed does and nobody's stock is touched.
fn isolate(settings: &mut Settings) -> Result<Option<tempfile::TempDir>, Failure> {
    settings.task_queue = format!("{}-demo-{}", settings.task_queue, uuid::Uuid::new_v4().simple());
    if settings.database.explicit {
        return Ok(None);
    }
    let folder = tempfile::Builder::new().prefix("idempotence-demo-").tempdir();
    let folder = folder.map_err(Failure::io("make a folder for the demo's database"))?;
    settings.database.path = folder.path().join("inventory.json");
    Ok(Some(folder))
}

/// Starts the order under its own workflow id, or, where that is under way on this server for another database, under
/// one of its own.
async fn start_fresh(link: &Link, task_queue: &str, input: OrderInput) -> Result<(Started, Watch), Failure> {
    let workflow = order_workflow_id(&input.order);
    let request = StartRequest { workflow: workflow.clone(), task_queue: task_queue.to_owned(), input: input.clone() };
    let (started, watch) = crate::temporal::start(link, request).await?;
    if !started.joined {
        return Ok((started, watch));
    }
    let workflow = format!("{workflow}-{}", uuid::Uuid::new_v4().simple());
    Ok(crate::temporal::start(link, StartRequest { workflow, task_queue: task_queue.to_owned(), input }).await?)
}

/// The worker process, and a new one whenever it dies.
struct Workers {
    command: WorkerCommand,
    child: WorkerChild,
}

impl Workers {
    async fn start(command: WorkerCommand) -> Result<Self, Failure> {
        let child = ready_worker(&command).await?;
        Ok(Self { command, child })
    }

    /// Returns only when no new worker can be had.
    async fn keep_alive(&mut self, say: &impl Fn(String)) -> Failure {
        loop {
            match self.child.next().await {
                Ok(ChildEvent::Ready) => {}
                Ok(ChildEvent::Ended(how)) => {
                    say(format!("worker {} {}; starting a new one", self.child.pid(), how));
                    match ready_worker(&self.command).await {
                        Ok(child) => self.child = child,
                        Err(failure) => return failure,
                    }
                }
                Err(source) => return Failure::Io { what: "wait for the worker", source },
            }
        }
    }

    async fn stop(mut self) {
        self.child.stop();
        if let Err(error) = self.child.next().await {
            tracing::warn!(%error, "could not wait for the worker to end");
        }
    }
}

async fn ready_worker(command: &WorkerCommand) -> Result<WorkerChild, Failure> {
    let mut child = command.spawn().map_err(Failure::io("start a worker"))?;
    match child.next().await {
        Ok(ChildEvent::Ready) => Ok(child),
        Ok(ChildEvent::Ended(how)) => {
            let log = command.log.display();
            Err(Failure::Unanswered(format!("the worker ended before it was ready: {how}; its log is {log}")))
        }
        Err(source) => Err(Failure::Io { what: "wait for the worker", source }),
    }
}

/// Shows the journal as it grows, and keeps what the verdict needs.
struct Show {
    quiet: bool,
    seen: mpsc::Receiver<Seen>,
    database: PathBuf,
    audit: Audit,
    /// The last attempt of each activity, per workflow run.
    attempts: BTreeMap<(String, Activity), u32>,
    first: Option<i64>,
}

impl Show {
    fn new(settings: &Settings, quiet: bool) -> Self {
        let (sender, seen) = mpsc::channel(64);
        let (database, interval) = (settings.database.path.clone(), settings.check_interval);
        let path = database.clone();
        tokio::spawn(async move { follow(&path, interval, sender).await });
        Self { quiet, seen, database, audit: Audit::default(), attempts: BTreeMap::new(), first: None }
    }

    /// Returns only when nothing more can come.
    async fn follow(&mut self) {
        while let Some(seen) = self.seen.recv().await {
            self.take_in(seen);
        }
    }

    /// Reads the journal once more from its start: what came after the last look counts too.
    async fn catch_up(&mut self) -> Result<(), Failure> {
        let records = crate::store::JournalReader::new(&self.database).read()?.records;
        self.seen.close();
        while let Some(seen) = self.seen.recv().await {
            self.take_in(seen);
        }
        let shown = self.audit.seq;
        records.iter().filter(|record| record.seq > shown).for_each(|record| self.observe(record));
        Ok(())
    }

    fn take_in(&mut self, seen: Seen) {
        match seen {
            Seen::Journal(Ok(news)) => {
                if news.restarted {
                    self.audit = Audit::default();
                }
                news.records.iter().for_each(|record| self.observe(record));
            }
            Seen::Journal(Err(error)) | Seen::Document(Err(error)) => tracing::warn!(%error, "cannot follow"),
            Seen::Document(Ok(_)) => {}
        }
    }

    fn observe(&mut self, record: &Record) {
        self.audit.observe(record);
        if let Fact::Attempt(event) = &record.fact {
            let number = self.attempts.entry((event.origin.run.clone(), event.origin.activity)).or_default();
            *number = event.origin.attempt.number().max(*number);
        }
        let first = *self.first.get_or_insert(i64::try_from(record.at.0).unwrap_or_default());
        if self.quiet {
            return;
        }
        if let Some(text) = describe(&record.fact) {
            let seconds = (i64::try_from(record.at.0).unwrap_or_default() - first).max(0);
            print::line(&format!("{:>4}.{:03} s  {text}", seconds / 1000, seconds % 1000));
        }
    }

    fn attempts_of(&self, run: &str) -> BTreeMap<&'static str, u32> {
        let of_run = self.attempts.iter().filter(|((of, _), _)| of == run);
        of_run.map(|((_, activity), number)| (activity.name(), *number)).collect()
    }
}

/// A line per attempt and effect.
fn describe(fact: &Fact) -> Option<String> {
    Some(match fact {
        Fact::Init(init) => format!("{:<24} {} units of {}", "stock", init.stock, init.product),
        Fact::Order(commit) | Fact::Supplier(commit) => {
            let receipt = &commit.receipt;
            format!("{:<24} {:+} -> stock {}  ({})", "  effect committed", receipt.delta, receipt.stock, commit.key)
        }
        Fact::Reject(refused) => format!("{:<24} {}: {}", "  refused", refused.code, refused.message),
        Fact::Adjust(adjustment) => format!("{:<24} {:+} -> stock {}", "adjusted", adjustment.delta, adjustment.stock),
        Fact::Attempt(event) => {
            let what = match &event.phase {
                Phase::Started => return None,
                Phase::Fault { point, action } => format!("{action} {point}"),
                Phase::Completed { outcome } => format!("ok, {}", outcome.name()),
                Phase::Failed { message, point: Some(point), .. } => format!("failed {point}: {message}"),
                Phase::Failed { message, .. } => format!("failed: {message}"),
            };
            format!("{:<24} attempt {}: {what}", event.origin.activity.name(), event.origin.attempt)
        }
    })
}

fn conclude(
    settings: &Settings,
    args: &DemoArgs,
    started: &Started,
    end: &End,
    show: &Show,
) -> Result<ExitCode, Failure> {
    let audit = &show.audit;
    let known = OrderId::new(ORDER).map_err(|problem| Failure::Usage(problem.to_string()))?;
    let applied = audit.times_applied(&crate::domain::IdempotencyKey::order(&known));
    let completed = matches!(end, End::Completed { .. });
    let document = read_document(&settings.database.path)?;
    let shown = document.as_ref().is_some_and(|document| document.stock == audit.actual);
    let right = completed && applied == 1 && shown && audit.verdict() == Verdict::Right;
    let verdict = if right { Verdict::Right } else { Verdict::Wrong };
    let outcome = start::outcome_name(end);
    if args.json {
        print::json(&json!({
            "scenario": args.scenario,
            "orders": [{
                "orderID": ORDER,
                "workflowID": started.workflow,
                "runID": started.run,
                "outcome": outcome,
                "attempts": show.attempts_of(&started.run),
            }],
            "stock": { "initial": audit.initial, "expected": audit.expected, "actual": audit.actual },
            "verdict": verdict.name(),
        }));
    } else {
        print::line(&format!("order {ORDER}: {outcome}"));
        let last = document.map(|document| document.last_order).unwrap_or_default();
        print::line(&format!("document: orderID {last}, inStock {}", audit.actual));
        print::line(&format!("verdict {}: {}", verdict.name(), audit.sentence()));
    }
    if let End::Rejected { message, .. } | End::Conflict { message } | End::Failed { message } = end {
        print::problem(message);
    }
    Ok(if right { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
