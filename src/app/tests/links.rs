//! The screen and the keys without a connection.

use crate::{
    app::{testing::fixture::Scene, *},
    domain::UnixMillis,
};

#[test]
fn nothing_is_sent_without_a_connection() {
    let mut scene = Scene::new();
    scene.tell(Message::Link(Link::Down {
        cause: "refused".into(),
        attempt: 3,
        next_try: UnixMillis(scene.now + 2_000),
    }));
    assert!(scene.press(Intent::SeedOrder).is_empty());
    assert!(scene.app.notice().unwrap().text.contains("not connected"));
    assert!(trouble(&scene.app).unwrap().text.contains("in 2 s"));
}

#[test]
fn the_cause_of_a_lost_connection_is_shown_after_earlier_notices() {
    let before = [
        Server::Preparing { step: "looking for temporal".into() },
        Server::Ended { cause: "killed by signal 9".into() },
        Server::Unknown,
    ];
    for server in before {
        let mut scene = Scene::new();
        scene.tell(Message::Server(server.clone()));
        scene.tell(Message::Link(Link::Down {
            cause: "TEMPORAL_CLI names /x, which cannot be found".into(),
            attempt: 3,
            next_try: UnixMillis(scene.now + 2_000),
        }));
        let shown = trouble(&scene.app).unwrap();
        assert!(shown.text.starts_with("no connection, next try in 2 s: TEMPORAL_CLI names /x"), "{}", shown.text);
        assert!(!shown.passes, "{server:?}");
    }
}
