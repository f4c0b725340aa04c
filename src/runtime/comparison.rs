//! Runs comparisons: the same order under the same faults with all three guards, each with a database, a task queue and a worker
//! process of its own. One comparison runs at a time; the next starts after the one before has been cleaned up.

mod folder;
mod side;

use std::{convert::Infallible, sync::Arc};

use futures::future::join_all;
use tokio::sync::{Barrier, mpsc, watch};

use super::{link_keeper::CurrentLink, messages::send, worker_child::WorkerCommand};
use crate::{
    app::{Comparison, ComparisonEvent, ComparisonNews, Message},
    config::Settings,
    domain::Guard,
};

use folder::Folder;
use side::{Context, Side};

/// Starts and ends comparisons. Dropping it ends the running one with its workers.
#[derive(Debug)]
pub struct Comparisons {
    wanted: watch::Sender<Option<Comparison>>,
}

impl Comparisons {
    /// `worker`: how to start a worker. Its task queue and its database are replaced.
    #[must_use]
    pub fn new(
        settings: Arc<Settings>,
        worker: WorkerCommand,
        link: CurrentLink,
        messages: mpsc::Sender<Message>,
    ) -> Self {
        let (wanted, wants) = watch::channel(None);
        let runner = Runner { settings, worker, link, messages };
        tokio::spawn(runner.run(wants));
        Self { wanted }
    }

    /// Starts a comparison, and ends the running one first.
    pub fn start(&self, comparison: Comparison) {
        self.wanted.send_replace(Some(comparison));
    }

    /// Ends the running comparison: its workers, its open orders and its databases.
    pub fn end(&self) {
        self.wanted.send_replace(None);
    }
}

/// Runs one comparison after another.
struct Runner {
    settings: Arc<Settings>,
    worker: WorkerCommand,
    link: CurrentLink,
    messages: mpsc::Sender<Message>,
}

impl Runner {
    /// Runs the wanted comparison until [`Comparisons`] is dropped.
    async fn run(self, mut wanted: watch::Receiver<Option<Comparison>>) {
        loop {
            let comparison = wanted.borrow_and_update().clone();
            let changed = match comparison {
                Some(comparison) => self.run_one(comparison, wanted.changed()).await,
                None => wanted.changed().await,
            };
            if changed.is_err() {
                return;
            }
        }
    }

    /// Runs a comparison until `until` resolves, and cleans up after it.
    async fn run_one<T>(&self, comparison: Comparison, until: impl Future<Output = T>) -> T {
        tokio::pin!(until);
        let mut current = self.link.clone();
        // Wait for a link. Its state reaches the screen through the link keeper.
        let connected = async { current.wait_for(Option::is_some).await.ok().and_then(|link| link.clone()) };
        let link = tokio::select! {
            link = connected => link,
            ended = &mut until => return ended,
        };
        let Some(link) = link else { return until.await };
        let folder = match Folder::create(&self.settings.state_dir, comparison.number).await {
            Ok(folder) => folder,
            Err(error) => {
                self.report_failure(comparison.number, &error.to_string()).await;
                return until.await;
            }
        };
        let context = Arc::new(Context::new(comparison, link, self.messages.clone(), &self.settings));
        let mut sides = Guard::ALL.map(|guard| {
            let database = folder.database(guard);
            Side::start(Arc::clone(&context), guard, database, self.worker.clone())
        });
        let together = Barrier::new(sides.len());
        let running = async {
            join_all(sides.iter_mut().map(|side| side.run(&together))).await;
            std::future::pending::<Infallible>().await
        };
        let ended = tokio::select! {
            never = running => match never {},
            ended = &mut until => ended,
        };
        join_all(sides.map(Side::clean_up)).await;
        folder.remove().await;
        ended
    }

    async fn report_failure(&self, number: u64, cause: &str) {
        for guard in Guard::ALL {
            let event = ComparisonEvent::Failed { cause: cause.to_owned() };
            send(&self.messages, Message::Compared(ComparisonNews { number, guard, event })).await;
        }
    }
}
