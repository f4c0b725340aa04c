//! A long journal that has not been read to its end.

use crate::app::{script::Scene, *};

#[test]
fn while_a_journal_is_read_its_progress_is_shown_and_nothing_is_judged() {
    let mut scene = Scene::right();
    scene.wait(60_000);
    let now = scene.app.shown_now();
    assert_eq!(scene.app.account().judgement(now), Judgement::Right);
    scene.tell(Message::ReadingJournal { read: 131_000_000, of: 310_000_000 });
    let shown = crate::app::trouble(&scene.app).unwrap();
    assert!(shown.passes && shown.text == "reading the journal: 42 % of 310 MB", "{shown:?}");
    assert_eq!(scene.app.account().judgement(now), Judgement::None);
    scene.tell(Message::ReadingJournal { read: 310_000_000, of: 310_000_000 });
    assert_eq!(scene.app.account().judgement(now), Judgement::Right);
    assert_eq!(crate::app::trouble(&scene.app), None);
}
