//! What the user can request. Only `keymap` knows the key for it.

use serde::{Deserialize, Serialize};
use tui_input::InputRequest;

use crate::domain::UnixMillis;

use super::{orders::Slot, subject::Subject};

/// A request of the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Intent {
    /// Send an order with a fresh id and 1 unit.
    FreshOrder,
    /// Send the demo order: A12, 999 units.
    SeedOrder,
    /// Send the selected order under a new workflow id: only the idempotency key recognises it.
    OrderAgain,
    /// Send the selected start again: it joins the run if that has not ended.
    SameStart,
    /// Send ten orders with fresh ids.
    Burst,
    /// Select the next fault preset.
    NextFaults,
    /// Edit the fault plan.
    EditPlan,
    /// Select the next guard.
    NextGuard,
    /// Kill the worker process.
    KillWorker,
    /// Stop the worker, or start one.
    ToggleWorker,
    /// Kill the embedded server after confirmation, or start it.
    ToggleServer,
    /// Kill the supplier that this dashboard started, or start it again.
    ToggleSupplier,
    /// Reset the activity of the selected order: the next attempt comes now.
    RetryNow,
    /// Cancel the selected order after confirmation.
    AskCancel,
    /// Reset the stock after confirmation.
    AskReset,
    /// Freeze the screen, or resume it.
    Freeze,
    /// Edit the filter.
    Filter,
    /// Give the focused panel the whole screen, or take it back.
    Zoom,
    /// Focus the next panel.
    NextPanel,
    /// Focus the panel before.
    PreviousPanel,
    /// Focus a panel.
    Focus(Panel),
    /// Show the attempts of the selected order on the whole screen.
    Details,
    /// Open the selected order in Temporal's Web UI.
    OpenWebUi,
    /// Copy the selected order's workflow id, or what the overlay shows.
    CopyWorkflowId,
    /// Show the selected order as `temporal` commands.
    ShowCommand,
    /// Show the statistics.
    Statistics,
    /// Show the log.
    Log,
    /// Compare the three guards on the same order and faults. On the screen of a comparison: compare again.
    Compare,
    /// The same, with another order between the commit and the retry, or with overlapping attempts.
    CompareInterleaved,
    /// Compare the three supplier policies instead of the guards, or the guards again.
    CompareOther,
    /// Select the next theme.
    NextTheme,
    /// Let the terminal report the mouse, or not.
    Mouse,
    /// Stop until `fg`.
    Suspend,
    /// Show the help.
    Help,
    /// Leave an overlay, a zoom, a filter.
    Close,
    /// Answer a question with yes.
    Yes,
    /// Answer a question with no.
    No,
    /// End the program, or return to the dashboard that opened the walkthrough.
    Quit,
    /// End the program.
    Exit,
    /// Move through a list.
    Select(Move),
    /// Select the row at this position, counted from the newest.
    SelectRow(usize),
    /// Edit the line.
    Edit(InputRequest),
    /// Apply the line.
    Submit,
    /// Show the list of executions of any workflow.
    Watch,
    /// Select the next order of that list.
    NextSort,
    /// Pause the selected activity after confirmation, or undo its pause.
    AskPause,
    /// Let the attempts of the selected activity count from 1 again, after confirmation.
    AskResetActivity,
    /// Edit the timeouts and the retry policy of the selected activity.
    EditOptions,
    /// Terminate the execution after confirmation.
    AskTerminate,
    /// Edit a signal to the execution.
    EditSignal,
    /// Show the whole failure of the selected activity, with its causes and stack traces.
    ShowFailure,
    /// Open the execution whose child is on the page.
    OpenParent,
    /// Show the walkthrough, or run one on a database of its own.
    Walkthrough,
    /// Play the step of the walkthrough, or turn to the next.
    GoOn,
    /// Turn to the step before.
    GoBack,
    /// Play the step again.
    RepeatStep,
    /// Turn to the next step without playing this one.
    SkipStep,
    /// Show a black screen until any key.
    Blank,
    /// Select the next pace of the walkthrough.
    NextPace,
    /// Move through a recording.
    // Recordings contain this name.
    #[serde(rename = "wind")]
    Seek(Seek),
}

