//! One file per command. Results go to standard output, problems to standard error. Exit codes: 0 success, 1 failure or
//! a wrong verdict, 2 wrong usage or settings.
//!
//! | file | role |
//! | --- | --- |
//! | `dashboard` | the dashboard |
//! | `walkthrough`, `walkthrough/lines` | the walkthrough and its speaker notes; the walkthrough as lines |
//! | `replay`, `replay/lines` | plays back a recording; the recording as lines |
//! | `demo`, `scenarios` | runs scenarios without a terminal; finds and lists them |
//! | `demo/{lines, reasons, report}` | a scenario's events, the causes of its waits, and its result |
//! | `watch`, `watch/lines` | executions of any workflow, on the screen or as lines |
//! | `start`, `waiting` | starts an order; waits for its end and reports why it takes long |
//! | `worker`, `server`, `codec_server`, `supplier` | one process each, until a signal arrives |
//! | `supervise` | the process that ends the embedded server with this program |
//! | `doctor`, `doctor/{database, mysql, server}` | checks the setup and suggests fixes |
//! | `audit`, `compact`, `reset`, `config`, `keys`, `export` | the command of that name |
//! | `sandbox`, `session`, `record` | a scenario's own settings, the end of a session, the start of a recording |
//! | `stop` | waits for a request to stop a command |
//! | `print`, `progress`, `log` | output, progress of slow operations, and log lines |
//! | `failure` | why a command failed, and its exit code |

mod audit;
mod codec_server;
mod compact;
mod config;
mod dashboard;
mod demo;
mod doctor;
mod export;
mod failure;
mod keys;
mod log;
mod print;
mod progress;
mod record;
mod replay;
mod reset;
mod sandbox;
mod scenarios;
mod server;
mod session;
mod start;
mod stop;
mod supervise;
mod supplier;
mod waiting;
mod walkthrough;
mod watch;
mod worker;

use std::{io, io::IsTerminal, path::Path, process::ExitCode, time::SystemTime};

use rand::seq::IndexedRandom;

pub use failure::Failure;
pub use print::{answer, finish};

use crate::{
    cli::{Cli, CommandArgs, DashboardArgs, DemoArgs, ProcessingArgs},
    config::{Area, Effective, Flags, Settings, private as make_private},
    faults::{FaultPlan, Preset},
    temporal::Transport,
};

/// Runs the command of the command line.
///
/// # Errors
/// Returns [`Failure`] if the command fails before it reports its own result.
pub async fn run(cli: Cli) -> Result<ExitCode, Failure> {
    if let Some(CommandArgs::Supervise(args)) = cli.command {
        return supervise::run(args).await;
    }
    match cli.command {
        // An export needs no settings.
        Some(CommandArgs::Export(args)) => export::run(&args),
        command => Box::pin(with_settings(command, Flags::from(cli.settings))).await,
    }
}

async fn with_settings(command: Option<CommandArgs>, mut flags: Flags) -> Result<ExitCode, Failure> {
    let current = std::env::current_dir().map_err(Failure::io("find the current folder"))?;
    if matches!(command, Some(CommandArgs::CodecServer(_))) {
        // The codec server always needs the keys.
        flags.encrypt_payload = Some("true".to_owned());
    }
    let task_queue = flags.task_queue.clone();
    let effective = Effective::read(&flags, std::env::vars_os(), Path::new(".env"), &current);
    let command = command.unwrap_or_else(|| CommandArgs::Dashboard(DashboardArgs::default()));
    let needed = needed(&command);
    match command {
        // These two commands also run with invalid settings.
        CommandArgs::Config(args) => Ok(config::run(&effective, &args)),
        CommandArgs::Doctor(args) => Ok(doctor::run(effective, &args).await),
        CommandArgs::Keys(args) => keys::run(&effective.valid_for(needed)?, args),
        CommandArgs::Dashboard(args) => Box::pin(dashboard_or_demo(usable(effective, needed)?, args)).await,
        CommandArgs::Worker(args) => worker::run(usable(effective, needed)?, args).await,
        CommandArgs::Server(args) => server::run(usable(effective, needed)?, args).await,
        CommandArgs::CodecServer(args) => codec_server::run(&usable(effective, needed)?, args).await,
        CommandArgs::Supplier(args) => supplier::run(&usable(effective, needed)?, args).await,
        CommandArgs::Start(args) => start::run(usable(effective, needed)?, args).await,
        CommandArgs::Demo(args) => Box::pin(demo::run(usable(effective, needed)?, args)).await,
        CommandArgs::Walkthrough(args) => walkthrough::run(usable(effective, needed)?, args).await,
        CommandArgs::Watch(args) => Box::pin(watch::run(usable(effective, needed)?, args, task_queue)).await,
        CommandArgs::Replay(args) => replay::run(usable(effective, needed)?, args).await,
        CommandArgs::Audit(args) => audit::run(&announced(usable(effective, needed)?), &args).await,
        CommandArgs::Compact(args) => compact::run(&announced(usable(effective, needed)?), &args),
        CommandArgs::Reset(args) => reset::run(&announced(usable(effective, needed)?), &args),
        CommandArgs::Export(args) => export::run(&args),
        CommandArgs::Supervise(args) => supervise::run(args).await,
    }
}

