//! Draws a step of a walkthrough on the whole screen.
//!
//! ~~~text
//! ┌ rule    the talk │ the position                                ┐ 1 row
//! ├ title   the step, in blocks if there is room                   ┤ 1, 2 or 8 rows
//! ├ text    for the audience                                       ┤ as many rows as needed
//! ├ panels  at most three: stock, orders, timeline, effects        ┤ the rest
//! ├ below   what is about to happen, is happening, or has happened ┤ as many rows as needed
//! └ keys    │ the key that was pressed                             ┘ 1 row
//! ~~~

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
        App, CheckResult, Execution, Link, Overlay, Paragraph, Piece, PieceKind, RunState, ScenarioRun, Step,
        StepPanel, StepState, Tone, Walkthrough, trouble,
    },
    keymap::KEYMAP,
    text::{truncate, wrap},
};

use super::{
    digits, effects, footer, inventory, orders, pane,
    prose::{prose_after, prose_within},
    supplier, theme, timeline, times, words,
};

/// Minimum height, in rows, for a title in blocks.
const TALL: u16 = 32;

/// Minimum height, in rows, for blank rows between the parts.
const ROOMY: u16 = 27;

/// Rows of a stock in blocks.
const STOCK: u16 = 6;

/// Draws the current step or, after the last one, the summary.
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

/// Draws the talk's title, the position and the elapsed time, and returns the area below.
fn rule(buffer: &mut Buffer, area: Rect, app: &App, walkthrough: &Walkthrough) -> Rect {
    let (at, count) = walkthrough.position();
    let marks: String = walkthrough.steps().enumerate().map(|(place, (_, state))| mark(place, at, state)).collect();
    let place = if at < count { format!("step {} of {count}", at + 1) } else { "summary".to_owned() };
    // The time stops at the summary.
    let now = if at < count { app.shown_now() } else { walkthrough.since() };
    let elapsed = times::clock(now.since(walkthrough.begun()));
    let note = format!("{marks}  {place}  {elapsed}");
    let title = Line::styled(truncate(walkthrough.title(), usize::from(area.width / 2)), theme::BOLD);
    pane::titled(buffer, area, title, &note, true)
}

