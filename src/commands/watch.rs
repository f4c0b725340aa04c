//! Executions of any workflow with every attempt: pages at the terminal, or lines.

pub(super) mod followed;
pub(super) mod lines;

use std::{process::ExitCode, sync::Arc};

use tokio::sync::mpsc;

use super::{
    Failure,
    log::{self, LogFile},
    no_screen, print, record,
    sandbox::basic_setup,
    session::MESSAGE_QUEUE_LEN,
};
use crate::{
    app::{Options, StartMode, WatchOptions},
    cli::WatchArgs,
    config::Settings,
    recording::Recorded,
    runtime::{executor::WatchExecutor, session},
};

/// Shows the list of executions or one execution, or prints its events. `task_queue`: the flag, because the configured
/// task queue is that of orders.
pub async fn run(settings: Settings, args: WatchArgs, task_queue: Option<String>) -> Result<ExitCode, Failure> {
    let plain = args.json || no_screen(&settings).is_some();
    let options = WatchOptions {
        workflow: args.execution.as_ref().map(|execution| execution.workflow.clone()),
        run: args.execution.map(|execution| execution.run).filter(|run| !run.is_empty()),
        task_queue,
        query: args.query,
        read_only: args.read_only || plain,
    };
    if plain {
        let log = log::to_file(&settings);
        let recorder = record::begin(args.record.as_deref())?;
        let setup = setup(&settings, &log, options);
        return Box::pin(lines::print_events(Arc::new(settings), setup, recorder, args.json)).await;
    }
    let (sender, mut messages) = mpsc::channel(MESSAGE_QUEUE_LEN);
    let log = log::to_file_and_core(&settings, &sender);
    let recorder = record::begin(args.record.as_deref())?;
    let setup = setup(&settings, &log, options);
    let settings = Arc::new(settings);
    let ended = session::run(async |session| {
        if settings.probe_width {
            session.probe_width()?;
        }
        let core = Recorded::new(setup, recorder);
        // Drawing the first frame does not need the server, so the connection starts after it.
        let executor = WatchExecutor::start(Arc::clone(&settings), sender);
        let ended = session.run(core, &mut messages, |command| executor.execute(command)).await;
        ended.map(|(core, ending)| (core.end(), ending).1)
    });
    let ended = Box::pin(ended).await?;
    Ok(ExitCode::from(ended.exit_code()))
}

fn setup(settings: &Settings, log: &LogFile, options: WatchOptions) -> Options {
    Options { start_mode: StartMode::Watch(Box::new(options)), ..basic_setup(settings, log, 1) }
}
