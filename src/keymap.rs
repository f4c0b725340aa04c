//! The table of keys, from which dispatch, footer, help and `docs/keys.md` are made. It maps keys to intents and does
//! not know what an intent does.

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use tui_input::backend::crossterm::to_input_request;

use crate::app::{Intent, Move, Overlay, Question, Seek, Subject};

/// A key, with or without Ctrl. Shift is not recorded, because it changes the character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// Key as crossterm names it.
    pub code: KeyCode,
    /// Whether Ctrl is held.
    pub ctrl: bool,
}

/// The screens on which a binding is active.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The dashboard without an overlay.
    Dashboard,
    /// Every screen that scrolls: the dashboard, its pages, the pages about executions, and the speaker's notes.
    Moving,
    /// As [`Scope::Moving`], and the comparison and the walkthrough.
    Reading,
    /// The dashboard, the pages about executions, and the pages that show something to copy.
    Copying,
    /// A comparison.
    Comparing,
    /// A comparison of this subject.
    ComparingSubject(Subject),
    /// The walkthrough.
    Presenting,
    /// The dashboard and the walkthrough.
    Operating,
    /// The dashboard and its pages.
    Paging,
    /// The dashboard, its pages, and the pages about executions.
    Showing,
    /// The dashboard, and the pages about executions.
    Viewing,
    /// The list of executions.
    Listing,
    /// One execution.
    Watching,
    /// One execution, and the failure of one of its lanes.
    Explaining,
    /// The replay of a recording.
    Replaying,
    /// Any question.
    Question,
    /// The question whether to leave the walkthrough or the replay.
    Leaving,
    /// An edited line, which receives every key that is not bound.
    Typing,
    /// Every screen.
    Everywhere,
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Binding {
    /// All keys that trigger the intent.
    pub keys: &'static [Key],
    /// Keys as the screen shows them.
    pub shown: &'static str,
    /// Intent that the keys trigger.
    pub intent: Intent,
    /// One or two words for the footer.
    pub short: &'static str,
    /// Description for the help and `docs/keys.md`: at most 30 characters, so that two columns fit 80 columns.
    pub long: &'static str,
    /// Screens on which the binding is active.
    pub scope: Scope,
    /// Rank in the footer. If the footer is too narrow, the highest ranks are omitted, and of equal
    /// ranks the last in the table; `None` is never shown there.
    pub footer: Option<u8>,
}

const fn key(character: char) -> Key {
    Key { code: KeyCode::Char(character), ctrl: false }
}

const fn ctrl(character: char) -> Key {
    Key { code: KeyCode::Char(character), ctrl: true }
}

const fn code(code: KeyCode) -> Key {
    Key { code, ctrl: false }
}

const fn binding(keys: &'static [Key], shown: &'static str, intent: Intent, long: &'static str) -> Binding {
    Binding { keys, shown, intent, short: "", long, scope: Scope::Dashboard, footer: None }
}

impl Binding {
    const fn footer(self, rank: u8, short: &'static str) -> Self {
        Self { footer: Some(rank), short, ..self }
    }

    const fn within(self, scope: Scope) -> Self {
        Self { scope, ..self }
    }
}

/// Keys that go to the next step or recorded key: those of a keyboard and of a presentation remote.
const FORWARD: [Key; 4] = [code(KeyCode::Right), code(KeyCode::Enter), code(KeyCode::PageDown), key('l')];
/// [`FORWARD`] and the space bar. A replay uses only [`FORWARD`], because space pauses it.
const FORWARD_OR_SPACE: [Key; 5] =
    [code(KeyCode::Right), code(KeyCode::Enter), code(KeyCode::PageDown), key('l'), key(' ')];
/// Keys that go to the previous step or recorded key.
const BACKWARD: [Key; 4] = [code(KeyCode::Left), code(KeyCode::PageUp), code(KeyCode::Backspace), key('h')];
/// Keys of a presentation remote that answer no to the question whether to leave, which the remote's Esc opens.
const STAY: [Key; 3] = [code(KeyCode::F(5)), code(KeyCode::PageDown), code(KeyCode::PageUp)];

