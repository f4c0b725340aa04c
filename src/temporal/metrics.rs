//! A worker's metrics, and the endpoint for Prometheus. The SDK's metrics and this program's come from one meter.
//!
//! A label has one of a few fixed values, never an order's id or an error's text: Prometheus keeps a series per value,
//! and the endpoint has no authentication. If a fault kills the process, its metrics are lost; the journal records
//! every attempt.

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

/// Path of the metrics page. Requests for other paths are answered with 404.
pub const PATH: &str = "/metrics";

/// Buckets of the commit latency. A commit is a write and a sync: 0.5 ms on a fast disk, seconds on a failing one.
const COMMIT_SECONDS: [f64; 12] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

/// Name of the commit latency. The exporter appends the unit.
const COMMIT: &str = "idempotence_commit_latency";

/// Why the metrics cannot be served.
#[expect(missing_docs, reason = "the fields are the values in the messages")]
#[derive(Debug, thiserror::Error)]
pub enum MetricsError {
    /// The port is in use.
    #[error(
        "the metrics cannot be served at {address}: the port is in use, perhaps by another worker with the same setting; \
         stop it, or use another port (0 chooses a free one)"
    )]
    InUse { address: SocketAddr },
    /// The program cannot listen at the address.
    #[error("the metrics cannot be served at {address}: {cause}; use an address of this machine and a port above 1023")]
    Address { address: SocketAddr, cause: String },
    /// There is no async runtime.
    #[error("the metrics cannot be served at {address} outside of an async runtime; this is a bug in the program")]
    NoRuntime { address: SocketAddr },
}

/// The endpoint for Prometheus. Dropping it closes the endpoint.
#[derive(Debug)]
pub struct Exporter {
    address: SocketAddr,
    meter: Arc<dyn CoreMeter>,
    listener: AbortHandle,
}

impl Exporter {
    /// Listens at `address` and answers `GET /metrics`.
    ///
    /// All names on the page follow Prometheus' conventions: counters end in `_total`, latencies in `_seconds`.
    ///
    /// # Errors
    /// Returns [`MetricsError`] if the program cannot listen at the address, or if there is no async runtime.
    pub fn start(address: SocketAddr) -> Result<Self, MetricsError> {
        // Without a runtime the exporter would panic.
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

    /// The address, with the actual port if the requested one was 0.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// This program's metrics, on the same page as the SDK's.
    #[must_use]
    pub fn worker_metrics(&self) -> WorkerMetrics {
        WorkerMetrics(Some(Arc::new(Instruments::new(Arc::clone(&self.meter)))))
    }

    /// Telemetry options for the SDK's worker.
    #[must_use]
    pub fn telemetry(&self) -> TelemetryOptions {
        TelemetryOptions::builder().metrics(Arc::clone(&self.meter)).build()
    }

    /// Meter for the SDK's connection, which counts and times its calls. A plain meter would omit the prefix
    /// `temporal_`.
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

/// The outcomes that are counted once per workflow run, when its first activity reports them. If the server
/// discards a late result, that result and the retry's are both counted.
const COUNTED_OUTCOMES: [OrderOutcome; 5] = [
    OrderOutcome::Applied,
    OrderOutcome::Replayed,
    OrderOutcome::Skipped,
    OrderOutcome::Rejected,
    OrderOutcome::Conflict,
];

/// This program's metrics. Without an exporter, nothing is recorded.
#[derive(Debug, Clone)]
pub struct WorkerMetrics(Option<Arc<Instruments>>);

impl WorkerMetrics {
    /// Metrics that record nothing.
    #[must_use]
    pub const fn none() -> Self {
        Self(None)
    }

    pub(super) fn order(&self, outcome: OrderOutcome) {
        if let Some(instruments) = &self.0 {
            instruments.order(outcome, 1);
        }
    }

    /// Counts an attempt that has ended.
    pub(super) fn attempt(&self, activity: Activity, attempt: Attempt, completed: bool) {
        if let Some(instruments) = &self.0 {
            instruments.attempt(activity, completed, 1);
            instruments.retry(activity, u64::from(attempt > Attempt::FIRST));
        }
    }

    /// Counts an effect that the ledger replayed.
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

    /// Records the duration of a commit, including a failed one.
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
            orders: counter("idempotence_orders", "Orders, by outcome"),
            attempts: counter("idempotence_attempts", "Ended attempts of activities, by result"),
            retries: counter("idempotence_retries", "Ended attempts that were not the first of their activity"),
            replays: counter("idempotence_replays", "Effects that the ledger replayed and did not apply again"),
            faults: counter("idempotence_faults_injected", "Injected faults, by point"),
            commits: meter.histogram_duration(parameters(COMMIT, "Duration of a commit in the store")),
            meter,
        };
        instruments.show_zeros();
        instruments
    }

    /// Creates every series with the value 0, because Prometheus' `rate` misses the first event of a series that starts
    /// with it.
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

/// The label of an activity. It has the SDK's name, so that both kinds of series can be joined.
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
    async fn a_page_has_every_series_from_the_start_and_then_the_counts() {
        let exporter = Exporter::start(anywhere()).unwrap();
        let worker_metrics = exporter.worker_metrics();
        let zeros = [
            r#"idempotence_orders_total{outcome="conflict"} 0"#,
            r#"idempotence_attempts_total{activity_type="SupplierOrderActivity",result="failed"} 0"#,
            r#"idempotence_faults_injected_total{point="before-commit"} 0"#,
        ];
        assert_lines(&get(exporter.address(), PATH).await, &zeros);

        let second = Attempt::new(2).unwrap();
        worker_metrics.fault(Point::AfterCommit);
        worker_metrics.attempt(Activity::UpdateInventory, Attempt::FIRST, false);
        worker_metrics.replay(Activity::UpdateInventory);
        worker_metrics.attempt(Activity::UpdateInventory, second, true);
        worker_metrics.order(OrderOutcome::Applied);
        worker_metrics.commit(Duration::from_micros(700));
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
    async fn an_address_in_use_is_an_error_and_is_free_after_the_exporter() {
        let first = Exporter::start(anywhere()).unwrap();
        let address = first.address();
        let refused = Exporter::start(address).unwrap_err();
        assert!(matches!(refused, MetricsError::InUse { .. }), "{refused:?}");
        assert!(refused.to_string().contains(&address.to_string()), "{refused}");
        drop(first);
        // The runtime closes the listener the next time it runs.
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
        // This address is reserved for documentation, so it does not belong to any machine.
        let refused = Exporter::start("192.0.2.1:9464".parse().unwrap()).unwrap_err();
        assert!(matches!(refused, MetricsError::Address { .. }), "{refused:?}");
    }

    #[test]
    fn without_a_runtime_it_fails_without_a_panic() {
        assert!(matches!(Exporter::start(anywhere()), Err(MetricsError::NoRuntime { .. })));
    }

    #[test]
    fn nothing_is_counted_without_an_exporter() {
        let worker_metrics = WorkerMetrics::none();
        worker_metrics.order(OrderOutcome::Rejected);
        worker_metrics.attempt(Activity::SupplierOrder, Attempt::FIRST, true);
        worker_metrics.commit(Duration::ZERO);
    }
}
