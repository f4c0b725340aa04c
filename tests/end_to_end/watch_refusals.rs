//! `watch` with requests that the server refuses, and with ids and queries that it does not know.

use crate::{
    proxy::{Refusal, RefusingProxy},
    sandbox::{address, text},
    watched::Shop,
};

const DESCRIBE: &str = "DescribeWorkflowExecution";

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
