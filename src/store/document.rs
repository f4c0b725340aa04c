//! The document that people and other programs read: the original demo's three fields in their order and form, then
//! ours.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, Unexpected, Visitor},
};
use serde_json::ser::{PrettyFormatter, Serializer};

use crate::{
    domain::{Activity, Inventory, ProductId, Stock, sanitize},
    rounded::find_rounded,
};

/// Document of a new database, byte for byte that of the original demo.
pub const STARTING_DOCUMENT: &str = include_str!("../../assets/inventory.json");

/// The content of a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// The id of the last order; "000" before the first.
    #[serde(rename = "orderID")]
    pub last_order: String,
    /// The only product.
    #[serde(rename = "productID")]
    pub product: ProductId,
    /// Units in stock.
    #[serde(rename = "inStock", deserialize_with = "whole")]
    pub stock: Stock,
    /// Retries so far; `None` in a starting document.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub retries: Option<Retries>,
    /// Journal line that the document shows; `None` in a starting document or if another program wrote the document.
    #[serde(skip_serializing_if = "Option::is_none", default, deserialize_with = "whole_if_any")]
    pub seq: Option<u64>,
}

/// Retries per activity: the sum of (attempts - 1) over all executions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retries {
    /// Retries of the inventory update.
    #[serde(rename = "UpdateInventoryActivity", deserialize_with = "whole")]
    pub update_inventory: u64,
    /// Retries of the supplier order.
    #[serde(rename = "SupplierOrderActivity", deserialize_with = "whole")]
    pub supplier_order: u64,
}

impl Retries {
    /// The retries that `inventory` has counted.
    pub(super) const fn of(inventory: &Inventory) -> Self {
        Self {
            update_inventory: inventory.retries(Activity::UpdateInventory),
            supplier_order: inventory.retries(Activity::SupplierOrder),
        }
    }

    /// Adds retries whose attempts are not in the journal any more.
    pub(super) const fn add_to(&self, inventory: &mut Inventory) {
        inventory.add_retries(Activity::UpdateInventory, self.update_inventory);
        inventory.add_retries(Activity::SupplierOrder, self.supplier_order);
    }

    /// Subtracts those of `other`; `None` if it has more.
    pub(super) fn minus(&self, other: &Self) -> Option<Self> {
        let update_inventory = self.update_inventory.checked_sub(other.update_inventory)?;
        Some(Self { update_inventory, supplier_order: self.supplier_order.checked_sub(other.supplier_order)? })
    }

    /// The retries of an activity.
    #[must_use]
    pub const fn of_activity(&self, activity: Activity) -> u64 {
        match activity {
            Activity::UpdateInventory => self.update_inventory,
            Activity::SupplierOrder => self.supplier_order,
        }
    }
}

/// Maximum size of a document that is read, in bytes. Ours have about 200.
pub(super) const MAX_DOCUMENT_BYTES: usize = 1 << 20;

/// Maximum number of characters of a wrong number in a message.
const MAX_NUMBER_CHARS: usize = 40;

/// The reason why a file is not a document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it is not an inventory document: {0}")]
pub struct DocumentError(String);

impl Document {
    /// Returns the document for `inventory` after journal line `seq`. After the first line it is a starting document,
    /// which has only the original demo's three fields.
    #[must_use]
    pub fn of(inventory: &Inventory, seq: u64) -> Self {
        let retries = Retries::of(inventory);
        let begun = seq > 1;
        Self {
            last_order: inventory.last_order.clone(),
            product: inventory.product.clone(),
            stock: inventory.stock,
            retries: begun.then_some(retries),
            seq: begun.then_some(seq),
        }
    }

    /// Returns the bytes of the file: indented by four spaces, with a line feed at the end.
    ///
    /// # Errors
    /// Returns the encoder's error if JSON cannot represent a value; it can represent every value of this type.
    pub fn render(&self) -> serde_json::Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(256);
        self.serialize(&mut Serializer::with_formatter(&mut bytes, PrettyFormatter::with_indent(b"    ")))?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// Reads a document from this or another program. It may contain a byte order mark, `774.0` for 774, and other
    /// fields.
    ///
    /// # Errors
    /// Returns [`DocumentError`] if it is not a JSON object with the original demo's three fields.
    pub fn parse(bytes: &[u8]) -> Result<Self, DocumentError> {
        if bytes.len() > MAX_DOCUMENT_BYTES {
            return Err(DocumentError("it is larger than 1 MiB".to_owned()));
        }
        if let Some(encoding) = wide_encoding(bytes) {
            return Err(DocumentError(format!("its text is {encoding}; save it as UTF-8")));
        }
        let text = bytes.strip_prefix(UTF8_MARK).unwrap_or(bytes);
        let document = serde_json::from_slice(text).map_err(|error| DocumentError(error.to_string()))?;
        match find_rounded(text) {
            Some(number) => Err(DocumentError(format!("{} is not a whole number", sanitize(number, MAX_NUMBER_CHARS)))),
            None => Ok(document),
        }
    }
}

