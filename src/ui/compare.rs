//! Draws the comparison on the whole screen: three stocks in blocks, three verdicts, and below them a row per attempt with
//! its result under each guard.

use ratatui::{
    buffer::Buffer,
    layout::{Constraint, Layout, Rect},
    style::Style,
    text::{Line, Span},
    widgets::{Clear, Widget},
};

use crate::{
    app::{
        App, AttemptFacts, Comparison, ComparisonState, LineUpCell, LineUpRow, Link, Side, SideStage, Tone, Worker,
        trouble,
    },
    domain::{Activity, Guard, sanitize},
    store::Verdict,
    text::{column, truncate, wrap},
};

use super::{digits, footer, line_up, pane, theme, words};

/// The layout for the available space.
#[derive(Debug, Clone, Copy)]
struct Room {
    /// Columns at the left for the names of the rows.
    gutter: u16,
    /// Whether there are rows between the parts, and longer labels.
    roomy: bool,
    /// Whether the verdicts are drawn in letters as large as the stocks.
    letters: bool,
}

impl Room {
    const fn of(area: Rect) -> Self {
        let gutter = if area.width < 76 { 7 } else { 16 };
        Self { gutter, roomy: area.height >= 22, letters: area.height >= 30 && area.width >= 100 }
    }

    const fn gap(self) -> u16 {
        if self.roomy { 1 } else { 0 }
    }
}

/// Draws the comparison.
pub fn draw(buffer: &mut Buffer, area: Rect, app: &App) {
    let area = area.intersection(buffer.area);
    Clear.render(area, buffer);
    let Some(comparison) = app.comparison() else {
        let inside = pane::titled(buffer, area, Line::styled("three guards", theme::BOLD), "", false);
        return footer::draw_keys(buffer, inside, app);
    };
    let room = Room::of(area);
    let widest = widest(comparison);
    let letters = if room.letters { digits::HEIGHT.saturating_add(1) } else { 0 };
    let [head, guards, stocks, verdicts, attempts, moral, foot] = area.layout(&Layout::vertical([
        Constraint::Length(2),
        Constraint::Length(1 + 2 * room.gap()),
        Constraint::Length(digits::HEIGHT + room.gap() + letters),
        Constraint::Length(1 + room.gap()),
        Constraint::Min(0),
        Constraint::Length(1 + room.gap()),
        Constraint::Length(1),
    ]));
    draw_head(buffer, head, comparison);
    draw_columns(buffer, guards, room, comparison, &["guard", "remembers"], |buffer, area, side| {
        pane::lines(buffer, area, [Line::styled(side.guard().name(), theme::BOLD), meaning(side.guard())]);
    });
    draw_columns(buffer, stocks, room, comparison, &["", "", "stock"], |buffer, area, side| {
        draw_stock(buffer, area, side, &widest);
    });
    draw_columns(buffer, verdicts, room, comparison, &["verdict"], |buffer, area, side| {
        pane::lines(buffer, area, [verdict(side, room, usize::from(area.width)), note(side, usize::from(area.width))]);
    });
    draw_attempts(buffer, attempts, room, app, comparison);
    draw_moral(buffer, moral, app, comparison);
    footer::draw_keys(buffer, foot, app);
}

fn draw_head(buffer: &mut Buffer, area: Rect, comparison: &ComparisonState) {
    let terms = comparison.terms();
    let title = Line::styled("one order, three guards", theme::BOLD);
    let area = pane::titled(buffer, area, title, "same order, same faults, same moment", false);
    let mut spans = vec![
        Span::raw(" "),
        Span::styled(Comparison::ORDER, theme::BOLD),
        Span::raw(format!(" {} x {}", terms.quantity(), Comparison::PRODUCT)),
    ];
    if terms.interleaved {
        spans.push(Span::styled(format!(", then {}", Comparison::OTHER), theme::BOLD));
    }
    spans.push(Span::raw("  "));
    spans.push(Span::styled(format!(" FAULTS {} ", terms.plan()), theme::badge(theme::WARN)));
    if let Some(set) = comparison.instead_of() {
        spans.push(Span::styled(format!(" replaces {set}"), theme::FAINT));
    }
    let seed = Span::styled(format!(" seed {}", terms.seed), theme::FAINT);
    // A truncated number would be wrong, and this one matters least.
    let used: usize = spans.iter().map(Span::width).sum();
    spans.extend((used + seed.width() <= usize::from(area.width)).then_some(seed));
    pane::lines(buffer, area, [Line::from(spans)]);
}

