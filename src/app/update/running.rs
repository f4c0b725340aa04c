//! Runs of scenarios: begun, advanced after every message, and their requests carried out.

use crate::{
    app::{
        App,
        command::Command,
        notice::Tone,
        scenario_run::{Noted, Request, ScenarioRun, initial_stock::InitialStock},
    },
    scenario::Scenario,
};

impl App {
    /// Begins a scenario in place of the one before. Orders are sent under its guard, plan, seed and retry policy from now
    /// on, and the screen says so.
    pub(in crate::app) fn begin_run(&mut self, scenario: Scenario, initial_stock: InitialStock) -> Vec<Command> {
        self.composer.set_guard(scenario.guard);
        self.composer.set_plan(scenario.faults.clone());
        (self.options.seed, self.options.retry) = (scenario.seed, scenario.retry);
        self.view.reset_focus();
        self.resume();
        let (run, requests) = ScenarioRun::begin(scenario, initial_stock, self.mode.run(), &self.facts());
        self.mode.set_run(run);
        self.carry_out(requests)
    }

    /// Lets the run record a message, after the state has applied it, and advances the run.
    pub(super) fn advance_run(&mut self, noted: Option<&Noted>) -> Vec<Command> {
        let now = self.now;
        if let (Some(run), Some(noted)) = (self.mode.run_mut(), noted) {
            run.note(noted, now);
        }
        // What is queued behind a frozen screen has not happened yet.
        if self.view.freeze().is_frozen() {
            return Vec::new();
        }
        let mut mode = std::mem::take(&mut self.mode);
        let requests = mode.run_mut().map(|run| run.advance(&self.facts())).unwrap_or_default();
        self.mode = mode;
        self.carry_out(requests)
    }

    fn carry_out(&mut self, requests: Vec<Request>) -> Vec<Command> {
        let mut commands = Vec::with_capacity(requests.len());
        for request in requests {
            match request {
                Request::Send(order) => commands.extend(self.send(*order)),
                Request::ResetStock => {
                    self.journal.earlier.resets = true;
                    commands.push(Command::Reset);
                }
                Request::Command(command) => commands.push(command),
                Request::Complain(text) => self.notify(&text, Tone::Bad),
            }
        }
        commands
    }
}
