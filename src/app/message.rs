//! Everything that can happen, as one enum of plain values without channels, handles or wire types.

use serde::{Deserialize, Serialize};

use crate::{
    domain::{RunEnd, UnixMillis},
    store::{CoveredLines, Document, News},
};

use super::{
    Description, Intent, NotesPage, ProcessExit, Scroll, SupplierReport, Tone, subject::Candidate, watch::WatchNews,
};

/// What the runtime reports to the application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Message {
    /// The time: about once a second, and before other messages if it has moved on. `app` has no other clock.
    Tick {
        /// The time.
        now: UnixMillis,
    },
    /// A key, translated by `keymap`.
    Intent(Intent),
    /// The size of the terminal has changed.
    Resized {
        /// Columns.
        width: u16,
        /// Rows.
        height: u16,
    },
    /// Maximum scroll position of each list at the current screen size; sent before a movement.
    Limits(Scroll),
    /// The records of a long journal that were not read, as totals, and the newest of them. Comes before all others.
    JournalCovered(Box<CoveredLines>),
    /// New records of the journal. A record may arrive before the answer to the start that caused it, and may
    /// arrive twice.
    Journal(News),
    /// The journal cannot be read. The screen keeps the last values and marks them as stale.
    JournalUnreadable {
        /// The reason.
        cause: String,
    },
    /// Progress in a long journal. The facts are incomplete until all of it is read.
    ReadingJournal {
        /// Bytes or lines that were read.
        read: u64,
        /// Bytes or lines of the journal.
        of: u64,
    },
    /// The document on disk.
    Document {
        /// Its content.
        document: Document,
    },
    /// The document cannot be read.
    DocumentUnreadable {
        /// The reason.
        cause: String,
    },
    /// The state of the connection.
    Link(Link),
    /// The state of the server.
    Server(Server),
    /// The state of this dashboard's worker.
    Worker(Worker),
    /// The state of the supplier.
    Supplier(SupplierReport),
    /// The workers that poll the task queue, those of this dashboard included.
    Pollers {
        /// Their identities.
        identities: Vec<String>,
    },
    /// The server accepted a start.
    Started {
        /// The ticket of the start.
        ticket: u64,
        /// The order.
        order: String,
        /// The workflow id, which may differ from the requested one.
        workflow: String,
        /// The run id.
        run: String,
        /// The start joined a run that had not ended.
        joined: bool,
    },
    /// The server did not accept a start.
    StartFailed {
        /// The ticket of the start.
        ticket: u64,
        /// The order.
        order: String,
        /// The workflow id.
        workflow: String,
        /// The reason.
        cause: String,
    },
    /// Open runs on the task queue, of this program and of others.
    Listed {
        /// The runs.
        runs: Vec<ListedRun>,
    },
    /// A workflow run has ended.
    Ended {
        /// The workflow id.
        workflow: String,
        /// The run id.
        run: String,
        /// How it ended.
        end: RunEnd,
    },
    /// The server's answer about an open run.
    Described {
        /// The workflow id.
        workflow: String,
        /// The run id.
        run: String,
        /// The answer, or why there is none.
        answer: Result<Description, String>,
    },
    /// An answer about executions of any workflow.
    Watch(WatchNews),
    /// An event of a comparison.
    Compared(ComparisonNews),
    /// A line of this program's log.
    Logged {
        /// The time of the event.
        at: UnixMillis,
        /// Its severity.
        level: LogLevel,
        /// The line.
        text: String,
    },
    /// The stock was reset, or not. The value is the name under which the old journal is kept.
    ResetDone(Result<Option<String>, String>),
    /// The page that a walkthrough in another terminal shows to its speaker; `None` after its end.
    Presented(Option<NotesPage>),
    /// A sentence for the screen.
    Notice {
        /// The sentence.
        text: String,
        /// Its meaning.
        tone: Tone,
    },
    /// A text was copied.
    Copied {
        /// Where it was copied to, and the text, which stays for a while so that it can be selected.
        sentence: String,
    },
    /// No browser on this machine opens a page.
    NotOpened {
        /// The page.
        url: String,
    },
}

/// An open run, as the server lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedRun {
    /// The workflow id.
    pub workflow: String,
    /// The run id.
    pub run: String,
    /// Its start.
    pub started: UnixMillis,
}

/// The severity of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogLevel {
    /// Something does not work.
    Error,
    /// Something needs attention.
    Warn,
    /// A change of state.
    Info,
    /// Details for readers of the log file.
    Detail,
}

/// An event on one side of a comparison.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComparisonNews {
    /// The number of the comparison.
    pub number: u64,
    /// The side.
    #[serde(flatten)]
    pub candidate: Candidate,
    /// The event.
    pub event: ComparisonEvent,
}

/// What can happen on one side of a comparison.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ComparisonEvent {
    /// The state of its worker.
    Worker(Worker),
    /// The server took one of its starts.
    Started {
        /// The workflow id.
        workflow: String,
        /// The run id.
        run: String,
        /// The order.
        order: String,
    },
    /// New records of its journal.
    Journal(News),
    /// One of its runs has ended.
    Ended {
        /// The workflow id.
        workflow: String,
        /// The run id.
        run: String,
        /// How it ended.
        end: RunEnd,
    },
    /// The state of its supplier. The report's `answers` is the number of journal events before the question.
    Supplier(SupplierReport),
    /// It cannot continue.
    Failed {
        /// The reason.
        cause: String,
    },
}

/// The connection to the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Link {
    /// A connection is being made.
    Connecting {
        /// From 1.
        attempt: u32,
    },
    /// The server answers.
    Up,
    /// The server does not answer.
    Down {
        /// The reason.
        cause: String,
        /// The attempt that failed, from 1; 0 if a connection was lost.
        attempt: u32,
        /// The time of the next attempt.
        next_try: UnixMillis,
    },
}

/// The server that the link leads to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Server {
    /// A server that this program did not start.
    Foreign,
    /// No server has answered yet.
    Unknown,
    /// The embedded server, killed on request; it stays down until it is requested again.
    Killed,
    /// The embedded server is being installed or started.
    Preparing {
        /// The current step.
        step: String,
    },
    /// The embedded server runs.
    Running {
        /// The address of its Web UI.
        web_ui: String,
    },
    /// The embedded server has exited.
    Ended {
        /// The reason.
        cause: String,
    },
}

/// The worker process of this dashboard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Worker {
    /// None was started.
    Absent,
    /// None was started, because another one polls the task queue.
    Elsewhere,
    /// It was started and does not poll yet.
    Starting,
    /// It polls.
    Ready {
        /// Its process id.
        pid: u32,
    },
    /// It finishes its attempts and takes no new ones.
    Stopping,
    /// It has stopped on request.
    Stopped,
    /// It was killed on request.
    Killed,
    /// It has exited without a request.
    Exited {
        /// How it ended.
        cause: ProcessExit,
        /// When it is started again; `None`: not by itself.
        restart_at: Option<UnixMillis>,
    },
}