/// All bindings, in the order in which the help and the footer show them.
pub const KEYMAP: &[Binding] = &[
    binding(&[key('o')], "o", Intent::FreshOrder, "new order: fresh id, 1 unit").footer(2, "order"),
    binding(&[key('s')], "s", Intent::SeedOrder, "the demo order A12: 999 units").footer(3, "A12"),
    binding(&[key('d')], "d", Intent::OrderAgain, "same order, new workflow id").footer(4, "again"),
    binding(&[key('D')], "D", Intent::SameStart, "start same workflow id again").footer(13, "same id"),
    binding(&[key('b')], "b", Intent::Burst, "burst of ten orders").footer(12, "burst"),
    binding(&[key('f')], "f", Intent::NextFaults, "next fault preset").footer(5, "faults"),
    binding(&[key('F')], "F", Intent::EditPlan, "edit the fault plan").footer(14, "plan"),
    binding(&[key('i')], "i", Intent::NextGuard, "next guard").footer(6, "guard"),
    binding(&[key('v')], "v", Intent::Compare, "compare the three guards").footer(8, "compare"),
    binding(&[key('e')], "e", Intent::Watch, "executions of any workflow").footer(11, "executions"),
    binding(&[key('p')], "p", Intent::Walkthrough, "walkthrough: the whole story").footer(11, "walkthrough"),
    binding(&[code(KeyCode::F(5))], "F5", Intent::Walkthrough, "start / resume the walkthrough").within(Scope::Paging),
    binding(&[key('x')], "x", Intent::KillWorker, "kill the worker (SIGKILL)")
        .within(Scope::Operating)
        .footer(7, "kill"),
    binding(&[key('w')], "w", Intent::ToggleWorker, "stop / start the worker")
        .within(Scope::Operating)
        .footer(9, "worker"),
    binding(&[key('X')], "X", Intent::ToggleServer, "kill (asks) / start the server")
        .within(Scope::Operating)
        .footer(18, "server"),
    binding(&[key('K')], "K", Intent::ToggleSupplier, "kill / start the supplier").within(Scope::Operating),
    binding(&[key('n')], "n", Intent::RetryNow, "retry now (activity reset)").footer(10, "now"),
    binding(&[key('c')], "c", Intent::AskCancel, "cancel the order (asks)").footer(17, "cancel"),
    binding(&[key('R')], "R", Intent::AskReset, "reset the stock (asks)").footer(16, "reset"),
    binding(&[key(' ')], "space", Intent::Freeze, "freeze / resume the screen")
        .within(Scope::Viewing)
        .footer(11, "freeze"),
    binding(&[key('/')], "/", Intent::Filter, "filter the orders").footer(19, "filter"),
    binding(&[code(KeyCode::Enter)], "Enter", Intent::Details, "attempts in full screen").footer(15, "attempts"),
    binding(&[code(KeyCode::Tab)], "Tab", Intent::NextPanel, "next panel"),
    binding(&[code(KeyCode::BackTab)], "S-Tab", Intent::PreviousPanel, "previous panel"),
    binding(&[key('z')], "z", Intent::Zoom, "zoom the focused panel").footer(20, "zoom"),
    binding(&[key('k'), code(KeyCode::Up)], "k ↑", Intent::Select(Move::Up), "up (newer order)").within(Scope::Moving),
    binding(&[key('j'), code(KeyCode::Down)], "j ↓", Intent::Select(Move::Down), "down (older order)")
        .within(Scope::Moving),
    binding(&[key('g'), code(KeyCode::Home)], "g", Intent::Select(Move::First), "to the top; follow new orders")
        .within(Scope::Moving),
    binding(&[key('G'), code(KeyCode::End)], "G", Intent::Select(Move::Last), "to the bottom").within(Scope::Moving),
    binding(&[ctrl('u'), code(KeyCode::PageUp)], "Ctrl-u", Intent::Select(Move::HalfPageUp), "half a page up")
        .within(Scope::Moving),
    binding(&[ctrl('d'), code(KeyCode::PageDown)], "Ctrl-d", Intent::Select(Move::HalfPageDown), "half a page down")
        .within(Scope::Moving),
    binding(&[key('S')], "S", Intent::Statistics, "statistics").within(Scope::Paging).footer(21, "statistics"),
    binding(&[key('L')], "L", Intent::Log, "log").within(Scope::Showing).footer(22, "log"),
    binding(&[key('t')], "t", Intent::ShowCommand, "temporal CLI commands")
        .within(Scope::Showing)
        .footer(23, "commands"),
    binding(&[key('y')], "y", Intent::CopyWorkflowId, "copy workflow id or command")
        .within(Scope::Copying)
        .footer(24, "copy"),
    binding(&[key('u')], "u", Intent::OpenWebUi, "open Temporal's Web UI").within(Scope::Viewing).footer(25, "Web UI"),
    binding(&[key('T')], "T", Intent::NextTheme, "next theme").within(Scope::Reading),
    binding(&[key('m')], "m", Intent::Mouse, "mouse on / off").within(Scope::Viewing),
    binding(&[code(KeyCode::Enter)], "Enter", Intent::Details, "every attempt of an execution")
        .within(Scope::Listing)
        .footer(3, "attempts"),
    binding(&[key('/')], "/", Intent::Filter, "edit the query").within(Scope::Listing).footer(4, "query"),
    binding(&[key('O')], "O", Intent::NextSort, "sort: retrying first, newest")
        .within(Scope::Listing)
        .footer(5, "sort"),
    binding(&[code(KeyCode::Enter)], "Enter", Intent::ShowFailure, "the failure; child or next run")
        .within(Scope::Explaining)
        .footer(3, "failure"),
    binding(&[key('U')], "U", Intent::OpenParent, "open the parent workflow")
        .within(Scope::Watching)
        .footer(11, "parent"),
    binding(&[key('n')], "n", Intent::RetryNow, "next attempt now").within(Scope::Watching).footer(4, "now"),
    binding(&[key('p')], "p", Intent::AskPause, "pause / unpause (asks)").within(Scope::Watching).footer(5, "pause"),
    binding(&[key('r')], "r", Intent::AskResetActivity, "reset the attempts (asks)")
        .within(Scope::Watching)
        .footer(6, "reset"),
    binding(&[key('o')], "o", Intent::EditOptions, "edit timeouts and retry policy")
        .within(Scope::Watching)
        .footer(7, "options"),
    binding(&[key('c')], "c", Intent::AskCancel, "cancel the execution (asks)")
        .within(Scope::Watching)
        .footer(8, "cancel"),
    binding(&[key('s')], "s", Intent::EditSignal, "send a signal").within(Scope::Watching).footer(9, "signal"),
    binding(&[key('X')], "X", Intent::AskTerminate, "terminate it (asks)")
        .within(Scope::Watching)
        .footer(10, "terminate"),
    binding(&[key('v')], "v", Intent::Compare, "compare again").within(Scope::Comparing).footer(0, "again"),
    binding(&[key('B')], "B", Intent::CompareInterleaved, "guards: another order between")
        .within(Scope::ComparingSubject(Subject::Guards))
        .footer(1, "with another order between"),
    binding(&[key('B')], "B", Intent::CompareInterleaved, "policies: overlapping attempts")
        .within(Scope::ComparingSubject(Subject::Policies))
        .footer(1, "with overlapping attempts"),
    binding(&[code(KeyCode::Tab)], "Tab", Intent::CompareOther, "guards / supplier policies")
        .within(Scope::Comparing)
        .footer(1, "suppliers"),
    binding(&FORWARD_OR_SPACE, "→", Intent::GoOn, "walkthrough: play, then next")
        .within(Scope::Presenting)
        .footer(0, "next"),
    binding(&BACKWARD, "←", Intent::GoBack, "previous step").within(Scope::Presenting).footer(3, "back"),
    binding(&[key('r')], "r", Intent::RepeatStep, "play the step again").within(Scope::Presenting).footer(4, "repeat"),
    binding(&[key('s')], "s", Intent::SkipStep, "skip the step").within(Scope::Presenting).footer(5, "skip"),
    binding(&[key('P')], "P", Intent::NextPace, "pace: live, calm, slow").within(Scope::Presenting).footer(6, "pace"),
    binding(&[key('.')], ".", Intent::Blank, "black screen; any key returns").within(Scope::Operating),
    binding(&[key('b')], "b", Intent::Blank, "black screen; any key returns").within(Scope::Presenting),
    binding(&FORWARD, "→", Intent::Seek(Seek::Next), "replay: to the next key")
        .within(Scope::Replaying)
        .footer(0, "next key"),
    binding(&[key('q')], "q", Intent::Quit, "leave the replay").within(Scope::Replaying).footer(1, "quit"),
    binding(&[key(' ')], "space", Intent::Seek(Seek::Pause), "replay: pause / resume")
        .within(Scope::Replaying)
        .footer(2, "pause"),
    binding(&BACKWARD, "←", Intent::Seek(Seek::Previous), "replay: to the previous key")
        .within(Scope::Replaying)
        .footer(3, "back"),
    binding(&[key('+'), key('=')], "+", Intent::Seek(Seek::Faster), "faster")
        .within(Scope::Replaying)
        .footer(4, "faster"),
    binding(&[key('-')], "-", Intent::Seek(Seek::Slower), "slower").within(Scope::Replaying).footer(5, "slower"),
    binding(&[key('.')], ".", Intent::Seek(Seek::Event), "one event forward")
        .within(Scope::Replaying)
        .footer(6, "step"),
    binding(&[key(',')], ",", Intent::Seek(Seek::EventBack), "one event back").within(Scope::Replaying),
    binding(&[key('g'), code(KeyCode::Home)], "g", Intent::Seek(Seek::First), "to the beginning")
        .within(Scope::Replaying),
    binding(&[key('G'), code(KeyCode::End)], "G", Intent::Seek(Seek::Last), "to the end").within(Scope::Replaying),
    // `tenths` maps these ten keys, because their intent contains the digit.
    binding(&[], "0-9", Intent::Seek(Seek::Tenths(5)), "to 0 %, 10 %, ... 90 %").within(Scope::Replaying),
    binding(&[key('b')], "b", Intent::Blank, "black screen; any key returns").within(Scope::Replaying),
    binding(&[key('y')], "y", Intent::Yes, "answer yes").within(Scope::Question).footer(0, "yes"),
    binding(&[key('n')], "n", Intent::No, "answer no").within(Scope::Question).footer(1, "no"),
    binding(&STAY, "F5", Intent::No, "answer no: stay").within(Scope::Leaving),
    binding(&[code(KeyCode::Enter)], "Enter", Intent::Submit, "apply the edited line")
        .within(Scope::Typing)
        .footer(0, "apply"),
    binding(&[code(KeyCode::Esc)], "Esc", Intent::Close, "close, cancel, clear filter")
        .within(Scope::Everywhere)
        .footer(2, "back"),
    binding(&[ctrl('z')], "Ctrl-z", Intent::Suspend, "suspend; fg returns").within(Scope::Everywhere),
    binding(&[key('?')], "?", Intent::Help, "open / close this help").within(Scope::Reading).footer(0, "help"),
    binding(&[key('q')], "q", Intent::Quit, "quit, or back if p opened it").within(Scope::Reading).footer(1, "quit"),
    binding(&[ctrl('c')], "Ctrl-c", Intent::Exit, "quit from any screen").within(Scope::Everywhere),
];

