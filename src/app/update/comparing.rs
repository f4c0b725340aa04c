//! Comparisons of guards and of supplier policies.

use crate::app::{App, command::Command, intent::Overlay, subject::Subject};

impl App {
    /// What the comparison on the screen compares; without one, the guards.
    pub(super) fn compared(&self) -> Subject {
        self.comparison().map(|comparison| comparison.terms().subject).unwrap_or_default()
    }

    /// Shows a new comparison, or says why there is none.
    pub(super) fn compare(&mut self, subject: Subject, interleaved: bool) -> Vec<Command> {
        let commands = self.begin_comparison(subject, interleaved);
        if !commands.is_empty() {
            self.view.show(Overlay::Compare(subject));
        }
        commands
    }

    /// Begins a comparison in place of the one before. No command: it was refused, and a notice says why.
    pub fn begin_comparison(&mut self, subject: Subject, interleaved: bool) -> Vec<Command> {
        if !self.connections.is_up() {
            return self.refuse("not connected to a Temporal server: nothing can be compared");
        }
        if !self.options.faults_allowed {
            return self
                .refuse("this server is not on loopback: a comparison injects faults; --remote-faults allows that");
        }
        let terms = self.comparisons.begin(subject, interleaved, self.composer.plan(), self.options.seed);
        vec![Command::Compare(terms)]
    }

    /// Ends the comparison and forgets it.
    pub fn end_comparison(&mut self) -> Vec<Command> {
        if self.comparisons.end() { vec![Command::EndComparison] } else { Vec::new() }
    }
}
