//! Plays a recording back by sending its messages to a core again, at any speed. Seeking back restarts from the first
//! entry, and the core's commands are ignored because the recording contains their results.
//!
//! A recorded walkthrough waits for a key at every place where the speaker pressed the key that continues.

use std::time::Duration;

use crate::{
    app::{
        App, Appearance, Command, Core, Intent, Message, NotesPage, Options, Overlay, Pace, Question, ReplayBar,
        ReplayState, Seek,
    },
    domain::UnixMillis,
};

use super::{
    Recording,
    format::{Entry, EntryKind},
    paced::is_event,
};

/// Speeds in quarters of the original speed.
const SPEEDS: [u64; 6] = [1, 2, 4, 8, 16, 32];

/// Index of the original speed in [`SPEEDS`].
const ORIGINAL_SPEED: usize = 2;

/// Interval between ticks while the replay plays: short enough for smooth motion on the screen.
const PLAYING_TICK: Duration = Duration::from_millis(33);

/// Maximum time that one tick advances the replay, in milliseconds, so that a suspended program resumes where it was.
const MAX_TICK_MILLIS: u64 = 1_000;

/// Interval between ticks while the replay is paused or at its end.
const IDLE_TICK: Duration = Duration::from_secs(1);

/// Replay of a recording.
#[derive(Debug)]
pub struct Player {
    recording: Recording,
    /// The current core, which is on the screen.
    app: App,
    /// The interrupted cores, the newest last.
    interrupted: Vec<App>,
    /// Appearance of the screen here, which replaces the recorded one.
    appearance: Appearance,
    /// Index of the entry that is applied next.
    next_entry: usize,
    /// Milliseconds since the beginning.
    position: u64,
    /// Wall-clock time of the last tick.
    now: Option<UnixMillis>,
    /// Wall-clock time at which the last event was shown.
    event_shown: UnixMillis,
    paused: bool,
    /// Index of the speed in [`SPEEDS`].
    speed: usize,
    /// Whether the replay waits for a key at every place where the speaker pressed one.
    waits_for_keys: bool,
    last_row: LastRow,
    overlay: ReplayOverlay,
    /// The speaker notes, if they changed since the last update.
    notes: Option<NotesPage>,
    dirty: bool,
}

/// Content of the last row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LastRow {
    /// The state of the replay.
    Bar,
    /// The keys, as recorded.
    Keys,
}

/// Overlay on the replay, which does not advance meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ReplayOverlay {
    None,
    /// Asks before leaving, so that the Esc of a clicker does not end a talk.
    ConfirmLeave,
    /// A black screen.
    Blank,
}

/// The time at which an entry is due, and whether it is an event.
fn due(entry: &Entry) -> (u64, bool) {
    (entry.at, matches!(&entry.kind, EntryKind::Message(message) if is_event(message)))
}

/// A new core with the appearance of this screen. The options are sanitised, because the file may be forged.
fn new_core(options: &Options, appearance: Appearance) -> App {
    App::new(Options { appearance, ..options.clone().cleaned() })
}

impl Player {
    /// Plays a recording from its beginning, with the state of the replay in the last row.
    #[must_use]
    pub fn new(recording: Recording, appearance: Appearance) -> Self {
        let waits_for_keys = recording.entries.iter().any(Entry::is_continue_key);
        let app = new_core(&recording.options, appearance);
        let mut player = Self {
            recording,
            app,
            interrupted: Vec::new(),
            appearance,
            next_entry: 0,
            position: 0,
            now: None,
            event_shown: UnixMillis(0),
            paused: false,
            speed: ORIGINAL_SPEED,
            waits_for_keys,
            last_row: LastRow::Bar,
            overlay: ReplayOverlay::None,
            notes: None,
            dirty: true,
        };
        player.show_bar();
        player
    }

    /// Plays a recording for pictures, with the recorded keys in the last row.
    #[must_use]
    pub fn without_bar(recording: Recording, appearance: Appearance) -> Self {
        let mut player = Self::new(recording, appearance);
        player.last_row = LastRow::Keys;
        player.rewind();
        player
    }

