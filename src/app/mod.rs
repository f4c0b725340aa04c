//! The pure core: state, one `update`, commands as data, and the views derived from the facts. It imports no tokio,
//! ratatui, crossterm or Temporal type, opens no file and reads no clock: time comes in with [`Message::Tick`].
//!
//! | module | role |
//! | --- | --- |
//! | `options`, `message`, `intent`, `command` | what is set before the start, what comes in, what goes out |
//! | `core` | what the event loops run: the application, a recorder around it, or a player |
//! | `orders` | what the journal and the server report about orders, and when the server is asked |
//! | `derive` | what follows from that: the verdict, times, sentences, counts |
//! | `connections`, `composer`, `mode`, `log` | the other parts of the state, each with private fields |
//! | `update` | what keys and messages change; `update::view` is the state of the screen |
//! | `comparison`, `subject` | the same order under three guards, or three supplier policies, at once |
//! | `scenario_run` | a run of a scenario, and the checks of its result |
//! | `watch` | executions of any workflow, with every attempt of their activities |
//! | `walkthrough` | a presentation in steps, a key for each |
//! | `facts`, `sanitized` | the facts for everything that is derived; foreign text made harmless |

mod command;
mod comparison;
mod composer;
mod connections;
mod core;
mod derive;
mod facts;
mod intent;
mod log;
mod message;
mod mode;
mod notice;
mod options;
mod orders;
mod process_exit;
mod replay_bar;
mod sanitized;
mod scenario_run;
mod subject;
mod supplier;
mod update;
mod walkthrough;
mod watch;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use tui_input::Input;

use crate::{
    domain::{Guard, UnixMillis},
    faults::{FaultPlan, PlanError},
};

use comparison::Comparisons;
use composer::Composer;
use connections::Connections;
use mode::Mode;
use update::view::ViewState;

pub use self::core::Core;
pub use crate::domain::RetryWaits;
pub use command::{Command, Comparison, StartOrder};
#[cfg(test)]
pub(crate) use comparison::fixture as comparison_fixture;
pub use comparison::{ComparisonState, LineUpCell, LineUpRow, Side, SideStage};
pub use derive::effects::{Effect, EffectKind, Effects};
pub use derive::explain::explain;
pub use derive::explanation::{Explanation, Kind};
pub use derive::history::{LaneHistory, Segment, SegmentKind, history};
pub use derive::instructions::{Instruction, instructions};
pub use derive::journal_view::{JournalView, Source, StockVerdict};
pub use derive::obstacle::{Advice, Obstacle};
pub use derive::statistics::{MAX_ATTEMPTS_BAR, Rate, Statistics};
pub use derive::summary::summary;
pub use derive::timeline::{Picture, Span, Tick, Timeline, Window, timeline};
pub use derive::trouble::{Trouble, age, trouble, until};
pub use derive::words::{stage_word, verdict_word};
pub use facts::Facts;
pub use intent::{Echo, Intent, Move, Overlay, Panel, Question, Seek};
pub use log::{Line as LogLine, Log};
pub use message::{ComparisonEvent, ComparisonNews, Link, ListedRun, LogLevel, Message, Server, Worker};
pub use notice::{Notice, Tone};
pub use options::{Options, Security, StartMode};
pub use orders::activity_attempts::{ActivityAttempts, ActivityState, AttemptView};
pub use orders::activity_record::{ActivityRecord, LastAttempt};
pub use orders::attempt::{AttemptEnd, AttemptFacts, AttemptState, Committed, Failure, ReportedAttempt};
pub use orders::attempt_id::AttemptId;
pub use orders::description::{Description, FailingTask, RecordedActivity};
pub use orders::execution::{Execution, OrderDetails, OrderVerdict};
pub use orders::observed_wait::ObservedWait;
pub use orders::progress::{NextAttempt, Stage};
pub use orders::{Orders, Slot};
pub use process_exit::ProcessExit;
pub use replay_bar::{ReplayBar, ReplayState};
pub use scenario_run::initial_stock::InitialStock;
pub use scenario_run::{Check, CheckResult, RunCounts, RunState, ScenarioRun, SentOrder};
pub use subject::{Candidate, SIDES, Subject};
pub use supplier::{PairVerdict, SupplierCounts, SupplierReport, SupplierState};
pub use update::appearance::{Appearance, NoSuchTheme, Theme};
pub use update::filter::Rows;
pub use update::pace::{NoSuchPace, Pace};
pub use update::scroll::Scroll;
pub use walkthrough::{
    NotesPage, Paragraph, Piece, PieceKind, Script, Step, StepPanel, StepState, Walkthrough, parse as parse_script,
};
pub use watch::{
    ActivityName, AttemptFailure, AttemptNumber, AttemptWait, Certainty, End, EventFinder, ExecutionList, ExecutionRow,
    HistoryPage, Item, ItemKind, Items, Lane, LaneId, ListPage, PAGE_ROWS, PlannedWait, RequestRate, RetriesEnded,
    RetryWarning, RowAttempts, Signals, Sort, Start, TaskFailure, Urgency, Watch, WatchEvent, WatchEventKind,
    WatchNews, WatchOptions, WatchProblem, WatchRequest, Watched, doubt_of_empty_list, explain_problem,
    latest_certainty, latest_failure, nearest_ids, retry_warnings,
};

