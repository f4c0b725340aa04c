//! Payload encryption across languages: the program reads payloads that Temporal's public Python sample encrypts, and
//! vice versa.
//!
//! These tests report that they are skipped if Python, pip or the network is missing.

use std::{
    path::Path,
    process::{Command, Output},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use prost::Message;
use serde_json::{Value, json};
use temporalio_client::{Connection, ConnectionOptions};
use temporalio_common::protos::temporal::api::{
    common::v1::WorkflowExecution, workflowservice::v1::GetWorkflowExecutionHistoryRequest,
};
use tonic::IntoRequest;
use url::Url;

use crate::{
    python_environment::{PythonWorker, python, script},
    sandbox::{Sandbox, address, text},
};

/// A key in the forms for both sides.
pub struct Key {
    id: &'static str,
    base64: String,
    /// The key's form in the program's environment.
    ring: String,
}

impl Key {
    pub fn new(id: &'static str) -> Self {
        let base64 = BASE64_STANDARD.encode(rand::random::<[u8; 32]>());
        let ring = format!("{id}:{base64}");
        Self { id, base64, ring }
    }

    /// Returns the program's settings for this key.
    pub fn settings(&self) -> [(&str, &str); 3] {
        [
            ("ENCRYPT_PAYLOAD", "true"),
            ("DATACONVERTER_ENCRYPTION_KEY_ID", self.id),
            ("IDEMPOTENCE_ENCRYPTION_KEYS", &self.ring),
        ]
    }

    /// Adds the scripts' settings for this key.
    pub fn add_to(&self, script: &mut Command) {
        script.env("ENCRYPTION_KEY_ID", self.id).env("ENCRYPTION_KEY", &self.base64);
    }

    fn script(&self, python: &Path, name: &str, sandbox: &Sandbox) -> Command {
        let mut command = script(python, name);
        self.add_to(&mut command);
        command.args(["--address", address(), "--namespace", "default", "--task-queue", &sandbox.queue]);
        command
    }
}

/// Runs the Python client and returns its output.
fn place(python: &Path, key: &Key, sandbox: &Sandbox, workflow_type: &str, order: &str, item: &str) -> Value {
    let workflow = format!("{}-{order}", sandbox.queue);
    let mut client = key.script(python, "client.py", sandbox);
    client.args(["--workflow", workflow_type, "--workflow-id", &workflow]);
    client.args(["--order", order, "--item", item, "--quantity", "7"]);
    json_of(&client.output().unwrap())
}

/// Returns the message of the innermost failure, if it is about an unknown product.
fn unknown_product(printed: &Value) -> Option<&str> {
    let last = printed["failures"].as_array()?.last()?;
    if last["type"] == "UnknownProduct" { last["message"].as_str() } else { None }
}

#[track_caller]
fn json_of(output: &Output) -> Value {
    let (line, problem) = text(output);
    serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}; {problem}"))
}

/// Words of the orders below, which must not be in a history.
const PLAIN: [&str; 5] = ["Quantity", "Outcome", "json/plain", "999999", "\"applied\""];

/// Asserts that the payloads of a workflow on the server are encrypted and do not contain any of `plain`.
pub async fn assert_encrypted(workflow: &str, plain: &[&str]) {
    let url = Url::parse(&format!("http://{}", address())).unwrap();
    let connection = Connection::connect(ConnectionOptions::new(url).build()).await.unwrap();
    let request = GetWorkflowExecutionHistoryRequest {
        namespace: "default".to_owned(),
        execution: Some(WorkflowExecution { workflow_id: workflow.to_owned(), run_id: String::new() }),
        ..Default::default()
    };
    let history = connection.workflow_service().get_workflow_execution_history(request.into_request()).await;
    let bytes = history.unwrap().into_inner().encode_to_vec();
    let has = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(has("binary/encrypted") && has("encryption-key-id"), "nothing is encrypted");
    for text in plain {
        assert!(!has(text), "{text:?} is in the history of {workflow}");
    }
}

/// If this test fails, the fault is in the scripts, not in the program.
#[tokio::test(flavor = "multi_thread")]
async fn python_reads_and_answers_an_order_encrypted_by_python() {
    let Some(python) = python() else { return };
    let (sandbox, key) = (Sandbox::new(), Key::new("shared-key"));
    let _worker = PythonWorker::start(key.script(python, "worker.py", &sandbox));
    let placed = place(python, &key, &sandbox, "InventoryWorkflow", "A12", "123456");
    let read: Value = serde_json::from_str(placed["result"].as_str().unwrap()).unwrap();
    assert_eq!(read, json!({ "OrderID": "A12", "Item": "123456", "Quantity": 7 }));
    let failures = place(python, &key, &sandbox, "InventoryWorkflow", "A13", "999999");
    assert_eq!(unknown_product(&failures), Some("no 999999 here"), "{failures}");
    for order in ["A12", "A13"] {
        assert_encrypted(&format!("{}-{order}", sandbox.queue), &PLAIN).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn our_worker_reads_and_answers_an_order_encrypted_by_python() {
    let Some(python) = python() else { return };
    let (sandbox, key) = (Sandbox::new(), Key::new("shared-key"));
    let _worker = sandbox.worker_with(&key.settings());
    assert_eq!(place(python, &key, &sandbox, "InventoryTask", "A12", "123456"), json!({ "result": "applied" }));
    let failures = place(python, &key, &sandbox, "InventoryTask", "A13", "999999");
    let said = "product 999999 is not in the inventory";
    assert!(unknown_product(&failures).is_some_and(|message| message.contains(said)), "{failures}");
    for order in ["A12", "A13"] {
        assert_encrypted(&format!("{}-{order}", sandbox.queue), &PLAIN).await;
    }
    sandbox.assert_right(993);
}

#[tokio::test(flavor = "multi_thread")]
async fn python_reads_and_answers_an_order_encrypted_by_our_starter() {
    let Some(python) = python() else { return };
    let (sandbox, key) = (Sandbox::new(), Key::new("shared-key"));
    let _worker = PythonWorker::start(key.script(python, "worker.py", &sandbox));
    let start = |order: &str, item: &str| {
        let workflow = format!("{}-{order}", sandbox.queue);
        let mut command = sandbox.command("start");
        command.args([order, item, "7", "--faults", "none", "--json", "--workflow-id", &workflow]);
        command.envs(key.settings()).output().unwrap()
    };
    let read = json_of(&start("A12", "123456"))["outcome"].as_str().map(str::to_owned).unwrap_or_default();
    let read: Value = serde_json::from_str(&read).unwrap();
    assert_eq!(read, json!({ "OrderID": "A12", "Item": "123456", "Quantity": 7 }));
    let refused = start("A13", "999999");
    assert_eq!(json_of(&refused)["outcome"], "rejected");
    let (_, problem) = text(&refused);
    assert!(problem.contains("no 999999 here"), "{problem}");
    for order in ["A12", "A13"] {
        assert_encrypted(&format!("{}-{order}", sandbox.queue), &PLAIN).await;
    }
}
