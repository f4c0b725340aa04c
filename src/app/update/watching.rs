//! The pages about executions of any workflow: answers of the server, keys, and what is asked next.

use crate::{
    app::{
        App,
        command::Command,
        derive::instructions::{Instruction, execution_instructions},
        intent::{Intent, Move, Overlay},
        notice::Tone,
        watch::{Applied, ExecutionList, Watch, WatchNews, WatchOptions, WatchRequest},
    },
    domain::{ItemEnd, Operation, Run, UnixMillis},
};

use super::actions::Action;

impl App {
    /// Applies an answer about executions of any workflow. One that changes nothing on the screen needs no frame.
    pub(super) fn on_watch(&mut self, news: WatchNews) {
        let (page, height) = (self.view.base(), self.view.height());
        let Some(watch) = &mut self.watch else { return };
        let Applied { shows, follows } = watch.apply(news, page, height);
        self.view.mark_dirty(shows);
        if let Some(text) = follows {
            self.notify(&text, Tone::Plain);
        }
    }

    /// A key other than that for the last row stops reading up to it.
    pub(super) fn stop_reading_list(&mut self, intent: Intent) {
        if intent != Intent::Select(Move::Last) {
            self.change_list(ExecutionList::stop_reading);
        }
    }

    /// When the next request about the executions on the screen is due.
    pub(super) fn next_watch_request(&self) -> Option<UnixMillis> {
        let watch = self.watch().filter(|_| self.connections.is_up() && !self.view.freeze().is_frozen())?;
        watch.next_request(self.view.base(), self.view.height())
    }

    /// Asks the server about the executions on the screen.
    pub(super) fn poll_watched(&mut self) -> Vec<Command> {
        let (page, height) = (self.view.base(), self.view.height());
        let Some(watch) = self.watch.as_mut().filter(|_| self.connections.is_up()) else { return Vec::new() };
        watch.poll(page, self.now, height).into_iter().map(Command::Watch).collect()
    }

    /// What a key does on a page about executions; `None` if it does the same as elsewhere.
    pub(super) fn watch_action(&self, intent: Intent) -> Option<Action> {
        let watch = self.watch()?;
        match self.overlay() {
            Overlay::Executions => Some(match intent {
                Intent::Close => Action::local(watch.above().is_some(), Self::leave_executions),
                Intent::Details => Action::local(watch.list().selected_row().is_some(), Self::open_selected),
                Intent::Select(step) => Action::local(true, move |app| app.go_in_list(step)),
                Intent::SelectRow(row) => Action::local(true, move |app| app.change_list(|list| list.select(row))),
                Intent::NextSort => Action::local(true, |app| app.change_list(ExecutionList::next_sort)),
                Intent::Filter => Action::local(true, Self::edit_query),
                Intent::OpenWebUi | Intent::CopyWorkflowId | Intent::ShowCommand => self.action_on_run(intent),
                _ => return None,
            }),
            Overlay::Execution => Some(match intent {
                Intent::Close => Action::new(true, Self::leave_execution),
                Intent::Select(step) => Action::local(true, move |app| app.go_in_lanes(step)),
                Intent::SelectRow(row) => Action::local(true, move |app| {
                    if let Some(watch) = &mut app.watch {
                        watch.select_lane(row);
                    }
                }),
                Intent::Details | Intent::ShowFailure => match watch.linked_run(Overlay::Execution) {
                    Some(run) => Action::local(true, move |app| app.open_linked(run)),
                    None => Action::local(self.has_failure(), |app| app.view.show(Overlay::Failure)),
                },
                Intent::OpenParent => {
                    let parent = watch.opened().and_then(|opened| opened.info.as_ref()?.parent.clone());
                    Action::local(parent.is_some(), move |app| {
                        if let Some(parent) = parent {
                            app.open_linked(parent);
                        }
                    })
                }
                Intent::RetryNow => Action::new(self.can_operate_on_activity(), Self::ask_retry_now),
                Intent::AskPause => Action::new(self.can_operate_on_activity(), Self::ask_pause),
                Intent::AskResetActivity => Action::new(self.can_operate_on_activity(), Self::ask_reset_activity),
                Intent::EditOptions => Action::new(self.can_operate_on_activity(), Self::edit_options),
                Intent::EditSignal => Action::new(self.can_operate(), Self::edit_signal),
                Intent::AskCancel => Action::new(self.can_operate(), |app| app.ask_operation(Operation::Cancel)),
                Intent::AskTerminate => Action::new(self.can_operate(), |app| app.ask_operation(Operation::Terminate)),
                Intent::OpenWebUi | Intent::CopyWorkflowId | Intent::ShowCommand => self.action_on_run(intent),
                _ => return None,
            }),
            Overlay::Failure if matches!(intent, Intent::ShowFailure) => {
                let run = watch.linked_run(Overlay::Failure);
                Some(Action::local(run.is_some(), move |app| {
                    if let Some(run) = run {
                        app.open_linked(run);
                    }
                }))
            }
            Overlay::ShowCommand if self.shows_executions() => Some(match intent {
                Intent::CopyWorkflowId | Intent::ShowCommand => self.action_on_run(intent),
                _ => return None,
            }),
            Overlay::Query | Overlay::Signal | Overlay::ActivityOptions => Some(match intent {
                Intent::Edit(request) => Action::local(true, move |app| app.edit(request)),
                Intent::Submit => Action::new(true, Self::submit_line),
                _ => return None,
            }),
            _ => None,
        }
    }

    /// Shows the list of executions.
    pub(super) fn show_executions(&mut self) -> Vec<Command> {
        let (now, base) = (self.now, self.view.base());
        let above = (!self.watches()).then_some(base);
        let watch = self.watch.get_or_insert_with(|| Box::new(Watch::new(WatchOptions::default(), Some(base), now)));
        if let Some(above) = above {
            watch.set_above(above);
        }
        watch.show_list();
        self.show_page(Overlay::Executions);
        Vec::new()
    }

