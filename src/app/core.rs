//! What the event loops run: the application itself, a recorder around it, or the player of a recording.

use std::time::Duration;

use crate::app::{App, Command, Message, Overlay};

/// Time between two ticks: countdowns move, notices expire.
const TICK_INTERVAL: Duration = Duration::from_secs(1);

/// The same while something on the screen moves in tenths of a second.
const FAST_TICK_INTERVAL: Duration = Duration::from_millis(100);

/// A state that messages change and that can be drawn.
pub trait Core {
    /// The application to draw.
    fn app(&self) -> &App;

    /// Applies a message. Returns what to do for it.
    fn update(&mut self, message: Message) -> Vec<Command>;

    /// Whether the screen has changed since the last call, so that a frame is due.
    fn take_dirty(&mut self) -> bool;

    /// The overlay, which decides which keys are active.
    fn overlay(&self) -> Overlay {
        self.app().overlay()
    }

    /// Draws only ASCII from now on, because the terminal gives other symbols another width.
    fn use_ascii(&mut self);

    /// Time between two ticks.
    fn pace(&self) -> Duration {
        if self.app().wants_fast_ticks() { FAST_TICK_INTERVAL } else { TICK_INTERVAL }
    }
}

impl Core for App {
    fn app(&self) -> &App {
        self
    }

    fn update(&mut self, message: Message) -> Vec<Command> {
        Self::update(self, message)
    }

    fn take_dirty(&mut self) -> bool {
        Self::take_dirty(self)
    }

    fn use_ascii(&mut self) {
        self.view_mut().use_ascii();
    }
}