/// Returns the settings that a command requires.
fn needed(command: &CommandArgs) -> &'static [Area] {
    match command {
        CommandArgs::Walkthrough(args) if args.notes => &[Area::Screen],
        CommandArgs::Demo(args) if args.list => &[],
        CommandArgs::Dashboard(_) | CommandArgs::Walkthrough(_) => Area::DASHBOARD,
        CommandArgs::Demo(_) => Area::DEMO,
        CommandArgs::Worker(_) => Area::WORKER,
        CommandArgs::Server(_) => Area::SERVER,
        CommandArgs::CodecServer(_) => Area::CODEC_SERVER,
        // The database's folder is the default place of the file.
        CommandArgs::Supplier(args) if args.file.is_some() => &[Area::Files],
        CommandArgs::Start(_) => Area::START,
        CommandArgs::Watch(_) => Area::WATCH,
        CommandArgs::Audit(_) => Area::AUDIT,
        CommandArgs::Compact(_) | CommandArgs::Reset(_) | CommandArgs::Supplier(_) => Area::STORE,
        CommandArgs::Keys(_) => Area::KEYS,
        CommandArgs::Replay(_) => &[Area::Screen],
        CommandArgs::Export(_) | CommandArgs::Config(_) | CommandArgs::Doctor(_) | CommandArgs::Supervise(_) => &[],
    }
}

/// Returns the settings with their encryption keys and the notices about certificates.
fn usable(effective: Effective, needed: &[Area]) -> Result<Settings, Failure> {
    let mut settings = effective.settings(needed)?;
    if needed.contains(&Area::Connection) {
        settings.notices.extend(expiring(&settings));
    }
    // If the log's folder cannot be used, the command runs without a log.
    let database = settings.database.location.file().map(|file| (Area::Database, file));
    let used = [(Area::Program, settings.state_dir.as_path()), (Area::Program, settings.cache_dir.as_path())];
    let used = used.into_iter().chain(database).filter(|(area, _)| needed.contains(area));
    for folder in used.filter_map(|(_, path)| settings.private_folder_around(path)) {
        let unusable = |source| Failure::PrivateFolder { folder: folder.to_owned(), source };
        make_private(folder).map_err(unusable)?;
    }
    Ok(settings)
}

/// Prints the notices on standard error, for commands without a log.
fn announced(settings: Settings) -> Settings {
    log::announce(&settings);
    settings
}

/// Returns notices about certificates that expire soon. The connection reports certificates that cannot be used.
fn expiring(settings: &Settings) -> Vec<String> {
    match &settings.transport {
        Transport::Plaintext => Vec::new(),
        Transport::Tls(tls) => {
            let soon = tls.expiring(SystemTime::now()).unwrap_or_default();
            soon.iter().map(|expiring| format!("{expiring}; renew it.")).collect()
        }
    }
}

