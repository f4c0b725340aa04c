//! Whether a worker polls a task queue already.

use std::time::{Duration, SystemTime};

use temporalio_client::NamespacedClient;
use temporalio_common::protos::temporal::api::{
    enums::v1::WorkerStatus, worker::v1::WorkerHeartbeat, workflowservice::v1::ListWorkersRequest,
};
use tonic::Status;

use super::link::{Link, limited};

/// A worker that has not been heard of for longer is taken for dead. Ours tell every second.
const SILENCE: Duration = Duration::from_millis(2_500);

/// What is known of workers on a task queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presence {
    Nobody,
    /// A worker that was heard of a moment ago, by its identity.
    Polling {
        identity: String,
    },
}

/// Looks for a worker on `task_queue` by what workers themselves report. The pollers that the server remembers are no
/// sign of life: it remembers the dead for minutes.
///
/// # Errors
/// The server's status.
pub async fn look_for_worker(link: &Link, task_queue: &str) -> Result<Presence, Status> {
    let request = ListWorkersRequest { namespace: link.client().namespace(), ..Default::default() };
    let answer = link.service().list_workers(limited(request)).await?.into_inner();
    let now = SystemTime::now();
    #[expect(deprecated, reason = "the list that replaces it carries no time of the last heartbeat")]
    let beats = answer.workers_info.into_iter().filter_map(|worker| worker.worker_heartbeat);
    // A worker that shuts down still reports, and takes no more work.
    let running = |beat: &WorkerHeartbeat| beat.status() == WorkerStatus::Running && beat.task_queue == task_queue;
    let alive = beats.filter(running).find(|beat| {
        let heard = beat.heartbeat_time.and_then(|time| SystemTime::try_from(time).ok());
        heard.is_some_and(|heard| now.duration_since(heard).unwrap_or_default() < SILENCE)
    });
    Ok(alive.map_or(Presence::Nobody, |beat| Presence::Polling { identity: beat.worker_identity }))
}