    /// Returns the length of the recording, in milliseconds.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.recording.length()
    }

    /// Returns the position in the recording, in milliseconds since the beginning.
    #[must_use]
    pub const fn position(&self) -> u64 {
        self.position
    }

    /// Returns the time of the next entry, in milliseconds since the beginning; `None` at the end.
    #[must_use]
    pub fn next_at(&self) -> Option<u64> {
        self.upcoming().map(|entry| entry.at)
    }

    /// Whether every entry has been applied.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.next_entry >= self.recording.entries.len()
    }

    /// Whether the next entry is a key for which the replay waits.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.waits_for_keys && self.upcoming().is_some_and(Entry::is_continue_key)
    }

    /// Seeks to `position`, in milliseconds since the beginning, and applies every entry up to that time.
    pub fn seek(&mut self, position: u64) {
        let position = position.min(self.recording.length());
        if position < self.position {
            self.rewind();
        }
        while self.upcoming().is_some_and(|entry| entry.at <= position) {
            self.apply_next();
        }
        self.position = position;
        self.tick();
        self.show_bar();
    }

    /// Applies one entry and moves to its time. Returns `false` at the end.
    pub fn step(&mut self) -> bool {
        let Some(entry) = self.upcoming() else { return false };
        self.position = self.position.max(entry.at);
        self.apply_next();
        self.show_bar();
        true
    }

    /// The entry that is applied next.
    fn upcoming(&self) -> Option<&Entry> {
        self.recording.entries.get(self.next_entry)
    }

    /// Restarts from the first core.
    fn rewind(&mut self) {
        (self.app, self.dirty) = (new_core(&self.recording.options, self.appearance), true);
        self.interrupted.clear();
        (self.next_entry, self.position) = (0, 0);
    }

    /// Applies the next entry.
    fn apply_next(&mut self) {
        let Some(entry) = self.upcoming().cloned() else { return };
        self.next_entry = self.next_entry.saturating_add(1);
        self.dirty = true;
        match entry.kind {
            EntryKind::Begin(options) => {
                self.interrupted.push(std::mem::replace(&mut self.app, new_core(&options, self.appearance)));
            }
            // The last screen stays after the first core ends.
            EntryKind::End(_) => {
                if let Some(app) = self.interrupted.pop() {
                    self.app = app;
                }
            }
            EntryKind::Message(message) => {
                // Like the event loop, sends the time before the message.
                let now = self.time_of(entry.at);
                self.apply(Message::Tick { now });
                self.apply(*message);
            }
        }
    }

    /// The recorded wall-clock time of a position.
    fn time_of(&self, position: u64) -> UnixMillis {
        UnixMillis(self.recording.options.now.0.saturating_add(position))
    }

    /// Sends the recorded time of the position to the core.
    fn tick(&mut self) {
        let now = self.time_of(self.position);
        self.apply(Message::Tick { now });
    }

    /// Sends a message to the core. Ignores its commands except new speaker notes: the recording contains their
    /// results.
    fn apply(&mut self, message: Message) {
        let present = |command| if let Command::Present(page) = command { Some(page) } else { None };
        let notes = self.app.update(message).into_iter().filter_map(present).next_back();
        self.notes = notes.or(self.notes.take());
    }

    /// Converts the times of the speaker notes from the recorded clock to this machine's clock, which shows `now`.
    fn with_local_times(&self, page: NotesPage, now: UnixMillis) -> NotesPage {
        let recorded_now = self.time_of(self.position);
        let local = |at: UnixMillis| UnixMillis(now.0.saturating_sub(recorded_now.0.saturating_sub(at.0)));
        NotesPage { begun: local(page.begun), since: local(page.since), ..page }
    }

    /// Advances the replay by the time since the last tick, times the speed.
    fn advance(&mut self, now: UnixMillis) {
        let passed = self.now.replace(now).map_or(0, |before| now.0.saturating_sub(before.0).min(MAX_TICK_MILLIS));
        if self.paused || self.is_over() || self.overlay != ReplayOverlay::None {
            return;
        }
        let speed = SPEEDS.get(self.speed).copied().unwrap_or(SPEEDS[ORIGINAL_SPEED]);
        let mut until = self.position.saturating_add(passed.saturating_mul(speed) / SPEEDS[ORIGINAL_SPEED]);
        let gap = Pace::default().gap().saturating_mul(SPEEDS[ORIGINAL_SPEED]) / speed.max(1);
        while let Some((at, is_event)) = self.upcoming().filter(|entry| entry.at <= until).map(due)
            && !self.is_waiting()
        {
            // Shows the events of a walkthrough no faster than an audience can follow.
            if self.waits_for_keys && is_event {
                if now.0 < self.event_shown.0.saturating_add(gap) {
                    until = until.min(at);
                    break;
                }
                self.event_shown = now;
            }
            self.apply_next();
        }
        let waiting_at = if self.is_waiting() { self.upcoming().map(|entry| entry.at) } else { None };
        self.position = until.min(waiting_at.unwrap_or(u64::MAX)).min(self.recording.length()).max(self.position);
        self.tick();
    }

    /// Applies a key that moves through the recording.
    fn on_seek(&mut self, seek: Seek) {
        match seek {
            Seek::Pause if self.is_waiting() => self.seek_next_key(),
            Seek::Pause => self.paused = !self.paused,
            Seek::Next => self.seek_next_key(),
            Seek::Previous => self.seek_previous_key(),
            Seek::Event => {
                self.paused = true;
                self.step();
            }
            Seek::EventBack => {
                self.paused = true;
                self.seek_entry(self.next_entry.saturating_sub(1));
            }
            Seek::Faster => self.speed = self.speed.saturating_add(1).min(SPEEDS.len() - 1),
            Seek::Slower => self.speed = self.speed.saturating_sub(1),
            Seek::First => self.rewind(),
            Seek::Last => self.seek(u64::MAX),
            Seek::Tenths(tenths) => self.seek(self.recording.length().saturating_mul(u64::from(tenths)) / 10),
        }
        self.dirty = true;
    }

    /// Whether seeking by keys stops at the entry: in a walkthrough at the key that continues, otherwise at any key.
    fn is_key(&self, entry: &Entry) -> bool {
        if self.waits_for_keys { entry.is_continue_key() } else { entry.is_key() }
    }

    /// Applies every entry up to and including the next key.
    fn seek_next_key(&mut self) {
        let ahead = self.recording.entries.get(self.next_entry..).unwrap_or_default();
        let key = ahead.iter().position(|entry| self.is_key(entry));
        self.seek_entry(key.map_or(usize::MAX, |offset| self.next_entry.saturating_add(offset).saturating_add(1)));
        self.paused &= !self.waits_for_keys;
    }

    /// Seeks to the state before the last applied key.
    fn seek_previous_key(&mut self) {
        let applied = self.recording.entries.get(..self.next_entry).unwrap_or_default();
        let key = applied.iter().rposition(|entry| self.is_key(entry));
        self.seek_entry(key.unwrap_or(0));
    }

    /// Seeks to the state before the entry with this index, at the time of the entry before it.
    fn seek_entry(&mut self, index: usize) {
        let index = index.min(self.recording.entries.len());
        if index < self.next_entry {
            self.rewind();
        }
        while self.next_entry < index && self.step() {}
    }

    /// Updates the state of the replay in the last row.
    fn show_bar(&mut self) {
        let (at, length, speed) =
            (self.position, self.recording.length(), SPEEDS.get(self.speed).copied().unwrap_or(4));
        let (replayed, entries) = (self.next_entry, self.recording.entries.len());
        let state = match self.recording.entries.last() {
            _ if self.overlay == ReplayOverlay::ConfirmLeave => ReplayState::Confirming,
            _ if self.overlay == ReplayOverlay::Blank => ReplayState::Blank,
            Some(Entry { kind: EntryKind::End(_), .. }) if self.is_over() => ReplayState::Over,
            _ if self.is_over() => ReplayState::CutOff,
            _ if self.is_waiting() => ReplayState::Waiting,
            _ if self.paused => ReplayState::Paused,
            _ => ReplayState::Playing,
        };
        let [at, length] = [at, length].map(Duration::from_millis);
        let bar = ReplayBar { state, speed, at, length, replayed, entries };
        if self.last_row == LastRow::Bar {
            self.app.view_mut().show_replay(bar);
        }
    }
}

