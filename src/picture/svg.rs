//! A terminal's frame as an SVG: one file that needs no font, script or style sheet of its own. The same frame gives
//! the same bytes.

use std::fmt::{self, Write};

use ratatui::buffer::Buffer;

use crate::text::truncate;

use super::{
    colours::{ANSI, BACKGROUND, Rgb, TEXT},
    marks::{Bar, CELL, Marks, Run},
};

/// Monospace fonts of the operating systems, as listed by GitHub's pages.
const FONTS: &str =
    "ui-monospace,SFMono-Regular,'SF Mono',Menlo,Consolas,'DejaVu Sans Mono','Liberation Mono',monospace";
/// Size of the font in pixels; a cell is 0.6 times as wide.
const FONT_SIZE: u32 = 15;
/// Margin between the window's edge and the cells, in pixels.
const MARGIN: u32 = 14;
/// Height of the title bar, in pixels.
const TITLE_BAR: u32 = 30;
/// Minimum width of the window in pixels, for its corners and three buttons.
const NARROWEST: u32 = 100;
/// Width of a character of the title, in pixels.
const TITLE_CHARACTER: u32 = 8;

/// Primer's colours for a dark page: a raised surface, a border, and muted text.
const BAR: Rgb = [0x16, 0x1b, 0x22];
const BORDER: Rgb = [0x30, 0x36, 0x3d];
const MUTED: Rgb = [0x8b, 0x94, 0x9e];

/// The numbers of the window's buttons among the 16 colours.
const RED: usize = 1;
const GREEN: usize = 2;
const YELLOW: usize = 3;

/// Draws a window with `title` and the cells of `buffer`, as in a dark terminal.
///
/// Every character keeps its column with any font: a run of ASCII characters, or of equal other characters, is
/// stretched to the grid. Block elements are drawn as bars.
#[must_use]
pub fn svg(buffer: &Buffer, title: &str) -> String {
    let mut file = String::new();
    // Writing to a string does not fail.
    let _infallible = write(&mut file, buffer, title);
    file
}

