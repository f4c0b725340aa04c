//! Which workers poll the task queue, and whether a worker is started beside them.

use std::time::{Duration, Instant};

use idempotence::{
    app::{Command, Message, Worker},
    domain::{WORKER_ROLE, process_identity},
    runtime::backend::host,
    temporal::{Link, Presence, look_for_worker},
};
use temporalio_client::NamespacedClient;
use temporalio_common::protos::temporal::api::{
    taskqueue::v1::TaskQueue, workflowservice::v1::PollActivityTaskQueueRequest,
};
use tokio::task::JoinHandle;
use tonic::IntoRequest;

use crate::{
    desk::Desk,
    stage::{Stage, address, offline},
};

const FOREIGN: &str = "31@another-host";

/// A worker of another SDK that sends no heartbeats: one long poll.
async fn poll(stage: &Stage) -> JoinHandle<()> {
    let link = stage.link().await;
    let name = stage.queue.clone();
    tokio::spawn(async move {
        let request = PollActivityTaskQueueRequest {
            namespace: link.client().namespace(),
            task_queue: Some(TaskQueue { name, ..Default::default() }),
            identity: FOREIGN.to_owned(),
            ..Default::default()
        };
        let _ended =
            link.client().connection().workflow_service().poll_activity_task_queue(request.into_request()).await;
    })
}

async fn until_polled(link: &Link, queue: &str) -> String {
    let since = Instant::now();
    loop {
        if let Presence::Polling { identity } = look_for_worker(link, queue).await.unwrap() {
            return identity;
        }
        assert!(since.elapsed() < crate::stage::PATIENCE, "no poller is reported");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn beside_a_worker_of_another_sdk_none_is_started_until_asked() {
    if offline() {
        return;
    }
    let stage = Stage::new();
    let polling = poll(&stage).await;
    assert_eq!(until_polled(&stage.link().await, &stage.queue).await, FOREIGN);
    let mut desk = Desk::new(&stage, address(), true);
    let pollers = Message::Pollers { identities: vec![FOREIGN.to_owned()] };
    desk.is_told("the foreign poller", |message| *message == pollers).await;
    desk.is_told("a worker elsewhere", |message| *message == Message::Worker(Worker::Elsewhere)).await;
    let started = |message: &Message| matches!(message, Message::Worker(Worker::Starting | Worker::Ready { .. }));
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(!desk.so_far().iter().any(started), "a worker was started beside another one");
    desk.perform(Command::StartWorker);
    desk.is_told("a worker is ready", |message| matches!(message, Message::Worker(Worker::Ready { .. }))).await;
    polling.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_was_killed_is_replaced_although_the_server_still_lists_it() {
    if offline() {
        return;
    }
    let stage = Stage::new();
    let mut worker = stage.worker();
    let identity = process_identity(WORKER_ROLE, worker.pid(), &host());
    assert_eq!(until_polled(&stage.link().await, &stage.queue).await, identity);
    let mut desk = Desk::new(&stage, address(), true);
    desk.is_told("a worker elsewhere", |message| *message == Message::Worker(Worker::Elsewhere)).await;
    worker.kill();
    let since = Instant::now();
    desk.is_told("a worker is ready", |message| matches!(message, Message::Worker(Worker::Ready { .. }))).await;
    assert!(since.elapsed() < Duration::from_secs(20), "{:?}", since.elapsed());
}