const fn mark(place: usize, at: usize, state: &StepState) -> char {
    match state {
        StepState::Played(_) | StepState::Read => '●',
        StepState::Abandoned(_) => '✗',
        _ if place == at => '○',
        StepState::Skipped | StepState::Ready | StepState::Playing => '·',
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
    let said = text_below(app, step, state, width);
    // A blank row between, if the screen is high enough.
    let apart = u16::from(area.height >= ROOMY && step.scenario.is_some());
    let below = rows(&said).max(rows_below(step, width)).saturating_add(apart);
    let left = area.height.saturating_sub(heading).saturating_sub(below);
    let panels: u16 = step.panels.iter().map(|panel| least(*panel)).sum();
    let text = prose_within(&step.text, width, usize::from(left.saturating_sub(panels)));
    let [title, words, panels, below] = area.layout(&Layout::vertical([
        Constraint::Length(heading),
        Constraint::Length(rows(&text)),
        Constraint::Min(0),
        Constraint::Length(below),
    ]));
    draw_heading(buffer, title, &step.title);
    pane::lines(buffer, indented(words), text);
    let missing = if panels_show_step(app, walkthrough, state) {
        None
    } else if *state == StepState::Ready || *state == StepState::Playing {
        Some("resetting the stock for this step ..")
    } else {
        Some("another step is using the database; press r to play this step again")
    };
    draw_panels(buffer, panels, app, &step.panels, missing);
    let said = std::iter::repeat_n(Line::raw(""), usize::from(apart)).chain(said);
    pane::lines(buffer, indented(below), said);
}

/// Whether the content of the panels belongs to this step.
fn panels_show_step(app: &App, walkthrough: &Walkthrough, state: &StepState) -> bool {
    let is_prepared = |part: &RunState| !matches!(part, RunState::Clearing { .. } | RunState::Resetting);
    walkthrough.owns_orders()
        && match state {
            StepState::Ready => app.is_untouched(),
            StepState::Playing => app.scenario_run().is_none_or(|played| is_prepared(played.state())),
            _ => true,
        }
}

/// Returns the rows for the text below the panels: the maximum over all states of a step, so that nothing moves.
fn rows_below(step: &Step, width: usize) -> u16 {
    if step.scenario.is_none() {
        return 0;
    }
    let longest = |badge: &'static str, paragraphs| rows(&prose_after(Span::raw(badge), paragraphs, width));
    let (before, after) = (longest(" PLAYING ", &step.before), longest(" ✓ RESULT ", &step.after));
    before.max(after).saturating_add(1)
}

fn rows(lines: &[Line<'_>]) -> u16 {
    u16::try_from(lines.len()).unwrap_or(u16::MAX)
}

const fn indented(area: Rect) -> Rect {
    Rect { x: area.x.saturating_add(1), width: area.width.saturating_sub(2), ..area }
}

/// Returns the rows of a title.
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

/// Returns the minimum rows of a panel.
const fn least(panel: StepPanel) -> u16 {
    match panel {
        StepPanel::Stock => 2,
        StepPanel::Orders | StepPanel::Effects | StepPanel::Supplier => 3,
        StepPanel::Timeline => 5,
    }
}

/// Panels that get additional rows, up to the number given, in this order.
const WANTED: [(StepPanel, u16); 7] = [
    (StepPanel::Supplier, 4),
    (StepPanel::Timeline, 7),
    (StepPanel::Stock, STOCK),
    (StepPanel::Orders, 5),
    (StepPanel::Effects, 5),
    (StepPanel::Timeline, 9),
    (StepPanel::Effects, 7),
];

/// Returns the rows of each panel. They depend only on the step and the area, so that no panel moves while the step
/// plays.
fn heights(panels: &[StepPanel], area: Rect) -> Vec<u16> {
    let mut heights: Vec<u16> = panels.iter().map(|panel| least(*panel)).collect();
    let mut left = area.height.saturating_sub(heights.iter().sum());
    let mut raise = |wanted: StepPanel, rows: u16, left: &mut u16| {
        for (panel, height) in panels.iter().zip(&mut heights).filter(|(panel, _)| **panel == wanted) {
            let more = rows.saturating_sub(*height);
            // The stock in blocks has a fixed height.
            let more = if *panel == StepPanel::Stock && more > *left { 0 } else { more.min(*left) };
            *height = height.saturating_add(more);
            *left = left.saturating_sub(more);
        }
    };
    for (panel, rows) in WANTED {
        raise(panel, rows, &mut left);
    }
    // On a wide screen, the verdict in blocks goes below the stock.
    if area.width >= 100 {
        raise(StepPanel::Stock, 2 * STOCK, &mut left);
    }
    let lists = panels.iter().filter(|panel| **panel != StepPanel::Stock).count();
    let mut share = |height: &mut u16, lists: u16| {
        let more = left.checked_div(lists).unwrap_or(0);
        *height = height.saturating_add(more);
        left = left.saturating_sub(more);
    };
    let mut lists = u16::try_from(lists).unwrap_or(0);
    for (panel, height) in panels.iter().zip(&mut heights) {
        if *panel != StepPanel::Stock {
            share(height, lists);
            lists = lists.saturating_sub(1);
        }
    }
    heights
}

/// Draws the panels, or in each of them the text `missing` if they have nothing to show.
fn draw_panels(buffer: &mut Buffer, area: Rect, app: &App, panels: &[StepPanel], missing: Option<&str>) {
    // Panels that do not fit are omitted, the last one first.
    let mut shown = panels;
    while shown.iter().map(|panel| least(*panel)).sum::<u16>() > area.height {
        let Some((_, fewer)) = shown.split_last() else { return };
        shown = fewer;
    }
    let mut top = area.y;
    for (panel, height) in shown.iter().zip(heights(shown, area)) {
        let place = Rect { y: top, height, ..area }.intersection(area);
        top = top.saturating_add(height);
        match (missing, panel) {
            (Some(why), _) => {
                let inside = pane::titled(buffer, place, Line::styled(panel.name(), theme::BOLD), "", false);
                pane::lines(buffer, indented(inside), [Line::styled(why.to_owned(), theme::FAINT)]);
            }
            (None, StepPanel::Stock) => inventory::draw_for_room(buffer, place, app),
            (None, StepPanel::Orders) => orders::draw(buffer, place, app),
            (None, StepPanel::Timeline) => timeline::draw(buffer, place, app, 0),
            (None, StepPanel::Effects) => effects::draw(buffer, place, app),
            (None, StepPanel::Supplier) => supplier::draw(buffer, place, app),
        }
    }
}

/// Returns the text below the panels: a badge and sentences.
fn text_below(app: &App, step: &Step, state: &StepState, width: usize) -> Vec<Line<'static>> {
    let notice = app.notice().filter(|notice| notice.tone != Tone::Good).map(|notice| {
        let style = if notice.tone == Tone::Bad { theme::BAD } else { theme::BOLD };
        (notice.text.clone(), style)
    });
    let (badge, style, paragraphs, more) = match state {
        StepState::Ready | StepState::Read if step.scenario.is_none() => return Vec::new(),
        StepState::Ready | StepState::Read => (" NEXT ", theme::PLAIN, &step.before, None),
        StepState::Skipped => (" SKIPPED ", theme::WARN, &step.before, None),
        StepState::Playing => (" PLAYING ", theme::KNOWN, &step.before, Some((playing(app), theme::PLAIN))),
        StepState::Played(judged) if judged.passed() => {
            (" ✓ RESULT ", theme::GOOD, &step.after, Some((evidence(judged, width), theme::GOOD)))
        }
        StepState::Played(judged) => {
            let complaint = judged.complaint().unwrap_or_default();
            return plain(" ✗ NOT AS DESCRIBED ", &format!("{complaint}. Press r to play it again."), width);
        }
        StepState::Abandoned(why) => {
            return plain(" ✗ NOT FINISHED ", &format!("{why}. Press r to play it again."), width);
        }
    };
    let mut lines = prose_after(Span::styled(badge, theme::badge(style)), paragraphs, width);
    let more = notice.or(more);
    if let Some((text, style)) = more {
        let room = usize::from(rows_below(step, width)).saturating_sub(lines.len()).clamp(1, 3);
        lines.extend(wrap(&text, width, 0, room).into_iter().map(|line| Line::styled(line, style)));
    }
    lines
}

fn plain(badge: &'static str, text: &str, width: usize) -> Vec<Line<'static>> {
    let lead = Span::styled(badge, theme::badge(theme::BAD));
    let text = Paragraph { bullet: false, pieces: vec![Piece { text: text.to_owned(), kind: PieceKind::Plain }] };
    prose_after(lead, &[text], width).into_iter().map(|line| line.patch_style(theme::BAD)).collect()
}

/// Returns the checks that the step passed, in one line: as many as fit, and the number of the others.
fn evidence(judged: &CheckResult, width: usize) -> String {
    let mut text = String::from("checked:");
    for (index, check) in judged.checks.iter().enumerate() {
        let left = judged.checks.len().saturating_sub(index);
        let next = format!("{} {} {}", if index == 0 { "" } else { "," }, check.what, check.found);
        let more = format!("; {left} more {} passed", if left == 1 { "check" } else { "checks" });
        if text.len() + next.len() + if left > 1 { more.len() } else { 0 } > width {
            return text + &more;
        }
        text.push_str(&next);
    }
    text
}

/// Returns a function for the stage of an order and what it waits for.
fn under_way(app: &App) -> impl Fn(&Execution) -> String {
    |order| {
        let stage = app.stage(order);
        let (word, waits) = (words::stage(stage).0, words::waits_for(app, stage));
        if waits.is_empty() {
            format!("{}: {word}", order.order)
        } else {
            format!("{}: {word}, waiting for {waits}", order.order)
        }
    }
}

/// Returns the progress of a running step.
fn playing(app: &App) -> String {
    let gathering = || {
        if let Some(trouble) = trouble(app) {
            return trouble.text;
        }
        let link = if *app.link() == Link::Up { "connected" } else { "connecting" };
        format!("preparing: {link}, worker {}", words::current_worker(app).0)
    };
    match app.scenario_run().map(ScenarioRun::state) {
        Some(RunState::Running) => {
            // A problem explains why the order waits.
            let why = trouble(app).filter(|trouble| !trouble.passes).map(|trouble| trouble.text);
            app.selected().map(under_way(app)).into_iter().chain(why).collect::<Vec<_>>().join("; ")
        }
        Some(RunState::Clearing { .. } | RunState::Resetting) if *app.link() != Link::Up => gathering(),
        Some(RunState::Clearing { .. }) => "cleaning up after the previous step".to_owned(),
        Some(RunState::Resetting) => "resetting the stock".to_owned(),
        _ => gathering(),
    }
}

/// Draws the key that was pressed last, for the audience.
fn echo(buffer: &mut Buffer, area: Rect, app: &App) {
    let Some(echo) = app.view().echo().filter(|echo| echo.overlay == Overlay::Walkthrough) else { return };
    let bound = KEYMAP.iter().find(|binding| binding.intent == echo.intent && binding.scope.includes(echo.overlay));
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
            Intent, Message, NotesPage, Options, StartMode,
            testing::{
                fixture,
                headless::{World, walkthrough},
            },
        },
        domain::UnixMillis,
        ui::tests::{assert_style, find, frame, text},
    };

    /// A walkthrough after its first `count` steps, with the next one on the screen.
    fn at_step(count: usize) -> World {
        let mut world = World::new(walkthrough());
        while world.app().walkthrough().unwrap().position().0 < count {
            world.press(Intent::GoOn);
            world.settle();
        }
        world.wait(2_500);
        world
    }

    #[test]
    fn a_step_is_introduced_played_and_shown_at_every_size() {
        for (width, height) in [(60, 16), (80, 24), (120, 40)] {
            let mut world = at_step(2);
            let introduced = frame(world.app(), width, height);
            let of_this_step = ["stock ──", "selected order ──", "RIGHT", "no order yet"];
            for words in of_this_step {
                find(&introduced, words);
            }
            let titles = |buffer: &Buffer| places_of_titles(buffer);
            let places = titles(&introduced);
            let key_sentence = if height < 24 { "the reply" } else { "at least" };
            for words in ["The network forgets", "step 3 of 11", " NEXT", "The guard is off", key_sentence, "→ next"]
            {
                find(&introduced, words);
            }
            world.press(Intent::GoOn);
            while world.app().walkthrough().unwrap().step().unwrap().1 == &StepState::Playing {
                let playing = frame(world.app(), width, height);
                assert_eq!(titles(&playing), places, "{}", text(&playing));
                for words in ["PLAYING", key_sentence] {
                    find(&playing, words);
                }
                world.go_on();
            }
            world.settle();
            let seen = frame(world.app(), width, height);
            assert_eq!(titles(&seen), places, "{}", text(&seen));
            for words in ["✓ RESULT", "The retry took the 999 units", "checked: stock 2, verdict wrong", " WRONG "] {
                find(&seen, words);
            }
            let badge = Modifier::BOLD | Modifier::REVERSED;
            assert_style(&seen, " ✓ RESULT", Color::Green, badge);
            assert_style(&seen, " WRONG ", Color::Red, badge);
            assert!(!text(&seen).contains('…') || width < 80, "{}", text(&seen));
        }
    }

    /// The rows of the panels' titles.
    fn places_of_titles(buffer: &Buffer) -> Vec<usize> {
        let rule = |line: &str| line.starts_with("──");
        text(buffer).lines().enumerate().filter(|(_, line)| rule(line)).map(|(row, _)| row).collect()
    }

    #[test]
    fn a_box_over_a_walkthrough_never_shows_the_dashboard() {
        for (width, height) in [(60, 16), (80, 24), (120, 40)] {
            let mut world = at_step(2);
            for (intent, title) in [(Intent::Close, "Leave the walkthrough"), (Intent::Help, "idempotence")] {
                world.press(intent);
                let shown = frame(world.app(), width, height);
                find(&shown, title);
                assert!(!text(&shown).contains("connected"), "{}", text(&shown));
                world.press(Intent::Close);
            }
            world.press(Intent::Close);
            let asked = frame(world.app(), width, height);
            for words in ["The network forgets", "step 3 of 11", "y yes"] {
                find(&asked, words);
            }
            assert!(height > 20 || text(&asked).contains("RIGHT"), "the verdict is covered: {}", text(&asked));
            world.press(Intent::Yes);
            find(&frame(world.app(), width, height), "connected");
        }
    }

    #[test]
    fn a_replaced_step_shows_no_facts_of_its_successor() {
        let mut world = at_step(2);
        world.press(Intent::GoBack);
        let back = frame(world.app(), 80, 24);
        find(&back, "another step is using the database");
        assert!(!text(&back).contains("expected 1000"), "{}", text(&back));
        assert_eq!(places_of_titles(&back).len(), 2);
    }

    #[test]
    fn a_step_without_a_server_shows_why_it_waits() {
        let mut world = at_step(2);
        world.press(Intent::GoOn);
        while world.app().orders().is_empty() {
            world.go_on();
        }
        let next_try = UnixMillis(fixture::T0);
        world.tell(Message::Link(Link::Down { cause: "nothing listens".into(), attempt: 1, next_try }));
        find(&frame(world.app(), 120, 40), "no connection, next try now: nothing listens");
        // The open order is terminated first.
        world.press(Intent::RepeatStep);
        let part = world.app().scenario_run().map(ScenarioRun::state);
        assert!(matches!(part, Some(RunState::Clearing { .. })), "{part:?}");
        find(&frame(world.app(), 120, 40), "no connection, next try now: nothing listens");
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
    fn an_unexpected_result_is_shown_in_red_with_the_next_key() {
        let mut script = crate::app::testing::headless::shipped();
        script.steps[0].scenario.as_mut().unwrap().expect.stock = Some(1002);
        let mut world = World::new(StartMode::Walkthrough(Box::new(script)));
        world.press(Intent::GoOn);
        world.settle();
        let seen = frame(world.app(), 80, 24);
        assert_style(&seen, " ✗ NOT AS DESCRIBED", Color::Red, Modifier::BOLD | Modifier::REVERSED);
        find(&seen, "stock 1001 instead of 1002. Press r to play it again.");
    }

    #[test]
    fn the_summary_has_the_figures_of_this_very_run() {
        let mut world = at_step(10);
        world.press(Intent::GoOn);
        for (width, height) in [(60, 16), (80, 24), (120, 40)] {
            let summary = frame(world.app(), width, height);
            for words in ["✓ One order", "✓ Without a key", "✓ EVERYTHING AS DESCRIBED", "13 orders sent."] {
                find(&summary, words);
            }
            assert!(!text(&summary).contains("→ next"), "there is nothing to go on to");
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
    fn the_speakers_screen_has_notes_time_and_the_next_step() {
        let mut world = at_step(2);
        world.press(Intent::GoOn);
        let page = world.asked.iter().rev().find_map(|command| match command {
            crate::app::Command::Present(page) => Some(page.clone()),
            _ => None,
        });
        let mut notes = App::new(Options { start_mode: StartMode::Notes, ..fixture::setup() });
        find(&frame(&notes, 80, 24), "idempotence walkthrough");
        let page: NotesPage = page.unwrap();
        let now = UnixMillis(page.since.0 + 61_000);
        notes.update(Message::Presented(Some(page)));
        notes.update(Message::Tick { now });
        for (width, height) in [(60, 16), (80, 24), (120, 40)] {
            let shown = frame(&notes, width, height);
            for words in [
                "step 3 of 11",
                "Press s to skip. On this step for 1:0",
                "Let the number sink in",
                "next: With the key",
            ] {
                find(&shown, words);
            }
        }
    }

    #[test]
    fn no_size_makes_it_panic() {
        let mut played = at_step(9);
        played.press(Intent::GoOn);
        let mut over = at_step(10);
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
