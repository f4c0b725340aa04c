//! A core that is told again what another one was told. Time runs as it did, faster, slower or not at all, and goes back
//! by beginning anew; what the core asks for is not done, since what came of it is in the recording. A recording of a
//! walkthrough waits wherever its speaker pressed the key that goes on.

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
    format::{Entry, What},
    paced::is_event,
};

/// How many times as fast as it was, in quarters.
const SPEEDS: [u64; 6] = [1, 2, 4, 8, 16, 32];

/// As fast as it was.
const AS_IT_WAS: usize = 2;

/// While it plays, time is told so often that nothing on the screen jumps.
const PLAYING: Duration = Duration::from_millis(33);

/// The most that passes at once, in milliseconds: a program that was stopped for a while goes on where it was.
const MOST_AT_ONCE: u64 = 1_000;

const STANDING: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub struct Player {
    recording: Recording,
    /// The core on the screen.
    app: App,
    /// Those that it lies over, the last one begun last.
    beneath: Vec<App>,
    /// How the screen looks here, whatever it looked like there.
    look: Appearance,
    /// The entry that is told next.
    next: usize,
    /// Where it stands, in milliseconds since the beginning.
    at: u64,
    /// The time of day when that was so.
    clock: Option<UnixMillis>,
    /// The time of day when an event was shown last.
    shown: UnixMillis,
    paused: bool,
    /// An index of [`SPEEDS`].
    speed: usize,
    /// It waits for a key wherever the speaker pressed one.
    stops: bool,
    foot: Foot,
    above: Above,
    /// What the speaker reads, where that has changed.
    page: Option<NotesPage>,
    dirty: bool,
}

/// What the last row shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Foot {
    /// Where the replay stands.
    Bar,
    /// The keys, as it was.
    Keys,
}

/// What lies over the replay. Meanwhile it stands still.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Above {
    Nothing,
    /// A clicker's Esc must not end the show.
    Question,
    Blank,
}

/// When an entry is due, and whether it is an event.
fn due(entry: &Entry) -> (u64, bool) {
    (entry.at, matches!(&entry.what, What::Message(message) if is_event(message)))
}

/// A core that begins, with the look of the screen here, and nothing in it that only a made-up file could have.
fn begin(setup: &Options, look: Appearance) -> App {
    App::new(Options { appearance: look, ..setup.clone().cleaned() })
}

