//! What comes from the terminal, as messages to the core: keys that count, text for a line, clicks, answers.

use std::ops::ControlFlow;

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::{Rect, Size};
use tui_input::InputRequest;

use crate::{
    app::{Command, Core, Intent, Message, Overlay, Tone},
    keymap::{self, Repetition},
    runtime::{
        input::{Input, Press, Reply},
        surface::{NARROW_COLUMN, Surface},
    },
    ui,
};

use super::{Dashboard, LoopError};

/// The most characters that a paste puts into an edited line.
const LONGEST_PASTE: usize = 1_000;

/// What is worth saying once.
#[derive(Debug, Default)]
pub(super) struct Said {
    held: bool,
    burst: bool,
}

impl<S: Surface, C: Core, P: Fn(Command) -> ControlFlow<()>> Dashboard<'_, S, C, P> {
    pub(super) fn take_in(&mut self, input: Input) {
        match input {
            Input::Key(press) => self.press(press),
            Input::Burst(keys) => self.burst(&keys),
            Input::Reply(reply) => self.reply(reply),
            Input::Event(event) => {
                for message in self.translate(&event) {
                    self.intend(message);
                }
            }
        }
    }

    fn intend(&mut self, message: Message) {
        if matches!(message, Message::Intent(Intent::Select(_))) {
            self.note_limits();
        }
        self.tell(message);
    }

    /// A key counts, unless it is only still being held.
    pub(super) fn press(&mut self, press: Press) {
        if press.typed.kind == KeyEventKind::Release {
            return;
        }
        let repetition = self.intent(press).map_or(Repetition::Counts, keymap::repetition);
        let outcome = self.repeats.press(press, repetition);
        for press in outcome.count {
            self.count(press);
        }
        if outcome.left_out && !std::mem::replace(&mut self.said.held, true) {
            self.notice("a key that is held does it once; press it again");
        }
    }

    /// The press that was kept back, as it may have been a repetition, was none.
    pub(super) fn release(&mut self) -> Result<(), LoopError> {
        self.tick();
        if let Some(press) = self.repeats.release() {
            self.count(press);
        }
        if self.stale && self.ending.is_none() { self.draw() } else { Ok(()) }
    }

    fn count(&mut self, press: Press) {
        match self.intent(press) {
            Some(intent) => self.intend(Message::Intent(intent)),
            None => {
                if let Some(text) = keymap::unknown(press.command, self.core.overlay()) {
                    self.notice(&text);
                }
            }
        }
    }

    /// Keys that were not typed one by one: text for a line that is edited, or that the first of them opens; else only
    /// movements count.
    fn burst(&mut self, keys: &[Press]) {
        let moves = |press: &Press| self.intent(*press).is_some_and(|intent| matches!(intent, Intent::Select(_)));
        let all_move = keys.iter().all(moves);
        let first = keys.first().and_then(|press| self.intent(*press));
        let opens = matches!(first, Some(Intent::EditPlan | Intent::Filter));
        for (place, press) in keys.iter().enumerate() {
            let counts = all_move || self.is_typing() || opens && place == 0;
            if !counts {
                return self.ignore(keys.len() - place);
            }
            if let Some(intent) = self.intent(*press) {
                self.intend(Message::Intent(intent));
            }
        }
    }

    fn is_typing(&self) -> bool {
        matches!(self.core.overlay(), Overlay::Plan | Overlay::Filter)
    }

    /// Says once why pasted text does nothing.
    fn ignore(&mut self, count: usize) {
        if !std::mem::replace(&mut self.said.burst, true) {
            self.notice(&format!("ignored {count} characters that came at once: pasted text presses no keys"));
        }
    }

    fn notice(&mut self, text: &str) {
        // A walkthrough shows no other tone.
        self.tell(Message::Notice { text: text.to_owned(), tone: Tone::Bad });
    }

    fn reply(&mut self, reply: Reply) {
        let done = match reply {
            Reply::Keyboard => {
                self.repeats.trust_terminal();
                self.surface.report_keys()
            }
            Reply::Column(column) if column > NARROW_COLUMN && !self.core.app().look().ascii => {
                self.core.use_ascii();
                self.notice(
                    "this terminal draws symbols two columns wide: shown in ASCII (--ascii=false: as they are)",
                );
                self.surface.repaint()
            }
            Reply::Column(_) => Ok(()),
        };
        if let Err(error) = done {
            tracing::warn!(%error, "the terminal could not be set");
        }
    }

    /// What an event of the terminal means to the core; nothing, where it means nothing.
    pub(super) fn translate(&mut self, event: &Event) -> Vec<Message> {
        match event {
            Event::Mouse(mouse) => self.mouse(*mouse).into_iter().collect(),
            Event::Resize(width, height) => vec![Message::Resized { width: *width, height: *height }],
            Event::Paste(text) => self.paste(text),
            Event::Key(_) | Event::FocusGained | Event::FocusLost => Vec::new(),
        }
    }

    /// In a line, the key as it is typed; else the command that it is on any keyboard.
    fn intent(&self, press: Press) -> Option<Intent> {
        let is_text = self.is_typing() && !press.command.modifiers.contains(KeyModifiers::CONTROL);
        let intent = keymap::intent(if is_text { press.typed } else { press.command }, self.core.overlay());
        // A clicker's b, after its talk was left: it is meant for the screen, and not for ten orders.
        let in_a_talk = self.core.app().walkthrough().is_some();
        intent.map(|intent| if intent == Intent::Burst && in_a_talk { Intent::Blank } else { intent })
    }

    fn key(&self, key: KeyEvent) -> Option<Message> {
        keymap::intent(key, self.core.overlay()).map(Message::Intent)
    }

    /// The wheel is the arrow keys; a click is what lies under it.
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

    /// A paste is text for the line that is edited. Over the dashboard it would be a row of keys that were not pressed,
    /// so it is nothing.
    fn paste(&mut self, text: &str) -> Vec<Message> {
        if !self.is_typing() {
            self.ignore(text.chars().count());
            return Vec::new();
        }
        let characters = text.chars().filter(|character| !character.is_control()).take(LONGEST_PASTE);
        characters.map(|character| Message::Intent(Intent::Edit(InputRequest::InsertChar(character)))).collect()
    }
}
