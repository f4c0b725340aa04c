//! The pages about executions as they are read from the screen.

use proptest::prelude::*;
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::{Color, Modifier},
};
use unicode_width::UnicodeWidthStr;

use super::scenes::{
    RUN, Watching, backoff, continued, ended, failing_task, failure, items, list, not_observed, options, parallel,
    paused, requested_delay, running, scenes, timed_out, timeouts, unlisted,
};
use crate::{
    app::{Intent, Link, Message, WatchProblem},
    domain::{ActivityOptions, EventKind, ItemEnd, PayloadContent, PendingState, RetryPolicy, TimeoutKind},
    ui::tests::{assert_style, find, frame, text},
};

const SIZES: [(u16, u16); 3] = [(80, 24), (120, 40), (60, 16)];

fn assert_all_find(scene: &Watching, words: &[&str]) {
    for (width, height) in SIZES {
        let shown = frame(&scene.app, width, height);
        for words in words {
            find(&shown, words);
        }
    }
}

/// The page without the row of keys, whose content depends on what can be done.
fn body(scene: &Watching, width: u16, height: u16) -> String {
    let shown = text(&frame(&scene.app, width, height));
    let rows: Vec<_> = shown.lines().collect();
    rows[..rows.len() - 1].join("\n").trim_end().to_owned()
}

