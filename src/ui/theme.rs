//! The colours: the terminal's own 16, never black or white, so that dark and light backgrounds both work. Yellow is
//! not used: it is unreadable on white. Glyphs and words always say the same as a colour.

use ratatui::style::{Color, Modifier, Style};

pub const PLAIN: Style = Style::new();
pub const BOLD: Style = Style::new().add_modifier(Modifier::BOLD);
pub const FAINT: Style = Style::new().add_modifier(Modifier::DIM);
pub const GOOD: Style = Style::new().fg(Color::Green);
pub const BAD: Style = Style::new().fg(Color::Red);
/// An indefinite failure, and configured faults.
pub const WARN: Style = Style::new().fg(Color::Magenta);
/// Recognised by the ledger.
pub const KNOWN: Style = Style::new().fg(Color::Cyan);

/// A block of colour, visible from a distance.
#[must_use]
pub const fn badge(style: Style) -> Style {
    style.add_modifier(Modifier::BOLD).add_modifier(Modifier::REVERSED)
}
