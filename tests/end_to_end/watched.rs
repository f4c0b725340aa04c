//! Executions of another program: a Python shop, whose workflows are in `python/shop.py`.

use std::{
    fs::File,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use idempotence::temporal::Link;
use serde_json::Value;
use temporalio_client::NamespacedClient;
use temporalio_common::protos::temporal::api::{
    common::v1::WorkflowExecution,
    enums::v1::WorkflowExecutionStatus,
    workflowservice::v1::{
        DescribeWorkflowExecutionRequest, DescribeWorkflowExecutionResponse, TerminateWorkflowExecutionRequest,
    },
};
use tonic::IntoRequest;

use crate::{
    python::{Key, assert_encrypted},
    python_environment::{PythonWorker, python, script},
    sandbox::{EVENT_TIMEOUT, Sandbox, address, program, text},
};

/// The shop: its task queue, and its worker if it is open.
pub struct Shop {
    pub sandbox: Sandbox,
    python: &'static Path,
    /// The key that encrypts the shop's payloads.
    key: Option<Key>,
    worker: Option<PythonWorker>,
}

/// An execution that the shop started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Execution {
    pub id: String,
    pub run: String,
}

impl Shop {
    /// Opens the shop. If Python is not available, reports a skipped test and returns `None`.
    pub fn open() -> Option<Self> {
        Self::new(None)
    }

    /// Opens a shop whose payloads are encrypted.
    pub fn open_encrypted(key: Key) -> Option<Self> {
        Self::new(Some(key))
    }

    /// Returns a shop without a worker, so that a test sees what happens from the start.
    pub fn closed() -> Option<Self> {
        Some(Self { sandbox: Sandbox::new(), python: python()?, key: None, worker: None })
    }

    fn new(key: Option<Key>) -> Option<Self> {
        let mut shop = Self { key, ..Self::closed()? };
        shop.open_with_release(1);
        Some(shop)
    }

    /// Sends a signal to an execution.
    pub fn signal(&self, name: &str, id: &str) {
        let output = self.script(&["signal", name, "--id", id]).output().unwrap();
        assert!(output.status.success(), "{}", text(&output).1);
    }

    /// Returns the command that watches the server of this shop.
    pub fn watch(&self, arguments: &[&str]) -> Command {
        self.watch_at(address(), arguments)
    }

    /// Returns the command that watches a server at this address.
    pub fn watch_at(&self, address: &str, arguments: &[&str]) -> Command {
        let mut command = program(self.sandbox.folder.path());
        command.args(["watch", "--address", address]).args(arguments);
        if let Some(key) = &self.key {
            command.envs(key.settings());
        }
        command
    }

    /// Starts a worker with this release of the shop's code, after the worker with the earlier release has ended.
    pub fn open_with_release(&mut self, release: u32) {
        self.close();
        self.worker = Some(self.worker(release));
    }

    /// Starts a worker with this release of the shop's code.
    pub fn worker(&self, release: u32) -> PythonWorker {
        let mut script = self.script(&["worker"]);
        let log = File::create(self.sandbox.folder.path().join("shop.log")).unwrap();
        script.env("SHOP_RELEASE", release.to_string()).stderr(log);
        PythonWorker::start(script)
    }

    /// Ends the worker.
    pub fn close(&mut self) {
        if let Some(worker) = self.worker.take() {
            worker.stop();
        }
    }

    fn script(&self, arguments: &[&str]) -> Command {
        let mut command = script(self.python, "watched.py");
        command.args(arguments).args(["--address", address(), "--queue", &self.sandbox.queue]);
        if let Some(key) = &self.key {
            key.add_to(&mut command);
            command.arg("--encrypted");
        }
        command
    }

    /// Starts an execution with a new id that begins with the situation.
    pub fn start(&self, situation: &str) -> Execution {
        self.start_with(situation, &[])
    }

    /// Starts an execution as [`Self::start`] does, with options such as `--pace`.
    pub fn start_with(&self, situation: &str, options: &[&str]) -> Execution {
        self.start_all(situation, options).pop().unwrap()
    }

    /// Starts this many executions.
    pub fn start_many(&self, situation: &str, executions: usize) -> Vec<Execution> {
        self.start_all(situation, &["--executions", &executions.to_string()])
    }

    fn start_all(&self, situation: &str, options: &[&str]) -> Vec<Execution> {
        let id = format!("{situation}-{:08x}", rand::random::<u32>());
        let output = self.script(&["start", situation, "--id", &id]).args(options).output().unwrap();
        let (lines, problem) = text(&output);
        assert!(!lines.is_empty(), "{situation} did not start: {problem}");
        let execution = |line: &str| {
            let line: Value = serde_json::from_str(line).unwrap();
            let field = |name: &str| line[name].as_str().unwrap().to_owned();
            Execution { id: field("id"), run: field("run") }
        };
        lines.lines().map(execution).collect()
    }
}