impl Scope {
    /// Whether a binding of this scope is active under `overlay`.
    #[must_use]
    pub const fn includes(self, overlay: Overlay) -> bool {
        let dashboard = matches!(overlay, Overlay::None);
        let page = matches!(
            overlay,
            Overlay::Help | Overlay::Statistics | Overlay::Log | Overlay::ShowCommand | Overlay::Address
        );
        let executions = matches!(overlay, Overlay::Executions | Overlay::Execution);
        let moving = dashboard || page || executions || matches!(overlay, Overlay::Notes | Overlay::Failure);
        match self {
            Self::Everywhere => true,
            Self::Presenting => matches!(overlay, Overlay::Walkthrough),
            Self::Operating => matches!(overlay, Overlay::None | Overlay::Walkthrough),
            Self::Paging => dashboard || page,
            Self::Showing => dashboard || page || executions,
            Self::Viewing => dashboard || executions,
            Self::Listing => matches!(overlay, Overlay::Executions),
            Self::Watching => matches!(overlay, Overlay::Execution),
            Self::Explaining => matches!(overlay, Overlay::Execution | Overlay::Failure),
            Self::Replaying => matches!(overlay, Overlay::Replay),
            Self::Dashboard => dashboard,
            Self::Moving => moving,
            Self::Reading => moving || matches!(overlay, Overlay::Compare(_) | Overlay::Walkthrough),
            Self::Copying => dashboard || executions || matches!(overlay, Overlay::ShowCommand | Overlay::Address),
            Self::Comparing => matches!(overlay, Overlay::Compare(_)),
            Self::ComparingSubject(Subject::Guards) => matches!(overlay, Overlay::Compare(Subject::Guards)),
            Self::ComparingSubject(Subject::Policies) => matches!(overlay, Overlay::Compare(Subject::Policies)),
            Self::Question => matches!(overlay, Overlay::Confirm(_)),
            Self::Leaving => {
                matches!(overlay, Overlay::Confirm(Question::LeaveWalkthrough | Question::LeaveReplay))
            }
            Self::Typing => matches!(
                overlay,
                Overlay::Plan | Overlay::Filter | Overlay::Query | Overlay::Signal | Overlay::ActivityOptions
            ),
        }
    }
}

