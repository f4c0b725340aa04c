//! What the dashboard says of a supplier order in the outbox.

use crate::{
    app::{
        testing::fixture::{SUPPLIER, Scene, UPDATE},
        *,
    },
    domain::{Attempt, Guard, IdempotencyKey, OrderOutcome, Origin, Receipt},
    store::{AttemptEvent, CommitOutcome, Fact, Phase, RelayEvent, record::Commit},
};

/// The demo order, which has ended; its supplier order is in the outbox. Returns the line of the intent too.
fn on_order() -> (Scene, u64) {
    let mut scene = Scene::new();
    let commands = scene.press(Intent::SeedOrder);
    scene.begin(&commands[0], "0198f1a2-6b1f-7c3e");
    scene.started(UPDATE, 1);
    scene.commit(UPDATE, 1, -999);
    scene.done(UPDATE, 1, CommitOutcome::Applied);
    scene.started(SUPPLIER, 1);
    let commit = commit(&scene, 1, 0);
    scene.write(Fact::Intent(commit));
    let line = scene.records.len() as u64;
    scene.done(SUPPLIER, 1, CommitOutcome::Applied);
    scene.ended(OrderOutcome::Applied);
    (scene, line)
}

fn commit(scene: &Scene, attempt: u32, delta: i64) -> Commit {
    let origin = scene.origin(SUPPLIER, attempt);
    Commit {
        key: IdempotencyKey::supplier(&origin.order),
        payload: "1000 x 123456".parse().unwrap(),
        receipt: Receipt { delta, stock: 1 + delta },
        shipment: None,
        intent: None,
        relay: None,
        guard: Guard::Ledger,
        origin,
    }
}

fn relay(scene: &mut Scene, intent: u64, number: u32, phase: Phase) {
    let origin = Origin { attempt: Attempt::new(number).unwrap(), ..scene.origin(SUPPLIER, 1) };
    scene.write(Fact::Relay(RelayEvent { intent, event: AttemptEvent { origin, phase } }));
}

fn failed(retryable: bool) -> Phase {
    Phase::Failed { code: "SupplierUnreachable".into(), message: "no route".into(), retryable, point: None }
}

fn explained(scene: &Scene) -> Explanation {
    let order = scene.app.selected().unwrap();
    explain(order, scene.app.stage(order))
}

fn newest_effect(scene: &Scene) -> (EffectKind, Option<u32>) {
    let effect = scene.app.journal().effects.newest_first().next().unwrap();
    (effect.kind, effect.attempt)
}

#[test]
fn an_order_that_the_relay_ships_later_is_explained_with_its_tries() {
    let (mut scene, line) = on_order();
    assert_eq!((explained(&scene).head, newest_effect(&scene)), ("IN THE OUTBOX", (EffectKind::OnOrder, Some(1))));
    for number in 1..=2 {
        relay(&mut scene, line, number, Phase::Started);
        relay(&mut scene, line, number, failed(true));
        assert!(explained(&scene).text.contains("no route. The relay sends the order again"));
    }
    relay(&mut scene, line, 3, Phase::Started);
    let credit = Commit { shipment: Some("S-1".to_owned().into()), intent: Some(line), ..commit(&scene, 3, 1000) };
    scene.write(Fact::Supplier(credit));
    let words = explained(&scene);
    assert_eq!(words.text, "No attempt failed, and the relay needed 3 tries; every change was applied once.");
    assert_eq!(newest_effect(&scene), (EffectKind::Applied { times: 1 }, Some(3)));
}

#[test]
fn an_order_that_the_supplier_refuses_is_on_order_no_longer() {
    let (mut scene, line) = on_order();
    relay(&mut scene, line, 1, Phase::Started);
    relay(&mut scene, line, 1, failed(false));
    assert_eq!((explained(&scene).head, newest_effect(&scene)), ("SUPPLIER REFUSES", (EffectKind::Refused, Some(1))));
    assert_eq!(scene.app.selected().unwrap().on_order(), None);
}
