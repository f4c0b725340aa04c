//! What the session is for, with its data.

use super::{
    scenario_run::ScenarioRun,
    walkthrough::{NotesPage, Walkthrough},
};

/// The mode of a session.
#[derive(Debug, Clone, Default)]
pub enum Mode {
    /// Keys send orders.
    #[default]
    Dashboard,
    /// A scenario runs.
    Scenario(Box<ScenarioRun>),
    /// A walkthrough runs the scenarios of its steps.
    Walkthrough(Box<Walkthrough>),
    /// The notes of a walkthrough in another terminal; `None` until it has sent a page, and after its end.
    Notes(Option<Box<NotesPage>>),
    /// Executions of any workflow are watched. There are no orders.
    Watch,
}

impl Mode {
    /// The scenario that runs, or ran last.
    #[must_use]
    pub fn run(&self) -> Option<&ScenarioRun> {
        match self {
            Self::Scenario(run) => Some(run),
            Self::Walkthrough(walkthrough) => walkthrough.run(),
            Self::Dashboard | Self::Notes(_) | Self::Watch => None,
        }
    }

    /// The same, to advance it.
    pub fn run_mut(&mut self) -> Option<&mut ScenarioRun> {
        match self {
            Self::Scenario(run) => Some(run),
            Self::Walkthrough(walkthrough) => walkthrough.run_mut(),
            Self::Dashboard | Self::Notes(_) | Self::Watch => None,
        }
    }

    /// Replaces the run, in a walkthrough that of its step.
    pub fn set_run(&mut self, run: ScenarioRun) {
        match self {
            Self::Walkthrough(walkthrough) => walkthrough.set_run(run),
            Self::Dashboard | Self::Scenario(_) | Self::Notes(_) | Self::Watch => *self = Self::Scenario(Box::new(run)),
        }
    }

    /// The walkthrough.
    #[must_use]
    pub fn walkthrough(&self) -> Option<&Walkthrough> {
        if let Self::Walkthrough(walkthrough) = self { Some(walkthrough) } else { None }
    }

    /// The same, to change it.
    pub fn walkthrough_mut(&mut self) -> Option<&mut Walkthrough> {
        if let Self::Walkthrough(walkthrough) = self { Some(walkthrough) } else { None }
    }

    /// The page of a walkthrough's notes.
    #[must_use]
    pub fn notes(&self) -> Option<&NotesPage> {
        if let Self::Notes(page) = self { page.as_deref() } else { None }
    }

    /// Whether executions of any workflow are watched, and there are no orders.
    #[must_use]
    pub const fn is_watch(&self) -> bool {
        matches!(self, Self::Watch)
    }

    /// Replaces the page of a walkthrough's notes.
    pub fn set_notes(&mut self, page: Option<NotesPage>) {
        if let Self::Notes(shown) = self {
            *shown = page.map(|page| Box::new(page.cleaned()));
        }
    }
}
