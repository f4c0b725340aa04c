//! A terminal recording in asciinema's format version 2: a header, then a line for each change. It has no clock; the
//! caller passes the time of each frame.

use std::time::Duration;

use crossterm::{
    cursor::{Hide, MoveTo, Show},
    queue,
    style::force_color_output,
    terminal::{Clear, ClearType},
};
use ratatui::{
    backend::{Backend, CrosstermBackend},
    buffer::Buffer,
    layout::{Position, Rect, Size},
};
use serde_json::json;

/// A recording made of frames. The same frames give the same bytes.
#[derive(Debug)]
pub struct Cast {
    /// The screen after all lines so far.
    shown: Buffer,
    file: String,
    /// Time of the last frame.
    last: Duration,
}

impl Cast {
    /// Returns a recording of a terminal of `size`, with an empty screen.
    ///
    /// From this call on, the process writes colours even if `NO_COLOR` is set, because a recording has the colours of
    /// its frames.
    #[must_use]
    pub fn new(size: Size, title: &str) -> Self {
        force_color_output(true);
        let header = json!({
            "version": 2,
            "width": size.width,
            "height": size.height,
            "title": title,
            "env": { "TERM": "xterm-256color" },
        });
        let mut cast = Self {
            shown: Buffer::empty(Rect::from((Position::ORIGIN, size))),
            file: format!("{header}\n"),
            last: Duration::ZERO,
        };
        let mut clean = Vec::new();
        // Writing to memory does not fail.
        let _infallible = queue!(clean, Hide, Clear(ClearType::All));
        cast.event(&clean);
        cast
    }

    /// Adds the changes since the previous frame. `at` is the time since the beginning, truncated to milliseconds, and
    /// never decreases. Cells outside the recording's size are cut off.
    pub fn frame(&mut self, at: Duration, buffer: &Buffer) {
        self.last = self.last.max(at);
        let next = fitted(buffer, self.shown.area);
        let cells = self.shown.diff(&next);
        if !cells.is_empty() {
            let mut bytes = Vec::new();
            let _infallible = CrosstermBackend::new(&mut bytes).draw(cells.into_iter());
            self.event(&bytes);
        }
        self.shown = next;
    }

    /// Returns the content of the file. It ends with the time of the last frame and a visible cursor.
    #[must_use]
    pub fn finish(mut self) -> String {
        let Size { width, height } = self.shown.area.as_size();
        let mut end = Vec::new();
        let _infallible = queue!(end, MoveTo(width.saturating_sub(1), height.saturating_sub(1)), Show);
        self.event(&end);
        self.file
    }

    fn event(&mut self, bytes: &[u8]) {
        let millis = u64::try_from(self.last.as_millis()).unwrap_or(u64::MAX);
        let at = Duration::from_millis(millis).as_secs_f64();
        let line = json!([at, "o", String::from_utf8_lossy(bytes)]);
        self.file.push_str(&line.to_string());
        self.file.push('\n');
    }
}

/// Copies `buffer` to an area that begins at 0.
fn fitted(buffer: &Buffer, area: Rect) -> Buffer {
    let mut fitted = Buffer::empty(area);
    for (y, row) in area.rows().zip(buffer.content().chunks(usize::from(buffer.area.width).max(1))) {
        for (place, cell) in y.columns().zip(row) {
            fitted[(place.x, place.y)] = cell.clone();
        }
    }
    fitted
}

#[cfg(test)]
mod tests {
    use std::{
        num::NonZeroU16,
        sync::{Mutex, MutexGuard, PoisonError},
    };

    use ratatui::style::{Color, Modifier, Style};
    use serde_json::Value;

    use super::*;

    use crate::{
        app::{Intent, testing::fixture::Scene},
        ui::draw_on,
    };

    /// Serialises the tests that change crossterm's switch for colours, which applies to the whole process.
    static SWITCH: Mutex<()> = Mutex::new(());

