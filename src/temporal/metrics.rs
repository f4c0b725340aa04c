//! What a worker counts, and the endpoint where Prometheus fetches it: the SDK's own figures and ours, from one meter.
//!
//! A label holds one of a few words that are known beforehand, never an order's id or an error's text: each value of a
//! label is a series that Prometheus keeps, and the endpoint asks nobody who he is. A process that a fault kills takes
//! its figures with it; the journal is what knows them all.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use temporalio_common::telemetry::{
    HistogramBucketOverrides, PrometheusExporterOptions, TelemetryOptions,
    metrics::{CoreMeter, Counter, HistogramDuration, MetricKeyValue, MetricParameters, NewAttributes, TemporalMeter},
    start_prometheus_metric_exporter, telemetry_init,
};
use tokio::{runtime::Handle, task::AbortHandle};

use crate::{
    domain::{Activity, Attempt, OrderOutcome},
    faults::Point,
};

/// The path below the address; every other one is answered with 404.
pub const PATH: &str = "/metrics";

/// A commit is a write and a sync: half a millisecond on a fast disk, and seconds on one that is in trouble.
const COMMIT_SECONDS: [f64; 12] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

/// The exporter puts the unit behind it.
const COMMIT: &str = "idempotence_commit_latency";

#[derive(Debug, thiserror::Error)]
pub enum MetricsError {
    #[error(
        "the metrics cannot be served at {address}: something listens there already, as another worker with the same \
         setting would; stop it, or give this worker another port (0 takes any that is free)"
    )]
    InUse { address: SocketAddr },
    #[error(
        "the metrics cannot be served at {address}: {cause}; name an address of this machine and a port above 1023"
    )]
    Address { address: SocketAddr, cause: String },
    #[error("the metrics cannot be served at {address} before the program's runtime is there; this is a mistake in it")]
    NoRuntime { address: SocketAddr },
}

/// An endpoint that Prometheus can ask, for as long as this lives.
#[derive(Debug)]
pub struct Exporter {
    address: SocketAddr,
    meter: Arc<dyn CoreMeter>,
    listener: AbortHandle,
}

impl Exporter {
    /// Listens at `address`, and answers `GET /metrics` there.
    ///
    /// All names on the page follow Prometheus' conventions: counters end in `_total`, latencies in `_seconds`.
    ///
    /// # Errors
    /// [`MetricsError`].
    pub fn start(address: SocketAddr) -> Result<Self, MetricsError> {
        // The exporter would panic without one.
        if Handle::try_current().is_err() {
            return Err(MetricsError::NoRuntime { address });
        }
        let overrides = [(COMMIT.to_owned(), COMMIT_SECONDS.to_vec())].into();
        let options = PrometheusExporterOptions::builder()
            .socket_addr(address)
            .counters_total_suffix(true)
            .unit_suffix(true)
            .use_seconds_for_durations(true)
            .histogram_bucket_overrides(HistogramBucketOverrides { overrides })
            .build();
        let started = start_prometheus_metric_exporter(options).map_err(|error| refused(address, &error))?;
        Ok(Self { address: started.bound_addr, meter: started.meter, listener: started.abort_handle })
    }

    /// Where it listens: with the port that it got, if it was to take any.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Our own figures, on the same page as the SDK's.
    #[must_use]
    pub fn figures(&self) -> Figures {
        Figures(Some(Arc::new(Instruments::new(Arc::clone(&self.meter)))))
    }

    /// For the SDK's worker.
    #[must_use]
    pub fn telemetry(&self) -> TelemetryOptions {
        TelemetryOptions::builder().metrics(Arc::clone(&self.meter)).build()
    }