/// Effect of the repeat events of a held key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repetition {
    /// Each repetition triggers the intent again, because the key moves or types.
    Counts,
    /// Repetitions are ignored.
    Once,
    /// Repetitions and presses in quick succession are ignored, because the intent changes something outside.
    OnceOutside,
}

/// Returns the intent of a key event, or `None` for releases, unknown keys and keys with Alt. A held key repeats only
/// movements and typing.
#[must_use]
pub fn intent(event: KeyEvent, overlay: Overlay) -> Option<Intent> {
    if event.kind == KeyEventKind::Release {
        return None;
    }
    let alone = !event.modifiers.intersects(KeyModifiers::ALT | KeyModifiers::META | KeyModifiers::SUPER);
    let pressed = Key { code: event.code, ctrl: event.modifiers.contains(KeyModifiers::CONTROL) };
    let bound = |binding: &&Binding| alone && binding.scope.includes(overlay) && binding.keys.contains(&pressed);
    let Some(found) = KEYMAP.iter().find(bound) else {
        let back = (overlay == Overlay::Blank && event.kind == KeyEventKind::Press).then_some(Intent::Close);
        return back.or_else(|| tenths(pressed, overlay)).or_else(|| typed(event, overlay));
    };
    let held = event.kind == KeyEventKind::Repeat;
    let moves = matches!(found.intent, Intent::Select(_) | Intent::Seek(Seek::Event | Seek::EventBack));
    (!held || moves).then_some(found.intent)
}

