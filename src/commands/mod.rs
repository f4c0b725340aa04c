//! One file per command. Each says what it does on standard output, its problems on standard error, and its end with
//! an exit code: 0 right, 1 failed or the verdict wrong, 2 wrong usage or settings.

mod audit;
mod codec_server;
mod config;
mod dashboard;
mod demo;
mod doctor;
mod export;
mod keys;
mod log;
mod print;
mod record;
mod replay;
mod reset;
mod scenarios;
mod server;
mod stage;
mod start;
mod stop;
mod supervise;
mod waiting;
mod walkthrough;
mod worker;

use std::{
    io,
    io::IsTerminal,
    path::{Path, PathBuf},
    process::ExitCode,
    time::SystemTime,
};

use rand::seq::IndexedRandom;

pub use print::{answer, finish};
use scenarios::ScenarioProblem;

use crate::{
    app::ScriptError,
    cli::{Cli, CommandArgs, DashboardArgs, DemoArgs, TermsArgs},
    codec_server::{CodecServerError, OptionsError},
    config::{Effective, Flags, Settings, SettingsError},
    encryption::KeyFileError,
    faults::{FaultPlan, Preset},
    recording::RecordingError,
    runtime::{backend::BackendError, session::SessionError},
    server::SuperviseError,
    store::StoreError,
    temporal::{ConnectError, StartError, Transport, WatchError, WorkerError},
};

