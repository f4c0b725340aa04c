//! A worker's supplier: sends an order before its units are credited.

use std::time::Duration;

use crate::{
    domain::{IdempotencyKey, KeyPolicy, ShipmentId, SupplierOrder, Supply},
    supplier::{
        Sent, SupplierClient, SupplierError,
        api::{OrderRequest, Quantity},
    },
};

/// Maximum time for one request to the supplier.
const REQUEST_LIMIT: Duration = Duration::from_secs(5);

/// Time before the end of an attempt at which it no longer waits for the supplier, so that it can still report that.
const MARGIN: Duration = Duration::from_millis(500);

/// Minimum time for one request, even if the attempt ends sooner.
const MIN_LIMIT: Duration = Duration::from_millis(100);

/// The supplier of a worker, and how it recognises a repetition.
#[derive(Debug, Clone)]
pub struct Supplier {
    /// The client.
    pub client: SupplierClient,
    /// The policy for orders that specify none.
    pub policy: KeyPolicy,
}

impl Supplier {
    /// Returns the supplier for an order; `None` if its units are credited at once. An order without `supply` has the
    /// worker's setting.
    pub(super) fn of(&self, supply: Option<Supply>) -> Option<Self> {
        match supply.unwrap_or(Supply::Shipped(self.policy)) {
            Supply::Immediate => None,
            Supply::Shipped(policy) => Some(Self { policy, ..self.clone() }),
        }
    }

    /// Returns the newest shipment of an order whose units have been shipped; `None` if an order has to be sent. `left` is
    /// the time until the attempt ends.
    ///
    /// # Errors
    /// [`SupplierError`] if the supplier does not answer. Asking ships nothing.
    pub(super) async fn look_up(
        &self,
        order: &SupplierOrder,
        left: Option<Duration>,
    ) -> Result<Option<ShipmentId>, SupplierError> {
        match self.policy {
            KeyPolicy::Lookup => Ok(self.client.find(&order.order, limit(left)).await?.pop()),
            KeyPolicy::Header | KeyPolicy::Outbox | KeyPolicy::None => Ok(None),
        }
    }

    /// Sends an order.
    ///
    /// # Errors
    /// [`SupplierError`] unless the supplier confirms the shipment.
    pub(super) async fn send(&self, order: &SupplierOrder, left: Option<Duration>) -> Result<Sent, SupplierError> {
        let key = match self.policy {
            KeyPolicy::Header | KeyPolicy::Outbox => Some(IdempotencyKey::supplier(&order.order)),
            KeyPolicy::Lookup | KeyPolicy::None => None,
        };
        let request = OrderRequest {
            product: order.product.clone(),
            quantity: Quantity::new(order.quantity).ok_or(SupplierError::Quantity { quantity: order.quantity })?,
            reference: order.order.clone(),
        };
        self.client.send(&request, key.as_ref(), limit(left)).await
    }
}

/// Maximum time for a request if the attempt ends after `left`. Nothing waits for an attempt whose time is over.
fn limit(left: Option<Duration>) -> Duration {
    match left {
        None | Some(Duration::ZERO) => REQUEST_LIMIT,
        Some(left) => left.saturating_sub(MARGIN).clamp(MIN_LIMIT, REQUEST_LIMIT),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_ends_before_its_attempt_does() {
        let limits = [Some(60_000), Some(3_000), Some(550), Some(1), Some(0), None]
            .map(|left| limit(left.map(Duration::from_millis)));
        assert_eq!(limits, [5_000, 2_500, 100, 100, 5_000, 5_000].map(Duration::from_millis));
    }
}
