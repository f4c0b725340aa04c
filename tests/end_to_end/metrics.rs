//! A worker's metrics as Prometheus receives them: the SDK's and this program's, on one page.

use idempotence::domain::{RunEnd, WorkflowId};
use std::net::SocketAddr;

use idempotence::temporal::{Exporter, Link, METRICS_PATH, WorkerSetup, run_worker};
use temporalio_client::{Connection, ConnectionOptions};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use url::Url;

use crate::sandbox::{EVENT_TIMEOUT, Sandbox, address, applied, offline, order, replayed};

async fn page(address: SocketAddr) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {METRICS_PATH} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).await.unwrap();
    page
}

/// Places the orders of a test and returns the metrics page.
async fn orders(sandbox: &Sandbox, link: &Link, address: SocketAddr) -> String {
    assert_eq!(sandbox.place(link, order("A", 10, "after-commit-once")).await, applied());
    assert_eq!(sandbox.place(link, order("A", 10, "none")).await, replayed());
    let rejected = sandbox.place(link, order("B", -1, "none")).await;
    assert!(matches!(rejected, RunEnd::Rejected { .. }), "{rejected:?}");
    page(address).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_metrics_page_has_the_sdks_metrics_and_ours() {
    if offline() {
        return;
    }
    let sandbox = Sandbox::new();
    let link = sandbox.link().await;
    let exporter = Exporter::start("127.0.0.1:0".parse().unwrap()).unwrap();
    let at = exporter.address();
    let url = Url::parse(&format!("http://{}", address())).unwrap();
    let metered = ConnectionOptions::new(url).maybe_metrics_meter(exporter.client_meter()).build();
    Connection::connect(metered).await.unwrap();
    let setup = WorkerSetup { metrics: Some(exporter), ..sandbox.worker_setup(&link) };
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let worker = run_worker(setup, || (), async {
        let _stopped = stopped.await;
    });
    let asked = async {
        let page = orders(&sandbox, &link, at).await;
        stop.send(()).unwrap();
        page
    };
    let (ended, page) = tokio::join!(worker, asked);
    ended.unwrap();
    for line in [
        r#"idempotence_orders_total{outcome="applied"} 1"#,
        r#"idempotence_orders_total{outcome="replayed"} 1"#,
        r#"idempotence_orders_total{outcome="rejected"} 1"#,
        r#"idempotence_attempts_total{activity_type="UpdateInventoryActivity",result="completed"} 2"#,
        r#"idempotence_attempts_total{activity_type="UpdateInventoryActivity",result="failed"} 2"#,
        r#"idempotence_retries_total{activity_type="UpdateInventoryActivity"} 1"#,
        r#"idempotence_replays_total{activity_type="UpdateInventoryActivity"} 2"#,
        r#"idempotence_replays_total{activity_type="SupplierOrderActivity"} 1"#,
        r#"idempotence_faults_injected_total{point="after-commit"} 1"#,
        "idempotence_commit_latency_seconds_count 6",
        r#"temporal_request_total{operation="GetSystemInfo",service_name="temporal-core-sdk"} 1"#,
    ] {
        assert!(page.lines().any(|found| found == line), "{line:?} is missing in:\n{page}");
    }
    assert!(page.contains("temporal_workflow_completed_total{"), "{page}");
    let id = String::from(WorkflowId::of_order("A"));
    for secret in [id.as_str(), "RANDOM ERROR", "expected a whole"] {
        assert!(!page.contains(secret), "{secret:?} is in:\n{page}");
    }
    let closed = async {
        while TcpStream::connect(at).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(EVENT_TIMEOUT, closed).await.expect("the endpoint ends with the worker");
}

/// Returns the metrics page of a worker process.
pub fn get(address: &str) -> String {
    let address = address.parse().unwrap();
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(page(address))
}
