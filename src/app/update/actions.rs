//! What each intent does: a change of the state, commands for the runtime, or a sentence that says why not. The longer
//! ones are in `ordering`, `operating`, `editing` and `view`.

use crate::app::{
    App, Command, Intent, Link, Overlay, Panel, Question, Server, Walkthrough, Worker, notice::Tone,
    orders::execution::Execution,
};

const BURST: usize = 10;

impl App {
    pub(in crate::app) fn intend(&mut self, intent: Intent) -> Vec<Command> {
        match intent {
            Intent::FreshOrder => return self.fresh_orders(1),
            Intent::Burst => return self.fresh_orders(BURST),
            Intent::SeedOrder => return self.seed_order(),
            Intent::OrderAgain => return self.again(true),
            Intent::SameStart => return self.again(false),
            Intent::NextFaults => return self.next_faults(),
            Intent::NextGuard => self.next_guard(),
            Intent::KillWorker => return self.kill_worker(),
            Intent::ToggleWorker => return self.toggle_worker(),
            Intent::ToggleServer => return self.toggle_server(),
            Intent::RetryNow => return self.retry_now(),
            Intent::AskCancel => return self.ask_cancel(),
            Intent::AskReset => self.show(Overlay::Confirm(Question::Reset)),
            Intent::Yes => return self.confirm(),
            Intent::No => self.show(self.beneath()),
            Intent::Close => return self.close(),
            Intent::EditPlan => return self.edit_plan(),
            Intent::Filter => self.edit_filter(),
            Intent::Edit(request) => self.edit(request),
            Intent::Submit => return self.submit(),
            Intent::Help => self.toggle(Overlay::Help),
            Intent::Statistics => self.toggle(Overlay::Statistics),
            Intent::Log => self.toggle(Overlay::Log),
            Intent::ShowCommand => return self.show_command(),
            Intent::OpenWebUi => return self.open_web_ui(),
            Intent::CopyWorkflowId => return self.copy(),
            Intent::Compare => return self.compare(false),
            Intent::CompareInterleaved => return self.compare(true),
            Intent::Freeze => self.toggle_freeze(),
            Intent::Zoom => self.zoom(),
            Intent::Details => self.details(),
            Intent::NextPanel => self.next_panel(1),
            Intent::PreviousPanel => self.next_panel(-1),
            Intent::Focus(panel) => self.focus(panel),
            Intent::Select(step) => self.go(step),
            Intent::SelectRow(row) => self.select_row(row),
            Intent::NextTheme => self.change_theme(),
            Intent::Mouse => return self.toggle_mouse(),
            Intent::Walkthrough => return self.walk_through(),
            Intent::GoOn => return self.go_on(),
            Intent::GoBack => return self.go_back(),
            Intent::RepeatStep => return self.play_step(),
            Intent::SkipStep => return self.skip_step(),
            Intent::Blank => self.show(Overlay::Blank),
            Intent::NextPace => self.next_pace(),
            // A recording is moved through from outside.
            Intent::Seek(_) => {}
            Intent::Suspend => return vec![Command::Suspend],
            Intent::Quit if self.setup().above_dashboard => return vec![Command::Return],
            Intent::Quit | Intent::Exit => return vec![Command::Quit],
        }
        Vec::new()
    }

    /// Whether a key would do something now. The footer shows only those that would.
    #[must_use]
    pub fn can(&self, intent: Intent) -> bool {
        let connected = *self.link() == Link::Up;
        let some = !self.orders().is_empty();
        match intent {
            Intent::FreshOrder | Intent::SeedOrder | Intent::Burst | Intent::Compare | Intent::CompareInterleaved => {
                connected
            }
            Intent::OrderAgain | Intent::SameStart => connected && some,
            Intent::RetryNow | Intent::AskCancel => connected && self.selected().is_some_and(|order| !order.is_over()),
            Intent::NextFaults | Intent::EditPlan => self.setup().faults_allowed,
            Intent::KillWorker => self.has_worker(),
            Intent::ToggleServer => matches!(self.server(), Server::Running { .. } | Server::Killed),
            Intent::Select(_)
            | Intent::SelectRow(_)
            | Intent::Filter
            | Intent::Details
            | Intent::ShowCommand
            | Intent::CopyWorkflowId
            | Intent::OpenWebUi => some,
            Intent::Close => {
                self.overlay() != Overlay::None
                    || self.zoomed
                    || self.panel != Panel::Orders
                    || !self.filter().is_empty()
            }
            Intent::Yes | Intent::No => matches!(self.overlay(), Overlay::Confirm(_)),
            Intent::Edit(_) | Intent::Submit => matches!(self.overlay(), Overlay::Plan | Overlay::Filter),
            Intent::GoOn | Intent::SkipStep => {
                self.walkthrough().is_some_and(|walkthrough| walkthrough.step().is_some())
            }
            Intent::Blank => self.walkthrough().is_some(),
            Intent::GoBack => self.walkthrough().is_some_and(|walkthrough| walkthrough.position().0 > 0),
            Intent::RepeatStep => {
                self.walkthrough().and_then(Walkthrough::step).is_some_and(|(step, _)| step.scenario.is_some())
            }
            Intent::ToggleWorker
            | Intent::Walkthrough
            | Intent::NextPace
            | Intent::Seek(_)
            | Intent::NextGuard
            | Intent::AskReset
            | Intent::Freeze
            | Intent::Zoom
            | Intent::NextPanel
            | Intent::PreviousPanel
            | Intent::Focus(_)
            | Intent::Statistics
            | Intent::Log
            | Intent::NextTheme
            | Intent::Mouse
            | Intent::Suspend
            | Intent::Help
            | Intent::Quit
            | Intent::Exit => true,
        }
    }

