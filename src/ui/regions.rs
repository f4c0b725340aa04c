//! Where everything is: the one layout that drawing and clicking share.
//!
//! ~~~text
//! ┌ header     server, namespace, queue, link, worker, guard, faults, freshness ┐ 2 rows
//! ├ stock      the stock in blocks │ verdict, expected, retries │ the document  ┤ 6 rows, 12 where there is room
//! ├ orders     newest first: attempts as glyphs, what it waits for, verdict     ┤ the rest, a little more than half
//! ├ timeline   the selected order: a sentence, its attempts │ effects           ┤ the rest
//! ├ line       a notice, else what is wrong, else the legend                    ┤ 1 row
//! └ keys       keys for what can be done now                                    ┘ 1 row
//! ~~~

use ratatui::layout::{Constraint, Layout, Rect};

/// From this width on effects stand beside the timeline, and not only where there is height to spare.
const WIDE: u16 = 76;

/// The parts of the screen. One without a row is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Regions {
    pub header: Rect,
    pub stock: Rect,
    pub orders: Rect,
    pub timeline: Rect,
    pub effects: Option<Rect>,
    pub line: Rect,
    pub keys: Rect,
}

/// The layout of a screen.
#[must_use]
pub fn layout(area: Rect) -> Regions {
    let tall = area.height >= 32 && area.width >= 100;
    let [header, stock, body, line, keys] = area.layout(&Layout::vertical([
        Constraint::Length(2),
        Constraint::Length(if tall { 12 } else { 6 }),
        Constraint::Min(0),
        Constraint::Length(1),
        Constraint::Length(1),
    ]));
    let rest = Regions { header, stock, line, keys, ..Regions::default() };
    // Below this the timeline would be a title and nothing else.
    if body.height < 10 {
        return Regions { orders: body, ..rest };
    }
    let below = (body.height / 2).clamp(5, 16);
    let [orders, below] = body.layout(&Layout::vertical([Constraint::Min(0), Constraint::Length(below)]));
    if body.width < WIDE {
        return Regions { orders, timeline: below, ..rest };
    }
    let [timeline, _, effects] = below.layout(&Layout::horizontal([
        Constraint::Min(0),
        Constraint::Length(1),
        Constraint::Length((body.width * 17 / 40).min(56)),
    ]));
    Regions { orders, timeline, effects: Some(effects), ..rest }
}
