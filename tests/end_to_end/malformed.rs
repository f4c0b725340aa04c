//! Inputs that are not orders, as other programs send them: the workflow fails at once and for good, the journal records
//! why, and the stock stays as it is.

use idempotence::{
    store::{Fact, Refused},
    temporal::{Demo, End, Link, OrderInput, RetrySettings, watch},
};
use temporalio_client::NamespacedClient;
use temporalio_common::protos::temporal::api::{
    common::v1::{Payload, Payloads, WorkflowType},
    taskqueue::v1::TaskQueue,
    workflowservice::v1::StartWorkflowExecutionRequest,
};

use crate::stage::{Stage, applied, end, offline, order};

/// Starts a workflow with these arguments, as a client of any language does.
async fn start_raw(stage: &Stage, link: &Link, workflow_type: &str, arguments: &[&str]) -> (String, String) {
    let payload = |argument: &&str| {
        let metadata = [("encoding".to_owned(), b"json/plain".to_vec())].into();
        Payload { metadata, data: argument.as_bytes().to_vec(), ..Payload::default() }
    };
    let workflow = uuid::Uuid::new_v4().to_string();
    let request = StartWorkflowExecutionRequest {
        namespace: link.client().namespace(),
        workflow_id: workflow.clone(),
        workflow_type: Some(WorkflowType { name: workflow_type.to_owned() }),
        task_queue: Some(TaskQueue { name: stage.queue.clone(), ..TaskQueue::default() }),
        input: Some(Payloads { payloads: arguments.iter().map(payload).collect() }),
        request_id: uuid::Uuid::new_v4().to_string(),
        ..StartWorkflowExecutionRequest::default()
    };
    let mut service = link.client().connection().workflow_service();
    let answer = service.start_workflow_execution(tonic::Request::new(request)).await.unwrap();
    (workflow, answer.into_inner().run_id)
}

fn refusals(stage: &Stage) -> Vec<Refused> {
    let refused = stage.records().into_iter().filter_map(|record| match record.fact {
        Fact::Reject(refused) => Some(refused),
        _ => None,
    });
    refused.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_an_order_fails_at_once_and_is_recorded() {
    if offline() {
        return;
    }
    let stage = Stage::new();
    let _worker = stage.worker();
    let link = stage.link().await;
    let good = r#"{"OrderID":"A","Item":"123456","Quantity":1}"#;
    let inputs: [(&[&str], &str); 8] = [
        (&[], "0 arguments"),
        (&[good, good], "2 arguments"),
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
        let (workflow, run) = start_raw(&stage, &link, workflow_type, arguments).await;
        let ended = end(&watch(&link, &workflow, &run)).await;
        let End::Rejected { code, message } = &ended else { panic!("{part}: {ended:?}") };
        assert!(code == "InvalidOrder" && message.contains(part), "{part}: {ended:?}");
        let recorded = refusals(&stage).pop().unwrap();
        assert_eq!((&recorded.code, &recorded.message), (code, message));
        assert_eq!((recorded.workflow, recorded.run), (workflow, run));
    }
    assert_eq!(refusals(&stage).len(), 8, "each once");
    let keys: Vec<_> = refusals(&stage).into_iter().filter_map(|refused| refused.key).collect();
    assert_eq!(
        keys.iter().map(idempotence::domain::IdempotencyKey::as_str).collect::<Vec<_>>(),
        ["order:A94", "order:A98"]
    );
    let lossless = r#"{"OrderID":11235,"Item":123456,"Quantity":"1"}"#;
    let (workflow, run) = start_raw(&stage, &link, "InventoryTask", &[lossless]).await;
    assert_eq!(end(&watch(&link, &workflow, &run)).await, applied());
    assert_eq!(stage.document().last_order, "11235");
    stage.assert_right(999);
}

/// Every retry setting that is accepted is one that the server accepts.
#[tokio::test(flavor = "multi_thread")]
async fn the_extremes_of_what_is_accepted_do_not_stop_a_workflow() {
    if offline() {
        return;
    }
    let stage = Stage::new();
    let _worker = stage.worker();
    let link = stage.link().await;
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
        // Long enough for the commit.
        start_to_close_millis: 10_000,
    };
    for (id, retry) in [("long", long), ("short", short)] {
        let input = order(id, 1, "none");
        let demo = input.demo.map(|demo| Demo { retry, ..demo });
        assert_eq!(stage.place(&link, OrderInput { demo, ..input }).await, applied(), "{id}");
    }
    stage.assert_right(998);
}