/// Describes the newest run of an execution until it is as `wanted`.
pub async fn described_when(
    link: &Link,
    id: &str,
    wanted: impl Fn(&DescribeWorkflowExecutionResponse) -> bool,
) -> DescribeWorkflowExecutionResponse {
    let since = Instant::now();
    loop {
        let request = DescribeWorkflowExecutionRequest {
            namespace: link.client().namespace(),
            execution: Some(WorkflowExecution { workflow_id: id.to_owned(), run_id: String::new() }),
        };
        let mut service = link.client().connection().workflow_service();
        let described = service.describe_workflow_execution(request.into_request()).await.unwrap().into_inner();
        if wanted(&described) {
            return described;
        }
        assert!(since.elapsed() < EVENT_TIMEOUT, "{id} did not get there: {described:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The status of the described run.
pub fn status(described: &DescribeWorkflowExecutionResponse) -> WorkflowExecutionStatus {
    described.workflow_execution_info.as_ref().unwrap().status()
}

/// The number of events in its history.
pub fn history_length(described: &DescribeWorkflowExecutionResponse) -> i64 {
    described.workflow_execution_info.as_ref().unwrap().history_length
}

/// Whether the workflow task fails again and again.
pub fn workflow_task_fails(described: &DescribeWorkflowExecutionResponse) -> bool {
    described.pending_workflow_task.as_ref().is_some_and(|task| task.attempt > 1)
}

/// If this test fails, the fault is in the scripts, not in the program.
#[tokio::test(flavor = "multi_thread")]
async fn each_situation_of_the_shop_ends_as_intended() {
    use WorkflowExecutionStatus::{Completed, Failed};
    let Some(shop) = Shop::open() else { return };
    let link = shop.sandbox.link().await;
    let ends = [
        ("retries", Completed),
        ("non-retryable", Failed),
        ("next-retry-delay", Completed),
        ("start-to-close", Completed),
        ("schedule-to-close", Failed),
        ("expires", Failed),
        ("schedule-to-start", Failed),
        ("heartbeat-timeout", Completed),
        ("parallel", Completed),
        ("local-activity", Completed),
        ("child", Completed),
        ("nexus", Completed),
        ("cancelled-activity", Completed),
        ("cancel-requested", Completed),
        ("timer", Completed),
        ("signals", Completed),
        ("continue-as-new", Completed),
    ];
    let executions = ends.map(|(situation, end)| (shop.start_with(situation, &["--pace", "0.1"]), end));
    for (execution, end) in executions {
        let described =
            described_when(&link, &execution.id, |described| matches!(status(described), Completed | Failed));
        assert_eq!(status(&described.await), end, "{}", execution.id);
    }
}

/// If this test fails, the fault is in the scripts, not in the program.
#[tokio::test(flavor = "multi_thread")]
async fn failing_workflow_tasks_leave_an_execution_of_the_shop_open() {
    let Some(mut shop) = Shop::open() else { return };
    let link = shop.sandbox.link().await;
    let changed = shop.start_with("non-determinism", &["--pace", "1"]).id;
    described_when(&link, &changed, |described| history_length(described) == 5).await;
    shop.open_with_release(2);
    let executions = [changed, shop.start("workflow-task-failure").id, shop.start("undecodable-input").id];
    for id in executions {
        described_when(&link, &id, workflow_task_fails).await;
        terminate(&link, &id).await;
    }
}

/// If this test fails, the fault is in the scripts, not in the program.
#[tokio::test(flavor = "multi_thread")]
async fn an_encrypted_shop_stores_no_plain_text() {
    let Some(shop) = Shop::open_encrypted(Key::new("shop-key")) else { return };
    let link = shop.sandbox.link().await;
    let id = shop.start("retries").id;
    described_when(&link, &id, |described| status(described) == WorkflowExecutionStatus::Completed).await;
    assert_encrypted(&id, &["receipt", "json/plain", "unavailable"]).await;
}

/// If this test fails, the fault is in the scripts, not in the program.
#[tokio::test(flavor = "multi_thread")]
async fn a_shop_has_long_histories_and_many_open_executions() {
    let Some(shop) = Shop::open() else { return };
    let link = shop.sandbox.link().await;
    let long = shop.start_with("long-history", &["--count", "4980"]).id;
    let baskets = shop.start_many("waits-for-signal", 200);
    let described = described_when(&link, &long, |described| status(described) == WorkflowExecutionStatus::Completed);
    // On a slow machine, a workflow task takes several events.
    assert!(history_length(&described.await) >= 4991);
    for basket in baskets {
        let described = described_when(&link, &basket.id, |described| history_length(described) >= 4).await;
        assert_eq!(status(&described), WorkflowExecutionStatus::Running);
        terminate(&link, &basket.id).await;
    }
}

/// Terminates the newest run of an execution, so that it does not load the shared server.
pub async fn terminate(link: &Link, id: &str) {
    let request = TerminateWorkflowExecutionRequest {
        namespace: link.client().namespace(),
        workflow_execution: Some(WorkflowExecution { workflow_id: id.to_owned(), run_id: String::new() }),
        ..TerminateWorkflowExecutionRequest::default()
    };
    let mut service = link.client().connection().workflow_service();
    service.terminate_workflow_execution(request.into_request()).await.unwrap();
}
