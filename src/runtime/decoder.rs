//! Decodes bytes from a terminal into keys, mouse events and pastes. No input blocks the keyboard: Ctrl-C is found
//! inside any sequence, and an incomplete sequence is dropped after a time limit.
//!
//! Crossterm's decoder is private to its reader, which stops reading after 1,024 bytes until the next key (crossterm
//! #1057) and waits without a limit for the end of a paste (#1060).

mod sequence;

use std::time::Duration;

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};

use super::input::Reply;

/// Maximum time from an Esc to the rest of its sequence, on a slow connection.
const ESCAPE_TIMEOUT: Duration = Duration::from_millis(50);

/// Maximum time until the rest of a sequence, character or paste arrives, on a connection that sends each byte
/// separately.
const REST_TIMEOUT: Duration = Duration::from_millis(300);

/// Maximum length of a sequence. Further bytes are dropped.
const MAX_SEQUENCE_BYTES: usize = 256;

/// Maximum length of a paste. Further bytes are dropped.
const MAX_PASTE_BYTES: usize = 64 * 1024;

const PASTE_END: &[u8] = b"\x1b[201~";

const CTRL_C: u8 = 0x03;
const ESC: u8 = 0x1b;

/// A decoded event.
#[derive(Debug, Clone, PartialEq)]
pub enum Decoded {
    /// A key.
    Key {
        /// The key on the keyboard's layout.
        typed: KeyEvent,
        /// The same key on a Latin layout if the terminal reports it, otherwise equal to `typed`.
        command: KeyEvent,
    },
    /// Mouse, focus or a paste.
    Event(Event),
    /// Answer to a query.
    Reply(Reply),
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Ground,
    /// Inside a character: its first bytes, and its length in bytes.
    Character(Vec<u8>, usize),
    Escape,
    /// After an Esc that was decoded as a key. The rest of its sequence may still arrive.
    LateEscape,
    /// After ESC O.
    SingleShift,
    /// After ESC [.
    Control(Vec<u8>),
    /// Inside a mouse report in the old form: up to two of its three bytes.
    OldMouse(Vec<u8>),
    /// Inside an unrequested string from the terminal. The flag is `true` after an ESC in that string.
    Text(bool),
    Paste(Vec<u8>),
}

/// The decoder, with its incomplete sequence and the decoded events.
#[derive(Debug, Default)]
pub struct Decoder {
    state: State,
    decoded: Vec<Decoded>,
}

impl Decoder {
    /// Decodes the bytes of one read.
    pub fn feed(&mut self, bytes: &[u8]) {
        // A read that returns only Ctrl-C is a key press even inside a paste: the end of such a paste never arrives.
        if matches!(self.state, State::Paste(_)) && bytes.iter().all(|byte| *byte == CTRL_C) {
            self.give_up();
        }
        for byte in bytes {
            self.byte(*byte);
        }
    }

    /// Removes and returns the decoded events.
    pub fn take(&mut self) -> Vec<Decoded> {
        std::mem::take(&mut self.decoded)
    }

    /// Returns how long to wait for more bytes before [`Decoder::give_up`]; `None` if nothing is incomplete.
    #[must_use]
    pub const fn timeout(&self) -> Option<Duration> {
        match self.state {
            State::Ground => None,
            State::Escape => Some(ESCAPE_TIMEOUT),
            _ => Some(REST_TIMEOUT),
        }
    }

    /// Ends the incomplete sequence: an Esc becomes a key, a paste ends, and any other sequence is dropped.
    pub fn give_up(&mut self) {
        match std::mem::take(&mut self.state) {
            State::Escape => {
                self.key(KeyCode::Esc, KeyModifiers::NONE);
                self.state = State::LateEscape;
            }
            State::Paste(bytes) => self.pasted(&bytes),
            _ => {}
        }
    }

    /// Decodes an Esc at the end of the previous read as a key, unless `next` continues its sequence.
    pub fn split_escape(&mut self, next: &[u8]) {
        if matches!(self.state, State::Escape) && !matches!(next.first(), Some(b'[' | b'O' | b']' | b'P' | b'_' | b'^'))
        {
            self.give_up();
        }
    }

