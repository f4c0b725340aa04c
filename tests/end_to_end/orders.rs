//! Orders on the real server: the original scenario, and defects that only a server shows.

use std::{
    process::Command,
    time::{Duration, Instant},
};

use idempotence::{
    domain::{Activity, Attempt, RunEnd},
    faults::{Draw, Point, Preset, Seed},
    server,
    store::{Fact, Phase},
    temporal::{Link, OrderInput, WorkerSetup, run_worker},
};
use temporalio_common::protos::temporal::api::workflowservice::v1::ListWorkersRequest;
use tonic::IntoRequest;

use crate::sandbox::{Sandbox, address, applied, end, offline, order, replayed};

#[tokio::test(flavor = "multi_thread")]
async fn the_seed_scenario_ends_at_1001() {
    if offline() {
        return;
    }
    let sandbox = Sandbox::new();
    let _worker = sandbox.worker();
    assert_eq!(sandbox.place(&sandbox.link().await, order("A12", 999, "seed")).await, applied());
    sandbox.assert_right(1001);
    assert_eq!(sandbox.document().last_order, "A12");
}

#[tokio::test(flavor = "multi_thread")]
async fn d1_under_the_seed_faults() {
    if offline() {
        return;
    }
    let sandbox = Sandbox::new();
    let _worker = sandbox.worker();
    let link = sandbox.link().await;
    assert_eq!(sandbox.place(&link, order("A", 10, "seed")).await, applied());
    assert_eq!(sandbox.place(&link, order("B", 10, "seed")).await, applied());
    assert_eq!(sandbox.place(&link, order("A", 10, "seed")).await, replayed());
    sandbox.assert_right(980);
}

#[tokio::test(flavor = "multi_thread")]
async fn d2_another_order_runs_between_an_attempt_and_its_retry() {
    if offline() {
        return;
    }
    let sandbox = Sandbox::new();
    let _worker = sandbox.worker();
    let link = sandbox.link().await;
    let input = with_seed(order("A", 10, "seed"), first_attempt_fails_after_its_commit("A"));
    let (_, first) = sandbox.start(&link, "A", input).await;
    sandbox.wait_for(
        "A's first attempt commits",
        |fact| matches!(fact, Fact::Order(commit) if commit.origin.order.as_str() == "A"),
    );
    assert_eq!(sandbox.place(&link, order("B", 10, "seed")).await, applied());
    assert_eq!(end(&first).await, applied(), "its own retry is not another order");
    sandbox.assert_right(980);
    assert!(retries(&sandbox, Activity::UpdateInventory, "A") >= 1);
}

fn with_seed(mut input: OrderInput, seed: Seed) -> OrderInput {
    if let Some(demo) = &mut input.demo {
        demo.seed = seed;
    }
    input
}

/// Returns a seed with which the original plan produces the failure of D2: the first attempt fails after its commit.
fn first_attempt_fails_after_its_commit(order: &str) -> Seed {
    let plan = Preset::Seed.plan();
    let strikes = |seed, point| {
        let activity = Activity::UpdateInventory;
        plan.strike(&Draw { seed, order, activity, attempt: Attempt::FIRST, point }).is_some()
    };
    let fits = |seed: &Seed| !strikes(*seed, Point::BeforeCommit) && strikes(*seed, Point::AfterCommit);
    (0..1_000).find(fits).unwrap()
}

