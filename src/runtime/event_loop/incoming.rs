//! Translates input from the terminal into messages to the core.

use std::ops::ControlFlow;

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::{Rect, Size};
use tui_input::InputRequest;

use crate::{
    app::{Command, Core, Intent, Message, Tone},
    keymap::{self, Repetition, Scope},
    runtime::{
        input::{Input, Press, Reply},
        surface::{NARROW_COLUMN, Surface},
    },
    ui,
};

use super::{Dashboard, LoopError};

/// Maximum number of characters that a paste inserts into a line.
const MAX_PASTE_CHARS: usize = 1_000;

/// Notices that are shown only once per session.
#[derive(Debug, Default)]
pub(super) struct ShownNotices {
    held: bool,
    burst: bool,
}

impl<S: Surface, C: Core, P: Fn(Command) -> ControlFlow<()>> Dashboard<'_, S, C, P> {
    pub(super) fn on_input(&mut self, input: Input) {
        match input {
            Input::Key(press) => self.press(press),
            Input::Burst(keys) => self.burst(&keys),
            Input::Reply(reply) => self.reply(reply),
            Input::Event(event) => {
                for message in self.translate(&event) {
                    self.apply_intent(message);
                }
            }
        }
    }

    /// Applies a message after sending the current limits, which scrolling needs.
    fn apply_intent(&mut self, message: Message) {
        if matches!(message, Message::Intent(Intent::Select(_))) {
            self.note_limits();
        }
        self.apply(message);
    }

    /// Handles a key press. Repetitions of a held key count only for some keys.
    pub(super) fn press(&mut self, press: Press) {
        if press.typed.kind == KeyEventKind::Release {
            return;
        }
        let repetition = self.intent(press).map_or(Repetition::Counts, keymap::repetition);
        let outcome = self.repeats.press(press, repetition);
        for press in outcome.count {
            self.count(press);
        }
        if outcome.left_out && !std::mem::replace(&mut self.shown.held, true) {
            self.notice("a held key acts once; press it again");
        }
    }

    /// Handles the press that was held back. No repetition followed, so it counts.
    pub(super) fn release(&mut self) -> Result<(), LoopError> {
        self.tick();
        if let Some(press) = self.repeats.release() {
            self.count(press);
        }
        if self.stale && self.ending.is_none() { self.draw() } else { Ok(()) }
    }

    fn count(&mut self, press: Press) {
        match self.intent(press) {
            Some(intent) => self.apply_intent(Message::Intent(intent)),
            None => {
                if let Some(text) = keymap::unknown(press.command, self.core.overlay()) {
                    self.notice(&text);
                }
            }
        }
    }

    /// Handles keys that were not typed one by one. They are text for the line that is being edited or that the first
    /// key opens; outside of a line, only movements count.
    fn burst(&mut self, keys: &[Press]) {
        let moves = |press: &Press| self.intent(*press).is_some_and(|intent| matches!(intent, Intent::Select(_)));
        let all_move = keys.iter().all(moves);
        let first = keys.first().and_then(|press| self.intent(*press));
        let opens = matches!(first, Some(Intent::EditPlan | Intent::Filter | Intent::EditSignal | Intent::EditOptions));
        for (place, press) in keys.iter().enumerate() {
            let counts = all_move || self.is_typing() || opens && place == 0;
            if !counts {
                return self.ignore(keys.len() - place);
            }
            if let Some(intent) = self.intent(*press) {
                self.apply_intent(Message::Intent(intent));
            }
        }
    }

    fn is_typing(&self) -> bool {
        Scope::Typing.includes(self.core.overlay())
    }

    /// Shows once why pasted text has no effect.
    fn ignore(&mut self, count: usize) {
        if !std::mem::replace(&mut self.shown.burst, true) {
            self.notice(&format!("ignored {count} pasted characters: text can be pasted only into a line of text"));
        }
    }

    fn notice(&mut self, text: &str) {
        // A walkthrough shows only notices of this tone.
        self.apply(Message::Notice { text: text.to_owned(), tone: Tone::Bad });
    }

    fn reply(&mut self, reply: Reply) {
        let done = match reply {
            Reply::Keyboard => {
                self.repeats.trust_terminal();
                self.surface.report_keys()
            }
            Reply::Column(column) if column > NARROW_COLUMN && !self.core.app().appearance().ascii => {
                self.core.use_ascii();
                self.notice("symbols are two columns wide here, so they are shown in ASCII (--ascii=false keeps them)");
                self.surface.repaint()
            }
            Reply::Column(_) => Ok(()),
        };
        if let Err(error) = done {
            tracing::warn!(%error, "could not change a mode of the terminal");
        }
    }

    /// Returns the messages for an event from the terminal. Some events have none.
    pub(super) fn translate(&mut self, event: &Event) -> Vec<Message> {
        match event {
            Event::Mouse(mouse) => self.mouse(*mouse).into_iter().collect(),
            Event::Resize(width, height) => vec![Message::Resized { width: *width, height: *height }],
            Event::Paste(text) => self.paste(text),
            Event::Key(_) | Event::FocusGained | Event::FocusLost => Vec::new(),
        }
    }

    /// Returns the intent of a key. In a line the typed character counts, elsewhere the key on a Latin layout.
    fn intent(&self, press: Press) -> Option<Intent> {
        let is_text = self.is_typing() && !press.command.modifiers.contains(KeyModifiers::CONTROL);
        let intent = keymap::intent(if is_text { press.typed } else { press.command }, self.core.overlay());
        // A presenter's clicker sends b to blank the screen, also while a dashboard covers the walkthrough. There, b
        // must not start ten orders.
        let in_a_talk = self.core.app().walkthrough().is_some();
        intent.map(|intent| if intent == Intent::Burst && in_a_talk { Intent::Blank } else { intent })
    }

    fn key(&self, key: KeyEvent) -> Option<Message> {
        keymap::intent(key, self.core.overlay()).map(Message::Intent)
    }

    /// Treats the wheel as the arrow keys, and a click as a click on the element below it.
    fn mouse(&self, mouse: MouseEvent) -> Option<Message> {
        match mouse.kind {
            MouseEventKind::ScrollUp => self.key(KeyEvent::new(KeyCode::Up, KeyModifiers::NONE)),
            MouseEventKind::ScrollDown => self.key(KeyEvent::new(KeyCode::Down, KeyModifiers::NONE)),
            MouseEventKind::Down(MouseButton::Left) => {
                let Size { width, height } = self.surface.size().ok()?;
                let area = Rect::new(0, 0, width, height);
                ui::hit(area, self.core.app(), mouse.column, mouse.row).map(Message::Intent)
            }
            _ => None,
        }
    }

    /// Inserts a paste into the line that is being edited. Without such a line, the paste is ignored, since its
    /// characters are not key presses.
    fn paste(&mut self, text: &str) -> Vec<Message> {
        if !self.is_typing() {
            self.ignore(text.chars().count());
            return Vec::new();
        }
        let characters = text.chars().filter(|character| !character.is_control()).take(MAX_PASTE_CHARS);
        characters.map(|character| Message::Intent(Intent::Edit(InputRequest::InsertChar(character)))).collect()
    }
}