    fn byte(&mut self, byte: u8) {
        if byte == CTRL_C && !matches!(self.state, State::Paste(_)) {
            self.state = State::Ground;
            return self.ground(byte);
        }
        match std::mem::take(&mut self.state) {
            State::Ground => self.ground(byte),
            State::Character(bytes, length) => self.character(bytes, length, byte),
            State::Escape => self.escape(byte),
            State::LateEscape => self.late_escape(byte),
            State::SingleShift => self.single_shift(byte),
            State::Control(bytes) => self.control(bytes, byte),
            State::OldMouse(bytes) => self.old_mouse(bytes, byte),
            State::Text(escaped) => self.text(escaped, byte),
            State::Paste(bytes) => self.paste(bytes, byte),
        }
    }

    fn key(&mut self, code: KeyCode, modifiers: KeyModifiers) {
        let key = KeyEvent::new(code, modifiers);
        self.decoded.push(Decoded::Key { typed: key, command: key });
    }

    fn ground(&mut self, byte: u8) {
        let control = |base: u8, byte: u8| KeyCode::Char(char::from(byte.wrapping_add(base)));
        match byte {
            ESC => self.state = State::Escape,
            b'\r' => self.key(KeyCode::Enter, KeyModifiers::NONE),
            b'\t' => self.key(KeyCode::Tab, KeyModifiers::NONE),
            0x7f => self.key(KeyCode::Backspace, KeyModifiers::NONE),
            0 => self.key(KeyCode::Char(' '), KeyModifiers::CONTROL),
            0x01..=0x1a => self.key(control(b'a' - 1, byte), KeyModifiers::CONTROL),
            0x1c..=0x1f => self.key(control(b'4' - 0x1c, byte), KeyModifiers::CONTROL),
            0x20..=0x7e => self.typed(char::from(byte)),
            0xc2..=0xdf => self.state = State::Character(vec![byte], 2),
            0xe0..=0xef => self.state = State::Character(vec![byte], 3),
            0xf0..=0xf4 => self.state = State::Character(vec![byte], 4),
            _ => {}
        }
    }

    fn typed(&mut self, character: char) {
        let shift = if character.is_uppercase() { KeyModifiers::SHIFT } else { KeyModifiers::NONE };
        self.key(KeyCode::Char(character), shift);
    }

    fn character(&mut self, mut bytes: Vec<u8>, length: usize, byte: u8) {
        if !(0x80..=0xbf).contains(&byte) {
            return self.ground(byte);
        }
        bytes.push(byte);
        if bytes.len() < length {
            self.state = State::Character(bytes, length);
        } else if let Some(character) = std::str::from_utf8(&bytes).ok().and_then(|text| text.chars().next()) {
            self.typed(character);
        }
    }

    fn escape(&mut self, byte: u8) {
        match byte {
            b'[' => self.state = State::Control(Vec::new()),
            b'O' => self.state = State::SingleShift,
            b']' | b'P' | b'_' | b'^' | b'X' => self.state = State::Text(false),
            ESC => {
                self.key(KeyCode::Esc, KeyModifiers::NONE);
                self.state = State::Escape;
            }
            _ => {
                self.ground(byte);
                if let Some(Decoded::Key { typed, command }) = self.decoded.last_mut()
                    && matches!(self.state, State::Ground)
                {
                    typed.modifiers |= KeyModifiers::ALT;
                    command.modifiers |= KeyModifiers::ALT;
                }
            }
        }
    }

    /// Continues the sequence only with bytes that do not occur as keys of this program. Other bytes are keys.
    fn late_escape(&mut self, byte: u8) {
        match byte {
            b'[' | b'O' | b']' | b'_' | b'^' => self.escape(byte),
            _ => self.ground(byte),
        }
    }

    fn single_shift(&mut self, byte: u8) {
        if byte == ESC {
            self.state = State::Escape;
        } else if let Some(code) = sequence::letter(byte) {
            self.key(code, KeyModifiers::NONE);
        }
    }

    fn control(&mut self, mut bytes: Vec<u8>, byte: u8) {
        match byte {
            // F key of the Linux console.
            b'[' if bytes.is_empty() => bytes.push(byte),
            b'M' if bytes.is_empty() => return self.state = State::OldMouse(Vec::new()),
            b'~' if bytes == b"200" => return self.state = State::Paste(Vec::new()),
            0x20..=0x3f if bytes.len() < MAX_SEQUENCE_BYTES => bytes.push(byte),
            ESC => return self.state = State::Escape,
            0x40..=0x7e => return self.decoded.extend(sequence::decode(&bytes, byte)),
            _ => return,
        }
        self.state = State::Control(bytes);
    }

    fn old_mouse(&mut self, mut bytes: Vec<u8>, byte: u8) {
        bytes.push(byte);
        match <[u8; 3]>::try_from(bytes) {
            Ok(report) => self.decoded.extend(sequence::old_mouse(report)),
            Err(bytes) => self.state = State::OldMouse(bytes),
        }
    }

