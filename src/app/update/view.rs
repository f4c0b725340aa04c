//! What the person looks at: the selected row, the focused panel, how far it is scrolled, and the frozen screen. Facts
//! are never lost while it is frozen.

use serde::{Deserialize, Serialize};

use crate::{
    app::{App, Message, Move, Panel, Slot, intent::Overlay, notice::Tone},
    domain::UnixMillis,
};

/// How many messages may wait while the screen is frozen. One more thaws it.
const MOST_HELD: usize = 5_000;

/// Half a page, where the terminal's height is not known yet.
const HALF_PAGE: usize = 5;

/// The screen stands still since then; these messages wait.
#[derive(Debug, Clone, Default)]
pub struct Frozen {
    pub since: UnixMillis,
    pub(in crate::app) held: Vec<Message>,
}

/// How many rows each list is scrolled away from where it begins: the newest attempt, the newest effect, the top of what
/// lies over the dashboard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Scroll {
    pub timeline: usize,
    pub effects: usize,
    pub overlay: usize,
}

impl Scroll {
    /// For a screen whose size is not known.
    pub const WITHOUT_LIMIT: Self = Self { timeline: usize::MAX, effects: usize::MAX, overlay: usize::MAX };
}

impl App {
    /// The slot of the selected row; the newest one's where none was chosen.
    #[must_use]
    pub fn selected_slot(&self) -> Option<Slot> {
        let chosen = self.selection.filter(|slot| self.orders().get(*slot).is_some());
        let rows = self.rows();
        // Orders that cannot go on are on top, and the newest of the others is the order just placed.
        let newest = || (0..rows.len()).filter_map(|row| rows.at(row)).find(|slot| !self.orders().is_failing(*slot));
        chosen.or_else(newest).or_else(|| rows.at(0))
    }

    /// A movement key: through what lies on top, else through the focused panel.
    pub(in crate::app) fn go(&mut self, step: Move) {
        let half = self.half_page();
        let (scrolled, limits) = (&mut self.scroll, self.limits);
        match (self.overlay, self.panel) {
            (Overlay::None, Panel::Orders | Panel::Stock) => self.select(step),
            // Two lists end with the newest, and begin there.
            (Overlay::None, Panel::Timeline) => {
                scroll(&mut scrolled.timeline, upside_down(step), half, limits.timeline);
            }
            (Overlay::None, Panel::Effects) => scroll(&mut scrolled.effects, step, half, limits.effects),
            (Overlay::Log, _) => scroll(&mut scrolled.overlay, upside_down(step), half, limits.overlay),
            _ => scroll(&mut scrolled.overlay, step, half, limits.overlay),
        }
    }

    fn half_page(&self) -> usize {
        self.size.map_or(HALF_PAGE, |(_, height)| usize::from(height / 5).max(2))
    }

    /// The newest row is followed until another one is chosen.
    fn select(&mut self, step: Move) {
        let half = self.half_page();
        let rows = self.rows();
        let row = self.selected_slot().and_then(|slot| rows.position(slot)).unwrap_or(0);
        let last = rows.len().saturating_sub(1);
        let row = match step {
            Move::Up => row.saturating_sub(1),
            Move::Down => row.saturating_add(1),
            Move::First => 0,
            Move::Last => last,
            Move::HalfPageUp => row.saturating_sub(half),
            Move::HalfPageDown => row.saturating_add(half),
        };
        let selection = if row == 0 { None } else { rows.at(row.min(last)) };
        self.choose(selection);
    }

    pub(in crate::app) fn select_row(&mut self, row: usize) {
        let selection = if row == 0 { None } else { self.rows().at(row) };
        self.choose(selection);
        self.panel = Panel::Orders;
    }

    fn choose(&mut self, selection: Option<Slot>) {
        self.selection = selection;
        self.scroll.timeline = 0;
    }

    /// A page that no browser opened.
    #[must_use]
    pub fn address(&self) -> Option<&str> {
        self.address.as_deref()
    }

    pub(in crate::app) fn focus(&mut self, panel: Panel) {
        self.panel = panel;
    }

    pub(in crate::app) fn next_panel(&mut self, step: isize) {
        let place = Panel::ALL.iter().position(|panel| *panel == self.panel).unwrap_or(0);
        let next = place.checked_add_signed(step).unwrap_or(Panel::ALL.len() - 1);
        self.panel = Panel::ALL.get(next).copied().unwrap_or_default();
    }

    pub(in crate::app) fn zoom(&mut self) {
        self.zoomed = !self.zoomed;
    }

