//! Reads orders from any sender. The error for an invalid order names the field, the expected value and the value
//! found.
//!
//! If an input does not fit its type, the SDK fails the workflow task and retries it without limit. The types here
//! accept every input, so that the workflow and the activities can reject an invalid order permanently. A payload that
//! is still encrypted is not an invalid order: the task fails, since a worker with the key can read the payload.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value};
use temporalio_common::{
    data_converters::{
        GenericPayloadConverter as _, PayloadConversionError, SerializationContext, TemporalDeserializable,
        TemporalSerializable,
    },
    protos::temporal::api::common::v1::Payload,
};

use super::{
    payload_json::{MAX_SHOWN_CHARS, ORDER, json},
    wire::{Demo, OrderInput, RetrySettings, SupplierInput},
};
use crate::{
    domain::{Guard, OrderId, ProductId, Rejection, expected_quantity, sanitize},
    faults::{FaultPlan, Seed},
};

/// Maximum delay and timeout of `Demo.Retry`, in milliseconds: 365 days.
const MAX_RETRY_MILLIS: u64 = 365 * 24 * 3_600 * 1_000;

/// Maximum number of attempts on the server, which stores a signed 32-bit number.
const MAX_ATTEMPTS: u64 = i32::MAX as u64;

/// 2^53. From this value on, distinct whole numbers have the same floating-point value.
const FIRST_INEXACT: f64 = 9_007_199_254_740_992.0;

/// Why an input is not a valid order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvalidOrder {
    /// The order's id, if it could be read.
    pub order: Option<OrderId>,
    /// The field, the expected value, and the value found.
    pub message: String,
}

impl InvalidOrder {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { order: None, message: message.into() }
    }

    pub(super) fn rejection(&self) -> Rejection {
        Rejection::InvalidOrder { message: self.message.clone() }
    }
}

/// The argument of the workflow and of the first activity: an order, or why it is not one.
#[derive(Debug, Clone)]
pub struct OrderArgument(pub Result<OrderInput, InvalidOrder>);

/// The arguments of the supplier activity, or why they are wrong.
#[derive(Debug, Clone)]
pub struct SupplierArguments(pub Result<SupplierInput, InvalidOrder>);

impl From<OrderInput> for OrderArgument {
    fn from(order: OrderInput) -> Self {
        Self(Ok(order))
    }
}

impl From<SupplierInput> for SupplierArguments {
    fn from(input: SupplierInput) -> Self {
        Self(Ok(input))
    }
}

impl TemporalSerializable for OrderArgument {
    fn to_payload(&self, context: &SerializationContext<'_>) -> Result<Payload, PayloadConversionError> {
        match &self.0 {
            Ok(order) => context.converter.to_payload(context, order),
            Err(invalid) => Err(PayloadConversionError::EncodingError(invalid.message.clone().into())),
        }
    }
}

impl TemporalDeserializable for OrderArgument {
    fn from_payloads(_: &SerializationContext<'_>, payloads: Vec<Payload>) -> Result<Self, PayloadConversionError> {
        let [payload] = payloads.as_slice() else {
            let count = payloads.len();
            return Ok(Self(Err(InvalidOrder::new(format!("expected {ORDER}, found {count} arguments")))));
        };
        Ok(Self(json(payload)?.map_err(InvalidOrder::new).and_then(|value| order(&value))))
    }
}

/// Used by a worker that leaves invalid orders to the SDK, as in the benchmarks.
impl TemporalDeserializable for OrderInput {
    fn from_payload(context: &SerializationContext<'_>, payload: Payload) -> Result<Self, PayloadConversionError> {
        let OrderArgument(read) = OrderArgument::from_payloads(context, vec![payload])?;
        read.map_err(|invalid| PayloadConversionError::EncodingError(invalid.message.into()))
    }
}