    fn show_page(&mut self, page: Overlay) {
        self.view.set_base(page);
        self.view.show(page);
    }

    fn leave_executions(&mut self) {
        if let Some(above) = self.watch().and_then(Watch::above) {
            self.view.set_base(above);
            self.view.show(self.beneath());
        }
    }

    /// Opens the selected execution of the list.
    fn open_selected(&mut self) {
        let run = self.watch().and_then(|watch| watch.list().selected_row()).map(|row| row.info.run.clone());
        if let Some(run) = run {
            self.watch_run(run);
        }
    }

    fn watch_run(&mut self, run: Run) {
        let now = self.now;
        if let Some(watch) = &mut self.watch {
            watch.open_run(run, now);
            self.show_page(Overlay::Execution);
        }
    }

    /// Opens the child workflow or the parent of the execution on the page, or the run that continues it.
    fn open_linked(&mut self, run: Run) {
        let now = self.now;
        if let Some(watch) = &mut self.watch {
            watch.open_linked(run, now);
            self.show_page(Overlay::Execution);
        }
    }

    /// Returns to the execution from which the user came, or to the list.
    fn leave_execution(&mut self) -> Vec<Command> {
        let now = self.now;
        if self.watch.as_mut().is_some_and(|watch| watch.go_back(now)) { Vec::new() } else { self.show_executions() }
    }

    fn change_list(&mut self, change: impl FnOnce(&mut ExecutionList)) {
        if let Some(watch) = &mut self.watch {
            change(watch.list_mut());
        }
    }

    fn go_in_list(&mut self, step: Move) {
        let half = self.view.half_page();
        self.change_list(|list| list.go(step, half));
        if self.watch().is_some_and(|watch| watch.list().reads_to_end()) {
            self.notify("reading on to the last execution; any other key stops", Tone::Plain);
        }
    }

    fn go_in_lanes(&mut self, step: Move) {
        let half = self.view.half_page();
        if let Some(watch) = &mut self.watch {
            watch.go_lane(step, half);
        }
    }

    /// Whether a page about executions is on the screen, perhaps under a box.
    #[must_use]
    pub const fn shows_executions(&self) -> bool {
        matches!(self.view.base(), Overlay::Executions | Overlay::Execution)
    }

    /// The execution of the page as `temporal` commands.
    #[must_use]
    pub fn execution_instructions(&self) -> Vec<Instruction> {
        let Some(run) = self.page_run() else { return Vec::new() };
        let watch = self.watch().filter(|_| self.view.base() == Overlay::Execution);
        let opened = watch.and_then(Watch::opened);
        let pending = watch.and_then(Watch::selected_lane).and_then(|lane| opened?.pending(lane));
        let is_open = opened.is_none_or(|opened| !opened.is_over());
        execution_instructions(&self.options, &run, pending.map(|(pending, _)| pending), is_open)
    }

    /// The run of the page: the selected row's, or the execution's.
    fn page_run(&self) -> Option<Run> {
        let watch = self.watch()?;
        match self.view.base() {
            Overlay::Executions => watch.list().selected_row().map(|row| row.info.run.clone()),
            _ => watch.opened().map(|opened| opened.run().clone()),
        }
    }

    /// What a key does with the run of the page.
    fn action_on_run(&self, intent: Intent) -> Action {
        let run = self.page_run();
        let applies = run.is_some();
        Action::new(applies, move |app| match (run, intent) {
            (Some(run), Intent::OpenWebUi) => app.open_page_of(&run),
            (Some(_), Intent::ShowCommand) => {
                app.toggle(Overlay::ShowCommand);
                Vec::new()
            }
            (Some(_), Intent::CopyWorkflowId) if app.overlay() == Overlay::ShowCommand => {
                app.execution_instructions().first().map(|first| Command::Copy(first.line())).into_iter().collect()
            }
            (Some(run), _) => vec![Command::Copy(run.workflow)],
            (None, _) => app.refuse("no execution is selected"),
        })
    }

    /// Whether the failure page has anything to show.
    fn has_failure(&self) -> bool {
        let Some(watch) = self.watch() else { return false };
        let Some(opened) = watch.opened() else { return false };
        let failed = |end: &ItemEnd| matches!(end, ItemEnd::Failed(_) | ItemEnd::TimedOut(_));
        let of_lane = watch.selected_lane().is_some_and(|lane| opened.has_failed(lane));
        of_lane || opened.task_failure.is_some() || opened.end.as_ref().is_some_and(|end| failed(&end.end))
    }

    /// Begins to edit the visibility query.
    fn edit_query(&mut self) {
        let query = self.watch().map(|watch| watch.list().query().to_owned()).unwrap_or_default();
        self.view.edit_line(query, Overlay::Query);
    }

    /// Applies the edited line.
    fn submit_line(&mut self) -> Vec<Command> {
        match self.overlay() {
            Overlay::Signal => return self.submit_signal(),
            Overlay::ActivityOptions => return self.submit_options(),
            _ => {}
        }
        let query = self.input().value().trim().to_owned();
        if let Some(watch) = &mut self.watch {
            watch.search(query);
        }
        self.view.show(self.beneath());
        Vec::new()
    }

    /// Executes the operation that the user has confirmed.
    pub(super) fn operate(&mut self) -> Vec<Command> {
        let asked = self.watch.as_mut().and_then(|watch| watch.take_asked());
        asked.map(|(run, operation)| Command::Watch(WatchRequest::Operate(run, operation))).into_iter().collect()
    }
}
