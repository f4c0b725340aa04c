//! Ends and restarts of the embedded server, requested or not, and servers that the dashboard did not start.

use std::{
    io::{BufRead, BufReader},
    process::{self, Stdio},
};

use idempotence::{
    app::{Command, Message, Server, StartOrder, Tone},
    domain::{Guard, OrderOutcome, RetryWaits, RunEnd, WorkflowId},
    faults::FaultPlan,
    server::{SERVER_VERSION, VERSION},
    store::{Fact, Phase},
};
use rustix::process::{Pid, Signal, kill_process};

use crate::{
    headless::Headless,
    sandbox::{Sandbox, address, free_port, offline, program, skipped, temporal_cli, text},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_server_is_not_killed() {
    if offline() {
        return;
    }
    let sandbox = Sandbox::new();
    let mut headless = Headless::new(&sandbox, address(), false);
    headless.is_up().await;
    headless.execute(Command::KillServer);
    assert_eq!(headless.notice("did not start it").await.1, Tone::Bad);
    assert!(sandbox.link().await.check().await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_stays_down_until_started_and_the_order_continues() {
    if offline() {
        return;
    }
    let sandbox = Sandbox::new();
    let address = format!("127.0.0.1:{}", free_port());
    let mut headless = Headless::new(&sandbox, &address, true);
    headless.is_up().await;
    let faults: FaultPlan = "update.before-commit=1*error".parse().unwrap();
    let workflow = String::from(WorkflowId::of_order("A"));
    let ticket = 1;
    let (order, product) = ("A".parse().unwrap(), "123456".parse().unwrap());
    let start = StartOrder {
        ticket,
        order,
        product,
        quantity: 10,
        workflow,
        fresh_workflow: true,
        faults,
        seed: 7,
        guard: Guard::Ledger,
        supply: None,
        retry: RetryWaits::default(),
        limit: None,
    };
    headless.execute(Command::StartOrder(start));
    sandbox.wait_for(
        "the first attempt fails",
        |fact| matches!(fact, Fact::Attempt(event) if matches!(event.phase, Phase::Failed { .. })),
    );
    headless.execute(Command::KillServer);
    headless.receives("the kill", |message| *message == Message::Server(Server::Killed)).await;
    assert!(headless.down().await.contains("server was killed"));
    assert!(std::net::TcpStream::connect(&address).is_err(), "it is really dead");
    headless.execute(Command::KillServer);
    headless.notice("already down").await;
    headless.execute(Command::StartServer);
    headless.is_up().await;
    assert_eq!(headless.end().await, RunEnd::completed(OrderOutcome::Applied));
    sandbox.assert_right(990);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_crashes_is_restarted_with_a_notice() {
    if offline() {
        return;
    }
    let sandbox = Sandbox::new();
    let port = free_port();
    let mut headless = Headless::new(&sandbox, &format!("127.0.0.1:{port}"), false);
    headless.is_up().await;
    kill_process(server_on(port), Signal::KILL).unwrap();
    headless.receives("its end", |message| matches!(message, Message::Server(Server::Ended { .. }))).await;
    let (text, tone) = headless.notice("restarted; no orders were lost").await;
    assert!(text.contains("killed by signal 9") && tone == Tone::Bad, "{text}");
}

/// Returns the process id of the server on a port. Its supervisor has the same flags after its own command.
pub fn server_on(port: u16) -> Pid {
    let listing = process::Command::new("ps").args(["-axo", "pid=,args="]).output().unwrap();
    let listing = String::from_utf8_lossy(&listing.stdout).into_owned();
    let is_server = |line: &&str| line.contains(&format!(" --port {port} ")) && !line.contains(" supervise ");
    let line = listing.lines().find(is_server).unwrap();
    Pid::from_raw(line.split_whitespace().next().unwrap().parse().unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_server_is_reported_with_its_address_and_cause() {
    if offline() {
        return;
    }
    let sandbox = Sandbox::new();
    let port = free_port();
    let address = format!("127.0.0.1:{port}");
    let mut server = program(sandbox.folder.path())
        .args(["server", "--address", &address])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("Temporal at "), "{line}");
    let mut headless = Headless::new(&sandbox, &address, false);
    headless.receives("it is not ours", |message| *message == Message::Server(Server::Foreign)).await;
    kill_process(server_on(port), Signal::KILL).unwrap();
    server.wait().unwrap();
    let cause = headless.down().await;
    assert!(cause.contains(&address) && cause.contains("stopped responding") && cause.contains("refused"), "{cause}");
}

/// `--version` prints the server's version from a constant, because the command must not start another program.
#[test]
fn the_pinned_cli_contains_the_server_version_that_version_prints() {
    if offline() {
        return;
    }
    let output = process::Command::new(temporal_cli()).arg("--version").output().unwrap();
    let says = String::from_utf8(output.stdout).unwrap();
    if says.contains(&format!("version {VERSION} ")) {
        assert!(says.contains(&format!("(Server {SERVER_VERSION},")), "{says}");
    } else {
        skipped(&format!("the program here is not the pinned one: {says}"));
    }
}

#[test]
fn a_damaged_server_database_is_reported_with_a_remedy() {
    if offline() {
        return;
    }
    for damage in ["", "not a database"] {
        let state = tempfile::tempdir().unwrap();
        let port = free_port();
        let folder = state.path().join("idempotence");
        std::fs::create_dir(&folder).unwrap();
        let database = folder.join(format!("temporal-{port}.db"));
        std::fs::write(&database, damage.repeat(1000)).unwrap();
        let address = format!("127.0.0.1:{port}");
        let output = program(state.path()).args(["server", "--address", &address]).output().unwrap();
        let (_, problem) = text(&output);
        assert_eq!(output.status.code(), Some(1), "{problem}");
        let names = format!("cannot use its database {}", database.display());
        assert!(problem.contains(&names) && problem.contains("Move it away"), "{problem}");
    }
}