/// Returns the effect of the repeat events of the key that triggers `intent`.
#[must_use]
pub const fn repetition(intent: Intent) -> Repetition {
    match intent {
        Intent::Select(_)
        | Intent::Edit(_)
        | Intent::Seek(_)
        | Intent::Focus(_)
        | Intent::SelectRow(_)
        | Intent::Quit
        | Intent::Exit
        | Intent::Suspend => Repetition::Counts,
        Intent::FreshOrder
        | Intent::SeedOrder
        | Intent::OrderAgain
        | Intent::SameStart
        | Intent::Burst
        | Intent::RetryNow
        | Intent::KillWorker
        | Intent::ToggleWorker
        | Intent::ToggleServer
        | Intent::ToggleSupplier
        | Intent::Compare
        | Intent::CompareInterleaved
        | Intent::CompareOther
        | Intent::RepeatStep
        | Intent::SkipStep => Repetition::OnceOutside,
        Intent::NextFaults
        | Intent::EditPlan
        | Intent::NextGuard
        | Intent::AskCancel
        | Intent::AskReset
        | Intent::Freeze
        | Intent::Filter
        | Intent::Zoom
        | Intent::NextPanel
        | Intent::PreviousPanel
        | Intent::Details
        | Intent::OpenWebUi
        | Intent::CopyWorkflowId
        | Intent::ShowCommand
        | Intent::Statistics
        | Intent::Log
        | Intent::NextTheme
        | Intent::Mouse
        | Intent::Help
        | Intent::Close
        | Intent::Yes
        | Intent::No
        | Intent::Submit
        | Intent::Walkthrough
        | Intent::GoOn
        | Intent::GoBack
        | Intent::Blank
        | Intent::Watch
        | Intent::NextSort
        | Intent::AskPause
        | Intent::AskResetActivity
        | Intent::EditOptions
        | Intent::AskTerminate
        | Intent::EditSignal
        | Intent::ShowFailure
        | Intent::OpenParent
        | Intent::NextPace => Repetition::Once,
    }
}

/// Returns a hint for a character without a binding, if Caps Lock or the keyboard layout is the probable cause.
#[must_use]
pub fn unknown(event: KeyEvent, overlay: Overlay) -> Option<String> {
    let KeyCode::Char(character) = event.code else { return None };
    if event.kind != KeyEventKind::Press || event.modifiers.intersects(!KeyModifiers::SHIFT) {
        return None;
    }
    let lower = Key { code: KeyCode::Char(character.to_ascii_lowercase()), ctrl: false };
    let binds = |binding: &&Binding| binding.scope.includes(overlay) && binding.keys.contains(&lower);
    if character.is_alphabetic() && !character.is_ascii() {
        Some(format!("{character} is not a key here: the keys are Latin letters; switch the keyboard layout"))
    } else if character.is_ascii_uppercase() && KEYMAP.iter().any(|binding| binds(&binding)) {
        Some(format!("{character} is not a key here, but {} is: is Caps Lock on?", character.to_ascii_lowercase()))
    } else {
        None
    }
}