    pub(in crate::app) fn details(&mut self) {
        (self.panel, self.zoomed) = (Panel::Timeline, true);
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

    pub(in crate::app) fn toggle_freeze(&mut self) {
        if self.frozen.is_some() {
            self.thaw();
        } else {
            self.frozen = Some(Frozen { since: self.now, held: Vec::new() });
        }
    }

    /// Takes in what waited, and goes on.
    pub(in crate::app) fn thaw(&mut self) {
        if let Some(frozen) = self.frozen.take() {
            frozen.held.into_iter().for_each(|message| self.take_in(message));
        }
    }

    /// Keeps a fact for later where the screen is frozen.
    pub(in crate::app) fn hold(&mut self, message: Message) {
        match &mut self.frozen {
            Some(frozen) => {
                frozen.held.push(message);
                if frozen.held.len() > MOST_HELD {
                    self.thaw();
                    self.notify("the screen is live again: too much happened behind it", Tone::Bad);
                }
            }
            None => self.take_in(message),
        }
    }
}

/// The same key in a list whose newest row is its last.
const fn upside_down(step: Move) -> Move {
    match step {
        Move::Up => Move::Down,
        Move::Down => Move::Up,
        Move::First => Move::Last,
        Move::Last => Move::First,
        Move::HalfPageUp => Move::HalfPageDown,
        Move::HalfPageDown => Move::HalfPageUp,
    }
}

/// Moves by a step, within what can be seen.
fn scroll(rows: &mut usize, step: Move, half: usize, limit: usize) {
    let from = (*rows).min(limit);
    let to = match step {
        Move::Up => from.saturating_sub(1),
        Move::Down => from.saturating_add(1),
        Move::First => 0,
        Move::Last => limit,
        Move::HalfPageUp => from.saturating_sub(half),
        Move::HalfPageDown => from.saturating_add(half),
    };
    *rows = to.min(limit);
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::app::{Intent, testing::fixture::Scene};

    #[test]
    fn movement_goes_to_the_focused_panel() {
        let mut scene = Scene::mid_retry();
        scene.press(Intent::NextPanel);
        scene.press(Intent::Select(Move::Up));
        scene.press(Intent::Select(Move::Up));
        assert_eq!((scene.app.panel(), scene.app.scroll().timeline), (Panel::Timeline, 2));
        scene.press(Intent::Select(Move::Last));
        assert_eq!(scene.app.scroll().timeline, 0, "the newest attempt is the last row");
        scene.press(Intent::NextPanel);
        scene.press(Intent::Select(Move::Down));
        assert_eq!((scene.app.panel(), scene.app.scroll().effects), (Panel::Effects, 1));
        for panel in [Panel::Stock, Panel::Orders] {
            scene.press(Intent::NextPanel);
            assert_eq!(scene.app.panel(), panel);
        }
        scene.press(Intent::PreviousPanel);
        assert_eq!(scene.app.panel(), Panel::Stock);
    }

    #[test]
    fn no_list_scrolls_beyond_its_end() {
        let mut scene = Scene::mid_retry();
        scene.press(Intent::Focus(Panel::Effects));
        scene.tell(Message::Limits(Scroll { timeline: 0, effects: 3, overlay: 5 }));
        scene.press(Intent::Select(Move::Last));
        scene.press(Intent::Select(Move::Down));
        assert_eq!(scene.app.scroll().effects, 3);
        scene.press(Intent::Select(Move::Up));
        assert_eq!(scene.app.scroll().effects, 2, "the first key back moves");
        scene.press(Intent::Help);
        scene.press(Intent::Select(Move::HalfPageDown));
        scene.press(Intent::Select(Move::HalfPageDown));
        assert_eq!(scene.app.scroll().overlay, 5);
    }

    #[test]
    fn details_zoom_and_escape_goes_back() {
        let mut scene = Scene::mid_retry();
        scene.press(Intent::Details);
        assert_eq!((scene.app.panel(), scene.app.zoomed()), (Panel::Timeline, true));
        scene.press(Intent::Help);
        scene.press(Intent::Close);
        assert!(scene.app.zoomed(), "the help goes first");
        scene.press(Intent::Close);
        assert!(!scene.app.zoomed());
    }

    #[test]
    fn an_order_makes_a_frozen_screen_live_again() {
        let mut scene = Scene::mid_retry();
        scene.press(Intent::Freeze);
        assert!(scene.app.held().is_some());
        scene.press(Intent::FreshOrder);
        assert_eq!(scene.app.held(), None);
    }
}
