//! What the pages about executions of any workflow ask the server, and how often at most.

use std::time::Duration;

use crate::{
    app::{
        Intent, Message, Move, Overlay, PAGE_ROWS, Sort, WatchOptions, WatchProblem, WatchRequest,
        testing::{
            fixture::{Scene, foreign, running, waiting},
            watch::{WatchScene, event, run},
        },
    },
    domain::EventKind,
};

/// The longest time between two ticks, and the longest while something moves in tenths of a second.
const SLOW: Duration = Duration::from_secs(1);
const FAST: Duration = Duration::from_millis(100);

fn list(executions: usize) -> WatchScene {
    WatchScene::new(WatchOptions::default(), executions)
}

fn execution() -> WatchScene {
    let options = WatchOptions { workflow: Some("checkout-3".into()), ..WatchOptions::default() };
    WatchScene::new(options, 10)
}

/// An execution with an activity that is retried.
fn retrying_execution() -> WatchScene {
    let mut scene = execution();
    scene.pending.insert(run(3), vec![foreign("charge", "5", waiting(3, 1_000, 9_000))]);
    scene
}

/// The largest number of requests in any period of that length.
fn most_within(scene: &WatchScene, millis: u64, select: impl Fn(&WatchRequest) -> bool) -> usize {
    let times: Vec<_> = scene.requests.iter().filter(|(_, request)| select(request)).map(|(at, _)| *at).collect();
    times.iter().map(|from| times.iter().filter(|at| (*from..from + millis).contains(at)).count()).max().unwrap_or(0)
}

const fn is_list(request: &WatchRequest) -> bool {
    matches!(request, WatchRequest::List { .. } | WatchRequest::Count { .. })
}

#[test]
fn an_execution_on_the_screen_costs_at_most_four_requests_per_second() {
    let mut scene = retrying_execution();
    scene.wait(30_000);
    assert!(most_within(&scene, 1_000, |_| true) <= 4);
    assert!((110..=120).contains(&scene.requests.len()), "{}", scene.requests.len());
    assert!(scene.requests.iter().all(|(_, request)| !is_list(request)));
    let describes: Vec<_> =
        scene.requests.iter().filter(|(_, request)| matches!(request, WatchRequest::Describe(_))).collect();
    let gaps = || describes.windows(2).map(|pair| pair[1].0 - pair[0].0);
    assert!(gaps().all(|gap| gap <= 500), "the first request for the history takes the place of a description");
    assert!(gaps().skip(5).all(|gap| gap == 250), "no request for a history without a new event does");
}

#[test]
fn an_execution_that_waits_for_an_event_is_described_every_two_seconds_until_the_event() {
    let mut scene = execution();
    scene.wait(5_000);
    (scene.ticks, scene.requests) = (0, Vec::new());
    scene.wait(10_000);
    let describes = |scene: &WatchScene| scene.sent(10_000, |asked| matches!(asked, WatchRequest::Describe(_)));
    assert!((5..=6).contains(&describes(&scene)) && scene.ticks <= 25, "{} {}", describes(&scene), scene.ticks);
    scene.wait(3_000);
    let (now, kind) = (scene.now, EventKind::TimerStarted { id: "1".into(), duration: Duration::from_secs(9) });
    scene.histories.insert(run(3), vec![event(1, now, kind)]);
    scene.pending.insert(run(3), vec![foreign("charge", "5", waiting(3, 1_000, 9_000))]);
    scene.wait(8_000);
    assert!(scene.sent(1_000, |_| true) == 4 && scene.app.tick_interval() <= FAST, "something is pending");
}

#[test]
fn the_list_costs_one_request_in_two_seconds_and_sixteen_descriptions_per_second() {
    let mut scene = list(200);
    scene.pending = (0..200).map(|number| (run(number), vec![foreign("charge", "5", running(2, 1_000))])).collect();
    scene.wait(60_000);
    assert_eq!(most_within(&scene, 2_000, is_list), 1);
    assert!(most_within(&scene, 1_000, |_| true) <= 16);
    let described =
        |number| scene.requests.iter().filter(move |(_, asked)| *asked == WatchRequest::Describe(run(number)));
    assert!((0..200).all(|number| described(number).count() > 0), "each of 200 is described");
    let [visible, other] = [described(0).count(), described(150).count()];
    assert!(visible >= 5 * other && other > 0, "visible rows more often: {visible} and {other} times");
}

