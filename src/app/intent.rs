//! What a person can ask for. The key that asks for it is the business of `keymap` alone.

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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
    NextGuard,
    KillWorker,
    ToggleWorker,
    AskReset,
    Freeze,
    Help,
    /// Leaves an overlay.
    Close,
    Yes,
    No,
    Quit,
    Select(Move),
}

/// A step through the list of orders, newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Move {
    Up,
    Down,
    First,
    Last,
    HalfPageUp,
    HalfPageDown,
}

/// What lies over the dashboard, and so which keys count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Overlay {
    #[default]
    None,
    Help,
    /// "Put the starting stock back?"
    ConfirmReset,
}
