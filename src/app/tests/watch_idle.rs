//! What the pages about executions of any workflow cost while nothing changes, and how soon they show a change.

use crate::{
    app::{
        Intent, Move, WatchOptions, WatchProblem, WatchRequest,
        testing::{
            fixture::{foreign, running, waiting},
            watch::{WatchScene, info, run},
        },
    },
    domain::{ExecutionStatus, PendingActivity, UnixMillis},
};

/// How long nothing changes before anything is counted.
const SETTLED: u64 = 300_000;

/// How long frames and requests are counted.
const COUNTED: u64 = 60_000;

/// A list on which nothing has changed for a while.
fn idle_list(executions: usize) -> WatchScene {
    let mut scene = WatchScene::new(WatchOptions::default(), executions);
    scene.wait(SETTLED);
    reset_counts(&mut scene);
    scene
}

fn reset_counts(scene: &mut WatchScene) {
    (scene.frames, scene.ticks, scene.requests) = ([0, 0], 0, Vec::new());
}

const fn is_describe(request: &WatchRequest) -> bool {
    matches!(request, WatchRequest::Describe(_))
}

/// The shown attempt of an execution.
fn attempt_of(scene: &WatchScene, number: usize) -> u32 {
    let row = scene.watch().list().rows().iter().find(|row| row.info.run == run(number));
    let attempts = row.and_then(|row| row.attempts.as_ref());
    attempts.and_then(|attempts| attempts.worst.as_ref()).map_or(0, |worst| worst.attempt)
}

/// Milliseconds until the list shows this attempt.
fn time_to_show(scene: &mut WatchScene, number: usize, attempt: u32) -> u64 {
    let from = scene.now;
    while attempt_of(scene, number) != attempt {
        assert!(scene.now < from + SETTLED, "attempt {attempt} is not shown");
        scene.wait(50);
    }
    scene.now - from
}

/// A failed attempt, and the next one after `wait` milliseconds.
fn retrying(scene: &WatchScene, attempt: u32, wait: u64) -> Vec<PendingActivity> {
    let at = |millis: u64| Some(UnixMillis(scene.now + millis));
    let pending = foreign("charge", "5", waiting(attempt, 0, 0));
    vec![PendingActivity { completed: at(0), next: at(wait), ..pending }]
}

#[test]
fn an_idle_list_is_drawn_and_described_rarely() {
    let mut scene = idle_list(200);
    scene.wait(COUNTED);
    let (described, [by_clock, by_answers]) = (scene.sent(COUNTED, is_describe), scene.frames);
    assert!(by_clock <= 20 && by_answers == 0, "{by_clock} and {by_answers} frames");
    assert!(described <= 150, "{described} descriptions");
    assert!(scene.ticks <= 300, "{} ticks", scene.ticks);
    assert!((11..=13).contains(&scene.sent(COUNTED, |asked| !is_describe(asked))), "the list every 5 s");
}

#[test]
fn every_execution_of_an_idle_list_is_still_described() {
    let mut scene = idle_list(200);
    scene.wait(200_000);
    let described = |number| scene.sent(200_000, |asked| *asked == WatchRequest::Describe(run(number)));
    assert!((0..200).all(|number| described(number) >= 1), "each within three minutes");
    assert!((0..20).all(|number| described(number) >= 6), "those on the screen within 30 s");
}

#[test]
fn an_idle_execution_is_drawn_once_per_second() {
    let options = WatchOptions { workflow: Some("checkout-3".into()), ..WatchOptions::default() };
    let mut scene = WatchScene::new(options, 10);
    scene.wait(SETTLED);
    reset_counts(&mut scene);
    scene.wait(COUNTED);
    assert!(scene.frames[0] <= 61 && scene.frames[1] == 0, "{:?} frames", scene.frames);
}

