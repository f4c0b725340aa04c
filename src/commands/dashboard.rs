//! The dashboard: takes the terminal, runs the event loop, gives the terminal back, and leaves a short summary.

use std::{process::ExitCode, sync::Arc};

use crossterm::{
    event::EventStream,
    terminal::{Clear, ClearType},
};
use rand::seq::IndexedRandom;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
};

use super::{Failure, drawn_seed, log, print};
use crate::{
    app::{App, RetryWaits, Setup},
    cli::DashboardArgs,
    config::Settings,
    domain::Guard,
    faults::Preset,
    runtime::{effects::Effects, event_loop, worker_child::WorkerCommand},
    store::now,
};

/// Messages that may wait for the core; their senders wait in turn.
const QUEUE: usize = 1024;

pub async fn run(settings: Settings, args: DashboardArgs) -> Result<ExitCode, Failure> {
    let log = log::to_file(&settings)?;
    let interrupted = interrupted()?;
    let setup = setup(&settings, &args, &log.display().to_string());
    let mut terminal = ratatui::try_init().map_err(Failure::io("take the terminal"))?;
    // A program that was killed may have left its own alternate screen as it was. (Ratatui's own way to clear asks the
    // terminal where its cursor is, and not every terminal answers.)
    crossterm::execute!(std::io::stdout(), Clear(ClearType::All)).map_err(Failure::io("clear the terminal"))?;
    // The first frame needs neither server nor worker; they begin behind it.
    let (sender, messages) = mpsc::channel(QUEUE);
    let worker = WorkerCommand::new(&settings, &log).map_err(Failure::io("find this program's own path"));
    let ended = match worker {
        Ok(worker) => {
            let effects = Effects::begin(Arc::new(settings), worker, !args.no_worker, sender);
            let perform = |command| effects.perform(command);
            let app = App::new(setup);
            event_loop::run(&mut terminal, app, EventStream::new(), messages, perform, interrupted).await
        }
        Err(failure) => {
            ratatui::restore();
            return Err(failure);
        }
    };
    ratatui::restore();
    match ended {
        Ok(app) => {
            print::line(&app.summary());
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => Err(Failure::Unanswered(error.to_string())),
    }
}

fn setup(settings: &Settings, args: &DashboardArgs, log: &str) -> Setup {
    let faults_allowed = settings.address.is_loopback() || args.remote_faults;
    Setup {
        server: settings.address.to_string(),
        namespace: settings.namespace.clone(),
        task_queue: settings.task_queue.clone(),
        database: settings.database.path.display().to_string(),
        log: log.to_owned(),
        session: session(),
        seed: args.seed.unwrap_or_else(drawn_seed),
        preset: if faults_allowed { Preset::Seed } else { Preset::None },
        guard: Guard::default(),
        faults_allowed,
        retry: RetryWaits::default(),
        look: settings.look,
        version: env!("CARGO_PKG_VERSION"),
        now: now(),
    }
}

/// Letters that tell this session's orders from those of others. None that look alike.
fn session() -> String {
    let mut random = rand::rng();
    (0..3).filter_map(|_| b"BCDFGHJKMNPQRSTVWXZ".choose(&mut random)).map(|letter| char::from(*letter)).collect()
}

/// Resolves at a signal that asks the dashboard to end, so that the terminal is given back.
fn interrupted() -> Result<impl Future<Output = ()>, Failure> {
    let mut signals = Vec::new();
    for kind in [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()] {
        signals.push(signal(kind).map_err(Failure::io("listen for signals"))?);
    }
    Ok(async move {
        let any = signals.iter_mut().map(|signal| Box::pin(signal.recv()));
        futures::future::select_all(any).await;
    })
}
