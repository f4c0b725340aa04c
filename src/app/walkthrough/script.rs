//! A walkthrough as data: what the room reads, what is played, what only the speaker reads.

use serde::{Deserialize, Serialize};

use crate::{domain::sanitize, scenario::Scenario};

/// The most panels that a step shows: more cannot be looked at while somebody speaks.
pub const MOST_PANELS: usize = 3;

/// The longest piece of text.
pub(super) const LONGEST: usize = 2_000;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Script {
    pub title: String,
    pub steps: Vec<Step>,
}

/// One step: what the room reads, what is played, and what is said to it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Step {
    pub title: String,
    pub scenario: Option<Scenario>,
    pub panels: Vec<StepPanel>,
    pub text: Vec<Paragraph>,
    pub before: Vec<Paragraph>,
    pub after: Vec<Paragraph>,
    pub notes: Vec<Paragraph>,
}

impl Script {
    /// The same as it could have been read, where it comes from a recording.
    pub(in crate::app) fn cleaned(self) -> Self {
        let steps = self.steps.into_iter().map(Step::cleaned).collect();
        Self { title: sanitize(&self.title, LONGEST), steps }
    }
}

impl Step {
    fn cleaned(mut self) -> Self {
        self.panels.truncate(MOST_PANELS);
        let clean = |part: Vec<Paragraph>| part.into_iter().map(Paragraph::cleaned).collect();
        Self {
            title: sanitize(&self.title, LONGEST),
            scenario: self.scenario.map(Scenario::cleaned),
            panels: self.panels,
            text: clean(self.text),
            before: clean(self.before),
            after: clean(self.after),
            notes: clean(self.notes),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepPanel {
    Stock,
    Orders,
    Timeline,
    Effects,
}

impl StepPanel {
    pub const ALL: [Self; 4] = [Self::Stock, Self::Orders, Self::Timeline, Self::Effects];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stock => "stock",
            Self::Orders => "orders",
            Self::Timeline => "timeline",
            Self::Effects => "effects",
        }
    }
}

/// Text between two blank lines.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Paragraph {
    /// One of a list.
    pub bullet: bool,
    pub pieces: Vec<Piece>,
}

/// Text of one kind. Sanitized.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    pub text: String,
    pub kind: PieceKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PieceKind {
    #[default]
    Plain,
    Strong,
    Code,
}

impl Paragraph {
    /// The same without its kinds.
    #[must_use]
    pub fn plain(&self) -> String {
        self.pieces.iter().map(|piece| piece.text.as_str()).collect()
    }

    /// Harmless to show, where it comes from a file.
    pub(in crate::app) fn cleaned(self) -> Self {
        let clean = |piece: Piece| Piece { text: sanitize(&piece.text, LONGEST), ..piece };
        Self { pieces: self.pieces.into_iter().map(clean).collect(), ..self }
    }
}
