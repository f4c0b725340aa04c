//! What the event loops run: told what happens, it says what is to be done, and can be drawn.

use std::time::Duration;

use crate::app::{App, Command, Message, Overlay};

/// How often time itself is worth a look: countdowns tick, notices go.
const TICK: Duration = Duration::from_secs(1);

/// The same while something on the screen moves in tenths of a second.
const FAST_TICK: Duration = Duration::from_millis(100);

pub trait Core {
    /// What is drawn.
    fn app(&self) -> &App;

    /// Takes a message in, and says what is to be done about it.
    fn update(&mut self, message: Message) -> Vec<Command>;

    /// Whether anything has changed since this was asked last, so that a frame is due.
    fn take_dirty(&mut self) -> bool;

    /// Which keys count.
    fn overlay(&self) -> Overlay {
        self.app().overlay()
    }

    /// From now on only ASCII is drawn: the terminal does not keep other symbols in their columns.
    fn use_ascii(&mut self);

    /// How often it wants to be told the time.
    fn pace(&self) -> Duration {
        if self.app().wants_fast_ticks() { FAST_TICK } else { TICK }
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
