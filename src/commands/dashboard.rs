//! The dashboard: a session at the terminal with everything behind it, and a short summary that stays.

use std::{process::ExitCode, sync::Arc};

use rand::seq::IndexedRandom;
use tokio::sync::mpsc;

use super::{Failure, drawn_seed, log, print};
use crate::{
    app::{App, RetryWaits, Setup},
    cli::DashboardArgs,
    config::Settings,
    domain::Guard,
    faults::Preset,
    runtime::{
        effects::Effects,
        session::{self, Ended},
        worker_child::WorkerCommand,
    },
    store::now,
};

/// Messages that may wait for the core; their senders wait in turn.
const QUEUE: usize = 1024;

pub async fn run(settings: Settings, args: DashboardArgs) -> Result<ExitCode, Failure> {
    let (sender, messages) = mpsc::channel(QUEUE);
    let log = log::to_file_and_core(&settings, &sender)?;
    let app = App::new(setup(&settings, &args, &log.display().to_string()));
    let worker = WorkerCommand::new(&settings, &log).map_err(Failure::io("find this program's own path"))?;
    // The first frame needs neither server nor worker; they begin behind it.
    let begin = || {
        let effects = Effects::begin(Arc::new(settings), worker, !args.no_worker, sender);
        move |command| effects.perform(command)
    };
    let ended = Box::pin(session::run(app, messages, begin)).await?;
    if let Ended::Orderly(app, _) = &ended {
        print::line(&app.summary());
    }
    Ok(ExitCode::from(ended.exit_code()))
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
