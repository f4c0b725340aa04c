//! What the event loops run: the application itself, a recorder around it, or the player of a recording.

use std::time::Duration;

use crate::app::{App, Command, Message, Overlay};

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

    /// Time from the latest tick to the next one.
    fn pace(&self) -> Duration {
        self.app().tick_interval()
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
