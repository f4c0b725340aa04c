//! Orders and supplier orders, the rules that they must meet, and the numbers of the demo.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Activity, IdempotencyKey, OrderId, Payload, ProductId};

/// Units in stock. Signed: without a guard the stock can go below zero, and the audience must see it.
pub type Stock = i64;

/// The most units that one order may ask for: the largest that every client can send, also one whose numbers have
/// 32 bits. No order can bring the stock near the end of its 64 bits.
pub const MAX_QUANTITY: i64 = (1 << 31) - 1;

/// What a quantity must be, for every message about one that is not.
#[must_use]
pub fn expected_quantity() -> String {
    format!("a whole number from 1 to {MAX_QUANTITY}")
}

/// A supplier order is made when the stock is below this.
pub const REORDER_BELOW: Stock = 2;

/// What the workflow asks of the supplier.
pub const SUPPLIER_QUANTITY: i64 = 1000;

/// A customer's order. The quantity is as it came: [`super::Inventory::decide`] judges it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    pub id: OrderId,
    pub product: ProductId,
    pub quantity: i64,
}

/// "If the stock is low, credit this much", on behalf of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SupplierOrder {
    pub order: OrderId,
    pub product: ProductId,
    pub quantity: i64,
}

/// What an activity wants to do to the stock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    Order(Order),
    Supplier(SupplierOrder),
}

impl Effect {
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

    #[must_use]
    pub fn order_id(&self) -> &OrderId {
        match self {
            Self::Order(order) => &order.id,
            Self::Supplier(supplier) => &supplier.order,
        }
    }

    #[must_use]
    pub fn product(&self) -> &ProductId {
        match self {
            Self::Order(order) => &order.product,
            Self::Supplier(supplier) => &supplier.product,
        }
    }

    #[must_use]
    pub const fn quantity(&self) -> i64 {
        match self {
            Self::Order(order) => order.quantity,
            Self::Supplier(supplier) => supplier.quantity,
        }
    }

    /// What must be the same for a repetition to be the same effect: everything except the key.
    #[must_use]
    pub fn payload(&self) -> Payload {
        Payload::Units { quantity: self.quantity(), product: self.product().clone() }
    }
}

/// Why the rules do not allow an effect. Trying again changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason")]
pub enum Rejection {
    InvalidOrder { message: String },
    InvalidQuantity { quantity: i64 },
    UnknownProduct { product: String, known: ProductId },
    InsufficientStock { quantity: i64, stock: Stock },
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

    /// The application failure's type, stable for clients that match on it.
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
                write!(f, "product {product} is not in the inventory, which holds {known}")
            }
            Self::InsufficientStock { quantity, stock } => {
                write!(f, "{quantity} units were ordered, but only {stock} are in stock")
            }
        }
    }
}