/// Divides a row of the screen into the gutter and a column for each guard.
fn columns(area: Rect, room: Room) -> (Rect, [Rect; Guard::ALL.len()]) {
    let [gutter, first, second, third] = area.layout(&Layout::horizontal([
        Constraint::Length(room.gutter),
        Constraint::Fill(1),
        Constraint::Fill(1),
        Constraint::Fill(1),
    ]));
    let inside = |column: Rect| Rect { width: column.width.saturating_sub(1), ..column };
    (gutter, [first, second, third].map(inside))
}

fn draw_columns(
    buffer: &mut Buffer,
    area: Rect,
    room: Room,
    comparison: &ComparisonState,
    labels: &[&'static str],
    draw: impl Fn(&mut Buffer, Rect, &Side),
) {
    let (gutter, columns) = columns(area, room);
    for (row, label) in gutter.rows().zip(labels).filter(|(row, label)| label.len() < usize::from(row.width)) {
        buffer.set_line(row.x, row.y, &Line::styled(format!(" {label}"), theme::FAINT), row.width);
    }
    for (side, column) in comparison.sides().iter().zip(columns) {
        draw(buffer, column, side);
    }
}

fn meaning(guard: Guard) -> Line<'static> {
    let text = match guard {
        Guard::Ledger => "every effect",
        Guard::LastOrder => "the last order",
        Guard::Off => "nothing",
    };
    Line::styled(text, theme::FAINT)
}

const fn judged(side: Option<Verdict>) -> Style {
    match side {
        Some(Verdict::Right) => theme::GOOD,
        Some(Verdict::Wrong) => theme::BAD,
        None => theme::PLAIN,
    }
}

/// The longest number to draw, at least as long as the initial stock, so that the digits keep their size.
fn widest(comparison: &ComparisonState) -> String {
    let stocks = comparison.sides().iter().filter_map(Side::stock).map(|stock| stock.to_string());
    stocks.chain(std::iter::once("1000".to_owned())).max_by_key(String::len).unwrap_or_default()
}

fn draw_stock(buffer: &mut Buffer, area: Rect, side: &Side, widest: &str) {
    let stock = side.stock().map_or_else(String::new, |stock| stock.to_string());
    let verdict = side.verdict();
    // Numbers without a gap would read as one.
    let area = Rect { width: area.width.saturating_sub(1), ..area };
    let number = Rect { height: digits::HEIGHT.min(area.height), ..area };
    digits::draw_like(buffer, number, &stock, widest, judged(verdict));
    let below = digits::HEIGHT.saturating_add(1);
    if area.height >= below.saturating_add(digits::HEIGHT) {
        let word = match verdict {
            Some(Verdict::Right) => "RIGHT",
            Some(Verdict::Wrong) => "WRONG",
            None => "",
        };
        let area = Rect { y: area.y.saturating_add(below), height: digits::HEIGHT, ..area };
        digits::draw(buffer, area, word, judged(verdict));
    }
}

/// The verdict as a block of colour, unless the letters above show it, and the expected stock.
fn verdict(side: &Side, room: Room, width: usize) -> Line<'static> {
    let style = judged(side.verdict());
    let (word, style) = match (side.verdict(), side.stage()) {
        (Some(Verdict::Right), _) => (" RIGHT ", theme::badge(style)),
        (Some(Verdict::Wrong), _) => (" WRONG ", theme::badge(style)),
        (None, SideStage::Failed(_)) => (" FAILED ", theme::badge(theme::BAD)),
        (None, _) => (" PENDING ", theme::badge(theme::WARN)),
    };
    let expected = side.journal().audit.expected;
    let mut spans = Vec::new();
    if !room.letters || side.verdict().is_none() {
        spans.push(Span::styled(word, style));
    }
    let left = width.saturating_sub(Line::from(spans.clone()).width());
    if side.verdict().is_some() && format!("expected {expected}").len() <= left {
        spans.extend([Span::styled("expected ", theme::FAINT), Span::styled(expected.to_string(), theme::BOLD)]);
    } else if side.verdict() == Some(Verdict::Wrong) {
        spans.push(Span::raw(truncate(&format!("not {expected}"), left)));
    }
    Line::from(spans)
}

