//! A core that is told again what another one was told. Time runs as it did, faster, slower or not at all, and goes back
//! by beginning anew; what the core asks for is not done, since what came of it is in the recording. A recording of a
//! walkthrough waits wherever its speaker pressed the key that goes on.

use std::time::Duration;

use crate::{
    app::{App, Command, Intent, Look, Message, ReplayBar, Setup, Wind},
    domain::UnixMillis,
    runtime::core::Core,
};

use super::{Recording, format::Entry, format::What};

/// How many times as fast as it was, in quarters.
const SPEEDS: [u64; 6] = [1, 2, 4, 8, 16, 32];

/// As fast as it was.
const AS_IT_WAS: usize = 2;

/// While it plays, time is told so often that nothing on the screen jumps.
const PLAYING: Duration = Duration::from_millis(33);

const STANDING: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub struct Player {
    recording: Recording,
    /// The core on the screen.
    app: App,
    /// Those that it lies over, the last one begun last.
    beneath: Vec<App>,
    /// How the screen looks here, whatever it looked like there.
    look: Look,
    /// The entry that is told next.
    next: usize,
    /// Where it stands, in milliseconds since the beginning.
    at: u64,
    /// The time of day when that was so.
    clock: Option<UnixMillis>,
    paused: bool,
    /// An index of [`SPEEDS`].
    speed: usize,
    /// It waits for a key wherever the speaker pressed one.
    stops: bool,
    /// What the speaker reads, where that has changed.
    page: Option<Command>,
    dirty: bool,
}

/// A core that begins, with the look of the screen here.
fn begin(setup: &Setup, look: Look) -> App {
    App::new(Setup { look, ..setup.clone() })
}

impl Player {
    #[must_use]
    pub fn new(recording: Recording, look: Look) -> Self {
        let stops = recording.entries.iter().any(Entry::goes_on);
        let app = begin(&recording.setup, look);
        let mut player = Self {
            recording,
            app,
            beneath: Vec::new(),
            look,
            next: 0,
            at: 0,
            clock: None,
            paused: false,
            speed: AS_IT_WAS,
            stops,
            page: None,
            dirty: true,
        };
        player.show_bar();
        player
    }

    /// Where it stands, in milliseconds since the beginning.
    #[must_use]
    pub const fn at(&self) -> u64 {
        self.at
    }

