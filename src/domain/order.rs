//! Orders and supplier orders, the reasons to reject them, and the numbers of the demo.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Activity, Delivery, IdempotencyKey, OrderId, Payload, ProductId};

/// Units in stock. Signed: without a guard the stock can go below zero, and the screen shows that.
pub type Stock = i64;

/// Maximum number of units of an order. Clients with 32-bit numbers can send it, and no order can overflow the stock.
pub const MAX_QUANTITY: i64 = (1 << 31) - 1;

/// Description of a valid quantity, for every message about an invalid one.
#[must_use]
pub fn expected_quantity() -> String {
    format!("a whole number from 1 to {MAX_QUANTITY}")
}

/// Number of units in stock below which a supplier order is made.
pub const REORDER_BELOW: Stock = 2;

/// Number of units of a supplier order.
pub const SUPPLIER_QUANTITY: i64 = 1000;

/// A customer's order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Its id.
    pub id: OrderId,
    /// The ordered product.
    pub product: ProductId,
    /// Number of units as received; [`super::Inventory::decide`] validates it.
    pub quantity: i64,
}

/// A request to add units if the stock is low, on behalf of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SupplierOrder {
    /// The order that it belongs to.
    pub order: OrderId,
    /// The product.
    pub product: ProductId,
    /// Number of units to add.
    pub quantity: i64,
    /// Where the units come from.
    #[serde(skip)]
    pub delivery: Delivery,
}

/// The change of the stock that an activity asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Take units out.
    Order(Order),
    /// Add units if the stock is low.
    Supplier(SupplierOrder),
}

impl Effect {
    /// The key under which the ledger records it.
    #[must_use]
    pub fn key(&self) -> IdempotencyKey {
        match self {
            Self::Order(order) => IdempotencyKey::order(&order.id),
            Self::Supplier(supplier) => IdempotencyKey::supplier(&supplier.order),
        }
    }

    /// The activity that applies it.
    #[must_use]
    pub const fn activity(&self) -> Activity {
        match self {
            Self::Order(_) => Activity::UpdateInventory,
            Self::Supplier(_) => Activity::SupplierOrder,
        }
    }

    /// The order that it belongs to.
    #[must_use]
    pub fn order_id(&self) -> &OrderId {
        match self {
            Self::Order(order) => &order.id,
            Self::Supplier(supplier) => &supplier.order,
        }
    }

    /// The product.
    #[must_use]
    pub fn product(&self) -> &ProductId {
        match self {
            Self::Order(order) => &order.product,
            Self::Supplier(supplier) => &supplier.product,
        }
    }

    /// Number of units, not validated.
    #[must_use]
    pub const fn quantity(&self) -> i64 {
        match self {
            Self::Order(order) => order.quantity,
            Self::Supplier(supplier) => supplier.quantity,
        }
    }

    /// What must be the same for a repetition to be the same effect: everything except the key and the delivery.
    #[must_use]
    pub fn payload(&self) -> Payload {
        Payload::Units { quantity: self.quantity(), product: self.product().clone() }
    }
}

/// Why the rules do not allow an effect. A retry cannot succeed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason")]
pub enum Rejection {
    /// The order cannot be read.
    InvalidOrder {
        /// What is wrong with it.
        message: String,
    },
    /// The quantity is not from 1 to [`MAX_QUANTITY`].
    InvalidQuantity {
        /// The ordered quantity.
        quantity: i64,
    },
    /// The inventory does not have the product.
    UnknownProduct {
        /// The ordered product.
        product: String,
        /// The inventory's product.
        known: ProductId,
    },
    /// The order is larger than the stock.
    InsufficientStock {
        /// The ordered quantity.
        quantity: i64,
        /// Units in stock.
        stock: Stock,
    },
}

impl Rejection {
    const INVALID_ORDER: &'static str = "InvalidOrder";
    const INVALID_QUANTITY: &'static str = "InvalidQuantity";
    const UNKNOWN_PRODUCT: &'static str = "UnknownProduct";
    /// The type of [`Self::InsufficientStock`].
    pub const INSUFFICIENT_STOCK: &'static str = "InsufficientStock";

    /// The types of all rejections.
    pub const TYPE_NAMES: [&'static str; 4] =
        [Self::INVALID_ORDER, Self::INVALID_QUANTITY, Self::UNKNOWN_PRODUCT, Self::INSUFFICIENT_STOCK];

    /// The type of the application failure. Stable, because clients match on it.
    #[must_use]
    pub const fn type_name(&self) -> &'static str {
        match self {
            Self::InvalidOrder { .. } => Self::INVALID_ORDER,
            Self::InvalidQuantity { .. } => Self::INVALID_QUANTITY,
            Self::UnknownProduct { .. } => Self::UNKNOWN_PRODUCT,
            Self::InsufficientStock { .. } => Self::INSUFFICIENT_STOCK,
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidOrder { message } => write!(f, "the order is malformed: {message}"),
            Self::InvalidQuantity { quantity } => {
                write!(f, "the order is malformed: Quantity: expected {}, found {quantity}", expected_quantity())
            }
            Self::UnknownProduct { product, known } => {
                write!(f, "product {product} is not in the inventory, which has {known}")
            }
            Self::InsufficientStock { quantity, stock } => {
                write!(f, "{quantity} units were ordered, but only {stock} are in stock")
            }
        }
    }
}