/// The reason, or a description of the guard.
fn note(side: &Side, width: usize) -> Line<'static> {
    let cut = |text: &str, style| Line::styled(truncate(text, width), style);
    match (side.stage(), side.worker()) {
        (SideStage::Failed(cause), _) => cut(cause, theme::BAD),
        _ if side.verdict() == Some(Verdict::Wrong) => cut(&applied_twice(side), theme::BAD),
        _ if side.is_lucky() => cut("by luck, this time", theme::WARN),
        (SideStage::Done, _) => cut("each effect once", theme::PLAIN),
        (SideStage::Preparing | SideStage::Running, Worker::Ready { .. }) => cut("worker ● ready", theme::FAINT),
        (SideStage::Preparing | SideStage::Running, worker) => {
            let (text, style) = words::worker(worker);
            Line::from(pane::pair("worker ", text, style).to_vec())
        }
    }
}

fn applied_twice(side: &Side) -> String {
    let audit = &side.journal().audit;
    match audit.applied_twice.as_slice() {
        [] => "the sum is wrong".to_owned(),
        [key, more @ ..] => {
            let order = key.as_str().split_once(':').map_or(key.as_str(), |(_, order)| order);
            let more = if more.is_empty() { String::new() } else { format!(" +{}", more.len()) };
            match audit.times_applied(key) {
                2 => format!("{} applied twice{more}", sanitize(order, 40)),
                times => format!("{} applied {times} x{more}", sanitize(order, 40)),
            }
        }
    }
}

/// A row per attempt. The earliest are omitted if they do not fit, and the number of omitted rows is shown.
fn draw_attempts(buffer: &mut Buffer, area: Rect, room: Room, app: &App, comparison: &ComparisonState) {
    let title = Line::styled("attempt by attempt", theme::BOLD);
    let area = pane::titled(buffer, area, title, if room.roomy { "↓ time" } else { "" }, false);
    let rows = comparison.line_up();
    let height = usize::from(area.height);
    let hidden = if rows.len() > height { (rows.len() + 1).saturating_sub(height) } else { 0 };
    // If there is room for all expected rows, they are separated by blank rows, so that none moves later.
    let expected = if comparison.terms().interleaved { 5 } else { 3 };
    let apart = if rows.len().max(expected).saturating_mul(2) <= height { 2 } else { 1 };
    let mut places = area.rows().step_by(apart);
    if hidden > 0
        && let Some(place) = places.next()
    {
        buffer.set_line(place.x, place.y, &Line::styled(format!(" … {hidden} earlier"), theme::FAINT), place.width);
    }
    let (gutter, columns) = columns(area, room);
    for (place, row) in places.zip(rows.iter().skip(hidden)) {
        buffer.set_line(gutter.x, place.y, &label(row, room), gutter.width);
        for (cell, column) in row.cells.iter().zip(columns) {
            if let Some(cell) = cell {
                let line = line_up::cell(cell, app.appearance(), usize::from(column.width), app.shown_now());
                pane::lines(buffer, Rect { y: place.y, height: 1, ..column }, [line]);
            }
        }
    }
}