fn write(file: &mut String, buffer: &Buffer, title: &str) -> fmt::Result {
    let columns = u32::from(buffer.area.width) * CELL.0;
    let width = (columns + 2 * MARGIN).max(NARROWEST);
    let height = u32::from(buffer.area.height) * CELL.1 + TITLE_BAR + 2 * MARGIN;
    window(file, width, height, title)?;
    let marks = Marks::of(buffer);
    writeln!(file, r#"<g transform="translate({MARGIN} {})">"#, TITLE_BAR + MARGIN)?;
    bars(file, &marks)?;
    runs(file, &marks.runs)?;
    file.write_str("</g>\n</svg>\n")
}

/// Draws the window without its content.
fn window(file: &mut String, width: u32, height: u32, title: &str) -> fmt::Result {
    let label = escaped(title);
    writeln!(
        file,
        r#"<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img" aria-label="{label}">"#
    )?;
    writeln!(file, "<title>{label}</title>")?;
    let (inner, low) = (width - 1, height - 1);
    let (border, behind, bar) = (Hex(BORDER), Hex(BACKGROUND), Hex(BAR));
    writeln!(file, r#"<rect x=".5" y=".5" width="{inner}" height="{low}" rx="8" fill="{behind}" stroke="{border}"/>"#)?;
    let right = width - 1;
    writeln!(
        file,
        r#"<path d="M1 {TITLE_BAR}V9a8 8 0 0 1 8-8H{}a8 8 0 0 1 8 8V{TITLE_BAR}z" fill="{bar}"/>"#,
        right - 8
    )?;
    writeln!(file, r#"<path d="M1 {TITLE_BAR}.5H{right}" stroke="{border}"/>"#)?;
    for (x, colour) in [(18, RED), (36, YELLOW), (54, GREEN)] {
        writeln!(file, r#"<circle cx="{x}" cy="15" r="5.5" fill="{}"/>"#, Hex(ANSI[colour]))?;
    }
    caption(file, width, title)
}

/// Draws the title, truncated to the bar's width.
fn caption(file: &mut String, width: u32, title: &str) -> fmt::Result {
    let room = width.saturating_sub(2 * 72) / TITLE_CHARACTER;
    let shown = escaped(&truncate(title, usize::try_from(room).unwrap_or_default()));
    if shown.is_empty() {
        return Ok(());
    }
    writeln!(
        file,
        r#"<text x="{}" y="20" text-anchor="middle" font-family="{FONTS}" font-size="13" fill="{}">{shown}</text>"#,
        width / 2,
        Hex(MUTED)
    )
}

fn bars(file: &mut String, marks: &Marks) -> fmt::Result {
    if marks.behind.is_empty() && marks.over.is_empty() {
        return Ok(());
    }
    // Without smoothing, bars that meet show no line between them at any size.
    file.write_str("<g shape-rendering=\"crispEdges\">\n")?;
    for Bar { x, y, width, height, colour } in marks.behind.iter().chain(&marks.over) {
        let colour = Hex(*colour);
        writeln!(file, r#"<rect x="{x}" y="{y}" width="{width}" height="{height}" fill="{colour}"/>"#)?;
    }
    file.write_str("</g>\n")
}

fn runs(file: &mut String, runs: &[Run]) -> fmt::Result {
    if runs.is_empty() {
        return Ok(());
    }
    let ligatures = "font-variant-ligatures:none";
    let usual = Hex(TEXT);
    writeln!(file, r#"<g font-family="{FONTS}" font-size="{FONT_SIZE}" fill="{usual}" style="{ligatures}">"#)?;
    for Run { x, y, width, text, pen } in runs {
        write!(file, r#"<text x="{x}" y="{y}" textLength="{width}" lengthAdjust="spacingAndGlyphs""#)?;
        if pen.colour != TEXT {
            write!(file, r#" fill="{}""#, Hex(pen.colour))?;
        }
        file.write_str(if pen.bold { r#" font-weight="bold""# } else { "" })?;
        file.write_str(if pen.italic { r#" font-style="italic""# } else { "" })?;
        writeln!(file, ">{}</text>", escaped(text))?;
    }
    file.write_str("</g>\n")
}

/// A colour as SVG writes it.
struct Hex(Rgb);

impl fmt::Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [red, green, blue] = self.0;
        write!(f, "#{red:02x}{green:02x}{blue:02x}")
    }
}

/// Escapes text for XML content and attributes. Characters that XML does not allow become replacement characters.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '&' => safe.push_str("&amp;"),
            '"' => safe.push_str("&quot;"),
            '\u{fffe}' | '\u{ffff}' => safe.push('\u{fffd}'),
            control if control.is_control() => safe.push('\u{fffd}'),
            plain => safe.push(plain),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use ratatui::{layout::Rect, style::Style};

    use super::*;

    use crate::{
        app::{App, testing::fixture::Scene},
        ui::draw_on,
    };

    fn scene(app: &App, width: u16, height: u16) -> Buffer {
        let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
        draw_on(&mut buffer, Rect::new(0, 0, width, height), app);
        buffer
    }

    fn line(text: &str, style: Style) -> String {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 12, 1));
        buffer.set_string(0, 0, text, style);
        svg(&buffer, "t")
    }

    /// Asserts that elements are closed in order, and that special characters are escaped.
    fn assert_well_formed(file: &str) {
        let mut open = Vec::new();
        for piece in file.split('<').skip(1) {
            let (tag, text) = piece.split_once('>').unwrap_or_else(|| panic!("{piece}"));
            assert!(!text.contains('>'), "{piece}");
            assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
            if let Some(name) = tag.strip_prefix('/') {
                assert_eq!(open.pop(), Some(name), "{piece}");
            } else if !tag.ends_with('/') {
                open.extend(tag.split([' ', '>']).next());
            }
            for entity in piece.split('&').skip(1) {
                assert!(["lt;", "gt;", "amp;", "quot;"].iter().any(|known| entity.starts_with(known)), "{piece}");
            }
        }
        assert!(open.is_empty(), "{open:?}");
    }

    #[test]
    fn characters_with_a_meaning_in_xml_are_escaped() {
        let file = line("<&>\"'", Style::new());
        assert!(file.contains(">&lt;&amp;&gt;&quot;'</text>"), "{file}");
        let file = svg(&Buffer::empty(Rect::new(0, 0, 40, 1)), "<&>\"\u{1b}\u{ffff}");
        assert!(file.contains(r#"aria-label="&lt;&amp;&gt;&quot;��""#), "{file}");
        assert_well_formed(&file);
        let mut buffer = Buffer::empty(Rect::new(0, 0, 1, 1));
        buffer[(0, 0)].set_symbol("\u{1b}[");
        assert!(!svg(&buffer, "").contains('\u{1b}'));
    }

    #[test]
    fn styles_are_attributes_and_the_usual_needs_none() {
        assert!(line("ab", Style::new()).contains(r#"lengthAdjust="spacingAndGlyphs">ab</text>"#));
        let file = line("ab", Style::new().green().bold().italic());
        assert!(file.contains(r##" fill="#3fb950" font-weight="bold" font-style="italic">ab</text>"##), "{file}");
        let file = line("ab", Style::new().red().reversed());
        assert!(file.contains(r##"<rect x="0" y="0" width="18" height="19" fill="#ff7b72"/>"##), "{file}");
        assert!(file.contains(r##"textLength="18" lengthAdjust="spacingAndGlyphs" fill="#0d1117">ab<"##), "{file}");
        let file = line("██", Style::new().green());
        assert!(file.contains(r##"width="18" height="19" fill="#3fb950"/>"##) && !file.contains('█'), "{file}");
    }

    #[test]
    fn blanks_cost_nothing() {
        let empty = svg(&Buffer::empty(Rect::new(0, 0, 200, 60)), "t");
        assert!(!empty.contains("<g f") && empty.len() < 1_300, "{empty}");
    }

    #[test]
    fn the_same_frame_gives_the_same_bytes_and_a_small_file() {
        for (width, height, most) in [(80, 24, 24_000), (120, 40, 40_000)] {
            for scene_of in [Scene::mid_retry, Scene::right, Scene::wrong] {
                let file = svg(&scene(&scene_of().app, width, height), "idempotence");
                assert_eq!(file, svg(&scene(&scene_of().app, width, height), "idempotence"));
                assert!(file.len() < most, "{} bytes at {width}x{height}", file.len());
                assert_well_formed(&file);
            }
        }
    }

    #[test]
    fn every_size_is_drawn() {
        let app = Scene::mid_retry().app;
        for (width, height) in [(0, 0), (1, 0), (0, 1), (1, 1), (60, 16), (200, 60)] {
            assert_well_formed(&svg(&scene(&app, width, height), "a title that is too long for a small window"));
        }
        // The area of a buffer may begin at any position.
        let mut buffer = Buffer::empty(Rect::new(5, 7, 3, 1));
        buffer.set_string(5, 7, "abc", Style::new());
        assert!(svg(&buffer, "").contains(r#"<text x="0" y="14" textLength="27""#));
    }
}
