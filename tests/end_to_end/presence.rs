//! Which workers poll the task queue, and whether the dashboard starts its own.

use std::{
    io::{BufRead, BufReader},
    process::Stdio,
    time::{Duration, Instant},
};

use idempotence::{
    app::{Command, Message, Worker},
    domain::{Run, WORKER_ROLE, process_identity},
    runtime::backend::host,
    temporal::{Link, Presence, find_worker},
};
use rustix::process::Signal;
use temporalio_client::NamespacedClient;
use temporalio_common::protos::temporal::api::{
    common::v1::WorkflowExecution,
    taskqueue::v1::TaskQueue,
    workflowservice::v1::{DeleteWorkflowExecutionRequest, PollActivityTaskQueueRequest},
};
use tokio::task::JoinHandle;
use tonic::IntoRequest;

use crate::{
    headless::Headless,
    sandbox::{Sandbox, WorkerProcess, address, applied, offline, order},
    screen::send,
};

const FOREIGN: &str = "31@another-host";

/// Polls once, like a worker of another SDK that sends no heartbeats.
async fn poll(sandbox: &Sandbox) -> JoinHandle<()> {
    let link = sandbox.link().await;
    let name = sandbox.queue.clone();
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
        if let Presence::Polling { identity } = find_worker(link, queue).await.unwrap() {
            return identity;
        }
        assert!(since.elapsed() < crate::sandbox::EVENT_TIMEOUT, "no poller is reported");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_worker_of_another_sdk_no_worker_starts_until_requested() {
    if offline() {
        return;
    }
    let sandbox = Sandbox::new();
    let polling = poll(&sandbox).await;
    assert_eq!(until_polled(&sandbox.link().await, &sandbox.queue).await, FOREIGN);
    let mut headless = Headless::new(&sandbox, address(), true);
    let pollers = Message::Pollers { identities: vec![FOREIGN.to_owned()] };
    headless.receives("the foreign poller", |message| *message == pollers).await;
    headless.receives("a worker elsewhere", |message| *message == Message::Worker(Worker::Elsewhere)).await;
    let started = |message: &Message| matches!(message, Message::Worker(Worker::Starting | Worker::Ready { .. }));
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(!headless.so_far().iter().any(started), "a worker was started beside another one");
    headless.execute(Command::StartWorker);
    headless.receives("a worker is ready", |message| matches!(message, Message::Worker(Worker::Ready { .. }))).await;
    polling.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_worker_is_replaced_although_the_server_still_lists_it() {
    if offline() {
        return;
    }
    let sandbox = Sandbox::new();
    let mut worker = sandbox.worker();
    let identity = process_identity(WORKER_ROLE, worker.pid(), &host());
    assert_eq!(until_polled(&sandbox.link().await, &sandbox.queue).await, identity);
    let mut headless = Headless::new(&sandbox, address(), true);
    headless.receives("a worker elsewhere", |message| *message == Message::Worker(Worker::Elsewhere)).await;
    worker.kill();
    let since = Instant::now();
    headless.receives("a worker is ready", |message| matches!(message, Message::Worker(Worker::Ready { .. }))).await;
    assert!(since.elapsed() < Duration::from_secs(20), "{:?}", since.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_of_other_clients_are_listed_without_a_worker_until_deleted() {
    if offline() {
        return;
    }
    let sandbox = Sandbox::new();
    let link = sandbox.link().await;
    let (started, _) = sandbox.start(&link, "order-V1", order("V1", 1, "none")).await;
    let mut headless = Headless::new(&sandbox, address(), false);
    let listed = |message: &Message| match message {
        Message::Listed { runs } => runs.first().map(|run| (run.workflow.clone(), run.run.clone())),
        _ => None,
    };
    let (workflow, run) = headless.receive("the order is listed", listed).await;
    assert_eq!((&workflow, &run), (&started.workflow, &started.run));
    let request = DeleteWorkflowExecutionRequest {
        namespace: link.client().namespace(),
        workflow_execution: Some(WorkflowExecution { workflow_id: workflow.clone(), run_id: run.clone() }),
    };
    link.client().connection().workflow_service().delete_workflow_execution(request.into_request()).await.unwrap();
    // The dashboard repeats this for every open order.
    let since = Instant::now();
    loop {
        headless.execute(Command::Describe(vec![Run { workflow: workflow.clone(), run: run.clone() }]));
        let ended = headless.receive("an answer", |message| match message {
            Message::Ended { .. } => Some(true),
            Message::Described { answer, .. } => Some(answer.is_err()),
            _ => None,
        });
        if ended.await {
            return;
        }
        assert!(since.elapsed() < crate::sandbox::EVENT_TIMEOUT, "a deleted run stays open");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Starts a worker process without a pipe to its parent, as a user would. It is killed if the test fails.
fn lone_worker(sandbox: &Sandbox, shell: &str) -> WorkerProcess {
    let worker = sandbox.command("worker");
    let mut child = std::process::Command::new("sh")
        .args(["-c", &format!("{shell} exec \"$0\" \"$@\"")])
        .arg(worker.get_program())
        .args(worker.get_args())
        .envs(worker.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("worker "), "{line:?}");
    WorkerProcess::from(child)
}

/// Whether a process ignores SIGHUP, which child processes inherit. Returns `false` except on
/// Linux, because only Linux reports this.
pub fn hangups_are_ignored(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & 1 == 1)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hangup_ends_a_worker_as_sigterm_does_unless_ignored() {
    if offline() {
        return;
    }
    let sandbox = Sandbox::new();
    for signal in [Signal::HUP, Signal::QUIT, Signal::TERM] {
        if signal == Signal::HUP && hangups_are_ignored(std::process::id()) {
            println!("SIGHUP is not tried: it is ignored here, as under nohup");
            continue;
        }
        let mut worker = lone_worker(&sandbox, "");
        send(signal, worker.pid());
        assert_eq!(worker.wait().code(), Some(0), "{signal:?}");
    }
    let mut worker = lone_worker(&sandbox, "trap '' HUP;");
    send(Signal::HUP, worker.pid());
    let link = sandbox.link().await;
    assert_eq!(sandbox.place(&link, order("H1", 1, "none")).await, applied(), "it works on");
    send(Signal::TERM, worker.pid());
    assert_eq!(worker.wait().code(), Some(0));
}
