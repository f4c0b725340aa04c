//! Draws the bar of a replay in place of the keys: the state, the position and the keys of the replay.

use std::time::Duration;

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
    widgets::{Clear, Widget},
};

use crate::{
    app::{App, Intent, Overlay, Question, ReplayBar, ReplayState},
    domain::millis,
    keymap::Binding,
    text::truncate,
};

use super::{footer, pane, theme, times};

/// Maximum width of the progress bar, in columns.
const BAR: u16 = 24;

/// Draws the state of a replay and its keys.
pub fn draw(buffer: &mut Buffer, area: Rect, app: &App, bar: &ReplayBar) {
    Clear.render(area, buffer);
    let (word, style) = match bar.state {
        ReplayState::Playing => (" REPLAY ", theme::KNOWN),
        ReplayState::Paused => (" PAUSED ", theme::WARN),
        ReplayState::Waiting => (" PRESS → ", theme::GOOD),
        ReplayState::Confirming => (" LEAVE THE REPLAY? ", theme::WARN),
        // The whole screen is black.
        ReplayState::Blank => return,
        ReplayState::Over => (" ■ END ", theme::PLAIN),
        ReplayState::CutOff => (" ■ CUT OFF ", theme::WARN),
    };
    let mut spans = vec![Span::styled(word, theme::badge(style))];
    if let Some(note) = app.view().replay_note() {
        let room = usize::from(area.width).saturating_sub(word.chars().count() + 4);
        spans.push(Span::styled(format!("  » {}", truncate(note, room)), theme::BOLD));
        return pane::lines(buffer, area, [Line::from(spans)]);
    }
    spans.push(Span::raw(format!(" {} {} / {} ", speed(bar.speed), times::clock(bar.at), times::clock(bar.length))));
    // On a narrow screen, the keys matter more than the progress bar.
    let columns = if area.width < 70 { 0 } else { (area.width / 5).min(BAR) };
    let done = if bar.length.is_zero() { columns } else { part(columns, bar.at, bar.length) };
    spans.push(Span::styled("█".repeat(usize::from(done)), style));
    spans.push(Span::styled("─".repeat(usize::from(columns.saturating_sub(done))), theme::FAINT));
    let overlay = match bar.state {
        ReplayState::Confirming => Overlay::Confirm(Question::LeaveReplay),
        _ => Overlay::Replay,
    };
    let room = usize::from(area.width).saturating_sub(Line::from(spans.clone()).width());
    // Esc asks whether to leave; q, which the bar shows, leaves at once.
    let offer = |binding: &Binding| (binding.intent != Intent::Close).then_some((binding.footer?, binding.short));
    spans.extend(footer::keys(overlay, room, 2, offer));
    pane::lines(buffer, area, [Line::from(spans)]);
}

fn part(columns: u16, at: Duration, length: Duration) -> u16 {
    let [at, length] = [at, length].map(millis::whole);
    u16::try_from(u64::from(columns).saturating_mul(at) / length.max(1)).unwrap_or(columns).min(columns)
}

fn speed(quarters: u64) -> String {
    match quarters {
        1 => "x0.25".to_owned(),
        2 => "x0.5".to_owned(),
        quarters => format!("x{}", quarters / 4),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::{
        app::{ReplayBar, testing::fixture::Scene},
        ui::tests::{find, frame},
    };

    #[test]
    fn the_replay_bar_shows_its_position_and_its_keys() {
        let mut scene = Scene::right();
        let bar = ReplayBar {
            state: ReplayState::Playing,
            speed: 2,
            at: Duration::from_millis(61_500),
            length: Duration::from_secs(123),
            replayed: 5,
            entries: 10,
        };
        for (bar, words) in [
            (bar, " REPLAY  x0.5 1:01 / 2:03 ████████────────"),
            (ReplayBar { state: ReplayState::Paused, ..bar }, " PAUSED "),
            (ReplayBar { state: ReplayState::Waiting, speed: 16, ..bar }, " PRESS →  x4 "),
            (
                ReplayBar { state: ReplayState::Over, at: bar.length, ..bar },
                " ■ END  x0.5 2:03 / 2:03 ████████████████  ",
            ),
            (ReplayBar { state: ReplayState::CutOff, ..bar }, " ■ CUT OFF "),
        ] {
            scene.app.view_mut().show_replay(bar);
            let shown = frame(&scene.app, 80, 24);
            assert_eq!(find(&shown, words).1, 23);
            find(&shown, "→ next key");
        }
        for (width, height) in [(60, 16), (61, 17), (300, 20)] {
            frame(&scene.app, width, height);
        }
    }
}