impl Player {
    #[must_use]
    pub fn new(recording: Recording, look: Appearance) -> Self {
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
            shown: UnixMillis(0),
            paused: false,
            speed: AS_IT_WAS,
            stops,
            foot: Foot::Bar,
            above: Above::Nothing,
            page: None,
            dirty: true,
        };
        player.show_bar();
        player
    }

    /// The same for pictures: the screens as they were, with the keys in their place.
    #[must_use]
    pub fn without_bar(recording: Recording, look: Appearance) -> Self {
        let mut player = Self::new(recording, look);
        player.foot = Foot::Keys;
        player.rewind();
        player
    }

    /// From the beginning to the end, in milliseconds.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.recording.length()
    }

    /// Where it stands, in milliseconds since the beginning.
    #[must_use]
    pub const fn at(&self) -> u64 {
        self.at
    }

    /// When the next entry is told, in milliseconds since the beginning.
    #[must_use]
    pub fn next_at(&self) -> Option<u64> {
        self.entry().map(|entry| entry.at)
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
        let present = |command| if let Command::Present(page) = command { Some(page) } else { None };
        let page = self.app.update(message).into_iter().filter_map(present).next_back();
        self.page = page.or(self.page.take());
    }

    /// The speaker's notes with times of the clock here, `now`, as their reader compares them with it.
    fn notes_of_today(&self, page: NotesPage, now: UnixMillis) -> NotesPage {
        let there = self.time_of(self.at);
        let here = |at: UnixMillis| UnixMillis(now.0.saturating_sub(there.0.saturating_sub(at.0)));
        NotesPage { begun: here(page.begun), since: here(page.since), ..page }
    }

    /// Time has passed here, and passes there.
    fn run(&mut self, now: UnixMillis) {
        let passed = self.clock.replace(now).map_or(0, |before| now.0.saturating_sub(before.0).min(MOST_AT_ONCE));
        if self.paused || self.is_over() || self.above != Above::Nothing {
            return;
        }
        let speed = SPEEDS.get(self.speed).copied().unwrap_or(SPEEDS[AS_IT_WAS]);
        let mut until = self.at.saturating_add(passed.saturating_mul(speed) / SPEEDS[AS_IT_WAS]);
        let gap = Pace::default().gap().saturating_mul(SPEEDS[AS_IT_WAS]) / speed.max(1);
        while let Some((at, is_event)) = self.entry().filter(|entry| entry.at <= until).map(due)
            && !self.waits()
        {
            // A walkthrough is shown at the pace of a room, however fast it was.
            if self.stops && is_event {
                if now.0 < self.shown.0.saturating_add(gap) {
                    until = until.min(at);
                    break;
                }
                self.shown = now;
            }
            self.tell_next();
        }
        let held = if self.waits() { self.entry().map(|entry| entry.at) } else { None };
        self.at = until.min(held.unwrap_or(u64::MAX)).min(self.recording.length()).max(self.at);
        self.tick();
    }

    fn on_seek(&mut self, seek: Seek) {
        match seek {
            Seek::Pause if self.waits() => self.press(),
            Seek::Pause => self.paused = !self.paused,
            Seek::Next => self.press(),
            Seek::Previous => self.seek_key_before(),
            Seek::Event => {
                self.paused = true;
                self.step();
            }
            Seek::EventBack => {
                self.paused = true;
                self.seek_entry(self.next.saturating_sub(1));
            }
            Seek::Faster => self.speed = self.speed.saturating_add(1).min(SPEEDS.len() - 1),
            Seek::Slower => self.speed = self.speed.saturating_sub(1),
            Seek::First => self.rewind(),
            Seek::Last => self.seek(u64::MAX),
            Seek::Tenths(tenths) => self.seek(self.recording.length().saturating_mul(u64::from(tenths)) / 10),
        }
        self.dirty = true;
    }

    /// Whether a key is pressed there that somebody moves by: in a walkthrough the speaker's one, else any.
    fn is_key(&self, entry: &Entry) -> bool {
        if self.stops { entry.goes_on() } else { entry.is_key() }
    }

    /// The key that was pressed next, and whatever comes before it.
    fn press(&mut self) {
        let ahead = self.recording.entries.get(self.next..).unwrap_or_default();
        let to = ahead.iter().position(|entry| self.is_key(entry));
        self.seek_entry(to.map_or(usize::MAX, |place| self.next.saturating_add(place).saturating_add(1)));
        self.paused &= !self.stops;
    }

    /// To before the key that was pressed last, or where it stands there already, the one before.
    fn seek_key_before(&mut self) {
        let told = self.recording.entries.get(..self.next).unwrap_or_default();
        let place = told.iter().rposition(|entry| self.is_key(entry));
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
        let standing = match self.recording.entries.last() {
            _ if self.above == Above::Question => ReplayState::Confirming,
            _ if self.above == Above::Blank => ReplayState::Blank,
            Some(Entry { what: What::End(_), .. }) if self.is_over() => ReplayState::Over,
            _ if self.is_over() => ReplayState::CutOff,
            _ if self.waits() => ReplayState::Waiting,
            _ if self.paused => ReplayState::Paused,
            _ => ReplayState::Playing,
        };
        let bar = ReplayBar { state: standing, speed, at, length, replayed: told, entries };
        if self.foot == Foot::Bar {
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
            Message::Tick { now } => self.run(now),
            Message::Intent(Intent::Seek(seek)) => {
                self.app.view_mut().clear_replay_note();
                self.on_seek(seek);
            }
            Message::Intent(Intent::Quit | Intent::Exit | Intent::Yes) => return vec![Command::Quit],
            Message::Intent(Intent::Close) if self.above == Above::Nothing => self.above = Above::Question,
            Message::Intent(Intent::Close | Intent::No) => self.above = Above::Nothing,
            Message::Intent(Intent::Blank) => self.above = Above::Blank,
            Message::Intent(Intent::Suspend) => return vec![Command::Suspend],
            Message::Notice { text, .. } => self.app.view_mut().show_replay_note(&text),
            // Of the screen here, which is none of the recording's.
            _ => self.dirty = true,
        }
        self.show_bar();
        let Some(now) = self.clock else { return Vec::new() };
        let page = self.page.take().map(|page| self.notes_of_today(page, now));
        page.map(Command::Present).into_iter().collect()
    }

    fn take_dirty(&mut self) -> bool {
        self.app.take_dirty() | std::mem::take(&mut self.dirty)
    }

    fn use_ascii(&mut self) {
        self.look.ascii = true;
        self.app.view_mut().use_ascii();
        self.beneath.iter_mut().for_each(|app| app.view_mut().use_ascii());
    }

    fn overlay(&self) -> Overlay {
        match self.above {
            Above::Nothing => Overlay::Replay,
            Above::Question => Overlay::Confirm(Question::LeaveReplay),
            Above::Blank => Overlay::Blank,
        }
    }

    fn pace(&self) -> Duration {
        if self.paused || self.is_over() { STANDING } else { PLAYING }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use ratatui::{buffer::Buffer, layout::Rect};

    use super::*;

    use crate::{
        app::{
            ScenarioRun, StartMode,
            testing::headless::{World, scenario, scenario_mode, walkthrough},
        },
        recording::{Recorder, RecordingError},
        ui,
    };

    #[derive(Clone, Default)]
    struct Shelf(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Shelf {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl Shelf {
        fn bytes(&self) -> Vec<u8> {
            self.0.lock().unwrap().clone()
        }
    }

    fn world(start_mode: StartMode) -> (World, Shelf) {
        let shelf = Shelf::default();
        let recorder = Recorder::new(Box::new(shelf.clone()), Some("/home/somebody".into())).unwrap();
        (World::recorded(start_mode, Some(recorder)), shelf)
    }

    /// What is on the screen, but for the last row, which is the bar's.
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

    /// A whole walkthrough, and its frames, each with how many entries had been told.
    fn recorded_walkthrough() -> (Vec<(usize, Vec<String>)>, Vec<u8>) {
        let (mut world, shelf) = world(walkthrough());
        let mut frames = Vec::new();
        // All lines but the format's and the beginning's.
        let told = |shelf: &Shelf| shelf.bytes().split(|byte| *byte == b'\n').count() - 3;
        for _ in 0..20 {
            world.press(Intent::GoOn);
            frames.push((told(&shelf), frame(world.app())));
            while world.go_on() {
                frames.push((told(&shelf), frame(world.app())));
            }
        }
        assert!(world.app().walkthrough().unwrap().step().is_none());
        let _ended = world.core.end();
        (frames, shelf.bytes())
    }

    #[test]
    fn the_speaker_reads_times_of_the_clock_here() {
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
    fn a_replay_gives_the_same_frames() {
        let (frames, bytes) = recorded_walkthrough();
        assert!(bytes.len() < 200_000, "small: {}", bytes.len());
        let mut player = Player::new(Recording::read("it", &bytes).unwrap(), Appearance::default());
        for (told, expected) in &frames {
            while player.next < *told {
                assert!(player.step());
            }
            let found = frame(player.app());
            let differs = (0..found.len()).find(|row| found[*row] != expected[*row]);
            assert_eq!(differs.map(|row| (told, &found[row], &expected[row])), None);
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
    fn it_waits_where_the_speaker_pressed_the_key_and_one_key_leads_to_the_end() {
        let (_, bytes) = recorded_walkthrough();
        let mut player = Player::new(Recording::read("it", &bytes).unwrap(), Appearance::default());
        let mut now = 1_000;
        tick(&mut player, now);
        for press in 0..16 {
            // However long the speaker takes.
            for _ in 0..400 {
                now += 500;
                tick(&mut player, now);
            }
            assert!(player.waits(), "press {press}");
            let state = player.app().walkthrough().unwrap().step().map(|(_, state)| state.passed());
            assert_ne!(state, Some(Some(false)), "each check is green");
            seek(&mut player, Seek::Next);
        }
        assert!(player.app().walkthrough().unwrap().step().is_none(), "the summary");
        assert!(player.app().walkthrough().unwrap().counts().unwrap().1);
    }

    #[test]
    fn a_step_back_and_on_again_is_where_it_was() {
        let (_, bytes) = recorded_walkthrough();
        let mut player = Player::new(Recording::read("it", &bytes).unwrap(), Appearance::default());
        seek(&mut player, Seek::Tenths(5));
        seek(&mut player, Seek::EventBack);
        let there = (player.next, frame(player.app()));
        seek(&mut player, Seek::Event);
        seek(&mut player, Seek::EventBack);
        assert_eq!((player.next, frame(player.app())), there);
        seek(&mut player, Seek::First);
        assert_eq!((player.at(), player.app().overlay()), (0, Overlay::Walkthrough));
        seek(&mut player, Seek::Last);
        assert!(player.is_over());
        seek(&mut player, Seek::Previous);
        assert!(player.waits(), "before the last key");
    }

    #[test]
    fn a_clickers_escape_asks_and_b_makes_the_screen_black() {
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
            assert_eq!(player.at(), 0, "it stands still");
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
    fn one_that_nobody_spoke_to_plays_by_itself_as_fast_as_asked() {
        let (mut world, shelf) = world(scenario_mode(scenario("fail-once")));
        world.settle();
        assert!(world.app().scenario_run().is_some_and(ScenarioRun::is_over));
        let recording = Recording::read("it", &shelf.bytes()).unwrap();
        let length = recording.length();
        let mut player = Player::new(recording, Appearance::default());
        tick(&mut player, 0);
        seek(&mut player, Seek::Faster);
        tick(&mut player, length / 4);
        assert_eq!(player.at(), length / 4 * 2);
        seek(&mut player, Seek::Pause);
        tick(&mut player, length);
        assert_eq!(player.at(), length / 4 * 2, "it stands");
        seek(&mut player, Seek::Pause);
        tick(&mut player, 3 * length);
        assert!(player.is_over() && player.app().scenario_run().is_some_and(ScenarioRun::is_over));
    }

    #[test]
    fn a_replayed_walkthrough_shows_its_events_apart_however_fast_they_were() {
        let (_, bytes) = recorded_walkthrough();
        let mut player = Player::new(Recording::read("it", &bytes).unwrap(), Appearance::default());
        let mut now = 1_000;
        while !player.waits() {
            now += 500;
            tick(&mut player, now);
        }
        seek(&mut player, Seek::Next);
        let (began, mut stocks) = (now, Vec::new());
        while !player.waits() {
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
    fn a_core_over_another_ends_where_that_one_goes_on() {
        let (mut world, shelf) = world(StartMode::Dashboard);
        let mut recorder = world.core.take_recorder();
        let begun = recorder.as_mut().unwrap();
        begun.begin(&crate::app::Options { start_mode: walkthrough(), ..crate::app::testing::fixture::setup() });
        begun.end();
        world.core.put_recorder(recorder);
        world.tell(Message::Intent(Intent::Help));
        let mut player = Player::new(Recording::read("it", &shelf.bytes()).unwrap(), Appearance::default());
        while player.app().walkthrough().is_none() {
            assert!(player.step());
        }
        player.seek(u64::MAX);
        assert_eq!((player.app().overlay(), player.app().walkthrough()), (Overlay::Help, None));
    }

    #[test]
    fn the_home_folder_is_nobodys_business() {
        let (mut world, shelf) = world(StartMode::Dashboard);
        let text = "/home/somebody/database/inventory.json, /home/somebody and /home/somebodyelse/x".to_owned();
        world.tell(Message::Notice { text, tone: crate::app::Tone::Good });
        let bytes = String::from_utf8(shelf.bytes()).unwrap();
        assert!(bytes.contains("~/database/inventory.json, ~ and /home/somebodyelse/x"), "{bytes}");
        assert!(Recording::read("it", bytes.as_bytes()).is_ok(), "and its sums are right");
    }

    #[test]
    fn a_home_that_is_no_folder_hides_nothing() {
        for home in ["up", "/", ""] {
            let shelf = Shelf::default();
            let recorder = Recorder::new(Box::new(shelf.clone()), Some(home.into())).unwrap();
            World::recorded(StartMode::Dashboard, Some(recorder));
            assert!(!String::from_utf8(shelf.bytes()).unwrap().contains('~'), "{home}");
            assert!(Recording::read("it", &shelf.bytes()).is_ok());
        }
    }

    #[test]
    fn a_recording_that_nobody_could_have_made_does_no_harm() {
        let mut hostile = crate::app::testing::headless::shipped();
        hostile.title = "a\u{202e}b".into();
        hostile.steps[0].panels = vec![crate::app::StepPanel::Stock; 20_000];
        let placing = hostile.steps[0].scenario.as_mut().unwrap();
        placing.retry.initial = u64::MAX;
        if let crate::scenario::What::Order(placing) = &mut placing.acts[0].what {
            placing.copies = u32::MAX;
        }
        let (mut world, shelf) = world(StartMode::Walkthrough(Box::new(hostile)));
        world.tell(Message::Notice { text: "x".into(), tone: crate::app::Tone::Plain });
        let mut player = Player::new(Recording::read("it", &shelf.bytes()).unwrap(), Appearance::default());
        player.seek(u64::MAX);
        player.update(Message::Intent(Intent::Seek(Seek::Last)));
        let shown = frame(player.app()).concat();
        assert!(!shown.contains('\u{202e}'));
        let text = String::from_utf8(shelf.bytes()).unwrap();
        let nested: Vec<_> = text.lines().nth(1).into_iter().collect();
        assert_eq!(nested.len(), 1);
        assert!(player.app().walkthrough().unwrap().step().unwrap().0.panels.len() <= 3);
    }

    #[test]
    fn a_replay_that_was_stopped_for_an_hour_goes_on_where_it_was() {
        let (mut world, shelf) = world(scenario_mode(scenario("fail-once")));
        world.settle();
        let mut player = Player::new(Recording::read("it", &shelf.bytes()).unwrap(), Appearance::default());
        tick(&mut player, 5_000);
        tick(&mut player, 3_605_000);
        assert_eq!(player.at(), 1_000.min(player.length()));
    }

    #[test]
    fn a_recording_that_cannot_be_written_is_given_up_and_that_is_said() {
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
        let told = world.app().log().oldest_first().filter(|line| line.text.contains("the recording was given up"));
        assert_eq!(told.count(), 1);
        assert!(world.app().scenario_run().is_some_and(ScenarioRun::is_over), "the run goes on");
    }

    #[test]
    fn a_damaged_recording_is_refused_with_the_line() {
        let (_, shelf) = world(StartMode::Dashboard);
        let text = String::from_utf8(shelf.bytes()).unwrap();
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
            assert!(error.contains(word) && error.contains("no recording"), "{error}");
        }
        let error = with(&|lines| lines[0] = String::from_utf8(super::super::format::tests::header_of(7)).unwrap());
        assert!(error.unwrap_err().to_string().contains("version 7 of the format"));
    }
}
