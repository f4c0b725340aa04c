//! Maps a click to a row or a panel, with the layout that drawing uses.

use ratatui::layout::{Position, Rect};

use crate::app::{App, Intent, Overlay};

use super::{
    orders,
    regions::{SMALLEST, regions},
    watch,
};

/// Returns the intent of a click at a position, or `None` if there is nothing to select.
#[must_use]
pub fn hit(area: Rect, app: &App, column: u16, row: u16) -> Option<Intent> {
    let place = Position { x: column, y: row };
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        return None;
    }
    match app.overlay() {
        Overlay::None => {}
        Overlay::Executions => return watch::row_at(area, app, place).map(Intent::SelectRow),
        Overlay::Execution => return watch::lane_at(area, app, place).map(Intent::SelectRow),
        _ => return None,
    }
    let regions = regions(area, app);
    if let Some(position) = orders::row_at(regions.orders, app, place) {
        return Some(Intent::SelectRow(position));
    }
    regions.panels().into_iter().find(|(_, area)| area.contains(place)).map(|(panel, _)| Intent::Focus(panel))
}

#[cfg(test)]
mod tests {
    use ratatui::buffer::Buffer;

    use super::*;

    use crate::app::{
        Move, Panel,
        testing::fixture::{Scene, UPDATE},
    };

    /// Fifty orders; the newest is number 49.
    fn many() -> Scene {
        let mut scene = Scene::new();
        for number in 0..50 {
            scene.workflow = format!("order-{number}");
            scene.run = format!("run-{number}");
            scene.order = "A12";
            scene.started(UPDATE, 1);
        }
        scene
    }

    fn row(buffer: &Buffer, y: u16) -> String {
        (0..buffer.area.width).map(|x| buffer[(x, y)].symbol()).collect()
    }

    /// Clicks on every row of screens of several sizes: the selected row must be the one drawn there.
    #[test]
    fn a_click_selects_the_row_that_is_drawn_under_it() {
        let mut scene = many();
        let mut rows = 0;
        for step in [Move::First, Move::HalfPageDown, Move::Last] {
            scene.press(Intent::Select(step));
            for (width, height) in [(60, 16), (80, 24), (120, 40), (200, 60)] {
                let area = Rect::new(0, 0, width, height);
                let mut buffer = Buffer::empty(area);
                crate::ui::draw_on(&mut buffer, area, &scene.app);
                for y in 0..height {
                    let drawn = row(&buffer, y);
                    match hit(area, &scene.app, 5, y) {
                        Some(Intent::SelectRow(position)) => {
                            rows += 1;
                            let selected = scene.app.rows().at(position) == scene.app.selected_slot();
                            assert!(drawn.contains("A12"), "{drawn}");
                            assert_eq!(drawn.starts_with('▌'), selected, "{position} at {y}: {drawn}");
                        }
                        _ => assert!(!drawn.starts_with('▌'), "{y}: {drawn}"),
                    }
                }
            }
        }
        assert!(rows > 100, "{rows}");
    }

    #[test]
    fn a_click_beside_the_rows_focuses_the_panel_under_it() {
        let scene = many();
        let area = Rect::new(0, 0, 120, 40);
        let regions = regions(area, &scene.app);
        let click = |area_of: Rect| hit(area, &scene.app, area_of.x + 2, area_of.y);
        assert_eq!(click(regions.stock), Some(Intent::Focus(Panel::Stock)));
        assert_eq!(click(regions.orders), Some(Intent::Focus(Panel::Orders)), "its title");
        assert_eq!(click(regions.timeline), Some(Intent::Focus(Panel::Timeline)));
        assert_eq!(click(regions.effects), Some(Intent::Focus(Panel::Effects)));
        for nothing in [regions.header, regions.line, regions.keys] {
            assert_eq!(click(nothing), None);
        }
        assert_eq!(hit(area, &scene.app, 500, 500), None);
        assert_eq!(hit(Rect::new(0, 0, 20, 5), &scene.app, 1, 1), None, "too small to show anything");
    }

    #[test]
    fn a_click_beside_a_question_does_nothing() {
        let mut scene = many();
        scene.press(Intent::AskReset);
        for y in 0..24 {
            assert_eq!(hit(Rect::new(0, 0, 80, 24), &scene.app, 5, y), None);
        }
    }

    #[test]
    fn below_the_last_order_there_is_only_the_panel() {
        let mut scene = Scene::new();
        scene.started(UPDATE, 1);
        let area = Rect::new(0, 0, 80, 24);
        // Below the title and the heading.
        let first = regions(area, &scene.app).orders.y + 2;
        assert_eq!(hit(area, &scene.app, 3, first), Some(Intent::SelectRow(0)));
        assert_eq!(hit(area, &scene.app, 3, first + 1), Some(Intent::Focus(Panel::Orders)));
    }
}