impl Core for Player {
    fn app(&self) -> &App {
        &self.app
    }

    fn update(&mut self, message: Message) -> Vec<Command> {
        match message {
            Message::Tick { now } => self.advance(now),
            Message::Intent(Intent::Seek(seek)) => {
                self.app.view_mut().clear_replay_note();
                self.on_seek(seek);
            }
            Message::Intent(Intent::Quit | Intent::Exit | Intent::Yes) => return vec![Command::Quit],
            Message::Intent(Intent::Close) if self.overlay == ReplayOverlay::None => {
                self.overlay = ReplayOverlay::ConfirmLeave;
            }
            Message::Intent(Intent::Close | Intent::No) => self.overlay = ReplayOverlay::None,
            Message::Intent(Intent::Blank) => self.overlay = ReplayOverlay::Blank,
            Message::Intent(Intent::Suspend) => return vec![Command::Suspend],
            Message::Notice { text, .. } => self.app.view_mut().show_replay_note(&text),
            // Other messages concern only this screen, for example its size.
            _ => self.dirty = true,
        }
        self.show_bar();
        let Some(now) = self.now else { return Vec::new() };
        let notes = self.notes.take().map(|notes| self.with_local_times(notes, now));
        notes.map(Command::Present).into_iter().collect()
    }