/// Returns the intent of a digit in a replay: to seek to that tenth of the recording.
fn tenths(pressed: Key, overlay: Overlay) -> Option<Intent> {
    let KeyCode::Char(digit) = pressed.code else { return None };
    let tenths = digit.to_digit(10).and_then(|digit| u8::try_from(digit).ok())?;
    (Scope::Replaying.includes(overlay) && !pressed.ctrl).then_some(Intent::Seek(Seek::Tenths(tenths)))
}

/// Returns the change that a key makes to an edited line: a character, or an editing key of a shell.
fn typed(event: KeyEvent, overlay: Overlay) -> Option<Intent> {
    Scope::Typing.includes(overlay).then(|| to_input_request(&Event::Key(event)))?.map(Intent::Edit)
}

/// Returns the tables of `docs/keys.md`, one per kind of screen.
#[must_use]
pub fn markdown() -> String {
    let heading = |scope| match scope {
        Scope::Dashboard
        | Scope::Moving
        | Scope::Reading
        | Scope::Copying
        | Scope::Operating
        | Scope::Paging
        | Scope::Showing
        | Scope::Viewing => "Dashboard",
        Scope::Listing => "Executions of any workflow",
        Scope::Watching | Scope::Explaining => "One execution",
        Scope::Comparing | Scope::ComparingSubject(_) => "Comparison",
        Scope::Presenting => "Walkthrough",
        Scope::Replaying => "Replay",
        Scope::Question | Scope::Leaving => "Questions",
        Scope::Typing => "Text input",
        Scope::Everywhere => "Everywhere",
    };
    let mut tables: Vec<(&str, String)> = Vec::new();
    for binding in KEYMAP {
        let heading = heading(binding.scope);
        let row = format!("| `{}` | {} |\n", binding.shown, binding.long);
        match tables.iter_mut().find(|(name, _)| *name == heading) {
            Some((_, rows)) => rows.push_str(&row),
            None => tables.push((heading, row)),
        }
    }
    let table = |(heading, rows)| format!("\n## {heading}\n\n| key | action |\n| --- | --- |\n{rows}");
    tables.into_iter().map(table).collect()
}

#[cfg(test)]
mod tests {
    use tui_input::InputRequest;

    use super::*;

    const OVERLAYS: [Overlay; 24] = [
        Overlay::None,
        Overlay::Help,
        Overlay::Confirm(Question::Reset),
        Overlay::Plan,
        Overlay::Filter,
        Overlay::Statistics,
        Overlay::Log,
        Overlay::ShowCommand,
        Overlay::Compare(Subject::Guards),
        Overlay::Compare(Subject::Policies),
        Overlay::Walkthrough,
        Overlay::Notes,
        Overlay::Replay,
        Overlay::Blank,
        Overlay::Address,
        Overlay::Confirm(Question::LeaveWalkthrough),
        Overlay::Confirm(Question::LeaveReplay),
        Overlay::Executions,
        Overlay::Execution,
        Overlay::Query,
        Overlay::Signal,
        Overlay::ActivityOptions,
        Overlay::Failure,
        Overlay::Confirm(Question::Operate),
    ];

    fn press(code: KeyCode, modifiers: KeyModifiers) -> KeyEvent {
        KeyEvent::new(code, modifiers)
    }

    #[test]
    fn no_two_bindings_of_one_screen_share_a_key() {
        for overlay in OVERLAYS {
            let keys: Vec<_> = KEYMAP
                .iter()
                .filter(|binding| binding.scope.includes(overlay))
                .flat_map(|binding| binding.keys)
                .collect();
            for (index, key) in keys.iter().enumerate() {
                assert!(!keys[..index].contains(key), "{overlay:?} {key:?}");
            }
        }
    }

