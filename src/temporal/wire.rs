//! What travels: the original's names and forms, and our one extra field, which other workers ignore.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use temporalio_common::{
    RetryPolicy,
    data_converters::{
        GenericPayloadConverter, PayloadConversionError, SerializationContext, TemporalDeserializable,
        TemporalSerializable,
    },
    protos::temporal::api::common::v1::Payload,
};

use crate::{
    domain::{Guard, RetryWaits, Stock},
    faults::{FaultPlan, Seed},
    store::Outcome,
};

/// The workflow's input. As it came: nothing is checked yet. Fields that we do not know, such as the fork's
/// `PaymentInfo`, are dropped here and so can never be stored or logged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OrderInput {
    #[serde(rename = "OrderID", default)]
    pub order: String,
    #[serde(rename = "Item", default)]
    pub item: String,
    #[serde(rename = "Quantity", default)]
    pub quantity: i64,
    #[serde(rename = "Demo", skip_serializing_if = "Option::is_none", default)]
    pub demo: Option<Demo>,
}

/// How an order is to be treated by our workers, wherever they run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Demo {
    /// A [`FaultPlan`] as text, so that Temporal's own pages show it as people write it.
    #[serde(default)]
    pub faults: String,
    #[serde(default)]
    pub seed: Seed,
    #[serde(default)]
    pub guard: Guard,
    #[serde(default)]
    pub retry: RetrySettings,
}

impl Demo {
    #[must_use]
    pub fn new(faults: &FaultPlan, seed: Seed, guard: Guard) -> Self {
        Self { faults: faults.to_string(), seed, guard, retry: RetrySettings::default() }
    }
}

/// The activities' retry policy and timeout.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct RetrySettings {
    pub initial_interval_millis: u64,
    pub backoff_coefficient: f64,
    pub maximum_interval_millis: u64,
    /// 0: unlimited.
    pub maximum_attempts: u32,
    pub start_to_close_millis: u64,
}

impl Default for RetrySettings {
    /// Temporal's own default with a maximum interval of 5 s instead of 100 s, so that a room never waits long.
    fn default() -> Self {
        Self {
            initial_interval_millis: 1_000,
            backoff_coefficient: 2.0,
            maximum_interval_millis: 5_000,
            maximum_attempts: 0,
            start_to_close_millis: 10_000,
        }
    }
}

impl From<RetryWaits> for RetrySettings {
    fn from(waits: RetryWaits) -> Self {
        let RetryWaits { initial, coefficient, maximum, start_to_close } = waits;
        Self {
            initial_interval_millis: initial,
            // A coefficient that a float does not hold exactly makes every wait the maximum anyway.
            backoff_coefficient: u32::try_from(coefficient).map_or(f64::MAX, f64::from),
            maximum_interval_millis: maximum,
            start_to_close_millis: start_to_close,
            ..Self::default()
        }
    }
}

impl RetrySettings {
    pub(super) fn policy(&self) -> RetryPolicy {
        RetryPolicy::builder()
            .initial_interval(Duration::from_millis(self.initial_interval_millis))
            .backoff_coefficient(self.backoff_coefficient)
            .maximum_interval(Duration::from_millis(self.maximum_interval_millis))
            .maximum_attempts(self.maximum_attempts)
            .build()
    }

    pub(super) const fn start_to_close(&self) -> Duration {
        Duration::from_millis(self.start_to_close_millis)
    }
}

/// What an activity returns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct EffectResult {
    pub outcome: Outcome,
    pub delta: i64,
    pub stock: Stock,
    /// Whether this workflow run made the effect, in this attempt or in one before it.
    pub own: bool,
}

/// The supplier activity's arguments: the original's two, the item and the quantity, and behind them the order on
/// whose behalf it asks. A workflow of the original sends two; its worker ignores the third.
#[derive(Debug, Clone)]
pub struct SupplierInput {
    pub item: String,
    pub quantity: i64,
    pub order: Option<OrderInput>,
}