/// The whole state of the dashboard.
#[derive(Debug, Clone)]
pub struct App {
    options: Options,
    /// The time of the last tick.
    now: UnixMillis,
    orders: Orders,
    journal: JournalView,
    connections: Connections,
    /// The newest report about the supplier.
    supplier: Option<SupplierReport>,
    /// Shipments that the supplier had when the stock was reset alone; 0 after a reset of both.
    shipments_kept: u64,
    composer: Composer,
    mode: Mode,
    comparisons: Comparisons,
    /// `None` until the pages about executions are opened.
    watch: Option<Box<Watch>>,
    view: ViewState,
    log: Log,
}

impl App {
    /// A session with these options, before the first message.
    #[must_use]
    pub fn new(mut options: Options) -> Self {
        let start_mode = std::mem::take(&mut options.start_mode);
        let (mut watch, options_now) = (None, options.now);
        let (mode, scenario) = match start_mode {
            StartMode::Dashboard => (Mode::Dashboard, None),
            // A new session has nothing to reset.
            StartMode::Scenario { scenario, initial_stock: InitialStock::Reset } => {
                (Mode::Dashboard, Some((scenario, InitialStock::Fresh)))
            }
            StartMode::Scenario { scenario, initial_stock } => (Mode::Dashboard, Some((scenario, initial_stock))),
            StartMode::Walkthrough(script) => {
                (Mode::Walkthrough(Box::new(Walkthrough::new(*script, options.now))), None)
            }
            StartMode::Notes => (Mode::Notes(None), None),
            StartMode::Watch(options) => {
                watch = Some(Box::new(Watch::new(*options, None, options_now)));
                (Mode::Watch, None)
            }
        };
        let base = match &mode {
            Mode::Dashboard | Mode::Scenario(_) => Overlay::None,
            Mode::Watch => watch.as_deref().map_or(Overlay::Executions, Watch::page),
            Mode::Walkthrough(_) => Overlay::Walkthrough,
            Mode::Notes(_) => Overlay::Notes,
        };
        let plan = if options.faults_allowed { options.preset.plan() } else { FaultPlan::none() };
        let mut app = Self {
            now: options.now,
            orders: Orders::default(),
            journal: JournalView::default(),
            connections: Connections::new(options.host.clone(), options.now),
            supplier: None,
            shipments_kept: 0,
            composer: Composer::new(options.session.clone(), options.guard, plan),
            mode,
            comparisons: Comparisons::default(),
            watch,
            view: ViewState::new(options.appearance, base),
            log: Log::new(options.now),
            options,
        };
        if let Some((scenario, initial_stock)) = scenario {
            // Nothing was ended on request, so there is nothing to start again.
            let _none = app.begin_run(*scenario, initial_stock);
        }
        app
    }

    /// The options of the session.
    #[must_use]
    pub const fn options(&self) -> &Options {
        &self.options
    }

    /// All orders.
    #[must_use]
    pub const fn orders(&self) -> &Orders {
        &self.orders
    }

    /// The journal and the document.
    #[must_use]
    pub const fn journal(&self) -> &JournalView {
        &self.journal
    }

    /// The newest report about the supplier, if there is one.
    #[must_use]
    pub const fn supplier(&self) -> Option<&SupplierReport> {
        self.supplier.as_ref()
    }

    /// The connections.
    #[must_use]
    pub const fn connections(&self) -> &Connections {
        &self.connections
    }

    /// The link to the server.
    #[must_use]
    pub const fn link(&self) -> &Link {
        self.connections.link()
    }

    /// The server that the link leads to.
    #[must_use]
    pub const fn server(&self) -> &Server {
        self.connections.server()
    }

    /// The worker process of this dashboard.
    #[must_use]
    pub const fn worker(&self) -> &Worker {
        self.connections.worker()
    }

