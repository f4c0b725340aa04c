//! Colours of the cells in a picture, in place of a terminal's own.

use ratatui::{
    buffer::Cell,
    style::{Color, Modifier},
};

/// Red, green and blue, 0 to 255.
pub(super) type Rgb = [u8; 3];

/// Background. Together with `TEXT` and `ANSI` it is the terminal of GitHub's dark theme (Primer's `ansi` colours), on
/// which every colour except black is readable.
pub(super) const BACKGROUND: Rgb = [0x0d, 0x11, 0x17];
/// Default colour of text.
pub(super) const TEXT: Rgb = [0xe6, 0xed, 0xf3];
/// The 16 colours of a terminal, in the order of their numbers.
pub(super) const ANSI: [Rgb; 16] = [
    [0x48, 0x4f, 0x58],
    [0xff, 0x7b, 0x72],
    [0x3f, 0xb9, 0x50],
    [0xd2, 0x99, 0x22],
    [0x58, 0xa6, 0xff],
    [0xbc, 0x8c, 0xff],
    [0x39, 0xc5, 0xcf],
    [0xb1, 0xba, 0xc4],
    [0x6e, 0x76, 0x81],
    [0xff, 0xa1, 0x98],
    [0x56, 0xd3, 0x64],
    [0xe3, 0xb3, 0x41],
    [0x79, 0xc0, 0xff],
    [0xd2, 0xa8, 0xff],
    [0x56, 0xd4, 0xdd],
    [0xff, 0xff, 0xff],
];

/// Brightness of the steps in xterm's cube of 6 x 6 x 6 colours.
const STEPS: [u8; 6] = [0, 95, 135, 175, 215, 255];

/// The colours of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Paint {
    pub(super) text: Rgb,
    pub(super) behind: Rgb,
    pub(super) underline: Option<Rgb>,
}

impl Paint {
    /// Returns the colours of a cell. As in terminals, colours are swapped first, and only the text is dimmed.
    pub(super) fn of(cell: &Cell) -> Self {
        let (mut text, mut behind) = (rgb(cell.fg, TEXT), rgb(cell.bg, BACKGROUND));
        if cell.modifier.contains(Modifier::REVERSED) {
            (text, behind) = (behind, text);
        }
        if cell.modifier.contains(Modifier::DIM) {
            text = dim(text, behind);
        }
        let underline = cell.modifier.contains(Modifier::UNDERLINED).then(|| rgb(cell.underline_color, text));
        Self { text, behind, underline }
    }
}

/// Returns red, green and blue of a colour; `reset` is the terminal's default.
fn rgb(colour: Color, reset: Rgb) -> Rgb {
    let number = match colour {
        Color::Reset => return reset,
        Color::Rgb(red, green, blue) => return [red, green, blue],
        Color::Indexed(number) => number,
        Color::Black => 0,
        Color::Red => 1,
        Color::Green => 2,
        Color::Yellow => 3,
        Color::Blue => 4,
        Color::Magenta => 5,
        Color::Cyan => 6,
        Color::Gray => 7,
        Color::DarkGray => 8,
        Color::LightRed => 9,
        Color::LightGreen => 10,
        Color::LightYellow => 11,
        Color::LightBlue => 12,
        Color::LightMagenta => 13,
        Color::LightCyan => 14,
        Color::White => 15,
    };
    indexed(number)
}

/// Returns one of 256 colours: the 16, xterm's cube, and 24 greys.
fn indexed(number: u8) -> Rgb {
    match number {
        0..=15 => ANSI[usize::from(number)],
        16..=231 => {
            let cube = number - 16;
            [cube / 36, cube / 6 % 6, cube % 6].map(|step| STEPS[usize::from(step)])
        }
        232..=255 => [8 + 10 * (number - 232); 3],
    }
}

/// Mixes three parts of the text's colour with two of the background's: clearly fainter, but readable.
fn dim(text: Rgb, behind: Rgb) -> Rgb {
    let mixed = |index: usize| {
        let sum = 3 * u16::from(text[index]) + 2 * u16::from(behind[index]);
        u8::try_from(sum / 5).unwrap_or(u8::MAX)
    };
    [mixed(0), mixed(1), mixed(2)]
}

#[cfg(test)]
mod tests {
    use ratatui::style::Style;

    use super::*;

    fn painted(style: Style) -> Paint {
        let mut cell = Cell::new("x");
        cell.set_style(style);
        Paint::of(&cell)
    }

    /// Contrast ratio of two colours as defined by WCAG, 1 to 21.
    fn contrast(one: Rgb, two: Rgb) -> f64 {
        let light = |colour: Rgb| {
            let parts = colour.map(|part| {
                let part = f64::from(part) / 255.0;
                if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
            });
            0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2] + 0.05
        };
        light(one).max(light(two)) / light(one).min(light(two))
    }

    #[test]
    fn colours_can_be_read_dim_and_reversed_too() {
        for (number, colour) in ANSI.into_iter().enumerate().skip(1).filter(|(number, _)| *number != 8) {
            assert!(contrast(colour, BACKGROUND) > 6.0, "{number}: {}", contrast(colour, BACKGROUND));
        }
        assert!(contrast(TEXT, BACKGROUND) > 14.0);
        assert!(contrast(dim(TEXT, BACKGROUND), BACKGROUND) > 5.0);
        assert!(contrast(ANSI[8], BACKGROUND) > 4.0, "{}", contrast(ANSI[8], BACKGROUND));
    }

    #[test]
    fn colour_numbers_are_those_of_xterm() {
        for (number, expected) in [
            (1, ANSI[1]),
            (15, ANSI[15]),
            (16, [0, 0, 0]),
            (21, [0, 0, 255]),
            (84, [95, 255, 135]),
            (231, [255, 255, 255]),
            (232, [8, 8, 8]),
            (255, [238, 238, 238]),
        ] {
            assert_eq!(rgb(Color::Indexed(number), TEXT), expected, "{number}");
        }
        assert_eq!(rgb(Color::LightCyan, TEXT), ANSI[14]);
        assert_eq!(rgb(Color::Rgb(1, 2, 3), TEXT), [1, 2, 3]);
    }

    #[test]
    fn modifiers_change_the_paint() {
        let green = Style::new().fg(Color::Green);
        let (text, behind) = (ANSI[2], BACKGROUND);
        assert_eq!(painted(green), Paint { text, behind, underline: None });
        let reversed = painted(green.add_modifier(Modifier::REVERSED));
        assert_eq!(reversed, Paint { text: behind, behind: text, underline: None });
        assert_eq!(painted(green.add_modifier(Modifier::UNDERLINED)).underline, Some(text));
        let other = green.underline_color(Color::Red).add_modifier(Modifier::UNDERLINED);
        assert_eq!(painted(other).underline, Some(ANSI[1]));
        assert_eq!(painted(Style::new().add_modifier(Modifier::DIM)).text, dim(TEXT, BACKGROUND));
    }
}
