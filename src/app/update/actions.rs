//! What each key does: one match decides whether an intent applies now, and how it changes the state.

use crate::app::{
    App,
    command::Command,
    intent::{Intent, Overlay, Question},
    message::Server,
    notice::Tone,
    orders::execution::Execution,
    walkthrough::Walkthrough,
};

/// Number of orders in a burst.
const BURST: usize = 10;

/// Changes the state and returns the commands for the runtime.
type Handler = Box<dyn FnOnce(&mut App) -> Vec<Command>>;

/// What a key does now.
pub(super) struct Action {
    /// Whether the key is useful now. The footer shows only such keys; any other key shows why it does nothing.
    applies: bool,
    handler: Handler,
}

impl Action {
    /// An action that may return commands.
    pub(super) fn new(applies: bool, handler: impl FnOnce(&mut App) -> Vec<Command> + 'static) -> Self {
        Self { applies, handler: Box::new(handler) }
    }

    /// An action that changes only the state.
    pub(super) fn local(applies: bool, change: impl FnOnce(&mut App) + 'static) -> Self {
        Self::new(applies, move |app| {
            change(app);
            Vec::new()
        })
    }

    /// An action that is a command, and always applies.
    fn command(command: Command) -> Self {
        Self::new(true, move |_| vec![command])
    }
}

impl App {
    /// Whether the key of `intent` is useful now.
    #[must_use]
    pub fn can(&self, intent: Intent) -> bool {
        self.action(intent).applies
    }

    /// Performs the action of a key, or shows why it does nothing.
    pub(super) fn act(&mut self, intent: Intent) -> Vec<Command> {
        (self.action(intent).handler)(self)
    }

    fn action(&self, intent: Intent) -> Action {
        self.watch_action(intent).unwrap_or_else(|| self.general_action(intent))
    }

    /// The action of a key, unless the page decides. The match lists every intent, so that a new one does not compile until its
    /// action is decided.
    fn general_action(&self, intent: Intent) -> Action {
        let up = self.connections.is_up();
        let some = !self.orders.is_empty();
        let overlay = self.overlay();
        let is_edited = matches!(overlay, Overlay::Plan | Overlay::Filter);
        let walkthrough = self.walkthrough();
        let step = walkthrough.and_then(Walkthrough::step);
        let open = || up && self.selected().is_some_and(|order| !order.is_over());
        match intent {
            Intent::FreshOrder => Action::new(up, |app| app.send_fresh_orders(1)),
            Intent::Burst => Action::new(up, |app| app.send_fresh_orders(BURST)),
            Intent::SeedOrder => Action::new(up, Self::send_seed_order),
            Intent::OrderAgain => Action::new(up && some, |app| app.send_again(true)),
            Intent::SameStart => Action::new(up && some, |app| app.send_again(false)),
            Intent::Compare => Action::new(up, |app| app.compare(app.compared(), false)),
            Intent::CompareInterleaved => Action::new(up, |app| app.compare(app.compared(), true)),
            Intent::CompareOther => Action::new(up, |app| app.compare(app.compared().other(), false)),
            Intent::RetryNow => Action::new(open(), Self::retry_now),
            Intent::AskCancel => Action::new(open(), Self::ask_cancel),
            Intent::NextFaults => Action::new(self.options.faults_allowed, Self::select_next_faults),
            Intent::EditPlan => Action::new(self.options.faults_allowed, Self::edit_plan),
            Intent::NextGuard => Action::local(true, Self::select_next_guard),
            Intent::KillWorker => Action::new(self.connections.has_worker(), Self::kill_worker),
            Intent::ToggleWorker => Action::new(true, Self::toggle_worker),
            Intent::ToggleServer => {
                let applies = matches!(self.server(), Server::Running { .. } | Server::Killed);
                Action::new(applies, Self::toggle_server)
            }
            Intent::ToggleSupplier => Action::new(self.supplier.is_some(), Self::toggle_supplier),
            Intent::AskReset => Action::local(true, |app| app.view.show(Overlay::Confirm(Question::Reset))),
            Intent::ShowCommand => Action::new(some, Self::show_command),
            Intent::OpenWebUi => Action::new(some, Self::open_web_ui),
            Intent::CopyWorkflowId => Action::new(some, Self::copy),
            Intent::Freeze => Action::local(true, Self::toggle_freeze),
            Intent::NextTheme => Action::local(true, Self::select_next_theme),
            Intent::Mouse => Action::new(true, Self::toggle_mouse),
            Intent::Suspend => Action::command(Command::Suspend),
            Intent::Quit if self.options.above_dashboard => Action::command(Command::Return),
            Intent::Quit | Intent::Exit => Action::command(Command::Quit),
            // The player of a recording handles it.
            Intent::Seek(_) => Action::local(true, |_| {}),
            Intent::Walkthrough => Action::new(true, Self::show_walkthrough),
            Intent::GoOn => Action::new(step.is_some(), Self::go_on),
            Intent::SkipStep => Action::new(step.is_some(), Self::skip_step),
            Intent::GoBack => {
                Action::local(walkthrough.is_some_and(|walkthrough| walkthrough.position().0 > 0), Self::go_back)
            }
            Intent::RepeatStep => Action::new(step.is_some_and(|(step, _)| step.scenario.is_some()), Self::play_step),
            Intent::Blank => Action::local(walkthrough.is_some(), |app| app.view.show(Overlay::Blank)),
            Intent::NextPace => Action::local(true, Self::select_next_pace),
            Intent::Yes => Action::new(matches!(overlay, Overlay::Confirm(_)), Self::confirm),
            Intent::No => Action::local(matches!(overlay, Overlay::Confirm(_)), |app| app.view.show(app.beneath())),
            Intent::Close => {
                let applies = overlay != Overlay::None || self.view.is_focused() || !self.filter().is_empty();
                Action::new(applies, Self::close)
            }
            Intent::Edit(request) => Action::local(is_edited, move |app| app.edit(request)),
            Intent::Submit => Action::local(is_edited, Self::submit),
            Intent::Filter => Action::local(some, Self::edit_filter),
            Intent::Help => Action::local(true, |app| app.toggle(Overlay::Help)),
            Intent::Statistics => Action::local(true, |app| app.toggle(Overlay::Statistics)),
            Intent::Log => Action::local(true, |app| app.toggle(Overlay::Log)),
            Intent::Zoom => Action::local(true, |app| app.view.toggle_zoom()),
            Intent::Details => Action::local(some, |app| app.view.show_details()),
            Intent::NextPanel => Action::local(true, |app| app.view.focus_next(1)),
            Intent::PreviousPanel => Action::local(true, |app| app.view.focus_next(-1)),
            Intent::Focus(panel) => Action::local(true, move |app| app.view.focus(panel)),
            Intent::Select(step) => Action::local(some, move |app| app.view.go(step, &app.orders)),
            Intent::Watch => Action::new(true, Self::show_executions),
            // Keys of the pages about executions.
            Intent::NextSort
            | Intent::AskPause
            | Intent::AskResetActivity
            | Intent::EditOptions
            | Intent::AskTerminate
            | Intent::EditSignal
            | Intent::ShowFailure
            | Intent::OpenParent => Action::local(false, |_| {}),
            Intent::SelectRow(row) => Action::local(some, move |app| app.view.select_row(row, &app.orders)),
        }
    }

