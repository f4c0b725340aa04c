//! The description of the service for its clients, at `GET /`. The draft requires that a service publishes the rules for
//! its keys.

use std::time::Duration;

use super::{orders::whole_seconds, refusal::MAX_BODY_BYTES};
use crate::supplier::{api::MAX_PAGE_SHIPMENTS, key::MAX_KEY_CHARS};

/// Returns the description, as Markdown.
pub(super) fn description(require_key: bool, key_lifetime: Duration) -> String {
    let (need, body) = (if require_key { "needs" } else { "may have" }, MAX_BODY_BYTES / 1024);
    let lifetime = whole_seconds(key_lifetime);
    format!(
        r#"# Supplier

- POST /orders ships an order: {{"product":"123456","quantity":1000,"reference":"A12"}}, up to {body} KiB of JSON
- GET /orders?reference=A12 returns the shipments of a reference
- GET /shipments?after=0&limit=100 returns the counters and all shipments in pages of at most {MAX_PAGE_SHIPMENTS}
- GET /shipments/S-1 returns one shipment
- GET /health returns 200 while the supplier can ship
- PUT /outage with {{"requests":3}} answers the next three orders with 503, for demonstrations

# Idempotency-Key

An order {need} the header Idempotency-Key: "KEY", where KEY has 1 to {MAX_KEY_CHARS} printable ASCII characters.
Without the header, each request ships. With it, the first request ships, and a repetition receives the recorded answer
with the header Idempotency-Replayed: true.

Two requests are the same order if product, quantity and reference are equal. A key expires {lifetime} s after its
shipment and is then new. A request that is refused does not use up its key.

## key-missing

400: this supplier requires a key, and the request has none.

## key-malformed

400: the header is empty, too long, repeated, or not a string as in RFC 9651. Keys without spaces, quotes, backslashes,
commas and semicolons may be sent without quotes.

## key-in-flight

409: the first request with this key is in progress. Send the request again after a second.

## key-conflict

422: the key was used for another order. Send a new key for a new order.
"#
    )
}