#[test]
fn retrying_executions_come_first_wherever_they_are_in_the_list() {
    let mut scene = list(200);
    scene.pending.insert(run(150), vec![foreign("charge", "5", waiting(3, 1_000, 9_000))]);
    scene.pending.insert(run(20), vec![foreign("charge", "5", running(1, 1_000))]);
    let task = crate::domain::PendingTask { attempt: 4, scheduled: None, started: None };
    scene.tasks.insert(run(180), task);
    scene.wait(40_000);
    let first = |scene: &WatchScene| -> Vec<_> {
        scene.watch().list().rows().iter().take(3).map(|row| row.info.run.workflow.clone()).collect()
    };
    assert_eq!(first(&scene), ["checkout-180", "checkout-150", "checkout-0"]);
    scene.press(Intent::NextSort);
    assert_eq!((first(&scene)[0].as_str(), scene.watch().list().sort()), ("checkout-0", Sort::Newest));
}

#[test]
fn a_selected_execution_stays_selected_while_rows_move() {
    let mut scene = list(50);
    scene.wait(5_000);
    for _ in 0..5 {
        scene.press(Intent::Select(Move::Down));
    }
    let selected = |scene: &WatchScene| scene.watch().list().selected_row().unwrap().info.run.clone();
    assert_eq!(selected(&scene), run(5));
    scene.pending.insert(run(40), vec![foreign("charge", "5", waiting(3, 1_000, 9_000))]);
    scene.executions.insert(0, crate::app::testing::watch::info(run(900)));
    scene.wait(10_000);
    assert_eq!((selected(&scene), scene.watch().list().selected()), (run(5), 7));
    scene.executions.retain(|info| info.run != run(5));
    scene.wait(5_000);
    assert_eq!(selected(&scene), run(6));
}

#[test]
fn ten_thousand_executions_are_paged_without_keeping_them() {
    let mut scene = list(10_000);
    let mut most = 0;
    for _ in 0..2_000 {
        scene.press(Intent::Select(Move::HalfPageDown));
        scene.press(Intent::Select(Move::HalfPageDown));
        scene.press(Intent::Select(Move::HalfPageDown));
        scene.press(Intent::Select(Move::HalfPageDown));
        scene.wait(500);
        most = most.max(scene.watch().list().rows().len());
    }
    let list = scene.watch().list();
    assert!(most <= 10 * PAGE_ROWS, "{most}");
    assert!(list.offset() > 5_000, "{}", list.offset());
    assert_eq!(list.total(), Some(10_000));
    let from = list.offset();
    for _ in 0..300 {
        scene.press(Intent::Select(Move::HalfPageUp));
        scene.press(Intent::Select(Move::HalfPageUp));
        scene.wait(500);
    }
    assert!(scene.watch().list().offset() < from, "evicted pages come back");
    scene.press(Intent::Select(Move::First));
    scene.wait(5_000);
    let list = scene.watch().list();
    assert_eq!((list.offset(), &list.rows()[0].info.run), (0, &run(0)));
}

#[test]
fn one_key_reads_on_to_the_last_execution_without_keeping_all() {
    let mut scene = list(3_000);
    scene.wait(3_000);
    scene.press(Intent::Select(Move::Last));
    assert!(scene.watch().list().reads_to_end() && scene.app.notice().unwrap().text.contains("any other key stops"));
    let (mut most, from) = (0, scene.now);
    while scene.watch().list().reads_to_end() {
        scene.wait(500);
        most = most.max(scene.watch().list().rows().len());
        assert!(scene.now < from + 70_000, "30 pages");
    }
    let list = scene.watch().list();
    assert_eq!(list.selected_row().map(|row| &row.info.run), Some(&run(2_999)));
    assert!(most <= 10 * PAGE_ROWS, "{most}");
    assert_eq!(most_within(&scene, 2_000, is_list), 1);
}

#[test]
fn any_other_key_stops_reading_on_to_the_last_execution() {
    for key in [Intent::Select(Move::Up), Intent::Help, Intent::Select(Move::First)] {
        let mut scene = list(3_000);
        scene.wait(3_000);
        scene.press(Intent::Select(Move::Last));
        scene.wait(9_000);
        let read = scene.watch().list().selected();
        assert!(read > 2 * PAGE_ROWS && scene.watch().list().reads_to_end(), "{read}");
        scene.press(key);
        let selected = scene.watch().list().selected();
        assert!(!scene.watch().list().reads_to_end());
        scene.wait(9_000);
        assert_eq!(scene.watch().list().selected(), selected);
    }
}

#[test]
fn a_refused_page_ends_reading_on_and_a_busy_server_delays_it() {
    let mut scene = list(3_000);
    scene.wait(3_000);
    scene.press(Intent::Select(Move::Last));
    scene.problem = Some(WatchProblem::Busy { cause: "rate limit".into() });
    scene.wait(5_000);
    assert!(scene.watch().list().reads_to_end());
    scene.problem = Some(WatchProblem::Denied { cause: "no".into() });
    scene.wait(60_000);
    assert!(!scene.watch().list().reads_to_end());
}

