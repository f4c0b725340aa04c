//! What a person can ask for. The key that asks for it is the business of `keymap` alone.

use serde::{Deserialize, Serialize};
use tui_input::InputRequest;

use crate::domain::UnixMillis;

use super::orders::Slot;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Intent {
    /// A fresh id, 1 unit.
    FreshOrder,
    /// The seed's own order: A12, 999 units.
    SeedOrder,
    /// The same order under a new workflow id: only the key can tell that it is known.
    OrderAgain,
    /// The same start under the same workflow id: it joins the execution where that still runs.
    SameStart,
    Burst,
    NextFaults,
    EditPlan,
    NextGuard,
    KillWorker,
    ToggleWorker,
    /// Kills the embedded server, which asks first, or starts it.
    ToggleServer,
    /// Temporal's activity reset of the selected order: the next attempt comes now.
    RetryNow,
    /// Cancels the selected order; asks first.
    AskCancel,
    AskReset,
    Freeze,
    Filter,
    Zoom,
    NextPanel,
    PreviousPanel,
    Focus(Panel),
    /// The attempts of the selected order, over the whole screen.
    Details,
    OpenWebUi,
    CopyWorkflowId,
    ShowCommand,
    Statistics,
    Log,
    /// The same order and faults under the three guards at once.
    Compare,
    /// The same, with another order between the commit and the retry.
    CompareInterleaved,
    NextTheme,
    Mouse,
    Suspend,
    Help,
    /// Leaves an overlay, a zoom, a filter.
    Close,
    Yes,
    No,
    /// Ends the program, or returns to the dashboard that opened the walkthrough.
    Quit,
    /// Ends the program.
    Exit,
    Select(Move),
    /// The row at this position on the list, counted from the newest.
    SelectRow(usize),
    /// A key for the line that is being edited.
    Edit(InputRequest),
    /// The edited line is done.
    Submit,
    /// The walkthrough, on a stage of its own.
    Walkthrough,
    /// Plays the step of the walkthrough, or turns to the next.
    GoOn,
    GoBack,
    /// Plays the step once more.
    RepeatStep,
    /// To the next step without playing this one.
    SkipStep,
    /// A black screen, until any key.
    Blank,
    /// The next pace of the walkthrough, going round.
    NextPace,
    /// Moves through a recording.
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

/// What was asked for last, and where: the room is shown the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Echo {
    pub intent: Intent,
    pub overlay: Overlay,
    until: UnixMillis,
}

/// How long a key is shown, in milliseconds.
const ECHO: u64 = 2_000;

impl Echo {
    #[must_use]
    pub const fn new(intent: Intent, overlay: Overlay, now: UnixMillis) -> Self {
        Self { intent, overlay, until: UnixMillis(now.0.saturating_add(ECHO)) }
    }

    #[must_use]
    pub fn has_faded(&self, now: UnixMillis) -> bool {
        now >= self.until
    }
}

/// A step through the list of orders, newest first, or through whatever else is focused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Move {
    Up,
    Down,
    First,
    Last,
    HalfPageUp,
    HalfPageDown,
}

/// A region of the dashboard that can have the focus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Panel {
    #[default]
    Orders,
    Timeline,
    Effects,
    Stock,
}

impl Panel {
    pub const ALL: [Self; 4] = [Self::Orders, Self::Timeline, Self::Effects, Self::Stock];
}

/// What lies over the dashboard, and so which keys count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Overlay {
    #[default]
    None,
    Help,
    Confirm(Question),
    /// A line in which the fault plan is edited.
    Plan,
    /// A line in which the filter is edited.
    Filter,
    Statistics,
    Log,
    /// What was asked for as `temporal` commands.
    ShowCommand,
    Compare,
    Walkthrough,
    /// What a walkthrough elsewhere has for its speaker.
    Notes,
    /// A recording is replayed, whatever lies over the dashboard in it.
    Replay,
    /// A black screen, so that the room looks at the speaker.
    Blank,
    /// The address of a page that no browser opened.
    Address,
}

/// What is asked before it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Question {
    /// "Put the starting stock back?"
    Reset,
    /// Start a worker on a queue that another one polls?
    StartBeside,
    KillServer,
    /// Cancel this order?
    Cancel(Slot),
    /// "Leave the walkthrough?"
    LeaveWalkthrough,
    /// "Leave the replay?"
    LeaveReplay,
}
