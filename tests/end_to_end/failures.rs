//! Processes that crash, and servers that become unreachable.

use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    os::unix::process::ExitStatusExt,
    process::Stdio,
    time::{Duration, Instant},
};

use idempotence::store::Fact;

use crate::sandbox::{EVENT_TIMEOUT, Sandbox, applied, end, free_port, is_fault, offline, order, program, text};

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_killed_in_the_middle_of_an_order_loses_and_repeats_nothing() {
    if offline() {
        return;
    }
    for (point, committed) in [("before-commit", false), ("after-commit", true)] {
        let sandbox = Sandbox::new();
        let link = sandbox.link().await;
        let mut worker = sandbox.worker();
        let (_, watch) = sandbox.start(&link, "A", order("A", 10, &format!("update.{point}=1*delay(60000)"))).await;
        sandbox.wait_for("the first attempt pauses", is_fault);
        worker.kill();
        let done = sandbox.records().iter().any(|record| matches!(record.fact, Fact::Order(_)));
        assert_eq!(done, committed, "{point}");
        let _next = sandbox.worker();
        assert_eq!(end(&watch).await, applied());
        sandbox.assert_right(990);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_planned_crash_aborts_the_worker_process() {
    if offline() {
        return;
    }
    let sandbox = Sandbox::new();
    let link = sandbox.link().await;
    let mut worker = sandbox.worker();
    let (_, watch) = sandbox.start(&link, "A", order("A", 10, "crash-after-commit")).await;
    assert_eq!(worker.wait().signal(), Some(6), "it aborts");
    let _next = sandbox.worker();
    assert_eq!(end(&watch).await, applied());
    sandbox.assert_right(990);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminated_worker_finishes_its_attempt_and_exits_0() {
    if offline() {
        return;
    }
    let sandbox = Sandbox::new();
    let link = sandbox.link().await;
    let mut worker = sandbox.worker();
    let (_, watch) = sandbox.start(&link, "A", order("A", 10, "update.before-commit=delay(700)")).await;
    sandbox.wait_for("the attempt runs", is_fault);
    terminate(worker.pid());
    assert_eq!(worker.wait().code(), Some(0));
    let records = sandbox.records();
    assert!(records.iter().any(|record| matches!(record.fact, Fact::Order(_))), "{records:#?}");
    let _next = sandbox.worker();
    assert_eq!(end(&watch).await, applied());
    sandbox.assert_right(990);
}

fn terminate(pid: u32) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
}

#[test]
fn the_embedded_server_ends_with_its_parent_even_if_that_is_killed() {
    if offline() {
        return;
    }
    let state = tempfile::tempdir().unwrap();
    let address = format!("127.0.0.1:{}", free_port());
    let mut parent = program(state.path())
        .args(["server", "--address", &address])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(parent.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("Temporal at "), "{line}");
    assert!(TcpStream::connect(&address).is_ok());
    parent.kill().unwrap();
    parent.wait().unwrap();
    let since = Instant::now();
    while TcpStream::connect(&address).is_ok() {
        assert!(since.elapsed() < EVENT_TIMEOUT, "the server outlives its parent");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_port_used_by_another_program_is_reported() {
    let state = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    // The program accepts connections and sends a response that is not gRPC.
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut stream = stream;
            let _gone = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    for command in ["server", "worker", "start", "demo"] {
        let output = program(state.path()).args([command, "--address", &address]).output().unwrap();
        let (_, problem) = text(&output);
        assert_eq!(output.status.code(), Some(1), "{command}: {problem}");
        assert!(problem.contains(&address) && problem.contains("not a Temporal server"), "{command}: {problem}");
    }
}
