//! The operations of `watch` through its keys at 80x24: what the screen shows, and what the server says afterwards.

use std::time::SystemTime;

use idempotence::temporal::Link;
use temporalio_client::NamespacedClient;
use temporalio_common::protos::temporal::api::{
    common::v1::WorkflowExecution,
    enums::v1::{EventType, PendingActivityState, WorkflowExecutionStatus},
    history::v1::{HistoryEvent, history_event::Attributes},
    workflow::v1::PendingActivityInfo,
    workflowservice::v1::{DescribeWorkflowExecutionResponse, GetWorkflowExecutionHistoryRequest},
};
use tonic::IntoRequest;

use crate::{
    proxy::{Refusal, RefusingProxy},
    python_environment::PythonWorker,
    sandbox::address,
    screen::Screen,
    watch_screen::{open_at, quit, words},
    watched::{Execution, Shop, described_when, status, terminate},
};

const ESC: &str = "\u{1b}";

/// Seconds of the first wait between two attempts: no test lasts that long.
const PACE: &str = "600";

/// The requests of the operations.
const WRITES: [&str; 8] = [
    "PauseActivity",
    "UnpauseActivity",
    "ResetActivity",
    "UpdateActivityOptions",
    "UpdateActivityExecutionOptions",
    "RequestCancelWorkflowExecution",
    "TerminateWorkflowExecution",
    "SignalWorkflowExecution",
];

/// An execution on the screen, and a proxy that counts the requests of the program.
struct Operated {
    shop: Shop,
    _worker: PythonWorker,
    link: Link,
    proxy: RefusingProxy,
    execution: Execution,
    screen: Screen,
}

impl Operated {
    /// Starts an execution of a situation and opens its page.
    async fn open(situation: &str, arguments: &[&str]) -> Option<Self> {
        let shop = Shop::closed()?;
        let worker = shop.worker(1);
        let link = shop.sandbox.link().await;
        let proxy = RefusingProxy::start(address());
        let execution = shop.start_with(situation, &["--pace", PACE]);
        let arguments = [&[execution.id.as_str()], arguments].concat();
        let screen = open_at(&shop, &proxy.address(), &arguments);
        Some(Self { shop, _worker: worker, link, proxy, execution, screen })
    }

    /// Opens an execution whose activity has failed once and waits long for its second attempt.
    async fn backing_off(arguments: &[&str]) -> Option<Self> {
        let operated = Self::open("keeps-failing", arguments).await?;
        operated.described(|described| waits(described, 2)).await;
        operated.screen.wait_until("the wait for attempt 2", |text| attempt(text, 2, " in "));
        Some(operated)
    }

    async fn described(
        &self,
        wanted: impl Fn(&DescribeWorkflowExecutionResponse) -> bool,
    ) -> DescribeWorkflowExecutionResponse {
        described_when(&self.link, &self.execution.id, wanted).await
    }

    /// Returns the pending activity once it is as `wanted`.
    async fn pending(&self, wanted: impl Fn(&PendingActivityInfo) -> bool) -> PendingActivityInfo {
        let described = self.described(|described| pending(described).is_some_and(&wanted)).await;
        pending(&described).unwrap().clone()
    }

    /// Presses a key, and waits for the question.
    fn ask(&mut self, key: &str, question: &str) {
        self.screen.press(key);
        self.screen.wait_for(question);
    }

    /// Presses a key, confirms the question, and waits for the notice.
    fn operate(&mut self, key: &str, question: &str, notice: &str) {
        self.ask(key, question);
        self.screen.press("y");
        wait_for_words(&self.screen, notice);
    }

    /// Types a line into the editor that a key opens, confirms the question, and waits for the notice.
    fn enter(&mut self, key: &str, title: &str, line: &str, question: &str, notice: &str) {
        self.ask(key, title);
        self.screen.press(&format!("\u{15}{line}"));
        self.screen.wait_for(line);
        self.operate("\r", question, notice);
    }

    /// Quits, and ends the execution.
    async fn close(self) {
        quit(self.screen);
        terminate(&self.link, &self.execution.id).await;
    }

    async fn history(&self) -> Vec<HistoryEvent> {
        let Execution { id, run } = self.execution.clone();
        let request = GetWorkflowExecutionHistoryRequest {
            namespace: self.link.client().namespace(),
            execution: Some(WorkflowExecution { workflow_id: id, run_id: run }),
            ..GetWorkflowExecutionHistoryRequest::default()
        };
        let mut service = self.link.client().connection().workflow_service();
        let answer = service.get_workflow_execution_history(request.into_request()).await.unwrap().into_inner();
        answer.history.unwrap().events
    }

