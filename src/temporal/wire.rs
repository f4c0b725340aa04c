//! The data exchanged with Temporal: the names and forms of the original, and this program's extra field, which other
//! workers ignore.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use temporalio_common::{
    RetryPolicy,
    data_converters::{PayloadConversionError, SerializationContext, TemporalDeserializable},
    protos::temporal::api::common::v1::Payload,
};

use crate::{
    domain::{Guard, RetryWaits, Stock, Supply, millis, sanitize},
    faults::{FaultPlan, Seed},
    store::CommitOutcome,
};

/// The workflow's input. `received` reads it and drops unknown fields, such as the fork's `PaymentInfo`, so they are
/// never stored or logged.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OrderInput {
    /// Order id.
    #[serde(rename = "OrderID")]
    pub order: String,
    /// Product id.
    #[serde(rename = "Item")]
    pub item: String,
    /// Number of units.
    #[serde(rename = "Quantity")]
    pub quantity: i64,
    /// Settings of this demo; `None` for an order from another program.
    #[serde(rename = "Demo", skip_serializing_if = "Option::is_none")]
    pub demo: Option<Demo>,
}

/// How this program's workers process an order.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Demo {
    /// A [`FaultPlan`] as text, so that Temporal's Web UI shows it in the form of the command line.
    pub faults: String,
    /// Seed of the fault plan.
    pub seed: Seed,
    /// Guard of both effects.
    pub guard: Guard,
    /// Where the units of the supplier order come from; `None` for the worker's setting. Without effect if the worker has
    /// no supplier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub supplier: Option<Supply>,
    /// Retry policy and timeout of both activities.
    pub retry: RetrySettings,
}

impl Demo {
    /// Settings with the default retry policy, and the worker's supplier.
    #[must_use]
    pub fn new(faults: &FaultPlan, seed: Seed, guard: Guard) -> Self {
        Self { faults: faults.to_string(), seed, guard, supplier: None, retry: RetrySettings::default() }
    }
}

/// The activities' retry policy and timeout.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct RetrySettings {
    /// Delay before the first retry.
    pub initial_interval_millis: u64,
    /// Factor from one delay to the next.
    pub backoff_coefficient: f64,
    /// Maximum delay.
    pub maximum_interval_millis: u64,
    /// Maximum number of attempts; 0: unlimited.
    pub maximum_attempts: u32,
    /// Timeout of one attempt.
    pub start_to_close_millis: u64,
}

impl Default for RetrySettings {
    /// Temporal's default with a maximum interval of 5 s instead of 100 s, so that an audience does not wait long.
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
            initial_interval_millis: millis::whole(initial),
            // A coefficient that is too large for an exact conversion reaches the maximum delay at once.
            backoff_coefficient: u32::try_from(coefficient).map_or(f64::MAX, f64::from),
            maximum_interval_millis: millis::whole(maximum),
            start_to_close_millis: millis::whole(start_to_close),
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

/// Maximum length of a message about an unreadable result.
const MAX_PROBLEM_CHARS: usize = 300;

/// Result of an activity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct EffectResult {
    /// Result of the effect in the store.
    pub outcome: CommitOutcome,
    /// Change of the stock when the effect was applied.
    pub delta: i64,
    /// Stock after that change.
    pub stock: Stock,
    /// Whether this workflow run applied the effect, in this or an earlier attempt.
    pub own: bool,
}

/// The supplier activity's arguments: the original's two, and the order as the third. A workflow of the original sends
/// only two, and a worker of the original ignores the third.
#[derive(Debug, Clone)]
pub struct SupplierInput {
    /// Product id.
    pub item: String,
    /// Number of units to order.
    pub quantity: i64,
    /// The order that caused this; `None` if the arguments come from a workflow of the original.
    pub order: Option<OrderInput>,
}

/// An [`EffectResult`] for deserialisation.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Reported {
    outcome: CommitOutcome,
    delta: i64,
    stock: Stock,
    own: bool,
}

impl TemporalDeserializable for EffectResult {
    /// Accepts only an object. Serde alone would accept an array too.
    fn from_payload(_: &SerializationContext<'_>, payload: Payload) -> Result<Self, PayloadConversionError> {
        let value: Value = serde_json::from_slice(&payload.data).map_err(unexpected)?;
        let object = value.is_object().then_some(value).ok_or_else(|| unexpected("it is not an object"))?;
        let Reported { outcome, delta, stock, own } = serde_json::from_value(object).map_err(unexpected)?;
        Ok(Self { outcome, delta, stock, own })
    }
}

fn unexpected(problem: impl std::fmt::Display) -> PayloadConversionError {
    let message = format!("a worker of another program made the activity's result: {problem}");
    PayloadConversionError::EncodingError(sanitize(&message, MAX_PROBLEM_CHARS).into())
}

#[cfg(test)]
mod tests {
    use temporalio_common::data_converters::{
        GenericPayloadConverter as _, PayloadConverter, SerializationContextData,
    };

    use super::*;

    #[test]
    fn the_originals_json_is_written_unchanged() {
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
        let texts = [CommitOutcome::Applied, CommitOutcome::Replayed, CommitOutcome::Skipped]
            .map(|outcome| serde_json::to_string(&EffectResult { outcome, delta: -999, stock: 1, own: true }).unwrap());
        let expected = ["applied", "replayed", "skipped"]
            .map(|outcome| format!(r#"{{"Outcome":"{outcome}","Delta":-999,"Stock":1,"Own":true}}"#));
        assert_eq!(texts, expected);
    }

    #[test]
    fn a_result_is_read_from_an_object_only() {
        let converter = PayloadConverter::default();
        let context = SerializationContext::new(&SerializationContextData::None, &converter);
        let result = EffectResult { outcome: CommitOutcome::Applied, delta: -1, stock: 9, own: true };
        let payload = converter.to_payload(&context, &result).unwrap();
        let read = |payload| converter.from_payload::<EffectResult>(&context, payload);
        assert_eq!(read(payload.clone()).unwrap(), result);
        for text in [r#"["applied",-1,9,true]"#, "null", "\"applied\"", "{}", "{"] {
            let payload = Payload { data: text.as_bytes().to_vec(), ..payload.clone() };
            assert!(read(payload).unwrap_err().to_string().contains("a worker of another program"), "{text}");
        }
    }
}
