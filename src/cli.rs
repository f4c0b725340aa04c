//! The command line, as data. Decides nothing but what this program is called.

#![expect(clippy::doc_markdown, reason = "doc comments are the help text here, where backticks would show")]

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::{
    app::Pace,
    domain::Guard,
    faults::{FaultPlan, Seed},
};

mod help;
mod settings;
mod start;
mod values;
mod version;

pub use settings::SettingsArgs;
pub use start::StartArgs;

use values::{seconds, seed};

/// See retries hit a shared database, live, and the stock stay right.
#[derive(Debug, Parser)]
#[command(name = "idempotence", version, about, long_about = None, max_term_width = 100)]
#[command(long_version = version::LONG.as_str())]
pub struct Cli {
    #[command(flatten)]
    pub settings: SettingsArgs,
    #[command(subcommand)]
    pub command: Option<CommandArgs>,
}

/// The name under which the Temporal CLI finds an extension command, and how people call that one then.
const EXTENSION: (&str, &str) = ("temporal-idempotence", "temporal idempotence");

impl Cli {
    /// The command line of this process.
    ///
    /// # Errors
    /// The answer to a request for help or the version, or to a wrong command line. It names the program as it was called.
    pub fn of_process() -> Result<Self, clap::Error> {
        Self::of(std::env::args_os())
    }

    fn of(arguments: impl Iterator<Item = OsString>) -> Result<Self, clap::Error> {
        let mut arguments = arguments.peekable();
        let called = arguments.peek().map(Path::new).and_then(Path::file_name);
        let mut command = help::tailored(Self::command());
        if called.is_some_and(|name| name == EXTENSION.0) {
            command = command.bin_name(EXTENSION.1);
        }
        Self::from_arg_matches(&command.try_get_matches_from(arguments)?)
    }
}

#[derive(Debug, Subcommand)]
pub enum CommandArgs {
    /// The dashboard; what runs without a command too. Without a terminal it runs `demo`
    Dashboard(DashboardArgs),
    /// A worker, until SIGINT, SIGTERM or SIGHUP
    Worker(WorkerArgs),
    /// The embedded Temporal dev server alone, until SIGINT, SIGTERM or SIGHUP
    Server(ServerArgs),
    /// Decrypt payloads for Temporal's own pages and commands, until SIGINT, SIGTERM or SIGHUP
    CodecServer(CodecServerArgs),
    /// Start one order and wait for it
    Start(StartArgs),
    /// Play a scenario without a terminal, and judge it
    Demo(DemoArgs),
    /// Tell the whole story in steps, a key for each; for a talk
    Walkthrough(WalkthroughArgs),
    /// Show a recording again: no server, no worker, no database
    Replay(ReplayArgs),
    /// Make pictures of a recording: a screen as SVG, or all as an asciinema cast
    Export(ExportArgs),
    /// Check the database against its journal
    Audit(AuditArgs),
    /// Put the seed's starting document back; the old journal is kept under another name
    Reset(ResetArgs),
    /// Show every setting and where it comes from
    Config(ConfigArgs),
    /// Name the keys of payload encryption, or make one
    Keys(KeysArgs),
    /// Look whether all is as it must be, and say what mends what is not
    Doctor(DoctorArgs),
    /// Run a program that ends when standard input closes
    #[command(hide = true)]
    Supervise(SuperviseArgs),
}

#[derive(Debug, Clone, Default, Args)]
pub struct DashboardArgs {
    /// Do not start a worker; `w` starts one
    #[arg(long)]
    pub no_worker: bool,
    /// Seed of the fault plan [default: drawn]
    #[arg(long, value_name = "NUMBER", value_parser = seed)]
    pub seed: Option<Seed>,
    /// Allow planned faults on a server that is not on this machine
    #[arg(long)]
    pub remote_faults: bool,
    /// Write down what happens, for `replay`
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
}

#[derive(Debug, Clone, Args)]
pub struct WorkerArgs {
    /// Fault plan for orders that bring none
    #[arg(long, value_name = "PLAN", default_value_t = FaultPlan::none())]
    pub faults: FaultPlan,
    /// Guard for orders that bring none: ledger, last-order or off
    #[arg(long, default_value_t = Guard::Ledger)]
    pub guard: Guard,
    /// Seed of the fault plan for orders that bring none
    #[arg(long, value_name = "NUMBER", value_parser = seed, default_value_t = 0)]
    pub seed: Seed,
    /// Allow planned faults on a server that is not on this machine
    #[arg(long)]
    pub remote_faults: bool,
    /// End when standard input closes, as it does when the parent dies
    #[arg(long, hide = true)]
    pub with_parent: bool,
}

#[derive(Debug, Clone, Args)]
pub struct ServerArgs {
    /// End when standard input closes, as it does when the parent dies
    #[arg(long, hide = true)]
    pub with_parent: bool,
}

/// How an order is treated by our workers.
#[derive(Debug, Clone, Default, Args)]
pub struct TermsArgs {
    /// Fault plan: a preset (seed, after-commit-once, crash-after-commit, none) or rules [default: seed on this
    /// machine, none elsewhere, or as the scenario says]
    #[arg(long, value_name = "PLAN")]
    pub faults: Option<FaultPlan>,
    /// ledger, last-order or off [default: ledger, or as the scenario says]
    #[arg(long)]
    pub guard: Option<Guard>,
    /// Seed of the fault plan [default: drawn, or as the scenario says]
    #[arg(long, value_name = "NUMBER", value_parser = seed)]
    pub seed: Option<Seed>,
    /// Allow planned faults on a server that is not on this machine
    #[arg(long)]
    pub remote_faults: bool,
}