impl TemporalSerializable for SupplierArguments {
    fn to_payloads(&self, context: &SerializationContext<'_>) -> Result<Vec<Payload>, PayloadConversionError> {
        let input = self.0.as_ref();
        let input = input.map_err(|invalid| PayloadConversionError::EncodingError(invalid.message.clone().into()))?;
        let mut payloads = vec![
            context.converter.to_payload(context, &input.item)?,
            context.converter.to_payload(context, &input.quantity)?,
        ];
        if let Some(order) = &input.order {
            payloads.push(context.converter.to_payload(context, order)?);
        }
        Ok(payloads)
    }
}

impl TemporalDeserializable for SupplierArguments {
    fn from_payloads(_: &SerializationContext<'_>, payloads: Vec<Payload>) -> Result<Self, PayloadConversionError> {
        let values: Result<Vec<_>, _> = payloads.iter().map(json).collect();
        let values: Result<Vec<_>, _> = values?.into_iter().collect();
        Ok(Self(values.map_err(InvalidOrder::new).and_then(|values| supplier_input(&values))))
    }
}

/// Reads an order.
///
/// # Errors
/// Returns [`InvalidOrder`] if a field is missing, misspelled or has a wrong value.
pub(super) fn order(value: &Value) -> Result<OrderInput, InvalidOrder> {
    let Value::Object(fields) = value else {
        return Err(InvalidOrder::new(format!("expected {ORDER}, found {}", shown(value))));
    };
    let fields = Fields { prefix: "", fields };
    // Unknown fields, such as the fork's PaymentInfo, are ignored.
    fields.check_names(&["OrderID", "Item", "Quantity", "Demo"], false).map_err(InvalidOrder::new)?;
    let order = fields.id("OrderID", OrderId::new).map_err(InvalidOrder::new)?;
    let rest = || -> Result<OrderInput, String> {
        fields.check_product()?;
        let item = fields.id("Item", ProductId::new)?;
        let quantity = fields.quantity("Quantity")?;
        let demo = fields.object("Demo")?.map(|demo| read_demo(&demo)).transpose()?;
        Ok(OrderInput { order: order.to_string(), item: item.to_string(), quantity, demo })
    };
    rest().map_err(|message| InvalidOrder { order: Some(order.clone()), message })
}

fn supplier_input(values: &[Value]) -> Result<SupplierInput, InvalidOrder> {
    let (item, quantity, order_value) = match values {
        [item, quantity] => (item, quantity, None),
        [item, quantity, order] => (item, quantity, Some(order)),
        _ => {
            let count = values.len();
            let message = format!("expected 2 or 3 arguments, the item, the quantity and the order, found {count}");
            return Err(InvalidOrder::new(message));
        }
    };
    let order = order_value.filter(|order| !order.is_null()).map(order).transpose()?;
    let id = order.as_ref().and_then(|order| OrderId::new(order.order.as_str()).ok());
    let read = || -> Result<(String, i64), String> {
        let text = id_text("the first argument, the item", item)?;
        let item = ProductId::new(text).map_err(|problem| format!("the first argument, the item: {problem}"))?;
        Ok((item.to_string(), whole("the second argument, the quantity", quantity)?))
    };
    let (item, quantity) = read().map_err(|message| InvalidOrder { order: id, message })?;
    Ok(SupplierInput { item, quantity, order })
}

fn read_demo(fields: &Fields<'_>) -> Result<Demo, String> {
    fields.check_names(&["Faults", "Seed", "Guard", "Supplier", "Retry"], true)?;
    let faults = match fields.text("Faults")? {
        Some(text) if !text.is_empty() => {
            text.parse::<FaultPlan>().map_err(|problem| format!("Demo.Faults: {problem}"))?;
            text.to_owned()
        }
        _ => String::new(),
    };
    let guard = match fields.text("Guard")? {
        Some(text) => text.parse().map_err(|problem| format!("Demo.Guard: {problem}"))?,
        None => Guard::default(),
    };
    let supplier =
        fields.text("Supplier")?.map(|text| text.parse().map_err(|problem| format!("Demo.Supplier: {problem}")));
    let supplier = supplier.transpose()?;
    let seed: Seed = fields.unsigned("Seed", 0, u64::MAX)?.unwrap_or_default();
    let retry = fields.object("Retry")?.map(|retry| read_retry(&retry)).transpose()?;
    Ok(Demo { faults, seed, guard, supplier, retry: retry.unwrap_or_default() })
}