    fn alone() -> MutexGuard<'static, ()> {
        SWITCH.lock().unwrap_or_else(PoisonError::into_inner)
    }

    const SIZE: Size = Size { width: 80, height: 24 };

    fn drawn(scene: &Scene) -> Buffer {
        let area = Rect::new(0, 0, SIZE.width, SIZE.height);
        let mut buffer = Buffer::empty(area);
        draw_on(&mut buffer, area, &scene.app);
        buffer
    }

    fn lines(file: &str) -> Vec<Value> {
        file.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// A terminal after all events of the recording.
    fn played(file: &str, size: Size) -> vt100::Parser {
        let cells = |count| NonZeroU16::new(count).unwrap();
        let mut parser = vt100::Parser::new(cells(size.height), cells(size.width), 0);
        for event in &lines(file)[1..] {
            assert_eq!(event[1], "o");
            parser.process(event[2].as_str().unwrap().as_bytes());
        }
        parser
    }

    fn colour(of: vt100::Color) -> Color {
        match of {
            vt100::Color::Default => Color::Reset,
            vt100::Color::Idx(number) => Color::Indexed(number),
            vt100::Color::Rgb(red, green, blue) => Color::Rgb(red, green, blue),
        }
    }

    /// The colour as the terminal reports it, which is a number for each of the 16.
    fn numbered(colour: Color) -> Color {
        match colour {
            Color::Red => Color::Indexed(1),
            Color::Green => Color::Indexed(2),
            Color::Magenta => Color::Indexed(5),
            Color::Cyan => Color::Indexed(6),
            other => other,
        }
    }

    #[track_caller]
    fn assert_shows(file: &str, buffer: &Buffer) {
        let parser = played(file, buffer.area.as_size());
        for y in 0..buffer.area.height {
            for x in 0..buffer.area.width {
                let (expected, found) = (&buffer[(x, y)], parser.screen().cell(y, x).unwrap());
                if found.is_wide_continuation() {
                    continue;
                }
                let text = if found.has_contents() { found.contents() } else { " " };
                assert_eq!(text, expected.symbol(), "at {x}, {y}");
                let colours = [numbered(expected.fg), numbered(expected.bg)];
                assert_eq!([colour(found.fgcolor()), colour(found.bgcolor())], colours, "at {x}, {y}: {text}");
                // For this terminal, bold and dim are one property, and the last one applies.
                let faint = expected.modifier.intersects(Modifier::BOLD | Modifier::DIM);
                assert_eq!(found.bold() || found.dim(), faint, "at {x}, {y}: {text}");
                for (is, modifier) in [(found.inverse(), Modifier::REVERSED), (found.underline(), Modifier::UNDERLINED)]
                {
                    assert_eq!(is, expected.modifier.contains(modifier), "at {x}, {y}: {text} {modifier:?}");
                }
            }
        }
    }

    #[test]
    fn a_terminal_that_plays_it_shows_the_frames() {
        let _alone = alone();
        // Like NO_COLOR, which must not make a difference.
        force_color_output(false);
        let mut cast = Cast::new(SIZE, "four scenes");
        let mut help = Scene::right();
        help.press(Intent::Help);
        let frames = [Scene::mid_retry, Scene::right, Scene::wrong].map(|scene| drawn(&scene()));
        for (buffer, at) in [drawn(&help)].into_iter().chain(frames).zip(1..) {
            cast.frame(Duration::from_millis(at * 250), &buffer);
            let so_far = Cast { shown: cast.shown.clone(), file: cast.file.clone(), last: cast.last }.finish();
            assert_shows(&so_far, &buffer);
        }
    }

    #[test]
    fn the_header_and_the_events_are_as_asciinema_wants_them() {
        let _alone = alone();
        let mut cast = Cast::new(SIZE, "a \"title\"");
        let frame = drawn(&Scene::mid_retry());
        cast.frame(Duration::from_millis(1_250), &frame);
        cast.frame(Duration::from_micros(2_000_900), &frame);
        cast.frame(Duration::from_secs(1), &drawn(&Scene::right()));
        let file = cast.finish();
        let header = r#"{"version":2,"width":80,"height":24,"title":"a \"title\"","env":{"TERM":"xterm-256color"}}"#;
        assert_eq!(file.lines().next(), Some(header));
        let times: Vec<_> = lines(&file)[1..].iter().map(|event| event[0].as_f64().unwrap()).collect();
        assert_eq!(times, [0.0, 1.25, 2.0, 2.0], "an equal frame is not an event, and time does not go back");
        let sizes: Vec<_> = file.lines().map(str::len).collect();
        assert!(sizes[3] < sizes[2], "only what has changed: {sizes:?}");
    }

    #[test]
    fn wide_characters_and_other_sizes_are_played_too() {
        let _alone = alone();
        let size = Size { width: 6, height: 2 };
        let mut cast = Cast::new(size, "");
        let mut buffer = Buffer::empty(Rect::new(3, 1, 9, 4));
        buffer.set_string(3, 1, "漢字ab and more", Style::new().fg(Color::Rgb(1, 2, 3)).bg(Color::Indexed(84)));
        cast.frame(Duration::ZERO, &buffer);
        buffer.set_string(3, 1, "a字", Style::new());
        cast.frame(Duration::from_secs(1), &buffer);
        let shown = cast.shown.clone();
        assert_eq!(shown.area, Rect::new(0, 0, 6, 2));
        let file = cast.finish();
        assert!(played(&file, size).screen().contents().starts_with("a字"), "{file}");
        let mut none = Cast::new(Size::ZERO, "");
        none.frame(Duration::ZERO, &buffer);
        assert_eq!(lines(&none.finish()).len(), 3);
    }
}
