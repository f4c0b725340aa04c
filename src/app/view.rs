//! What the person looks at: the selected row, and the frozen screen. Facts are never lost while it is frozen.

use crate::domain::UnixMillis;

use super::{App, Command, Message, Move, notice::Tone, orders::Slot};

/// How many messages may wait while the screen is frozen. One more thaws it.
const MOST_HELD: usize = 5_000;

/// Half a page of orders, where the terminal's height is not known yet.
const HALF_PAGE: usize = 5;

/// The screen stands still since then; these messages wait.
#[derive(Debug, Default)]
pub struct Frozen {
    pub since: UnixMillis,
    pub(super) held: Vec<Message>,
}

impl App {
    /// The slot of the selected row; the newest one's where none was chosen.
    #[must_use]
    pub fn selected_slot(&self) -> Option<Slot> {
        self.selection.filter(|slot| self.orders().get(*slot).is_some()).or_else(|| self.orders().at(0))
    }

    /// The selected row, counted from the newest.
    #[must_use]
    pub fn selected_row(&self) -> usize {
        self.selected_slot().and_then(|slot| self.orders().position(slot)).unwrap_or(0)
    }

    /// The newest row is followed until another one is chosen.
    pub(super) fn select(&mut self, step: Move) {
        let (row, last) = (self.selected_row(), self.orders().len().saturating_sub(1));
        let half = self.size.map_or(HALF_PAGE, |(_, height)| usize::from(height / 5).max(2));
        let row = match step {
            Move::Up => row.saturating_sub(1),
            Move::Down => row.saturating_add(1),
            Move::First => 0,
            Move::Last => last,
            Move::HalfPageUp => row.saturating_sub(half),
            Move::HalfPageDown => row.saturating_add(half),
        };
        self.selection = if row == 0 { None } else { self.orders().at(row.min(last)) };
    }

    /// How many messages wait behind the frozen screen; `None` where it is live.
    #[must_use]
    pub fn held(&self) -> Option<usize> {
        self.frozen.as_ref().map(|frozen| frozen.held.len())
    }

    /// The time that the screen shows.
    #[must_use]
    pub fn shown_now(&self) -> UnixMillis {
        self.frozen.as_ref().map_or(self.now, |frozen| frozen.since)
    }

    pub(super) fn toggle_freeze(&mut self) -> Vec<Command> {
        match self.frozen.take() {
            None => self.frozen = Some(Frozen { since: self.now, held: Vec::new() }),
            Some(frozen) => frozen.held.into_iter().for_each(|message| self.take_in(message)),
        }
        Vec::new()
    }

    /// Keeps a fact for later where the screen is frozen.
    pub(super) fn hold(&mut self, message: Message) {
        match &mut self.frozen {
            Some(frozen) => {
                frozen.held.push(message);
                if frozen.held.len() > MOST_HELD {
                    self.toggle_freeze();
                    self.notify("the screen is live again: too much happened behind it", Tone::Bad);
                }
            }
            None => self.take_in(message),
        }
    }
}