/// Reads the retry settings. With the values that this function refuses, the server would refuse the workflow's command
/// repeatedly.
fn read_retry(fields: &Fields<'_>) -> Result<RetrySettings, String> {
    let [initial, coefficient, maximum, attempts, timeout] = [
        "InitialIntervalMillis",
        "BackoffCoefficient",
        "MaximumIntervalMillis",
        "MaximumAttempts",
        "StartToCloseMillis",
    ];
    fields.check_names(&[initial, coefficient, maximum, attempts, timeout], true)?;
    let default = RetrySettings::default();
    let millis =
        |name, default| fields.unsigned(name, 1, MAX_RETRY_MILLIS).map(|given: Option<u64>| given.unwrap_or(default));
    let retry = RetrySettings {
        initial_interval_millis: millis(initial, default.initial_interval_millis)?,
        backoff_coefficient: fields.coefficient(coefficient)?.unwrap_or(default.backoff_coefficient),
        maximum_interval_millis: millis(maximum, default.maximum_interval_millis)?,
        maximum_attempts: fields
            .unsigned(attempts, 0, MAX_ATTEMPTS)?
            .and_then(|attempts| u32::try_from(attempts).ok())
            .unwrap_or(default.maximum_attempts),
        start_to_close_millis: millis(timeout, default.start_to_close_millis)?,
    };
    let (first, longest) = (retry.initial_interval_millis, retry.maximum_interval_millis);
    if first > longest {
        return Err(format!(
            "{0}{maximum}: expected at least {first}, the value of {0}{initial}, found {longest}",
            fields.prefix
        ));
    }
    Ok(retry)
}

/// The fields of an object.
struct Fields<'a> {
    /// Prefix of a field's name in messages: empty, `Demo.` or `Demo.Retry.`.
    prefix: &'static str,
    fields: &'a Map<String, Value>,
}

impl<'a> Fields<'a> {
    /// Refuses names that differ from a known one only in case and separators, since their values would be ignored. A
    /// `strict` check refuses every unknown name.
    fn check_names(&self, known: &[&str], strict: bool) -> Result<(), String> {
        for name in self.fields.keys().filter(|name| !known.contains(&name.as_str())) {
            let shown = format!("{}{}", self.prefix, sanitize(name, MAX_SHOWN_CHARS));
            if let Some(meant) = known.iter().find(|known| plain(known) == plain(name)) {
                return Err(format!("{shown}: the field is called '{meant}'"));
            }
            if strict {
                return Err(format!("{shown}: there is no such field; the fields are {}", known.join(", ")));
            }
        }
        Ok(())
    }

    /// Refuses a field such as `ProductId`, which would be ignored, unless its value is that of `Item`.
    fn check_product(&self) -> Result<(), String> {
        let Some((name, product)) = self.fields.iter().find(|(name, _)| plain(name) == "productid") else {
            return Ok(());
        };
        let name = sanitize(name, MAX_SHOWN_CHARS);
        let Some(item) = self.fields.get("Item") else { return Err(format!("{name}: the field is called 'Item'")) };
        if id_text("", product) == id_text("", item) {
            return Ok(());
        }
        Err(format!("{name}: expected the same as Item, which is {}, found {}", shown(item), shown(product)))
    }

