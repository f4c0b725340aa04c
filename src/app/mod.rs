//! The pure core: state, one `update`, commands as data, and the views derived from the facts. It imports no tokio,
//! ratatui, crossterm or Temporal type, opens no file and reads no clock: time comes in with [`Message::Tick`].
//!
//! | file | role |
//! | --- | --- |
//! | `setup`, `message`, `intent`, `command` | what is settled before, what comes in, and what goes out |
//! | `facts`, `ingest`, `orders`, `execution`, `lane`, `attempt` | facts about orders, and the states derived from them |
//! | `pending`, `told`, `round`, `asking` | what the server says of an order, and when it is asked |
//! | `progress` | an order's stage, its next attempt, its crash window |
//! | `history`, `axis`, `timeline` | the attempts and waits of an order in time, and as columns on an axis |
//! | `account`, `effects` | the journal in its order, the document, the verdict |
//! | `comparison` | the same order under the three guards at once |
//! | `performance` | a scenario that is played, and what is judged of it |
//! | `walkthrough` | steps that are told, played and checked, one key for each |
//! | `actions`, `ordering`, `operating`, `editing` | what keys do |
//! | `view`, `filter`, `look`, `notice`, `log`, `replay_bar`, `pace` | what is selected, shown and frozen; sentences that expire, and those that stay; where a recording stands |
//! | `explain`, `doubt`, `words`, `obstacle`, `trouble`, `summary`, `statistics`, `instructions` | words, figures and times derived from all that |

mod access;
mod command;
mod comparison;
mod core;
mod derive;
mod intent;
mod log;
mod message;
mod notice;
mod options;
mod orders;
mod replay_bar;
mod scenario_run;
mod update;
mod walkthrough;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use tui_input::Input;

use crate::{
    domain::{Guard, UnixMillis},
    faults::FaultPlan,
};

pub use self::core::Core;
pub use crate::domain::RetryWaits;
pub use command::{Command, Comparison, Run, StartOrder};
#[cfg(test)]
pub(crate) use comparison::fixture as comparison_fixture;
pub use comparison::{ComparisonState, LineUpCell, LineUpRow, Side, SideStage};
pub use derive::effects::{Effect, EffectKind, Effects};
pub use derive::explain::{Explanation, Kind, explain};
pub use derive::history::{Stretch, Strip, What, history};
pub use derive::instructions::{Instruction, instructions};
pub use derive::journal_view::{Account, Judgement, Source};
pub use derive::obstacle::{Advice, Obstacle};
pub use derive::statistics::{MOST_ATTEMPTS, Rate, Statistics};
pub use derive::timeline::{Picture, Span, Tick, Timeline, Window, timeline};
pub use derive::trouble::{Trouble, age, trouble, until};
pub use derive::words::{stage_word, verdict_word};
pub use intent::{Echo, Intent, Move, Overlay, Panel, Question, Seek};
pub use log::{Line as LogLine, Log};
pub use message::{ComparisonEvent, ComparisonNews, Link, ListedRun, LogLevel, Message, Server, Worker};
pub use notice::{Notice, Tone};
pub use options::{Programme, Security, Setup};
pub use orders::activity_attempts::Seen;
pub use orders::attempt::{AttemptFacts, AttemptState, Committed, Ending, Failure, ToldAttempt};
pub use orders::attempt_id::Place;
pub use orders::description::{Description, FailingTask};
pub use orders::execution::{Execution, OrderVerdict, Terms};
pub use orders::poll_schedule::Asking;
pub use orders::progress::{NextAttempt, Stage};
pub use orders::{Orders, Slot};
pub use replay_bar::{ReplayBar, Standing};
pub use scenario_run::{Beginning, Check, Figures, Judged, Part, Performance, Placed};
pub use update::appearance::{Look, NoSuchTheme, Theme};
pub use update::filter::Rows;
pub use update::pace::{NoSuchPace, Pace};
pub use update::view::Scroll;
pub use walkthrough::{
    NotesPage, Paragraph, Piece, PieceKind, Script, Step, StepPanel, StepState, Walkthrough, parse as parse_script,
};

/// The whole state of the dashboard.
#[derive(Debug, Clone)]
pub struct App {
    setup: Setup,
    now: UnixMillis,
    orders: Orders,
    asking: Asking,
    account: Account,
    link: Link,
    link_since: UnixMillis,
    server: Server,
    worker: Worker,
    pollers: update::polling::PollerView,
    guard: Guard,
    plan: FaultPlan,
    overlay: Overlay,
    /// The line that is being edited, while the overlay is one for that.
    input: Input,
    filter: update::filter::Filter,
    look: Look,
    frozen: Option<update::view::Frozen>,
    /// `None`: the newest.
    selection: Option<Slot>,
    panel: Panel,
    zoomed: bool,
    scroll: Scroll,
    /// How far each list can be scrolled on the screen that the person sees.
    limits: Scroll,
    mouse: bool,
    size: Option<(u16, u16)>,
    notice: Option<Notice>,
    log: Log,
    next_order: u64,
    agains: u64,
    tickets: u64,
    /// Journals that were replaced, and a reset that is under way.
    earlier: Box<derive::summary::Earlier>,
    /// The order that it is asked about whether to cancel it, and its run: another one may be the newest by the answer.
    to_cancel: Option<(String, Run)>,
    comparisons: comparison::Comparisons,
    performance: Option<Box<Performance>>,
    walkthrough: Option<Box<Walkthrough>>,
    notes: Option<Box<NotesPage>>,
    /// What lies under every page: the dashboard, a walkthrough, or its notes.
    base: Overlay,
    /// What was asked for last, so that a room sees which key was pressed.
    echo: Option<Echo>,
    replay: Option<ReplayBar>,
    replay_note: Option<String>,
    pace: Pace,
    /// A page that no browser opened.
    address: Option<String>,
    dirty: bool,
}

