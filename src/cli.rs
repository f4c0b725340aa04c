//! The command line, as data.

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
    listen::ListenAddress,
};

mod help;
mod settings;
mod start;
mod values;
mod version;
mod watch;

pub use settings::SettingsArgs;
pub use start::StartArgs;
pub use watch::WatchArgs;

use values::{duration, seconds, seed};

/// See Temporal retry activities while an idempotency key keeps the stock right
#[derive(Debug, Parser)]
#[command(name = "idempotence", version, long_about = None, max_term_width = 100)]
#[command(long_version = version::LONG.as_str())]
pub struct Cli {
    /// Flags that override settings.
    #[command(flatten)]
    pub settings: SettingsArgs,
    /// The command; `None` means [`CommandArgs::Dashboard`].
    #[command(subcommand)]
    pub command: Option<CommandArgs>,
}

/// File name by which the Temporal CLI finds this program as an extension, and the command with which users then run
/// it.
const EXTENSION: (&str, &str) = ("temporal-idempotence", "temporal idempotence");

impl Cli {
    /// Parses the command line of this process. Help and errors use the name by which the program was called.
    ///
    /// # Errors
    /// Fails if the command line is wrong or requests help or the version. The error is the text to print.
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

/// A command and its arguments.
#[derive(Debug, Subcommand)]
pub enum CommandArgs {
    /// Open the dashboard (the default); without a terminal, run `demo`
    Dashboard(DashboardArgs),
    /// Run a worker until SIGINT, SIGTERM or SIGHUP
    Worker(WorkerArgs),
    /// Run only the embedded Temporal dev server until a signal
    Server(ServerArgs),
    /// Decrypt payloads for Temporal's Web UI and CLI until a signal
    CodecServer(CodecServerArgs),
    /// Ship orders as another company's HTTP service until a signal
    Supplier(SupplierArgs),
    /// Send one order and wait for it
    Start(StartArgs),
    /// Run a scenario without the UI and check the result
    Demo(DemoArgs),
    /// Present the story step by step, one key per step
    Walkthrough(WalkthroughArgs),
    /// Watch any workflow, with every attempt of its activities
    Watch(WatchArgs),
    /// Play back a recording; needs no server, worker or database
    Replay(ReplayArgs),
    /// Export a recording: one screen as SVG, or all of it as a cast
    Export(ExportArgs),
    /// Check the database against its journal
    Audit(AuditArgs),
    /// Drop the attempts of old orders from the journal
    Compact(CompactArgs),
    /// Reset the database; the old journal is renamed, not deleted
    Reset(ResetArgs),
    /// Show every setting and its source
    Config(ConfigArgs),
    /// List or create payload-encryption keys
    Keys(KeysArgs),
    /// Check the setup and suggest fixes
    Doctor(DoctorArgs),
    /// Run a program that ends when standard input closes
    #[command(hide = true)]
    Supervise(SuperviseArgs),
}

/// Arguments of `dashboard`.
#[derive(Debug, Clone, Default, Args)]
pub struct DashboardArgs {
    /// Do not start a worker; the key `w` starts one
    #[arg(long)]
    pub no_worker: bool,
    /// Seed of the fault plan [default: random]
    #[arg(long, value_name = "NUMBER", value_parser = seed)]
    pub seed: Option<Seed>,
    /// Allow planned faults on a server of another machine
    #[arg(long)]
    pub remote_faults: bool,
    /// Record to FILE for `replay`
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
}

/// Arguments of `worker`.
#[derive(Debug, Clone, Args)]
pub struct WorkerArgs {
    /// Fault plan for orders that specify none
    #[arg(long, value_name = "PLAN", default_value_t = FaultPlan::none())]
    pub faults: FaultPlan,
    /// Guard for orders that specify none: ledger, last-order
    /// or off
    #[arg(long, default_value_t = Guard::Ledger, verbatim_doc_comment)]
    pub guard: Guard,
    /// Fault seed for orders that specify none
    #[arg(long, value_name = "NUMBER", value_parser = seed, default_value_t = 0)]
    pub seed: Seed,
    /// Allow planned faults on a server of another machine
    #[arg(long)]
    pub remote_faults: bool,
    /// Exit when standard input closes, which it does when the parent dies
    #[arg(long, hide = true)]
    pub with_parent: bool,
}

/// Arguments of `server`.
#[derive(Debug, Clone, Args)]
pub struct ServerArgs {
    /// Exit when standard input closes, which it does when the parent dies
    #[arg(long, hide = true)]
    pub with_parent: bool,
}

/// Flags for how our workers process an order.
#[derive(Debug, Clone, Default, Args)]
pub struct ProcessingArgs {
    /// Fault plan: a preset (seed, after-commit-once,
    /// crash-after-commit, none) or rules [default: from
    /// the scenario, or seed on this machine and none on
    /// others]
    #[arg(long, value_name = "PLAN", verbatim_doc_comment)]
    pub faults: Option<FaultPlan>,
    /// Guard: ledger, last-order or off [default: from the
    /// scenario, or ledger]
    #[arg(long, verbatim_doc_comment)]
    pub guard: Option<Guard>,
    /// Seed of the fault plan [default: from the scenario,
    /// or random]
    #[arg(long, value_name = "NUMBER", value_parser = seed, verbatim_doc_comment)]
    pub seed: Option<Seed>,
    /// Allow planned faults on a server of another machine
    #[arg(long)]
    pub remote_faults: bool,
}

/// Arguments of `demo`.
#[derive(Debug, Clone, Default, Args)]
pub struct DemoArgs {
    /// Name or file of the scenario [default: seed]
    pub scenario: Option<String>,
    /// List the built-in scenarios
    #[arg(long, conflicts_with_all = ["scenario", "all"])]
    pub list: bool,
    /// Run every built-in scenario and print a table
    #[arg(long, conflicts_with_all = ["scenario", "record", "faults", "guard", "seed"])]
    pub all: bool,
    /// Flags for processing the orders.
    #[command(flatten)]
    pub processing: ProcessingArgs,
    /// Record to FILE for `replay`
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `walkthrough`.
#[derive(Debug, Clone, Args)]
pub struct WalkthroughArgs {
    /// Markdown file of a walkthrough [default: the built-in one]
    pub file: Option<PathBuf>,
    /// Show the notes of the walkthrough in another terminal
    #[arg(long, conflicts_with_all = ["file", "record"])]
    pub notes: bool,
    /// How fast the screen changes: live, calm or slow; the
    /// key `P` changes it
    #[arg(long, default_value_t = Pace::default(), verbatim_doc_comment)]
    pub pace: Pace,
    /// Allow planned faults on a server of another machine
    #[arg(long)]
    pub remote_faults: bool,
    /// Record to FILE for `replay`
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
}

/// Arguments of `replay`.
#[derive(Debug, Clone, Args)]
pub struct ReplayArgs {
    /// File or built-in recording [default: walkthrough]
    pub recording: Option<String>,
}

/// Arguments of `export`.
#[derive(Debug, Clone, Args)]
pub struct ExportArgs {
    /// File or built-in recording; - is standard input
    /// [default: walkthrough]
    #[arg(verbatim_doc_comment)]
    pub recording: Option<String>,
    /// Write one screen to FILE; - is standard output,
    /// which is the default if it is not a terminal
    #[arg(long, value_name = "FILE", verbatim_doc_comment)]
    pub svg: Option<PathBuf>,
    /// Write an asciinema cast to FILE; - is standard
    /// output
    #[arg(long, value_name = "FILE", verbatim_doc_comment)]
    pub cast: Option<PathBuf>,
    /// Select the first screen that shows TEXT
    #[arg(long, value_name = "TEXT")]
    pub when: Option<String>,
    /// Select the screen at this time, from the start or
    /// after the --when match [default: the last screen]
    #[arg(long, value_name = "SECONDS", value_parser = seconds, verbatim_doc_comment)]
    pub at: Option<Duration>,
    /// Columns and rows of the screen
    #[arg(long, value_name = "COLUMNSxROWS", default_value = "100x30")]
    pub size: ScreenSize,
}

/// Size of a screen, in cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScreenSize {
    /// Columns.
    pub width: u16,
    /// Rows.
    pub height: u16,
}

/// Maximum width and height of a screen, in cells.
const MAX_CELLS: u16 = 500;

impl FromStr for ScreenSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| text.parse().ok().filter(|number| (1..=MAX_CELLS).contains(number));
        let parts = text.split_once('x').and_then(|(width, height)| Some((number(width)?, number(height)?)));
        let (width, height) = parts.ok_or_else(|| format!("give columns and rows up to {MAX_CELLS}, e.g. 80x24"))?;
        Ok(Self { width, height })
    }
}

