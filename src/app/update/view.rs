//! What the screen shows: the selected row, the focused panel, the overlay, how far each list is scrolled, and whether it
//! is frozen.

use std::time::Duration;

use tui_input::{Input, InputRequest};

use crate::{
    app::{
        intent::{Echo, Intent, Move, Overlay, Panel},
        orders::{Orders, Slot},
        replay_bar::ReplayBar,
    },
    domain::{RetryWaits, UnixMillis},
};

use super::{
    appearance::Appearance,
    filter::{Filter, Rows},
    freeze::Freeze,
    line_input,
    pace::Pace,
    scroll::{Scroll, scroll, upside_down},
};

/// Rows of half a page while the terminal's height is unknown.
const DEFAULT_HALF_PAGE: usize = 5;

/// Rows of the terminal while its height is unknown.
const DEFAULT_HEIGHT: usize = 24;

/// Everything about the screen that does not follow from the facts.
#[derive(Debug, Clone)]
pub struct ViewState {
    overlay: Overlay,
    /// The page under all overlays: the dashboard, a walkthrough, or its notes.
    base: Overlay,
    /// The line that is edited in [`Overlay::Plan`] and [`Overlay::Filter`].
    input: Input,
    /// The line before it was edited, which Esc restores.
    original: String,
    filter: Filter,
    appearance: Appearance,
    freeze: Freeze,
    /// `None`: the newest order.
    selection: Option<Slot>,
    panel: Panel,
    zoomed: bool,
    scroll: Scroll,
    /// How far each list can be scrolled on the screen as it is.
    limits: Scroll,
    mouse: bool,
    size: Option<(u16, u16)>,
    /// The last key, which a walkthrough shows for a while.
    echo: Option<Echo>,
    replay: Option<ReplayBar>,
    replay_note: Option<String>,
    pace: Pace,
    /// A page that no browser opened.
    address: Option<String>,
    dirty: bool,
}

impl ViewState {
    /// A screen over `base`.
    #[must_use]
    pub fn new(appearance: Appearance, base: Overlay) -> Self {
        Self {
            overlay: base,
            base,
            input: Input::default(),
            original: String::new(),
            filter: Filter::default(),
            appearance,
            freeze: Freeze::default(),
            selection: None,
            panel: Panel::default(),
            zoomed: false,
            scroll: Scroll::default(),
            limits: Scroll::WITHOUT_LIMIT,
            mouse: false,
            size: None,
            echo: None,
            replay: None,
            replay_note: None,
            pace: Pace::default(),
            address: None,
            dirty: true,
        }
    }

    /// What lies over the dashboard.
    #[must_use]
    pub const fn overlay(&self) -> Overlay {
        self.overlay
    }

    /// Shows an overlay from its top.
    pub const fn show(&mut self, overlay: Overlay) {
        self.overlay = overlay;
        self.scroll.overlay = 0;
    }

    /// The page under all overlays.
    #[must_use]
    pub const fn base(&self) -> Overlay {
        self.base
    }

    /// Changes the page under all overlays.
    pub const fn set_base(&mut self, base: Overlay) {
        self.base = base;
    }

    /// The line that is edited.
    #[must_use]
    pub const fn input(&self) -> &Input {
        &self.input
    }

    /// Begins to edit `text` in `overlay`.
    pub fn edit_line(&mut self, text: String, overlay: Overlay) {
        self.original.clone_from(&text);
        self.input = Input::new(text);
        self.show(overlay);
    }

    /// The line before it was edited.
    #[must_use]
    pub fn original(&self) -> &str {
        &self.original
    }

    /// Applies a key to the line. Returns whether the line may have changed.
    pub fn edit(&mut self, request: InputRequest) -> bool {
        line_input::edit(&mut self.input, request)
    }

    /// The filter.
    #[must_use]
    pub const fn filter(&self) -> &Filter {
        &self.filter
    }

    /// Shows only the orders that `text` finds; all of them if it is empty.
    pub fn filter_by(&mut self, text: &str, orders: &mut Orders, waits: &RetryWaits) {
        self.filter = Filter::new(text);
        orders.follow(!text.is_empty());
        self.filter.search(orders, waits);
    }