    /// The requests of operations that the program has sent.
    fn writes(&self) -> Vec<(&'static str, usize)> {
        let counted = WRITES.map(|method| (method, self.proxy.requests(method)));
        counted.into_iter().filter(|(_, requests)| *requests > 0).collect()
    }
}

fn pending(described: &DescribeWorkflowExecutionResponse) -> Option<&PendingActivityInfo> {
    described.pending_activities.first()
}

/// Whether the activity waits for this attempt.
fn waits(described: &DescribeWorkflowExecutionResponse, attempt: i32) -> bool {
    pending(described).is_some_and(|pending| {
        pending.attempt == attempt
            && pending.state() == PendingActivityState::Scheduled
            && pending.next_attempt_schedule_time.is_some()
    })
}

/// Whether the page has a line about this attempt with these words.
fn attempt(text: &str, number: u32, words: &str) -> bool {
    text.lines().any(|line| line.starts_with(&format!(" #{number} ")) && line.contains(words))
}

/// Waits for words that may be wrapped, and returns the screen as one line.
#[track_caller]
fn wait_for_words(screen: &Screen, wanted: &str) -> String {
    words(&screen.wait_until(wanted, |text| words(text).contains(wanted)))
}

fn time(at: Option<impl TryInto<SystemTime>>) -> SystemTime {
    at.and_then(|at| at.try_into().ok()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn retry_now_starts_the_next_attempt_long_before_it_is_due_and_the_number_continues() {
    let Some(mut operated) = Operated::backing_off(&[]).await else { return };
    let before = operated.pending(|pending| pending.attempt == 2).await;
    operated.operate("n", "Start the next attempt of activity 1 now?", "the next attempt of activity 1 starts now");
    let after = operated.pending(|pending| pending.attempt == 3 && pending.next_attempt_schedule_time.is_some()).await;
    assert!(time(after.last_attempt_complete_time) < time(before.next_attempt_schedule_time));
    assert_eq!(after.pause_info, None);
    let text = operated.screen.wait_until("the wait for attempt 3", |text| attempt(text, 3, " in "));
    assert!(attempt(&text, 2, "failed"), "{text}");
    operated.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_holds_the_next_attempt_until_it_is_undone() {
    let Some(mut operated) = Operated::backing_off(&[]).await else { return };
    operated.operate("p", "Pause activity 1?", "activity 1 is paused");
    let paused = operated.pending(|pending| pending.state() == PendingActivityState::Paused).await;
    assert!(paused.paused && paused.attempt == 2, "{paused:?}");
    wait_for_words(&operated.screen, "reserve_stock #2 is paused by ");
    operated.screen.press("n");
    wait_for_words(&operated.screen, "the activity is paused; p undoes the pause, so nothing is done");

    operated.ask("p", "Unpause activity 1?");
    wait_for_words(&operated.screen, "An attempt that waits starts now.");
    operated.screen.press("y");
    wait_for_words(&operated.screen, "activity 1 is no longer paused");
    let resumed = operated.pending(|pending| pending.attempt == 3 && !pending.paused).await;
    assert_eq!(resumed.pause_info, None);
    operated
        .screen
        .wait_until("attempt 3 without a pause", |text| attempt(text, 3, " in ") && !text.contains(" is paused"));
    operated.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_lets_the_attempts_count_from_1_again() {
    let Some(mut operated) = Operated::backing_off(&[]).await else { return };
    operated.operate("n", "Start the next attempt of activity 1 now?", "the next attempt of activity 1 starts now");
    let before = operated.pending(|pending| pending.attempt == 3 && pending.next_attempt_schedule_time.is_some()).await;
    operated.screen.wait_until("the wait for attempt 3", |text| attempt(text, 3, " in "));

    operated.operate("r", "Reset activity 1?", "activity 1 is reset; its attempts count from 1 again");
    let after = operated.pending(|pending| pending.attempt == 2 && pending.next_attempt_schedule_time.is_some()).await;
    assert!(time(after.last_attempt_complete_time) > time(before.last_attempt_complete_time));
    wait_for_words(&operated.screen, "#2, unlimited, reset once;");
    operated.screen.wait_for("reserve_stock #2 in ");
    operated.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changed_options_are_those_of_the_server_and_of_the_page() {
    let Some(mut operated) = Operated::backing_off(&[]).await else { return };
    let policy = |pending: &PendingActivityInfo| pending.activity_options.as_ref()?.retry_policy.clone();
    let before = operated.pending(|pending| policy(pending).is_some()).await;
    assert_eq!(policy(&before).unwrap().maximum_attempts, 0);
    let notice = "the options of activity 1 are changed";
    operated.enter(
        "o",
        " options of the activity ",
        "attempts=9 initial=2s",
        "Change the options of activity 1?",
        notice,
    );
    let changed = operated.pending(|pending| policy(pending).is_some_and(|policy| policy.maximum_attempts == 9)).await;
    let policy = policy(&changed).unwrap();
    let intervals = [policy.initial_interval, policy.maximum_interval].map(|interval| interval.unwrap().seconds);
    assert_eq!(intervals, [2, 2_400], "only what was named has changed");
    assert!((policy.backoff_coefficient - 2.0).abs() < f64::EPSILON);
    wait_for_words(&operated.screen, "after 2 s, x2 up to 40 min, 9 attempts");
    wait_for_words(&operated.screen, "2 of 9 attempts");
    operated.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn signals_with_and_without_json_complete_a_basket() {
    let Some(mut operated) = Operated::open("waits-for-signal", &[]).await else { return };
    operated.screen.wait_for("the workflow waits, for example for a signal");
    let notice = format!("signal add_item sent to {}", operated.execution.id);
    operated.enter("s", " signal: name, then JSON", "add_item \"green tea\"", "Send the signal add_item to ", &notice);
    operated.screen.wait_for("signal add_item");
    let notice = format!("signal pay sent to {}", operated.execution.id);
    operated.enter("s", " signal: name, then JSON", "pay", "Send the signal pay to ", &notice);
    operated.described(|described| status(described) == WorkflowExecutionStatus::Completed).await;
    operated.screen.wait_until("its end", |text| text.contains("Completed") && text.contains("signal pay"));
    let events = operated.history().await;
    let signals = events.iter().filter_map(|event| match event.attributes.as_ref()? {
        Attributes::WorkflowExecutionSignaledEventAttributes(signal) => {
            let argument = signal.input.as_ref().and_then(|input| input.payloads.first());
            let argument = argument.map(|payload| String::from_utf8(payload.data.clone()).unwrap());
            Some((signal.signal_name.as_str(), argument))
        }
        _ => None,
    });
    let signals: Vec<_> = signals.collect();
    assert_eq!(signals, [("add_item", Some("\"green tea\"".to_owned())), ("pay", None)]);
    let Some(Attributes::WorkflowExecutionCompletedEventAttributes(completed)) = &events.last().unwrap().attributes
    else {
        panic!("{events:?}")
    };
    let result = completed.result.as_ref().unwrap().payloads.first().unwrap();
    assert_eq!(String::from_utf8(result.data.clone()).unwrap(), "[\"green tea\"]");
    // An ended execution has no operations.
    operated.screen.press("c");
    wait_for_words(&operated.screen, "has ended, so nothing is done");
    assert_eq!(operated.writes(), [("SignalWorkflowExecution", 2)]);
    quit(operated.screen);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancellation_reaches_the_workflow() {
    let Some(mut operated) = Operated::backing_off(&[]).await else { return };
    let (question, notice) = ("Request the cancellation of keeps-failing-", "cancellation of keeps-failing-");
    operated.operate("c", question, notice);
    operated.described(|described| status(described) == WorkflowExecutionStatus::Canceled).await;
    operated.screen.wait_until("its end", |text| text.contains("Canceled") && text.contains(" cancelled ("));
    let kinds: Vec<_> = operated.history().await.iter().map(HistoryEvent::event_type).collect();
    assert!(kinds.contains(&EventType::WorkflowExecutionCancelRequested), "{kinds:?}");
    quit(operated.screen);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_termination_ends_an_execution_without_its_worker() {
    let Some(mut operated) = Operated::backing_off(&[]).await else { return };
    operated.operate("X", "Terminate keeps-failing-", "is terminated");
    operated.described(|described| status(described) == WorkflowExecutionStatus::Terminated).await;
    wait_for_words(&operated.screen, "terminated: requested with idempotence watch");
    let Some(Attributes::WorkflowExecutionTerminatedEventAttributes(terminated)) =
        operated.history().await.pop().unwrap().attributes
    else {
        panic!("the last event is not the termination")
    };
    assert_eq!(terminated.reason, "requested with idempotence watch");
    quit(operated.screen);
}

/// The keys of the operations, and what each shows before it asks the server.
const QUESTIONS: [(&str, &str); 7] = [
    ("n", "Start the next attempt of activity 1 now?"),
    ("p", "Pause activity 1?"),
    ("r", "Reset activity 1?"),
    ("c", "Request the cancellation of keeps-failing-"),
    ("X", "Terminate keeps-failing-"),
    ("o", " options of the activity "),
    ("s", " signal: name, then JSON"),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_is_not_confirmed_sends_nothing() {
    let Some(mut operated) = Operated::backing_off(&[]).await else { return };
    let before = operated.pending(|pending| pending.attempt == 2).await;
    for (key, question) in QUESTIONS {
        operated.ask(key, question);
        operated.screen.press(ESC);
        operated.screen.wait_until(&format!("the end of {question:?}"), |text| !text.contains(question));
    }
    for (key, question) in &QUESTIONS[..5] {
        operated.ask(key, question);
        operated.screen.press("n");
        operated.screen.wait_until(&format!("the end of {question:?}"), |text| !text.contains(question));
    }
    // The server executes this after everything that was sent before it.
    operated.operate("p", "Pause activity 1?", "activity 1 is paused");
    assert_eq!(operated.writes(), [("PauseActivity", 1)]);
    let after = operated.pending(|pending| pending.paused).await;
    assert_eq!((after.attempt, after.last_attempt_complete_time), (before.attempt, before.last_attempt_complete_time));
    operated.close().await;
}

/// Executes each operation, and waits for the reason why it is not done. The question and the reason follow from the key.
fn operate_in_vain(operated: &mut Operated, operations: &[(&str, &str)], reason: &str) {
    for (key, what) in operations {
        let (_, question) = QUESTIONS.iter().find(|(known, _)| known == key).unwrap();
        let notice = format!("{what} was not done: {reason}");
        match *key {
            "o" => operated.enter(key, question, "attempts=9", "Change the options of activity 1?", &notice),
            "s" => operated.enter(key, question, "pay", "Send the signal pay to ", &notice),
            _ => operated.operate(key, question, &notice),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_operations_are_reported_with_the_missing_permission_and_the_page_goes_on() {
    let Some(mut operated) = Operated::backing_off(&[]).await else { return };
    operated.proxy.refuse(&WRITES, Refusal::PERMISSION_DENIED);
    let before = operated.described(|described| waits(described, 2)).await;
    let operations = [
        ("n", "the retry"),
        ("p", "the pause"),
        ("r", "the reset"),
        ("o", "the change of options"),
        ("s", "the signal"),
        ("c", "the cancellation"),
        ("X", "the termination"),
    ];
    operate_in_vain(&mut operated, &operations, "permission denied: not for this key; use a key that may write");
    assert_eq!(operated.described(|_| true).await, before, "the server has changed nothing");
    let sent: usize = operated.writes().iter().map(|(_, requests)| requests).sum();
    assert_eq!(sent, operations.len(), "each was sent once: {:?}", operated.writes());
    operated.shop.signal("refund", &operated.execution.id);
    operated.screen.wait_for("signal refund");
    operated.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_before_1_28_has_no_operations_on_activities_but_the_others() {
    let Some(mut operated) = Operated::backing_off(&[]).await else { return };
    operated.proxy.refuse(&WRITES[..5], Refusal::UNIMPLEMENTED);
    let operations = [("n", "the retry"), ("p", "the pause"), ("r", "the reset"), ("o", "the change of options")];
    let reason = "this server does not support the request: unknown method for service; version 1.28 or newer does";
    operate_in_vain(&mut operated, &operations, reason);
    let notice = format!("signal refund sent to {}", operated.execution.id);
    operated.enter("s", " signal: name, then JSON", "refund", "Send the signal refund to ", &notice);
    operated.screen.wait_for("signal refund");
    operated.operate("X", "Terminate keeps-failing-", "is terminated");
    operated.described(|described| status(described) == WorkflowExecutionStatus::Terminated).await;
    quit(operated.screen);
}

#[tokio::test(flavor = "multi_thread")]
async fn read_only_removes_the_operations() {
    let Some(mut operated) = Operated::backing_off(&["--read-only"]).await else { return };
    let before = operated.described(|described| waits(described, 2)).await;
    let text = operated.screen.wait_for("READ-ONLY");
    let footer = text.lines().last().unwrap();
    assert!(footer.contains("? help") && !footer.contains("retry") && !footer.contains("signal"), "{text}");
    operated.screen.press("?");
    let help = operated.screen.wait_for("the failure; child or next run");
    for operation in ["next attempt now", "pause / unpause", "reset the attempts", "send a signal", "terminate it"] {
        assert!(!help.contains(operation), "{help}");
    }
    operated.screen.press("?");
    operated.screen.wait_for("READ-ONLY");
    for (key, question) in QUESTIONS {
        operated.screen.press(key);
        let text = wait_for_words(&operated.screen, "operations are removed by --read-only, so nothing is done");
        assert!(!text.contains(question), "{text}");
    }
    // The page shows this after everything that a key could have sent.
    operated.shop.signal("refund", &operated.execution.id);
    operated.screen.wait_for("signal refund");
    assert_eq!(operated.writes(), []);
    let after = operated.described(|described| waits(described, 2)).await;
    assert_eq!(after.pending_activities, before.pending_activities);
    operated.close().await;
}
