//! The pages about executions of any workflow: answers of the server, keys, and what is asked next.

use crate::app::{
    App,
    command::Command,
    intent::Overlay,
    watch::{Watch, WatchNews, WatchOptions, WatchRequest},
};

impl App {
    /// Applies an answer about executions of any workflow.
    pub(super) fn on_watch(&mut self, news: WatchNews) {
        if let Some(watch) = &mut self.watch {
            watch.apply(news);
        }
    }

    /// Shows the list of executions.
    pub(super) fn show_executions(&mut self) -> Vec<Command> {
        let now = self.now;
        let _watch = self.watch.get_or_insert_with(|| Box::new(Watch::new(WatchOptions::default(), now)));
        self.view.set_base(Overlay::Executions);
        self.view.show(Overlay::Executions);
        Vec::new()
    }

    /// Executes the operation that the user has confirmed.
    pub(super) fn operate(&mut self) -> Vec<Command> {
        let asked = self.watch.as_mut().and_then(|watch| watch.take_asked());
        asked.map(|(run, operation)| Command::Watch(WatchRequest::Operate(run, operation))).into_iter().collect()
    }
}
