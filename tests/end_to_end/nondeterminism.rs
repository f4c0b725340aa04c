//! A run whose history comes from other workflow code, so that our worker cannot replay it.

use std::{
    fs,
    time::{Duration, Instant},
};

use idempotence::temporal::Link;
use temporalio_client::NamespacedClient;
use temporalio_common::protos::temporal::api::{
    command::v1::{Command, StartTimerCommandAttributes, command::Attributes},
    enums::v1::CommandType,
    taskqueue::v1::TaskQueue,
    workflowservice::v1::{PollWorkflowTaskQueueRequest, RespondWorkflowTaskCompletedRequest},
};
use tonic::IntoRequest;

use crate::{
    sandbox::{EVENT_TIMEOUT, Sandbox, address, offline, order, text},
    screen::Screen,
};

/// Answers the first workflow task as other code would: with a timer that fires at once.
async fn start_with_a_timer(sandbox: &Sandbox, link: &Link) {
    let identity = "31@another-host".to_owned();
    let namespace = link.client().namespace();
    let poll = PollWorkflowTaskQueueRequest {
        namespace: namespace.clone(),
        task_queue: Some(TaskQueue { name: sandbox.queue.clone(), ..TaskQueue::default() }),
        identity: identity.clone(),
        ..PollWorkflowTaskQueueRequest::default()
    };
    let mut service = link.client().connection().workflow_service();
    let task = service.poll_workflow_task_queue(poll.into_request()).await.unwrap().into_inner();
    let timer = StartTimerCommandAttributes {
        timer_id: "1".to_owned(),
        start_to_fire_timeout: Duration::from_millis(1).try_into().ok(),
    };
    let command = Command {
        command_type: CommandType::StartTimer.into(),
        attributes: Some(Attributes::StartTimerCommandAttributes(timer)),
        ..Command::default()
    };
    let respond = RespondWorkflowTaskCompletedRequest {
        task_token: task.task_token,
        commands: vec![command],
        identity,
        namespace,
        ..RespondWorkflowTaskCompletedRequest::default()
    };
    service.respond_workflow_task_completed(respond.into_request()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nondeterministic_history_is_reported_by_worker_starter_and_dashboard() {
    if offline() {
        return;
    }
    let sandbox = Sandbox::new();
    let link = sandbox.link().await;
    let (started, _) = sandbox.start(&link, "A", order("A", 10, "none")).await;
    start_with_a_timer(&sandbox, &link).await;
    let log = sandbox.folder.path().join("worker.log");
    let mut worker = sandbox.worker_logging(&[], &log);
    let since = Instant::now();
    let parts = ["WARN", "its code does not match the history", "TMPRL1100"];
    let named = |line: &str| parts.iter().all(|part| line.contains(part));
    while !fs::read_to_string(&log).unwrap().lines().any(named) {
        assert!(since.elapsed() < EVENT_TIMEOUT, "{}", fs::read_to_string(&log).unwrap());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let mut start = sandbox.command("start");
    start.args(["A", "123456", "10", "--faults", "none", "--workflow-id", &started.workflow]);
    let output = start.output().unwrap();
    let (_, problem) = text(&output);
    assert_eq!(output.status.code(), Some(1), "{problem}");
    for part in ["its code does not match the history", "terminate the workflow and start the order again"] {
        assert!(problem.contains(part), "{part}: {problem}");
    }
    let mut screen = Screen::open(&sandbox, address(), 80, 24);
    screen.wait_until("what fails", |text| {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        text.contains("WORKFLOW TASK FAILS") && text.contains("its code does not match the history")
    });
    screen.press("q");
    assert!(screen.end().0.success());
    assert!(!worker.has_ended(), "it serves other orders");
    sandbox.assert_right(1000);
}
