//! The pure core: state, one `update`, commands as data, and the views derived from the facts. It imports no tokio,
//! ratatui, crossterm or Temporal type, opens no file and reads no clock: time comes in with [`Message::Tick`].
//!
//! | file | role |
//! | --- | --- |
//! | `message`, `intent`, `command` | what comes in, and what goes out |
//! | `facts`, `ingest`, `orders`, `execution`, `lane`, `attempt` | facts about orders, and the states derived from them |
//! | `account`, `effects` | the journal in its order, the document, the verdict |
//! | `comparison` | the same order under the three guards at once |
//! | `actions`, `view`, `notice` | what keys do, what is selected or frozen, sentences that expire |
//! | `explain`, `trouble`, `summary`, `waits` | words and times derived from all that |

mod access;
mod account;
mod actions;
mod attempt;
mod command;
mod comparison;
mod effects;
mod execution;
mod explain;
mod facts;
mod ingest;
mod intent;
mod lane;
mod look;
mod message;
mod notice;
mod orders;
mod pending;
mod summary;
mod trouble;
mod view;
mod waits;

#[cfg(test)]
pub(crate) mod script;
#[cfg(test)]
mod tests;

use crate::{
    domain::{Guard, UnixMillis},
    faults::{Preset, Seed},
};

pub use account::{Account, Judgement, Source};
pub use attempt::{AttemptFacts, AttemptState, Ending, Failure};
pub use command::{Command, Comparison, Run, StartOrder};
#[cfg(test)]
pub(crate) use comparison::script as comparison_script;
pub use comparison::{ComparisonState, LineUpCell, LineUpRow, Side, SideStage};
pub use effects::{Effect, EffectKind, Effects};
pub use execution::{Execution, OrderVerdict, Stage, Terms};
pub use explain::{Explanation, Kind, explain};
pub use intent::{Intent, Move, Overlay, Panel, Question};
pub use lane::Seen;
pub use look::{Look, NoSuchTheme, Theme};
pub use message::{ComparisonEvent, ComparisonNews, End, Link, LogLevel, Message, Server, Worker};
pub use notice::{Notice, Tone};
pub use orders::{Orders, Slot};
pub use pending::{Description, Pending, PendingFailure, PendingState};
pub use trouble::{Trouble, age, trouble, until};
pub use waits::RetryWaits;

/// What is settled before the dashboard begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setup {
    pub server: String,
    pub namespace: String,
    pub task_queue: String,
    pub database: String,
    pub log: String,
    /// Short random letters for fresh order ids.
    pub session: String,
    pub seed: Seed,
    pub preset: Preset,
    pub guard: Guard,
    /// False where the server is not on loopback.
    pub faults_allowed: bool,
    pub retry: RetryWaits,
    pub look: Look,
    pub version: &'static str,
    pub now: UnixMillis,
}

/// The whole state of the dashboard.
#[derive(Debug)]
pub struct App {
    setup: Setup,
    now: UnixMillis,
    orders: Orders,
    account: Account,
    link: Link,
    link_since: UnixMillis,
    server: Server,
    worker: Worker,
    guard: Guard,
    preset: Preset,
    overlay: Overlay,
    frozen: Option<view::Frozen>,
    /// `None`: the newest.
    selection: Option<Slot>,
    size: Option<(u16, u16)>,
    notice: Option<Notice>,
    next_order: u64,
    agains: u64,
    tickets: u64,
    reset_asked: Option<UnixMillis>,
    comparisons: comparison::Comparisons,
    dirty: bool,
}

impl App {
    #[must_use]
    pub fn new(setup: Setup) -> Self {
        Self {
            now: setup.now,
            orders: Orders::default(),
            account: Account::default(),
            link: Link::Connecting { attempt: 1 },
            link_since: setup.now,
            server: Server::Unknown,
            worker: Worker::Absent,
            guard: setup.guard,
            preset: if setup.faults_allowed { setup.preset } else { Preset::None },
            overlay: Overlay::None,
            frozen: None,
            selection: None,
            size: None,
            notice: None,
            next_order: 1,
            agains: 0,
            tickets: 0,
            reset_asked: None,
            comparisons: comparison::Comparisons::default(),
            dirty: true,
            setup,
        }
    }

    /// Takes a message in, and says what is to be done about it.
    pub fn update(&mut self, message: Message) -> Vec<Command> {
        match message {
            Message::Tick { now } => self.tick(now),
            Message::Intent(intent) => {
                self.dirty = true;
                return self.intend(intent);
            }
            Message::Resized { width, height } => {
                self.dirty = true;
                self.size = Some((width, height));
            }
            fact @ (Message::Link(_) | Message::Server(_) | Message::Worker(_) | Message::Notice { .. }) => {
                self.dirty = true;
                self.take_in(fact);
            }
            fact => {
                self.dirty = true;
                self.hold(fact);
            }
        }
        Vec::new()
    }

    /// Whether anything has changed since this was asked last, so that a frame is due.
    pub fn take_dirty(&mut self) -> bool {
        std::mem::take(&mut self.dirty)
    }

    /// The lines that stay on the terminal after quitting.
    #[must_use]
    pub fn summary(&self) -> String {
        summary::summary(self)
    }

    fn tick(&mut self, now: UnixMillis) {
        let before = self.shown_now();
        self.now = self.now.max(now);
        if self.notice.as_ref().is_some_and(|notice| notice.has_expired(self.now)) {
            self.notice = None;
            self.dirty = true;
        }
        let shown = self.shown_now();
        self.dirty |= shown.0 / 1_000 != before.0 / 1_000 && self.shows_time(before);
    }

    /// Whether something on the screen moves with the clock alone: a countdown, or an age that is still told in seconds.
    fn shows_time(&self, before: UnixMillis) -> bool {
        let sources = [&self.account.journal, &self.account.document_source];
        let ages = sources.into_iter().filter_map(|source| source.heard);
        let moves = |at: UnixMillis| age(at, before) != age(at, self.shown_now());
        let compares = self.comparison().is_some_and(|comparison| !comparison.is_over());
        compares || self.orders.open() > 0 || trouble(self).is_some() || ages.max().is_some_and(moves)
    }
}