    /// Nothing more is to be told.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.next >= self.recording.entries.len()
    }

    /// It stands before the key that goes on, and nothing but time lies between.
    #[must_use]
    pub fn waits(&self) -> bool {
        self.stops && self.entry().is_some_and(Entry::goes_on)
    }

    /// To `at`, in milliseconds: the state after all that had happened by then.
    pub fn seek(&mut self, at: u64) {
        let at = at.min(self.recording.length());
        if at < self.at {
            self.rewind();
        }
        while self.entry().is_some_and(|entry| entry.at <= at) {
            self.tell_next();
        }
        self.at = at;
        self.tick();
        self.show_bar();
    }

    /// Tells one entry, and stands at its time. `false` where there is none.
    pub fn step(&mut self) -> bool {
        let Some(entry) = self.entry() else { return false };
        self.at = self.at.max(entry.at);
        self.tell_next();
        self.show_bar();
        true
    }

    fn entry(&self) -> Option<&Entry> {
        self.recording.entries.get(self.next)
    }

    /// Begins anew, with the first core on the screen.
    fn rewind(&mut self) {
        (self.app, self.dirty) = (begin(&self.recording.setup, self.look), true);
        self.beneath.clear();
        (self.next, self.at) = (0, 0);
    }

    fn tell_next(&mut self) {
        let Some(entry) = self.entry().cloned() else { return };
        self.next = self.next.saturating_add(1);
        self.dirty = true;
        match entry.what {
            What::Begin(setup) => {
                self.beneath.push(std::mem::replace(&mut self.app, begin(&setup, self.look)));
            }
            // The last screen stays.
            What::End(_) => {
                if let Some(app) = self.beneath.pop() {
                    self.app = app;
                }
            }
            What::Message(message) => {
                // As the event loop did: first the time, then what happened.
                let now = self.time_of(entry.at);
                self.tell(Message::Tick { now });
                self.tell(*message);
            }
        }
    }

    /// The time of day that it was there.
    fn time_of(&self, at: u64) -> UnixMillis {
        UnixMillis(self.recording.setup.now.0.saturating_add(at))
    }

    fn tick(&mut self) {
        let now = self.time_of(self.at);
        self.tell(Message::Tick { now });
    }

    /// What is asked for was done then, but for what the speaker reads now.
    fn tell(&mut self, message: Message) {
        let pages = self.app.update(message).into_iter().filter(|command| matches!(command, Command::Present(_)));
        self.page = pages.last().or(self.page.take());
    }

    /// Time has passed here, and passes there.
    fn run(&mut self, now: UnixMillis) {
        let passed = self.clock.replace(now).map_or(0, |before| now.0.saturating_sub(before.0));
        if self.paused || self.is_over() {
            return;
        }
        let speed = SPEEDS.get(self.speed).copied().unwrap_or(SPEEDS[AS_IT_WAS]);
        let until = self.at.saturating_add(passed.saturating_mul(speed) / SPEEDS[AS_IT_WAS]);
        while !self.waits() && self.entry().is_some_and(|entry| entry.at <= until) {
            self.tell_next();
        }
        let held = if self.waits() { self.entry().map(|entry| entry.at) } else { None };
        self.at = until.min(held.unwrap_or(u64::MAX)).min(self.recording.length()).max(self.at);
        self.tick();
    }

    fn wind(&mut self, wind: Wind) {
        match wind {
            Wind::Pause if self.waits() => self.press(),
            Wind::Pause => self.paused = !self.paused,
            Wind::Next => self.press(),
            Wind::Previous => self.seek_key_before(),
            Wind::Event => {
                self.paused = true;
                self.step();
            }
            Wind::EventBack => {
                self.paused = true;
                self.seek_entry(self.next.saturating_sub(1));
            }
            Wind::Faster => self.speed = self.speed.saturating_add(1).min(SPEEDS.len() - 1),
            Wind::Slower => self.speed = self.speed.saturating_sub(1),
            Wind::First => self.rewind(),
            Wind::Last => self.seek(u64::MAX),
            Wind::Tenths(tenths) => self.seek(self.recording.length().saturating_mul(u64::from(tenths)) / 10),
        }
        self.dirty = true;
    }

    /// The key that was pressed next, and whatever comes before it.
    fn press(&mut self) {
        let is_key = |entry: &Entry| if self.stops { entry.goes_on() } else { entry.is_key() };
        let ahead = self.recording.entries.iter().enumerate().skip(self.next);
        let to = ahead.filter(|(_, entry)| is_key(entry)).map(|(place, _)| place).next();
        self.seek_entry(to.map_or(usize::MAX, |place| place.saturating_add(1)));
        self.paused &= !self.stops;
    }

    /// To before the key that was pressed last, or where it stands there already, the one before.
    fn seek_key_before(&mut self) {
        let is_key = |entry: &Entry| if self.stops { entry.goes_on() } else { entry.is_key() };
        let told = self.recording.entries.iter().enumerate().take(self.next);
        let place = told.filter(|(_, entry)| is_key(entry)).map(|(place, _)| place).last();
        self.seek_entry(place.unwrap_or(0));
    }

    /// To the state before the entry at `place`, and the time of the one that was told last.
    fn seek_entry(&mut self, place: usize) {
        let place = place.min(self.recording.entries.len());
        if place < self.next {
            self.rewind();
        }
        while self.next < place && self.step() {}
    }

    fn show_bar(&mut self) {
        let (at, length, speed) = (self.at, self.recording.length(), SPEEDS.get(self.speed).copied().unwrap_or(4));
        let (told, entries) = (self.next, self.recording.entries.len());
        let bar = ReplayBar {
            paused: self.paused,
            waits: self.waits(),
            over: self.is_over(),
            speed,
            at,
            length,
            told,
            entries,
        };
        self.app.show_replay(bar);
    }
}

impl Core for Player {
    fn app(&self) -> &App {
        &self.app
    }

    fn update(&mut self, message: Message) -> Vec<Command> {
        match message {
            Message::Tick { now } => self.run(now),
            Message::Intent(Intent::Wind(wind)) => self.wind(wind),
            Message::Intent(Intent::Quit | Intent::Close) => return vec![Command::Quit],
            Message::Intent(Intent::Suspend) => return vec![Command::Suspend],
            // Of the screen here, which is none of the recording's.
            _ => self.dirty = true,
        }
        self.show_bar();
        self.page.take().into_iter().collect()
    }

    fn take_dirty(&mut self) -> bool {
        self.app.take_dirty() | std::mem::take(&mut self.dirty)
    }

    fn overlay(&self) -> crate::app::Overlay {
        crate::app::Overlay::Replay
    }

    fn pace(&self) -> Duration {
        if self.paused || self.is_over() { STANDING } else { PLAYING }
    }
}
