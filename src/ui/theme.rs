//! The colours: the terminal's own 16 except black and white, so that dark and light backgrounds both work, and except
//! yellow, which is unreadable on white. A glyph or a word always says the same as a colour.

use ratatui::style::{Color, Modifier, Style};

/// Ordinary text.
pub const PLAIN: Style = Style::new();
/// Important text.
pub const BOLD: Style = Style::new().add_modifier(Modifier::BOLD);
/// Labels and other secondary text.
pub const FAINT: Style = Style::new().add_modifier(Modifier::DIM);
/// A right result.
pub const GOOD: Style = Style::new().fg(Color::Green);
/// A wrong result, a definite failure or a broken connection.
pub const BAD: Style = Style::new().fg(Color::Red);
/// An indefinite failure, or configured faults.
pub const WARN: Style = Style::new().fg(Color::Magenta);
/// An effect that the ledger recognised.
pub const KNOWN: Style = Style::new().fg(Color::Cyan);

/// Returns the style of a block of colour, which is visible from a distance.
#[must_use]
pub const fn badge(style: Style) -> Style {
    style.add_modifier(Modifier::BOLD).add_modifier(Modifier::REVERSED)
}