impl App {
    #[must_use]
    pub fn new(mut setup: Setup) -> Self {
        let programme = std::mem::take(&mut setup.programme);
        let mut app = Self {
            now: setup.now,
            orders: Orders::default(),
            asking: Asking::default(),
            account: Account::default(),
            link: Link::Connecting { attempt: 1 },
            link_since: setup.now,
            server: Server::Unknown,
            worker: Worker::Absent,
            pollers: update::polling::PollerView::default(),
            guard: setup.guard,
            plan: if setup.faults_allowed { setup.preset.plan() } else { FaultPlan::none() },
            overlay: Overlay::None,
            input: Input::default(),
            filter: update::filter::Filter::default(),
            look: setup.look,
            frozen: None,
            selection: None,
            panel: Panel::default(),
            zoomed: false,
            scroll: Scroll::default(),
            limits: Scroll::WITHOUT_LIMIT,
            mouse: false,
            size: None,
            notice: None,
            log: Log::new(setup.now),
            next_order: 1,
            agains: 0,
            tickets: 0,
            earlier: Box::default(),
            to_cancel: None,
            comparisons: comparison::Comparisons::default(),
            performance: None,
            walkthrough: None,
            notes: None,
            base: Overlay::None,
            echo: None,
            replay: None,
            replay_note: None,
            pace: Pace::default(),
            address: None,
            dirty: true,
            setup,
        };
        app.begin(programme);
        app
    }

    fn begin(&mut self, programme: Programme) {
        match programme {
            Programme::Keyboard => {}
            Programme::Scenario { scenario, beginning } => {
                // A new session has nothing to clear away.
                let beginning = if beginning == Beginning::Anew { Beginning::Fresh } else { beginning };
                let _nothing = self.begin_performance(*scenario, beginning);
            }
            Programme::Walkthrough(script) => {
                self.walkthrough = Some(Box::new(Walkthrough::new(*script, self.now)));
                self.base = Overlay::Walkthrough;
            }
            Programme::Notes => self.base = Overlay::Notes,
        }
        self.overlay = self.base;
    }

    /// Takes a message in, and says what is to be done about it.
    pub fn update(&mut self, message: Message) -> Vec<Command> {
        let noted = scenario_run::Noted::of(&message);
        let mut commands = self.take(message);
        commands.extend(self.perform(noted.as_ref()));
        commands.extend(self.follow_steps());
        self.filter_changed();
        commands
    }

    fn take(&mut self, message: Message) -> Vec<Command> {
        match message {
            Message::Tick { now } => {
                self.tick(now);
                return self.ask().into_iter().collect();
            }
            Message::Intent(intent) => {
                self.dirty = true;
                self.echo = Some(Echo::new(intent, self.overlay, self.now));
                return self.intend(intent);
            }
            Message::Resized { width, height } => {
                self.dirty = true;
                self.size = Some((width, height));
            }
            Message::Limits(limits) => self.limits = limits,
            line @ Message::Logged { .. } => {
                self.dirty |= self.overlay == Overlay::Log;
                self.take_in(line);
            }
            fact @ (Message::Link(_)
            | Message::Server(_)
            | Message::Worker(_)
            | Message::Pollers { .. }
            | Message::Compared(_)
            | Message::Presented(_)
            | Message::Copied { .. }
            | Message::NotOpened { .. }
            | Message::Notice { .. }) => {
                self.dirty = true;
                self.take_in(fact);
            }
            fact => {
                if let Message::Described { workflow, run, .. } = &fact {
                    self.asking.answered(&Run { workflow: workflow.clone(), run: run.clone() });
                }
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
        derive::summary::summary(self)
    }

    /// Which open orders the server is to be asked about. None behind a frozen screen, which nobody looks at.
    fn ask(&mut self) -> Option<Command> {
        if self.link != Link::Up || self.frozen.is_some() {
            return None;
        }
        let selected = self.selected_slot();
        self.asking.command(self.now, &self.orders, selected)
    }

    fn tick(&mut self, now: UnixMillis) {
        let before = self.shown_now();
        self.now = self.now.max(now);
        if self.notice.as_ref().is_some_and(|notice| notice.has_expired(self.now)) {
            self.notice = None;
            self.dirty = true;
        }
        self.dirty |= self.echo.take_if(|echo| echo.has_faded(now)).is_some() && self.base == Overlay::Walkthrough;
        let shown = self.shown_now();
        let passed = |millis: u64| shown.0 / millis != before.0 / millis;
        self.dirty |= passed(100) && self.shows_tenths() || passed(1_000) && self.shows_time(before);
    }

    /// Whether the selected order's countdown and running attempts move in tenths of a second.
    fn shows_tenths(&self) -> bool {
        !self.look.still && self.orders.open() > 0 && self.selected().is_some_and(|order| !order.is_over())
    }

    /// Whether something on the screen moves with the clock alone: a countdown, or an age that is still told in seconds.
    fn shows_time(&self, before: UnixMillis) -> bool {
        let sources = [&self.account.journal, &self.account.document_source];
        let ages = sources.into_iter().filter_map(|source| source.heard);
        let moves = |at: UnixMillis| age(at, before) != age(at, self.shown_now());
        let compares = self.comparison().is_some_and(|comparison| !comparison.is_over());
        let speaks = self.base != Overlay::None;
        compares || speaks || self.orders.open() > 0 || trouble(self).is_some() || ages.max().is_some_and(moves)
    }
}
