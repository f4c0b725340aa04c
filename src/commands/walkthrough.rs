//! The walkthrough: a talk in steps that run on a real server in a sandbox, and the speaker notes for a second
//! terminal.

mod lines;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use tokio::sync::mpsc;

use super::{
    Failure,
    log::{self, LogFile},
    needs_terminal,
    progress::read_text,
    record,
    sandbox::{Processes, Sandbox, basic_setup},
    session::{MESSAGE_QUEUE_LEN, conclude, quit_only},
};
use crate::{
    app::{App, Options, Pace, Script, StartMode, Step, parse_script},
    cli::WalkthroughArgs,
    config::Settings,
    recording::{Paced, Recorded, Recorder},
    runtime::{
        event_loop::{Ending, LoopError},
        notes::{NotesWriter, follow_notes},
        session::{self, Session},
        worker_keeper::WorkerRequest,
    },
    scenario::{Scenario, ScenarioSupplier},
};

/// File name and text of the built-in walkthrough.
const BUILT_IN: (&str, &str) = ("assets/walkthrough.md", include_str!("../../assets/walkthrough.md"));

/// Maximum time until the worker and the server have ended. Their results are no longer needed.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_millis(150);

/// Runs the walkthrough, prints it as lines, or shows its speaker notes.
pub async fn run(settings: Settings, args: WalkthroughArgs) -> Result<ExitCode, Failure> {
    if args.notes {
        needs_terminal(&settings, "walkthrough --notes")?;
        return show_notes(settings).await;
    }
    let log = log::to_file(&settings);
    let prepared = prepare(&settings, &log, args.remote_faults, args.file.as_deref())?;
    if settings.plain {
        let recorder = record::begin(args.record.as_deref())?;
        return Box::pin(lines::play(prepared, &log, recorder)).await;
    }
    needs_terminal(&settings, "walkthrough")?;
    let recorder = record::begin(args.record.as_deref())?;
    let prepared = Prepared { pace: args.pace, ..prepared };
    let ended = session::run(async |session| {
        if settings.probe_width {
            session.probe_width()?;
        }
        Box::pin(play(session, prepared, &log, recorder)).await
    });
    let ended = Box::pin(ended).await?;
    Ok(conclude(ended.map(|(app, _recorder, ending)| (app, ending))))
}

/// A walkthrough and its sandbox, ready to start.
#[derive(Debug)]
pub struct Prepared {
    script: Script,
    sandbox: Sandbox,
    processes: Processes,
    pace: Pace,
    above_dashboard: bool,
}

impl Prepared {
    /// Marks the walkthrough as opened from a dashboard, which resumes afterwards.
    #[must_use]
    pub fn above_dashboard(self) -> Self {
        Self { above_dashboard: true, ..self }
    }
}

/// Reads the walkthrough `file`, or the built-in one, and creates its sandbox.
///
/// # Errors
/// Returns [`Failure`] if the walkthrough cannot be read or is not valid, or the sandbox cannot be created.
pub fn prepare(
    settings: &Settings,
    log: &LogFile,
    remote_faults: bool,
    file: Option<&Path>,
) -> Result<Prepared, Failure> {
    if !settings.address.is_loopback() && !remote_faults {
        let address = &settings.address;
        return Err(Failure::Usage(format!(
            "{address} is not this machine, and a walkthrough injects faults; allow them with --remote-faults"
        )));
    }
    let script = read(file)?;
    let kills = |step: &&Step| step.scenario.as_ref().is_some_and(Scenario::needs_own_server);
    if let Some(step) = script.steps.iter().find(kills) {
        return Err(Failure::Usage(format!(
            "the step '{}' kills the server, which other programs may use; run such a scenario with: idempotence demo",
            step.title
        )));
    }
    let supplied: Vec<_> = script.steps.iter().filter(|step| supplier(step).is_some()).collect();
    let expires = |step: &&&Step| supplier(step).is_some_and(|supplier| supplier.key_lifetime.is_some());
    if let Some(step) = supplied.iter().find(expires) {
        return Err(Failure::Usage(format!(
            "the step '{}' has supplier_key_seconds, and all steps share one supplier; run such a scenario with: \
             idempotence demo",
            step.title
        )));
    }
    let sandbox = Sandbox::new(settings, "walkthrough", false)?;
    let sandbox = if supplied.is_empty() { sandbox } else { sandbox.with_supplier(None)? };
    let processes = sandbox.processes(log)?;
    Ok(Prepared { script, sandbox, processes, pace: Pace::default(), above_dashboard: false })
}

fn supplier(step: &Step) -> Option<ScenarioSupplier> {
    step.scenario.as_ref()?.supplier
}

fn read(file: Option<&Path>) -> Result<Script, Failure> {
    let (name, text): (String, String) = match file {
        None => (BUILT_IN.0.to_owned(), BUILT_IN.1.to_owned()),
        Some(file) => {
            let unreadable = |source| Failure::Unreadable { file: file.to_owned(), source };
            (file.display().to_string(), read_text(file).map_err(unreadable)?)
        }
    };
    let beside = file.and_then(Path::parent).map(PathBuf::from);
    let find = |name: &str| super::scenarios::find(name, beside.as_deref()).map_err(|error| error.to_string());
    Ok(parse_script(&name, &text, find)?)
}

/// Runs a walkthrough at the terminal. Returns its last state, the recording, and why it ended.
///
/// # Errors
/// Returns [`LoopError`] if the terminal fails.
pub async fn play(
    session: &mut Session,
    Prepared { script, sandbox, processes, pace, above_dashboard }: Prepared,
    log: &LogFile,
    recorder: Option<Recorder>,
) -> Result<(App, Option<Recorder>, Ending), LoopError> {
    let setup = sandbox.setup(log, StartMode::Walkthrough(Box::new(script)));
    let mut core = Recorded::new(Options { above_dashboard, ..setup }, recorder);
    core.set_pace(pace);
    let core = Paced::new(core);
    let (sender, mut messages) = mpsc::channel(MESSAGE_QUEUE_LEN);
    let executor = processes.start(&sandbox.settings, sender);
    let played = Box::pin(session.run(core, &mut messages, |command| executor.execute(command))).await;
    drop(messages);
    // The sandbox is removed, so the worker does not need to finish.
    executor.finish(WorkerRequest::Kill, SHUTDOWN_TIMEOUT).await;
    NotesWriter::remove(&sandbox.settings.state_dir);
    let (core, ending) = played?;
    let (app, recorder) = core.into_inner().end();
    Ok((app, recorder, ending))
}

/// Shows a walkthrough's speaker notes in another terminal.
async fn show_notes(settings: Settings) -> Result<ExitCode, Failure> {
    let log = log::to_file(&settings);
    let setup = Options { start_mode: StartMode::Notes, ..basic_setup(&settings, &log, 1) };
    let ended = session::run(async |session| {
        if settings.probe_width {
            session.probe_width()?;
        }
        let (sender, mut messages) = mpsc::channel(8);
        tokio::spawn(async move { follow_notes(&settings.state_dir, sender).await });
        session.run(App::new(setup), &mut messages, |command| quit_only(&command)).await
    });
    let ended = Box::pin(ended).await?;
    Ok(ExitCode::from(ended.map(|(_, ending)| ending).exit_code()))
}