fn label(row: &LineUpRow<'_>, room: Room) -> Line<'static> {
    let narrow = room.gutter < 10;
    let order = column(row.order, 3);
    let text = if narrow {
        let activity = match row.activity {
            Activity::UpdateInventory => 'u',
            Activity::SupplierOrder => 's',
        };
        format!("{order} {activity}{}", row.attempt)
    } else {
        format!(" {order} {} {}", row.activity.short_name(), row.attempt)
    };
    Line::styled(truncate(&text, usize::from(room.gutter.saturating_sub(1))), theme::FAINT)
}

fn draw_moral(buffer: &mut Buffer, area: Rect, app: &App, comparison: &ComparisonState) {
    let (sentences, style) = said(app, comparison);
    let (width, height) = (usize::from(area.width).saturating_sub(2), usize::from(area.height));
    // As many whole sentences as fit.
    let fitting = (1..=sentences.len()).rev().map(|count| sentences.iter().take(count).cloned().collect::<Vec<_>>());
    let wrapped = |sentences: Vec<String>| wrap(&sentences.join(" "), width, 0, usize::MAX);
    let lines = fitting.map(wrapped).find(|lines| lines.len() <= height);
    let lines = lines.unwrap_or_else(|| wrap(&sentences.join(" "), width, 0, height));
    pane::lines(buffer, area, lines.into_iter().map(|line| Line::styled(format!(" {line}"), style)));
}

/// The obstacle, the result, or what happens now. The most important sentences come first.
fn said(app: &App, comparison: &ComparisonState) -> (Vec<String>, Style) {
    let failed = comparison.sides().iter().find_map(|side| match side.stage() {
        SideStage::Failed(cause) => Some(format!("{}: {cause}", side.guard())),
        _ => None,
    });
    let notice = app.notice().filter(|notice| notice.tone == Tone::Bad).map(|notice| notice.text.clone());
    let trouble = trouble(app).filter(|_| *app.link() != Link::Up).map(|trouble| trouble.text);
    if let Some(wrong) = notice.or(failed).or(trouble) {
        return (vec![wrong], theme::BAD.patch(theme::BOLD));
    }
    let (sentences, style) =
        if comparison.is_done() { (moral(comparison), theme::BOLD) } else { (happening(comparison), theme::PLAIN) };
    (sentences.into_iter().map(str::to_owned).collect(), style)
}

/// The conclusion from the numbers above.
fn moral(comparison: &ComparisonState) -> Vec<&'static str> {
    let retried = "Temporal retried all three.";
    match (comparison.terms().interleaved, comparison.side(Guard::LastOrder).verdict()) {
        (true, Some(Verdict::Wrong)) => vec![
            "Same orders, same faults: only the guard differs.",
            "B7 came in between, and last-order forgot A12.",
            retried,
        ],
        (true, _) => vec!["Same orders, same faults: only the guard differs.", "B7 came too late to be in between."],
        (false, Some(Verdict::Right)) => vec![
            "Same order, same faults: only the guard differs.",
            retried,
            "last-order was lucky. Press B to send another order in between.",
        ],
        (false, _) => vec!["Same order, same faults: only the guard differs.", retried],
    }
}

fn happening(comparison: &ComparisonState) -> Vec<&'static str> {
    let rows = comparison.line_up();
    let attempt = |number| rows.iter().find(|row| row.order == Comparison::ORDER && row.attempt == number);
    let has_begun = |cell: &Option<LineUpCell<'_>>| matches!(cell, Some(LineUpCell::Attempt(_)));
    let is_unreported = |cell: &Option<LineUpCell<'_>>| match cell {
        Some(LineUpCell::Attempt(seen)) => seen.facts.is_some_and(AttemptFacts::effect_unreported),
        _ => false,
    };
    if attempt(2).is_some_and(|row| row.cells.iter().any(has_begun)) {
        vec!["Temporal ran it again.", "Only the guard decides what the retry does to the stock."]
    } else if attempt(1).is_some_and(|row| row.cells.iter().any(is_unreported)) {
        vec![
            "The change is written, but its acknowledgement is lost.",
            "Temporal cannot know, so it will run it again.",
        ]
    } else if comparison.sides().iter().any(|side| side.stage() == SideStage::Preparing) {
        vec!["Three workers are starting, each with its own stock."]
    } else {
        vec!["The same order was sent to all three."]
    }
}

#[cfg(test)]
mod tests {
    use ratatui::style::{Color, Modifier};

    use super::*;
    use crate::app::{
        ComparisonEvent, Message,
        comparison_fixture::{A12, Play},
    };

    const BADGE: Modifier = Modifier::BOLD.union(Modifier::REVERSED);

    fn frame(play: &Play, width: u16, height: u16) -> Buffer {
        let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
        let area = buffer.area;
        draw(&mut buffer, area, &play.app);
        buffer
    }

    fn rows(buffer: &Buffer) -> Vec<String> {
        let rows = buffer.content().chunks(usize::from(buffer.area.width).max(1));
        rows.map(|row| row.iter().map(ratatui::buffer::Cell::symbol).collect::<String>().trim_end().to_owned())
            .collect()
    }

    /// The places where `words` begin, from the top left on.
    fn places(buffer: &Buffer, words: &str) -> Vec<(u16, u16)> {
        let mut found = Vec::new();
        for (y, row) in (0_u16..).zip(rows(buffer)) {
            for (at, _) in row.match_indices(words) {
                found.push((u16::try_from(row[..at].chars().count()).unwrap(), y));
            }
        }
        assert!(!found.is_empty(), "{words:?} is not in\n{}", rows(buffer).join("\n"));
        found
    }

    fn assert_style(buffer: &Buffer, place: (u16, u16), colour: Color, modifier: Modifier) {
        let cell = &buffer[place];
        assert_eq!((cell.fg, cell.modifier), (colour, modifier), "{place:?} in\n{}", rows(buffer).join("\n"));
    }

