//! Distinguishes a held key from a key that is pressed again. A terminal with the kitty protocol reports which of the
//! two it is. Other terminals repeat the key, first after a delay and then fast.

use std::time::{Duration, Instant};

use crossterm::event::{KeyEvent, KeyEventKind};

use super::input::Press;
use crate::keymap::Repetition;

/// Minimum interval of a keyboard's repetitions. Faster keys come from a script.
const MIN_REPEAT: Duration = Duration::from_millis(12);

/// Maximum interval of a keyboard's repetitions.
const MAX_REPEAT: Duration = Duration::from_millis(120);

/// Possible delays of a keyboard before the first repetition.
const FIRST_REPEAT_DELAYS: std::ops::Range<Duration> = Duration::from_millis(150)..Duration::from_millis(800);

/// Recognises the repetitions of held keys.
#[derive(Debug, Default)]
pub struct Repeats {
    last: Option<(KeyEvent, Instant)>,
    /// Whether the last key is being held.
    held: bool,
    /// A press that may be the first repetition of a held key. The next key decides.
    suspect: Option<Press>,
    /// Whether the terminal reports repetitions.
    exact: bool,
}

/// Result of a press.
#[derive(Debug, Default, PartialEq)]
pub struct Outcome {
    /// The presses that count now, in order.
    pub count: Vec<Press>,
    /// Whether the press was a repetition that does not count.
    pub left_out: bool,
}

impl Repeats {
    /// Relies on the terminal to report repetitions from now on.
    pub const fn trust_terminal(&mut self) {
        self.exact = true;
    }

    /// Handles a press. `repetition` says whether repetitions of this key count.
    pub fn press(&mut self, press: Press, repetition: Repetition) -> Outcome {
        let before = self.last.replace((press.command, press.at));
        let gap = before
            .filter(|(key, _)| (key.code, key.modifiers) == (press.command.code, press.command.modifiers))
            .map(|(_, at)| press.at.saturating_duration_since(at));
        let mut count = Vec::new();
        if let Some(suspect) = self.suspect.take() {
            if gap.is_some_and(|gap| (MIN_REPEAT..MAX_REPEAT).contains(&gap)) {
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
            (Repetition::OnceOutside, Some(gap)) => (MIN_REPEAT..MAX_REPEAT).contains(&gap),
            (Repetition::Once, Some(_)) => false,
        };
        let may_be = !self.held && gap.is_some_and(|gap| FIRST_REPEAT_DELAYS.contains(&gap)) && !self.exact;
        self.held = is_held;
        match repetition {
            _ if is_held => {}
            Repetition::Once | Repetition::OnceOutside if may_be => self.suspect = Some(press),
            _ => count.push(press),
        }
        Outcome { count, left_out: is_held }
    }

    /// Returns when to call [`Repeats::release`], if a press is held back.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        self.suspect.map(|suspect| suspect.at + MAX_REPEAT)
    }

    /// Returns the press that was held back. It counts, since no repetition followed.
    pub const fn release(&mut self) -> Option<Press> {
        self.suspect.take()
    }
}

#[cfg(test)]
mod tests {
    use crossterm::event::{KeyCode, KeyModifiers};

    use super::*;

    /// Returns how many presses count if a key arrives at these times in milliseconds.
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
    fn another_key_makes_the_previous_press_count_first() {
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
    fn a_terminal_that_reports_repetitions_is_relied_on() {
        let mut repeats = Repeats::default();
        repeats.trust_terminal();
        let fast = (0..5).map(|number| number * 33);
        assert_eq!(counted(&mut repeats, Repetition::OnceOutside, fast), 5);
        let key = KeyEvent::new_with_kind(KeyCode::Char('o'), KeyModifiers::NONE, KeyEventKind::Repeat);
        assert_eq!(repeats.press(key.into(), Repetition::Once), Outcome { count: vec![], left_out: true });
        assert_eq!(repeats.press(key.into(), Repetition::Counts).count.len(), 1);
    }
}
