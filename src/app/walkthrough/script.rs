//! A walkthrough as data: texts for the audience, scenarios to play, and speaker notes.

use serde::{Deserialize, Serialize};

use crate::{domain::sanitize, scenario::Scenario};

/// Maximum number of panels per step. The audience cannot follow more while the speaker talks.
pub const MAX_PANELS: usize = 3;

pub(super) const MAX_PIECE_CHARS: usize = 2_000;

/// The text of a walkthrough.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Script {
    /// Its title.
    pub title: String,
    /// Its steps.
    pub steps: Vec<Step>,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Step {
    /// Its title.
    pub title: String,
    /// The scenario that it plays.
    pub scenario: Option<Scenario>,
    /// The panels beside its text.
    pub panels: Vec<StepPanel>,
    /// The text for the audience.
    pub text: Vec<Paragraph>,
    /// The text on what is about to happen; shown until the step has been played.
    pub before: Vec<Paragraph>,
    /// The text on what has happened; shown after the step was played.
    pub after: Vec<Paragraph>,
    /// The speaker's notes.
    pub notes: Vec<Paragraph>,
}

impl Script {
    /// Returns a script from a recording with sanitised texts, within the limits that apply to a file.
    pub(in crate::app) fn cleaned(self) -> Self {
        let steps = self.steps.into_iter().map(Step::cleaned).collect();
        Self { title: sanitize(&self.title, MAX_PIECE_CHARS), steps }
    }
}

impl Step {
    fn cleaned(mut self) -> Self {
        self.panels.truncate(MAX_PANELS);
        let clean = |part: Vec<Paragraph>| part.into_iter().map(Paragraph::cleaned).collect();
        Self {
            title: sanitize(&self.title, MAX_PIECE_CHARS),
            scenario: self.scenario.map(Scenario::cleaned),
            panels: self.panels,
            text: clean(self.text),
            before: clean(self.before),
            after: clean(self.after),
            notes: clean(self.notes),
        }
    }
}

/// A panel that a step can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepPanel {
    /// The stock and its verdict.
    Stock,
    /// The list of orders.
    Orders,
    /// The timeline of the newest order.
    Timeline,
    /// The effects on the stock.
    Effects,
    /// The shipments of the supplier.
    Supplier,
}

impl StepPanel {
    /// All panels.
    pub const ALL: [Self; 5] = [Self::Stock, Self::Orders, Self::Timeline, Self::Effects, Self::Supplier];

    /// Returns the name in the file of a walkthrough.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stock => "stock",
            Self::Orders => "orders",
            Self::Timeline => "timeline",
            Self::Effects => "effects",
            Self::Supplier => "supplier",
        }
    }
}

/// Text between two blank lines, or an item of a list.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Paragraph {
    /// Whether it is an item of a list.
    pub bullet: bool,
    /// Its text, by kind.
    pub pieces: Vec<Piece>,
}

/// Text of one kind. Sanitized.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// The text.
    pub text: String,
    /// Its kind.
    pub kind: PieceKind,
}

/// The kind of a piece of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PieceKind {
    /// Plain text.
    #[default]
    Plain,
    /// Emphasised text.
    Strong,
    /// Code.
    Code,
}

impl Paragraph {
    /// Returns the text without formatting.
    #[must_use]
    pub fn plain(&self) -> String {
        self.pieces.iter().map(|piece| piece.text.as_str()).collect()
    }

    /// Returns the paragraph with sanitised text.
    pub(in crate::app) fn cleaned(self) -> Self {
        let clean = |piece: Piece| Piece { text: sanitize(&piece.text, MAX_PIECE_CHARS), ..piece };
        Self { pieces: self.pieces.into_iter().map(clean).collect(), ..self }
    }
}