/// Why a command gave up. The sentence is for the person who typed it.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error("{0}")]
    Usage(String),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Backend(#[from] BackendError),
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(transparent)]
    Worker(#[from] WorkerError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Watch(#[from] WatchError),
    #[error(transparent)]
    Supervise(#[from] SuperviseError),
    #[error(transparent)]
    Session(#[from] SessionError),
    #[error(transparent)]
    Scenario(#[from] ScenarioProblem),
    #[error(transparent)]
    Script(#[from] ScriptError),
    #[error(transparent)]
    Recorded(#[from] RecordingError),
    #[error("the recording cannot be written to {}: {source}; name another file", .file.display())]
    Recording { file: PathBuf, source: io::Error },
    #[error("could not write {}: {source}", .file.display())]
    Unwritable { file: PathBuf, source: io::Error },
    #[error("could not write {}: there is no folder {}; create it first", .file.display(), .folder.display())]
    NoFolder { file: PathBuf, folder: PathBuf },
    #[error("could not read {}: {source}", .file.display())]
    Unreadable { file: PathBuf, source: io::Error },
    #[error("could not {what}: {source}")]
    Io { what: &'static str, source: io::Error },
    #[error("ended by signal {0}")]
    Signal(i32),
    #[error(transparent)]
    CodecOptions(#[from] OptionsError),
    #[error(transparent)]
    CodecServer(#[from] CodecServerError),
    #[error(transparent)]
    KeyFile(#[from] KeyFileError),
    #[error("{0}")]
    Unanswered(String),
}

impl Failure {
    fn io(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { what, source }
    }

    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            // As shells have it.
            Self::Signal(signal) => u8::try_from(128 + signal).unwrap_or(1),
            Self::Settings(_)
            | Self::Usage(_)
            | Self::CodecOptions(_)
            | Self::Scenario(_)
            | Self::Script(_)
            | Self::Recorded(_)
            | Self::Recording { .. }
            | Self::Unreadable { .. } => 2,
            _ => 1,
        }
    }
}

/// Runs what the command line asks for.
///
/// # Errors
/// [`Failure`].
pub async fn run(cli: Cli) -> Result<ExitCode, Failure> {
    if let Some(CommandArgs::Supervise(args)) = cli.command {
        return supervise::run(args).await;
    }
    let current = std::env::current_dir().map_err(Failure::io("find the current folder"))?;
    let mut flags = Flags::from(cli.settings);
    if matches!(cli.command, Some(CommandArgs::CodecServer(_))) {
        // It does nothing else.
        flags.encrypt_payload = Some("true".to_owned());
    }
    let effective = Effective::load(&flags, std::env::vars_os(), Path::new(".env"), &current);
    let effective = match (effective, &cli.command) {
        // What is wrong with the settings is a finding too.
        (Err(error), Some(CommandArgs::Doctor(args))) => return Ok(doctor::run(Err(error), args).await),
        (effective, _) => effective?,
    };
    let settings = || usable(effective.clone());
    match cli.command {
        Some(CommandArgs::Dashboard(args)) => Box::pin(dashboard_or_demo(settings()?, args)).await,
        None => Box::pin(dashboard_or_demo(settings()?, DashboardArgs::default())).await,
        Some(CommandArgs::Worker(args)) => worker::run(settings()?, args).await,
        Some(CommandArgs::Server(args)) => server::run(settings()?, args).await,
        Some(CommandArgs::CodecServer(args)) => codec_server::run(&settings()?, args).await,
        Some(CommandArgs::Start(args)) => start::run(settings()?, args).await,
        Some(CommandArgs::Demo(args)) => demo::run(settings()?, args).await,
        Some(CommandArgs::Walkthrough(args)) => walkthrough::run(settings()?, args).await,
        Some(CommandArgs::Replay(args)) => replay::run(settings()?, args).await,
        Some(CommandArgs::Export(args)) => export::run(&args),
        Some(CommandArgs::Audit(args)) => audit::run(&settings()?, &args),
        Some(CommandArgs::Reset(args)) => reset::run(&settings()?, &args),
        // Those three are for settings that are not yet as they must be, too.
        Some(CommandArgs::Config(args)) => Ok(config::run(&effective, &args)),
        Some(CommandArgs::Keys(args)) => keys::run(&effective, args),
        Some(CommandArgs::Doctor(args)) => Ok(doctor::run(Ok(effective), &args).await),
        Some(CommandArgs::Supervise(args)) => supervise::run(args).await,
    }
}

/// The settings, with the keys that they need, and with what is worth saying of the certificates.
fn usable(effective: Effective) -> Result<Settings, SettingsError> {
    let mut settings = Settings::try_from(effective)?;
    settings.notices.extend(expiring(&settings));
    Ok(settings)
}

/// Certificates of the settings that end soon. Those that cannot be used are told by the connection that needs them.
fn expiring(settings: &Settings) -> Vec<String> {
    match &settings.transport {
        Transport::Plaintext => Vec::new(),
        Transport::Tls(tls) => {
            let soon = tls.expiring(SystemTime::now()).unwrap_or_default();
            soon.iter().map(|expiring| format!("{expiring}; have it renewed.")).collect()
        }
    }
}

/// A dashboard needs a screen; without one, the same thing can still be shown line by line.
async fn dashboard_or_demo(settings: Settings, args: DashboardArgs) -> Result<ExitCode, Failure> {
    let Some(why) = no_screen(&settings) else {
        return Box::pin(dashboard::run(settings, args)).await;
    };
    print::problem(&format!("{why}, so this runs: idempotence demo"));
    let terms = TermsArgs { seed: args.seed, remote_faults: args.remote_faults, ..TermsArgs::default() };
    let demo = DemoArgs { terms, ..DemoArgs::default() };
    Box::pin(demo::run(settings, demo)).await
}

/// Why there is no screen to draw on, or no keyboard.
fn no_screen(settings: &Settings) -> Option<&'static str> {
    if !io::stdout().is_terminal() || !io::stdin().is_terminal() {
        return Some("standard input or output is no terminal");
    }
    settings.plain.then_some("lines are wanted, or TERM is dumb or not set (--plain=false draws a screen)")
}

/// Whether there is a screen and a keyboard.
fn needs_terminal(settings: &Settings, command: &str) -> Result<(), Failure> {
    let Some(why) = no_screen(settings) else { return Ok(()) };
    let lines = "idempotence demo NAME plays a scenario line by line, idempotence replay --plain prints a recording";
    Err(Failure::Usage(format!("{command} needs a terminal with a screen, and {why}; {lines}")))
}

/// The plan to send. Planned faults on somebody else's server need to be asked for.
fn faults_for(settings: &Settings, asked: Option<&FaultPlan>, remote_allowed: bool) -> Result<FaultPlan, Failure> {
    let here = settings.address.is_loopback();
    match asked {
        None if here => Ok(Preset::Seed.plan()),
        None => Ok(FaultPlan::none()),
        Some(plan) if here || remote_allowed || plan.is_none() => Ok(plan.clone()),
        Some(_) => Err(Failure::Usage(format!(
            "{} is not this machine; to inject faults there all the same, add --remote-faults",
            settings.address
        ))),
    }
}

/// Letters that tell orders from those of others. None that look alike.
fn session_letters(count: usize) -> String {
    let mut random = rand::rng();
    (0..count).filter_map(|_| b"BCDFGHJKMNPQRSTVWXZ".choose(&mut random)).map(|letter| char::from(*letter)).collect()
}

/// A seed that Temporal's Web UI shows exactly.
fn drawn_seed() -> crate::faults::Seed {
    u64::from(rand::random::<u32>())
}

/// Says why a command gave up, and gives its exit code.
#[must_use]
pub fn report(failure: &Failure) -> ExitCode {
    print::problem(&failure.to_string());
    ExitCode::from(failure.exit_code())
}