    fn crashed() -> Play {
        let mut play = Play::begin(false).ready();
        play.start(A12);
        play.crashed(A12, 1);
        play
    }

    #[test]
    fn no_size_makes_it_panic() {
        let mut idle = Play::begin(false);
        let _ended = idle.app.end_comparison();
        let plays = vec![idle, Play::begin(true), Play::waiting(true), Play::over(false), Play::over(true), crashed()];
        // One size after the other, so that the layouts of a size are worked out once.
        for (width, height) in
            [0, 1, 16, 60, 75, 80, 120].into_iter().flat_map(|width| (0..=42).map(move |y| (width, y)))
        {
            for play in &plays {
                frame(play, width, height);
            }
        }
    }

    #[test]
    fn at_80_columns_the_whole_story_is_on_the_screen() {
        let buffer = frame(&Play::over(false), 80, 24);
        let rows = rows(&buffer);
        assert_eq!(rows[1], " A12 999 x 123456   FAULTS after-commit-once  replaces original seed 42");
        assert_eq!(rows[2], " guard          ledger               last-order            off");
        assert_eq!(rows[3], " remembers      every effect         the last order        nothing");
        assert_eq!(rows[5], "                 ██  ████ ████  ██    ██  ████ ████  ██    ████");
        assert_eq!(rows[7], " stock           ██  █  █ █  █  ██    ██  █  █ █  █  ██    ████");
        assert_eq!(rows[11], " verdict         RIGHT expected 1001  RIGHT expected 1001   WRONG expected 1001");
        assert_eq!(rows[12], "                each effect once     by luck, this time    A12 applied twice");
        assert_eq!(rows[14], " A12 update 1   ! 1000 → 1 ack lost  ! 1000 → 1 ack lost   ! 1000 → 1 ack lost");
        assert_eq!(rows[16], " A12 update 2   ↺ +0 replayed        = +0 skipped          2 1 → -998 AGAIN");
        assert_eq!(rows[18], " A12 supplier 1 ✓ 1 → 1001 (+1000)   ✓ 1 → 1001 (+1000)    ✓ -998 → 2 (+1000)");
        assert_eq!(rows[21], " Same order, same faults: only the guard differs. Temporal retried all three.");
        assert_eq!(rows[22], " last-order was lucky. Press B to send another order in between.");
        assert_eq!(rows[23], " v again B with another order between Esc back ? help q quit");
    }

    #[test]
    fn at_80_columns_another_order_between_fits_too() {
        let buffer = frame(&Play::over(true), 80, 24);
        let rows = rows(&buffer);
        assert_eq!(rows[1], " A12 998 x 123456, then B7   FAULTS after-commit-once  replaces original seed 42");
        assert_eq!(rows[11], " verdict         RIGHT expected 1001  WRONG expected 1001   WRONG expected 1001");
        assert_eq!(rows[14], " A12 update 1   ! 1000 → 2 ack lost  ! 1000 → 2 ack lost   ! 1000 → 2 ack lost");
        assert_eq!(rows[15], " B7  update 1   ✓ 2 → 1 (-1)         ✓ 2 → 1 (-1)          ✓ 2 → 1 (-1)");
        assert_eq!(rows[17], " A12 update 2   ↺ +0 replayed        2 1001 → 3 AGAIN      2 1001 → 3 AGAIN");
        assert_eq!(rows[18], " A12 supplier 1 ✓ +0 not needed      ✓ +0 not needed       ✓ +0 not needed");
        assert!(
            rows[21].contains("B7 came in between") && rows[22].contains("Temporal retried all three."),
            "{rows:#?}"
        );
    }

    #[test]
    fn colours_say_the_same_as_the_words() {
        let buffer = frame(&Play::over(false), 80, 24);
        let right = places(&buffer, " RIGHT ");
        assert_eq!(right.len(), 2);
        for place in right {
            assert_style(&buffer, place, Color::Green, BADGE);
        }
        assert_style(&buffer, places(&buffer, " WRONG ")[0], Color::Red, BADGE);
        let blocks = places(&buffer, "████");
        assert_style(&buffer, blocks[0], Color::Green, Modifier::empty());
        assert_style(&buffer, *blocks.iter().rev().find(|(x, _)| *x > 55).unwrap(), Color::Red, Modifier::empty());
        assert_style(&buffer, places(&buffer, "2 1 →")[0], Color::Red, BADGE);
        assert_style(&buffer, places(&buffer, "1 → -998 AGAIN")[0], Color::Red, Modifier::BOLD);
        assert_style(&buffer, places(&buffer, "AGAIN")[0], Color::Red, Modifier::BOLD);
        assert_style(&buffer, places(&buffer, "by luck")[0], Color::Magenta, Modifier::empty());
        assert_style(&buffer, places(&buffer, "replayed")[0], Color::Cyan, Modifier::empty());
    }

