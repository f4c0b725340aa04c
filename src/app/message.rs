//! Everything that can happen, in one enum. Carries values only: no channel, no handle, no type of the wire.

use serde::{Deserialize, Serialize};

use crate::{
    domain::{Guard, RunEnd, UnixMillis},
    store::{Document, News},
};

use super::{Description, Intent, NotesPage, Scroll, Tone};

/// What the runtime tells the application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Message {
    /// About once a second, and before other messages when time has moved on. The only clock that `app` knows.
    Tick {
        now: UnixMillis,
    },
    /// A key, already translated by `keymap`.
    Intent(Intent),
    Resized {
        width: u16,
        height: u16,
    },
    /// How far each list can be scrolled on the screen as it is; comes before a movement.
    Limits(Scroll),
    /// New lines of the journal. A line may come before the answer to the start that caused it, and again later.
    Journal(News),
    /// What is shown is stale from now on; it does not become zero.
    JournalUnreadable {
        cause: String,
    },
    /// So many bytes of a long journal have been read. What is known until all are read is not the whole truth.
    ReadingJournal {
        read: u64,
        of: u64,
    },
    /// The document as it stands on disk.
    Document {
        document: Document,
    },
    DocumentUnreadable {
        cause: String,
    },
    Link(Link),
    Server(Server),
    Worker(Worker),
    /// The identities of all workers that poll the task queue, this dashboard's included.
    Pollers {
        identities: Vec<String>,
    },
    /// The server took a start. `joined`: it joined an execution that was running already.
    Started {
        ticket: u64,
        order: String,
        workflow: String,
        run: String,
        joined: bool,
    },
    StartFailed {
        ticket: u64,
        order: String,
        workflow: String,
        cause: String,
    },
    /// Open runs on the task queue, of this program and of others.
    Listed {
        runs: Vec<ListedRun>,
    },
    /// A workflow run has ended.
    Ended {
        workflow: String,
        run: String,
        end: RunEnd,
    },
    /// The server's answer about an open run, or why there is none.
    Described {
        workflow: String,
        run: String,
        answer: Result<Description, String>,
    },
    /// What happens in a running comparison of guards.
    Compared(ComparisonNews),
    /// A line of this program's log.
    Logged {
        at: UnixMillis,
        level: LogLevel,
        text: String,
    },
    /// The starting document is back; the old journal is kept under this name.
    ResetDone(Result<Option<String>, String>),
    /// A walkthrough in another terminal shows this; `None`: it has ended.
    Presented(Option<NotesPage>),
    Notice {
        text: String,
        tone: Tone,
    },
    /// Where a text was copied to, and the text, which stays for a while so that it can be selected.
    Copied {
        sentence: String,
    },
    /// No browser opens this page here.
    NotOpened {
        url: String,
    },
}

/// An open run, as the server lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedRun {
    pub workflow: String,
    pub run: String,
    pub started: UnixMillis,
}

/// How much a log line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Detail,
}

/// What one side of a comparison has to tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComparisonNews {
    /// The comparison that it belongs to.
    pub number: u64,
    pub guard: Guard,
    pub event: ComparisonEvent,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ComparisonEvent {
    Worker(Worker),
    Started {
        workflow: String,
        run: String,
        order: String,
    },
    Journal(News),
    Ended {
        workflow: String,
        run: String,
        end: RunEnd,
    },
    /// It goes no further.
    Failed {
        cause: String,
    },
}

/// The connection to the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Link {
    Connecting { attempt: u32 },
    Up,
    Down { cause: String, attempt: u32, next_try: UnixMillis },
}

/// The server that the link leads to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Server {
    /// It answered by itself; somebody else runs it.
    Foreign,
    Unknown,
    /// Ours, killed on request; it stays down until it is asked for.
    Killed,
    /// The embedded server is on its way.
    Preparing {
        step: String,
    },
    Running {
        web_ui: String,
    },
    Ended {
        cause: String,
    },
}

/// The worker process of this dashboard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Worker {
    Absent,
    /// Somebody else's worker polls the task queue.
    Elsewhere,
    Starting,
    Ready {
        pid: u32,
    },
    Stopping,
    Stopped,
    Killed,
    Exited {
        cause: String,
        restart_at: Option<UnixMillis>,
    },
}