    /// Returns the value of a field; `None` if it is absent or null.
    fn get(&self, name: &str) -> Option<&'a Value> {
        self.fields.get(name).filter(|value| !value.is_null())
    }

    fn required(&self, name: &str, expected: &str) -> Result<&'a Value, String> {
        let missing = || format!("{}{name}: expected {expected}, but the field is missing", self.prefix);
        self.fields.get(name).ok_or_else(missing)
    }

    fn id<T, E: fmt::Display>(&self, name: &str, parse: impl FnOnce(String) -> Result<T, E>) -> Result<T, String> {
        let text = id_text(name, self.required(name, "a text")?)?;
        parse(text).map_err(|problem| format!("{}{name}: {problem}", self.prefix))
    }

    fn quantity(&self, name: &str) -> Result<i64, String> {
        whole(name, self.required(name, &expected_quantity())?)
    }

    fn mismatch(&self, name: &str, expected: &str, value: &Value) -> String {
        format!("{}{name}: expected {expected}, found {}", self.prefix, shown(value))
    }

    fn text(&self, name: &str) -> Result<Option<&'a str>, String> {
        let text = |value: &'a Value| value.as_str().ok_or_else(|| self.mismatch(name, "a text", value));
        self.get(name).map(text).transpose()
    }

    fn object(&self, name: &'static str) -> Result<Option<Fields<'a>>, String> {
        let prefix = if name == "Demo" { "Demo." } else { "Demo.Retry." };
        let object = |value: &'a Value| match value {
            Value::Object(fields) => Ok(Fields { prefix, fields }),
            other => Err(self.mismatch(name, "an object", other)),
        };
        self.get(name).map(object).transpose()
    }

    fn unsigned(&self, name: &str, least: u64, most: u64) -> Result<Option<u64>, String> {
        let read = |value: &Value| {
            let number = match value {
                Value::Number(number) => number.as_u64().or_else(|| u64::try_from(exact(number)?).ok()),
                Value::String(text) => text.parse().ok(),
                _ => None,
            };
            let fits = number.filter(|number| (least..=most).contains(number));
            fits.ok_or_else(|| self.mismatch(name, &format!("a whole number from {least} to {most}"), value))
        };
        self.get(name).map(read).transpose()
    }

    fn coefficient(&self, name: &str) -> Result<Option<f64>, String> {
        let read = |value: &Value| {
            let fits = value.as_f64().filter(|coefficient| coefficient.is_finite() && *coefficient >= 1.0);
            fits.ok_or_else(|| self.mismatch(name, "a number of at least 1", value))
        };
        self.get(name).map(read).transpose()
    }
}

/// Returns a field's name in lower case and without separators.
fn plain(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect()
}

/// Reads an id as text. A whole number is accepted if it converts without loss.
fn id_text(name: &str, value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => {
            let whole = number.as_u64().map(|number| number.to_string());
            whole.or_else(|| exact(number).map(|number| number.to_string()))
        }
        .ok_or_else(|| format!("{name}: expected a text, found {}", shown(value))),
        other => Err(format!("{name}: expected a text, found {}", shown(other))),
    }
}

