//! Inputs from other programs that are not orders: the workflow fails at once and is not retried, the journal records
//! why, and the stock does not change.

use std::{fs, sync::Arc, time::Instant};

use idempotence::{
    domain::RunEnd,
    encryption::{KeyRing, parse_keys},
    store::{Fact, Refused},
    temporal::{CallRetries, Codec, Demo, Endpoint, Link, OrderInput, RetrySettings, describe, watch},
};
use temporalio_client::NamespacedClient;
use temporalio_common::{
    data_converters::{PayloadCodec, SerializationContextData},
    protos::temporal::api::{
        common::v1::{Payload, Payloads, WorkflowType},
        taskqueue::v1::TaskQueue,
        workflowservice::v1::StartWorkflowExecutionRequest,
    },
};

use crate::sandbox::{EVENT_TIMEOUT, Sandbox, address, applied, end, offline, order};

const GOOD: &str = r#"{"OrderID":"A","Item":"123456","Quantity":1}"#;

/// Starts a workflow with these arguments, as a client in any language can.
async fn start_raw(sandbox: &Sandbox, link: &Link, workflow_type: &str, arguments: &[&str]) -> (String, String) {
    let payloads = arguments.iter().map(|argument| payload("json/plain", argument.as_bytes())).collect();
    start_with(sandbox, link, workflow_type, payloads).await
}

fn payload(encoding: &str, data: &[u8]) -> Payload {
    let metadata = [("encoding".to_owned(), encoding.as_bytes().to_vec())].into();
    Payload { metadata, data: data.to_vec(), ..Payload::default() }
}

async fn start_with(sandbox: &Sandbox, link: &Link, workflow_type: &str, payloads: Vec<Payload>) -> (String, String) {
    let workflow = uuid::Uuid::new_v4().to_string();
    let request = StartWorkflowExecutionRequest {
        namespace: link.client().namespace(),
        workflow_id: workflow.clone(),
        workflow_type: Some(WorkflowType { name: workflow_type.to_owned() }),
        task_queue: Some(TaskQueue { name: sandbox.queue.clone(), ..TaskQueue::default() }),
        input: Some(Payloads { payloads }),
        request_id: uuid::Uuid::new_v4().to_string(),
        ..StartWorkflowExecutionRequest::default()
    };
    let mut service = link.client().connection().workflow_service();
    let answer = service.start_workflow_execution(tonic::Request::new(request)).await.unwrap();
    (workflow, answer.into_inner().run_id)
}