/// Returns the number of retries of one activity of an order.
fn retries(sandbox: &Sandbox, activity: Activity, order: &str) -> u32 {
    let attempts = sandbox.records().into_iter().filter_map(|record| match record.fact {
        Fact::Attempt(event) if event.origin.activity == activity && event.origin.order.as_str() == order => {
            Some(event.origin.attempt.retries())
        }
        _ => None,
    });
    attempts.max().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn d12_an_attempt_that_hangs_past_its_timeout_wakes_up_and_changes_nothing() {
    if offline() {
        return;
    }
    let sandbox = Sandbox::new();
    let _worker = sandbox.worker();
    let link = sandbox.link().await;
    assert_eq!(sandbox.place(&link, order("A", 10, "update.before-commit=1*hang")).await, applied());
    sandbox.wait_for("the zombie wakes up", |fact| {
        matches!(fact, Fact::Attempt(event)
            if event.origin.attempt.number() == 1 && matches!(event.phase, Phase::Completed { .. })
                && event.origin.activity == Activity::UpdateInventory)
    });
    sandbox.assert_right(990);
}

#[tokio::test(flavor = "multi_thread")]
async fn d14_the_same_order_started_twice_at_once_is_applied_once() {
    if offline() {
        return;
    }
    let sandbox = Sandbox::new();
    let _workers = [sandbox.worker(), sandbox.worker()];
    let link = sandbox.link().await;
    let started = tokio::join!(
        sandbox.start(&link, "one", order("A", 10, "seed")),
        sandbox.start(&link, "other", order("A", 10, "seed"))
    );
    let ends = [end(&started.0.1).await, end(&started.1.1).await];
    assert!(ends.contains(&applied()) && ends.contains(&replayed()), "{ends:?}");
    sandbox.assert_right(990);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_start_under_the_same_workflow_id_joins_the_first() {
    if offline() {
        return;
    }
    let sandbox = Sandbox::new();
    let link = sandbox.link().await;
    // There is no worker yet, so the first run is still open.
    let (first, watch) = sandbox.start(&link, "A", order("A", 10, "none")).await;
    let (second, _) = sandbox.start(&link, "A", order("A", 10, "none")).await;
    assert!(!first.joined && second.joined);
    assert_eq!(first.run, second.run);
    let _worker = sandbox.worker();
    assert_eq!(end(&watch).await, applied());
    sandbox.assert_right(990);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_of_fifty_under_faults_is_right() {
    if offline() {
        return;
    }
    let sandbox = Sandbox::new();
    let _workers = [sandbox.worker(), sandbox.worker()];
    let link = sandbox.link().await;
    let orders: Vec<_> = (0..50).map(|index| order(&format!("B{index}"), 1, "seed")).collect();
    let ends = futures::future::join_all(orders.into_iter().map(|order| sandbox.place(&link, order))).await;
    assert!(ends.iter().all(|end| *end == applied()), "{ends:?}");
    sandbox.assert_right(950);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forbidden_order_is_refused_with_a_message_and_not_retried() {
    if offline() {
        return;
    }
    let sandbox = Sandbox::new();
    let _worker = sandbox.worker();
    let link = sandbox.link().await;
    for (id, item, quantity, code) in [
        ("E", "999999", 1, "UnknownProduct"),
        ("", "123456", 1, "InvalidOrder"),
        ("E\u{202e}", "123456", 1, "InvalidOrder"),
        ("E", "", 1, "InvalidOrder"),
        ("E", "123456", -5, "InvalidQuantity"),
        ("E", "123456", 1001, "InsufficientStock"),
    ] {
        let input = OrderInput { item: item.to_owned(), ..order(id, quantity, "none") };
        let (_, watch) = sandbox.start(&link, &uuid::Uuid::new_v4().to_string(), input).await;
        let ended = end(&watch).await;
        assert!(matches!(&ended, RunEnd::Rejected { code: found, .. } if found == code), "{code}: {ended:?}");
    }
    assert_eq!(sandbox.place(&link, order("A", 10, "none")).await, applied());
    let (_, watch) = sandbox.start(&link, "A-again", order("A", 20, "none")).await;
    assert!(matches!(end(&watch).await, RunEnd::Conflict { .. }));
    sandbox.assert_right(990);
    let refused = sandbox.records().into_iter().filter(|record| matches!(record.fact, Fact::Reject(_))).count();
    assert_eq!(refused, 7, "each refusal is recorded, and none is retried");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_plain_temporal_cli_starts_an_inventory_task_with_the_originals_json() {
    if offline() {
        return;
    }
    let sandbox = Sandbox::new();
    let _worker = sandbox.worker();
    // The server is running, so the CLI is on the PATH or in the cache.
    let current = std::env::current_dir().unwrap();
    let flags = idempotence::config::Flags::default();
    let settings = idempotence::config::Settings::load(&flags, std::env::vars_os(), ".env".as_ref(), &current).unwrap();
    let search = server::Search { setting: settings.temporal_cli, cache_dir: settings.cache_dir };
    let temporal = server::locate(&search).unwrap().expect("the server's program");
    let execute = |workflow_type: &str, input: &str| {
        let output = Command::new(&temporal)
            .args(["workflow", "execute", "--address", address(), "--task-queue", &sandbox.queue])
            .args(["--type", workflow_type, "--workflow-id", &uuid::Uuid::new_v4().to_string(), "--input", input])
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
    };
    execute("InventoryTask", r#"{"OrderID":"A12","Item":"123456","Quantity":999}"#);
    sandbox.assert_right(1001);
    execute("InventoryWorkflow", r#"{"OrderID":"A13","Item":"123456","Quantity":1,"PaymentInfo":"VISA-12345"}"#);
    sandbox.assert_right(1000);
    for file in std::fs::read_dir(sandbox.folder.path()).unwrap() {
        let path = file.unwrap().path();
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            assert!(!String::from_utf8_lossy(&bytes).contains("VISA"), "{} keeps the payment", path.display());
        }
    }
}

/// Returns the number of SDK workers that send heartbeats for a task queue.
async fn sdk_workers(link: &Link, task_queue: &str) -> usize {
    let request = ListWorkersRequest { namespace: "default".to_owned(), page_size: 1_000, ..Default::default() };
    let answer = link.client().connection().workflow_service().list_workers(request.into_request()).await.unwrap();
    #[expect(deprecated, reason = "the list that replaces it names no task queue")]
    let workers = answer.into_inner().workers_info;
    workers
        .iter()
        .filter_map(|worker| worker.worker_heartbeat.as_ref())
        .filter(|sent| sent.task_queue == task_queue)
        .count()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_sdk_worker_at_its_attempt_limit_is_replaced_and_no_order_waits() {
    if offline() {
        return;
    }
    let sandbox = Sandbox::new();
    let link = sandbox.link().await;
    let setup = WorkerSetup { attempts_per_sdk_worker: 3, ..sandbox.worker_setup(&link) };
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let worker = run_worker(setup, || (), async {
        let _stopped = stopped.await;
    });
    let orders = async {
        for workers in 1..=3 {
            while sdk_workers(&link, &sandbox.queue).await < workers {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            for number in 0..2 {
                let since = Instant::now();
                let order = order(&format!("A{workers}{number}"), 10, "none");
                assert_eq!(sandbox.place(&link, order).await, applied());
                assert!(since.elapsed() < Duration::from_secs(5), "no workflow task was lost");
            }
        }
        stop.send(()).unwrap();
    };
    let (ended, ()) = tokio::join!(worker, orders);
    ended.unwrap();
    sandbox.assert_right(940);
}
