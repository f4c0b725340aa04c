//! Input from the terminal, as the event loop receives it.

use std::time::Instant;

use crossterm::event::{Event, KeyEvent};

/// One event from the terminal.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// A single key.
    Key(Press),
    /// Keys that arrived faster than a person types: a paste without brackets, or a script.
    Burst(Vec<Press>),
    /// Mouse, size, focus, or a bracketed paste.
    Event(Event),
    /// Answer to a query by this program.
    Reply(Reply),
}

/// A key, as text and as a command.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Press {
    /// The key on the keyboard's layout with Caps Lock applied: the text for a line.
    pub typed: KeyEvent,
    /// The same key on a Latin layout without Caps Lock if the terminal reports it, otherwise equal to `typed`.
    pub command: KeyEvent,
    /// Time at which the key was read.
    pub at: Instant,
}

/// The terminal's answer to a query by this program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// The terminal supports the kitty keyboard protocol.
    Keyboard,
    /// The cursor's column after the width probe, counted from 1.
    Column(u16),
}

impl From<KeyEvent> for Press {
    fn from(key: KeyEvent) -> Self {
        Self { typed: key, command: key, at: Instant::now() }
    }
}

impl From<Event> for Input {
    fn from(event: Event) -> Self {
        match event {
            Event::Key(key) => Self::Key(key.into()),
            event => Self::Event(event),
        }
    }
}
