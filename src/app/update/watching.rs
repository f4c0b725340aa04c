//! The pages about executions of any workflow: answers of the server, keys, and what is asked next.

use crate::{
    app::{
        App,
        command::Command,
        intent::{Intent, Move, Overlay},
        notice::Tone,
        watch::{ExecutionList, Watch, WatchNews, WatchOptions, WatchRequest},
    },
    domain::Run,
};

use super::actions::Action;

impl App {
    /// Applies an answer about executions of any workflow.
    pub(super) fn on_watch(&mut self, news: WatchNews) {
        if let Some(text) = self.watch.as_mut().and_then(|watch| watch.apply(news)) {
            self.notify(&text, Tone::Plain);
        }
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
                _ => return None,
            }),
            Overlay::Execution => Some(match intent {
                Intent::Close => Action::new(true, Self::show_executions),
                Intent::Select(step) => Action::local(true, move |app| app.go_in_lanes(step)),
                Intent::SelectRow(row) => Action::local(true, move |app| {
                    if let Some(watch) = &mut app.watch {
                        watch.select_lane(row);
                    }
                }),
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

    fn change_list(&mut self, change: impl FnOnce(&mut ExecutionList)) {
        if let Some(watch) = &mut self.watch {
            change(watch.list_mut());
        }
    }

    fn go_in_list(&mut self, step: Move) {
        let half = self.view.half_page();
        self.change_list(|list| list.go(step, half));
    }

    fn go_in_lanes(&mut self, step: Move) {
        let half = self.view.half_page();
        if let Some(watch) = &mut self.watch {
            watch.go_lane(step, half);
        }
    }

    /// Executes the operation that the user has confirmed.
    pub(super) fn operate(&mut self) -> Vec<Command> {
        let asked = self.watch.as_mut().and_then(|watch| watch.take_asked());
        asked.map(|(run, operation)| Command::Watch(WatchRequest::Operate(run, operation))).into_iter().collect()
    }
}