/// Reads a whole number, also in the forms `999.0` and `"999"`. The store checks whether it is a possible quantity.
fn whole(name: &str, value: &Value) -> Result<i64, String> {
    let number = match value {
        Value::Number(number) => exact(number),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    number.ok_or_else(|| format!("{name}: expected {}, found {}", expected_quantity(), shown(value)))
}

/// Converts a number, if that loses nothing.
fn exact(number: &Number) -> Option<i64> {
    number.as_i64().or_else(|| {
        let float = number.as_f64().filter(|float| float.fract() == 0.0 && float.abs() < FIRST_INEXACT)?;
        format!("{float:.0}").parse().ok()
    })
}

/// Returns a value as shown in a message.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => format!("the text '{}'", sanitize(text, MAX_SHOWN_CHARS)),
        Value::Array(_) => "an array".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use temporalio_common::data_converters::{PayloadConverter, SerializationContextData};

    use super::*;

    fn payload(encoding: &str, data: &[u8]) -> Payload {
        let metadata = [("encoding".to_owned(), encoding.as_bytes().to_vec())].into();
        Payload { metadata, data: data.to_vec(), ..Payload::default() }
    }

    fn read<T: TemporalDeserializable + 'static>(payloads: Vec<Payload>) -> Result<T, PayloadConversionError> {
        let converter = PayloadConverter::default();
        let context = SerializationContext::new(&SerializationContextData::None, &converter);
        converter.from_payloads::<T>(&context, payloads)
    }

    fn order_of(text: &str) -> Result<OrderInput, InvalidOrder> {
        read::<OrderArgument>(vec![payload("json/plain", text.as_bytes())]).unwrap().0
    }

    fn with(more: &str) -> String {
        format!(r#"{{"OrderID":"A","Item":"123456","Quantity":1,{more}}}"#)
    }

    #[test]
    fn values_that_convert_without_loss_are_accepted() {
        let expected = OrderInput { order: "11235".to_owned(), item: "123456".to_owned(), quantity: 999, demo: None };
        for text in [
            r#"{"OrderID":"11235","Item":"123456","Quantity":999}"#,
            r#"{"OrderID":11235,"Item":123456,"Quantity":"999"}"#,
            r#"{"OrderID":11235.0,"Item":123456,"Quantity":999.0}"#,
            r#"{"OrderID":"11235","Item":"123456","Quantity":9.99e2,"Demo":null,"PaymentInfo":["VISA"]}"#,
        ] {
            assert_eq!(order_of(text).as_ref(), Ok(&expected), "{text}");
        }
        let large = order_of(r#"{"OrderID":18446744073709551615,"Item":"1","Quantity":-9223372036854775808}"#).unwrap();
        assert_eq!((large.order.as_str(), large.quantity), ("18446744073709551615", i64::MIN));
    }

    #[test]
    fn an_invalid_order_names_the_field_and_the_expected_value() {
        for (text, parts) in [
            ("null", &["one JSON object", "found null"][..]),
            (r#"["A","123456",1]"#, &["one JSON object", "an array"]),
            (r#""A95""#, &["the text 'A95'"]),
            ("7", &["found 7"]),
            ("{}", &["OrderID: expected a text", "missing"]),
            ("{", &["cannot be read"]),
            ("", &["cannot be read"]),
            (r#"{"OrderID":"A","Item":"1","Quantity":null}"#, &["Quantity: expected a whole number", "null"]),
            (r#"{"OrderID":"A","Item":"1","Quantity":"x"}"#, &["Quantity:", "the text 'x'"]),
            (r#"{"OrderID":"A","Item":"1","Quantity":1.5}"#, &["Quantity:", "found 1.5"]),
            (r#"{"OrderID":"A","Item":"1","Quantity":18446744073709551615}"#, &["Quantity:"]),
            (r#"{"OrderID":"A","Item":"1","Quantity":1e400}"#, &["cannot be read"]),
            (r#"{"OrderID":"A","Item":"1","Quantity":true}"#, &["Quantity:", "found true"]),
            (r#"{"OrderID":"A","Item":"1"}"#, &["Quantity: expected", "missing"]),
            (r#"{"OrderID":"A","Item":{},"Quantity":1}"#, &["Item: expected a text", "an object"]),
            (r#"{"OrderID":null,"Item":"1","Quantity":1}"#, &["OrderID: expected a text", "null"]),
            (r#"{"OrderID":1e300,"Item":"1","Quantity":1}"#, &["OrderID: expected a text"]),
            (r#"{"OrderID":"","Item":"1","Quantity":1}"#, &["OrderID:", "empty"]),
            (r#"{"OrderID":"A","Item":" 1","Quantity":1}"#, &["Item:", "space"]),
            (r#"{"OrderID":"A","Item":"1","Quantity":2.0000000000000001}"#, &["found 2.0000000000000001", "rounded"]),
            (r#"{"OrderID":"A","Item":"1","Quantity":9007199254740993.0}"#, &["Quantity: expected a whole number"]),
            (r#"{"OrderID":"A","Item":"1","ProductID":"2","Quantity":1}"#, &["ProductID: ", "Item", "'1'", "'2'"]),
            (r#"{"OrderID":"A","Item":"1","product_id":2,"Quantity":1}"#, &["product_id: ", "Item", "'1'", "found 2"]),
            (r#"{"OrderID":"A","ProductID":"2","Quantity":1}"#, &["ProductID: the field is called 'Item'"]),
            (r#"{"orderId":"A","item":"1","quantity":1}"#, &["orderId: the field is called 'OrderID'"]),
            (r#"{"OrderID":"A","Item":"1","Quantity":1,"demo":{}}"#, &["demo: the field is called 'Demo'"]),
            (r#"{"OrderID":"A","OrderID":"B","Item":"1","Quantity":1}"#, &["'OrderID' is given twice"]),
        ] {
            let invalid = order_of(text).unwrap_err();
            for part in parts {
                assert!(invalid.message.contains(part), "{text}: {part}: {}", invalid.message);
            }
        }
        let nested = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(order_of(&with(&format!(r#""x":{nested}"#))).unwrap_err().message.contains("recursion"));
        let huge = order_of(&format!(r#"{{"OrderID":"A","Item":"1","Quantity":"{}"}}"#, "9".repeat(1_000_000)));
        let huge = huge.unwrap_err();
        assert!(huge.message.len() < 200 && huge.order == Some("A".parse().unwrap()), "{huge:?}");
    }

    #[test]
    fn a_bad_demo_field_is_named_and_a_partial_one_is_filled() {
        for (demo, parts) in [
            (r#""x""#, &["Demo: expected an object", "the text 'x'"][..]),
            ("[]", &["Demo: expected an object"]),
            (r#"{"Faults":"nowhere"}"#, &["Demo.Faults:", "character 1"]),
            (r#"{"Faults":7}"#, &["Demo.Faults: expected a text"]),
            (r#"{"Guard":"of"}"#, &["Demo.Guard:", "ledger, last-order or off"]),
            (r#"{"Seed":-1}"#, &["Demo.Seed: expected a whole number"]),
            (r#"{"Seed":1.5}"#, &["Demo.Seed:"]),
            (r#"{"faults":"none"}"#, &["Demo.faults: the field is called 'Faults'"]),
            (r#"{"Fault":"none"}"#, &["Demo.Fault: there is no such field"]),
            (r#"{"Retry":[1000,2,5000,0,10000]}"#, &["Demo.Retry: expected an object"]),
            (r#"{"Retry":{"BackoffCoefficient":0.5}}"#, &["Demo.Retry.BackoffCoefficient:", "at least 1"]),
            (r#"{"Retry":{"BackoffCoefficient":"2"}}"#, &["Demo.Retry.BackoffCoefficient:"]),
            (r#"{"Retry":{"InitialIntervalMillis":6000}}"#, &["MaximumIntervalMillis: expected at least 6000"]),
            (r#"{"Retry":{"MaximumIntervalMillis":500}}"#, &["MaximumIntervalMillis: expected at least 1000"]),
            (r#"{"Retry":{"InitialIntervalMillis":0}}"#, &["Demo.Retry.InitialIntervalMillis:", "from 1 to"]),
            (r#"{"Retry":{"StartToCloseMillis":0}}"#, &["Demo.Retry.StartToCloseMillis:", "from 1 to"]),
            (r#"{"Retry":{"StartToCloseMillis":-5}}"#, &["Demo.Retry.StartToCloseMillis:", "found -5"]),
            (r#"{"Retry":{"StartToCloseMillis":18446744073709551615}}"#, &["Demo.Retry.StartToCloseMillis:"]),
            (r#"{"Retry":{"MaximumAttempts":4294967295}}"#, &["Demo.Retry.MaximumAttempts:", "2147483647"]),
            (r#"{"Retry":{"maximumAttempts":3}}"#, &["Demo.Retry.maximumAttempts: the field is called"]),
        ] {
            let invalid = order_of(&with(&format!(r#""Demo":{demo}"#))).unwrap_err();
            for part in parts {
                assert!(invalid.message.contains(part), "{demo}: {part}: {}", invalid.message);
            }
            assert_eq!(invalid.order, Some("A".parse().unwrap()), "{demo}");
        }
        let demo = r#""Demo":{"Guard":"off","Seed":"7","Retry":{"MaximumAttempts":3,"BackoffCoefficient":1}}"#;
        let demo = order_of(&with(demo)).unwrap().demo.unwrap();
        assert_eq!((demo.guard, demo.seed, demo.retry.maximum_attempts), (Guard::Off, 7, 3));
        assert_eq!((demo.retry.initial_interval_millis, demo.faults.as_str()), (1_000, ""));
    }

    #[test]
    fn every_number_of_arguments_and_every_encoding_is_distinguished() {
        let good = || payload("json/plain", br#"{"OrderID":"A","Item":"1","Quantity":1}"#);
        for (payloads, part) in [
            (vec![], "found 0 arguments"),
            (vec![good(), good()], "found 2 arguments"),
            (vec![payload("binary/null", b"")], "found null"),
            (vec![payload("binary/plain", b"\xff")], "'binary/plain'"),
            (vec![payload("json/protobuf", b"{}")], "'json/protobuf'"),
            (vec![Payload::default()], "encoding ''"),
        ] {
            let invalid = read::<OrderArgument>(payloads).unwrap().0.unwrap_err();
            assert!(invalid.message.contains(part), "{part}: {}", invalid.message);
        }
        let mut encrypted = payload("binary/encrypted", b"secret");
        encrypted.metadata.insert("encryption-key-id".to_owned(), b"stagekey".to_vec());
        let error = read::<OrderArgument>(vec![encrypted.clone()]).unwrap_err().to_string();
        assert!(error.contains("'stagekey'") && error.contains("ENCRYPT_PAYLOAD=true"), "{error}");
        assert!(read::<SupplierArguments>(vec![good(), encrypted.clone()]).is_err());
        for nameless in [None, Some(Vec::new())] {
            encrypted.metadata.remove("encryption-key-id");
            encrypted.metadata.extend(nameless.map(|id| ("encryption-key-id".to_owned(), id)));
            let error = read::<OrderArgument>(vec![encrypted.clone()]).unwrap_err().to_string();
            assert!(error.contains("has no key id") && !error.contains("KEY_ID="), "{error}");
        }
        assert!(read::<OrderArgument>(vec![payload("binary/zlib", b"")]).unwrap_err().to_string().contains("codec"));
    }

    #[test]
    fn the_suppliers_arguments_are_checked_alike() {
        let text = |text: &str| payload("json/plain", text.as_bytes());
        let read = |texts: &[&str]| {
            read::<SupplierArguments>(texts.iter().map(|argument| text(argument)).collect()).unwrap().0
        };
        let two = read(&[r#""123456""#, "1000"]).unwrap();
        assert_eq!((two.item.as_str(), two.quantity, two.order), ("123456", 1000, None));
        let order = r#"{"OrderID":"A12","Item":"123456","Quantity":999}"#;
        let three = read(&["123456", "\"1000\"", order]).unwrap();
        assert_eq!((three.item.as_str(), three.order.unwrap().order.as_str()), ("123456", "A12"));
        for (texts, part) in [
            (&[r#""123456""#][..], "2 or 3 arguments"),
            (&["1", "2", order, order], "2 or 3 arguments"),
            (&["{}", "1000"], "the item: expected a text"),
            (&[r#""1""#, "null"], "the quantity: expected a whole number"),
            (&[r#""1""#, "1", r#"["A","1",1]"#], "an array"),
            (&[r#""1""#, "x"], "cannot be read"),
        ] {
            let invalid = read(texts).unwrap_err();
            assert!(invalid.message.contains(part), "{texts:?}: {}", invalid.message);
        }
    }

    proptest! {
        #[test]
        fn no_text_is_an_error_or_a_panic(text in ".{0,80}") {
            let argument = read::<OrderArgument>(vec![payload("json/plain", text.as_bytes())]);
            prop_assert!(argument.is_ok());
        }

        #[test]
        fn an_order_is_read_as_it_was_written(
            id in "[!-~]{1,20}", quantity in any::<i64>(), seed in any::<u64>(), guard in prop::sample::select(&Guard::ALL[..])
        ) {
            let demo = Demo::new(&FaultPlan::none(), seed, guard);
            let order = OrderInput { order: id, item: "123456".to_owned(), quantity, demo: Some(demo) };
            let text = serde_json::to_string(&order).unwrap();
            prop_assert_eq!(order_of(&text), Ok(order));
        }
    }
}