/// A movement through a recording that is replayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Seek {
    /// Pauses or resumes.
    Pause,
    /// Resumes if the replay waits for a key, else goes to the next recorded key.
    Next,
    /// To the previous recorded key.
    Previous,
    /// One event forward.
    Event,
    /// One event back.
    EventBack,
    /// The next higher speed.
    Faster,
    /// The next lower speed.
    Slower,
    /// To the beginning.
    First,
    /// To the end.
    Last,
    /// To this many tenths of the recording.
    Tenths(u8),
}

/// The last request and the overlay at that time: a walkthrough shows the key to its audience.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Echo {
    /// The request.
    pub intent: Intent,
    /// The overlay.
    pub overlay: Overlay,
    until: UnixMillis,
}

/// Time in milliseconds for which a key is shown.
const ECHO_MILLIS: u64 = 2_000;

impl Echo {
    /// The echo of a request at `now`.
    #[must_use]
    pub const fn new(intent: Intent, overlay: Overlay, now: UnixMillis) -> Self {
        Self { intent, overlay, until: UnixMillis(now.0.saturating_add(ECHO_MILLIS)) }
    }

    /// Whether it was shown for long enough.
    #[must_use]
    pub fn has_faded(&self, now: UnixMillis) -> bool {
        now >= self.until
    }
}

/// A movement through the focused list; the orders are listed newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Move {
    /// One row up.
    Up,
    /// One row down.
    Down,
    /// To the first row.
    First,
    /// To the last row.
    Last,
    /// Half a page up.
    HalfPageUp,
    /// Half a page down.
    HalfPageDown,
}

/// A region of the dashboard that can have the focus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Panel {
    /// The list of orders.
    #[default]
    Orders,
    /// The timeline of the selected order.
    Timeline,
    /// The effects on the stock.
    Effects,
    /// The stock and its verdict.
    Stock,
}

impl Panel {
    /// All panels, in the order in which the focus moves.
    pub const ALL: [Self; 4] = [Self::Orders, Self::Timeline, Self::Effects, Self::Stock];
}

/// What lies over the dashboard. It decides which keys are active.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Overlay {
    /// Nothing.
    #[default]
    None,
    /// The keys.
    Help,
    /// A question.
    Confirm(Question),
    /// A line in which the fault plan is edited.
    Plan,
    /// A line in which the filter is edited.
    Filter,
    /// Counts over all orders.
    Statistics,
    /// The log.
    Log,
    /// The selected order as `temporal` commands.
    ShowCommand,
    /// A comparison.
    Compare(Subject),
    /// A walkthrough.
    Walkthrough,
    /// The notes of a walkthrough in another terminal.
    Notes,
    /// A replay of a recording, whichever overlay the recording shows.
    Replay,
    /// The list of executions of any workflow.
    Executions,
    /// One execution of any workflow.
    Execution,
    /// A line in which the visibility query of that list is edited.
    Query,
    /// A line in which a signal to the execution is edited.
    Signal,
    /// A line in which the options of an activity are edited.
    ActivityOptions,
    /// The failure of the selected activity, with its causes and stack traces.
    Failure,
    /// A black screen, so that the audience looks at the speaker.
    Blank,
    /// The address of a page that no browser opened.
    Address,
}

/// A question before something is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Question {
    /// Reset the stock?
    Reset,
    /// Start a worker on a queue that another one polls?
    StartBeside,
    /// Kill the embedded server?
    KillServer,
    /// Cancel this order?
    Cancel(Slot),
    /// Leave the walkthrough?
    LeaveWalkthrough,
    /// Leave the replay?
    LeaveReplay,
    /// Operate on an execution of any workflow?
    Operate,
}
