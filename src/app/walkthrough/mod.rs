//! A walkthrough: a presentation in steps, one key per step. A step runs its scenario. The text about what happened is
//! shown only if the result passes the checks.

mod notes_page;
mod reading;
pub(super) mod script;

use crate::{domain::UnixMillis, scenario::Scenario};

use super::scenario_run::{CheckResult, RunCounts, RunState, ScenarioRun};

pub use notes_page::NotesPage;
pub use reading::parse;
pub use script::{Paragraph, Piece, PieceKind, Script, Step, StepPanel};

/// The state of a step.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum StepState {
    /// Its text is on the screen, and the next key plays it.
    #[default]
    Ready,
    /// Its scenario runs.
    Playing,
    /// It was played; this is the result.
    Played(CheckResult),
    /// It did not end; this is the reason.
    Abandoned(String),
    /// It was skipped.
    Skipped,
    /// It has no scenario and was shown.
    Read,
}

impl StepState {
    /// Whether its checks passed; `None` if nothing was played.
    #[must_use]
    pub fn passed(&self) -> Option<bool> {
        match self {
            Self::Played(judged) => Some(judged.passed()),
            Self::Abandoned(_) => Some(false),
            Self::Ready | Self::Playing | Self::Skipped | Self::Read => None,
        }
    }
}

/// A walkthrough and its progress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Walkthrough {
    script: Script,
    /// The step on the screen; after the last one, the summary.
    at: usize,
    states: Vec<StepState>,
    /// The step whose scenario runs.
    playing: Option<usize>,
    /// The step whose scenario was started last. The orders on the screen belong to it.
    last_begun: Option<usize>,
    /// The run of that scenario.
    run: Option<Box<ScenarioRun>>,
    begun: UnixMillis,
    /// The time at which the step came onto the screen.
    since: UnixMillis,
    /// The latest page of notes: its step, the time above, and the state in words.
    presented: Option<(usize, UnixMillis, &'static str)>,
}

impl Walkthrough {
    /// Returns a walkthrough at its first step.
    #[must_use]
    pub fn new(script: Script, now: UnixMillis) -> Self {
        let states = vec![StepState::default(); script.steps.len()];
        Self {
            script,
            at: 0,
            states,
            playing: None,
            last_begun: None,
            run: None,
            begun: now,
            since: now,
            presented: None,
        }
    }