    fn take_dirty(&mut self) -> bool {
        self.app.take_dirty() | std::mem::take(&mut self.dirty)
    }

    fn use_ascii(&mut self) {
        self.appearance.ascii = true;
        self.app.view_mut().use_ascii();
        self.interrupted.iter_mut().for_each(|app| app.view_mut().use_ascii());
    }

    fn overlay(&self) -> Overlay {
        match self.overlay {
            ReplayOverlay::None => Overlay::Replay,
            ReplayOverlay::ConfirmLeave => Overlay::Confirm(Question::LeaveReplay),
            ReplayOverlay::Blank => Overlay::Blank,
        }
    }

    fn pace(&self) -> Duration {
        if self.paused || self.is_over() { IDLE_TICK } else { PLAYING_TICK }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use ratatui::{buffer::Buffer, layout::Rect};

    use super::*;

    use crate::{
        app::{
            Link, ListPage, Move, ScenarioRun, StartMode, WatchNews,
            testing::{
                fixture,
                headless::{World, scenario, scenario_mode, walkthrough},
                watch,
            },
        },
        recording::{Recorded, Recorder, RecordingError},
        ui,
    };

    #[derive(Clone, Default)]
    struct SharedBuffer(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for SharedBuffer {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl SharedBuffer {
        fn bytes(&self) -> Vec<u8> {
            self.0.lock().unwrap().clone()
        }
    }

    fn world(start_mode: StartMode) -> (World, SharedBuffer) {
        let buffer = SharedBuffer::default();
        let recorder = Recorder::new(Box::new(buffer.clone()), Some("/home/user".into())).unwrap();
        (World::recorded(start_mode, Some(recorder)), buffer)
    }

    /// The screen without the last row, which shows the state of the replay.
    fn frame(app: &App) -> Vec<String> {
        let area = Rect::new(0, 0, 100, 30);
        let mut buffer = Buffer::empty(area);
        ui::draw_on(&mut buffer, area, app);
        let rows = buffer.content().chunks(100).take(29);
        rows.map(|row| {
            row.iter().map(|cell| format!("{}{:?}", cell.symbol(), cell.style())).collect::<Vec<_>>().concat()
        })
        .collect()
    }

    /// A whole recorded walkthrough: its frames, each with the number of entries before it, and the recording.
    fn recorded_walkthrough() -> (Vec<(usize, Vec<String>)>, Vec<u8>) {
        let (mut world, buffer) = world(walkthrough());
        let mut frames = Vec::new();
        // Counts all lines except the header, the options and the empty one after the last line feed.
        let entries = |buffer: &SharedBuffer| buffer.bytes().split(|byte| *byte == b'\n').count() - 3;
        for _ in 0..20 {
            world.press(Intent::GoOn);
            frames.push((entries(&buffer), frame(world.app())));
            while world.go_on() {
                frames.push((entries(&buffer), frame(world.app())));
            }
        }
        assert!(world.app().walkthrough().unwrap().step().is_none());
        let _ended = world.core.end();
        (frames, buffer.bytes())
    }

    #[test]
    fn speaker_notes_have_times_of_the_local_clock() {
        let bytes = crate::recording::built_in("walkthrough").unwrap();
        let mut player = Player::new(Recording::read("walkthrough", bytes).unwrap(), Appearance::default());
        let mut now = UnixMillis(4_000_000_000_000);
        let begun = now;
        let mut pages = Vec::new();
        for _ in 0..100 {
            for message in [Message::Tick { now }, Message::Intent(Intent::Seek(Seek::Next))] {
                pages.extend(player.update(message).into_iter().filter_map(|command| match command {
                    Command::Present(page) => Some((page, now)),
                    _ => None,
                }));
            }
            now = UnixMillis(now.0 + 100);
        }
        assert!(pages.len() > 5, "{} pages", pages.len());
        for (page, now) in pages {
            let earliest = UnixMillis(begun.0 - player.length());
            assert!(earliest <= page.begun && page.begun <= page.since && page.since <= now, "{page:?} at {now:?}");
        }
    }

    #[test]
    fn a_replay_shows_the_same_frames() {
        let (frames, bytes) = recorded_walkthrough();
        assert!(bytes.len() < 200_000, "small: {}", bytes.len());
        let mut player = Player::new(Recording::read("it", &bytes).unwrap(), Appearance::default());
        for (entries, expected) in &frames {
            while player.next_entry < *entries {
                assert!(player.step());
            }
            let found = frame(player.app());
            let differs = (0..found.len()).find(|row| found[*row] != expected[*row]);
            assert_eq!(differs.map(|row| (entries, &found[row], &expected[row])), None);
        }
        assert!(frames.len() > 60, "{}", frames.len());
    }

    fn tick(player: &mut Player, now: u64) {
        player.update(Message::Tick { now: UnixMillis(now) });
    }

    fn seek(player: &mut Player, to: Seek) {
        player.update(Message::Intent(Intent::Seek(to)));
    }

    #[test]
    fn a_replay_pauses_at_each_key_of_the_speaker_and_one_key_continues() {
        let (_, bytes) = recorded_walkthrough();
        let mut player = Player::new(Recording::read("it", &bytes).unwrap(), Appearance::default());
        let mut now = 1_000;
        tick(&mut player, now);
        for press in 0..20 {
            // The replay waits for any length of time.
            for _ in 0..400 {
                now += 500;
                tick(&mut player, now);
            }
            assert!(player.is_waiting(), "press {press}");
            let state = player.app().walkthrough().unwrap().step().map(|(_, state)| state.passed());
            assert_ne!(state, Some(Some(false)), "each check is green");
            seek(&mut player, Seek::Next);
        }
        assert!(player.app().walkthrough().unwrap().step().is_none(), "the summary");
        assert!(player.app().walkthrough().unwrap().counts().unwrap().1);
    }

    #[test]
    fn a_step_back_and_forward_returns_to_the_same_state() {
        let (_, bytes) = recorded_walkthrough();
        let mut player = Player::new(Recording::read("it", &bytes).unwrap(), Appearance::default());
        seek(&mut player, Seek::Tenths(5));
        seek(&mut player, Seek::EventBack);
        let before = (player.next_entry, frame(player.app()));
        seek(&mut player, Seek::Event);
        seek(&mut player, Seek::EventBack);
        assert_eq!((player.next_entry, frame(player.app())), before);
        seek(&mut player, Seek::First);
        assert_eq!((player.position(), player.app().overlay()), (0, Overlay::Walkthrough));
        seek(&mut player, Seek::Last);
        assert!(player.is_over());
        seek(&mut player, Seek::Previous);
        assert!(player.is_waiting(), "before the last key");
    }

    #[test]
    fn escape_asks_before_leaving_and_b_blanks_the_screen() {
        let (_, bytes) = recorded_walkthrough();
        let mut player = Player::new(Recording::read("it", &bytes).unwrap(), Appearance::default());
        let rows = |player: &Player| {
            let text = ui::tests::text(&ui::tests::frame(player.app(), 100, 30));
            text.lines().map(str::to_owned).collect::<Vec<_>>()
        };
        tick(&mut player, 0);
        for answer in [Intent::No, Intent::Close] {
            assert_eq!(player.update(Message::Intent(Intent::Close)), []);
            assert_eq!(player.overlay(), Overlay::Confirm(Question::LeaveReplay));
            let bar = rows(&player).pop().unwrap();
            assert!(bar.contains("LEAVE THE REPLAY?") && bar.contains("y yes") && bar.contains("n no"), "{bar}");
            tick(&mut player, 900);
            assert_eq!(player.position(), 0, "it does not advance");
            assert_eq!(player.update(Message::Intent(answer)), []);
            assert_eq!(player.overlay(), Overlay::Replay);
        }
        let before = rows(&player);
        player.update(Message::Intent(Intent::Blank));
        assert_eq!(player.overlay(), Overlay::Blank);
        assert!(rows(&player).iter().all(String::is_empty));
        player.update(Message::Intent(Intent::Close));
        assert_eq!(rows(&player), before);
        player.update(Message::Intent(Intent::Close));
        assert_eq!(player.update(Message::Intent(Intent::Yes)), [Command::Quit]);
        assert_eq!(player.update(Message::Intent(Intent::Exit)), [Command::Quit]);
    }

    #[test]
    fn a_recording_without_a_speaker_plays_at_the_requested_speed() {
        let (mut world, buffer) = world(scenario_mode(scenario("fail-once")));
        world.settle();
        assert!(world.app().scenario_run().is_some_and(ScenarioRun::is_over));
        let recording = Recording::read("it", &buffer.bytes()).unwrap();
        let length = recording.length();
        let mut player = Player::new(recording, Appearance::default());
        tick(&mut player, 0);
        seek(&mut player, Seek::Faster);
        tick(&mut player, length / 4);
        assert_eq!(player.position(), length / 4 * 2);
        seek(&mut player, Seek::Pause);
        tick(&mut player, length);
        assert_eq!(player.position(), length / 4 * 2, "it is paused");
        seek(&mut player, Seek::Pause);
        tick(&mut player, 3 * length);
        assert!(player.is_over() && player.app().scenario_run().is_some_and(ScenarioRun::is_over));
    }

    #[test]
    fn a_replayed_walkthrough_shows_its_events_one_by_one() {
        let (_, bytes) = recorded_walkthrough();
        let mut player = Player::new(Recording::read("it", &bytes).unwrap(), Appearance::default());
        let mut now = 1_000;
        while !player.is_waiting() {
            now += 500;
            tick(&mut player, now);
        }
        seek(&mut player, Seek::Next);
        let (began, mut stocks) = (now, Vec::new());
        while !player.is_waiting() {
            now += 50;
            tick(&mut player, now);
            let stock = player.app().journal().stock(player.app().shown_now()).unwrap();
            if stocks.last() != Some(&stock) {
                stocks.push(stock);
            }
        }
        assert_eq!(stocks, [1000, 1, 1001], "each stock was on the screen");
        assert!(now - began >= 6 * Pace::default().gap(), "{} ms", now - began);
    }

    #[test]
    fn an_interrupted_core_continues_after_the_interrupting_one_ends() {
        let (mut world, buffer) = world(StartMode::Dashboard);
        let mut recorder = world.core.take_recorder();
        let active = recorder.as_mut().unwrap();
        active.begin(&crate::app::Options { start_mode: walkthrough(), ..crate::app::testing::fixture::setup() });
        active.end();
        world.core.put_recorder(recorder);
        world.tell(Message::Intent(Intent::Help));
        let mut player = Player::new(Recording::read("it", &buffer.bytes()).unwrap(), Appearance::default());
        while player.app().walkthrough().is_none() {
            assert!(player.step());
        }
        player.seek(u64::MAX);
        assert_eq!((player.app().overlay(), player.app().walkthrough()), (Overlay::Help, None));
    }

    #[test]
    fn a_replayed_watch_session_shows_the_same_frames() {
        let buffer = SharedBuffer::default();
        let recorder = Recorder::new(Box::new(buffer.clone()), None).unwrap();
        let options = Options { start_mode: StartMode::Watch(Box::default()), ..fixture::setup() };
        let mut core = Recorded::new(options, Some(recorder));
        let (mut at, mut frames) = (fixture::T0, Vec::new());
        for message in watch_session() {
            at += 100;
            core.update(Message::Tick { now: UnixMillis(at) });
            core.update(message);
            frames.push(frame(core.app()));
        }
        let _ended = core.end();
        let mut player = Player::new(Recording::read("it", &buffer.bytes()).unwrap(), Appearance::default());
        for expected in &frames {
            assert!(player.step());
            assert_eq!(frame(player.app()), *expected);
        }
        for _ in &frames {
            seek(&mut player, Seek::EventBack);
        }
        assert_eq!(player.app().overlay(), Overlay::Executions);
        player.seek(u64::MAX);
        assert!(player.is_over());
        assert_eq!(Some(&frame(player.app())), frames.last());
    }

    /// Answers of the server, and each key of the pages about executions.
    fn watch_session() -> Vec<Message> {
        let run = watch::run(1);
        let query = "ExecutionStatus = 'Running'".to_owned();
        let executions = (0..3).map(|number| watch::info(watch::run(number))).collect();
        let listed = ListPage { at: UnixMillis(fixture::T0), executions, more: false };
        let pending = fixture::foreign("charge", "5", fixture::waiting(2, fixture::T0, fixture::T0 + 9_000));
        let described = || {
            let mut report = watch::report(run.clone(), fixture::T0, vec![pending.clone()]);
            report.info.parent = Some(watch::run(2));
            Message::Watch(WatchNews::Described { run: run.clone(), answer: Ok(Box::new(report)) })
        };
        let mut session = vec![
            Message::Link(Link::Up),
            Message::Watch(WatchNews::Listed { query: query.clone(), page: 0, answer: Ok(listed) }),
            Message::Watch(WatchNews::Counted { query, answer: Ok(3) }),
            described(),
        ];
        let keys = |keys: &[Intent]| keys.iter().map(|key| Message::Intent(*key)).collect::<Vec<_>>();
        let in_list = [Intent::NextSort, Intent::NextSort, Intent::Filter, Intent::Close, Intent::Select(Move::First)];
        session.extend(keys(&in_list));
        session.extend(keys(&[Intent::Details]));
        session.push(described());
        let in_execution = [
            [Intent::ShowFailure, Intent::Close],
            [Intent::OpenParent, Intent::Close],
            [Intent::ShowCommand, Intent::Close],
            [Intent::AskPause, Intent::Yes],
            [Intent::AskResetActivity, Intent::No],
            [Intent::AskTerminate, Intent::No],
            [Intent::EditOptions, Intent::Close],
            [Intent::EditSignal, Intent::Close],
            [Intent::Freeze, Intent::Freeze],
            [Intent::Close, Intent::Help],
        ];
        session.extend(keys(in_execution.as_flattened()));
        session
    }

    #[test]
    fn the_home_folder_is_not_recorded() {
        let (mut world, buffer) = world(StartMode::Dashboard);
        let text = "/home/user/database/inventory.json, /home/user and /home/usertwo/x".to_owned();
        world.tell(Message::Notice { text, tone: crate::app::Tone::Good });
        let bytes = String::from_utf8(buffer.bytes()).unwrap();
        assert!(bytes.contains("~/database/inventory.json, ~ and /home/usertwo/x"), "{bytes}");
        assert!(Recording::read("it", bytes.as_bytes()).is_ok(), "its checksums are right");
    }

    #[test]
    fn a_home_that_is_not_an_absolute_folder_is_not_replaced() {
        for home in ["up", "/", ""] {
            let buffer = SharedBuffer::default();
            let recorder = Recorder::new(Box::new(buffer.clone()), Some(home.into())).unwrap();
            World::recorded(StartMode::Dashboard, Some(recorder));
            assert!(!String::from_utf8(buffer.bytes()).unwrap().contains('~'), "{home}");
            assert!(Recording::read("it", &buffer.bytes()).is_ok());
        }
    }

    #[test]
    fn a_forged_recording_does_no_harm() {
        let mut hostile = crate::app::testing::headless::shipped();
        hostile.title = "a\u{202e}b".into();
        hostile.steps[0].panels = vec![crate::app::StepPanel::Stock; 20_000];
        let placing = hostile.steps[0].scenario.as_mut().unwrap();
        placing.retry.initial = Duration::MAX;
        if let crate::scenario::What::Order(placing) = &mut placing.acts[0].what {
            placing.copies = u32::MAX;
        }
        let (mut world, buffer) = world(StartMode::Walkthrough(Box::new(hostile)));
        world.tell(Message::Notice { text: "x".into(), tone: crate::app::Tone::Plain });
        let mut player = Player::new(Recording::read("it", &buffer.bytes()).unwrap(), Appearance::default());
        player.seek(u64::MAX);
        player.update(Message::Intent(Intent::Seek(Seek::Last)));
        let shown = frame(player.app()).concat();
        assert!(!shown.contains('\u{202e}'));
        let text = String::from_utf8(buffer.bytes()).unwrap();
        let nested: Vec<_> = text.lines().nth(1).into_iter().collect();
        assert_eq!(nested.len(), 1);
        assert!(player.app().walkthrough().unwrap().step().unwrap().0.panels.len() <= 3);
    }

    #[test]
    fn a_replay_suspended_for_an_hour_resumes_at_its_position() {
        let (mut world, buffer) = world(scenario_mode(scenario("fail-once")));
        world.settle();
        let mut player = Player::new(Recording::read("it", &buffer.bytes()).unwrap(), Appearance::default());
        tick(&mut player, 5_000);
        tick(&mut player, 3_605_000);
        assert_eq!(player.position(), 1_000.min(player.length()));
    }

    #[test]
    fn a_write_error_stops_the_recording_with_a_notice() {
        struct Full(usize);
        impl std::io::Write for Full {
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                self.0 = self.0.checked_sub(bytes.len()).ok_or(std::io::ErrorKind::StorageFull)?;
                Ok(bytes.len())
            }

            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let recorder = Recorder::new(Box::new(Full(3_000)), None).unwrap();
        let mut world = World::recorded(scenario_mode(scenario("fail-once")), Some(recorder));
        world.settle();
        let notices = world.app().log().oldest_first().filter(|line| line.text.contains("recording stopped"));
        assert_eq!(notices.count(), 1);
        assert!(world.app().scenario_run().is_some_and(ScenarioRun::is_over), "the run continues");
    }

    #[test]
    fn a_damaged_recording_is_refused_with_the_line() {
        let (_, buffer) = world(StartMode::Dashboard);
        let text = String::from_utf8(buffer.bytes()).unwrap();
        let lines: Vec<_> = text.lines().collect();
        assert!(lines.len() >= 5, "{}", lines.len());
        let with = |change: &dyn Fn(&mut Vec<String>)| {
            let mut lines: Vec<_> = lines.iter().map(|line| format!("{line}\n")).collect();
            change(&mut lines);
            Recording::read("it", lines.concat().as_bytes())
        };
        assert!(with(&|_| {}).is_ok());
        let line = |result: Result<Recording, RecordingError>| match result {
            Err(RecordingError::Damaged { line, .. }) => line,
            other => panic!("{other:?}"),
        };
        assert_eq!(
            line(with(&|lines| lines[3] =
                lines[3].replacen("up", "op", 1).replacen("link", "lynk", 1).replacen("at", "ta", 1))),
            4
        );
        assert_eq!(line(with(&|lines| drop(lines.remove(3)))), 4);
        assert_eq!(line(with(&|lines| lines.swap(3, 4))), 4);
        let last = lines.len();
        assert_eq!(line(with(&|lines| assert_eq!(lines[last - 1].pop(), Some('\n')))), last);
        for (bytes, word) in [(&b""[..], "empty"), (b"hello\n", "checksum"), (b"\xff\xfe", "cut off")] {
            let error = Recording::read("it", bytes).unwrap_err().to_string();
            assert!(error.contains(word) && error.contains("is not a recording"), "{error}");
        }
        let error =
            with(&|lines| lines[0] = String::from_utf8(super::super::format::tests::header_of_version(7)).unwrap());
        assert!(error.unwrap_err().to_string().contains("format version 7"));
    }
}