    /// For the SDK's connection: counts and times its calls. A bare meter would leave the `temporal_` off their names.
    #[must_use]
    pub fn client_meter(&self) -> Option<TemporalMeter> {
        telemetry_init(self.telemetry()).ok()?.get_temporal_metric_meter()
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

fn refused(address: SocketAddr, error: &anyhow::Error) -> MetricsError {
    match error.downcast_ref::<io::Error>() {
        Some(error) if error.kind() == io::ErrorKind::AddrInUse => MetricsError::InUse { address },
        _ => MetricsError::Address { address, cause: format!("{error:#}") },
    }
}

/// The outcomes that are counted, one for each run of a workflow, as its first activity reports it. An answer that comes
/// too late for the server counts in addition to the answer of the retry.
const COUNTED_OUTCOMES: [OrderOutcome; 5] = [
    OrderOutcome::Applied,
    OrderOutcome::Replayed,
    OrderOutcome::Skipped,
    OrderOutcome::Rejected,
    OrderOutcome::Conflict,
];

/// Our own figures; without an endpoint they are nowhere, and cost nothing.
#[derive(Debug, Clone)]
pub struct Figures(Option<Arc<Instruments>>);

impl Figures {
    #[must_use]
    pub const fn none() -> Self {
        Self(None)
    }

    pub(super) fn order(&self, outcome: OrderOutcome) {
        if let Some(instruments) = &self.0 {
            instruments.order(outcome, 1);
        }
    }

    /// An attempt has ended.
    pub(super) fn attempt(&self, activity: Activity, attempt: Attempt, completed: bool) {
        if let Some(instruments) = &self.0 {
            instruments.attempt(activity, completed, 1);
            instruments.retry(activity, u64::from(attempt > Attempt::FIRST));
        }
    }

    /// The ledger knew an effect.
    pub(super) fn replay(&self, activity: Activity) {
        if let Some(instruments) = &self.0 {
            instruments.replay(activity, 1);
        }
    }

    pub(super) fn fault(&self, point: Point) {
        if let Some(instruments) = &self.0 {
            instruments.fault(point, 1);
        }
    }

    /// The store took this long to answer, whatever the answer was.
    pub(super) fn commit(&self, took: Duration) {
        if let Some(Instruments { meter, commits, .. }) = self.0.as_deref() {
            commits.record(took, &meter.new_attributes(NewAttributes::default()));
        }
    }
}

struct Instruments {
    meter: Arc<dyn CoreMeter>,
    orders: Counter,
    attempts: Counter,
    retries: Counter,
    replays: Counter,
    faults: Counter,
    commits: HistogramDuration,
}

impl std::fmt::Debug for Instruments {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Instruments").finish_non_exhaustive()
    }
}

impl Instruments {
    fn new(meter: Arc<dyn CoreMeter>) -> Self {
        let counter = |name, description| meter.counter(parameters(name, description));
        let instruments = Self {
            orders: counter("idempotence_orders", "Orders, by how they came out"),
            attempts: counter("idempotence_attempts", "Attempts of activities that have ended, by result"),
            retries: counter("idempotence_retries", "Attempts that have ended and were not an activity's first"),
            replays: counter("idempotence_replays", "Effects that the ledger knew and did not make again"),
            faults: counter("idempotence_faults_injected", "Faults that were injected, by where they struck"),
            commits: meter.histogram_duration(parameters(COMMIT, "How long the store took to answer a commit")),
            meter,
        };
        instruments.show_zeros();
        instruments
    }

    /// A series that begins with its first event hides that event from Prometheus' `rate`.
    fn show_zeros(&self) {
        for outcome in COUNTED_OUTCOMES {
            self.order(outcome, 0);
        }
        for point in Point::ALL {
            self.fault(point, 0);
        }
        for activity in Activity::ALL {
            self.attempt(activity, true, 0);
            self.attempt(activity, false, 0);
            self.retry(activity, 0);
            self.replay(activity, 0);
        }
    }

    fn order(&self, outcome: OrderOutcome, count: u64) {
        self.add(&self.orders, &[("outcome", outcome.name())], count);
    }

    fn attempt(&self, activity: Activity, completed: bool, count: u64) {
        let result = if completed { "completed" } else { "failed" };
        self.add(&self.attempts, &[of(activity), ("result", result)], count);
    }

    fn retry(&self, activity: Activity, count: u64) {
        self.add(&self.retries, &[of(activity)], count);
    }

    fn replay(&self, activity: Activity, count: u64) {
        self.add(&self.replays, &[of(activity)], count);
    }

    fn fault(&self, point: Point, count: u64) {
        self.add(&self.faults, &[("point", point.name())], count);
    }

    fn add(&self, counter: &Counter, labels: &[(&'static str, &'static str)], count: u64) {
        let labels = labels.iter().map(|(name, value)| MetricKeyValue::new(*name, *value));
        counter.add(count, &self.meter.new_attributes(labels.into()));
    }
}

/// The SDK's name for this label, so that its series and ours can be joined.
const fn of(activity: Activity) -> (&'static str, &'static str) {
    ("activity_type", activity.name())
}

fn parameters(name: &'static str, description: &'static str) -> MetricParameters {
    MetricParameters::builder().name(name).description(description).build()
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpStream,
    };

