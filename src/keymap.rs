//! The one key table: dispatch, footer, help and the README's table all read it. Knows keys, and nothing of their effect.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use crate::app::{Intent, Move, Overlay, Question};

/// A key, with or without Ctrl. Shift is in the character itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    pub code: KeyCode,
    pub ctrl: bool,
}

/// Where a binding counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// On the dashboard, with nothing over it.
    Dashboard,
    /// On the dashboard and over the help.
    Reading,
    /// While a question is open.
    Question,
    Everywhere,
}

#[derive(Debug, Clone, Copy)]
pub struct Binding {
    pub keys: &'static [Key],
    /// The keys as people read them.
    pub shown: &'static str,
    pub intent: Intent,
    /// One or two words for the footer.
    pub short: &'static str,
    /// For the help and the README.
    pub long: &'static str,
    pub scope: Scope,
    /// The footer keeps the lowest numbers where it is short of room; `None`: never in the footer.
    pub footer: Option<u8>,
}

const fn key(character: char) -> Key {
    Key { code: KeyCode::Char(character), ctrl: false }
}

const fn ctrl(character: char) -> Key {
    Key { code: KeyCode::Char(character), ctrl: true }
}

const fn code(code: KeyCode) -> Key {
    Key { code, ctrl: false }
}

const fn binding(keys: &'static [Key], shown: &'static str, intent: Intent, long: &'static str) -> Binding {
    Binding { keys, shown, intent, short: "", long, scope: Scope::Dashboard, footer: None }
}

impl Binding {
    const fn footer(self, rank: u8, short: &'static str) -> Self {
        Self { footer: Some(rank), short, ..self }
    }

    const fn within(self, scope: Scope) -> Self {
        Self { scope, ..self }
    }
}

pub const KEYMAP: &[Binding] = &[
    binding(&[key('o')], "o", Intent::FreshOrder, "order: a fresh id, 1 unit").footer(2, "order"),
    binding(&[key('s')], "s", Intent::SeedOrder, "the seed's A12, 999 units").footer(3, "A12"),
    binding(&[key('d')], "d", Intent::OrderAgain, "same order, new workflow id").footer(4, "again"),
    binding(&[key('D')], "D", Intent::SameStart, "same start, same workflow id").footer(10, "same start"),
    binding(&[key('b')], "b", Intent::Burst, "burst of ten orders").footer(9, "burst"),
    binding(&[key('f')], "f", Intent::NextFaults, "next fault preset").footer(5, "faults"),
    binding(&[key('i')], "i", Intent::NextGuard, "next guard").footer(6, "guard"),
    binding(&[key('x')], "x", Intent::KillWorker, "kill the worker (SIGKILL)").footer(7, "kill"),
    binding(&[key('w')], "w", Intent::ToggleWorker, "stop / start the worker").footer(8, "worker"),
    binding(&[key('R')], "R", Intent::AskReset, "reset the stock (asks)").footer(11, "reset"),
    binding(&[key(' ')], "space", Intent::Freeze, "freeze / go on").footer(12, "freeze"),
    binding(&[key('k'), code(KeyCode::Up)], "k ↑", Intent::Select(Move::Up), "a newer order"),
    binding(&[key('j'), code(KeyCode::Down)], "j ↓", Intent::Select(Move::Down), "an older order"),
    binding(&[key('g'), code(KeyCode::Home)], "g", Intent::Select(Move::First), "newest order, and follow"),
    binding(&[key('G'), code(KeyCode::End)], "G", Intent::Select(Move::Last), "oldest order"),
    binding(&[ctrl('u'), code(KeyCode::PageUp)], "Ctrl-u", Intent::Select(Move::HalfPageUp), "half a page up"),
    binding(&[ctrl('d'), code(KeyCode::PageDown)], "Ctrl-d", Intent::Select(Move::HalfPageDown), "half a page down"),
    binding(&[key('y')], "y", Intent::Yes, "yes, to a question").within(Scope::Question).footer(0, "yes"),
    binding(&[key('n')], "n", Intent::No, "no, to a question").within(Scope::Question).footer(1, "no"),
    binding(&[code(KeyCode::Esc)], "Esc", Intent::Close, "close what lies on top")
        .within(Scope::Everywhere)
        .footer(2, "close"),
    binding(&[key('?')], "?", Intent::Help, "this help, and back").within(Scope::Reading).footer(0, "help"),
    binding(&[key('q')], "q", Intent::Quit, "quit").within(Scope::Reading).footer(1, "quit"),
    binding(&[ctrl('c')], "Ctrl-c", Intent::Quit, "quit, from everywhere").within(Scope::Everywhere),
];

