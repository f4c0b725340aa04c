//! A step of a walkthrough, over the whole screen. Changes nothing.
//!
//! ~~~text
//! ┌ rule    the talk │ how far it is                               ┐ 1 row
//! ├ title   the step, in blocks where there is room                ┤ 1 or 6 rows
//! ├ text    what the room reads                                    ┤ as many rows as it takes
//! ├ panels  at most three: stock, orders, timeline, effects        ┤ the rest
//! ├ said    what is about to happen, happens, or was seen          ┤ as many rows as it takes
//! └ keys    │ the key that was pressed                             ┘ 1 row
//! ~~~

mod prose;
mod summary;

use ratatui::{
    buffer::Buffer,
    layout::{Constraint, Layout, Rect},
    style::Style,
    text::{Line, Span},
    widgets::{Clear, Widget},
};

use crate::{
    app::{
        App, Judged, Link, Overlay, Paragraph, Part, Performance, Piece, PieceKind, Step, StepPanel, StepState, Tone,
        Walkthrough, trouble,
    },
    keymap::KEYMAP,
};

use super::{digits, effects, footer, inventory, orders, pane, theme, timeline, words};

pub use prose::prose;
use prose::{prose_after, prose_within};

/// From this height on the title is drawn in blocks.
const TALL: u16 = 32;

/// From this height on rows stand apart.
const ROOMY: u16 = 27;

/// The rows that a panel needs to be worth its place.
const STOCK: u16 = 6;
const SMALL: u16 = 3;

pub fn draw(buffer: &mut Buffer, area: Rect, app: &App) {
    let area = area.intersection(buffer.area);
    Clear.render(area, buffer);
    let Some(walkthrough) = app.walkthrough() else { return };
    let [body, keys] = area.layout(&Layout::vertical([Constraint::Min(0), Constraint::Length(1)]));
    let body = rule(buffer, body, app, walkthrough);
    match walkthrough.step() {
        Some((step, state)) => draw_step(buffer, body, app, walkthrough, (step, state)),
        None => summary::draw(buffer, body, walkthrough),
    }
    footer::draw_keys(buffer, keys, app);
    echo(buffer, keys, app);
}

/// The talk, how far it is, and for how long it has been going on.
fn rule(buffer: &mut Buffer, area: Rect, app: &App, walkthrough: &Walkthrough) -> Rect {
    let (at, count) = walkthrough.position();
    let marks: String = walkthrough.steps().enumerate().map(|(place, (_, state))| mark(place, at, state)).collect();
    let place = if at < count { format!("step {} of {count}", at + 1) } else { "summary".to_owned() };
    // The summary is the end, however long it is looked at.
    let now = if at < count { app.shown_now() } else { walkthrough.since() };
    let elapsed = pane::clock(now.0.saturating_sub(walkthrough.begun().0));
    let note = format!("{marks}  {place}  {elapsed}");
    let title = Line::styled(pane::cut(walkthrough.title(), usize::from(area.width / 2)), theme::BOLD);
    pane::titled(buffer, area, title, &note, true)
}

const fn mark(place: usize, at: usize, state: &StepState) -> char {
    match state {
        StepState::Seen(_) | StepState::Read => '●',
        StepState::GivenUp(_) => '✗',
        _ if place == at => '○',
        StepState::Skipped | StepState::Told | StepState::Playing => '·',
    }
}

fn draw_step(
    buffer: &mut Buffer,
    area: Rect,
    app: &App,
    walkthrough: &Walkthrough,
    (step, state): (&Step, &StepState),
) {
    let width = usize::from(area.width.saturating_sub(2));
    let heading = heading(&step.title, area);
    let mut said = said(app, step, state, width);
    // A row between is for who has rows.
    if area.height >= ROOMY && !said.is_empty() {
        said.insert(0, Line::raw(""));
    }
    let left = area.height.saturating_sub(heading).saturating_sub(rows(&said));
    // Before it is played, a step is its text; afterwards it is what the panels show.
    let told = matches!(state, StepState::Told | StepState::Read);
    // What an earlier step has left on the stage would be taken for this one's.
    let own = walkthrough.has_the_stage() && !(told && app.performance().is_some());
    let shown: &[StepPanel] = if own { &step.panels } else { &[] };
    let panels: u16 = shown.iter().map(|panel| least(*panel)).sum();
    let room = if told { left } else { left.saturating_sub(panels) };
    let text = prose_within(&step.text, width, usize::from(room));
    let [title, words, panels, below] = area.layout(&Layout::vertical([
        Constraint::Length(heading),
        Constraint::Length(rows(&text)),
        Constraint::Min(0),
        Constraint::Length(rows(&said)),
    ]));
    draw_heading(buffer, title, &step.title);
    pane::lines(buffer, indented(words), text);
    draw_panels(buffer, panels, app, shown);
    pane::lines(buffer, indented(below), said);
}

