//! The supplier as a child process: its address, its end, and the next process with the same file.

use idempotence::{
    app::WorkerExit,
    runtime::{
        child::{ChildEvent, ChildProcess},
        supplier_child::{SupplierCommand, url_in},
    },
};

use crate::sandbox::PROGRAM;

/// The port in the address of a supplier that becomes ready.
async fn ready(child: &mut ChildProcess) -> u16 {
    match child.next().await.unwrap() {
        ChildEvent::Ready(line) => url_in(&line).strip_prefix("http://127.0.0.1:").unwrap().parse().unwrap(),
        ended @ ChildEvent::Ended(_) => panic!("{ended:?}"),
    }
}

#[tokio::test]
async fn a_supplier_that_was_killed_is_started_again_at_its_port() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("supplier.jsonl");
    let command = SupplierCommand { program: PROGRAM.into(), port: 0, file, key_lifetime: None, log: None };
    let mut child = command.spawn().unwrap();
    let port = ready(&mut child).await;
    assert!(child.pid() > 0);
    child.kill().unwrap();
    assert_eq!(child.next().await.unwrap(), ChildEvent::Ended(WorkerExit::Killed));
    let again = SupplierCommand { port, ..command };
    let mut child = again.spawn().unwrap();
    assert_eq!(ready(&mut child).await, port);
    // A second process says why it ends.
    let ChildEvent::Ended(WorkerExit::Reason(reason)) = again.spawn().unwrap().next().await.unwrap() else { panic!() };
    assert!(reason.contains("supplier.jsonl"), "{reason}");
    child.stop();
    assert_eq!(child.next().await.unwrap(), ChildEvent::Ended(WorkerExit::Finished));
}