    /// Returns the title.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.script.title
    }

    /// Returns the step on the screen and its state; `None` means the summary.
    #[must_use]
    pub fn step(&self) -> Option<(&Step, &StepState)> {
        self.script.steps.get(self.at).zip(self.states.get(self.at))
    }

    /// Whether the orders on the screen belong to the step on the screen: no step was played yet, or this one was
    /// played last.
    #[must_use]
    pub fn owns_orders(&self) -> bool {
        self.last_begun.is_none_or(|step| step == self.at)
    }

    /// Returns the number of steps whose scenario has not ended.
    #[must_use]
    pub fn unseen(&self) -> usize {
        self.steps().filter(|(step, state)| step.scenario.is_some() && state.passed().is_none()).count()
    }

    /// Returns the index of the step on the screen, and the number of steps.
    #[must_use]
    pub fn position(&self) -> (usize, usize) {
        (self.at, self.script.steps.len())
    }

    /// Returns all steps with their states.
    pub fn steps(&self) -> impl Iterator<Item = (&Step, &StepState)> {
        self.script.steps.iter().zip(&self.states)
    }

    /// Returns the time of the start.
    #[must_use]
    pub const fn begun(&self) -> UnixMillis {
        self.begun
    }

    /// The time at which the step came onto the screen.
    #[must_use]
    pub const fn since(&self) -> UnixMillis {
        self.since
    }

    /// Returns the sums over all played steps, and whether all passed; `None` if none was played. The stock is not
    /// summed.
    #[must_use]
    pub fn counts(&self) -> Option<(RunCounts, bool)> {
        let mut sum = None;
        for state in &self.states {
            let Some(holds) = state.passed() else { continue };
            let (counts, all): &mut (RunCounts, bool) = sum.get_or_insert((RunCounts::default(), true));
            *all &= holds;
            if let StepState::Played(judged) = state {
                counts.add(&judged.counts);
            }
        }
        sum
    }

    /// Returns the run of the scenario that was started last.
    #[must_use]
    pub fn run(&self) -> Option<&ScenarioRun> {
        self.run.as_deref()
    }

    /// Returns the run of the scenario that was started last, to advance it.
    pub fn run_mut(&mut self) -> Option<&mut ScenarioRun> {
        self.run.as_deref_mut()
    }

    /// Replaces the run.
    pub fn set_run(&mut self, run: ScenarioRun) {
        self.run = Some(Box::new(run));
    }

    /// Applies the key that continues: it plays the step or, if the step has ended, goes to the next one.
    pub fn go_on(&mut self, now: UnixMillis) -> Next {
        let at = self.at;
        let has_scenario = self.script.steps.get(at).is_some_and(|step| step.scenario.is_some());
        match self.states.get_mut(at) {
            None => Next::AtEnd,
            Some(StepState::Ready) if has_scenario => Next::Play,
            Some(StepState::Playing) => Next::Playing,
            Some(state) => {
                if *state == StepState::Ready {
                    *state = StepState::Read;
                }
                self.turn_to(at.saturating_add(1), now);
                Next::Turned
            }
        }
    }

    /// Goes to the previous step.
    pub fn go_back(&mut self, now: UnixMillis) {
        self.turn_to(self.at.saturating_sub(1), now);
    }

    /// Goes to the next step without playing this one.
    pub fn skip(&mut self, now: UnixMillis) {
        let at = self.at;
        self.playing.take_if(|playing| *playing == at);
        let state = self.states.get_mut(at);
        if let Some(state) = state.filter(|state| matches!(state, StepState::Ready | StepState::Playing)) {
            *state = StepState::Skipped;
        }
        self.turn_to(at.saturating_add(1), now);
    }

    /// Returns the scenario of a step that waits for its key, if its stock can be prepared for the panels: a run came
    /// before, and none is playing.
    pub fn prepare(&mut self) -> Option<Scenario> {
        let waits = self.states.get(self.at) == Some(&StepState::Ready) && self.playing.is_none();
        let scenario = self.script.steps.get(self.at)?.scenario.clone()?;
        if !waits || self.run.is_none() {
            return None;
        }
        self.last_begun = Some(self.at);
        Some(scenario)
    }

    /// Starts to play the step on the screen, possibly again.
    pub fn play(&mut self) -> Play {
        let Some(scenario) = self.script.steps.get(self.at).and_then(|step| step.scenario.clone()) else {
            return Play::Nothing;
        };
        let is_prepared = self.last_begun.replace(self.at) == Some(self.at);
        // An interrupted step shows its text again and waits for its key.
        if let Some(interrupted) = self.playing.replace(self.at)
            && let Some(state) = self.states.get_mut(interrupted)
        {
            *state = StepState::Ready;
        }
        if let Some(state) = self.states.get_mut(self.at) {
            *state = StepState::Playing;
        }
        if is_prepared && self.run_mut().is_some_and(ScenarioRun::release) {
            return Play::Released;
        }
        Play::Begin(Box::new(scenario))
    }

    /// Records the end of a step's run. Returns the page for the speaker's screen if it has changed.
    pub fn follow(&mut self) -> Option<NotesPage> {
        let part = self.run.as_deref().filter(|_| self.playing.is_some()).map(ScenarioRun::state);
        let ended = match part {
            Some(RunState::Finished(judged)) => Some(StepState::Played(judged.clone())),
            Some(RunState::Abandoned(why)) => Some(StepState::Abandoned(why.clone())),
            _ => None,
        };
        if let Some(ended) = ended
            && let Some(at) = self.playing.take()
            && let Some(state) = self.states.get_mut(at)
        {
            *state = ended;
        }
        let now = Some((self.at, self.since, self.state_text()));
        if self.presented == now {
            return None;
        }
        self.presented = now;
        Some(self.page())
    }

    fn turn_to(&mut self, at: usize, now: UnixMillis) {
        (self.at, self.since) = (at.min(self.script.steps.len()), now);
    }

    /// Returns the state of the step in words, for the speaker.
    fn state_text(&self) -> &'static str {
        let step = self.script.steps.get(self.at);
        match self.states.get(self.at) {
            Some(StepState::Ready) if step.is_some_and(|step| step.scenario.is_some()) => {
                "The next key plays this step."
            }
            Some(StepState::Playing) => "Still playing. Press s to skip.",
            Some(StepState::Abandoned(_)) => "The step did not finish.",
            Some(state) if state.passed() == Some(false) => {
                "NOT as described. Press r to play the step again, or → to continue."
            }
            Some(_) => "The next key goes to the next step.",
            None => "This is the end.",
        }
    }

    /// Returns the page of notes for the step on the screen.
    fn page(&self) -> NotesPage {
        let title = |at: usize| self.script.steps.get(at).map(|step| step.title.clone());
        let step = self.script.steps.get(self.at);
        NotesPage {
            walkthrough: self.script.title.clone(),
            position: self.position(),
            title: title(self.at).unwrap_or_else(|| "Summary".to_owned()),
            next: title(self.at.saturating_add(1)),
            stands: self.state_text().to_owned(),
            notes: step.map_or_else(Vec::new, |step| step.notes.clone()),
            begun: self.begun,
            since: self.since,
        }
    }
}

/// The result of the key that continues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// The step is to be played.
    Play,
    /// The next step is on the screen; its stock may be prepared.
    Turned,
    /// Nothing: the step is playing.
    Playing,
    /// Nothing: the summary is the last page.
    AtEnd,
}

/// The way in which the step on the screen starts to play.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Play {
    /// Its run was prepared and now continues.
    Released,
    /// A run of this scenario must be started.
    Begin(Box<Scenario>),
    /// It has nothing to play.
    Nothing,
}