#[test]
fn an_answer_is_drawn_only_if_it_changes_what_is_on_the_screen() {
    let mut scene = idle_list(200);
    let frames = |scene: &mut WatchScene| {
        scene.frames = [0, 0];
        scene.wait(190_000);
        scene.frames[1]
    };
    assert_eq!(frames(&mut scene), 0, "nothing has changed");
    scene.pending.insert(run(150), vec![foreign("charge", "5", running(1, 1_000))]);
    assert_eq!((frames(&mut scene), attempt_of(&scene, 150)), (0, 1), "the row is not on the screen");
    scene.pending.insert(run(3), vec![foreign("charge", "5", running(1, 1_000))]);
    scene.pending.insert(run(151), vec![foreign("charge", "5", running(2, 1_000))]);
    assert_eq!(frames(&mut scene), 2, "one row is on the screen, and one moves there");
    scene.executions.insert(0, info(run(900)));
    assert!((2..=6).contains(&frames(&mut scene)), "the pages, their number, and the new row");
    scene.problem = Some(WatchProblem::Denied { cause: "no".into() });
    assert_eq!(frames(&mut scene), 1, "the same problem again changes nothing");
}

#[test]
fn the_first_attempt_of_a_quiet_row_on_the_screen_is_shown_within_30_s_and_the_next_ones_soon() {
    let mut scene = idle_list(200);
    scene.pending.insert(run(3), vec![foreign("charge", "5", running(1, 1_000))]);
    let first = time_to_show(&mut scene, 3, 1);
    assert!(first <= 30_500, "{first} ms");
    scene.pending.insert(run(3), retrying(&scene, 2, 1_000));
    let second = time_to_show(&mut scene, 3, 2);
    assert!(second <= 1_500, "{second} ms");
    for attempt in 3..8 {
        scene.wait(7_300);
        scene.pending.insert(run(3), retrying(&scene, attempt, 60_000));
        let shown = time_to_show(&mut scene, 3, attempt);
        assert!(shown <= 4_500, "{shown} ms: an operation has started it early");
    }
}

#[test]
fn a_quiet_row_of_a_short_list_is_described_every_four_seconds() {
    let mut scene = idle_list(4);
    scene.pending.insert(run(3), vec![foreign("charge", "5", running(1, 1_000))]);
    let first = time_to_show(&mut scene, 3, 1);
    assert!(first <= 4_500, "{first} ms");
}

#[test]
fn an_attempt_of_a_row_on_the_screen_is_shown_when_it_is_due() {
    let mut scene = idle_list(200);
    scene.pending.insert(run(3), retrying(&scene, 2, 90_000));
    time_to_show(&mut scene, 3, 2);
    scene.wait(60_000);
    reset_counts(&mut scene);
    let left = scene.watch().list().rows()[0].next_attempt().unwrap().0 - scene.now;
    scene.wait(left - 100);
    let described = scene.sent(left, |asked| *asked == WatchRequest::Describe(run(3)));
    assert!(u64::try_from(described).unwrap() <= left / 3_000 + 2, "{described} times in {left} ms");
    scene.wait(100);
    scene.pending.insert(run(3), retrying(&scene, 3, 90_000));
    let shown = time_to_show(&mut scene, 3, 3);
    assert!(shown <= 1_500, "{shown} ms");
}

#[test]
fn a_row_counts_down_in_tenths_of_a_second_only_before_its_next_attempt() {
    let mut scene = idle_list(200);
    scene.pending.insert(run(3), retrying(&scene, 2, 60_000));
    time_to_show(&mut scene, 3, 2);
    let frames = |scene: &mut WatchScene, millis| {
        scene.frames = [0, 0];
        scene.wait(millis);
        scene.frames[0]
    };
    let left = scene.watch().list().rows()[0].next_attempt().unwrap().0 - scene.now;
    assert!(frames(&mut scene, 20_000) <= 21, "once per second");
    scene.wait(left - 30_000);
    assert!((95..=110).contains(&frames(&mut scene, 10_000)), "ten times per second");
}

#[test]
fn an_execution_that_was_quiet_for_long_is_described_as_soon_as_it_is_scrolled_to() {
    let mut scene = idle_list(200);
    scene.pending.insert(run(190), vec![foreign("charge", "5", running(1, 1_000))]);
    scene.press(Intent::Select(Move::Last));
    let shown = time_to_show(&mut scene, 190, 1);
    assert!(shown <= 30_500, "{shown} ms");
}

#[test]
fn an_execution_that_has_ended_is_not_described_any_more() {
    let mut scene = idle_list(5);
    for info in &mut scene.executions {
        (info.status, info.closed) = (ExecutionStatus::Completed, Some(UnixMillis(scene.now)));
    }
    scene.wait(5_000);
    reset_counts(&mut scene);
    scene.wait(COUNTED);
    assert_eq!(scene.sent(COUNTED, is_describe), 0);
}