const UTF8_MARK: &[u8] = b"\xef\xbb\xbf";

/// Returns the encoding of a text that is not UTF-8. It follows from the byte order mark, or from the zero bytes around
/// the first character, which is ASCII in JSON (RFC 4627, section 3).
const fn wide_encoding(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] | [0, 0, 0, 1..=0x7f, ..] | [1..=0x7f, 0, 0, 0, ..] => {
            Some("UTF-32")
        }
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, 1..=0x7f, ..] | [1..=0x7f, 0, ..] => Some("UTF-16"),
        _ => None,
    }
}

/// Deserialises a whole number, also in the forms of other programs: `774.0`, `1e3`.
fn whole<'de, D: Deserializer<'de>, N: TryFrom<i64> + TryFrom<u64>>(from: D) -> Result<N, D::Error> {
    from.deserialize_any(WholeNumber(PhantomData))
}

fn whole_if_any<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    #[derive(Deserialize)]
    struct Whole(#[serde(deserialize_with = "whole")] u64);
    Ok(Option::<Whole>::deserialize(from)?.map(|Whole(number)| number))
}

struct WholeNumber<N>(PhantomData<N>);

impl<N: TryFrom<i64> + TryFrom<u64>> Visitor<'_> for WholeNumber<N> {
    type Value = N;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number without quotes")
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<N, E> {
        N::try_from(number).map_err(|_| E::invalid_value(Unexpected::Signed(number), &self))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<N, E> {
        N::try_from(number).map_err(|_| E::invalid_value(Unexpected::Unsigned(number), &self))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<N, E> {
        /// Number from which on a float cannot represent every whole number.
        const FIRST_INEXACT: f64 = 9_007_199_254_740_992.0;
        if number.fract() == 0.0 && number.abs() < FIRST_INEXACT {
            #[expect(clippy::cast_possible_truncation, reason = "whole and within 53 bits")]
            return self.visit_i64(number as i64);
        }
        Err(E::invalid_value(Unexpected::Float(number), &self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_starting_document_is_the_originals_and_renders_to_itself() {
        let document = Document::parse(STARTING_DOCUMENT.as_bytes()).unwrap();
        assert_eq!((document.last_order.as_str(), document.stock, document.seq), ("000", 1000, None));
        assert_eq!(document.render().unwrap(), STARTING_DOCUMENT.as_bytes());
    }

    #[test]
    fn a_document_saved_by_another_editor_is_read() {
        let text = "{\r\n  \"orderID\": \"A\",\r\n  \"productID\": \"123456\",\r\n  \"inStock\": NUMBER\r\n}\r\n";
        for (number, stock) in [("774", 774), ("774.0", 774), ("7.74e2", 774), ("-0.0", 0), ("-5.0", -5)] {
            let text = text.replace("NUMBER", number);
            assert_eq!(Document::parse(text.as_bytes()).unwrap().stock, stock, "{number}");
            assert_eq!(Document::parse(format!("\u{feff}{text}").as_bytes()).unwrap().stock, stock, "{number}");
        }
        for number in ["774.5", "1e300", "9007199254740993.0", "\"773\"", "null", "[1]", "99999999999999999999"] {
            let error = Document::parse(text.replace("NUMBER", number).as_bytes()).unwrap_err().to_string();
            assert!(error.contains("line 4"), "{number}: {error}");
        }
        let error = Document::parse(text.replace("NUMBER", "774.0000000000000001").as_bytes()).unwrap_err().to_string();
        assert!(error.contains("774.0000000000000001 is not a whole number"), "{error}");
        let with_seq = text.replace("NUMBER", "1, \"seq\": 17.0");
        assert_eq!(Document::parse(with_seq.as_bytes()).unwrap().seq, Some(17));
    }

    #[test]
    fn a_file_that_is_not_a_document_is_named() {
        let wide = |order: fn(u16) -> [u8; 2]| STARTING_DOCUMENT.encode_utf16().flat_map(order).collect::<Vec<_>>();
        let little = wide(u16::to_le_bytes);
        for text in [[&[0xff, 0xfe], little.as_slice()].concat(), little, wide(u16::to_be_bytes)] {
            let error = Document::parse(&text).unwrap_err().to_string();
            assert!(error.contains("UTF-16; save it as UTF-8"), "{error}");
        }
        let error = Document::parse(&vec![b' '; MAX_DOCUMENT_BYTES + 1]).unwrap_err().to_string();
        assert!(error.contains("larger than 1 MiB"), "{error}");
    }

    #[test]
    fn our_fields_come_after_the_originals() {
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
