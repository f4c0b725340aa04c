//! The dashboard: a session at the terminal with its server and worker, and a short summary at the end.

use std::{process::ExitCode, sync::Arc};

use tokio::sync::mpsc;

use super::{
    Failure, drawn_seed,
    log::{self, LogFile},
    record,
    sandbox::basic_setup,
    session::{MESSAGE_QUEUE_LEN, conclude},
    supplier::{default_file, free_own_port},
    walkthrough,
};
use crate::{
    app::{Core, Message, Options, Tone},
    cli::DashboardArgs,
    config::Settings,
    faults::Preset,
    recording::Recorded,
    runtime::{
        event_loop::Ending, executor::Executor, session, supplier_child::SupplierCommand, worker_child::WorkerCommand,
    },
    supplier::SupplierClient,
};

/// Number of random letters in a session's order ids.
const LETTERS: usize = 3;

/// Runs the dashboard, and the walkthroughs that are opened from it.
pub async fn run(settings: Settings, args: DashboardArgs) -> Result<ExitCode, Failure> {
    let (sender, mut messages) = mpsc::channel(MESSAGE_QUEUE_LEN);
    let log = log::to_file_and_core(&settings, &sender);
    let recorder = record::begin(args.record.as_deref())?;
    let worker = WorkerCommand::new(&settings, log.path()).map_err(Failure::io("find this program's own path"))?;
    let supplier = supplier(&settings, &log)?;
    let settings = Arc::new(settings);
    let begin = setup(&settings, &args, &log);
    let ended = session::run(async |session| {
        if settings.probe_width {
            session.probe_width()?;
        }
        let mut core = Recorded::new(begin, recorder);
        // Drawing the first frame needs neither the server nor the worker, so both start after it.
        let executor = Executor::start(Arc::clone(&settings), worker, !args.no_worker, sender);
        let executor = match supplier {
            Some((command, client)) => executor.with_supplier(command, client),
            None => executor,
        };
        loop {
            let (mut played, ending) = session.run(core, &mut messages, |command| executor.execute(command)).await?;
            if ending != Ending::Walkthrough {
                return Ok((played, ending));
            }
            match walkthrough::prepare(&settings, &log, args.remote_faults, None) {
                Ok(prepared) => {
                    let prepared = prepared.above_dashboard();
                    let recorder = played.take_recorder();
                    let (_, recorder, ending) = Box::pin(walkthrough::play(session, prepared, &log, recorder)).await?;
                    played.put_recorder(recorder);
                    if ending != Ending::Return {
                        return Ok((played, ending));
                    }
                }
                Err(failure) => {
                    let text = format!("could not open the walkthrough: {failure}");
                    let _nothing = played.update(Message::Notice { text, tone: Tone::Bad });
                }
            }
            core = played;
        }
    });
    let ended = Box::pin(ended).await?;
    Ok(conclude(ended.map(|(core, ending)| (core.end().0, ending))))
}

/// The supplier, and how to start it if its address is on this machine and nothing listens there.
fn supplier(settings: &Settings, log: &LogFile) -> Result<Option<(Option<SupplierCommand>, SupplierClient)>, Failure> {
    let Some(url) = settings.supplier.clone() else { return Ok(None) };
    let command =
        free_own_port(&url).map(|port| SupplierCommand::new(port, default_file(settings), log.path())).transpose();
    let command = command.map_err(Failure::io("find this program's own path"))?;
    let client = SupplierClient::new(url).map_err(Failure::io("read the certificates of this system"))?;
    Ok(Some((command, client)))
}

fn setup(settings: &Settings, args: &DashboardArgs, log: &LogFile) -> Options {
    let faults_allowed = settings.address.is_loopback() || args.remote_faults;
    Options {
        seed: args.seed.unwrap_or_else(drawn_seed),
        preset: if faults_allowed { Preset::Seed } else { Preset::None },
        faults_allowed,
        ..basic_setup(settings, log, LETTERS)
    }
}
