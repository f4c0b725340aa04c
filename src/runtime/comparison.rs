//! Carries out comparisons: the same order under the same faults with all three guards, each on a database, a task
//! queue and a worker process of its own. One at a time; the next begins when the one before is gone.

mod folder;
mod side;

use std::{convert::Infallible, sync::Arc};

use futures::future::join_all;
use tokio::sync::{Barrier, mpsc, watch};

use super::{link_keeper::CurrentLink, worker_child::WorkerCommand};
use crate::{
    app::{Comparison, ComparisonEvent, ComparisonNews, Message},
    config::Settings,
    domain::Guard,
};

use folder::Folder;
use side::{Side, Terms};

/// Begins and ends comparisons. Dropped, it ends what runs, with its workers.
#[derive(Debug)]
pub struct Comparisons {
    wanted: watch::Sender<Option<Comparison>>,
}

impl Comparisons {
    /// `worker`: how a worker is started; task queue and database are replaced.
    #[must_use]
    pub fn new(
        settings: Arc<Settings>,
        worker: WorkerCommand,
        link: CurrentLink,
        messages: mpsc::Sender<Message>,
    ) -> Self {
        let (wanted, wants) = watch::channel(None);
        let stage = Stage { settings, worker, link, messages };
        tokio::spawn(stage.keep(wants));
        Self { wanted }
    }

    /// Begins a comparison in place of the one that runs.
    pub fn begin(&self, comparison: Comparison) {
        self.wanted.send_replace(Some(comparison));
    }

    /// Ends the comparison that runs: its workers, its open orders, its databases.
    pub fn end(&self) {
        self.wanted.send_replace(None);
    }
}

/// What every comparison needs.
struct Stage {
    settings: Arc<Settings>,
    worker: WorkerCommand,
    link: CurrentLink,
    messages: mpsc::Sender<Message>,
}

impl Stage {
    /// Runs what is wanted, until nobody can want anything any more.
    async fn keep(self, mut wanted: watch::Receiver<Option<Comparison>>) {
        loop {
            let comparison = wanted.borrow_and_update().clone();
            let changed = match comparison {
                Some(comparison) => self.carry_out(comparison, wanted.changed()).await,
                None => wanted.changed().await,
            };
            if changed.is_err() {
                return;
            }
        }
    }

    /// Runs a comparison until something else is wanted, and clears it away.
    async fn carry_out<T>(&self, comparison: Comparison, until: impl Future<Output = T>) -> T {
        tokio::pin!(until);
        let mut current = self.link.clone();
        // A link that comes and goes is waited for; what the screen says of it comes from elsewhere.
        let connected = async { current.wait_for(Option::is_some).await.ok().and_then(|link| link.clone()) };
        let link = tokio::select! {
            link = connected => link,
            ended = &mut until => return ended,
        };
        let Some(link) = link else { return until.await };
        let folder = match Folder::make(&self.settings.state_dir, comparison.number).await {
            Ok(folder) => folder,
            Err(error) => {
                self.refuse(comparison.number, &error.to_string()).await;
                return until.await;
            }
        };
        let terms = Arc::new(Terms::new(comparison, link, self.messages.clone(), &self.settings));
        let mut sides = Guard::ALL.map(|guard| {
            let database = folder.database(guard);
            Side::begin(Arc::clone(&terms), guard, database, self.worker.clone())
        });
        let together = Barrier::new(sides.len());
        let playing = async {
            join_all(sides.iter_mut().map(|side| side.play(&together))).await;
            std::future::pending::<Infallible>().await
        };
        let ended = tokio::select! {
            never = playing => match never {},
            ended = &mut until => ended,
        };
        join_all(sides.map(Side::clear_away)).await;
        folder.remove().await;
        ended
    }

    async fn refuse(&self, number: u64, cause: &str) {
        for guard in Guard::ALL {
            let event = ComparisonEvent::Failed { cause: cause.to_owned() };
            // A dashboard that has gone needs to be told nothing.
            let _gone = self.messages.send(Message::Compared(ComparisonNews { number, guard, event })).await;
        }
    }
}