    #[test]
    fn keys_mean_what_the_screen_allows() {
        let plain = |character| press(KeyCode::Char(character), KeyModifiers::NONE);
        assert_eq!(intent(plain('d'), Overlay::None), Some(Intent::OrderAgain));
        assert_eq!(intent(press(KeyCode::Char('D'), KeyModifiers::SHIFT), Overlay::None), Some(Intent::SameStart));
        let half_page = press(KeyCode::Char('d'), KeyModifiers::CONTROL);
        assert_eq!(intent(half_page, Overlay::None), Some(Intent::Select(Move::HalfPageDown)));
        assert_eq!(intent(plain('y'), Overlay::None), Some(Intent::CopyWorkflowId));
        assert_eq!(intent(plain('y'), Overlay::Help), None);
        assert_eq!(intent(plain('y'), Overlay::Confirm(Question::Reset)), Some(Intent::Yes));
        assert_eq!(intent(plain('o'), Overlay::Confirm(Question::Reset)), None);
        assert_eq!(
            intent(press(KeyCode::Char('c'), KeyModifiers::CONTROL), Overlay::Confirm(Question::Reset)),
            Some(Intent::Exit)
        );
        assert_eq!(intent(press(KeyCode::Char('o'), KeyModifiers::ALT), Overlay::None), None);
    }

    #[test]
    fn an_edited_line_receives_every_key_but_those_that_end_it() {
        let plain = |code| intent(press(code, KeyModifiers::NONE), Overlay::Plan);
        assert_eq!(plain(KeyCode::Char('q')), Some(Intent::Edit(InputRequest::InsertChar('q'))));
        assert_eq!(plain(KeyCode::Backspace), Some(Intent::Edit(InputRequest::DeletePrevChar)));
        assert_eq!(plain(KeyCode::Enter), Some(Intent::Submit));
        assert_eq!(plain(KeyCode::Esc), Some(Intent::Close));
        let clear = press(KeyCode::Char('u'), KeyModifiers::CONTROL);
        assert_eq!(intent(clear, Overlay::Filter), Some(Intent::Edit(InputRequest::DeleteLine)));
        assert_eq!(intent(press(KeyCode::Char('c'), KeyModifiers::CONTROL), Overlay::Plan), Some(Intent::Exit));
    }

    #[test]
    fn a_held_key_moves_but_does_not_order() {
        let held =
            |character| KeyEvent { kind: KeyEventKind::Repeat, ..press(KeyCode::Char(character), KeyModifiers::NONE) };
        assert_eq!(intent(held('o'), Overlay::None), None);
        assert_eq!(intent(held('j'), Overlay::None), Some(Intent::Select(Move::Down)));
        let released = KeyEvent { kind: KeyEventKind::Release, ..held('j') };
        assert_eq!(intent(released, Overlay::None), None);
    }

    #[test]
    fn a_clicker_blanks_and_restores_the_screen_and_its_escape_asks() {
        let press = |code| intent(press(code, KeyModifiers::NONE), Overlay::Walkthrough);
        for blanks in ['.', 'b'] {
            assert_eq!(press(KeyCode::Char(blanks)), Some(Intent::Blank));
        }
        for code in [KeyCode::Char('b'), KeyCode::Char('o'), KeyCode::PageDown, KeyCode::F(5), KeyCode::Esc] {
            assert_eq!(intent(KeyEvent::from(code), Overlay::Blank), Some(Intent::Close), "any key returns");
        }
        let ctrl_c = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert_eq!(intent(ctrl_c, Overlay::Blank), Some(Intent::Exit));
        assert_eq!(intent(KeyEvent::from(KeyCode::Char('b')), Overlay::Replay), Some(Intent::Blank));
        let asks = Overlay::Confirm(Question::LeaveReplay);
        assert_eq!(intent(KeyEvent::from(KeyCode::PageDown), asks), Some(Intent::No));
        let asks = Overlay::Confirm(Question::LeaveWalkthrough);
        for code in [KeyCode::F(5), KeyCode::PageDown, KeyCode::PageUp, KeyCode::Char('n')] {
            assert_eq!(intent(KeyEvent::from(code), asks), Some(Intent::No));
        }
        assert_eq!(intent(KeyEvent::from(KeyCode::F(5)), Overlay::None), Some(Intent::Walkthrough));
        assert_eq!(intent(KeyEvent::from(KeyCode::PageDown), Overlay::None), Some(Intent::Select(Move::HalfPageDown)));
    }

    #[test]
    fn the_tables_name_every_key() {
        let table = markdown();
        assert!(KEYMAP.iter().all(|binding| table.contains(&format!("`{}`", binding.shown))));
    }
}
