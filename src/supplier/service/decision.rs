//! What to do with an order, given what is recorded for its key. Pure: the time is an argument.

use std::time::Duration;

use crate::{
    domain::UnixMillis,
    supplier::api::{OrderRequest, Shipment},
};

/// What to do with an order that has a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decision {
    /// Ship it: the key is new or has expired.
    Ship,
    /// Return the recorded answer.
    Replay,
    /// Refuse it: the key belongs to another order.
    Conflict,
}

/// Decides an order. `recorded` is the latest shipment with its key.
pub(super) fn decide(
    order: &OrderRequest,
    recorded: Option<&Shipment>,
    key_lifetime: Duration,
    now: UnixMillis,
) -> Decision {
    match recorded {
        Some(shipment) if !is_expired(shipment.at, key_lifetime, now) => {
            if shipment.order == *order {
                Decision::Replay
            } else {
                Decision::Conflict
            }
        }
        Some(_) | None => Decision::Ship,
    }
}

/// Whether a key that was recorded at `at` has expired. A clock that goes back does not expire keys.
fn is_expired(at: UnixMillis, key_lifetime: Duration, now: UnixMillis) -> bool {
    now.since(at) >= key_lifetime
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFETIME: Duration = Duration::from_secs(10);

    fn order(product: &str, quantity: i64, reference: &str) -> OrderRequest {
        let text = format!(r#"{{"product":"{product}","quantity":{quantity},"reference":"{reference}"}}"#);
        serde_json::from_str(&text).unwrap()
    }

    fn shipment(order: OrderRequest, at: u64) -> Shipment {
        Shipment { shipment: "S-1".parse().unwrap(), order, key: None, at: UnixMillis(at) }
    }

    #[test]
    fn a_repetition_is_replayed_and_another_order_is_a_conflict() {
        let recorded = shipment(order("123456", 1000, "A12"), 5_000);
        let decide = |order: &OrderRequest| decide(order, Some(&recorded), LIFETIME, UnixMillis(6_000));
        assert_eq!(decide(&order("123456", 1000, "A12")), Decision::Replay);
        for other in [order("123457", 1000, "A12"), order("123456", 999, "A12"), order("123456", 1000, "a12")] {
            assert_eq!(decide(&other), Decision::Conflict, "{other:?}");
        }
    }

    #[test]
    fn an_unknown_or_expired_key_ships() {
        let (order, other) = (order("123456", 1000, "A12"), order("123456", 1, "A13"));
        assert_eq!(decide(&order, None, LIFETIME, UnixMillis(0)), Decision::Ship);
        let recorded = shipment(order.clone(), 5_000);
        for (now, expected) in [(0, Decision::Replay), (14_999, Decision::Replay), (15_000, Decision::Ship)] {
            assert_eq!(decide(&order, Some(&recorded), LIFETIME, UnixMillis(now)), expected, "{now}");
        }
        assert_eq!(decide(&other, Some(&recorded), LIFETIME, UnixMillis(15_000)), Decision::Ship);
        assert_eq!(decide(&order, Some(&recorded), Duration::MAX, UnixMillis(u64::MAX)), Decision::Replay);
    }
}