    #[test]
    fn while_it_is_open_no_stock_is_judged() {
        let buffer = frame(&Play::waiting(false), 80, 24);
        assert_eq!(places(&buffer, "PENDING").len(), 3);
        assert_eq!(places(&buffer, "○ retry in 1 s").len(), 3);
        assert_style(&buffer, places(&buffer, "████")[0], Color::Reset, Modifier::empty());
        places(&buffer, "its acknowledgement is lost. Temporal cannot know");
    }

    #[test]
    fn a_number_keeps_its_size_when_it_gets_shorter() {
        let (before, after) = (frame(&Play::begin(false).ready(), 80, 24), frame(&Play::waiting(false), 80, 24));
        let first = |buffer: &Buffer| (5..10).map(|y| buffer[(18, y)].symbol().to_owned()).collect::<String>();
        assert_eq!(first(&before), "█████");
        assert_eq!(first(&before), first(&after));
    }

    #[test]
    fn columns_are_aligned() {
        for (interleaved, width, height) in [(false, 80, 24), (true, 120, 40), (false, 60, 16)] {
            let buffer = frame(&Play::over(interleaved), width, height);
            let guards = [places(&buffer, "ledger")[0].0, places(&buffer, "last-order ")[0].0];
            let lost: Vec<_> = places(&buffer, "! ").into_iter().map(|(x, _)| x).collect();
            assert_eq!(lost[..2], guards, "{width}x{height}");
            let off = rows(&buffer)[2].rfind("off").unwrap();
            assert_eq!(usize::from(lost[2]), off, "{width}x{height}");
        }
    }

    #[test]
    fn at_120_columns_the_verdicts_are_letters() {
        let buffer = frame(&Play::over(true), 120, 40);
        let rows = rows(&buffer);
        assert!(rows[5].starts_with("                  ██   ██████ ██████   ██          ██████"), "{}", rows[5]);
        assert!(
            rows[11].starts_with("                ███  ████ ████ █  █ ████           █  █ ███  ████ ███  ████"),
            "{}",
            rows[11]
        );
        assert_style(&buffer, (16, 11), Color::Green, Modifier::empty());
        assert_eq!(places(&buffer, "expected 1001").len(), 3);
        assert!(!rows.iter().any(|row| row.contains("RIGHT")), "said once");
        places(&buffer, "✓ +0 not needed");
    }

    #[test]
    fn at_60_columns_it_is_short_but_true() {
        let rows = rows(&frame(&Play::over(true), 60, 16));
        assert!(rows[8].contains("RIGHT") && rows[8].matches("WRONG not 1001").count() == 2, "{}", rows[8]);
        assert!(rows[10].contains("… 2 earlier") && rows[12].starts_with("A12 u2 ↺ +0 replayed"), "{rows:#?}");
        assert_eq!(rows[14], " Same orders, same faults: only the guard differs.");
    }

    #[test]
    fn a_dead_worker_is_shown_with_its_attempt() {
        let buffer = frame(&crashed(), 80, 24);
        assert_eq!(places(&buffer, "† 1000 → 1 crashed").len(), 3);
        assert_eq!(places(&buffer, "worker † gone").len(), 3);
        assert_eq!(places(&buffer, "○ retry in 5 s").len(), 3);
    }

    #[test]
    fn the_obstacle_is_shown() {
        let mut play = Play::begin(false);
        play.tell(Guard::Off, ComparisonEvent::Failed { cause: "no room on the disk".into() });
        let buffer = frame(&play, 80, 24);
        assert_style(&buffer, places(&buffer, " FAILED")[0], Color::Red, BADGE);
        places(&buffer, " off: no room on the disk");
        let mut play = Play::waiting(false);
        let next_try = crate::domain::UnixMillis(play.now + 4_000);
        play.app.update(Message::Link(Link::Down { cause: "connection refused".into(), attempt: 2, next_try }));
        let buffer = frame(&play, 80, 24);
        assert_style(&buffer, places(&buffer, "no connection")[0], Color::Red, Modifier::BOLD);
    }
}