/// Runs the dashboard, or the demo if there is no usable screen or keyboard.
async fn dashboard_or_demo(settings: Settings, args: DashboardArgs) -> Result<ExitCode, Failure> {
    let Some(why) = no_screen(&settings) else {
        return Box::pin(dashboard::run(settings, args)).await;
    };
    print::problem(&format!("{why}; running: idempotence demo"));
    let processing = ProcessingArgs { seed: args.seed, remote_faults: args.remote_faults, ..ProcessingArgs::default() };
    let demo = DemoArgs { processing, ..DemoArgs::default() };
    Box::pin(demo::run(settings, demo)).await
}

/// Returns why there is no usable screen or keyboard; `None` if there is.
fn no_screen(settings: &Settings) -> Option<&'static str> {
    if !io::stdout().is_terminal() || !io::stdin().is_terminal() {
        return Some("standard input or output is not a terminal");
    }
    settings.plain.then_some("lines are requested, or TERM is dumb or not set (--plain=false draws a screen)")
}

/// Returns an error if there is no usable screen or keyboard.
fn needs_terminal(settings: &Settings, command: &str) -> Result<(), Failure> {
    let Some(why) = no_screen(settings) else { return Ok(()) };
    let lines = "idempotence demo NAME, walkthrough --plain and replay --plain print lines instead";
    Err(Failure::Usage(format!("{command} needs a terminal with a screen, but {why}; {lines}")))
}

/// Returns the fault plan to send. Planned faults on another machine's server must be requested.
fn faults_for(settings: &Settings, asked: Option<&FaultPlan>, remote_allowed: bool) -> Result<FaultPlan, Failure> {
    let here = settings.address.is_loopback();
    match asked {
        None if here => Ok(Preset::Seed.plan()),
        None => Ok(FaultPlan::none()),
        Some(plan) if here || remote_allowed || plan.is_none() => Ok(plan.clone()),
        Some(_) => Err(Failure::Usage(format!(
            "{} is not this machine; to inject faults there anyway, add --remote-faults",
            settings.address
        ))),
    }
}

/// Returns random letters for unique order ids, without letters that look alike.
fn session_letters(count: usize) -> String {
    let mut random = rand::rng();
    (0..count).filter_map(|_| b"BCDFGHJKMNPQRSTVWXZ".choose(&mut random)).map(|letter| char::from(*letter)).collect()
}

/// Returns a random seed that Temporal's Web UI displays without rounding.
fn drawn_seed() -> crate::faults::Seed {
    u64::from(rand::random::<u32>())
}

/// Prints why a command failed and returns its exit code.
#[must_use]
pub fn report(failure: &Failure) -> ExitCode {
    print::problem(&failure.to_string());
    ExitCode::from(failure.exit_code())
}

#[cfg(test)]
mod tests {
    use std::{ffi::OsString, fs, os::unix::fs::PermissionsExt};

    use super::*;

    #[test]
    fn an_unusable_temporary_folder_stops_only_commands_that_use_it() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join(format!("idempotence-{}", rustix::process::geteuid().as_raw()));
        fs::create_dir(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
        let elsewhere = root.path().join("elsewhere.json");
        let prepared = |database: &Path, needed: &[Area]| {
            let environment = [("HOME", Path::new("/nonexistent")), ("TMPDIR", root.path()), ("DATABASE", database)];
            let environment = environment.map(|(name, value)| (OsString::from(name), value.as_os_str().to_owned()));
            let effective = Effective::read(&Flags::default(), environment, Path::new(".env"), root.path());
            usable(effective, needed).map(|_| ())
        };
        for needed in [Area::STORE, Area::START, Area::WORKER, Area::CODEC_SERVER, &[]] {
            prepared(&elsewhere, needed).unwrap_or_else(|failure| panic!("{needed:?}: {failure}"));
        }
        for (database, needed) in [(elsewhere, Area::SERVER), (folder.join("x.json"), Area::STORE)] {
            let refused = prepared(&database, needed).unwrap_err();
            assert!(matches!(&refused, Failure::PrivateFolder { folder: named, .. } if *named == folder), "{refused}");
        }
    }
}