    /// A worker process of this dashboard lives.
    #[must_use]
    pub fn has_worker(&self) -> bool {
        matches!(self.worker(), Worker::Starting | Worker::Ready { .. } | Worker::Stopping)
    }

    pub(in crate::app) fn show(&mut self, overlay: Overlay) {
        self.overlay = overlay;
        self.scroll.overlay = 0;
    }

    pub(in crate::app) fn toggle(&mut self, overlay: Overlay) {
        self.show(if self.overlay() == overlay { self.beneath() } else { overlay });
    }

    /// The page under a box: a comparison or a walkthrough goes on behind the help and a question.
    #[must_use]
    pub fn beneath(&self) -> Overlay {
        if self.comparison().is_some() { Overlay::Compare } else { self.base }
    }

    /// One layer at a time: what lies on top, then the zoom, then the focus, then the filter.
    fn close(&mut self) -> Vec<Command> {
        match self.overlay {
            Overlay::Compare => {
                let commands = self.end_comparison();
                self.show(self.beneath());
                return commands;
            }
            // A clicker's Esc must not end the talk.
            Overlay::Walkthrough => self.show(Overlay::Confirm(Question::LeaveWalkthrough)),
            Overlay::Notes => {}
            Overlay::Filter => {
                self.filter_by("");
                self.show(self.beneath());
            }
            Overlay::None if self.zoomed => (self.zoomed, self.panel) = (false, Panel::Orders),
            Overlay::None if self.panel != Panel::Orders => self.panel = Panel::Orders,
            Overlay::None => self.filter_by(""),
            _ => self.show(self.beneath()),
        }
        Vec::new()
    }

    pub(in crate::app) fn refuse(&mut self, text: &str) -> Vec<Command> {
        self.notify(text, Tone::Bad);
        Vec::new()
    }

    fn confirm(&mut self) -> Vec<Command> {
        let Overlay::Confirm(question) = self.overlay else { return Vec::new() };
        self.show(self.beneath());
        match question {
            // The player of the recording asks this question and acts on the answer.
            Question::LeaveReplay => Vec::new(),
            // To the dashboard on the same stage.
            Question::LeaveWalkthrough => {
                self.base = Overlay::None;
                self.show(self.beneath());
                self.notify("the walkthrough waits: p or F5 returns to it", Tone::Plain);
                Vec::new()
            }
            Question::Reset => {
                self.earlier.resets = true;
                // The new stock has to be seen.
                self.thaw();
                vec![Command::Reset]
            }
            Question::StartBeside => vec![Command::StartWorker],
            Question::KillServer => vec![Command::KillServer],
            Question::Cancel => self.to_cancel.take().map(|(_, run)| Command::Cancel(run)).into_iter().collect(),
        }
    }

    fn compare(&mut self, interleaved: bool) -> Vec<Command> {
        if *self.link() != Link::Up {
            return self.refuse("not connected to a Temporal server: nothing can be compared");
        }
        let commands = self.begin_comparison(interleaved);
        if !commands.is_empty() {
            self.show(Overlay::Compare);
        }
        commands
    }

    fn change_theme(&mut self) {
        self.next_theme();
        self.notify(&format!("theme {}", self.look().theme), Tone::Plain);
    }

    fn toggle_mouse(&mut self) -> Vec<Command> {
        self.mouse = !self.mouse;
        let text = if self.mouse {
            "mouse on: click selects, the wheel scrolls; m gives it back to the terminal"
        } else {
            "mouse off: the terminal selects text again"
        };
        self.notify(text, Tone::Plain);
        vec![Command::Mouse(self.mouse)]
    }

    /// The selected order; the newest where none was chosen.
    #[must_use]
    pub fn selected(&self) -> Option<&Execution> {
        self.orders().get(self.selected_slot()?)
    }
}
