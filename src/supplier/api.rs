//! Requests and responses of the supplier, in JSON.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::key::RequestKey;
use crate::domain::{MAX_QUANTITY, OrderId, ProductId, SUPPLIER_QUANTITY, UnixMillis};

/// Path of orders: `POST` ships one; `GET` with the query `reference=A12` returns [`ReferencedShipments`].
pub const ORDERS: &str = "/orders";

/// Path of shipments: `GET` with the query `after=0&limit=100` returns a [`ShipmentPage`].
pub const SHIPMENTS: &str = "/shipments";

/// Path of the health check, which returns [`Health`].
pub const HEALTH: &str = "/health";

/// Path at which `PUT` begins or ends an [`Outage`].
pub const OUTAGE: &str = "/outage";

/// Name of the header `Idempotency-Replayed: true`, which a recorded answer has.
pub const IDEMPOTENCY_REPLAYED: &str = "idempotency-replayed";

/// Media type of a [`Problem`].
pub const PROBLEM_JSON: &str = "application/problem+json";

/// Number of shipments of a page unless the client sets `limit`.
pub const DEFAULT_PAGE_SHIPMENTS: u64 = 100;

/// Maximum number of shipments in a response.
pub const MAX_PAGE_SHIPMENTS: u64 = 1_000;

/// The body of `POST /orders`.
///
/// Two requests with one key are the same order if all fields are equal, whatever the notation of their JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OrderRequest {
    /// The product.
    pub product: ProductId,
    /// Number of units, from 1 to [`MAX_QUANTITY`].
    pub quantity: Quantity,
    /// The client's own name for the order.
    pub reference: OrderId,
}

/// Number of units, from 1 to [`MAX_QUANTITY`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct Quantity(i64);

impl Quantity {
    /// Checks a number of units; `None` if it is out of range.
    #[must_use]
    pub fn new(units: i64) -> Option<Self> {
        (1..=MAX_QUANTITY).contains(&units).then_some(Self(units))
    }

    /// Number of units.
    #[must_use]
    pub const fn units(self) -> i64 {
        self.0
    }

    /// Whether this program can have ordered it. All its orders have the same quantity, so any other one belongs to another
    /// client of the supplier.
    #[must_use]
    pub const fn is_of_this_program(self) -> bool {
        self.0 == SUPPLIER_QUANTITY
    }
}

impl TryFrom<i64> for Quantity {
    type Error = String;

    fn try_from(units: i64) -> Result<Self, String> {
        Self::new(units).ok_or_else(|| format!("the quantity {units} is not from 1 to {MAX_QUANTITY}"))
    }
}

impl From<Quantity> for i64 {
    fn from(quantity: Quantity) -> Self {
        quantity.0
    }
}

/// Number of a shipment, from 1; `S-1` in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ShipmentNumber(pub u64);

impl fmt::Display for ShipmentNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "S-{}", self.0)
    }
}

impl FromStr for ShipmentNumber {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.strip_prefix("S-").and_then(|digits| digits.parse().ok()).map(Self);
        // Only what `Display` writes, so that a shipment has one name.
        let number = number.filter(|number| number.to_string() == text);
        number.ok_or_else(|| "a shipment has a name such as S-1".to_owned())
    }
}

impl TryFrom<String> for ShipmentNumber {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<ShipmentNumber> for String {
    fn from(number: ShipmentNumber) -> Self {
        number.to_string()
    }
}

/// A shipment: the body of a 201 answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Shipment {
    /// Its number.
    pub shipment: ShipmentNumber,
    /// The order.
    #[serde(flatten)]
    pub order: OrderRequest,
    /// The key of the request, if it had one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<RequestKey>,
    /// Time of the shipment.
    pub at: UnixMillis,
}

/// The shipments of one reference, in order of number: the newest [`MAX_PAGE_SHIPMENTS`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReferencedShipments {
    /// The shipments.
    pub shipments: Vec<Shipment>,
}

