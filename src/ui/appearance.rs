//! The last step of drawing. All other files draw with the colours of `theme` and in Unicode; this file translates the
//! finished cells, so that the theme, `NO_COLOR` and ASCII apply to every region.

use ratatui::{
    buffer::{Buffer, Cell},
    layout::Rect,
    style::{Color, Modifier},
};
use unicode_width::UnicodeWidthStr;

use crate::app::{Appearance, Theme};

/// Black and white from the 256-colour palette. Unlike the first 16 colours, terminals do not redefine them.
const BLACK: Color = Color::Indexed(16);
const WHITE: Color = Color::Indexed(231);

/// Applies the appearance to the cells of `area`.
pub fn apply(buffer: &mut Buffer, area: Rect, look: Appearance) {
    if look.theme == Theme::Terminal && !look.ascii {
        return;
    }
    let area = area.intersection(buffer.area);
    for y in area.top()..area.bottom() {
        let mut hidden = 0;
        for x in area.left()..area.right() {
            let Some(cell) = buffer.cell_mut((x, y)) else { continue };
            paint(cell, look.theme);
            if look.ascii {
                hidden = spell(cell, hidden);
            }
        }
    }
}

fn paint(cell: &mut Cell, theme: Theme) {
    match theme {
        Theme::Terminal => {}
        Theme::Contrast => contrast(cell),
        Theme::ColourBlind => {
            cell.fg = colour_blind(cell.fg);
            cell.bg = colour_blind(cell.bg);
            cell.underline_color = colour_blind(cell.underline_color);
        }
        Theme::Mono => mono(cell),
    }
}

/// Bright colours on black, whatever the terminal's background, because a projector washes out light backgrounds and
/// plain red.
fn contrast(cell: &mut Cell) {
    let bright = match cell.fg {
        Color::Green | Color::LightGreen => Color::Indexed(84),
        Color::Red | Color::LightRed => Color::Indexed(210),
        Color::Magenta | Color::LightMagenta => Color::Indexed(219),
        Color::Cyan | Color::LightCyan => Color::Indexed(87),
        _ => WHITE,
    };
    if cell.fg != Color::Reset {
        cell.modifier.insert(Modifier::BOLD);
    }
    cell.modifier.remove(Modifier::DIM);
    (cell.fg, cell.bg, cell.underline_color) = (bright, BLACK, Color::Reset);
}

/// Okabe and Ito's blue, vermilion, reddish purple and bluish green, as the nearest colours in the 256-colour palette
/// that are readable on black and on white.
const fn colour_blind(colour: Color) -> Color {
    match colour {
        Color::Green | Color::LightGreen => Color::Indexed(32),
        Color::Red | Color::LightRed => Color::Indexed(166),
        Color::Magenta | Color::LightMagenta => Color::Indexed(169),
        Color::Cyan | Color::LightCyan => Color::Indexed(29),
        other => other,
    }
}

/// Without colour: red and magenta become underlined, red and cyan become bold.
fn mono(cell: &mut Cell) {
    let modifier = match cell.fg {
        Color::Red | Color::LightRed => Modifier::BOLD | Modifier::UNDERLINED,
        Color::Magenta | Color::LightMagenta => Modifier::UNDERLINED,
        Color::Cyan | Color::LightCyan => Modifier::BOLD,
        _ => Modifier::empty(),
    };
    cell.modifier.insert(modifier);
    // An underlined column of blanks would look like an input field.
    if cell.symbol().trim().is_empty() {
        cell.modifier.remove(Modifier::UNDERLINED);
    }
    (cell.fg, cell.bg, cell.underline_color) = (Color::Reset, Color::Reset, Color::Reset);
}

/// Replaces the cell's symbol with one ASCII character. `hidden` is the number of cells, from this one on, that a wide
/// character covers; returns that number for the next cell.
fn spell(cell: &mut Cell, hidden: usize) -> usize {
    if hidden > 0 {
        cell.set_symbol(" ");
        return hidden - 1;
    }
    if cell.symbol().is_ascii() {
        return 0;
    }
    let hidden = cell.symbol().width().saturating_sub(1);
    let mut characters = cell.symbol().chars();
    let spelled = match (characters.next(), characters.next()) {
        (Some(character), None) => ascii(character).unwrap_or('?'),
        _ => '?',
    };
    cell.set_char(spelled);
    hidden
}

