//! Decodes control sequences (ESC [ ...) into keys, mouse events and answers, including the kitty keyboard protocol.

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};

use super::Decoded;
use crate::runtime::input::Reply;

/// Bit for Caps Lock in the modifiers of the kitty protocol.
const CAPS_LOCK: u32 = 64;

/// Row of the cursor during the width probe. It must not be 1, since a report with a first parameter of 1 is F3 with a
/// modifier.
pub const PROBE_ROW: u16 = 2;

/// Decodes a complete sequence; `None` if this program does not use it.
pub fn decode(parameters: &[u8], last: u8) -> Option<Decoded> {
    let text = std::str::from_utf8(parameters).ok()?;
    match (text.as_bytes().first(), last) {
        (Some(b'<'), b'M' | b'm') => return mouse(&text[1..], last == b'm'),
        (Some(b'?'), b'u') => return Some(Decoded::Reply(Reply::Keyboard)),
        (Some(b'['), b'A'..=b'E') => return Some(key(KeyCode::F(last - b'A' + 1), &Fields::default())),
        (Some(b'<' | b'>' | b'=' | b'?' | b'['), _) => return None,
        _ => {}
    }
    let fields = Fields::of(text);
    match last {
        b'u' => kitty(&fields),
        b'~' if fields.number(0) == Some(27) => {
            let character = fields.number(2).and_then(char::from_u32)?;
            Some(key(KeyCode::Char(character), &fields))
        }
        b'~' => Some(key(numbered(fields.number(0)?)?, &fields)),
        b'R' if fields.number(0) == Some(u32::from(PROBE_ROW)) => {
            Some(Decoded::Reply(Reply::Column(u16::try_from(fields.number(1)?).ok()?)))
        }
        b'I' if text.is_empty() => Some(Decoded::Event(Event::FocusGained)),
        b'O' if text.is_empty() => Some(Decoded::Event(Event::FocusLost)),
        b'Z' => {
            let back = KeyEvent::new(KeyCode::BackTab, KeyModifiers::SHIFT);
            Some(Decoded::Key { typed: back, command: back })
        }
        _ => Some(key(letter(last)?, &fields)),
    }
}

/// Returns the key for a final letter after ESC O or ESC [.
pub const fn letter(byte: u8) -> Option<KeyCode> {
    Some(match byte {
        b'A' => KeyCode::Up,
        b'B' => KeyCode::Down,
        b'C' => KeyCode::Right,
        b'D' => KeyCode::Left,
        b'H' => KeyCode::Home,
        b'F' => KeyCode::End,
        b'M' => KeyCode::Enter,
        b'P'..=b'S' => KeyCode::F(byte - b'P' + 1),
        _ => return None,
    })
}

/// Returns the key for a number before `~`.
fn numbered(number: u32) -> Option<KeyCode> {
    let function = |first: u32, place: u32| u8::try_from(number - first + place).ok().map(KeyCode::F);
    match number {
        1 | 7 => Some(KeyCode::Home),
        2 => Some(KeyCode::Insert),
        3 => Some(KeyCode::Delete),
        4 | 8 => Some(KeyCode::End),
        5 => Some(KeyCode::PageUp),
        6 => Some(KeyCode::PageDown),
        11..=15 => function(11, 1),
        17..=21 => function(17, 6),
        23..=26 => function(23, 11),
        28..=29 => function(28, 15),
        31..=34 => function(31, 17),
        _ => None,
    }
}

/// Parameters separated by `;`, each with parts separated by `:`.
#[derive(Debug, Default)]
struct Fields(Vec<Vec<Option<u32>>>);

impl Fields {
    fn of(text: &str) -> Self {
        Self(text.split(';').map(|field| field.split(':').map(|part| part.parse().ok()).collect()).collect())
    }

    fn part(&self, field: usize, part: usize) -> Option<u32> {
        self.0.get(field)?.get(part).copied().flatten()
    }

    fn number(&self, field: usize) -> Option<u32> {
        self.part(field, 0)
    }

    /// Returns the bits of the modifiers.
    fn bits(&self) -> u32 {
        self.number(1).map_or(0, |sum| sum.saturating_sub(1))
    }

    fn kind(&self) -> KeyEventKind {
        match self.part(1, 1) {
            Some(2) => KeyEventKind::Repeat,
            Some(3) => KeyEventKind::Release,
            _ => KeyEventKind::Press,
        }
    }
}

fn modifiers(bits: u32) -> KeyModifiers {
    const BITS: [KeyModifiers; 6] = [
        KeyModifiers::SHIFT,
        KeyModifiers::ALT,
        KeyModifiers::CONTROL,
        KeyModifiers::SUPER,
        KeyModifiers::HYPER,
        KeyModifiers::META,
    ];
    let set = BITS.into_iter().enumerate().filter(|(bit, _)| bits >> bit & 1 == 1);
    set.fold(KeyModifiers::NONE, |all, (_, modifier)| all | modifier)
}

fn key(code: KeyCode, fields: &Fields) -> Decoded {
    let key = KeyEvent::new_with_kind(code, modifiers(fields.bits()), fields.kind());
    Decoded::Key { typed: key, command: key }
}

