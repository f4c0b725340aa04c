//! Supplier orders of the outbox: real workers, suppliers and databases.

use std::{process::Output, time::Duration};

use idempotence::{
    domain::KeyPolicy,
    faults::Point,
    store::{Fact, Location, Phase, RelayEvent},
};

use crate::{
    mysql, mysql_server,
    sandbox::{Sandbox, applied, offline, text},
    screen,
    supplied::{Supplied, SupplierProcess, audit, judged, with},
};

/// Waits until the relay has credited the order in the outbox. Returns the number of its tries.
fn credited_by_the_relay(sandbox: &Sandbox) -> u32 {
    let credit = sandbox
        .wait_for("the relay's credit", |fact| matches!(fact, Fact::Supplier(commit) if commit.intent.is_some()));
    let Fact::Supplier(commit) = credit.fact else { panic!("{credit:?}") };
    commit.origin.attempt.number()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_outbox_ships_and_credits_once_under_each_fault() {
    if offline() {
        return;
    }
    for (fault, tries) in [
        ("none", 1),
        ("supplier.before-send=1*error", 2),
        ("supplier.after-send=2*error", 3),
        ("supplier.before-commit=1*error", 1),
        ("supplier.after-commit=1*error", 1),
        ("supplier.after-send=1*delay(50)", 1),
        ("supplier.before-send=1*hang", 1),
    ] {
        let supplied = Supplied::new(&[]);
        assert_eq!(supplied.place(KeyPolicy::Outbox, fault).await, applied(), "{fault}");
        let found = tokio::task::block_in_place(|| credited_by_the_relay(&supplied.sandbox));
        assert_eq!((found, supplied.audit()), (tries, judged("right", 1, 1)), "{fault}");
        supplied.sandbox.assert_right(1001);
        let completed = supplied.sandbox.records().into_iter().filter(
            |record| matches!(&record.fact, Fact::Attempt(event) if matches!(event.phase, Phase::Completed { .. })),
        );
        assert_eq!(completed.count(), 2, "the tries of the relay are not attempts of an activity: {fault}");
    }
}

/// The worker dies after the supplier has shipped. The next worker's relay sends the order again.
#[tokio::test(flavor = "multi_thread")]
async fn another_worker_continues_the_relay_of_one_that_died() {
    if offline() {
        return;
    }
    let supplied = Supplied::new(&[]);
    let place = supplied.place(KeyPolicy::Outbox, "supplier.after-send=1*crash");
    let next = async {
        let crashed = |fact: &Fact| {
            let Fact::Relay(RelayEvent { event, .. }) = fact else { return false };
            matches!(event.phase, Phase::Fault { point: Point::AfterSend, .. })
        };
        supplied.next_worker_after(crashed).await
    };
    let (end, _worker) = tokio::join!(place, next);
    let tries = tokio::task::block_in_place(|| credited_by_the_relay(&supplied.sandbox));
    assert_eq!((end, tries, supplied.audit()), (applied(), 2, judged("right", 1, 1)));
}

/// Two workers share the outbox. One of them hangs after the supplier has shipped, so that the other one sends again.
#[tokio::test(flavor = "multi_thread")]
async fn two_relays_that_overlap_credit_once() {
    if offline() {
        return;
    }
    let supplied = Supplied::new(&[]);
    let _other = supplied.sandbox.worker_with(&[("SUPPLIER_URL", &supplied.supplier.url)]);
    assert_eq!(supplied.place(KeyPolicy::Outbox, "supplier.after-send=1*hang").await, applied());
    let tries = tokio::task::block_in_place(|| credited_by_the_relay(&supplied.sandbox));
    assert_eq!(tries, 2);
    // The first relay wakes up and finds that its shipment is credited.
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(supplied.audit(), judged("right", 1, 1));
    supplied.sandbox.assert_right(1001);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_ends_while_the_supplier_is_down_and_is_shipped_later() {
    if offline() {
        return;
    }
    let mut supplied = Supplied::new(&[]);
    let (port, file) = (supplied.supplier.port(), supplied.sandbox.folder.path().join("supplier.jsonl"));
    supplied.supplier.kill();
    assert_eq!(supplied.place(KeyPolicy::Outbox, "none").await, applied());
    let failed = |fact: &Fact| {
        let Fact::Relay(RelayEvent { event, .. }) = fact else { return false };
        matches!(&event.phase, Phase::Failed { code, retryable: true, .. } if code == "SupplierUnreachable")
    };
    tokio::task::block_in_place(|| supplied.sandbox.wait_for("the relay's failure", failed));
    supplied.sandbox.assert_right(1);
    // The database is judged although the supplier does not answer.
    for flags in
        [&["--supplier", supplied.supplier.url.as_str()][..], &["--supplier", &supplied.supplier.url, "--json"]]
    {
        let mut audit = crate::sandbox::program(supplied.sandbox.folder.path());
        audit.arg("audit").args(flags).arg("--database").arg(&supplied.sandbox.database);
        let output = audit.output().unwrap();
        let (shown, problem) = text(&output);
        assert!(!output.status.success() && problem.contains("is not reachable"), "{output:?}");
        if flags.contains(&"--json") {
            let object: serde_json::Value = serde_json::from_str(&shown).unwrap();
            assert_eq!((&object["verdict"], &object["outbox"]["units"]), (&"right".into(), &1000.into()), "{object}");
            assert!(object["supplier"]["problem"].as_str().unwrap().contains("is not reachable"), "{object}");
        } else {
            assert!(shown.contains("stock 1 is right"), "{shown}");
            assert!(shown.contains("outbox: 1 supplier order of 1000 units"), "{shown}");
        }
    }
    let _again = SupplierProcess::start(&file, port, &[]);
    tokio::task::block_in_place(|| credited_by_the_relay(&supplied.sandbox));
    assert_eq!(supplied.audit(), judged("right", 1, 1));
    supplied.sandbox.assert_right(1001);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_takes_an_order_out_of_the_outbox() {
    if offline() {
        return;
    }
    let supplied = Supplied::new(&["--require-key"]);
    supplied.use_key_of_a12();
    assert_eq!(supplied.place(KeyPolicy::Outbox, "none").await, applied());
    let refused = |fact: &Fact| {
        let Fact::Relay(RelayEvent { event, .. }) = fact else { return false };
        matches!(event.phase, Phase::Failed { retryable: false, .. })
    };
    tokio::task::block_in_place(|| supplied.sandbox.wait_for("the refusal", refused));
    supplied.sandbox.assert_right(1);
    let audit = audit(&supplied.sandbox, &supplied.supplier.url);
    assert_eq!((audit.get("outbox"), &audit["refused"]["units"]), (None, &1000.into()), "{audit}");
}

/// A worker that stops cuts a planned pause of its relay short, and ships the order.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_stops_does_not_wait_for_a_planned_pause_of_its_relay() {
    if offline() {
        return;
    }
    let sandbox = Sandbox::new();
    let supplier = SupplierProcess::start(&sandbox.folder.path().join("supplier.jsonl"), 0, &[]);
    let mut worker = sandbox.worker_with(&[("SUPPLIER_URL", &supplier.url)]);
    let link = sandbox.link().await;
    let order = with(KeyPolicy::Outbox, "supplier.before-send=1*delay(50000)");
    assert_eq!(sandbox.place(&link, order).await, applied());
    let pauses = |fact: &Fact| {
        let Fact::Relay(RelayEvent { event, .. }) = fact else { return false };
        matches!(event.phase, Phase::Fault { point: Point::BeforeSend, .. })
    };
    tokio::task::block_in_place(|| sandbox.wait_for("the planned pause", pauses));
    screen::send(rustix::process::Signal::TERM, worker.pid());
    assert!(tokio::task::block_in_place(|| worker.wait()).success());
    assert_eq!(credited_by_the_relay(&sandbox), 1);
    sandbox.assert_right(1001);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_outbox_in_mysql_survives_its_worker() {
    let (false, Some(server)) = (offline(), mysql_server::shared()) else { return };
    let (sandbox, database, mut settings) = mysql::sandbox(server);
    let supplier = SupplierProcess::start(&sandbox.folder.path().join("supplier.jsonl"), 0, &[]);
    settings.push(("SUPPLIER_URL", supplier.url.clone()));
    let settings: Vec<_> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let location = Location::MySql(Box::new(database));
    let credited = || location.examine(&|_| {}).unwrap().unwrap().audit.credited.count;
    let mut worker = sandbox.worker_with(&settings);
    let link = sandbox.link().await;
    let place = sandbox.place(&link, with(KeyPolicy::Outbox, "supplier.after-send=1*crash"));
    let next = async {
        while !worker.has_ended() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        sandbox.worker_with(&settings)
    };
    let (end, _worker) = tokio::join!(place, next);
    assert_eq!(end, applied());
    while credited() == 0 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let mut command = crate::sandbox::program(sandbox.folder.path());
    command.args(["audit", "--database", "mysql:", "--supplier", &supplier.url]).envs(settings);
    let output: Output = command.output().unwrap();
    let shown = text(&output).0;
    assert!(output.status.success() && shown.contains("stock 1001 is right"), "{output:?}");
    assert!(shown.contains("right: 1 shipment of 1000 units, 1 credit of"), "{shown}");
}