/// Returns the ASCII character for a character that this program draws.
fn ascii(character: char) -> Option<char> {
    let all = MARKS.iter().chain(BARS).chain(FORMS);
    all.copied().find(|(drawn, _)| *drawn == character).map(|(_, spelled)| spelled)
}

/// Characters with a meaning. Their ASCII forms differ from each other and from the ASCII marks in `glyphs`.
const MARKS: &[(char, char)] = &[
    ('✓', 'V'),
    ('✗', 'x'),
    ('↺', 'R'),
    ('◆', '/'),
    ('†', 't'),
    ('●', '*'),
    ('○', 'o'),
    ('·', '.'),
    ('■', 'H'),
    ('±', '+'),
    ('≠', '$'),
    ('→', '>'),
    ('←', '<'),
    ('↑', '^'),
    ('↓', 'v'),
    ('…', '_'),
    ('▌', '|'),
    ('✎', '&'),
    ('»', ']'),
    ('⫽', '%'),
];

/// The parts of a timeline bar, which also have different ASCII forms.
const BARS: &[(char, char)] = &[('═', '='), ('─', '-'), ('╌', ':'), ('┄', '.')];

/// Borders and blocks, whose ASCII forms may be equal.
const FORMS: &[(char, char)] = &[
    ('█', '#'),
    ('━', '='),
    ('│', '|'),
    ('╭', '.'),
    ('╮', '.'),
    ('╰', '\''),
    ('╯', '\''),
    ('├', '+'),
    ('┤', '+'),
    ('┬', '+'),
    ('┴', '+'),
    ('┼', '+'),
];

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use ratatui::style::Style;

    use super::*;

    use crate::{
        app::{App, Options, testing::fixture},
        ui::{glyphs, tests as frames, theme},
    };

    /// Every scene at both sizes, as drawn and with `look`.
    fn scenes(look: Appearance) -> Vec<(String, Buffer, Buffer)> {
        let mut all = Vec::new();
        for (name, app) in frames::scenes() {
            for (width, height) in [(80, 24), (120, 40)] {
                let drawn = frames::frame(&app, width, height);
                let mut finished = drawn.clone();
                apply(&mut finished, drawn.area, look);
                all.push((format!("{name} at {width}x{height}"), drawn, finished));
            }
        }
        all
    }

    fn with(theme: Theme) -> Appearance {
        Appearance { theme, ..Appearance::default() }
    }

    const ASCII: Appearance = Appearance { theme: Theme::Terminal, ascii: true, still: false };

    /// One cell of `text` in `style`, finished.
    fn cell(text: &str, style: Style, look: Appearance) -> Cell {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 4, 1));
        buffer.set_string(0, 0, text, style);
        apply(&mut buffer, Rect::new(0, 0, 4, 1), look);
        buffer[(0, 0)].clone()
    }

    fn painted(style: Style, theme: Theme) -> (Color, Color, Modifier) {
        let cell = cell("x", style, with(theme));
        (cell.fg, cell.bg, cell.modifier)
    }

    #[test]
    fn each_theme_has_a_style_of_its_own_for_each_role() {
        let (bold, none) = (Modifier::BOLD, Modifier::empty());
        let reset = Color::Reset;
        let cases = [
            (Theme::Terminal, theme::BAD, (Color::Red, reset, none)),
            (Theme::Terminal, theme::FAINT, (reset, reset, Modifier::DIM)),
            (Theme::Contrast, theme::PLAIN, (WHITE, BLACK, none)),
            (Theme::Contrast, theme::FAINT, (WHITE, BLACK, none)),
            (Theme::Contrast, theme::GOOD, (Color::Indexed(84), BLACK, bold)),
            (Theme::ColourBlind, theme::GOOD, (Color::Indexed(32), reset, none)),
            (Theme::ColourBlind, theme::BAD, (Color::Indexed(166), reset, none)),
            (Theme::ColourBlind, theme::PLAIN, (reset, reset, none)),
            (Theme::Mono, theme::BAD, (reset, reset, bold | Modifier::UNDERLINED)),
            (Theme::Mono, theme::WARN, (reset, reset, Modifier::UNDERLINED)),
            (Theme::Mono, theme::KNOWN, (reset, reset, bold)),
            (Theme::Mono, theme::GOOD, (reset, reset, none)),
            (Theme::Mono, theme::badge(theme::GOOD), (reset, reset, bold | Modifier::REVERSED)),
        ];
        for (theme, style, expected) in cases {
            assert_eq!(painted(style, theme), expected, "{theme} {style:?}");
        }
        for theme in Theme::ALL {
            let roles = [theme::GOOD, theme::BAD, theme::WARN, theme::KNOWN].map(|style| painted(style, theme));
            for (index, role) in roles.iter().enumerate() {
                assert!(!roles[..index].contains(role), "{theme}: {role:?} means two things");
            }
        }
        assert_eq!(cell(" ", theme::BAD, with(Theme::Mono)).modifier, Modifier::BOLD, "no rule under a blank");
    }

    #[test]
    fn mono_has_no_colour_and_contrast_nothing_faint_in_any_scene() {
        for (scene, drawn, finished) in scenes(with(Theme::Mono)) {
            for cell in finished.content() {
                assert_eq!([cell.fg, cell.bg, cell.underline_color], [Color::Reset; 3], "{scene}: {cell:?}");
            }
            assert_eq!(frames::text(&drawn), frames::text(&finished), "{scene}");
        }
        for (scene, drawn, finished) in scenes(with(Theme::Contrast)) {
            for cell in finished.content() {
                assert!(!cell.modifier.contains(Modifier::DIM), "{scene}: {cell:?}");
                assert_eq!(cell.bg, BLACK, "{scene}: {cell:?}");
            }
            assert_eq!(frames::text(&drawn), frames::text(&finished), "{scene}");
        }
    }

    #[test]
    fn ascii_leaves_nothing_else_and_no_riddle_in_any_scene() {
        let riddles = |buffer: &Buffer| buffer.content().iter().filter(|cell| cell.symbol() == "?").count();
        for (scene, drawn, finished) in scenes(ASCII) {
            assert!(frames::text(&finished).is_ascii(), "{scene}:\n{}", frames::text(&finished));
            assert_eq!(riddles(&drawn), riddles(&finished), "{scene}:\n{}", frames::text(&finished));
            for (before, after) in drawn.content().iter().zip(finished.content()) {
                assert_eq!((before.fg, before.modifier), (after.fg, after.modifier), "{scene}");
            }
        }
    }

    #[test]
    fn the_screen_is_drawn_in_the_look_that_was_set_at_every_size() {
        let look = Appearance { theme: Theme::Mono, ascii: true, still: false };
        let mut app = App::new(Options { appearance: look, ..fixture::setup() });
        for (width, height) in [(20, 5), (60, 16), (200, 60)] {
            let frame = frames::frame(&app, width, height);
            assert!(frames::text(&frame).is_ascii());
            assert!(frame.content().iter().all(|cell| cell.fg == Color::Reset));
        }
        app.view_mut().next_theme();
        app.view_mut().next_theme();
        assert!(frames::frame(&app, 20, 5).content().iter().all(|cell| cell.bg == BLACK));
    }

    #[test]
    fn marks_stay_apart_in_ascii() {
        let plain = glyphs::LEGEND.iter().map(|(mark, _)| mark.glyph).filter(char::is_ascii);
        let marks: Vec<_> = MARKS.iter().map(|(_, spelled)| *spelled).chain(plain).collect();
        for spelled in [marks, BARS.iter().map(|(_, spelled)| *spelled).collect()] {
            for (index, character) in spelled.iter().enumerate() {
                assert!(character.is_ascii() && !spelled[..index].contains(character), "{character} in {spelled:?}");
            }
        }
        for (mark, _) in glyphs::LEGEND.iter().filter(|(mark, _)| !mark.glyph.is_ascii()) {
            assert!(MARKS.iter().any(|(drawn, _)| *drawn == mark.glyph), "{} is not a mark", mark.glyph);
        }
    }

    #[test]
    fn every_character_that_the_sources_draw_has_its_ascii() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut waiting = vec![root.join("ui"), root.join("app"), root.join("keymap.rs")];
        while let Some(path) = waiting.pop() {
            if path.is_dir() {
                let inside = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
                waiting.extend(inside.filter(|path| !path.ends_with("tests") && !path.ends_with("tests.rs")));
                continue;
            }
            let file = fs::read_to_string(&path).unwrap();
            let production = file.split("#[cfg(test)]\nmod tests {").next().unwrap();
            if path.ends_with("appearance.rs") {
                continue;
            }
            for line in production.lines().filter(|line| !line.trim_start().starts_with("//")) {
                for character in line.chars().filter(|character| !character.is_ascii()) {
                    assert!(ascii(character).is_some(), "{character} has no ASCII: {line}");
                }
            }
        }
    }

    #[test]
    fn unknown_or_wide_characters_become_a_question_mark_and_a_blank() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 8, 1));
        buffer.set_string(0, 0, "é漢字e\u{301}✓", Style::new());
        // The cell that a wide character covers may contain an older symbol.
        buffer[(2, 0)].set_symbol("z");
        apply(&mut buffer, Rect::new(0, 0, 8, 1), ASCII);
        assert_eq!(frames::text(&buffer), "?? ? ?V\n");
        // An area beyond the buffer is cut.
        apply(&mut buffer, Rect::new(4, 0, 100, 100), ASCII);
    }

    /// Linear red, green and blue of a colour in the 256-colour cube.
    fn linear(colour: Color) -> [f64; 3] {
        let Color::Indexed(index @ 16..=231) = colour else { panic!("{colour:?} may be anything") };
        let cube = index - 16;
        [cube / 36, cube / 6 % 6, cube % 6].map(|step| {
            let value = [0.0, 95.0, 135.0, 175.0, 215.0, 255.0][usize::from(step)] / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055_f64) / 1.055).powf(2.4) }
        })
    }

    fn dot(weights: [f64; 3], colour: [f64; 3]) -> f64 {
        weights.iter().zip(colour).map(|(weight, part)| weight * part).sum()
    }

    /// Contrast ratio of two colours as defined by WCAG, 1 to 21.
    fn contrast_ratio(one: Color, two: Color) -> f64 {
        let [one, two] = [one, two].map(|colour| dot([0.2126, 0.7152, 0.0722], linear(colour)) + 0.05);
        one.max(two) / one.min(two)
    }

    #[test]
    fn colours_can_be_read() {
        for style in [theme::PLAIN, theme::FAINT, theme::GOOD, theme::BAD, theme::WARN, theme::KNOWN] {
            let (fg, bg, _) = painted(style, Theme::Contrast);
            assert!(contrast_ratio(fg, bg) > 7.0, "{fg:?}");
        }
        for style in [theme::GOOD, theme::BAD, theme::WARN, theme::KNOWN] {
            let (fg, _, _) = painted(style, Theme::ColourBlind);
            let on = [BLACK, WHITE].map(|background| contrast_ratio(fg, background));
            assert!(on.iter().all(|ratio| *ratio > 3.0), "{fg:?} {on:?}");
        }
    }

    /// Linear colour as seen by eyes without red or without green cones (Viénot, Brettel and Mollon 1999).
    fn seen(colour: Color) -> [[f64; 3]; 2] {
        let colour = linear(colour);
        let without_red = [[0.11238, 0.88762, 0.0], [0.11238, 0.88762, 0.0], [0.00401, -0.00401, 1.0]];
        let without_green = [[0.29275, 0.70725, 0.0], [0.29275, 0.70725, 0.0], [-0.02234, 0.02234, 1.0]];
        [without_red, without_green].map(|rows| rows.map(|row| dot(row, colour)))
    }

    #[test]
    fn good_and_bad_differ_for_every_eye_in_the_theme_that_promises_it() {
        let distance = |one: Color, two: Color| {
            let pairs = seen(one).into_iter().zip(seen(two));
            let distances =
                pairs.map(|(one, two)| one.iter().zip(two).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt());
            distances.fold(f64::INFINITY, f64::min)
        };
        let colour = |style| painted(style, Theme::ColourBlind).0;
        let (good, bad) = (colour(theme::GOOD), colour(theme::BAD));
        assert!(distance(good, bad) > 0.5, "{}", distance(good, bad));
        let roles = [good, bad, colour(theme::WARN), colour(theme::KNOWN)];
        for (index, one) in roles.iter().enumerate() {
            for two in &roles[..index] {
                assert!(distance(*one, *two) > 0.1, "{one:?} {two:?}: {}", distance(*one, *two));
            }
        }
        // Shows that the check works: green and red of the same brightness look the same to such eyes.
        assert!(distance(Color::Indexed(70), Color::Indexed(166)) < 0.25);
    }
}
