//! `watch` with requests that the server refuses, and with ids and queries that it does not know.

use std::{
    io::{BufRead, BufReader, Read},
    process::Stdio,
};

use rustix::process::{Pid, Signal, kill_process};

use crate::{
    proxy::{Refusal, RefusingProxy},
    sandbox::{address, text},
    watch_lines::WatchProcess,
    watch_screen::{open_at, quit, words},
    watched::{Shop, terminate},
};

const DESCRIBE: &str = "DescribeWorkflowExecution";
const COUNT: &str = "CountWorkflowExecutions";

#[test]
fn a_busy_server_delays_the_story_but_does_not_end_it() {
    let Some(shop) = Shop::open() else { return };
    let proxy = RefusingProxy::start(address());
    proxy.refuse_next(DESCRIBE, 3, Refusal::RESOURCE_EXHAUSTED);
    let execution = shop.start("retries");
    let output = shop.watch_at(&proxy.address(), &[&execution.id, "--plain"]).output().unwrap();
    let (lines, problem) = text(&output);
    assert!(output.status.success() && lines.contains("completed: \"receipt-"), "{lines}{problem}");
    assert!(problem.contains("namespace rate limit exceeded"), "{problem}");
    assert!(proxy.requests(DESCRIBE) > 3, "{problem}");
}

#[test]
fn a_key_that_may_not_write_is_enough_to_watch() {
    let Some(shop) = Shop::open() else { return };
    let proxy = RefusingProxy::start(address());
    let writes = ["SignalWorkflowExecution", "TerminateWorkflowExecution", "PauseActivity", "ResetActivity"];
    proxy.refuse(&writes, Refusal::PERMISSION_DENIED);
    let execution = shop.start("non-retryable");
    let output = shop.watch_at(&proxy.address(), &[&execution.id, "--plain"]).output().unwrap();
    let (lines, problem) = text(&output);
    assert_eq!(output.status.code(), Some(1), "the execution failed: {problem}");
    assert!(lines.contains("FAILED: CardStolen"), "{lines}");
    assert_eq!(writes.map(|method| proxy.requests(method)), [0; 4]);
}

#[test]
fn a_key_that_may_not_read_is_refused_with_the_permission_that_it_lacks() {
    let Some(shop) = Shop::open() else { return };
    let proxy = RefusingProxy::start(address());
    proxy.refuse(&[DESCRIBE], Refusal::PERMISSION_DENIED);
    let execution = shop.start("timer");
    let output = shop.watch_at(&proxy.address(), &[&execution.id, "--plain"]).output().unwrap();
    let (lines, problem) = text(&output);
    assert_eq!((output.status.code(), lines.as_str()), (Some(1), ""), "{problem}");
    assert!(problem.contains("not for this key"), "{problem}");
}

#[test]
fn an_unknown_execution_namespace_or_attribute_is_reported_with_a_remedy() {
    let Some(shop) = Shop::closed() else { return };
    let refused = [
        (&["watch-unknown"][..], "has no execution 'watch-unknown'; check the id"),
        (&["watch-unknown/run"][..], "has no execution 'watch-unknown/run'; check the id"),
        (&["--query", "Colour = 'red'"][..], "invalid search attribute: Colour; change the query"),
        (&["any", "--namespace", "no-such-namespace"][..], "has no namespace 'no-such-namespace'; create it"),
    ];
    for (arguments, remedy) in refused {
        let output = shop.watch(&[arguments, &["--plain"]].concat()).output().unwrap();
        let (lines, problem) = text(&output);
        assert_eq!((output.status.code(), lines.as_str()), (Some(1), ""), "{problem}");
        assert!(problem.contains(remedy), "{problem}");
    }
}

#[test]
fn without_the_history_the_attempts_and_the_end_are_still_printed() {
    let Some(shop) = Shop::open() else { return };
    let proxy = RefusingProxy::start(address());
    proxy.refuse(&["GetWorkflowExecutionHistory"], Refusal::PERMISSION_DENIED);
    for (situation, code, end) in [
        ("retries", 0, "completed"),
        ("non-retryable", 1, "FAILED: the reason is in the history, which cannot be read"),
        ("continue-as-new", 0, "completed"),
    ] {
        let execution = shop.start_with(situation, &["--pace", "1"]);
        let output = shop.watch_at(&proxy.address(), &[&execution.id, "--plain"]).output().unwrap();
        let (lines, problem) = text(&output);
        assert_eq!(output.status.code(), Some(code), "{lines}{problem}");
        assert!(lines.ends_with(&format!("{} {end}\n", execution.id)), "{lines}");
        assert!(problem.contains("the history is not read: permission denied: not for this key"), "{problem}");
    }
}