    /// Shows an overlay, or hides it.
    pub(super) fn toggle(&mut self, overlay: Overlay) {
        self.view.show(if self.overlay() == overlay { self.beneath() } else { overlay });
    }

    /// One layer at a time: the overlay, then the zoom, then the focus, then the filter.
    fn close(&mut self) -> Vec<Command> {
        match self.overlay() {
            Overlay::Compare(_) => {
                let commands = self.end_comparison();
                self.view.show(self.beneath());
                return commands;
            }
            // A clicker's Esc must not end the talk.
            Overlay::Walkthrough => self.view.show(Overlay::Confirm(Question::LeaveWalkthrough)),
            Overlay::Notes => {}
            Overlay::Filter => {
                let original = self.view.original().to_owned();
                self.filter_by(&original);
                self.view.show(self.beneath());
            }
            Overlay::None if self.view.leave_panel() => {}
            Overlay::None => self.filter_by(""),
            _ => self.view.show(self.beneath()),
        }
        Vec::new()
    }

    /// Performs the action that the user confirmed.
    fn confirm(&mut self) -> Vec<Command> {
        let Overlay::Confirm(question) = self.overlay() else { return Vec::new() };
        self.view.show(self.beneath());
        match question {
            // The player of the recording asks this question and acts on the answer.
            Question::LeaveReplay => Vec::new(),
            // The dashboard then shows the orders of the walkthrough.
            Question::LeaveWalkthrough => {
                self.view.set_base(Overlay::None);
                self.view.show(self.beneath());
                self.notify("the walkthrough waits; press p or F5 to return to it", Tone::Plain);
                Vec::new()
            }
            Question::Reset => {
                self.journal.earlier.resets = true;
                // A frozen screen would not show the new stock.
                self.resume();
                vec![Command::Reset]
            }
            Question::StartBeside => vec![Command::StartWorker],
            Question::Operate => self.operate(),
            Question::KillServer => vec![Command::KillServer],
            Question::Cancel(slot) => {
                let run = self.orders.get(slot).and_then(Execution::run_ids);
                run.map(Command::Cancel).into_iter().collect()
            }
        }
    }

    fn toggle_freeze(&mut self) {
        if self.view.freeze().is_frozen() {
            self.resume();
        } else {
            self.view.freeze_mut().begin(self.now);
        }
    }

    fn select_next_theme(&mut self) {
        self.view.next_theme();
        self.notify(&format!("theme {}", self.appearance().theme), Tone::Plain);
    }

    fn select_next_pace(&mut self) {
        let pace = self.view.pace().next();
        self.view.set_pace(pace);
        let text = match pace.gap() {
            0 => format!("pace {pace}: events appear when they happen"),
            gap => format!("pace {pace}: events appear at least {}.{} s apart", gap / 1_000, gap % 1_000 / 100),
        };
        self.notify(&text, Tone::Plain);
    }

    fn toggle_mouse(&mut self) -> Vec<Command> {
        let on = self.view.toggle_mouse();
        let text = if on {
            "mouse on: click selects, the wheel scrolls; m gives it back to the terminal"
        } else {
            "mouse off: the terminal selects text again"
        };
        self.notify(text, Tone::Plain);
        vec![Command::Mouse(on)]
    }
}
