//! The colours: the terminal's own 16, never black or white, so that dark and light backgrounds both work. Yellow is
//! left out: it is unreadable on white. No meaning rests on a colour alone; glyph and word say the same.

use ratatui::style::{Color, Modifier, Style};

pub const PLAIN: Style = Style::new();
pub const BOLD: Style = Style::new().add_modifier(Modifier::BOLD);
pub const FAINT: Style = Style::new().add_modifier(Modifier::DIM);
pub const GOOD: Style = Style::new().fg(Color::Green);
pub const BAD: Style = Style::new().fg(Color::Red);
/// A failure that leaves open what happened, and everything that is set up to go wrong.
pub const WARN: Style = Style::new().fg(Color::Magenta);
/// The ledger recognised it.
pub const KNOWN: Style = Style::new().fg(Color::Cyan);

/// A block of colour that is seen from the back of a room.
#[must_use]
pub const fn badge(style: Style) -> Style {
    style.add_modifier(Modifier::BOLD).add_modifier(Modifier::REVERSED)
}
