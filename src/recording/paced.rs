//! A core whose screen shows events no faster than an audience can follow.
//!
//! The core itself runs at full speed. A copy of its state receives the same messages later, so that the screen shows
//! events at least the pace's gap apart; the copy's commands are ignored. The copy's clock stops while an event is
//! delayed, so recorded waits keep their length.

use std::{collections::VecDeque, time::Duration};

use crate::{
    app::{App, Command, Core, Intent, Message, StepState, Walkthrough, Worker},
    domain::UnixMillis,
    store::{Fact, News},
};

/// Interval between ticks while the screen is delayed.
const DELAYED_TICK: Duration = Duration::from_millis(50);

/// Maximum number of delayed messages. If there are more, the screen shows the core itself again.
const MAX_QUEUED_MESSAGES: usize = 5_000;

/// A core with a delayed screen.
#[derive(Debug)]
pub struct Paced<C> {
    core: C,
    now: UnixMillis,
    /// The delayed state on the screen; `None` if the screen shows the core itself.
    delayed: Option<Box<Delayed>>,
    dirty: bool,
}

/// A delayed copy of the state.
#[derive(Debug)]
struct Delayed {
    app: App,
    /// The delayed messages, each with the time at which the core received it.
    queue: VecDeque<(UnixMillis, Message)>,
    /// Time of the copy's clock.
    at: UnixMillis,
    /// Time at which the last event was shown.
    shown: UnixMillis,
}

impl<C: Core> Paced<C> {
    /// Wraps a core. The screen is not delayed until a step of a walkthrough plays.
    #[must_use]
    pub const fn new(core: C) -> Self {
        Self { core, now: UnixMillis(0), delayed: None, dirty: false }
    }

    /// Returns the core itself.
    #[must_use]
    pub fn into_inner(self) -> C {
        self.core
    }

    /// Applies a key. The key that continues shows all delayed messages at once instead.
    fn press(&mut self, intent: Intent) -> Vec<Command> {
        if self.delayed.is_some() && intent == Intent::GoOn {
            self.catch_up();
            return Vec::new();
        }
        let was_playing = self.is_playing();
        let commands = self.core.update(Message::Intent(intent));
        match &mut self.delayed {
            Some(delayed) if changes_only_the_view(intent) => {
                delayed.app.update(Message::Intent(intent));
            }
            Some(_) => self.catch_up(),
            None => {}
        }
        let starts = self.is_playing() && (!was_playing || intent == Intent::RepeatStep);
        if starts && self.core.app().view().pace().gap() > 0 {
            let app = self.core.app().clone();
            let (at, shown) = (self.now, UnixMillis(0));
            self.delayed = Some(Box::new(Delayed { app, queue: VecDeque::new(), at, shown }));
        }
        commands
    }

    /// Whether a step of a walkthrough plays.
    fn is_playing(&self) -> bool {
        let step = self.core.app().walkthrough().and_then(Walkthrough::step);
        step.is_some_and(|(_, state)| *state == StepState::Playing)
    }

    /// Shows the core itself again.
    fn catch_up(&mut self) {
        self.delayed = None;
        self.dirty = true;
    }

    /// Advances the delayed screen, and ends the delay when nothing is left to show.
    fn tick(&mut self, now: UnixMillis) {
        let passed = now.0.saturating_sub(self.now.0);
        self.now = self.now.max(now);
        let (gap, is_playing) = (self.core.app().view().pace().gap(), self.is_playing());
        let Some(delayed) = &mut self.delayed else { return };
        delayed.run(passed, now, gap);
        let is_over = delayed.queue.is_empty() && !is_playing;
        if is_over || gap == 0 || delayed.queue.len() > MAX_QUEUED_MESSAGES {
            self.catch_up();
        }
    }
}

impl Delayed {
    /// Sends the due messages to the copy, `passed` milliseconds after the last tick. `gap` is the minimum time between
    /// two events, in milliseconds.
    fn run(&mut self, mut passed: u64, now: UnixMillis, gap: u64) {
        while let Some((received, message)) = self.queue.front() {
            let until = self.at.0.saturating_add(passed);
            let is_spaced = is_event(message);
            let is_due = until >= received.0 && (!is_spaced || now.0 >= self.shown.0.saturating_add(gap));
            if !is_due {
                self.at = UnixMillis(until.min(received.0).max(self.at.0));
                break;
            }
            passed = passed.saturating_sub(received.0.saturating_sub(self.at.0));
            self.at = self.at.max(*received);
            if is_spaced {
                self.shown = now;
            }
            let Some((_, message)) = self.queue.pop_front() else { break };
            self.app.update(Message::Tick { now: self.at });
            self.app.update(message);
        }
        if self.queue.is_empty() {
            self.at = UnixMillis(self.at.0.saturating_add(passed).min(now.0).max(self.at.0));
        }
        self.app.update(Message::Tick { now: self.at });
    }

    /// Queues a message, and splits several records into one message each.
    fn enqueue(&mut self, now: UnixMillis, message: Message) {
        match message {
            Message::Journal(News { mut restarted, records, more, mut earlier }) if records.len() > 1 => {
                // Records of a new journal are marked as incomplete until the last one; live records are complete one
                // by one.
                let (last, parts) = (records.len() - 1, more || restarted);
                for (index, record) in records.into_iter().enumerate() {
                    let more = if index == last { more } else { parts };
                    let (restarted, earlier) = (std::mem::take(&mut restarted), std::mem::take(&mut earlier));
                    let news = News { restarted, records: vec![record], more, earlier };
                    self.queue.push_back((now, Message::Journal(news)));
                }
            }
            message => self.queue.push_back((now, message)),
        }
    }
}