fn rows(lines: &[Line<'_>]) -> u16 {
    u16::try_from(lines.len()).unwrap_or(u16::MAX)
}

const fn indented(area: Rect) -> Rect {
    Rect { x: area.x.saturating_add(1), width: area.width.saturating_sub(2), ..area }
}

/// The rows of a title.
fn heading(title: &str, area: Rect) -> u16 {
    let blocks = area.height >= TALL && digits::fits(&title.to_uppercase(), area.width.saturating_sub(2));
    match (blocks, area.height) {
        (true, _) => digits::HEIGHT + 3,
        (false, ROOMY..) => 2,
        (false, _) => 1,
    }
}

fn draw_heading(buffer: &mut Buffer, area: Rect, title: &str) {
    let area = indented(area);
    if area.height > digits::HEIGHT {
        let blocks = Rect { y: area.y.saturating_add(1), height: digits::HEIGHT, ..area };
        digits::draw(buffer, blocks, &title.to_uppercase(), theme::PLAIN);
    } else {
        pane::lines(buffer, area, [Line::styled(title.to_uppercase(), theme::BOLD)]);
    }
}

const fn least(panel: StepPanel) -> u16 {
    match panel {
        StepPanel::Stock => STOCK,
        StepPanel::Orders => SMALL + 2,
        StepPanel::Timeline => 3 * SMALL,
        StepPanel::Effects => SMALL + 1,
    }
}

fn draw_panels(buffer: &mut Buffer, area: Rect, app: &App, panels: &[StepPanel]) {
    // A panel that does not fit is left out whole, the last one first.
    let mut shown = panels;
    while shown.iter().map(|panel| least(*panel)).sum::<u16>() > area.height {
        let Some((_, fewer)) = shown.split_last() else { return };
        shown = fewer;
    }
    let taken: u16 = shown.iter().map(|panel| least(*panel)).sum();
    // Twice its rows, and the stock has its verdict in letters too.
    let tall = area.width >= 100 && taken.saturating_add(STOCK) <= area.height;
    let constraint = |panel: &StepPanel| match panel {
        StepPanel::Stock if tall => Constraint::Length(2 * STOCK),
        StepPanel::Stock => Constraint::Length(STOCK),
        other => Constraint::Min(least(*other)),
    };
    let places = Layout::vertical(shown.iter().map(constraint)).split(area);
    for (panel, place) in shown.iter().zip(places.iter()) {
        match panel {
            StepPanel::Stock => inventory::draw(buffer, *place, app),
            StepPanel::Orders => orders::draw(buffer, *place, app),
            StepPanel::Timeline => timeline::draw(buffer, *place, app, 0),
            StepPanel::Effects => effects::draw(buffer, *place, app),
        }
    }
}

/// What is said below the panels: a badge, and sentences.
fn said(app: &App, step: &Step, state: &StepState, width: usize) -> Vec<Line<'static>> {
    let plays = *state == StepState::Playing;
    let notice = app.notice().filter(|notice| plays || notice.tone == Tone::Bad);
    let notice = notice.map(|notice| notice.text.clone());
    let (badge, style, paragraphs, more) = match state {
        StepState::Told | StepState::Read if step.scenario.is_none() => return Vec::new(),
        StepState::Told | StepState::Read => (" NEXT ", theme::PLAIN, &step.before, None),
        StepState::Skipped => (" SKIPPED ", theme::WARN, &step.before, None),
        StepState::Playing => (" PLAYING ", theme::KNOWN, &step.before, Some((playing(app), theme::PLAIN))),
        StepState::Seen(judged) if judged.holds() => {
            (" ✓ SEEN ", theme::GOOD, &step.after, Some((evidence(judged, width), theme::GOOD)))
        }
        StepState::Seen(judged) => {
            let complaint = judged.complaint().unwrap_or_default();
            return plain(" ✗ NOT AS TOLD ", &format!("{complaint}. r plays it once more."), width);
        }
        StepState::GivenUp(why) => return plain(" ✗ NO END ", &format!("{why}. r plays it once more."), width),
    };
    let mut lines = prose_after(Span::styled(badge, theme::badge(style)), paragraphs, width);
    let more = notice.map(|text| (text, theme::BAD)).or(more);
    if let Some((text, style)) = more {
        lines.extend(pane::wrap(&text, width, 0, 3).into_iter().map(|line| Line::styled(line, style)));
    }
    lines
}

