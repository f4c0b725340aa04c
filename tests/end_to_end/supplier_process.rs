//! The supplier as a child process: its address, its end, and the next process with the same file.

use std::path::Path;

use idempotence::{
    app::ProcessExit,
    domain::{Activity, IdempotencyKey, RunEnd, Supply},
    runtime::{
        child::{ChildEvent, ChildProcess},
        supplier_child::{SupplierCommand, url_in},
    },
    store::{Fact, Phase},
    supplier::{
        SupplierClient, SupplierUrl,
        api::{OrderRequest, Quantity},
    },
};

use crate::sandbox::{EVENT_TIMEOUT, PROGRAM, Sandbox, applied, offline, order};

async fn ready(child: &mut ChildProcess) -> SupplierUrl {
    match child.next().await.unwrap() {
        ChildEvent::Ready(line) => url_in(&line).parse().unwrap(),
        ended @ ChildEvent::Ended(_) => panic!("{ended:?}"),
    }
}

#[tokio::test]
async fn a_supplier_that_was_killed_is_started_again_at_its_port() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("supplier.jsonl");
    let command = SupplierCommand { program: PROGRAM.into(), port: 0, file, key_lifetime: None, log: None };
    let mut child = command.spawn().unwrap();
    let url = ready(&mut child).await;
    assert!(child.pid() > 0);
    child.kill().unwrap();
    assert_eq!(child.next().await.unwrap(), ChildEvent::Ended(ProcessExit::Killed));
    let again = SupplierCommand { port: url.own_port().unwrap(), ..command };
    let mut child = again.spawn().unwrap();
    assert_eq!(ready(&mut child).await, url);
    // A second process says why it ends.
    let ChildEvent::Ended(ProcessExit::Reason(reason)) = again.spawn().unwrap().next().await.unwrap() else { panic!() };
    assert!(reason.contains("supplier.jsonl"), "{reason}");
    child.stop();
    assert_eq!(child.next().await.unwrap(), ChildEvent::Ended(ProcessExit::Finished));
}

/// A worker's supplier with one shipment of 500 units, whose key is that of order A12.
async fn prepared(folder: &Path) -> (ChildProcess, SupplierClient) {
    let file = folder.join("supplier.jsonl");
    let command = SupplierCommand { program: PROGRAM.into(), port: 0, file, key_lifetime: None, log: None };
    let mut child = command.spawn().unwrap();
    let client = SupplierClient::new(ready(&mut child).await).unwrap();
    let order = OrderRequest {
        product: "123456".parse().unwrap(),
        quantity: Quantity::new(500).unwrap(),
        reference: "A12".parse().unwrap(),
    };
    let key = IdempotencyKey::supplier(&order.reference);
    assert!(!client.send(&order, Some(&key), EVENT_TIMEOUT).await.unwrap().replayed);
    (child, client)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_another_order_fails_the_order_without_a_retry() {
    if offline() {
        return;
    }
    let sandbox = Sandbox::new();
    let (_supplier, client) = prepared(sandbox.folder.path()).await;
    let url = client.url().to_string();
    let _worker = sandbox.worker_with(&[("SUPPLIER_URL", &url)]);
    let end = sandbox.place(&sandbox.link().await, order("A12", 999, "none")).await;
    let RunEnd::Failed { message } = end else { panic!("{end:?}") };
    assert!(message.contains("knows this key with another order"), "{message}");
    let attempts = sandbox.records().into_iter().filter(|record| {
        matches!(&record.fact, Fact::Attempt(event)
            if event.origin.activity == Activity::SupplierOrder && event.phase == Phase::Started)
    });
    assert_eq!(attempts.count(), 1);
    assert_eq!(sandbox.document().stock, 1, "nothing is credited");
    assert_eq!(client.shipments(0, EVENT_TIMEOUT).await.unwrap().shipped, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_can_do_without_the_workers_supplier() {
    if offline() {
        return;
    }
    let sandbox = Sandbox::new();
    let (_supplier, client) = prepared(sandbox.folder.path()).await;
    let url = client.url().to_string();
    let _worker = sandbox.worker_with(&[("SUPPLIER_URL", &url)]);
    let mut input = order("A12", 999, "none");
    if let Some(demo) = &mut input.demo {
        demo.supplier = Some(Supply::Immediate);
    }
    assert_eq!(sandbox.place(&sandbox.link().await, input).await, applied());
    sandbox.assert_right(1001);
    assert_eq!(client.shipments(0, EVENT_TIMEOUT).await.unwrap().requests, 1, "only the prepared one");
}