    fn text(&mut self, escaped: bool, byte: u8) {
        match byte {
            // BEL, CAN and SUB end the string.
            0x07 | 0x18 | 0x1a => {}
            b'\\' if escaped => {}
            _ if escaped => self.escape(byte),
            _ => self.state = State::Text(byte == ESC),
        }
    }

    fn paste(&mut self, mut bytes: Vec<u8>, byte: u8) {
        bytes.push(byte);
        if let Some(text) = bytes.strip_suffix(PASTE_END) {
            return self.pasted(text);
        }
        if bytes.len() >= 2 * MAX_PASTE_BYTES {
            // Keep the last bytes, since the end sequence may start there.
            bytes.drain(MAX_PASTE_BYTES..bytes.len() - PASTE_END.len());
        }
        self.state = State::Paste(bytes);
    }

    fn pasted(&mut self, bytes: &[u8]) {
        let kept = bytes.get(..MAX_PASTE_BYTES).unwrap_or(bytes);
        self.decoded.push(Decoded::Event(Event::Paste(String::from_utf8_lossy(kept).into_owned())));
    }
}

#[cfg(test)]
mod tests {
    use crossterm::event::{
        KeyEventKind::{Press, Release, Repeat},
        MouseButton, MouseEvent, MouseEventKind,
    };

    use super::*;

    fn decoded(reads: &[&[u8]]) -> Vec<Decoded> {
        let mut decoder = Decoder::default();
        for read in reads {
            decoder.split_escape(read);
            decoder.feed(read);
        }
        decoder.take()
    }

    fn plain(code: KeyCode, modifiers: KeyModifiers) -> Decoded {
        let key = KeyEvent::new(code, modifiers);
        Decoded::Key { typed: key, command: key }
    }

    fn key(code: KeyCode) -> Decoded {
        plain(code, KeyModifiers::NONE)
    }

    fn characters(text: &str) -> Vec<Decoded> {
        text.chars().map(|character| key(KeyCode::Char(character))).collect()
    }

    #[test]
    fn keys_of_all_kinds_are_decoded() {
        let ctrl = KeyModifiers::CONTROL;
        let cases: [(&[u8], Decoded); 22] = [
            (b"o", key(KeyCode::Char('o'))),
            (b"D", plain(KeyCode::Char('D'), KeyModifiers::SHIFT)),
            ("щ".as_bytes(), key(KeyCode::Char('щ'))),
            ("漢".as_bytes(), key(KeyCode::Char('漢'))),
            (b"\r", key(KeyCode::Enter)),
            (b"\t", key(KeyCode::Tab)),
            (b"\x7f", key(KeyCode::Backspace)),
            (b"\x03", plain(KeyCode::Char('c'), ctrl)),
            (b"\x1a", plain(KeyCode::Char('z'), ctrl)),
            (b"\0", plain(KeyCode::Char(' '), ctrl)),
            (b"\x1b[A", key(KeyCode::Up)),
            (b"\x1bOC", key(KeyCode::Right)),
            (b"\x1bOP", key(KeyCode::F(1))),
            (b"\x1b[15~", key(KeyCode::F(5))),
            (b"\x1b[[E", key(KeyCode::F(5))),
            (b"\x1b[5~", key(KeyCode::PageUp)),
            (b"\x1b[6~", key(KeyCode::PageDown)),
            (b"\x1b[4~", key(KeyCode::End)),
            (b"\x1b[1;5D", plain(KeyCode::Left, ctrl)),
            (b"\x1b[Z", plain(KeyCode::BackTab, KeyModifiers::SHIFT)),
            (b"\x1bo", plain(KeyCode::Char('o'), KeyModifiers::ALT)),
            (b"\x1b[I", Decoded::Event(Event::FocusGained)),
        ];
        for (bytes, expected) in cases {
            assert_eq!(decoded(&[bytes]), std::slice::from_ref(&expected), "{}", bytes.escape_ascii());
            // A split at any byte gives the same result, except for Alt, whose Esc is decoded as a key on a slow
            // connection.
            for cut in 1..bytes.len() {
                let (first, rest) = bytes.split_at(cut);
                if bytes != b"\x1bo" {
                    assert_eq!(
                        decoded(&[first, rest]),
                        std::slice::from_ref(&expected),
                        "{} at {cut}",
                        bytes.escape_ascii()
                    );
                }
            }
        }
    }

