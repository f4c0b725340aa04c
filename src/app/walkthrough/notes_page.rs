//! The page of a walkthrough's notes, which a second terminal shows to the speaker.

use serde::{Deserialize, Serialize};

use crate::{app::sanitized, domain::UnixMillis};

use super::script::Paragraph;

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