/// Arguments of `audit`.
#[derive(Debug, Clone, Args)]
pub struct AuditArgs {
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `compact`.
#[derive(Debug, Clone, Args)]
pub struct CompactArgs {
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `reset`.
#[derive(Debug, Clone, Args)]
pub struct ResetArgs {
    /// Do not ask for confirmation
    #[arg(long)]
    pub yes: bool,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `config`.
#[derive(Debug, Clone, Args)]
pub struct ConfigArgs {
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `codec-server`.
#[derive(Debug, Clone, Args)]
pub struct CodecServerArgs {
    /// Where to listen; a non-loopback address requires
    /// IDEMPOTENCE_CODEC_TOKEN
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8081", verbatim_doc_comment)]
    pub listen: String,
    /// Allowed Web UI origin, e.g. https://HOST; can be
    /// repeated [default: http://localhost:8233 (dev
    /// server) and http://localhost:8080 (Docker Compose)]
    #[arg(long, value_name = "URL", verbatim_doc_comment)]
    pub ui_origin: Vec<String>,
}

/// Arguments of `supplier`.
#[derive(Debug, Clone, Args)]
pub struct SupplierArgs {
    /// Where to listen; a non-loopback address
    /// is open to other machines, without a
    /// password [default: 127.0.0.1:8855]
    #[arg(
        long,
        value_name = "HOST:PORT",
        default_value = "127.0.0.1:8855",
        hide_default_value = true,
        verbatim_doc_comment
    )]
    pub listen: ListenAddress,
    /// File of the shipments [default: supplier.jsonl
    /// beside the database; with MySQL, in the state
    /// folder]
    #[arg(long, value_name = "FILE", verbatim_doc_comment)]
    pub file: Option<PathBuf>,
    /// Refuse orders without an Idempotency-Key
    #[arg(long)]
    pub require_key: bool,
    /// How long a key is known after its shipment, e.g.
    /// 24h or 2s
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "24h", verbatim_doc_comment)]
    pub key_lifetime: Duration,
    /// Exit when standard input closes, which it does when the parent dies
    #[arg(long, hide = true)]
    pub with_parent: bool,
}

/// Arguments of `keys`.
#[derive(Debug, Clone, Args)]
pub struct KeysArgs {
    /// The command; `None` lists the keys.
    #[command(subcommand)]
    pub command: Option<KeysCommand>,
}

/// The commands for keys.
#[derive(Debug, Clone, Subcommand)]
pub enum KeysCommand {
    /// Create a key of 32 random bytes in the key file
    Add {
        /// Key name (not secret) [default: DATACONVERTER_ENCRYPTION_KEY_ID]
        id: Option<String>,
    },
}

/// Arguments of `doctor`.
#[derive(Debug, Clone, Args)]
pub struct DoctorArgs {
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `supervise`.
#[derive(Debug, Clone, Args)]
pub struct SuperviseArgs {
    /// The program
    pub program: OsString,
    /// Its arguments
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
