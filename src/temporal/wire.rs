//! What travels: the original's names and forms, and our one extra field, which other workers ignore.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use temporalio_common::{
    RetryPolicy,
    data_converters::{PayloadConversionError, SerializationContext, TemporalDeserializable},
    protos::temporal::api::common::v1::Payload,
};

use crate::{
    domain::{Guard, RetryWaits, Stock, sanitize},
    faults::{FaultPlan, Seed},
    store::Outcome,
};

/// The workflow's input; `received` reads it. Fields that we do not know, such as the fork's `PaymentInfo`, are dropped
/// there and so can never be stored or logged.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OrderInput {
    #[serde(rename = "OrderID")]
    pub order: String,
    #[serde(rename = "Item")]
    pub item: String,
    #[serde(rename = "Quantity")]
    pub quantity: i64,
    #[serde(rename = "Demo", skip_serializing_if = "Option::is_none")]
    pub demo: Option<Demo>,
}

/// How an order is to be treated by our workers, wherever they run.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Demo {
    /// A [`FaultPlan`] as text, so that Temporal's own pages show it as people write it.
    pub faults: String,
    pub seed: Seed,
    pub guard: Guard,
    pub retry: RetrySettings,
}

impl Demo {
    #[must_use]
    pub fn new(faults: &FaultPlan, seed: Seed, guard: Guard) -> Self {
        Self { faults: faults.to_string(), seed, guard, retry: RetrySettings::default() }
    }
}

/// The activities' retry policy and timeout.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
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

/// Characters of a message about a result that cannot be read.
const MAX_PROBLEM_CHARS: usize = 300;

/// What an activity returns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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

/// An [`EffectResult`] on its way in.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Reported {
    outcome: Outcome,
    delta: i64,
    stock: Stock,
    own: bool,
}

impl TemporalDeserializable for EffectResult {
    /// As serde reads it, but from an object only: serde takes an array for a struct, too.
    fn from_payload(_: &SerializationContext<'_>, payload: Payload) -> Result<Self, PayloadConversionError> {
        let value: Value = serde_json::from_slice(&payload.data).map_err(unexpected)?;
        let object = value.is_object().then_some(value).ok_or_else(|| unexpected("it is not an object"))?;
        let Reported { outcome, delta, stock, own } = serde_json::from_value(object).map_err(unexpected)?;
        Ok(Self { outcome, delta, stock, own })
    }
}

fn unexpected(problem: impl std::fmt::Display) -> PayloadConversionError {
    let message = format!("the activity's result was not made by a worker of this program: {problem}");
    PayloadConversionError::EncodingError(sanitize(&message, MAX_PROBLEM_CHARS).into())
}

#[cfg(test)]
mod tests {
    use temporalio_common::data_converters::{
        GenericPayloadConverter as _, PayloadConverter, SerializationContextData,
    };

    use super::*;

    #[test]
    fn the_originals_json_is_written_as_it_is() {
        let order = OrderInput { order: "A12".to_owned(), item: "123456".to_owned(), quantity: 999, demo: None };
        let text = r#"{"OrderID":"A12","Item":"123456","Quantity":999}"#;
        assert_eq!(serde_json::to_string(&order).unwrap(), text);
    }

    #[test]
    fn the_extra_field_and_the_results_keep_their_form() {
        let plan = "update.after-commit=1*error".parse().unwrap();
        let texts = [Guard::Ledger, Guard::LastOrder, Guard::Off]
            .map(|guard| serde_json::to_string(&Demo::new(&plan, 7, guard)).unwrap());
        let expected = ["ledger", "last-order", "off"].map(|guard| {
            format!(
                r#"{{"Faults":"update.after-commit=1*error","Seed":7,"Guard":"{guard}","Retry":{{"InitialIntervalMillis":1000,"BackoffCoefficient":2.0,"MaximumIntervalMillis":5000,"MaximumAttempts":0,"StartToCloseMillis":10000}}}}"#
            )
        });
        assert_eq!(texts, expected);
        let texts = [Outcome::Applied, Outcome::Replayed, Outcome::Skipped]
            .map(|outcome| serde_json::to_string(&EffectResult { outcome, delta: -999, stock: 1, own: true }).unwrap());
        let expected = ["applied", "replayed", "skipped"]
            .map(|outcome| format!(r#"{{"Outcome":"{outcome}","Delta":-999,"Stock":1,"Own":true}}"#));
        assert_eq!(texts, expected);
    }

    #[test]
    fn a_result_is_read_from_an_object_only() {
        let converter = PayloadConverter::default();
        let context = SerializationContext::new(&SerializationContextData::None, &converter);
        let result = EffectResult { outcome: Outcome::Applied, delta: -1, stock: 9, own: true };
        let payload = converter.to_payload(&context, &result).unwrap();
        let read = |payload| converter.from_payload::<EffectResult>(&context, payload);
        assert_eq!(read(payload.clone()).unwrap(), result);
        for text in [r#"["applied",-1,9,true]"#, "null", "\"applied\"", "{}", "{"] {
            let payload = Payload { data: text.as_bytes().to_vec(), ..payload.clone() };
            assert!(read(payload).unwrap_err().to_string().contains("not made by a worker of this program"), "{text}");
        }
    }
}