fn refusals(sandbox: &Sandbox) -> Vec<Refused> {
    let refused = sandbox.records().into_iter().filter_map(|record| match record.fact {
        Fact::Reject(refused) => Some(refused),
        _ => None,
    });
    refused.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_input_fails_at_once_and_is_recorded() {
    if offline() {
        return;
    }
    let sandbox = Sandbox::new();
    let _worker = sandbox.worker();
    let link = sandbox.link().await;
    let inputs: [(&[&str], &str); 8] = [
        (&[], "0 arguments"),
        (&[GOOD, GOOD], "2 arguments"),
        (&["null"], "found null"),
        (&[r#"["A","123456",1]"#], "an array"),
        (&[r#""A95""#], "the text 'A95'"),
        (&[r#"{"OrderID":"A94","Item":"123456","Quantity":null}"#], "Quantity: expected a whole number"),
        (&[r#"{"orderId":"A97","item":"123456","quantity":1}"#], "orderId: the field is called 'OrderID'"),
        (
            &[r#"{"OrderID":"A98","Item":"123456","Quantity":1,"Demo":{"Retry":{"BackoffCoefficient":0.5}}}"#],
            "Demo.Retry.BackoffCoefficient: expected",
        ),
    ];
    for (number, (arguments, part)) in inputs.into_iter().enumerate() {
        let workflow_type = ["InventoryTask", "InventoryWorkflow"][number % 2];
        let (workflow, run) = start_raw(&sandbox, &link, workflow_type, arguments).await;
        let ended = end(&watch(&link, &workflow, &run)).await;
        let RunEnd::Rejected { code, message } = &ended else { panic!("{part}: {ended:?}") };
        assert!(code == "InvalidOrder" && message.contains(part), "{part}: {ended:?}");
        let recorded = refusals(&sandbox).pop().unwrap();
        assert_eq!((&recorded.code, &recorded.message), (code, message));
        assert_eq!((recorded.workflow, recorded.run), (workflow, run));
    }
    assert_eq!(refusals(&sandbox).len(), 8, "each once");
    let keys: Vec<_> = refusals(&sandbox).into_iter().filter_map(|refused| refused.key).collect();
    assert_eq!(
        keys.iter().map(idempotence::domain::IdempotencyKey::as_str).collect::<Vec<_>>(),
        ["order:A94", "order:A98"]
    );
    let lossless = r#"{"OrderID":11235,"Item":123456,"Quantity":"1"}"#;
    let (workflow, run) = start_raw(&sandbox, &link, "InventoryTask", &[lossless]).await;
    assert_eq!(end(&watch(&link, &workflow, &run)).await, applied());
    assert_eq!(sandbox.document().last_order, "11235");
    sandbox.assert_right(999);
}

/// The server accepts every retry setting that the program accepts.
#[tokio::test(flavor = "multi_thread")]
async fn the_limits_of_accepted_settings_do_not_stop_a_workflow() {
    if offline() {
        return;
    }
    let sandbox = Sandbox::new();
    let _worker = sandbox.worker();
    let link = sandbox.link().await;
    let year = 365 * 24 * 3_600 * 1_000;
    let long = RetrySettings {
        initial_interval_millis: year,
        backoff_coefficient: f64::MAX,
        maximum_interval_millis: year,
        maximum_attempts: i32::MAX.unsigned_abs(),
        start_to_close_millis: year,
    };
    let short = RetrySettings {
        initial_interval_millis: 1,
        backoff_coefficient: 1.0,
        maximum_interval_millis: 1,
        maximum_attempts: 1,
        // This leaves enough time for the commit.
        start_to_close_millis: 10_000,
    };
    for (id, retry) in [("long", long), ("short", short)] {
        let input = order(id, 1, "none");
        let demo = input.demo.map(|demo| Demo { retry, ..demo });
        assert_eq!(sandbox.place(&link, OrderInput { demo, ..input }).await, applied(), "{id}");
    }
    sandbox.assert_right(998);
}

/// Returns a key in the form of the environment variable: `id:BASE64`.
fn key(id: &str, byte: char) -> String {
    format!("{id}:{}=", byte.to_string().repeat(43))
}

fn codec(key: &str) -> Codec {
    let active = key.split(':').next().unwrap();
    Codec::new(Arc::new(KeyRing::new(active, parse_keys(key).unwrap()).unwrap()), false)
}

async fn sealed(codec: &Codec, payloads: Vec<Payload>) -> Vec<Payload> {
    codec.encode(&SerializationContextData::None, payloads).await.unwrap()
}

/// Returns the settings of a worker that encrypts with this key.
fn encrypting(key: &str) -> [(&'static str, &str); 3] {
    let id = key.split(':').next().unwrap();
    [("ENCRYPT_PAYLOAD", "true"), ("DATACONVERTER_ENCRYPTION_KEY_ID", id), ("IDEMPOTENCE_ENCRYPTION_KEYS", key)]
}

#[tokio::test(flavor = "multi_thread")]
async fn an_encrypting_worker_refuses_malformed_input_encrypted_or_not() {
    if offline() {
        return;
    }
    let sandbox = Sandbox::new();
    let key = key("sandbox", 'A');
    let _worker = sandbox.worker_with(&encrypting(&key));
    let codec = codec(&key);
    let endpoint = Endpoint { codec: Some(codec.clone()), ..Endpoint::plain(address(), "default", "test") };
    let link = Link::connect(&endpoint, CallRetries::Sdk).await.unwrap();
    let nested =
        format!(r#"{{"OrderID":"A","Item":"1","Quantity":1,"x":{}1{}}}"#, "[".repeat(9_999), "]".repeat(9_999));
    let demo = |demo: &str| format!(r#"{{"OrderID":"A","Item":"1","Quantity":1,"Demo":{demo}}}"#);
    let (bad_plan, bad_retry) = (demo(r#"{"Faults":"nowhere"}"#), demo(r#"{"Retry":{"MaximumAttempts":-1}}"#));
    let inputs: [(&[&str], &str); 8] = [
        (&[], "0 arguments"),
        (&[GOOD, GOOD], "2 arguments"),
        (&["null"], "found null"),
        (&[r#"["x","123456",1]"#], "an array"),
        (&[r#"{"OrderID":"A","Item":"1","Quantity":[1]}"#], "Quantity: expected a whole number"),
        (&[&nested], "recursion"),
        (&[&bad_plan], "Demo.Faults: "),
        (&[&bad_retry], "Demo.Retry.MaximumAttempts: expected a whole number"),
    ];
    for (arguments, part) in inputs {
        for encrypted in [true, false] {
            let plain: Vec<_> = arguments.iter().map(|text| payload("json/plain", text.as_bytes())).collect();
            let payloads = if encrypted { sealed(&codec, plain).await } else { plain };
            let (workflow, run) = start_with(&sandbox, &link, "InventoryWorkflow", payloads).await;
            let ended = end(&watch(&link, &workflow, &run)).await;
            let refused = |code: &str, message: &str| code == "InvalidOrder" && message.contains(part);
            assert!(
                matches!(&ended, RunEnd::Rejected { code, message } if refused(code, message)),
                "{part}: {ended:?}"
            );
        }
    }
    assert_eq!(refusals(&sandbox).len(), 2 * inputs.len(), "each once");
    sandbox.assert_right(1000);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_a_worker_cannot_decrypt_stays_open_and_log_and_server_say_why() {
    if offline() {
        return;
    }
    let sandbox = Sandbox::new();
    let (ours, theirs) = (key("sandbox", 'A'), key("other", 'E'));
    let log = sandbox.folder.path().join("worker.log");
    let mut worker = sandbox.worker_logging(&encrypting(&ours), &log);
    let link = sandbox.link().await;
    let good = || vec![payload("json/plain", GOOD.as_bytes())];
    let unknown = sealed(&codec(&theirs), good()).await;
    let our_key = codec(&ours);
    let mut short = sealed(&our_key, good()).await;
    short[0].data = b"not encrypted at all".to_vec();
    let mut damaged = sealed(&our_key, good()).await;
    damaged[0].data[20] ^= 1;
    let nameless = vec![payload("binary/encrypted", b"without the id of a key")];
    let mut first = None;
    for (payloads, part) in [
        (unknown, "the key \"other\", which is missing here"),
        (short, "it is damaged, or was never encrypted"),
        (damaged, "the key 'sandbox' does not decrypt it"),
        (nameless, "has no key id"),
    ] {
        let (workflow, run) = start_with(&sandbox, &link, "InventoryWorkflow", payloads).await;
        let since = Instant::now();
        let failing = loop {
            if let Some(failing) = describe(&link, &workflow, &run).await.unwrap().failing {
                break failing.explain();
            }
            assert!(since.elapsed() < EVENT_TIMEOUT, "{part}: it does not fail");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        };
        assert!(failing.contains(part), "{part}: {failing}");
        let logged = fs::read_to_string(&log).unwrap();
        assert!(logged.lines().any(|line| line.contains("WARN") && line.contains(part)), "{part}: {logged}");
        first.get_or_insert((workflow, run));
    }
    assert!(refusals(&sandbox).is_empty(), "another worker may be able to read them");
    worker.kill();
    let _able = sandbox.worker_with(&encrypting(&theirs));
    let (workflow, run) = first.unwrap();
    sandbox.wait_for("the order of the other key", |fact| matches!(fact, Fact::Order(_)));
    let endpoint = Endpoint { codec: Some(codec(&theirs)), ..Endpoint::plain(address(), "default", "test") };
    let link = Link::connect(&endpoint, CallRetries::Sdk).await.unwrap();
    assert_eq!(end(&watch(&link, &workflow, &run)).await, applied());
}