#[derive(Debug, Clone, Default, Args)]
pub struct DemoArgs {
    /// Name or file of the scenario [default: seed]
    pub scenario: Option<String>,
    /// Name the scenarios that are built in
    #[arg(long, conflicts_with_all = ["scenario", "all"])]
    pub list: bool,
    /// Play every scenario that is built in, and print a table
    #[arg(long, conflicts_with_all = ["scenario", "record", "faults", "guard", "seed"])]
    pub all: bool,
    #[command(flatten)]
    pub terms: TermsArgs,
    /// Write down what happens, for `replay`
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
    /// One JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Clone, Args)]
pub struct WalkthroughArgs {
    /// A walkthrough of your own, in Markdown [default: the one that is built in]
    pub file: Option<PathBuf>,
    /// Show the speaker's notes of a walkthrough that runs in another terminal
    #[arg(long, conflicts_with_all = ["file", "record"])]
    pub notes: bool,
    /// How fast the screen shows what happens: live, calm or slow; the key P changes it
    #[arg(long, default_value_t = Pace::default())]
    pub pace: Pace,
    /// Allow planned faults on a server that is not on this machine
    #[arg(long)]
    pub remote_faults: bool,
    /// Write down what happens, for `replay`
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
}

#[derive(Debug, Clone, Args)]
pub struct ReplayArgs {
    /// File of a recording, or the name of one that is built in [default: walkthrough]
    pub recording: Option<String>,
}

#[derive(Debug, Clone, Args)]
pub struct ExportArgs {
    /// File of a recording, or the name of one that is built in; - reads standard input [default: walkthrough]
    pub recording: Option<String>,
    /// Write one screen to this file; - is standard output, and the default when that is not a terminal
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
    /// Write all screens to this file, for asciinema's player; - is standard output
    #[arg(long, value_name = "FILE")]
    pub cast: Option<PathBuf>,
    /// Which screen: the first that shows this text
    #[arg(long, value_name = "TEXT")]
    pub when: Option<String>,
    /// Which screen: seconds since the beginning, or behind --when [default: the last]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub at: Option<Duration>,
    /// Columns and rows
    #[arg(long, value_name = "COLUMNSxROWS", default_value = "100x30")]
    pub size: ScreenSize,
}

/// Columns and rows of a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScreenSize {
    pub width: u16,
    pub height: u16,
}

/// The largest screen that is drawn, in columns and in rows.
const LARGEST: u16 = 500;

impl FromStr for ScreenSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| text.parse().ok().filter(|number| (1..=LARGEST).contains(number));
        let parts = text.split_once('x').and_then(|(width, height)| Some((number(width)?, number(height)?)));
        let (width, height) = parts.ok_or_else(|| format!("give columns and rows up to {LARGEST}, as in 80x24"))?;
        Ok(Self { width, height })
    }
}

#[derive(Debug, Clone, Args)]
pub struct AuditArgs {
    /// One JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Clone, Args)]
pub struct ResetArgs {
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
    /// One JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Clone, Args)]
pub struct ConfigArgs {
    /// One JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Clone, Args)]
pub struct CodecServerArgs {
    /// Where to listen; elsewhere than on this machine it needs IDEMPOTENCE_CODEC_TOKEN
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8081")]
    pub listen: String,
    /// A Web UI that may ask, as https://HOST; may be repeated [default: those of the dev server and of Docker Compose,
    /// http://localhost:8233 and http://localhost:8080]
    #[arg(long, value_name = "URL")]
    pub ui_origin: Vec<String>,
}

#[derive(Debug, Clone, Args)]
pub struct KeysArgs {
    #[command(subcommand)]
    pub command: Option<KeysCommand>,
}

#[derive(Debug, Clone, Subcommand)]
pub enum KeysCommand {
    /// Make a key of 32 random bytes and put it into the key file
    Add {
        /// Its name, which is no secret [default: DATACONVERTER_ENCRYPTION_KEY_ID]
        id: Option<String>,
    },
}

#[derive(Debug, Clone, Args)]
pub struct DoctorArgs {
    /// One JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Clone, Args)]
pub struct SuperviseArgs {
    pub program: OsString,
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub arguments: Vec<OsString>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Cli, clap::Error> {
        Cli::of(line.split(' ').map(OsString::from))
    }

    #[test]
    fn help_names_the_program_as_it_was_called() {
        for (called, shown) in [
            ("idempotence", "Usage: idempotence "),
            ("/usr/bin/idempotence", "Usage: idempotence "),
            ("/opt/bin/temporal-idempotence", "Usage: temporal idempotence "),
        ] {
            for arguments in ["--help", "start --help", "start A12 x 1 y too-much", "nonsense"] {
                let answer = parsed(&format!("{called} {arguments}")).unwrap_err().to_string();
                assert!(answer.contains(shown), "{called} {arguments}: {answer}");
            }
        }
    }
}