/// Decodes a key of the kitty protocol. Field 0 contains the character, the one with Shift and the one on a Latin
/// layout; field 1 contains the modifiers and the kind; field 2 contains the text.
fn kitty(fields: &Fields) -> Option<Decoded> {
    let number = match (fields.number(0)?, fields.number(2)) {
        // Text that several keys composed.
        (0, Some(text)) => text,
        (number, _) => number,
    };
    if let Some(code) = functional(number) {
        let back = code == KeyCode::Tab && modifiers(fields.bits()).contains(KeyModifiers::SHIFT);
        return Some(key(if back { KeyCode::BackTab } else { code }, fields));
    }
    let plain = char::from_u32(number).filter(|character| !character.is_control() && !is_private(*character))?;
    let (bits, kind) = (fields.bits(), fields.kind());
    let modifiers = modifiers(bits);
    let shifted = |plain: char, other: Option<char>| {
        if modifiers.contains(KeyModifiers::SHIFT) {
            other.unwrap_or_else(|| plain.to_ascii_uppercase())
        } else {
            plain
        }
    };
    let alternate = |part| fields.part(0, part).and_then(char::from_u32);
    let text = fields.number(2).and_then(char::from_u32);
    let typed = text.unwrap_or_else(|| shifted(plain, alternate(1)));
    let command = match alternate(2) {
        Some(latin) if !plain.is_ascii() => shifted(latin, None),
        _ if bits & CAPS_LOCK != 0 && plain.is_ascii_alphabetic() => shifted(plain, None),
        _ => typed,
    };
    let event = |character| KeyEvent::new_with_kind(KeyCode::Char(character), modifiers, kind);
    Some(Decoded::Key { typed: event(typed), command: event(command) })
}

/// Returns the keys of the kitty protocol that have no text, and those of the keypad.
fn functional(number: u32) -> Option<KeyCode> {
    const KEYPAD: [KeyCode; 28] = [
        KeyCode::Char('0'),
        KeyCode::Char('1'),
        KeyCode::Char('2'),
        KeyCode::Char('3'),
        KeyCode::Char('4'),
        KeyCode::Char('5'),
        KeyCode::Char('6'),
        KeyCode::Char('7'),
        KeyCode::Char('8'),
        KeyCode::Char('9'),
        KeyCode::Char('.'),
        KeyCode::Char('/'),
        KeyCode::Char('*'),
        KeyCode::Char('-'),
        KeyCode::Char('+'),
        KeyCode::Enter,
        KeyCode::Char('='),
        KeyCode::Char(','),
        KeyCode::Left,
        KeyCode::Right,
        KeyCode::Up,
        KeyCode::Down,
        KeyCode::PageUp,
        KeyCode::PageDown,
        KeyCode::Home,
        KeyCode::End,
        KeyCode::Insert,
        KeyCode::Delete,
    ];
    match number {
        9 => Some(KeyCode::Tab),
        13 => Some(KeyCode::Enter),
        27 => Some(KeyCode::Esc),
        127 => Some(KeyCode::Backspace),
        57_376..=57_398 => u8::try_from(number - 57_376 + 13).ok().map(KeyCode::F),
        57_399..=57_426 => usize::try_from(number - 57_399).ok().and_then(|place| KEYPAD.get(place).copied()),
        _ => None,
    }
}

/// Whether a character is in the range that the protocol uses for keys without characters.
fn is_private(character: char) -> bool {
    ('\u{e000}'..='\u{f8ff}').contains(&character)
}

/// Decodes a mouse report in the SGR form.
fn mouse(text: &str, released: bool) -> Option<Decoded> {
    let fields = Fields::of(text);
    let place = |field| fields.number(field).and_then(|place| u16::try_from(place.saturating_sub(1)).ok());
    report(fields.number(0)?, place(1)?, place(2)?, released)
}

/// Decodes a mouse report in the old form: button, column and row, each plus 32.
pub fn old_mouse([button, column, row]: [u8; 3]) -> Option<Decoded> {
    let button = u32::from(button.checked_sub(32)?);
    let place = |byte: u8| byte.checked_sub(33).map(u16::from);
    report(button, place(column)?, place(row)?, button & 0x43 == 3)
}

fn report(code: u32, column: u16, row: u16, released: bool) -> Option<Decoded> {
    let button = match code & 3 {
        0 => MouseButton::Left,
        1 => MouseButton::Middle,
        _ => MouseButton::Right,
    };
    let kind = match code & !(4 | 8 | 16) {
        64 => MouseEventKind::ScrollUp,
        65 => MouseEventKind::ScrollDown,
        0..=3 if released => MouseEventKind::Up(button),
        0..=2 => MouseEventKind::Down(button),
        32..=34 => MouseEventKind::Drag(button),
        35 => MouseEventKind::Moved,
        _ => return None,
    };
    // In this form, Shift, Alt and Ctrl are the bits 4, 8 and 16.
    let modifiers = modifiers(code >> 2 & 7);
    Some(Decoded::Event(Event::Mouse(MouseEvent { kind, column, row, modifiers })))
}
