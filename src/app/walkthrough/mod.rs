//! A walkthrough: steps that are told, played and checked, one key for each. What a step shows is played for real, and
//! what was seen is only said where it was.

mod reading;
mod script;

use serde::{Deserialize, Serialize};

use crate::domain::UnixMillis;

use super::{App, Beginning, Command, Figures, Judged, Overlay, Part, Tone, orders::ingest};

pub use reading::parse;
pub use script::{Paragraph, Piece, PieceKind, Script, Step, StepPanel};

/// Where a step stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum StepState {
    /// Its text is on the screen; the next key plays it.
    #[default]
    Told,
    Playing,
    /// It was played to its end.
    Seen(Judged),
    /// It came to no end.
    GivenUp(String),
    Skipped,
    /// It has nothing to play, and was read.
    Read,
}

impl StepState {
    /// Whether it happened as the text says; `None` where nothing was played.
    #[must_use]
    pub fn holds(&self) -> Option<bool> {
        match self {
            Self::Seen(judged) => Some(judged.holds()),
            Self::GivenUp(_) => Some(false),
            Self::Told | Self::Playing | Self::Skipped | Self::Read => None,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Walkthrough {
    script: Script,
    /// The step on the screen; behind the last one, the summary.
    at: usize,
    states: Vec<StepState>,
    /// The step whose scenario is being played.
    playing: Option<usize>,
    /// The step whose scenario was begun last: what is on the stage is its.
    on_stage: Option<usize>,
    begun: UnixMillis,
    /// When the step came onto the screen.
    since: UnixMillis,
    /// Of what the speaker's screen was told last: the step, since when, and where it stands.
    presented: Option<(usize, UnixMillis, &'static str)>,
}

impl Walkthrough {
    #[must_use]
    pub fn new(script: Script, now: UnixMillis) -> Self {
        let states = vec![StepState::default(); script.steps.len()];
        Self { script, at: 0, states, playing: None, on_stage: None, begun: now, since: now, presented: None }
    }

    #[must_use]
    pub fn title(&self) -> &str {
        &self.script.title
    }

    /// The step on the screen and where it stands; `None`: the summary.
    #[must_use]
    pub fn step(&self) -> Option<(&Step, &StepState)> {
        self.script.steps.get(self.at).zip(self.states.get(self.at))
    }

    /// Whether what is on the stage is what the step on the screen is about: nothing was played yet, or this one last.
    #[must_use]
    pub fn has_the_stage(&self) -> bool {
        self.on_stage.is_none_or(|step| step == self.at)
    }

    /// How many steps have something to play that was not seen.
    #[must_use]
    pub fn unseen(&self) -> usize {
        self.steps().filter(|(step, state)| step.scenario.is_some() && state.holds().is_none()).count()
    }

    /// The number of the step from 0, and how many there are.
    #[must_use]
    pub fn position(&self) -> (usize, usize) {
        (self.at, self.script.steps.len())
    }

    /// All steps, each with where it stands.
    pub fn steps(&self) -> impl Iterator<Item = (&Step, &StepState)> {
        self.script.steps.iter().zip(&self.states)
    }

    #[must_use]
    pub const fn begun(&self) -> UnixMillis {
        self.begun
    }

    #[must_use]
    pub const fn since(&self) -> UnixMillis {
        self.since
    }

    /// What all steps that were played add up to, but for the stock, and whether all was as the text says. `None` where
    /// nothing was played.
    #[must_use]
    pub fn figures(&self) -> Option<(Figures, bool)> {
        let mut sum = None;
        for state in &self.states {
            let Some(holds) = state.holds() else { continue };
            let (figures, all): &mut (Figures, bool) = sum.get_or_insert((Figures::default(), true));
            *all &= holds;
            if let StepState::Seen(judged) = state {
                figures.add(&judged.figures);
            }
        }
        sum
    }

    fn turn_to(&mut self, at: usize, now: UnixMillis) {
        (self.at, self.since) = (at.min(self.script.steps.len()), now);
    }

    fn state(&mut self) -> Option<&mut StepState> {
        self.states.get_mut(self.at)
    }

    /// Where the step on the screen stands, in words for the speaker.
    fn stands(&self) -> &'static str {
        let step = self.script.steps.get(self.at);
        match self.states.get(self.at) {
            Some(StepState::Told) if step.is_some_and(|step| step.scenario.is_some()) => "the next key plays it",
            Some(StepState::Playing) => "it is being played",
            Some(StepState::GivenUp(_)) => "it came to no end",
            Some(state) if state.holds() == Some(false) => "NOT as the text says: repeat it, or go on",
            Some(_) => "the next key goes on",
            None => "the end",
        }
    }

    /// What the speaker's own screen shows now.
    fn page(&self) -> NotesPage {
        let title = |at: usize| self.script.steps.get(at).map(|step| step.title.clone());
        let step = self.script.steps.get(self.at);
        NotesPage {
            walkthrough: self.script.title.clone(),
            position: self.position(),
            title: title(self.at).unwrap_or_else(|| "Summary".to_owned()),
            next: title(self.at.saturating_add(1)),
            stands: self.stands().to_owned(),
            notes: step.map_or_else(Vec::new, |step| step.notes.clone()),
            begun: self.begun,
            since: self.since,
        }
    }
}

/// What the speaker reads on a second terminal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotesPage {
    pub walkthrough: String,
    /// The number of the step from 0, and how many there are.
    pub position: (usize, usize),
    pub title: String,
    /// What comes after it; `None` where nothing does.
    pub next: Option<String>,
    /// Where the step stands, in words.
    pub stands: String,
    pub notes: Vec<Paragraph>,
    pub begun: UnixMillis,
    pub since: UnixMillis,
}

impl NotesPage {
    /// Harmless to show: it comes from a file.
    pub(super) fn cleaned(self) -> Self {
        let clean = |text: String| ingest::text(&text);
        Self {
            walkthrough: clean(self.walkthrough),
            title: clean(self.title),
            next: self.next.map(clean),
            stands: clean(self.stands),
            notes: self.notes.into_iter().map(Paragraph::cleaned).collect(),
            ..self
        }
    }
}

impl App {
    /// The walkthrough, where there is one.
    #[must_use]
    pub fn walkthrough(&self) -> Option<&Walkthrough> {
        self.walkthrough.as_deref()
    }

    /// What a walkthrough elsewhere has for its speaker.
    #[must_use]
    pub fn notes(&self) -> Option<&NotesPage> {
        self.notes.as_deref()
    }

    /// Shows the walkthrough of this session, or begins one on a stage of its own.
    pub(super) fn walk_through(&mut self) -> Vec<Command> {
        if self.walkthrough.is_none() {
            return vec![Command::Walkthrough];
        }
        self.base = Overlay::Walkthrough;
        self.clear_advice();
        self.show(self.base);
        Vec::new()
    }

    /// The one key: plays the step, and once it was seen, turns to the next.
    pub(super) fn go_on(&mut self) -> Vec<Command> {
        let now = self.now;
        let Some(walkthrough) = &mut self.walkthrough else { return Vec::new() };
        let at = walkthrough.at;
        let has_scenario = walkthrough.script.steps.get(at).is_some_and(|step| step.scenario.is_some());
        match walkthrough.state() {
            None => {
                let quits = if self.setup.above_dashboard { "returns to the dashboard" } else { "quits" };
                self.notify(&format!("this is the end; the arrow to the left goes back, q {quits}"), Tone::Plain);
            }
            Some(StepState::Told) if has_scenario => return self.play_step(),
            Some(StepState::Playing) => self.notify("it is being played; s skips the rest of it", Tone::Plain),
            Some(state) => {
                if *state == StepState::Told {
                    *state = StepState::Read;
                }
                walkthrough.turn_to(at.saturating_add(1), now);
                return self.prepare_step();
            }
        }
        Vec::new()
    }

    /// To the step before.
    pub(super) fn go_back(&mut self) -> Vec<Command> {
        self.clear_advice();
        let now = self.now;
        if let Some(walkthrough) = &mut self.walkthrough {
            walkthrough.turn_to(walkthrough.at.saturating_sub(1), now);
        }
        Vec::new()
    }

    /// To the next step, without playing this one.
    pub(super) fn skip_step(&mut self) -> Vec<Command> {
        self.clear_advice();
        let now = self.now;
        let Some(walkthrough) = &mut self.walkthrough else { return Vec::new() };
        let at = walkthrough.at;
        walkthrough.playing.take_if(|playing| *playing == at);
        if let Some(state) = walkthrough.state().filter(|state| matches!(state, StepState::Told | StepState::Playing)) {
            *state = StepState::Skipped;
        }
        walkthrough.turn_to(at.saturating_add(1), now);
        self.prepare_step()
    }

    /// Puts the starting stock back for a step that waits for its key, so that its panels show where it begins.
    fn prepare_step(&mut self) -> Vec<Command> {
        let Some(walkthrough) = &mut self.walkthrough else { return Vec::new() };
        let at = walkthrough.at;
        let waits = walkthrough.states.get(at) == Some(&StepState::Told) && walkthrough.playing.is_none();
        let scenario = walkthrough.script.steps.get(at).and_then(|step| step.scenario.clone());
        let Some(scenario) = scenario.filter(|_| waits && self.performance.is_some()) else { return Vec::new() };
        walkthrough.on_stage = Some(at);
        let commands = self.begin_performance(scenario, Beginning::Anew);
        if let Some(performance) = &mut self.performance {
            performance.hold();
        }
        commands
    }

    /// Nothing was ordered on the starting stock yet.
    #[must_use]
    pub fn is_untouched(&self) -> bool {
        self.orders.is_empty() && self.account.audit.seq <= 1
    }

    /// Plays the step on the screen, from a fresh stock; also once more.
    pub(super) fn play_step(&mut self) -> Vec<Command> {
        self.clear_advice();
        let untouched = self.performance.is_none() && self.is_untouched();
        let beginning = if untouched { Beginning::Fresh } else { Beginning::Anew };
        let Some(walkthrough) = &mut self.walkthrough else { return Vec::new() };
        let at = walkthrough.at;
        let Some(scenario) = walkthrough.script.steps.get(at).and_then(|step| step.scenario.clone()) else {
            return self.refuse("this step has nothing to play");
        };
        let is_prepared = walkthrough.on_stage.replace(at) == Some(at);
        // One that is interrupted begins with its text again.
        if let Some(interrupted) = walkthrough.playing.replace(at)
            && let Some(state) = walkthrough.states.get_mut(interrupted)
        {
            *state = StepState::Told;
        }
        if let Some(state) = walkthrough.state() {
            *state = StepState::Playing;
        }
        if is_prepared && self.performance.as_mut().is_some_and(|performance| performance.release()) {
            return Vec::new();
        }
        self.begin_performance(scenario, beginning)
    }

    /// Takes note of a step whose scenario is over, and tells the speaker's screen where things stand.
    pub(super) fn follow_steps(&mut self) -> Vec<Command> {
        let Some(walkthrough) = &mut self.walkthrough else { return Vec::new() };
        let part = self.performance.as_ref().filter(|_| walkthrough.playing.is_some()).map(|played| played.part());
        let seen = match part {
            Some(Part::Over(judged)) => Some(StepState::Seen(judged.clone())),
            Some(Part::GivenUp(why)) => Some(StepState::GivenUp(why.clone())),
            _ => None,
        };
        if let Some(seen) = seen
            && let Some(at) = walkthrough.playing.take()
            && let Some(state) = walkthrough.states.get_mut(at)
        {
            *state = seen;
        }
        let now = Some((walkthrough.at, walkthrough.since, walkthrough.stands()));
        if walkthrough.presented == now {
            return Vec::new();
        }
        walkthrough.presented = now;
        vec![Command::Present(walkthrough.page())]
    }
}
