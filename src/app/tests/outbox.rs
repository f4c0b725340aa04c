//! What the dashboard says of a supplier order in the outbox.

use crate::{
    app::{
        testing::fixture::{SUPPLIER, Scene},
        *,
    },
    domain::{Attempt, Origin},
    store::{AttemptEvent, Fact, Phase, RelayEvent, record::Commit},
};

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
    let (mut scene, line) = Scene::on_order();
    assert_eq!((explained(&scene).head, newest_effect(&scene)), ("IN THE OUTBOX", (EffectKind::OnOrder, Some(1))));
    assert_eq!(scene.app.selected().unwrap().verdict(), OrderVerdict::OnOrder);
    assert!(summary(&scene.app).contains("1000 units are on order"), "{}", summary(&scene.app));
    for number in 1..=2 {
        relay(&mut scene, line, number, Phase::Started);
        relay(&mut scene, line, number, failed(true));
        assert!(explained(&scene).text.contains("no route. The relay sends the order again"));
    }
    relay(&mut scene, line, 3, Phase::Started);
    let credit =
        Commit { shipment: Some("S-1".to_owned().into()), intent: Some(line), ..scene.supplier_commit(3, 1000) };
    scene.write(Fact::Supplier(credit));
    let words = explained(&scene);
    assert_eq!(words.text, "No attempt failed, and the relay needed 3 tries; every change was applied once.");
    assert_eq!(newest_effect(&scene), (EffectKind::Applied { times: 1 }, Some(3)));
    assert_eq!(scene.app.selected().unwrap().verdict(), OrderVerdict::AppliedOnce);
    assert!(!summary(&scene.app).contains("on order"));
}

#[test]
fn an_order_that_the_supplier_refuses_is_on_order_no_longer() {
    let (mut scene, line) = Scene::on_order();
    relay(&mut scene, line, 1, Phase::Started);
    relay(&mut scene, line, 1, failed(false));
    assert_eq!((explained(&scene).head, newest_effect(&scene)), ("SUPPLIER REFUSES", (EffectKind::Refused, Some(1))));
    let order = scene.app.selected().unwrap();
    assert_eq!((order.on_order(), order.verdict()), (None, OrderVerdict::NotSupplied));
    let left = summary(&scene.app);
    assert!(left.contains("1000 units were refused by the supplier"), "{left}");
}
