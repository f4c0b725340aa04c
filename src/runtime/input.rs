//! What the events of a terminal are to the event loop.

use std::time::Instant;

use crossterm::event::{Event, KeyEvent};

/// One thing that came from the terminal.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    Key(Press),
    /// Keys that came faster than anybody types: a paste without brackets, or a script.
    Burst(Vec<Press>),
    /// Mouse, size, focus, or a paste in brackets.
    Event(Event),
    Reply(Reply),
}

/// A key, as text and as a command.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Press {
    /// With the keyboard's layout and Caps Lock: what goes into a line.
    pub typed: KeyEvent,
    /// The same place on a Latin layout without Caps Lock, if the terminal reports it; else as `typed`.
    pub command: KeyEvent,
    pub at: Instant,
}

/// The terminal's answer to a question of this program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// It knows the kitty keyboard protocol.
    Keyboard,
    /// The column of the cursor after the probe, from 1.
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