fn plain(badge: &'static str, text: &str, width: usize) -> Vec<Line<'static>> {
    let lead = Span::styled(badge, theme::badge(theme::BAD));
    let text = Paragraph { bullet: false, pieces: vec![Piece { text: text.to_owned(), kind: PieceKind::Plain }] };
    prose_after(lead, &[text], width).into_iter().map(|line| line.patch_style(theme::BAD)).collect()
}

/// What the step stands or falls by, in one line: as much as fits.
fn evidence(judged: &Judged, width: usize) -> String {
    let mut text = String::from("checked:");
    for (place, check) in judged.checks.iter().enumerate() {
        let left = judged.checks.len().saturating_sub(place);
        let next = format!("{} {} {}", if place == 0 { "" } else { "," }, check.what, check.found);
        let more = format!(", and {left} more");
        if text.len() + next.len() + if left > 1 { more.len() } else { 0 } > width {
            return text + &more;
        }
        text.push_str(&next);
    }
    text
}

/// What is waited for while a step is played.
fn playing(app: &App) -> String {
    let gathering = || {
        if let Some(trouble) = trouble(app) {
            return trouble.text;
        }
        let link = if *app.link() == Link::Up { "connected" } else { "connecting" };
        format!("the stage is prepared: {link}, worker {}", words::worker(app.worker()).0)
    };
    match app.performance().map(Performance::part) {
        Some(Part::Acting) => app.selected().map_or_else(String::new, |order| {
            let stage = app.stage(order);
            let waits = words::waits_for(app, stage);
            let word = words::stage(stage).0;
            if waits.is_empty() {
                format!("{}: {word}", order.order)
            } else {
                format!("{}: {word}, waits for {waits}", order.order)
            }
        }),
        Some(Part::Clearing { .. }) => "what the step before has left is cleared away".to_owned(),
        Some(Part::Resetting) => "the starting stock is put back".to_owned(),
        _ => gathering(),
    }
}

/// The key that was pressed last, for the room.
fn echo(buffer: &mut Buffer, area: Rect, app: &App) {
    let Some(echo) = app.echo().filter(|echo| echo.overlay == Overlay::Walkthrough) else { return };
    let bound = KEYMAP.iter().find(|binding| binding.intent == echo.intent && binding.scope.holds(echo.overlay));
    let Some(bound) = bound else { return };
    let text = format!("  {}  ", bound.shown);
    let width = u16::try_from(text.chars().count()).unwrap_or(u16::MAX).min(area.width);
    let place = Rect { x: area.right().saturating_sub(width), width, ..area };
    let style: Style = theme::badge(theme::KNOWN);
    pane::lines(buffer, place, [Line::from(Span::styled(text, style))]);
}

#[cfg(test)]
mod tests {
    use ratatui::style::{Color, Modifier};

    use super::*;
    use crate::{
        app::{
            Intent, Message, NotesPage, Programme, Setup, script,
            world::{World, walkthrough},
        },
        domain::UnixMillis,
        ui::tests::{assert_style, find, frame, text},
    };

    /// A walkthrough whose first `count` steps were seen, with the next one on the screen.
    fn at_step(count: usize) -> World {
        let mut world = World::new(walkthrough());
        for _ in 0..count {
            world.press(Intent::GoOn);
            world.settle();
            world.press(Intent::GoOn);
        }
        world.wait(2_500);
        world
    }

    #[test]
    fn a_step_is_told_then_played_then_seen_at_every_size() {
        for (width, height) in [(60, 16), (80, 24), (120, 40)] {
            let mut world = at_step(2);
            let told = frame(world.app(), width, height);
            assert!(!text(&told).contains("── stock"), "what the step before has left is not this one's");
            for words in ["The network forgets", "step 3 of 8", " NEXT", "The guard is off", "at least", "→ go on"] {
                find(&told, words);
            }
            world.press(Intent::GoOn);
            find(&frame(world.app(), width, height), " PLAYING");
            world.settle();
            let seen = frame(world.app(), width, height);
            for words in ["✓ SEEN", "The retry took the 999 units", "checked: stock 2, verdict wrong", " WRONG "] {
                find(&seen, words);
            }
            let badge = Modifier::BOLD | Modifier::REVERSED;
            assert_style(&seen, " ✓ SEEN", Color::Green, badge);
            assert_style(&seen, " WRONG ", Color::Red, badge);
            assert!(!text(&seen).contains('…') || width < 80, "{}", text(&seen));
        }
    }

    #[test]
    fn at_120_by_40_the_title_is_read_from_the_back_of_the_room() {
        let seen = frame(at_step(2).app(), 120, 40);
        assert!(!text(&seen).contains("WITHOUT A KEY"), "in letters of one row");
        // The W of WITHOUT.
        find(&seen, " ██  ██ ");
        let small = frame(at_step(2).app(), 80, 24);
        assert_style(&small, "WITHOUT A KEY", Color::Reset, Modifier::BOLD);
    }

    #[test]
    fn what_did_not_come_as_told_is_said_in_red_with_the_way_out() {
        let mut script = crate::app::world::shipped();
        script.steps[0].scenario.as_mut().unwrap().expect.stock = Some(1002);
        let mut world = World::new(Programme::Walkthrough(Box::new(script)));
        world.press(Intent::GoOn);
        world.settle();
        let seen = frame(world.app(), 80, 24);
        assert_style(&seen, " ✗ NOT AS TOLD", Color::Red, Modifier::BOLD | Modifier::REVERSED);
        find(&seen, "stock 1001 instead of 1002. r plays it once more.");
    }

    #[test]
    fn the_summary_has_the_figures_of_this_very_run() {
        let mut world = at_step(7);
        world.press(Intent::GoOn);
        for (width, height) in [(60, 16), (80, 24), (120, 40)] {
            let summary = frame(world.app(), width, height);
            for words in ["✓ One order", "✓ Without a key", "✓ ALL AS TOLD", "Orders sent: 11."] {
                find(&summary, words);
            }
            assert!(!text(&summary).contains("→ go on"), "there is nothing to go on to");
        }
    }

    #[test]
    fn the_room_sees_the_key_for_a_moment() {
        let mut world = at_step(0);
        world.press(Intent::GoOn);
        let pressed = frame(world.app(), 80, 24);
        assert_style(&pressed, "  →", Color::Cyan, Modifier::BOLD | Modifier::REVERSED);
        world.settle();
        world.wait(3_000);
        assert!(!text(&frame(world.app(), 80, 24)).ends_with("  →\n"));
    }

    #[test]
    fn the_speakers_screen_has_notes_time_and_what_comes_next() {
        let mut world = at_step(2);
        world.press(Intent::GoOn);
        let page = world.asked.iter().rev().find_map(|command| match command {
            crate::app::Command::Present(page) => Some(page.clone()),
            _ => None,
        });
        let mut notes = App::new(Setup { programme: Programme::Notes, ..script::setup() });
        find(&frame(&notes, 80, 24), "idempotence walkthrough");
        let page: NotesPage = page.unwrap();
        let now = UnixMillis(page.since.0 + 61_000);
        notes.update(Message::Presented(Some(page)));
        notes.update(Message::Tick { now });
        for (width, height) in [(60, 16), (80, 24), (120, 40)] {
            let shown = frame(&notes, width, height);
            for words in
                ["step 3 of 8", "it is being played; here for 1:0", "Let the number sink in", "next: With the key"]
            {
                find(&shown, words);
            }
        }
    }

    #[test]
    fn no_size_makes_it_panic() {
        let mut played = at_step(6);
        played.press(Intent::GoOn);
        let mut over = at_step(7);
        over.press(Intent::GoOn);
        for world in [0, 2].into_iter().map(at_step).chain([played, over]) {
            for (width, height) in [0, 1, 60, 80, 120].into_iter().flat_map(|width| (0..=42).map(move |y| (width, y))) {
                let area = Rect::new(0, 0, width, height);
                let mut buffer = Buffer::empty(area);
                draw(&mut buffer, area, world.app());
                crate::ui::draw_on(&mut buffer, area, world.app());
            }
        }
    }
}