    /// Looks at the orders that have changed since the last call.
    pub fn update_filter(&mut self, orders: &mut Orders, waits: &RetryWaits) {
        self.filter.update(orders, waits);
    }

    /// The orders to show.
    #[must_use]
    pub fn rows<'a>(&'a self, orders: &'a Orders) -> Rows<'a> {
        self.filter.rows(orders)
    }

    /// The appearance.
    #[must_use]
    pub const fn appearance(&self) -> Appearance {
        self.appearance
    }

    /// Draws only ASCII characters from now on.
    pub const fn use_ascii(&mut self) {
        self.appearance.ascii = true;
        self.dirty = true;
    }

    /// Selects the next theme, from the last to the first.
    pub const fn next_theme(&mut self) {
        self.appearance.theme = self.appearance.theme.next();
        self.dirty = true;
    }

    /// The slot of the selected row; without a selection, that of the newest order whose workflow task does not fail.
    #[must_use]
    pub fn selected_slot(&self, orders: &Orders) -> Option<Slot> {
        let chosen = self.selection.filter(|slot| orders.get(*slot).is_some());
        let rows = self.rows(orders);
        // Orders that cannot go on are on top, and the newest of the others is the order just placed.
        let newest = || (0..rows.len()).filter_map(|row| rows.at(row)).find(|slot| !orders.is_failing(*slot));
        chosen.or_else(newest).or_else(|| rows.at(0))
    }

    /// Selects the newest order, now and as newer ones come.
    pub const fn select_newest(&mut self) {
        self.selection = None;
    }

    /// Keeps the selection on an order that has moved from one slot to another.
    pub fn follow_slot(&mut self, from: Option<Slot>, to: Slot) {
        if self.selection.is_some() && self.selection == from {
            self.selection = Some(to);
        }
    }

    /// Selects the row at that position, counted from the newest, and focuses the orders.
    pub fn select_row(&mut self, row: usize, orders: &Orders) {
        let selection = if row == 0 { None } else { self.rows(orders).at(row) };
        self.choose(selection);
        self.panel = Panel::Orders;
    }

    /// Selects the row a step away. The newest row is followed until another one is selected.
    fn select(&mut self, step: Move, orders: &Orders) {
        let half = self.half_page();
        let rows = self.rows(orders);
        let mut row = self.selected_slot(orders).and_then(|slot| rows.position(slot)).unwrap_or(0);
        scroll(&mut row, step, half, rows.len().saturating_sub(1));
        let selection = if row == 0 { None } else { rows.at(row) };
        self.choose(selection);
    }

    const fn choose(&mut self, selection: Option<Slot>) {
        self.selection = selection;
        self.scroll.timeline = 0;
    }

    /// A movement key: through the overlay, or through the focused panel if there is none.
    pub fn go(&mut self, step: Move, orders: &Orders) {
        let half = self.half_page();
        let (scrolled, limits) = (&mut self.scroll, self.limits);
        match (self.overlay, self.panel) {
            (Overlay::None, Panel::Orders | Panel::Stock) => self.select(step, orders),
            // Two lists end with the newest, and begin there.
            (Overlay::None, Panel::Timeline) => {
                scroll(&mut scrolled.timeline, upside_down(step), half, limits.timeline);
            }
            (Overlay::None, Panel::Effects) => scroll(&mut scrolled.effects, step, half, limits.effects),
            (Overlay::Log, _) => scroll(&mut scrolled.overlay, upside_down(step), half, limits.overlay),
            _ => scroll(&mut scrolled.overlay, step, half, limits.overlay),
        }
    }

    /// Rows of the terminal.
    #[must_use]
    pub fn height(&self) -> usize {
        self.size.map_or(DEFAULT_HEIGHT, |(_, height)| usize::from(height))
    }

    /// Rows of half a page.
    #[must_use]
    pub fn half_page(&self) -> usize {
        self.size.map_or(DEFAULT_HALF_PAGE, |(_, height)| usize::from(height / 5).max(2))
    }

