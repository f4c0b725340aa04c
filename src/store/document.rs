//! The document that people and other programs read: the seed's three fields first, in its order and form, then ours.

use serde::{Deserialize, Serialize};
use serde_json::ser::{PrettyFormatter, Serializer};

use crate::domain::{Activity, Inventory, ProductId, Stock};

/// The document that a new database starts from, byte for byte the seed's.
pub const STARTING_DOCUMENT: &str = include_str!("../../assets/inventory.json");

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    #[serde(rename = "orderID")]
    pub last_order: String,
    #[serde(rename = "productID")]
    pub product: ProductId,
    #[serde(rename = "inStock")]
    pub stock: Stock,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub retries: Option<Retries>,
    /// The journal line that the document shows; `None` in a starting document, and in one that another program wrote.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub seq: Option<u64>,
}

/// Retries per activity: the sum over its executions of (attempts - 1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retries {
    #[serde(rename = "UpdateInventoryActivity")]
    pub update_inventory: u64,
    #[serde(rename = "SupplierOrderActivity")]
    pub supplier_order: u64,
}

/// Why a file is no document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it is no inventory document: {0}")]
pub struct DocumentError(String);

impl Document {
    /// What `inventory` looks like after journal line `seq`. After the first line it is a starting document: the
    /// seed's three fields and nothing else.
    #[must_use]
    pub fn of(inventory: &Inventory, seq: u64) -> Self {
        let retries = Retries {
            update_inventory: inventory.retries(Activity::UpdateInventory),
            supplier_order: inventory.retries(Activity::SupplierOrder),
        };
        let begun = seq > 1;
        Self {
            last_order: inventory.last_order.clone(),
            product: inventory.product.clone(),
            stock: inventory.stock,
            retries: begun.then_some(retries),
            seq: begun.then_some(seq),
        }
    }

    /// The bytes on disk: indented by four spaces, with a line feed at the end.
    ///
    /// # Errors
    /// None that can happen: the type has only keys and values that JSON knows.
    pub fn render(&self) -> serde_json::Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(256);
        self.serialize(&mut Serializer::with_formatter(&mut bytes, PrettyFormatter::with_indent(b"    ")))?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// Reads a document, ours or one that another program wrote. Fields that we do not know are ignored.
    ///
    /// # Errors
    /// [`DocumentError`] where it is no JSON object with the seed's three fields.
    pub fn parse(bytes: &[u8]) -> Result<Self, DocumentError> {
        serde_json::from_slice(bytes).map_err(|error| DocumentError(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_starting_document_is_the_seeds_and_renders_to_itself() {
        let document = Document::parse(STARTING_DOCUMENT.as_bytes()).unwrap();
        assert_eq!((document.last_order.as_str(), document.stock, document.seq), ("000", 1000, None));
        assert_eq!(document.render().unwrap(), STARTING_DOCUMENT.as_bytes());
    }

    #[test]
    fn our_fields_come_after_the_seeds() {
        let mut document = Document::parse(STARTING_DOCUMENT.as_bytes()).unwrap();
        document.retries = Some(Retries { update_inventory: 3, supplier_order: 1 });
        document.seq = Some(17);
        let text = String::from_utf8(document.render().unwrap()).unwrap();
        let expected = "{\n    \"orderID\": \"000\",\n    \"productID\": \"123456\",\n    \"inStock\": 1000,\n    \
                        \"retries\": {\n        \"UpdateInventoryActivity\": 3,\n        \"SupplierOrderActivity\": 1\n    \
                        },\n    \"seq\": 17\n}\n";
        assert_eq!(text, expected);
        assert_eq!(Document::parse(text.as_bytes()).unwrap(), document);
    }
}
