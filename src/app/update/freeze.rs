//! The frozen screen. Messages wait in a queue, so that no fact is lost.

use crate::{app::message::Message, domain::UnixMillis};

/// Messages that are queued while the screen is frozen. One more resumes it.
const MAX_QUEUED_MESSAGES: usize = 5_000;

/// Whether the screen is frozen, since when, and the messages that wait.
#[derive(Debug, Clone, Default)]
pub struct Freeze {
    frozen: Option<Frozen>,
}

#[derive(Debug, Clone)]
struct Frozen {
    since: UnixMillis,
    queue: Vec<Message>,
}

impl Freeze {
    /// Whether the screen is frozen.
    #[must_use]
    pub const fn is_frozen(&self) -> bool {
        self.frozen.is_some()
    }

    /// Number of messages that are queued; `None` if the screen is live.
    #[must_use]
    pub fn queued(&self) -> Option<usize> {
        self.frozen.as_ref().map(|frozen| frozen.queue.len())
    }

    /// The time that the screen shows.
    #[must_use]
    pub fn shown_now(&self, now: UnixMillis) -> UnixMillis {
        self.frozen.as_ref().map_or(now, |frozen| frozen.since)
    }

    /// Freezes the screen.
    pub fn begin(&mut self, now: UnixMillis) {
        self.frozen = Some(Frozen { since: now, queue: Vec::new() });
    }

    /// Makes the screen live. Returns the queued messages, oldest first.
    pub fn end(&mut self) -> Vec<Message> {
        self.frozen.take().map(|frozen| frozen.queue).unwrap_or_default()
    }

    /// Queues a message while the screen is frozen. Returns whether the queue is too long now.
    pub fn queue(&mut self, message: Message) -> bool {
        let Some(frozen) = &mut self.frozen else { return false };
        frozen.queue.push(message);
        frozen.queue.len() > MAX_QUEUED_MESSAGES
    }
}