impl Scope {
    /// Whether a binding of this scope counts under that overlay.
    #[must_use]
    pub const fn holds(self, overlay: Overlay) -> bool {
        matches!(
            (self, overlay),
            (Self::Everywhere, _)
                | (Self::Dashboard | Self::Reading, Overlay::None)
                | (Self::Reading, Overlay::Help)
                | (Self::Question, Overlay::Confirm(Question::Reset))
        )
    }
}

/// What a key asks for. Releases, unknown keys and keys with Alt ask for nothing; a held key repeats only movements.
#[must_use]
pub fn intent(event: KeyEvent, overlay: Overlay) -> Option<Intent> {
    if event.kind == KeyEventKind::Release
        || event.modifiers.intersects(KeyModifiers::ALT | KeyModifiers::META | KeyModifiers::SUPER)
    {
        return None;
    }
    let pressed = Key { code: event.code, ctrl: event.modifiers.contains(KeyModifiers::CONTROL) };
    let found = KEYMAP.iter().find(|binding| binding.scope.holds(overlay) && binding.keys.contains(&pressed))?;
    let held = event.kind == KeyEventKind::Repeat;
    (!held || matches!(found.intent, Intent::Select(_))).then_some(found.intent)
}

/// The table for the README.
#[must_use]
pub fn markdown() -> String {
    let mut table = String::from("| key | does |\n| --- | --- |\n");
    for binding in KEYMAP {
        table.push_str("| `");
        table.push_str(binding.shown);
        table.push_str("` | ");
        table.push_str(binding.long);
        table.push_str(" |\n");
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(code: KeyCode, modifiers: KeyModifiers) -> KeyEvent {
        KeyEvent::new(code, modifiers)
    }

    #[test]
    fn no_two_bindings_of_one_screen_share_a_key() {
        for overlay in [Overlay::None, Overlay::Help, Overlay::Confirm(Question::Reset)] {
            let keys: Vec<_> =
                KEYMAP.iter().filter(|binding| binding.scope.holds(overlay)).flat_map(|binding| binding.keys).collect();
            for (index, key) in keys.iter().enumerate() {
                assert!(!keys[..index].contains(key), "{overlay:?} {key:?}");
            }
        }
    }

    #[test]
    fn keys_mean_what_the_screen_allows() {
        let plain = |character| press(KeyCode::Char(character), KeyModifiers::NONE);
        assert_eq!(intent(plain('d'), Overlay::None), Some(Intent::OrderAgain));
        assert_eq!(intent(press(KeyCode::Char('D'), KeyModifiers::SHIFT), Overlay::None), Some(Intent::SameStart));
        let half_page = press(KeyCode::Char('d'), KeyModifiers::CONTROL);
        assert_eq!(intent(half_page, Overlay::None), Some(Intent::Select(Move::HalfPageDown)));
        assert_eq!(intent(plain('y'), Overlay::None), None);
        assert_eq!(intent(plain('y'), Overlay::Confirm(Question::Reset)), Some(Intent::Yes));
        assert_eq!(intent(plain('o'), Overlay::Confirm(Question::Reset)), None);
        assert_eq!(intent(press(KeyCode::Char('c'), KeyModifiers::CONTROL), Overlay::Confirm(Question::Reset)), Some(Intent::Quit));
        assert_eq!(intent(press(KeyCode::Char('o'), KeyModifiers::ALT), Overlay::None), None);
    }

    #[test]
    fn a_held_key_moves_but_does_not_order() {
        let held =
            |character| KeyEvent { kind: KeyEventKind::Repeat, ..press(KeyCode::Char(character), KeyModifiers::NONE) };
        assert_eq!(intent(held('o'), Overlay::None), None);
        assert_eq!(intent(held('j'), Overlay::None), Some(Intent::Select(Move::Down)));
        let released = KeyEvent { kind: KeyEventKind::Release, ..held('j') };
        assert_eq!(intent(released, Overlay::None), None);
    }

    #[test]
    fn the_readme_table_names_every_key() {
        let table = markdown();
        assert!(KEYMAP.iter().all(|binding| table.contains(&format!("`{}`", binding.shown))));
    }
}