    use super::*;

    fn anywhere() -> SocketAddr {
        "127.0.0.1:0".parse().unwrap()
    }

    async fn get(address: SocketAddr, path: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[track_caller]
    fn assert_lines(page: &str, wanted: &[&str]) {
        for line in wanted {
            assert!(page.lines().any(|found| found == *line), "{line:?} is missing in:\n{page}");
        }
    }

    #[tokio::test]
    async fn a_page_has_every_series_from_the_start_and_then_what_happened() {
        let exporter = Exporter::start(anywhere()).unwrap();
        let figures = exporter.figures();
        let zeros = [
            r#"idempotence_orders_total{outcome="conflict"} 0"#,
            r#"idempotence_attempts_total{activity_type="SupplierOrderActivity",result="failed"} 0"#,
            r#"idempotence_faults_injected_total{point="before-commit"} 0"#,
        ];
        assert_lines(&get(exporter.address(), PATH).await, &zeros);

        let second = Attempt::new(2).unwrap();
        figures.fault(Point::AfterCommit);
        figures.attempt(Activity::UpdateInventory, Attempt::FIRST, false);
        figures.replay(Activity::UpdateInventory);
        figures.attempt(Activity::UpdateInventory, second, true);
        figures.order(OrderOutcome::Applied);
        figures.commit(Duration::from_micros(700));
        let page = get(exporter.address(), PATH).await;
        assert!(page.starts_with("HTTP/1.1 200"), "{page}");
        let happened = [
            "# TYPE idempotence_orders_total counter",
            r#"idempotence_orders_total{outcome="applied"} 1"#,
            r#"idempotence_orders_total{outcome="replayed"} 0"#,
            r#"idempotence_attempts_total{activity_type="UpdateInventoryActivity",result="completed"} 1"#,
            r#"idempotence_attempts_total{activity_type="UpdateInventoryActivity",result="failed"} 1"#,
            r#"idempotence_retries_total{activity_type="UpdateInventoryActivity"} 1"#,
            r#"idempotence_retries_total{activity_type="SupplierOrderActivity"} 0"#,
            r#"idempotence_replays_total{activity_type="UpdateInventoryActivity"} 1"#,
            r#"idempotence_faults_injected_total{point="after-commit"} 1"#,
            "# TYPE idempotence_commit_latency_seconds histogram",
            r#"idempotence_commit_latency_seconds_bucket{le="0.0005"} 0"#,
            r#"idempotence_commit_latency_seconds_bucket{le="0.001"} 1"#,
            "idempotence_commit_latency_seconds_count 1",
        ];
        assert_lines(&page, &happened);
        assert!(get(exporter.address(), "/").await.starts_with("HTTP/1.1 404"));
    }

    #[tokio::test]
    async fn an_address_in_use_is_said_and_is_free_again_after_the_exporter() {
        let first = Exporter::start(anywhere()).unwrap();
        let address = first.address();
        let refused = Exporter::start(address).unwrap_err();
        assert!(matches!(refused, MetricsError::InUse { .. }), "{refused:?}");
        assert!(refused.to_string().contains(&address.to_string()), "{refused}");
        drop(first);
        // The listener is closed by the runtime, at its next turn.
        let again = async {
            loop {
                match Exporter::start(address) {
                    Ok(exporter) => return exporter,
                    Err(_) => tokio::task::yield_now().await,
                }
            }
        };
        let again = tokio::time::timeout(Duration::from_secs(10), again).await.unwrap();
        assert_eq!(again.address(), address);
    }

    #[tokio::test]
    async fn an_address_of_another_machine_is_refused() {
        // From the block for documentation: no machine has it.
        let refused = Exporter::start("192.0.2.1:9464".parse().unwrap()).unwrap_err();
        assert!(matches!(refused, MetricsError::Address { .. }), "{refused:?}");
    }

    #[test]
    fn without_a_runtime_it_is_an_error_and_no_panic() {
        assert!(matches!(Exporter::start(anywhere()), Err(MetricsError::NoRuntime { .. })));
    }

    #[test]
    fn no_figures_are_counted_where_nobody_asked_for_them() {
        let figures = Figures::none();
        figures.order(OrderOutcome::Rejected);
        figures.attempt(Activity::SupplierOrder, Attempt::FIRST, true);
        figures.commit(Duration::ZERO);
    }
}