#[test]
fn a_busy_server_is_asked_less_often_and_then_again_as_before() {
    let mut scene = retrying_execution();
    scene.wait(2_000);
    scene.problem = Some(WatchProblem::Busy { cause: "namespace rate limit exceeded".into() });
    scene.wait(70_000);
    assert!(scene.watch().rate(crate::domain::UnixMillis(scene.now)).waits_until.is_some());
    let late = scene.sent(60_000, |_| true);
    assert!((1..=8).contains(&late), "{late}");
    assert!(matches!(scene.opened().problem, Some(WatchProblem::Busy { .. })));
    scene.problem = None;
    scene.wait(32_000);
    assert_eq!((scene.sent(1_000, |_| true), &scene.opened().problem), (4, &None));
}

#[test]
fn an_unanswered_request_is_repeated_later() {
    let mut scene = execution();
    scene.latency = 1_000_000;
    scene.wait(3_900);
    assert_eq!(scene.requests.len(), 1);
    scene.wait(400);
    assert_eq!(scene.requests.len(), 2, "after 3 s, and 1 s more");
}

#[test]
fn nothing_is_asked_while_the_screen_is_frozen_or_shows_the_dashboard() {
    let mut scene = WatchScene::on(Scene::new().app, 3);
    scene.wait(3_000);
    assert!(scene.requests.is_empty() && scene.app.tick_interval() == SLOW);
    scene.press(Intent::Watch);
    assert_eq!(scene.app.overlay(), Overlay::Executions);
    scene.wait(3_000);
    assert!(!scene.requests.is_empty());
    scene.press(Intent::Freeze);
    scene.requests.clear();
    scene.wait(3_000);
    assert!(scene.requests.is_empty() && scene.app.tick_interval() == SLOW);
    scene.press(Intent::Freeze);
    scene.press(Intent::Close);
    assert_eq!(scene.app.overlay(), Overlay::None);
    scene.wait(3_000);
    assert!(scene.requests.is_empty());
}

#[test]
fn enter_opens_the_selected_execution_and_escape_returns() {
    let mut scene = list(10);
    scene.wait(3_000);
    scene.press(Intent::Select(Move::Down));
    scene.press(Intent::Select(Move::Down));
    scene.press(Intent::Details);
    assert_eq!((scene.app.overlay(), scene.opened().run()), (Overlay::Execution, &run(2)));
    scene.wait(1_000);
    assert!(scene.opened().info.is_some());
    scene.press(Intent::Close);
    assert_eq!(scene.app.overlay(), Overlay::Executions);
    scene.press(Intent::Close);
    assert_eq!(scene.app.overlay(), Overlay::Executions, "there is no dashboard");
}

#[test]
fn a_lost_link_stops_the_requests() {
    let mut scene = execution();
    scene.wait(1_000);
    let now = crate::domain::UnixMillis(scene.now);
    scene.tell(Message::Link(crate::app::Link::Down { cause: "x".into(), attempt: 0, next_try: now }));
    scene.requests.clear();
    scene.wait(2_000);
    assert!(scene.requests.is_empty());
}

#[test]
fn a_query_with_an_error_keeps_the_rows_and_a_valid_one_replaces_them() {
    let mut scene = list(10);
    scene.wait(3_000);
    scene.press(Intent::Filter);
    scene.press(Intent::Edit(tui_input::InputRequest::DeleteLine));
    for character in "Nonsense = 1".chars() {
        scene.press(Intent::Edit(tui_input::InputRequest::InsertChar(character)));
    }
    scene.press(Intent::Submit);
    let problem = WatchProblem::Invalid { cause: "invalid search attribute: Nonsense".into() };
    scene.problem = Some(problem.clone());
    scene.wait(500);
    let list = scene.watch().list();
    assert_eq!((list.rows().len(), list.problem(), list.query()), (10, Some(&problem), "Nonsense = 1"));
    scene.executions.truncate(4);
    scene.problem = None;
    scene.wait(3_000);
    let list = scene.watch().list();
    assert_eq!((list.rows().len(), list.problem()), (4, None));
}

#[test]
fn a_run_that_continues_as_another_one_is_followed() {
    let mut scene = execution();
    let end = crate::domain::ItemEnd::ContinuedAsNew;
    let kind = crate::domain::EventKind::Ended { end, next_run: Some("run-3b".into()) };
    scene.histories.insert(run(3), vec![crate::app::testing::watch::event(1, crate::app::testing::fixture::T0, kind)]);
    scene.wait(3_000);
    assert_eq!(scene.opened().run().run, "run-3b");
    assert_eq!(scene.opened().before.as_ref().unwrap().run(), &run(3));
    assert!(scene.app.notice().unwrap().text.contains("continues as run run-3b"));
}