/// Counters of the service, and a part of its shipments in order of number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShipmentPage {
    /// Number of `POST /orders` requests since the service started.
    pub requests: u64,
    /// Number of shipments of all time.
    pub shipped: u64,
    /// Number of requests since the start that received a recorded answer.
    pub replayed: u64,
    /// Number of requests since the start that received an error.
    pub refused: u64,
    /// Time for which a key is known, in seconds, rounded up.
    pub key_lifetime_seconds: u64,
    /// Number of units in all shipments.
    pub units: u64,
    /// Number of further `POST /orders` requests that an [`Outage`] refuses.
    #[serde(default)]
    pub outage: u64,
    /// The shipments after the number in the request.
    pub shipments: Vec<Shipment>,
    /// Whether there are shipments after these.
    pub more: bool,
}

/// The body of `GET /health`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// `ok`.
    pub status: String,
    /// The newest version of this API that the service has.
    #[serde(default = "first_version")]
    pub api: u32,
}

/// Version of the API. It changes when an older client cannot use it.
pub const API_VERSION: u32 = 1;

const fn first_version() -> u32 {
    1
}

/// The body of `PUT /outage`, and of its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Outage {
    /// Number of `POST /orders` requests that receive 503. 0 ends the outage.
    pub requests: u64,
}

/// An error (RFC 9457).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The kind of the problem, as a link to its description; [`Problem::BLANK`] if the status says everything.
    #[serde(rename = "type")]
    pub kind: String,
    /// Short description of the kind.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What happened, and what to do.
    pub detail: String,
}

impl Problem {
    /// Kind of a problem that has only the meaning of its status.
    pub const BLANK: &'static str = "about:blank";
    /// Kind of 400: the request has no key, and the service requires one.
    pub const KEY_MISSING: &'static str = "/#key-missing";
    /// Kind of 400: the header is not a key.
    pub const KEY_MALFORMED: &'static str = "/#key-malformed";
    /// Kind of 409: the first request with the key is in progress.
    pub const KEY_IN_FLIGHT: &'static str = "/#key-in-flight";
    /// Kind of 422: the key belongs to another order.
    pub const KEY_CONFLICT: &'static str = "/#key-conflict";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shipment_has_this_form() {
        let text =
            r#"{"shipment":"S-1","product":"123456","quantity":1000,"reference":"A12","key":"supplier:A12","at":7}"#;
        let shipment: Shipment = serde_json::from_str(text).unwrap();
        assert_eq!((shipment.shipment.0, shipment.order.quantity.units()), (1, 1000));
        assert_eq!(serde_json::to_string(&shipment).unwrap(), text);
        let text = text.replace(r#","key":"supplier:A12""#, "");
        let shipment: Shipment = serde_json::from_str(&text).unwrap();
        assert_eq!((&shipment.key, serde_json::to_string(&shipment).unwrap()), (&None, text));
    }

    #[test]
    fn a_shipment_has_one_name() {
        assert_eq!("S-12".parse(), Ok(ShipmentNumber(12)));
        for text in ["", "12", "s-12", "S-", "S-012", "S-+1", "S- 1", "S--1", "S-18446744073709551616"] {
            assert!(text.parse::<ShipmentNumber>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_order_has_exactly_its_fields() {
        let read = serde_json::from_str::<OrderRequest>;
        assert!(read(r#"{"reference":"A12","quantity":1,"product":"123456"}"#).is_ok());
        for text in [
            r#"{"product":"1","quantity":1}"#,
            r#"{"product":"1","quantity":1,"reference":"A","x":1}"#,
            r#"{"product":"1","quantity":1,"quantity":1,"reference":"A"}"#,
            r#"{"product":"1","quantity":0,"reference":"A"}"#,
            r#"{"product":"1","quantity":2147483648,"reference":"A"}"#,
            r#"{"product":"1","quantity":1.0,"reference":"A"}"#,
            r#"{"product":"1","quantity":"1","reference":"A"}"#,
            r#"{"product":"","quantity":1,"reference":"A"}"#,
            r#"{"product":"1","quantity":1,"reference":"ä"}"#,
            "null",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
