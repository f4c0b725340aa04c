//! The layout: a pure function of the terminal's size, the focus and the zoom, used by drawing and by the mouse.

use ratatui::layout::{Constraint, Layout, Rect};

use crate::app::{App, Panel};

/// Columns and rows of the smallest supported terminal.
pub const SMALLEST: (u16, u16) = (60, 16);

/// Minimum width, in columns, for effects beside the timeline. On narrower screens they replace the timeline while they
/// have the focus.
const WIDE: u16 = 100;

/// Minimum height, in rows, for two panels below the stock. A lower screen shows only the focused one.
const TWO_PANELS: u16 = 10;

/// The areas of the screen; empty for a part that is not shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Regions {
    /// Connection, worker and configured faults.
    pub header: Rect,
    /// The stock, its verdict and the document.
    pub stock: Rect,
    /// The list of orders.
    pub orders: Rect,
    /// The timeline of the selected order.
    pub timeline: Rect,
    /// The effects on the stock.
    pub effects: Rect,
    /// A notice, a problem or the legend.
    pub line: Rect,
    /// The keys that can be used now.
    pub keys: Rect,
}

impl Regions {
    /// Returns the panels with their areas.
    #[must_use]
    pub const fn panels(&self) -> [(Panel, Rect); 4] {
        [
            (Panel::Orders, self.orders),
            (Panel::Timeline, self.timeline),
            (Panel::Effects, self.effects),
            (Panel::Stock, self.stock),
        ]
    }

    fn place(&mut self, panel: Panel, area: Rect) {
        match panel {
            Panel::Orders => self.orders = area,
            Panel::Timeline => self.timeline = area,
            Panel::Effects => self.effects = area,
            Panel::Stock => self.stock = area,
        }
    }
}

/// Returns the areas of a screen for the focus and zoom of `app`.
#[must_use]
pub fn regions(area: Rect, app: &App) -> Regions {
    let rows = [Constraint::Length(2), Constraint::Min(0), Constraint::Length(1), Constraint::Length(1)];
    let [header, middle, line, keys] = area.layout(&Layout::vertical(rows));
    let mut regions = Regions { header, line, keys, ..Regions::default() };
    if app.view().zoomed() {
        regions.place(app.view().panel(), middle);
        return regions;
    }
    let tall = area.height >= 32 && area.width >= WIDE;
    let stock = Constraint::Length(if tall { 12 } else { 6 });
    let [stock, body] = middle.layout(&Layout::vertical([stock, Constraint::Min(0)]));
    regions.stock = stock;
    place_body(&mut regions, body, app.view().panel());
    regions
}

fn place_body(regions: &mut Regions, body: Rect, focus: Panel) {
    if body.height < TWO_PANELS {
        let shown = if focus == Panel::Stock { Panel::Orders } else { focus };
        return regions.place(shown, body);
    }
    let below = (body.height * 2 / 3).clamp(5, 18);
    let [above, below] = body.layout(&Layout::vertical([Constraint::Min(0), Constraint::Length(below)]));
    regions.orders = above;
    if body.width < WIDE {
        return regions.place(if focus == Panel::Effects { focus } else { Panel::Timeline }, below);
    }
    let effects = Constraint::Length((body.width * 3 / 8).min(56));
    let columns = Layout::horizontal([Constraint::Min(0), Constraint::Length(1), effects]);
    [regions.timeline, _, regions.effects] = below.layout(&columns);
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::app::{Intent, testing::fixture::Scene};

    #[test]
    fn parts_never_overlap_and_the_focused_panel_is_always_shown() {
        let mut scene = Scene::mid_retry();
        for _ in 0..8 {
            scene.press(Intent::NextPanel);
            for zoomed in [false, true] {
                if scene.app.view().zoomed() != zoomed {
                    scene.press(Intent::Zoom);
                }
                for (width, height) in [(60, 16), (80, 24), (99, 31), (100, 32), (120, 40), (300, 120)] {
                    let area = Rect::new(0, 0, width, height);
                    let regions = regions(area, &scene.app);
                    let parts = [regions.header, regions.line, regions.keys];
                    let panels = regions.panels();
                    let parts: Vec<_> = parts.into_iter().chain(panels.map(|(_, place)| place)).collect();
                    for (index, part) in parts.iter().enumerate() {
                        assert!(part.is_empty() || area.union(*part) == area, "{part:?}");
                        assert!(parts[..index].iter().all(|other| !other.intersects(*part)), "{regions:?}");
                    }
                    let focused = panels.iter().find(|(panel, _)| *panel == scene.app.view().panel()).unwrap();
                    assert!(!focused.1.is_empty(), "{:?} at {width}x{height}", focused.0);
                }
            }
        }
    }
}