    #[test]
    fn an_escape_is_the_key_unless_a_sequence_follows() {
        assert_eq!(decoded(&[b"\x1b", b"q"]), [key(KeyCode::Esc), key(KeyCode::Char('q'))]);
        assert_eq!(decoded(&[b"\x1b", b"[C"]), [key(KeyCode::Right)]);
        assert_eq!(decoded(&[b"\x1b", b"OC"]), [key(KeyCode::Right)]);
        let mut decoder = Decoder::default();
        decoder.feed(b"\x1b\x1b");
        assert_eq!((decoder.take(), decoder.timeout()), (vec![key(KeyCode::Esc)], Some(ESCAPE_TIMEOUT)));
        decoder.give_up();
        assert_eq!(decoder.take(), [key(KeyCode::Esc)]);
        decoder.give_up();
        assert_eq!((decoder.take(), decoder.timeout()), (vec![], None));
    }

    /// Feeds one byte at a time, with `gap` between two bytes.
    fn slowly(bytes: &[u8], gap: Duration) -> Vec<Decoded> {
        let mut decoder = Decoder::default();
        for byte in bytes {
            let mut left = gap;
            while let Some(limit) = decoder.timeout().filter(|limit| *limit < left) {
                left -= limit;
                decoder.give_up();
            }
            decoder.split_escape(&[*byte]);
            decoder.feed(&[*byte]);
        }
        decoder.take()
    }

    #[test]
    fn a_sequence_that_arrives_byte_by_byte_types_no_letters() {
        for gap in [10, 30, 60, 80, 150, 250].map(Duration::from_millis) {
            let escape = if gap > ESCAPE_TIMEOUT { vec![key(KeyCode::Esc)] } else { vec![] };
            let with = |last: &[Decoded]| [&escape, last].concat();
            assert_eq!(slowly(b"\x1b[C", gap), with(&[key(KeyCode::Right)]), "{gap:?}");
            assert_eq!(slowly(b"\x1bOC", gap), with(&[key(KeyCode::Right)]), "{gap:?}");
            assert_eq!(slowly(b"\x1b[15~", gap), with(&[key(KeyCode::F(5))]), "{gap:?}");
            assert_eq!(slowly(b"\x1b]11;rgb:0/0/0\x07q", gap), with(&characters("q")), "{gap:?}");
            assert_eq!(slowly(b"\x1b_G1;OK\x1b\\q", gap), with(&characters("q")), "{gap:?}");
        }
        let gap = Duration::from_millis(30);
        assert_eq!(slowly(b"\x1bP1$r0m\x1b\\q", gap), characters("q"));
        assert_eq!(slowly(b"\x1bq", Duration::from_millis(60)), [key(KeyCode::Esc), key(KeyCode::Char('q'))]);
    }

    #[test]
    fn control_c_is_found_inside_any_sequence() {
        for before in [&b"\x1b["[..], b"\x1b[1;", b"\x1bO", b"\x1b]0;title", b"\x1bPq", b"\x1b[M ", b"\xd1", b"\x1b"] {
            let all = decoded(&[before, b"\x03"]);
            assert_eq!(
                all.last(),
                Some(&plain(KeyCode::Char('c'), KeyModifiers::CONTROL)),
                "{}",
                before.escape_ascii()
            );
        }
        let all = decoded(&[b"\x1b[200~abc", b"\x03\x03"]);
        assert!(matches!(&all[..], [Decoded::Event(Event::Paste(text)), _, _] if text == "abc"), "{all:?}");
    }

    #[test]
    fn an_incomplete_sequence_is_dropped() {
        for half in [&b"\x1b["[..], b"\x1b[12", b"\x1bO", b"\x1b]52;c;", b"\xd1", b"\x1b[200~abc", b"\x1b[M"] {
            let mut decoder = Decoder::default();
            decoder.feed(half);
            assert!(decoder.timeout().is_some_and(|limit| limit < Duration::from_millis(500)));
            decoder.give_up();
            decoder.take();
            decoder.feed(b"q");
            assert_eq!(decoder.take(), [key(KeyCode::Char('q'))], "{}", half.escape_ascii());
        }
    }