/// Whether the audience must be able to see the message's effect on its own.
#[must_use]
pub(super) fn is_event(message: &Message) -> bool {
    match message {
        Message::Journal(news) => {
            news.records.iter().any(|record| !matches!(record.fact, Fact::Init(_) | Fact::Compacted(_)))
        }
        Message::Started { .. } | Message::Ended { .. } => true,
        Message::Worker(worker) => matches!(worker, Worker::Exited { .. } | Worker::Killed | Worker::Ready { .. }),
        _ => false,
    }
}

/// Whether a key changes only the view. Any other key ends the delay, so that the user sees what the key acts on; a key that
/// is missing here only ends it early.
const fn changes_only_the_view(intent: Intent) -> bool {
    matches!(
        intent,
        Intent::Help
            | Intent::Select(_)
            | Intent::NextTheme
            | Intent::NextPace
            | Intent::Blank
            | Intent::Mouse
            | Intent::Suspend
    )
}

impl<C: Core> Core for Paced<C> {
    fn app(&self) -> &App {
        self.delayed.as_ref().map_or_else(|| self.core.app(), |delayed| &delayed.app)
    }

    fn update(&mut self, message: Message) -> Vec<Command> {
        match message {
            Message::Tick { now } => {
                let commands = self.core.update(Message::Tick { now });
                self.tick(now);
                commands
            }
            Message::Intent(intent) => self.press(intent),
            Message::Resized { .. } | Message::Limits(_) => {
                if let Some(delayed) = &mut self.delayed {
                    delayed.app.update(message.clone());
                }
                self.core.update(message)
            }
            message => {
                if let Some(delayed) = &mut self.delayed {
                    delayed.enqueue(self.now, message.clone());
                }
                self.core.update(message)
            }
        }
    }

    fn use_ascii(&mut self) {
        if let Some(delayed) = &mut self.delayed {
            Core::use_ascii(&mut delayed.app);
        }
        self.core.use_ascii();
    }

    fn take_dirty(&mut self) -> bool {
        let delayed = self.delayed.as_mut().is_some_and(|delayed| delayed.app.take_dirty());
        // While the screen is delayed, changes of the core are not visible yet.
        let core = self.core.take_dirty() && self.delayed.is_none();
        std::mem::take(&mut self.dirty) | delayed | core
    }

    fn pace(&self) -> Duration {
        if self.delayed.is_some() { DELAYED_TICK } else { self.core.pace() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::app::{
        Pace,
        testing::headless::{World, walkthrough},
    };

    /// A step played without delay: its messages, each with the time at which the core received it.
    fn first_step() -> (World, Paced<App>, Vec<(u64, Message)>) {
        let world = World::new(walkthrough());
        let paced = Paced::new(world.app().clone());
        let mut playing = World::new(walkthrough());
        playing.heard.clear();
        playing.press(Intent::GoOn);
        playing.settle();
        let heard = std::mem::take(&mut playing.heard);
        (playing, paced, heard)
    }

    fn state(app: &App) -> StepState {
        app.walkthrough().unwrap().step().unwrap().1.clone()
    }

    #[test]
    fn events_are_shown_one_by_one_and_the_screen_ends_in_the_state_of_the_core() {
        let (playing, mut paced, heard) = first_step();
        let mut now = 0;
        for (at, message) in heard {
            now = at;
            paced.update(Message::Tick { now: UnixMillis(at) });
            paced.update(message);
        }
        assert!(matches!(state(paced.core.app()), StepState::Played(_)), "it is over");
        assert_eq!(state(paced.app()), StepState::Playing, "and the screen does not show it yet");
        let mut stocks = Vec::new();
        let began = now;
        while paced.delayed.is_some() {
            now += 50;
            paced.update(Message::Tick { now: UnixMillis(now) });
            let stock = paced.app().journal().stock(paced.app().shown_now()).unwrap();
            if stocks.last() != Some(&stock) {
                stocks.push(stock);
            }
            assert!(now - began < 60_000, "it ends");
        }
        assert_eq!(stocks, [1000, 1, 1001], "each stock was on the screen");
        let events = 8;
        assert!(now - began >= (events - 2) * Pace::Calm.gap(), "{} ms", now - began);
        assert_eq!(state(paced.app()), state(playing.app()));
    }

    #[test]
    fn the_key_that_continues_shows_the_rest_at_once_and_stays_on_the_step() {
        let (_, mut paced, heard) = first_step();
        for (at, message) in heard {
            paced.update(Message::Tick { now: UnixMillis(at) });
            paced.update(message);
        }
        assert!(paced.update(Message::Intent(Intent::GoOn)).is_empty());
        assert!(matches!(state(paced.app()), StepState::Played(_)));
        assert_eq!(paced.app().walkthrough().unwrap().position().0, 0);
        assert!(paced.take_dirty());
    }

    #[test]
    fn the_live_pace_delays_nothing() {
        let (_, mut paced, heard) = first_step();
        paced.update(Message::Intent(Intent::NextPace));
        paced.update(Message::Intent(Intent::NextPace));
        assert_eq!(paced.app().view().pace(), Pace::Live);
        for (at, message) in heard {
            paced.update(Message::Tick { now: UnixMillis(at) });
            paced.update(message);
            assert!(paced.delayed.is_none());
        }
        assert!(matches!(state(paced.app()), StepState::Played(_)));
    }
}
