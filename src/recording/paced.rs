//! A core whose screen is slower than what happens. The core itself runs at full speed; a copy of its state receives the
//! same messages later, so that two events are never closer together than the pace allows. What the copy asks for was
//! done already. Waits keep their length, because the copy's clock stands still between two events that are held apart.

use std::{collections::VecDeque, time::Duration};

use crate::{
    app::{App, Command, Core, Intent, Message, StepState, Walkthrough, Worker},
    domain::UnixMillis,
    store::{Fact, News},
};

/// How often the copy receives the time.
const TICK: Duration = Duration::from_millis(50);

/// The most messages that wait; with one more, the screen is live again.
const MAX_WAITING: usize = 5_000;

#[derive(Debug)]
pub struct Paced<C> {
    core: C,
    now: UnixMillis,
    /// The state on the screen while that is behind the core's.
    delayed: Option<Box<Delayed>>,
    dirty: bool,
}

#[derive(Debug)]
struct Delayed {
    app: App,
    /// Each with the time at which it came.
    waiting: VecDeque<(UnixMillis, Message)>,
    /// The time that the screen shows.
    at: UnixMillis,
    /// When the last event was shown.
    shown: UnixMillis,
}

impl<C: Core> Paced<C> {
    #[must_use]
    pub const fn new(core: C) -> Self {
        Self { core, now: UnixMillis(0), delayed: None, dirty: false }
    }

    #[must_use]
    pub fn into_inner(self) -> C {
        self.core
    }

    /// A key. The one that goes on shows at once what the screen is behind.
    fn press(&mut self, intent: Intent) -> Vec<Command> {
        if self.delayed.is_some() && intent == Intent::GoOn {
            self.catch_up();
            return Vec::new();
        }
        let played = self.plays();
        let commands = self.core.update(Message::Intent(intent));
        match &mut self.delayed {
            Some(delayed) if is_of_the_screen(intent) => {
                delayed.app.update(Message::Intent(intent));
            }
            Some(_) => self.catch_up(),
            None => {}
        }
        let begins = self.plays() && (!played || intent == Intent::RepeatStep);
        if begins && self.core.app().view().pace().gap() > 0 {
            let app = self.core.app().clone();
            let (at, shown) = (self.now, UnixMillis(0));
            self.delayed = Some(Box::new(Delayed { app, waiting: VecDeque::new(), at, shown }));
        }
        commands
    }

    fn plays(&self) -> bool {
        let step = self.core.app().walkthrough().and_then(Walkthrough::step);
        step.is_some_and(|(_, state)| *state == StepState::Playing)
    }

    /// Shows the core itself again.
    fn catch_up(&mut self) {
        self.delayed = None;
        self.dirty = true;
    }

    fn tick(&mut self, now: UnixMillis) {
        let passed = now.0.saturating_sub(self.now.0);
        self.now = self.now.max(now);
        let (gap, plays) = (self.core.app().view().pace().gap(), self.plays());
        let Some(delayed) = &mut self.delayed else { return };
        delayed.run(passed, now, gap);
        let is_over = delayed.waiting.is_empty() && !plays;
        if is_over || gap == 0 || delayed.waiting.len() > MAX_WAITING {
            self.catch_up();
        }
    }
}

impl Delayed {
    /// Sends the copy what is due, `passed` milliseconds after the last time.
    fn run(&mut self, mut passed: u64, now: UnixMillis, gap: u64) {
        while let Some((came, message)) = self.waiting.front() {
            let until = self.at.0.saturating_add(passed);
            let apart = is_event(message);
            let is_due = until >= came.0 && (!apart || now.0 >= self.shown.0.saturating_add(gap));
            if !is_due {
                self.at = UnixMillis(until.min(came.0).max(self.at.0));
                break;
            }
            passed = passed.saturating_sub(came.0.saturating_sub(self.at.0));
            self.at = self.at.max(*came);
            if apart {
                self.shown = now;
            }
            let Some((_, message)) = self.waiting.pop_front() else { break };
            self.app.update(Message::Tick { now: self.at });
            self.app.update(message);
        }
        if self.waiting.is_empty() {
            self.at = UnixMillis(self.at.0.saturating_add(passed).min(now.0).max(self.at.0));
        }
        self.app.update(Message::Tick { now: self.at });
    }

    fn hold(&mut self, now: UnixMillis, message: Message) {
        match message {
            Message::Journal(News { mut restarted, records, more }) if records.len() > 1 => {
                // A journal that begins must not be judged by its first record; live records are judged one by one.
                let (last, parts) = (records.len() - 1, more || restarted);
                for (index, record) in records.into_iter().enumerate() {
                    let more = if index == last { more } else { parts };
                    let news = News { restarted: std::mem::take(&mut restarted), records: vec![record], more };
                    self.waiting.push_back((now, Message::Journal(news)));
                }
            }
            message => self.waiting.push_back((now, message)),
        }
    }
}

/// What the room is to see happen, one after the other.
#[must_use]
pub fn is_event(message: &Message) -> bool {
    match message {
        Message::Journal(news) => news.records.iter().any(|record| !matches!(record.fact, Fact::Init(_))),
        Message::Started { .. } | Message::Ended { .. } => true,
        Message::Worker(worker) => matches!(worker, Worker::Exited { .. } | Worker::Killed | Worker::Ready { .. }),
        _ => false,
    }
}

/// A key that changes only how the screen looks.
const fn is_of_the_screen(intent: Intent) -> bool {
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
            fact => {
                if let Some(delayed) = &mut self.delayed {
                    delayed.hold(self.now, fact.clone());
                }
                self.core.update(fact)
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
        // What the core has to show is not on the screen yet.
        let core = self.core.take_dirty() && self.delayed.is_none();
        std::mem::take(&mut self.dirty) | delayed | core
    }

    fn pace(&self) -> Duration {
        if self.delayed.is_some() { TICK } else { self.core.pace() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::app::{
        Pace,
        testing::headless::{World, walkthrough},
    };

    /// The messages of a step that is played at once, each with the time at which it came.
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
    fn events_are_shown_apart_and_what_is_shown_last_is_what_happened() {
        let (playing, mut paced, heard) = first_step();
        let mut now = 0;
        for (at, message) in heard {
            now = at;
            paced.update(Message::Tick { now: UnixMillis(at) });
            paced.update(message);
        }
        assert!(matches!(state(paced.core.app()), StepState::Played(_)), "it is over");
        assert_eq!(state(paced.app()), StepState::Playing, "and the room has not seen it");
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
    fn the_key_that_goes_on_shows_the_rest_at_once_and_goes_no_further() {
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
    fn live_holds_nothing_back() {
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