    #[test]
    fn a_paste_is_one_event_at_any_split_and_a_huge_one_is_truncated() {
        let pasted = |text: &str| vec![Decoded::Event(Event::Paste(text.to_owned()))];
        assert_eq!(decoded(&[b"\x1b[200~a\x03b\r\x1b[A\x1b[201~"]), pasted("a\u{3}b\r\u{1b}[A"));
        assert_eq!(decoded(&[b"\x1b[200~ab", b"c\x1b[20", b"1~"]), pasted("abc"));
        let mut decoder = Decoder::default();
        decoder.feed(b"\x1b[200~");
        for _ in 0..1_000 {
            decoder.feed(&[b'x'; 1_024]);
        }
        decoder.feed(b"\x1b[201~q");
        assert_eq!(decoder.take(), [pasted(&"x".repeat(MAX_PASTE_BYTES)), characters("q")].concat());
        // An end without a beginning is ignored.
        assert_eq!(decoded(&[b"\x1b[201~q"]), characters("q"));
    }

    #[test]
    fn the_mouse_is_decoded_in_both_forms() {
        let down = |column, row| {
            let kind = MouseEventKind::Down(MouseButton::Left);
            Decoded::Event(Event::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE }))
        };
        assert_eq!(decoded(&[b"\x1b[<0;60;4M"]), [down(59, 3)]);
        assert_eq!(decoded(&[b"\x1b[M !\""]), [down(0, 1)]);
        let wheel = decoded(&[b"\x1b[<64;1;1M\x1b[<65;1;1M"]);
        let kinds: Vec<_> = wheel
            .iter()
            .map(|event| match event {
                Decoded::Event(Event::Mouse(mouse)) => mouse.kind,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(kinds, [MouseEventKind::ScrollUp, MouseEventKind::ScrollDown]);
    }

    #[test]
    fn the_kitty_protocol_gives_the_kind_the_text_and_the_latin_key() {
        let one = |bytes: &[u8]| match &decoded(&[bytes])[..] {
            [Decoded::Key { typed, command }] => (typed.code, typed.kind, command.code, command.modifiers),
            other => panic!("{other:?}"),
        };
        let (none, ctrl) = (KeyModifiers::NONE, KeyModifiers::CONTROL);
        let letter = |character| KeyCode::Char(character);
        assert_eq!(one(b"\x1b[111;1:2;111u"), (letter('o'), Repeat, letter('o'), none));
        assert_eq!(one(b"\x1b[111;1:3u"), (letter('o'), Release, letter('o'), none));
        assert_eq!(one("\u{1b}[1097::111;;1097u".as_bytes()), (letter('щ'), Press, letter('o'), none));
        assert_eq!(one(b"\x1b[1089::99;5u"), (letter('с'), Press, letter('c'), ctrl));
        // With Shift, and then with Caps Lock instead.
        assert_eq!(one(b"\x1b[111:79;2;79u"), (letter('O'), Press, letter('O'), KeyModifiers::SHIFT));
        assert_eq!(one(b"\x1b[111:79;65;79u"), (letter('O'), Press, letter('o'), none));
        assert_eq!(one(b"\x1b[47:63;2;63u"), (letter('?'), Press, letter('?'), KeyModifiers::SHIFT));
        assert_eq!(one(b"\x1b[27u"), (KeyCode::Esc, Press, KeyCode::Esc, none));
        assert_eq!(one(b"\x1b[57414u"), (KeyCode::Enter, Press, KeyCode::Enter, none));
        assert_eq!(one(b"\x1b[1;1:2B"), (KeyCode::Down, Repeat, KeyCode::Down, none));
        assert_eq!(decoded(&[b"\x1b[57441;2u"]), [], "Shift alone is not a key");
        assert_eq!(decoded(&[b"\x1b[?0u"]), [Decoded::Reply(Reply::Keyboard)]);
        assert_eq!(decoded(&[b"\x1b[2;3R"]), [Decoded::Reply(Reply::Column(3))]);
        assert_eq!(decoded(&[b"\x1b[1;2R"]), [plain(KeyCode::F(3), KeyModifiers::SHIFT)]);
    }

    #[test]
    fn random_bytes_do_no_harm_and_leave_the_keyboard_usable() {
        let mut state = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(20_261_125_u64);
        println!("SEED={state}");
        let mut random = move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        let likely = b"\x1b[O]P?<;:0123456789~uMRmAZ\x03\x07\\q";
        for _ in 0..20_000 {
            let mut decoder = Decoder::default();
            for _ in 0..random() % 40 {
                let byte = random().to_le_bytes();
                let place = usize::from(byte[1]) % likely.len();
                decoder.feed(&[if byte[0] % 4 == 0 { byte[2] } else { likely[place] }]);
            }
            decoder.give_up();
            decoder.take();
            decoder.feed(b"q");
            assert_eq!(decoder.take(), characters("q"));
        }
    }
}
