//! Distinguishes a held key from one pressed again. A terminal with the kitty protocol says so; others repeat
//! the key, first after a delay and then fast.

use std::time::{Duration, Instant};

use crossterm::event::{KeyEvent, KeyEventKind};

use super::input::Press;
use crate::keymap::Repetition;

/// Faster than any keyboard repeats: a script.
const SCRIPTED: Duration = Duration::from_millis(12);

/// Slower than any keyboard repeats.
const MAX_REPEAT: Duration = Duration::from_millis(120);

/// Delays before the first repetition.
const FIRST_REPEAT: std::ops::Range<Duration> = Duration::from_millis(150)..Duration::from_millis(800);

#[derive(Debug, Default)]
pub struct Repeats {
    last: Option<(KeyEvent, Instant)>,
    /// The last key is being held.
    held: bool,
    /// It may be the first repetition of a held key. What comes next shows it.
    suspect: Option<Press>,
    /// The terminal says which keys are held.
    exact: bool,
}

/// What is to be done about a press.
#[derive(Debug, Default, PartialEq)]
pub struct Outcome {
    /// Presses that count now, in their order.
    pub count: Vec<Press>,
    /// A repetition was left out.
    pub left_out: bool,
}

impl Repeats {
    /// From now on the terminal says which keys are held.
    pub const fn trust_terminal(&mut self) {
        self.exact = true;
    }

    /// Takes a press. `repetition`: what this key may do when it is held.
    pub fn press(&mut self, press: Press, repetition: Repetition) -> Outcome {
        let before = self.last.replace((press.command, press.at));
        let gap = before
            .filter(|(key, _)| (key.code, key.modifiers) == (press.command.code, press.command.modifiers))
            .map(|(_, at)| press.at.saturating_duration_since(at));
        let mut count = Vec::new();
        if let Some(suspect) = self.suspect.take() {
            if gap.is_some_and(|gap| (SCRIPTED..MAX_REPEAT).contains(&gap)) {
                self.held = true;
                return Outcome { count, left_out: true };
            }
            count.push(suspect);
        }
        let is_held = match (repetition, gap) {
            (Repetition::Counts, _) => false,
            _ if press.typed.kind == KeyEventKind::Repeat => true,
            (_, None) => false,
            _ if self.exact => false,
            (_, Some(gap)) if self.held => gap < MAX_REPEAT,
            (Repetition::OnceOutside, Some(gap)) => (SCRIPTED..MAX_REPEAT).contains(&gap),
            (Repetition::Once, Some(_)) => false,
        };
        let may_be = !self.held && gap.is_some_and(|gap| FIRST_REPEAT.contains(&gap)) && !self.exact;
        self.held = is_held;
        match repetition {
            _ if is_held => {}
            Repetition::Once | Repetition::OnceOutside if may_be => self.suspect = Some(press),
            _ => count.push(press),
        }
        Outcome { count, left_out: is_held }
    }

    /// When [`Repeats::release`] is due.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        self.suspect.map(|suspect| suspect.at + MAX_REPEAT)
    }

    /// The press that was kept back counts: no repetition came after it.
    pub const fn release(&mut self) -> Option<Press> {
        self.suspect.take()
    }
}

#[cfg(test)]
mod tests {
    use crossterm::event::{KeyCode, KeyModifiers};

    use super::*;

    /// How many presses count of a key at these times, in milliseconds.
    fn counted(repeats: &mut Repeats, repetition: Repetition, times: impl IntoIterator<Item = u64>) -> usize {
        let begin = Instant::now();
        let mut counted = 0;
        for millis in times {
            let at = begin + Duration::from_millis(millis);
            if repeats.due().is_some_and(|due| due <= at) {
                counted += usize::from(repeats.release().is_some());
            }
            let key = KeyEvent::new(KeyCode::Char('o'), KeyModifiers::NONE);
            counted += repeats.press(Press { at, ..Press::from(key) }, repetition).count.len();
        }
        counted + usize::from(repeats.release().is_some())
    }

    #[test]
    fn a_held_key_counts_once_whatever_its_delay_and_rate() {
        for (delay, rate) in [(500, 33), (250, 91), (660, 40), (225, 30), (375, 90)] {
            let times = || std::iter::once(0).chain((0..60).map(move |number| delay + number * rate));
            for repetition in [Repetition::Once, Repetition::OnceOutside] {
                let mut repeats = Repeats::default();
                assert_eq!(counted(&mut repeats, repetition, times()), 1, "{delay} ms, then each {rate} ms");
                assert_eq!(counted(&mut repeats, repetition, [100_000]), 1, "and again after a pause");
            }
            assert_eq!(counted(&mut Repeats::default(), Repetition::Counts, times()), 61, "movements all count");
        }
        let without_a_delay = (0..60).map(|number| number * 33);
        assert_eq!(counted(&mut Repeats::default(), Repetition::OnceOutside, without_a_delay), 1);
    }

    #[test]
    fn presses_and_scripts_all_count() {
        for gap in [0, 5, 130, 200, 400, 900] {
            for repetition in [Repetition::Once, Repetition::OnceOutside] {
                let times = (0..5).map(|number| number * gap);
                assert_eq!(counted(&mut Repeats::default(), repetition, times), 5, "each {gap} ms");
            }
        }
    }

    #[test]
    fn another_key_lets_the_one_before_it_count_first() {
        let mut repeats = Repeats::default();
        let begin = Instant::now();
        let press = |character, millis| {
            let key = KeyEvent::new(KeyCode::Char(character), KeyModifiers::NONE);
            Press { at: begin + Duration::from_millis(millis), ..Press::from(key) }
        };
        assert_eq!(repeats.press(press('o', 0), Repetition::OnceOutside).count, [press('o', 0)]);
        let again = press('o', 300);
        assert_eq!(repeats.press(again, Repetition::OnceOutside), Outcome::default());
        assert_eq!(repeats.due(), Some(again.at + MAX_REPEAT));
        let other = press('d', 330);
        assert_eq!(repeats.press(other, Repetition::OnceOutside).count, [again, other]);
    }

    #[test]
    fn a_terminal_that_says_what_is_held_is_believed() {
        let mut repeats = Repeats::default();
        repeats.trust_terminal();
        let fast = (0..5).map(|number| number * 33);
        assert_eq!(counted(&mut repeats, Repetition::OnceOutside, fast), 5);
        let key = KeyEvent::new_with_kind(KeyCode::Char('o'), KeyModifiers::NONE, KeyEventKind::Repeat);
        assert_eq!(repeats.press(key.into(), Repetition::Once), Outcome { count: vec![], left_out: true });
        assert_eq!(repeats.press(key.into(), Repetition::Counts).count.len(), 1);
    }
}
