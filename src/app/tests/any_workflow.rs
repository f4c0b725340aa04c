//! The attempts of a workflow that this program does not have.

use crate::{
    app::{
        testing::fixture::{Scene, T0, foreign, running, waiting},
        *,
    },
    domain::{PendingActivity, RunEnd},
};

const COLUMNS: u16 = 80;

/// Two activities of one type and one of another in parallel: one runs, one has failed once, and one has closed.
fn parallel() -> Scene {
    let mut scene = Scene::new();
    let commands = scene.press(Intent::SeedOrder);
    scene.begin(&commands[0], "r1");
    let charge = |id: &str, pending| foreign("charge_card", id, pending);
    let mail = foreign("send_mail", "12", running(1, T0));
    scene.described(vec![charge("11", running(1, T0)), charge("9", running(1, T0)), mail.clone()]);
    scene.wait(1_000);
    let failed: PendingActivity = waiting(2, T0 + 1_000, T0 + 3_000);
    scene.described(vec![charge("11", failed), charge("9", running(1, T0)), mail]);
    scene.wait(2_000);
    scene.described(vec![charge("11", running(2, T0 + 3_000)), charge("9", running(1, T0))]);
    scene.wait(1_000);
    scene
}

fn shown(scene: &Scene) -> Timeline<'_> {
    let order = scene.app.selected().unwrap();
    timeline(order, order.activities(), &RetryWaits::default(), scene.app.shown_now(), COLUMNS)
}

/// Type, id, and a letter per span: attempts and waits.
fn letters<'a>(picture: &Picture<'a>) -> (&'a str, &'a str, String) {
    let letter = |span: &Span<'_>| match span.segment.kind {
        SegmentKind::Attempt { .. } => 'A',
        SegmentKind::Wait { .. } => 'w',
        SegmentKind::Next(_) => 'o',
        SegmentKind::Queue { .. } => 'q',
        SegmentKind::Item { .. } => 'i',
    };
    let key = picture.lane.activity().unwrap().key();
    (key.activity.label(), key.id.as_deref().unwrap(), picture.spans.iter().map(letter).collect())
}

#[test]
fn parallel_activities_have_a_picture_each_over_one_axis() {
    let scene = parallel();
    let shown = shown(&scene);
    let pictures: Vec<_> = shown.pictures.iter().map(letters).collect();
    let expected = [("charge_card", "9", "A"), ("charge_card", "11", "AwA"), ("send_mail", "12", "A")];
    assert_eq!(pictures, expected.map(|(name, id, letters)| (name, id, letters.to_owned())));
    let columns = |picture: &Picture<'_>| picture.spans.iter().map(|span| (span.from, span.to)).collect::<Vec<_>>();
    let columns: Vec<_> = shown.pictures.iter().map(columns).collect();
    assert_eq!(columns, [vec![(0, 80)], vec![(0, 20), (20, 60), (60, 80)], vec![(0, 20)]]);
    // The retry policy of another program is not known, so no timeout is predicted.
    let predicts = |span: &Span<'_>| matches!(span.segment.kind, SegmentKind::Attempt { timeout: Some(_), .. });
    assert!(!shown.pictures.iter().flat_map(|picture| &picture.spans).any(predicts));
}

#[test]
fn attempts_and_failures_of_any_activity_are_kept() {
    let mut scene = parallel();
    let states = |scene: &Scene| {
        let order = scene.app.selected().unwrap();
        let attempts = order.activities().flat_map(|activity| order.attempts_of(activity));
        attempts.map(|seen| format!("{} {:?}", seen.id(), seen.state)).collect::<Vec<_>>()
    };
    let at_first = states(&scene);
    assert!(at_first[1].starts_with("#1 Failed") && at_first[1].contains("RANDOM ERROR"), "{at_first:?}");
    assert_eq!([&at_first[0], &at_first[2], &at_first[3]], ["#1 Running", "#2 Running", "#1 Ended"]);
    scene.described(Vec::new());
    scene.wait(1_000);
    let closed = states(&scene);
    assert_eq!([&closed[0], &closed[2], &closed[3]], ["#1 Ended", "#2 Ended", "#1 Ended"]);
    assert_eq!(closed[1], at_first[1]);
    let (workflow, run) = (scene.workflow.clone(), scene.run.clone());
    scene.tell(Message::Ended { workflow, run, end: RunEnd::Terminated });
    assert_eq!(states(&scene), closed);
}

#[test]
fn the_dashboard_shows_and_counts_its_own_activities_only() {
    let scene = parallel();
    let order = scene.app.selected().unwrap();
    let ours = timeline(order, order.order_activities(), &RetryWaits::default(), scene.app.shown_now(), COLUMNS);
    let labels: Vec<_> = ours.pictures.iter().map(|picture| picture.lane.label()).collect();
    assert_eq!(labels, ["UpdateInventoryActivity", "SupplierOrderActivity"]);
    assert!(ours.pictures.iter().all(|picture| picture.spans.is_empty()), "{ours:?}");
    assert_eq!((scene.app.orders().attempts(), order.is_foreign()), (0, true));
}
