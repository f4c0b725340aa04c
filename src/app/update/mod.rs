//! What messages and keys change: the entry points of the application.

mod actions;
pub(super) mod appearance;
mod comparing;
mod editing;
pub(super) mod filter;
pub(super) mod freeze;
mod line_input;
mod messages;
mod operating;
mod ordering;
pub(super) mod pace;
mod running;
pub(super) mod scroll;
mod stepping;
pub(super) mod view;
mod watch_operating;
mod watching;

use std::time::Duration;

use crate::domain::{Run, UnixMillis};

use super::{
    App,
    command::Command,
    derive::trouble::{age, trouble},
    intent::Overlay,
    message::Message,
    notice::Tone,
    scenario_run::Noted,
    watch::Watch,
};

/// Milliseconds between two ticks.
const TICK_MILLIS: u64 = 1_000;

/// The same while something on the screen moves in tenths of a second, and while orders are open.
const FAST_TICK_MILLIS: u64 = 100;

/// Minimum of milliseconds until a request is due.
const MIN_TICK_MILLIS: u64 = 10;

impl App {
    /// Applies a message. Returns what to do for it.
    pub fn update(&mut self, message: Message) -> Vec<Command> {
        let noted = Noted::of(&message);
        let mut commands = self.receive(message);
        commands.extend(self.advance_run(noted.as_ref()));
        commands.extend(self.follow_steps());
        self.view.update_filter(&mut self.orders, &self.options.retry);
        commands
    }

    /// Applies a message now, or queues it while the screen is frozen.
    fn receive(&mut self, message: Message) -> Vec<Command> {
        match message {
            Message::Tick { now } => {
                self.tick(now);
                return self.poll();
            }
            Message::Intent(intent) => {
                self.view.set_echo(intent, self.now);
                self.stop_reading_list(intent);
                return self.act(intent);
            }
            Message::Resized { width, height } => self.view.resize(width, height),
            Message::Limits(limits) => self.view.set_limits(limits),
            line @ Message::Logged { .. } => {
                self.view.mark_dirty(self.overlay() == Overlay::Log);
                self.apply(line);
            }
            fact @ (Message::Link(_)
            | Message::Server(_)
            | Message::Worker(_)
            | Message::Pollers { .. }
            | Message::Compared(_)
            | Message::Presented(_)
            | Message::Copied { .. }
            | Message::NotOpened { .. }
            | Message::Notice { .. }) => {
                self.view.mark_dirty(true);
                self.apply(fact);
            }
            fact => {
                if let Message::Described { workflow, run, .. } = &fact {
                    self.connections.on_answer(&Run { workflow: workflow.clone(), run: run.clone() });
                }
                if let (Message::Watch(news), Some(watch)) = (&fact, &mut self.watch) {
                    watch.on_answer(news, self.now);
                }
                // An answer decides itself, unless it is counted as one that waits.
                let decides = matches!(fact, Message::Watch(_)) && !self.view.freeze().is_frozen();
                self.view.mark_dirty(!decides);
                self.apply_or_queue(fact);
            }
        }
        Vec::new()
    }

    fn apply_or_queue(&mut self, fact: Message) {
        if !self.view.freeze().is_frozen() {
            return self.apply(fact);
        }
        if self.view.freeze_mut().queue(fact) {
            self.resume();
            self.notify("the screen is live again: too many updates were waiting", Tone::Bad);
        }
    }

    /// Applies the queued messages, and makes a frozen screen live.
    fn resume(&mut self) {
        for message in self.view.freeze_mut().end() {
            self.apply(message);
        }
    }

    /// Asks the server about open orders and about executions on the screen; not while the screen is frozen, because nothing
    /// would show.
    fn poll(&mut self) -> Vec<Command> {
        if self.view.freeze().is_frozen() {
            return Vec::new();
        }
        let selected = self.selected_slot();
        let orders = self.connections.poll(self.now, &self.orders, selected);
        orders.into_iter().chain(self.poll_watched()).collect()
    }

    fn tick(&mut self, now: UnixMillis) {
        let before = self.shown_now();
        self.now = self.now.max(now);
        let expired = self.log.expire_notice(self.now);
        self.view.mark_dirty(expired);
        self.view.expire_echo(now);
        let shown = self.shown_now();
        let passed = |millis: u64| shown.0 / millis != before.0 / millis;
        let moves = passed(100) && self.shows_tenths() || passed(1_000) && self.shows_time(before);
        let counts = |watch: &mut Box<Watch>| watch.count_requests(shown);
        let is_other_rate = passed(1_000) && self.watches() && self.watch.as_mut().is_some_and(counts);
        self.view.mark_dirty(moves || is_other_rate);
    }

    /// The time from one tick to the next: countdowns move, notices expire, and the server is asked in time.
    #[must_use]
    pub fn tick_interval(&self) -> Duration {
        let is_live = self.connections.is_up() && !self.view.freeze().is_frozen();
        let is_fast = is_live && (self.orders.open() > 0 || self.watches() && self.shows_tenths());
        let most = if is_fast { FAST_TICK_MILLIS } else { TICK_MILLIS };
        let due = self.next_watch_request().map_or(most, |due| due.0.saturating_sub(self.now.0));
        Duration::from_millis(due.clamp(MIN_TICK_MILLIS, most))
    }

    /// Whether countdowns and running attempts on the screen move in tenths of a second.
    fn shows_tenths(&self) -> bool {
        let moves = match (self.view.base(), self.watch()) {
            (page @ (Overlay::Execution | Overlay::Executions), Some(watch)) => {
                watch.moves(page, self.shown_now(), self.view.height())
            }
            _ => self.orders.open() > 0 && self.selected().is_some_and(|order| !order.is_over()),
        };
        moves && !self.appearance().still
    }

    /// Whether something on the screen moves with the clock alone: a countdown, or an age in seconds.
    fn shows_time(&self, before: UnixMillis) -> bool {
        if let (Overlay::Executions, Some(watch)) = (self.overlay(), self.watch())
            && self.connections.is_up()
        {
            return watch.shows_time(self.shown_now(), self.view.height());
        }
        let sources = [&self.journal.journal_source, &self.journal.document_source];
        let ages = sources.into_iter().filter_map(|source| source.last_read);
        let moves = |at: UnixMillis| age(at, before) != age(at, self.shown_now());
        let compares = self.comparison().is_some_and(|comparison| !comparison.is_over());
        let presents = self.view.base() != Overlay::None;
        compares || presents || self.orders.open() > 0 || trouble(self).is_some() || ages.max().is_some_and(moves)
    }

    /// Shows and logs a notice.
    fn notify(&mut self, text: &str, tone: Tone) {
        self.log.notify(text, tone, self.now);
    }

    /// Says why a key does nothing.
    fn refuse(&mut self, text: &str) -> Vec<Command> {
        self.notify(text, Tone::Bad);
        Vec::new()
    }
}