#[test]
fn a_retrying_activity_reads_at_a_glance_on_80_columns() {
    assert_eq!(
        body(&backoff(), 80, 24),
        " watch localhost:7233 ● connected  namespace default                1 request/s
── order-77  OrderWorkflow  Running ──── run 0198f1a2-6b1f-7c3e-8d4a-1c2b3d4… ──
 charge_card #4 in 3.2 s (policy: 4 s, 4 of 10 attempts)
▌ charge_card 5 ✗ 1.0 s ─✗───── 2.0 s ─────✗───────╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌ in 3.2 s ○
                0s      1s        2s      3s        4s      5s       6s       7s
── charge_card 5 ───────────────────── after 1 s, x2 up to 100 s, 10 attempts ──
 #1 ✗ failed  12 ms  CardDeclined: the issuer declined the card: try again later
    backoff 1.02 s (policy: 1 s)
 #2 ✗ failed  12 ms  CardDeclined: the issuer declined the card: try again later
    backoff 2.02 s (policy: 2 s)
 #3 ✗ failed  12 ms  CardDeclined: the issuer declined the card: try again later
 #4 ○ in 3.2 s (policy: 4 s)
 failure     CardDeclined: the issuer declined the card: try again later
 effect      #3 REPORTED by its worker; whether it took effect is unknown
 attempts    #4 of 10, 6 left after the next one; expires in 117 s
 timeouts    start-to-close 5 s, schedule-to-close 2 min
 retry       after 1 s, x2 up to 100 s, 10 attempts
 where       queue payments, worker 77@payments-5f9c
 input       {\"card\":\"4111\",\"amount\":1250,\"currency\":\"EUR\"}"
    );
}

#[test]
fn the_wait_counts_down_and_the_smallest_screen_shows_the_failure() {
    let mut scene = backoff();
    assert_all_find(&scene, &["#4 in 3.2 s (policy: 4 s", "#3 ✗ failed  12 ms", "#4 ○ in 3.2 s (policy: 4 s)"]);
    scene.wait(1_500);
    assert_all_find(&scene, &["#4 in 1.7 s (policy: 4 s", "in 1.7 s ○", "CardDeclined"]);
    scene.wait(4_000);
    assert_all_find(&scene, &["charge_card #4 waits for a worker", "#4 ○ waiting for a worker"]);
}

#[test]
fn a_wide_screen_shows_the_start_and_the_worker_of_each_attempt() {
    find(&frame(&backoff().app, 120, 40), "#2 ✗ failed  12 ms  at 1.0 s  77@payments-5f9c  CardDeclined: the issuer");
    find(&frame(&backoff().app, 120, 40), &format!("run {RUN}"));
}

#[test]
fn a_running_attempt_counts_down_to_its_timeout() {
    assert_all_find(&running(), &["charge_card #2 runs for 3.2 s", "#2 ● running  timeout in 1.8 s"]);
    find(&frame(&running().app, 80, 24), "heartbeat   3 s ago: {\"done\":3}");
}

#[test]
fn a_missing_heartbeat_is_predicted_before_the_start_to_close_timeout() {
    let mut scene = Watching::execution();
    scene.started();
    let heartbeat = Some(std::time::Duration::from_secs(2));
    scene.schedule("charge_card", "5", ActivityOptions { heartbeat, ..options() });
    let mut running = scene.running("charge_card", "5", 1, 0);
    scene.wait(1_200);
    running.details.heartbeat = Some(crate::domain::Heartbeat { at: Some(scene.at(200)), details: Vec::new() });
    scene.report(vec![running]);
    scene.wait(300);
    assert_all_find(&scene, &["#1 ● running  timeout in 1.5 s"]);
}

#[test]
fn activities_in_parallel_share_one_axis() {
    let shown = frame(&parallel().app, 80, 24);
    let row = |name: &str| find(&shown, name).1;
    assert_eq!(
        (row("charge_card 5 "), row("send_mail 6 ")),
        (row("reserve_stock 4 ") + 1, row("reserve_stock 4 ") + 2)
    );
    find(&shown, "1 more activity is");
    find(&shown, "━ 0.5 s ━━━━━━━━━✓");
}

#[test]
fn each_timeout_is_named() {
    for (kind, failure) in [
        (TimeoutKind::StartToClose, "no answer within the start-to-close timeout (5 s)"),
        (TimeoutKind::Heartbeat, "no heartbeat within the heartbeat timeout (2 s)"),
        (TimeoutKind::ScheduleToStart, "no worker took it within the schedule-to-start timeout"),
        (TimeoutKind::ScheduleToClose, "no success within the schedule-to-close timeout (2 min)"),
    ] {
        assert_all_find(&timeouts(kind), &[&format!("#1 ~ timed out  {kind} after 5.00 s")]);
        find(&frame(&timeouts(kind).app, 80, 24), &format!("failure     {failure}"));
    }
}

/// Two attempts that exceeded the start-to-close timeout, with the default retry policy and no other timeout.
fn endless() -> Watching {
    let mut scene = Watching::execution();
    scene.started();
    let limits = ActivityOptions { schedule_to_close: None, retry: RetryPolicy::default(), ..options() };
    scene.schedule("charge_card", "5", limits);
    for number in 1..=2 {
        let mut running = scene.running("charge_card", "5", number, 0);
        running.pending.maximum = 0;
        running.details.expires = None;
        scene.report(vec![running]);
        scene.wait(5_000);
        let mut waiting = scene.waiting("charge_card", "5", number + 1, 5_000, u64::from(number) * 1_000);
        waiting.pending.failure = Some(timed_out(TimeoutKind::StartToClose));
        waiting.pending.maximum = 0;
        waiting.details.expires = None;
        scene.report(vec![waiting]);
        scene.wait(u64::from(number) * 1_000);
    }
    scene.wait(400);
    scene
}

/// An activity that no worker took within its schedule-to-start timeout.
fn not_started() -> Watching {
    let mut scene = Watching::execution();
    scene.started();
    let scheduled = scene.schedule("charge_card", "5", options());
    scene.wait(3_000);
    scene
        .event(EventKind::ActivityEnded { scheduled, end: ItemEnd::TimedOut(timed_out(TimeoutKind::ScheduleToStart)) });
    scene.report(Vec::new());
    scene.wait(400);
    scene
}

#[test]
fn advice_says_what_is_certain_and_which_settings_are_risky() {
    assert_eq!(
        body(&endless(), 80, 24),
        " watch localhost:7233 ● connected  namespace default               0 requests/s
── order-77  OrderWorkflow  Running ──── run 0198f1a2-6b1f-7c3e-8d4a-1c2b3d4… ──
 charge_card #3 waits for a worker for 0 s
▌ charge_card 5 ~╌╌ no answer 5.0 s ╌╌╌─────~╌╌ no answer 5.0 s ╌╌╌─────── now ○
                0s       2s       4s        6s       8s       10s       12s
── charge_card 5 ─────────────────────── after 1 s, x2 up to 100 s, unlimited ──
 #1 ~ timed out  start-to-close after 5.00 s
    backoff 1.00 s (policy: 1 s)
 #2 ~ timed out  start-to-close after 5.00 s
 #3 ○ waiting for a worker (policy: 2 s)
 failure     no answer within the start-to-close timeout (5 s)
 effect      #2 OUTCOME UNKNOWN: it may still run, or may have taken effect; a
             retry is safe only if the activity is idempotent
 warning     no heartbeat timeout: a lost worker is noticed only after
             start-to-close
 warning     unlimited attempts and no schedule-to-close timeout: the retries
             never end by themselves
 attempts    #3, unlimited; does not expire
 timeouts    start-to-close 5 s
 retry       after 1 s, x2 up to 100 s, unlimited
 where       queue payments, worker 77@payments-5f9c
 input       {\"card\":\"4111\",\"amount\":1250,\"currency\":\"EUR\"}"
    );
}

#[test]
fn each_failure_has_the_certainty_of_its_effect() {
    for (scene, words) in [
        (backoff(), "effect      #3 REPORTED by its worker; whether it took effect is unknown"),
        (timeouts(TimeoutKind::Heartbeat), "effect      #1 OUTCOME UNKNOWN: it may still run"),
        (not_started(), "effect      NOT STARTED: no worker took it, so it had no effect"),
    ] {
        find(&frame(&scene.app, 80, 24), words);
    }
    for scene in [running(), parallel(), ended()] {
        assert!(!text(&frame(&scene.app, 120, 40)).contains(" warning "));
    }
}

#[test]
fn whatever_is_not_an_activity_has_a_lane() {
    let shown = frame(&items().app, 80, 24);
    for words in ["local check_address", "timer 7", "child Shipping", "nexus create", "signal approve", "update set_ad"]
    {
        find(&shown, words);
    }
    find(&shown, "in 5.3 s ○");
    find(&shown, "━✗");
}

#[test]
fn a_failing_workflow_task_is_first_and_loud() {
    for (width, height) in SIZES {
        let shown = frame(&failing_task().app, width, height);
        assert_eq!(find(&shown, " WORKFLOW TASK FAILS: attempt 7, since 2 min ").1, 2);
        assert_style(&shown, " WORKFLOW TASK FAILS", Color::Red, Modifier::BOLD | Modifier::REVERSED);
        find(&shown, "NonDeterministicError: RuntimeError: nondeterminism");
        find(&shown, "Nothing else");
    }
}

#[test]
fn attempts_before_the_first_look_are_not_invented() {
    assert_all_find(&not_observed(), &["#1 to #3 · not observed", "#4 ✗ failed"]);
}

#[test]
fn the_wait_before_an_attempt_whose_start_was_not_observed_has_an_upper_bound() {
    let mut scene = Watching::execution();
    scene.started();
    scene.schedule("charge_card", "5", options());
    for (next, wait) in [(2, 1_000), (3, 2_000), (4, 4_000)] {
        let mut waiting = scene.waiting("charge_card", "5", next, 12, wait);
        waiting.pending.started = None;
        scene.report(vec![waiting]);
        scene.wait(wait + 15);
    }
    scene.report(vec![scene.running("charge_card", "5", 4, 0)]);
    let shown = frame(&scene.app, 80, 24);
    for wait in ["at most 1.02 s (policy: 1 s)", "at most 2.02 s (policy: 2 s)", "4.01 s (policy: 4 s)"] {
        find(&shown, &format!("    backoff {wait}"));
    }
}

#[test]
fn a_pause_shows_who_and_why_and_no_countdown() {
    assert_all_find(&paused(), &["charge_card #4 is paused by ada@ops 9 s ago: the bank is"]);
    let shown = text(&frame(&paused().app, 80, 24));
    assert!(!shown.contains('○'), "{shown}");
}

#[test]
fn an_end_shows_its_result_and_the_run_that_continues_it() {
    assert_all_find(&ended(), &["completed (2 s ago, after 7.15 s): \"done\"", "#4 ✓ completed  80 ms"]);
    find(&frame(&ended().app, 80, 24), "result      \"paid\"");
    assert_all_find(&continued(), &["continued as new; run 0198f1a2-aaaa-7c3e-8d4a-1c2b3d4e5f60"]);
}

#[test]
fn a_delay_that_the_failure_requests_is_named() {
    assert_all_find(&requested_delay(), &["(next_retry_delay: 6 s, 2 of 10", "#2 ○ in 5.0 s (next_retry_delay: 6 s)"]);
}

#[test]
fn the_list_shows_the_worst_activity_of_each_execution() {
    let shown = frame(&list(200).app, 80, 24);
    for words in ["··✗○ #4/10 in 2.2 s CardDeclined", "● #1/10    running", "! task #9", " of 200, retrying first"]
    {
        find(&shown, words);
    }
    assert_style(&shown, " WORKFLOW TASK FAILS in 1 execution ", Color::Red, Modifier::BOLD | Modifier::REVERSED);
    assert_all_find(&list(200), &["WORKFLOW TASK FAILS in 1 execution  order-1", "·✗○ #4/10", "in 2.2 s"]);
}

#[test]
fn a_list_without_rows_says_why_and_what_to_do() {
    assert_all_find(&list(0), &["The query finds no execution in this namespace.", "Press  /  to edit the query."]);
    assert_all_find(&Watching::list(), &["Reading the executions .."]);
    let problems = [
        (WatchProblem::NoNamespace { cause: "x".into() }, "the namespace 'default' does not exist; set another"),
        (WatchProblem::Denied { cause: "no claims".into() }, "permission denied: no claims"),
        (WatchProblem::Invalid { cause: "unable to parse WorkflowTyp".into() }, "unable to parse WorkflowTyp"),
        (WatchProblem::Unsupported { cause: "unknown method".into() }, "does not support the request: unknown"),
    ];
    for (problem, words) in problems {
        assert_all_find(&unlisted(problem), &[words, "Press  /  to edit the query."]);
    }
    let mut down = Watching::list();
    let next_try = down.at(0).saturating_add(std::time::Duration::from_secs(4));
    down.tell(Message::Link(Link::Down { cause: "connection refused".into(), attempt: 2, next_try }));
    assert_all_find(&down, &["No connection to Temporal at localhost:7233: connection", "The next try is in 4 s."]);
}

#[test]
fn an_unknown_execution_says_so() {
    let mut scene = Watching::execution();
    scene.problem(WatchProblem::NotFound);
    assert_all_find(&scene, &["the namespace 'default' has no execution 'order-77'"]);
    scene.listed(&["order-78", "mail-1"]);
    find(&frame(&scene.app, 120, 40), "has no execution 'order-77'; similar ids: order-78");
}

#[test]
fn a_lost_answer_keeps_the_facts_and_says_why() {
    let mut scene = backoff();
    scene.problem(WatchProblem::Busy { cause: "limit exceeded".into() });
    assert_all_find(&scene, &["the server is busy: limit exceeded", "#3 ✗ failed"]);
}

#[test]
fn a_history_that_cannot_be_read_says_so_beside_what_is_known() {
    let mut scene = backoff();
    let run = crate::domain::Run { workflow: "order-77".into(), run: RUN.into() };
    let answer = Err(WatchProblem::Denied { cause: "no claims".into() });
    scene.tell(Message::Watch(crate::app::WatchNews::History { run, answer }));
    assert_all_find(
        &scene,
        &["the history is not read: permission denied: no claims", "#3 ✗ failed", "namespace default "],
    );
}

#[test]
fn a_click_selects_the_row_or_the_lane_under_it() {
    let (scene, area) = (list(200), Rect::new(0, 0, 80, 24));
    let shown = frame(&scene.app, 80, 24);
    for workflow in ["order-3 ", "order-7 "] {
        let row = find(&shown, workflow).1;
        let Some(Intent::SelectRow(position)) = crate::ui::hit(area, &scene.app, 5, row) else { panic!("{row}") };
        let clicked = &scene.app.watch().unwrap().list().rows()[position];
        assert_eq!(clicked.info.run.workflow, workflow.trim());
    }
    assert_eq!(crate::ui::hit(area, &scene.app, 5, 1), None, "the query");
    let scene = parallel();
    let row = find(&frame(&scene.app, 80, 24), "send_mail 6 ").1;
    assert_eq!(crate::ui::hit(area, &scene.app, 5, row), Some(Intent::SelectRow(2)));
}

#[test]
fn hundreds_of_lanes_show_those_around_the_selected_one() {
    let mut scene = Watching::execution();
    scene.started();
    for number in 0..400 {
        scene.event(EventKind::TimerStarted { id: number.to_string(), duration: std::time::Duration::from_mins(1) });
        scene.wait(10);
    }
    let shown = text(&frame(&scene.app, 80, 24));
    assert!(shown.contains("↑ 394 more"), "the last lane is selected: {shown}");
    let lanes = scene.app.watch().unwrap().opened().unwrap().lanes().len();
    assert_eq!(lanes, 400);
    assert!(shown.matches("timer ").count() < 20, "{shown}");
}

#[test]
fn no_size_makes_a_page_panic_and_no_row_is_too_long() {
    for (name, scene) in scenes() {
        for width in (0..=62).chain([76, 80, 100, 120, 200]) {
            for height in (0..=18).chain([24, 40]) {
                let area = Rect::new(0, 0, width, height);
                crate::ui::draw_on(&mut Buffer::empty(area), area, &scene.app);
            }
        }
        for (width, height) in SIZES {
            let shown = text(&frame(&scene.app, width, height));
            assert!(shown.lines().all(|line| line.width() <= usize::from(width)), "{name}\n{shown}");
        }
    }
}

/// Any kind of event, with numbers that may refer to nothing.
fn events() -> impl Strategy<Value = EventKind> {
    let end = || {
        prop_oneof![
            Just(ItemEnd::Completed { result: vec![PayloadContent::Null] }),
            Just(ItemEnd::Failed(failure("漢字", "e\u{301} 漢字漢字"))),
            Just(ItemEnd::Cancelled),
            Just(ItemEnd::ContinuedAsNew),
        ]
    };
    let id = 1_u64..20;
    prop_oneof![
        (0_u64..5).prop_map(|id| EventKind::ActivityScheduled {
            id: id.to_string(),
            activity: "charge_card".into(),
            options: options(),
            input: Vec::new(),
        }),
        (id.clone(), 0_u32..90).prop_map(|(scheduled, attempt)| EventKind::ActivityStarted {
            scheduled,
            attempt,
            worker: "w".into(),
            failure: Some(failure("A", "b")),
        }),
        (id.clone(), end()).prop_map(|(scheduled, end)| EventKind::ActivityEnded { scheduled, end }),
        (0_u64..u64::MAX).prop_map(|millis| EventKind::TimerStarted {
            id: "7".into(),
            duration: std::time::Duration::from_millis(millis),
        }),
        (id.clone(), any::<bool>()).prop_map(|(started, fired)| EventKind::TimerEnded { started, fired }),
        Just(EventKind::ChildInitiated { workflow: "漢字漢字".into(), workflow_type: "漢字".into() }),
        (id, end()).prop_map(|(initiated, end)| EventKind::ChildEnded { initiated, end }),
        Just(EventKind::Signaled { name: "go".into(), input: Vec::new(), from: String::new() }),
        end().prop_map(|end| EventKind::Ended { end, next_run: Some("r".into()) }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]
    #[test]
    fn any_facts_can_be_drawn(
        steps in prop::collection::vec((events(), 0_u64..90_000, 0_u32..80, 0_u8..6), 0..40),
        width in 0_u16..=140,
        height in 0_u16..=50,
    ) {
        let mut scene = Watching::execution();
        for (event, later, number, what) in steps {
            scene.wait(later);
            scene.event(event);
            let mut activity = scene.waiting("charge_card", &(number % 5).to_string(), number, later, later);
            activity.pending.state = match what {
                0 => PendingState::Started,
                1 => PendingState::Paused,
                2 => PendingState::CancelRequested,
                _ => PendingState::Scheduled,
            };
            activity.details.options = (what == 4).then(options);
            scene.report(if what == 5 { Vec::new() } else { vec![activity] });
        }
        let area = Rect::new(0, 0, width, height);
        crate::ui::draw_on(&mut Buffer::empty(area), area, &scene.app);
    }
}

#[test]
fn a_failure_is_shown_cause_by_cause_with_its_stack_traces() {
    let scene = backoff();
    for width in [58, 78, 118] {
        let (title, lines) = crate::ui::watch::failure(&scene.app, width).unwrap();
        let page: Vec<_> = lines.iter().map(ToString::to_string).collect();
        let page = page.join("\n");
        assert_eq!(title, " charge_card 5 ");
        for words in [
            "failure: Temporal may retry it",
            "CardDeclined (retryable)",
            "the issuer declined the card: try again later",
            "{\"reason\":\"limit\",\"retry\":true}",
            "File \"/app/payments.py\", line 41, in charge_card",
            "caused by",
            "HTTPError (retryable)",
            "503 Service Unavailable",
            "#1 ✗ failed",
            "timeouts    start-to-close 5 s",
        ] {
            assert!(page.contains(words), "{words}\n{page}");
        }
        assert!(page.lines().all(|line| line.width() <= width), "{page}");
    }
}

#[test]
fn the_help_of_a_page_has_its_keys_and_terms() {
    for (mut scene, words) in [
        (backoff(), ["n  next attempt now", "X  terminate it (asks)", "WORKFLOW TASK FAILS", "not observed"]),
        (list(3), ["/  edit the query", "O  sort: retrying first", "WORKFLOW TASK FAILS", "next_retry_delay"]),
    ] {
        scene.tell(Message::Intent(Intent::Help));
        let shown = frame(&scene.app, 120, 40);
        for words in words {
            find(&shown, words);
        }
        let shown = text(&shown);
        assert!(!shown.contains("fault preset"), "{shown}");
    }
}

#[test]
fn a_high_screen_shows_where_the_execution_comes_from() {
    let mut scene = Watching::execution();
    scene.report(Vec::new());
    let continued_from = Some("0198f1a2-0000".to_owned());
    let workflow_type = "OrderWorkflow".to_owned();
    scene.event(EventKind::Started { workflow_type, input: Vec::new(), attempt: 3, continued_from });
    scene.wait(3_000);
    let words = "started 3 s ago, task queue orders, 12 events, attempt 3 of the workflow, continues run 0198f1a2-0000";
    find(&frame(&scene.app, 120, 40), words);
    assert!(!text(&frame(&scene.app, 120, 24)).contains("task queue orders"));
}