    /// How far each list is scrolled.
    #[must_use]
    pub const fn scroll(&self) -> &Scroll {
        &self.scroll
    }

    /// Sets how far each list can be scrolled.
    pub const fn set_limits(&mut self, limits: Scroll) {
        self.limits = limits;
    }

    /// Sets the size of the terminal, in columns and rows.
    pub const fn resize(&mut self, width: u16, height: u16) {
        self.size = Some((width, height));
        self.dirty = true;
    }

    /// The focused panel.
    #[must_use]
    pub const fn panel(&self) -> Panel {
        self.panel
    }

    /// Focuses a panel.
    pub const fn focus(&mut self, panel: Panel) {
        self.panel = panel;
    }

    /// Focuses the panel `step` places away, from the last to the first.
    pub fn focus_next(&mut self, step: isize) {
        let place = Panel::ALL.iter().position(|panel| *panel == self.panel).unwrap_or(0);
        let next = place.checked_add_signed(step).unwrap_or(Panel::ALL.len() - 1);
        self.panel = Panel::ALL.get(next).copied().unwrap_or_default();
    }

    /// Whether the focused panel has the whole screen.
    #[must_use]
    pub const fn zoomed(&self) -> bool {
        self.zoomed
    }

    /// Gives the focused panel the whole screen, or takes it back.
    pub const fn toggle_zoom(&mut self) {
        self.zoomed = !self.zoomed;
    }

    /// Shows the attempts of the selected order on the whole screen.
    pub const fn show_details(&mut self) {
        (self.panel, self.zoomed) = (Panel::Timeline, true);
    }

    /// Selects the newest order on the dashboard as it is at the start.
    pub const fn reset_focus(&mut self) {
        (self.selection, self.panel, self.zoomed) = (None, Panel::Orders, false);
    }

    /// Whether a panel is zoomed, or another one than the orders is focused.
    #[must_use]
    pub fn is_focused(&self) -> bool {
        self.zoomed || self.panel != Panel::Orders
    }

    /// Undoes zoom and focus. Returns whether there was one.
    pub fn leave_panel(&mut self) -> bool {
        let left = self.is_focused();
        (self.zoomed, self.panel) = (false, Panel::Orders);
        left
    }

    /// Whether the terminal reports the mouse.
    pub const fn toggle_mouse(&mut self) -> bool {
        self.mouse = !self.mouse;
        self.mouse
    }

    /// The key that was pressed last, while it is shown.
    #[must_use]
    pub const fn echo(&self) -> Option<&Echo> {
        self.echo.as_ref()
    }

    /// Shows the key that was pressed.
    pub const fn set_echo(&mut self, intent: Intent, now: UnixMillis) {
        self.echo = Some(Echo::new(intent, self.overlay, now));
        self.dirty = true;
    }

    /// Removes a key that was shown for long enough.
    pub fn expire_echo(&mut self, now: UnixMillis) {
        self.dirty |= self.echo.take_if(|echo| echo.has_faded(now)).is_some() && self.base == Overlay::Walkthrough;
    }

    /// A page that no browser opened.
    #[must_use]
    pub fn address(&self) -> Option<&str> {
        self.address.as_deref()
    }

    /// Shows a page that no browser opened, over the dashboard only.
    pub fn show_address(&mut self, url: String) {
        self.address = Some(url);
        if self.overlay == Overlay::None {
            self.show(Overlay::Address);
        }
    }

    /// The pace of the walkthrough.
    #[must_use]
    pub const fn pace(&self) -> Pace {
        self.pace
    }

    /// Sets the pace of the walkthrough.
    pub const fn set_pace(&mut self, pace: Pace) {
        self.pace = pace;
    }

    /// The state of the replay that the facts come from; `None` outside a replay.
    #[must_use]
    pub const fn replay(&self) -> Option<&ReplayBar> {
        self.replay.as_ref()
    }

