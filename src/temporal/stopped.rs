//! Why an attempt ends without a result, and the planned faults that cause it.

use std::time::Duration;

use temporalio_common::error::ApplicationFailure;
use temporalio_sdk::activities::ActivityError;
use tokio::time::sleep;

use super::metrics::WorkerMetrics;
use crate::{
    faults::{Action, Draw, FaultPlan, Point},
    store::{Phase, StoreError},
    supplier::SupplierError,
};

/// How long a hanging attempt sleeps beyond its deadline, so that the next attempt is already running when it resumes.
pub(super) const HANG_BEYOND: Duration = Duration::from_millis(1500);

/// Message of an injected error, as in the original demo.
const RANDOM_ERROR: &str = "RANDOM ERROR";

/// Failure type of an injected error, as in the original demo.
const RANDOM_ERROR_TYPE: &str = "RandomError";

/// Why an attempt ends without a result.
#[derive(Debug)]
pub(super) enum Stopped {
    /// The store refused or failed.
    Store(StoreError),
    /// The supplier refused or did not answer.
    Supplier(SupplierError),
    /// A planned error.
    Injected(Point),
}

impl Stopped {
    /// The type of the application failure.
    fn type_name(&self) -> &'static str {
        match self {
            Self::Store(error) => error.type_name(),
            Self::Supplier(error) => error.type_name(),
            Self::Injected(_) => RANDOM_ERROR_TYPE,
        }
    }

    /// Whether the attempt is repeated.
    fn is_retryable(&self) -> bool {
        match self {
            Self::Store(error) => error.is_retryable(),
            Self::Supplier(error) => error.is_retryable(),
            Self::Injected(_) => true,
        }
    }

    /// The journal's record of this end.
    pub(super) fn phase(&self) -> Phase {
        let point = match self {
            Self::Injected(point) => Some(*point),
            Self::Store(_) | Self::Supplier(_) => None,
        };
        let (code, message) = (self.type_name().to_owned(), self.to_string());
        Phase::Failed { code, message, retryable: self.is_retryable(), point }
    }

    /// The failure for Temporal.
    pub(super) fn failure(&self) -> ActivityError {
        failure(self, self.type_name(), self.is_retryable())
    }
}

impl std::fmt::Display for Stopped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Store(error) => error.fmt(f),
            Self::Supplier(error) => error.fmt(f),
            Self::Injected(_) => f.pad(RANDOM_ERROR),
        }
    }
}

/// Builds an application failure with a stable type. The SDK's own conversion would make the failure retryable and
/// leave its type empty.
pub(super) fn failure(message: &dyn std::fmt::Display, type_name: &str, retryable: bool) -> ActivityError {
    ApplicationFailure::builder(message.to_string())
        .type_name(type_name.to_owned())
        .non_retryable(!retryable)
        .build()
        .into()
}

/// Injects the fault that the plan has for this draw, if any. `record` records it in the journal, unless it ends the attempt;
/// `hang` is the duration of a hang.
///
/// # Errors
/// [`Stopped::Injected`] if the fault is an error.
pub(super) async fn inject(
    plan: &FaultPlan,
    draw: &Draw<'_>,
    metrics: &WorkerMetrics,
    hang: impl FnOnce() -> Duration,
    record: impl AsyncFnOnce(Phase),
) -> Result<(), Stopped> {
    let Some(action) = plan.strike(draw) else { return Ok(()) };
    let point = draw.point;
    metrics.fault(point);
    if action == Action::Error {
        return Err(Stopped::Injected(point));
    }
    record(Phase::Fault { point, action }).await;
    match action {
        Action::Crash => std::process::abort(),
        Action::Hang => sleep(hang()).await,
        Action::Delay { duration } => sleep(duration).await,
        Action::Error => {}
    }
    Ok(())
}