impl TemporalSerializable for SupplierInput {
    fn to_payloads(&self, context: &SerializationContext<'_>) -> Result<Vec<Payload>, PayloadConversionError> {
        let mut payloads = vec![
            context.converter.to_payload(context, &self.item)?,
            context.converter.to_payload(context, &self.quantity)?,
        ];
        if let Some(order) = &self.order {
            payloads.push(context.converter.to_payload(context, order)?);
        }
        Ok(payloads)
    }
}

impl TemporalDeserializable for SupplierInput {
    fn from_payloads(
        context: &SerializationContext<'_>,
        payloads: Vec<Payload>,
    ) -> Result<Self, PayloadConversionError> {
        let mut payloads = payloads.into_iter();
        let (Some(item), Some(quantity)) = (payloads.next(), payloads.next()) else {
            return Err(PayloadConversionError::WrongEncoding);
        };
        let order = payloads.next().map(|payload| context.converter.from_payload(context, payload)).transpose()?;
        Ok(Self {
            item: context.converter.from_payload(context, item)?,
            quantity: context.converter.from_payload(context, quantity)?,
            order,
        })
    }
}

#[cfg(test)]
mod tests {
    use temporalio_common::data_converters::{PayloadConverter, SerializationContextData};

    use super::*;

    #[test]
    fn the_originals_json_is_read_and_written_as_it_is() {
        let text = r#"{"OrderID":"A12","Item":"123456","Quantity":999}"#;
        let order: OrderInput = serde_json::from_str(text).unwrap();
        assert_eq!((order.order.as_str(), order.item.as_str(), order.quantity), ("A12", "123456", 999));
        assert_eq!(serde_json::to_string(&order).unwrap(), text);
    }

    fn json(text: &str) -> Payload {
        let metadata = [("encoding".to_owned(), b"json/plain".to_vec())].into();
        Payload { metadata, data: text.as_bytes().to_vec(), ..Payload::default() }
    }

    #[test]
    fn the_suppliers_two_arguments_are_read_and_a_third_names_the_order() {
        let converter = PayloadConverter::default();
        let context = SerializationContext::new(&SerializationContextData::None, &converter);
        let read = |payloads| converter.from_payloads::<SupplierInput>(&context, payloads);
        let two = read(vec![json("\"123456\""), json("1000")]).unwrap();
        assert_eq!((two.item.as_str(), two.quantity, two.order), ("123456", 1000, None));
        let order = r#"{"OrderID":"A12","Item":"123456","Quantity":999}"#;
        let three = read(vec![json("\"123456\""), json("1000"), json(order)]).unwrap();
        assert_eq!(three.order.as_ref().map(|order| order.order.as_str()), Some("A12"));
        let written = converter.to_payloads(&context, &three).unwrap();
        assert_eq!(written.len(), 3);
        assert_eq!((written[0].data.as_slice(), written[1].data.as_slice()), (&b"\"123456\""[..], &b"1000"[..]));
        assert!(read(vec![json("\"123456\"")]).is_err());
    }

    #[test]
    fn payment_info_is_accepted_and_gone() {
        let text = r#"{"OrderID":"A12","Item":"123456","Quantity":999,"PaymentInfo":"VISA-12345"}"#;
        let order: OrderInput = serde_json::from_str(text).unwrap();
        assert!(!serde_json::to_string(&order).unwrap().contains("VISA"));
    }

    #[test]
    fn a_demo_field_may_be_partial() {
        let text = r#"{"OrderID":"A","Item":"1","Quantity":1,"Demo":{"Guard":"off","Retry":{"MaximumAttempts":3}}}"#;
        let demo = serde_json::from_str::<OrderInput>(text).unwrap().demo.unwrap();
        assert_eq!((demo.guard, demo.retry.maximum_attempts), (Guard::Off, 3));
        assert_eq!(demo.retry.initial_interval_millis, 1_000);
    }
}
