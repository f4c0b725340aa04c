//! The page with the speaker notes of a walkthrough, which a second terminal shows.

use serde::{Deserialize, Serialize};

use crate::{app::sanitized, domain::UnixMillis};

use super::script::Paragraph;

/// The speaker notes for one step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotesPage {
    /// The title of the walkthrough.
    pub walkthrough: String,
    /// The index of the step, and the number of steps.
    pub position: (usize, usize),
    /// The title of the step.
    pub title: String,
    /// The title of the next step; `None` if there is none.
    pub next: Option<String>,
    /// The state of the step, in words.
    pub stands: String,
    /// The notes.
    pub notes: Vec<Paragraph>,
    /// The start of the walkthrough.
    pub begun: UnixMillis,
    /// The time since which the step has been on the screen.
    pub since: UnixMillis,
}

impl NotesPage {
    /// Returns the page with sanitised texts, because it comes from a file.
    pub(in crate::app) fn cleaned(self) -> Self {
        let clean = |text: String| sanitized::text(&text);
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
