//! The executions of a list that are followed at once, each with a core of its own.

use std::time::Duration;

use crate::{
    app::{
        App, Command, EventFinder, Message, Options, StartMode, Watch, WatchEvent, WatchOptions, WatchProblem, Watched,
    },
    domain::{Run, UnixMillis},
};

/// Executions that are followed at once if no workflow id is given.
const MAX_FOLLOWED: usize = 8;

/// Runs that have ended and are not followed again, although the list may still show them as open.
const MAX_ENDED: usize = 1_000;

/// Cores of open executions. They receive the same messages as the core of the list.
pub struct Followed {
    setup: Options,
    /// The latest state of the link, for a new core.
    link: Option<Message>,
    apps: Vec<App>,
    /// The latest runs that were followed to their end.
    ended: Vec<Run>,
}

impl Followed {
    /// Follows no execution yet.
    pub const fn new(setup: Options) -> Self {
        Self { setup, link: None, apps: Vec::new(), ended: Vec::new() }
    }

    /// The executions.
    pub fn watched(&self) -> impl Iterator<Item = &Watched> {
        self.apps.iter().flat_map(shown_runs)
    }

    /// The state of each execution.
    pub fn watches(&self) -> impl Iterator<Item = &Watch> {
        self.apps.iter().filter_map(App::watch)
    }

    /// Number of the executions.
    pub const fn len(&self) -> usize {
        self.apps.len()
    }

    /// Drops the executions whose end was printed, or that no longer exist. The list may still show them as open for a while.
    fn drop_ended(&mut self) {
        let is_over = |opened: &Watched| opened.is_complete() || opened.problem == Some(WatchProblem::NotFound);
        let ended = |app: &mut App| app.watch().and_then(Watch::opened).is_none_or(is_over);
        for app in self.apps.extract_if(.., ended) {
            self.ended.extend(app.watch().and_then(Watch::opened).map(|opened| opened.run().clone()));
        }
        let excess = self.ended.len().saturating_sub(MAX_ENDED);
        self.ended.drain(..excess);
    }

    /// Applies a message to each core.
    pub fn update(&mut self, message: &Message) -> Vec<Command> {
        if let Message::Link(_) = message {
            self.link = Some(message.clone());
        }
        self.drop_ended();
        self.apps.iter_mut().flat_map(|app| app.update(message.clone())).collect()
    }

    /// Time from the latest tick to the next one that a core needs.
    pub fn pace(&self) -> Duration {
        self.apps.iter().map(App::tick_interval).min().unwrap_or(Duration::MAX)
    }

    /// Follows further open executions of the list. None if `watch` is about one execution.
    pub fn follow(&mut self, watch: Option<&Watch>) {
        let Some(watch) = watch.filter(|watch| watch.opened().is_none()) else { return };
        let is_followed = |run: &Run| {
            let mut opened = self.apps.iter().filter_map(|app| app.watch()?.opened());
            self.ended.contains(run) || opened.any(|opened| opened.is_about(run))
        };
        let open = watch.list().rows().iter().map(|row| &row.info).filter(|info| info.status.is_open());
        let free = MAX_FOLLOWED.saturating_sub(self.apps.len());
        let new: Vec<_> = open.filter(|info| !is_followed(&info.run)).take(free).map(|info| info.run.clone()).collect();
        for run in new {
            let Run { workflow, run } = run;
            let options = WatchOptions { workflow: Some(workflow), run: Some(run), ..watch.options().clone() };
            let mut app = App::new(Options { start_mode: StartMode::Watch(Box::new(options)), ..self.setup.clone() });
            if let Some(link) = self.link.clone() {
                let _none = app.update(link);
            }
            self.apps.push(app);
        }
    }
}

/// The runs that a core shows: the last events of a run come together with the run that continues it.
pub fn shown_runs(app: &App) -> impl Iterator<Item = &Watched> {
    let opened = app.watch().and_then(Watch::opened).into_iter();
    opened.flat_map(|opened| opened.before.as_deref().into_iter().chain([opened]))
}

/// Finds what has changed in several executions.
#[derive(Default)]
pub struct EventFinders {
    /// By run; its run id is empty until the server has reported it.
    finders: Vec<(Run, EventFinder)>,
}

impl EventFinders {
    /// The events of an execution since the last call.
    pub fn find(&mut self, watched: &Watched, now: UnixMillis) -> Vec<WatchEvent> {
        let run = watched.run();
        let index = self.finders.iter().position(|(known, _)| known == run).unwrap_or_else(|| {
            if self.finders.len() > MAX_ENDED
                && let Some(ended) = self.finders.iter().position(|(_, finder)| finder.has_ended())
            {
                self.finders.remove(ended);
            }
            self.finders.push((run.clone(), EventFinder::default()));
            self.finders.len() - 1
        });
        self.finders.get_mut(index).map(|(_, finder)| finder.find(watched, now)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::app::{
        WatchNews,
        testing::{
            fixture::setup,
            watch::{WatchScene, run},
        },
    };

    #[test]
    fn an_execution_that_no_longer_exists_makes_room_for_another() {
        let mut list = WatchScene::new(WatchOptions::default(), MAX_FOLLOWED + 1);
        list.wait(1_000);
        let mut followed = Followed::new(setup());
        followed.follow(list.app.watch());
        let follows = |followed: &Followed, number| followed.watched().any(|watched| *watched.run() == run(number));
        assert!(followed.len() == MAX_FOLLOWED && follows(&followed, 0) && !follows(&followed, MAX_FOLLOWED));
        let answer = Err(WatchProblem::NotFound);
        followed.update(&Message::Watch(WatchNews::Described { run: run(0), answer }));
        assert!(follows(&followed, 0), "its problem is printed first");
        followed.update(&Message::Tick { now: UnixMillis(list.now) });
        followed.follow(list.app.watch());
        assert!(followed.len() == MAX_FOLLOWED && !follows(&followed, 0) && follows(&followed, MAX_FOLLOWED));
    }
}