    /// Everything that is known from outside.
    #[must_use]
    pub const fn facts(&self) -> Facts<'_> {
        Facts {
            now: self.now,
            options: &self.options,
            orders: &self.orders,
            journal: &self.journal,
            connections: &self.connections,
            supplier: self.supplier.as_ref(),
            composer: &self.composer,
        }
    }

    /// The guard of the next order.
    #[must_use]
    pub const fn guard(&self) -> Guard {
        self.composer.guard()
    }

    /// The fault plan of the next order.
    #[must_use]
    pub const fn plan(&self) -> &FaultPlan {
        self.composer.plan()
    }

    /// The state of the screen.
    #[must_use]
    pub const fn view(&self) -> &ViewState {
        &self.view
    }

    /// What lies over the dashboard.
    #[must_use]
    pub const fn overlay(&self) -> Overlay {
        self.view.overlay()
    }

    /// The page under a box: a comparison or a walkthrough continues under the help and under a question.
    #[must_use]
    pub fn beneath(&self) -> Overlay {
        match self.comparisons.current() {
            Some(current) => Overlay::Compare(current.terms().subject),
            None => self.view.base(),
        }
    }

    /// The line that is edited.
    #[must_use]
    pub const fn input(&self) -> &Input {
        self.view.input()
    }

    /// The fault plan as it is typed.
    ///
    /// # Errors
    /// [`PlanError`] with the column, if the line is not a plan.
    pub fn edited_plan(&self) -> Result<FaultPlan, PlanError> {
        self.view.input().value().parse()
    }

    /// The text that orders are filtered by; empty if all are shown.
    #[must_use]
    pub fn filter(&self) -> &str {
        self.view.filter().text()
    }

    /// The orders to show.
    #[must_use]
    pub fn rows(&self) -> Rows<'_> {
        self.view.rows(&self.orders)
    }

    /// The slot of the selected row; without a selection, that of the newest order whose workflow task does not fail.
    #[must_use]
    pub fn selected_slot(&self) -> Option<Slot> {
        self.view.selected_slot(&self.orders)
    }

    /// The selected order; without a selection, the newest one whose workflow task does not fail.
    #[must_use]
    pub fn selected(&self) -> Option<&Execution> {
        self.orders.get(self.selected_slot()?)
    }

    /// The time that the screen shows.
    #[must_use]
    pub fn shown_now(&self) -> UnixMillis {
        self.view.freeze().shown_now(self.now)
    }

    /// The appearance of the screen.
    #[must_use]
    pub const fn appearance(&self) -> Appearance {
        self.view.appearance()
    }

    /// The log of the session.
    #[must_use]
    pub const fn log(&self) -> &Log {
        &self.log
    }

    /// The notice on the screen.
    #[must_use]
    pub const fn notice(&self) -> Option<&Notice> {
        self.log.notice()
    }

    /// The verdict on the stock, as of the time that the screen shows.
    #[must_use]
    pub fn stock_verdict(&self) -> StockVerdict {
        match self.journal.stock_verdict(self.shown_now()) {
            StockVerdict::Right if self.orders.unsettled() > 0 => StockVerdict::Pending,
            stock_verdict => stock_verdict,
        }
    }

    /// The stage of an order, by the retry policy of this session.
    #[must_use]
    pub fn stage<'a>(&self, execution: &'a Execution) -> Stage<'a> {
        execution.stage(&self.options.retry)
    }

    /// The comparison that runs, or has ended and is still on the screen.
    #[must_use]
    pub fn comparison(&self) -> Option<&ComparisonState> {
        self.comparisons.current()
    }

    /// Whether the session only watches executions, without orders.
    #[must_use]
    pub const fn only_watches(&self) -> bool {
        self.mode.is_watch()
    }

    /// The pages about executions of any workflow; `None` until they are opened.
    #[must_use]
    pub fn watch(&self) -> Option<&Watch> {
        self.watch.as_deref()
    }

    /// The scenario that runs, or ran last.
    #[must_use]
    pub fn scenario_run(&self) -> Option<&ScenarioRun> {
        self.mode.run()
    }

    /// The walkthrough.
    #[must_use]
    pub fn walkthrough(&self) -> Option<&Walkthrough> {
        self.mode.walkthrough()
    }

    /// The notes of a walkthrough in another terminal.
    #[must_use]
    pub fn notes(&self) -> Option<&NotesPage> {
        self.mode.notes()
    }

    /// Whether nothing was ordered on the starting stock yet.
    #[must_use]
    pub fn is_untouched(&self) -> bool {
        self.orders.is_empty() && self.journal.audit.seq <= 1
    }

    /// Whether a page about executions of any workflow is shown, possibly under a box.
    #[must_use]
    pub const fn watches(&self) -> bool {
        matches!(self.view.base(), Overlay::Executions | Overlay::Execution)
    }

    /// Whether the screen has changed since the last call.
    pub const fn take_dirty(&mut self) -> bool {
        self.view.take_dirty()
    }

    /// The state of the screen, for what a recording or its replay changes.
    pub const fn view_mut(&mut self) -> &mut ViewState {
        &mut self.view
    }
}