    /// Shows the state of a replay.
    pub fn show_replay(&mut self, bar: ReplayBar) {
        // Time alone is shown in seconds.
        let shown = |bar: &ReplayBar| ReplayBar { at: Duration::from_secs(bar.at.as_secs()), ..*bar };
        self.dirty |= self.replay.as_ref().map(shown) != Some(shown(&bar));
        self.replay = Some(bar);
    }

    /// A sentence about the replay itself, as about a key that does nothing.
    #[must_use]
    pub fn replay_note(&self) -> Option<&str> {
        self.replay_note.as_deref()
    }

    /// Shows a sentence about the replay itself.
    pub fn show_replay_note(&mut self, text: &str) {
        self.replay_note = Some(text.to_owned());
        self.dirty = true;
    }

    /// Removes the sentence about the replay.
    pub fn clear_replay_note(&mut self) {
        self.dirty |= self.replay_note.take().is_some();
    }

    /// Whether the screen is frozen, with the messages that wait.
    #[must_use]
    pub const fn freeze(&self) -> &Freeze {
        &self.freeze
    }

    /// The same, to freeze or resume it.
    pub const fn freeze_mut(&mut self) -> &mut Freeze {
        &mut self.freeze
    }

    /// Marks the screen as changed.
    pub const fn mark_dirty(&mut self, changed: bool) {
        self.dirty |= changed;
    }

    /// Whether the screen has changed since the last call.
    pub const fn take_dirty(&mut self) -> bool {
        std::mem::replace(&mut self.dirty, false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::message::Message;

    use crate::app::testing::fixture::Scene;

    #[test]
    fn movement_goes_to_the_focused_panel() {
        let mut scene = Scene::mid_retry();
        scene.press(Intent::NextPanel);
        scene.press(Intent::Select(Move::Up));
        scene.press(Intent::Select(Move::Up));
        assert_eq!((scene.app.view().panel(), scene.app.view().scroll().timeline), (Panel::Timeline, 2));
        scene.press(Intent::Select(Move::Last));
        assert_eq!(scene.app.view().scroll().timeline, 0, "the newest attempt is the last row");
        scene.press(Intent::NextPanel);
        scene.press(Intent::Select(Move::Down));
        assert_eq!((scene.app.view().panel(), scene.app.view().scroll().effects), (Panel::Effects, 1));
        for panel in [Panel::Stock, Panel::Orders] {
            scene.press(Intent::NextPanel);
            assert_eq!(scene.app.view().panel(), panel);
        }
        scene.press(Intent::PreviousPanel);
        assert_eq!(scene.app.view().panel(), Panel::Stock);
    }

    #[test]
    fn no_list_scrolls_beyond_its_end() {
        let mut scene = Scene::mid_retry();
        scene.press(Intent::Focus(Panel::Effects));
        scene.tell(Message::Limits(Scroll { timeline: 0, effects: 3, overlay: 5 }));
        scene.press(Intent::Select(Move::Last));
        scene.press(Intent::Select(Move::Down));
        assert_eq!(scene.app.view().scroll().effects, 3);
        scene.press(Intent::Select(Move::Up));
        assert_eq!(scene.app.view().scroll().effects, 2, "the first key back moves");
        scene.press(Intent::Help);
        scene.press(Intent::Select(Move::HalfPageDown));
        scene.press(Intent::Select(Move::HalfPageDown));
        assert_eq!(scene.app.view().scroll().overlay, 5);
    }

    #[test]
    fn details_zoom_and_escape_goes_back() {
        let mut scene = Scene::mid_retry();
        scene.press(Intent::Details);
        assert_eq!((scene.app.view().panel(), scene.app.view().zoomed()), (Panel::Timeline, true));
        scene.press(Intent::Help);
        scene.press(Intent::Close);
        assert!(scene.app.view().zoomed(), "the help goes first");
        scene.press(Intent::Close);
        assert!(!scene.app.view().zoomed());
    }

    #[test]
    fn an_order_makes_a_frozen_screen_live_again() {
        let mut scene = Scene::mid_retry();
        scene.press(Intent::Freeze);
        assert!(scene.app.view().freeze().queued().is_some());
        scene.press(Intent::FreshOrder);
        assert_eq!(scene.app.view().freeze().queued(), None);
    }
}