#[test]
fn a_list_without_histories_says_so_and_still_prints_the_attempts_and_the_end() {
    let Some(shop) = Shop::open() else { return };
    let proxy = RefusingProxy::start(address());
    proxy.refuse(&["GetWorkflowExecutionHistory"], Refusal::PERMISSION_DENIED);
    let id = shop.start_with("retries", &["--pace", "1"]).id;
    let query = format!("WorkflowId = '{id}'");
    let mut command = shop.watch_at(&proxy.address(), &["--plain", "--query", &query]);
    let mut watch = WatchProcess(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    let lines = BufReader::new(watch.0.stdout.take().unwrap()).lines().map(Result::unwrap);
    let end = format!("{id}  {id} completed");
    let story: Vec<_> = lines.take_while(|line| !line.ends_with(&end)).collect();
    assert!(story.iter().any(|line| line.contains("  charge_card 1  attempt 3 failed")), "{story:#?}");
    kill_process(Pid::from_child(&watch.0), Signal::INT).unwrap();
    assert_eq!(watch.0.wait().unwrap().code(), Some(130));
    let mut problem = String::new();
    watch.0.stderr.take().unwrap().read_to_string(&mut problem).unwrap();
    let notice = format!("{id}: the history is not read: permission denied: not for this key");
    assert_eq!(problem.matches(&notice).count(), 1, "{problem}");
}

#[test]
fn a_list_of_executions_that_the_key_may_not_describe_ends_with_the_reason() {
    let Some(shop) = Shop::open() else { return };
    let proxy = RefusingProxy::start(address());
    proxy.refuse(&[DESCRIBE], Refusal::PERMISSION_DENIED);
    let id = shop.start_with("timer", &["--pace", "3"]).id;
    let output = shop.watch_at(&proxy.address(), &["--plain", "--query", &format!("WorkflowId = '{id}'")]).output();
    let output = output.unwrap();
    let (lines, problem) = text(&output);
    assert_eq!((output.status.code(), lines.as_str()), (Some(1), ""), "{problem}");
    assert!(problem.contains(&format!("{id}: permission denied: not for this key")), "{problem}");
}

/// The requests without which `watch` cannot go on, with its arguments. `ID` is an execution.
const NEEDED: [(&str, &[&str]); 2] = [(DESCRIBE, &["ID"]), ("ListWorkflowExecutions", &[])];

const UNSUPPORTED: &str = "this server does not support the request: unknown method for service; watch needs a server of \
                           version 1.24 or newer";

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_a_needed_request_is_reported_with_the_version_that_has_it() {
    let Some(shop) = Shop::closed() else { return };
    let execution = shop.start("waits-for-signal");
    for (method, arguments) in NEEDED {
        let proxy = RefusingProxy::start(address());
        proxy.refuse(&[method], Refusal::UNIMPLEMENTED);
        let arguments: Vec<_> = arguments.iter().map(|word| word.replace("ID", &execution.id)).collect();
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        let plain = [&arguments[..], &["--plain"]].concat();
        let output = shop.watch_at(&proxy.address(), &plain).output().unwrap();
        let (lines, problem) = text(&output);
        assert_eq!((output.status.code(), lines.as_str()), (Some(1), ""), "{problem}");
        assert!(problem.contains(UNSUPPORTED), "{problem}");
        let screen = open_at(&shop, &proxy.address(), &arguments);
        screen.wait_until(method, |text| words(text).contains(UNSUPPORTED));
        quit(screen);
    }
    terminate(&shop.sandbox.link().await, &execution.id).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_cannot_count_lists_nevertheless() {
    let Some(shop) = Shop::closed() else { return };
    let proxy = RefusingProxy::start(address());
    proxy.refuse(&[COUNT], Refusal::UNIMPLEMENTED);
    let first = shop.start("waits-for-signal");
    let screen = open_at(&shop, &proxy.address(), &[]);
    let rows = |text: &str| text.matches("Basket").count();
    screen.wait_until("a row", |text| rows(text) == 1);
    // The count is requested after the first page, and before any other request for the list.
    let second = shop.start("waits-for-signal");
    let text = screen.wait_until("two rows", |text| rows(text) == 2);
    assert!(!text.contains("support"), "{text}");
    assert!(proxy.requests(COUNT) > 0);
    quit(screen);
    let link = shop.sandbox.link().await;
    for execution in [first, second] {
        terminate(&link, &execution.id).await;
    }
}
