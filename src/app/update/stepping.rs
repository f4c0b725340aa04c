//! The keys of a walkthrough.

use crate::app::{
    App,
    command::Command,
    intent::Overlay,
    notice::Tone,
    scenario_run::initial_stock::InitialStock,
    walkthrough::{Next, Play, Walkthrough},
};

impl App {
    /// Shows the walkthrough of this session, or requests one on a database of its own.
    pub(super) fn show_walkthrough(&mut self) -> Vec<Command> {
        if self.walkthrough().is_none() {
            return vec![Command::Walkthrough];
        }
        self.view.set_base(Overlay::Walkthrough);
        self.log.clear_advice();
        self.view.show(Overlay::Walkthrough);
        Vec::new()
    }

    /// The one key: plays the step, and turns to the next once it was seen.
    pub(super) fn go_on(&mut self) -> Vec<Command> {
        let now = self.now;
        let Some(walkthrough) = self.mode.walkthrough_mut() else { return Vec::new() };
        match walkthrough.go_on(now) {
            Next::Play => return self.play_step(),
            Next::Turned => return self.prepare_step(),
            Next::Playing => self.notify("still playing; press s to skip", Tone::Plain),
            Next::AtEnd => {
                let quits = if self.options.above_dashboard { "returns to the dashboard" } else { "quits" };
                self.notify(&format!("this is the end; press ← to go back, q {quits}"), Tone::Plain);
            }
        }
        Vec::new()
    }

    /// Turns to the step before.
    pub(super) fn go_back(&mut self) {
        self.log.clear_advice();
        let now = self.now;
        if let Some(walkthrough) = self.mode.walkthrough_mut() {
            walkthrough.go_back(now);
        }
    }

    /// Turns to the next step without playing this one.
    pub(super) fn skip_step(&mut self) -> Vec<Command> {
        self.log.clear_advice();
        let now = self.now;
        let Some(walkthrough) = self.mode.walkthrough_mut() else { return Vec::new() };
        walkthrough.skip(now);
        self.prepare_step()
    }

    /// Resets the stock for a step that waits for its key, so that its panels show where it begins.
    fn prepare_step(&mut self) -> Vec<Command> {
        let scenario = self.mode.walkthrough_mut().and_then(Walkthrough::prepare);
        let Some(scenario) = scenario else { return Vec::new() };
        let commands = self.begin_run(scenario, InitialStock::Reset);
        if let Some(run) = self.mode.run_mut() {
            run.hold();
        }
        commands
    }

    /// Plays the step on the screen from the starting stock, also once more.
    pub(super) fn play_step(&mut self) -> Vec<Command> {
        self.log.clear_advice();
        let untouched = self.scenario_run().is_none() && self.is_untouched();
        let initial_stock = if untouched { InitialStock::Fresh } else { InitialStock::Reset };
        let Some(walkthrough) = self.mode.walkthrough_mut() else { return Vec::new() };
        match walkthrough.play() {
            Play::Nothing => self.refuse("this step has nothing to play"),
            Play::Released => Vec::new(),
            Play::Begin(scenario) => self.begin_run(*scenario, initial_stock),
        }
    }

    /// Lets the walkthrough record the end of its step, and sends the page of notes if it has changed.
    pub(super) fn follow_steps(&mut self) -> Vec<Command> {
        let page = self.mode.walkthrough_mut().and_then(Walkthrough::follow);
        page.map(Command::Present).into_iter().collect()
    }
}
