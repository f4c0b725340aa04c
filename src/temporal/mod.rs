//! The only module that uses Temporal's types: worker, workflow, activities and client. It does not draw.
//!
//! | file | role |
//! | --- | --- |
//! | `wire` | JSON of orders, of our `Demo` field and of results |
//! | `received`, `payload_json` | reading that JSON from any sender |
//! | `workflow`, `activities`, `stopped` | the Inventory Workflow, and why an attempt of it fails |
//! | `supply`, `relay` | the supplier of a worker, and the relay of the outbox |
//! | `worker`, `attempt_count`, `task_log` | the worker |
//! | `metrics` | a worker's metrics, for Prometheus |
//! | `endpoint`, `link` | the server to connect to, and the connection |
//! | `socket`, `proxy`, `dial`, `tls` | stages of a connection |
//! | `connect_error`, `diagnosis` | the causes of a failed connection, and how they are determined |
//! | `starter` | starts orders and waits for their end |
//! | `presence`, `open_runs`, `describe`, `failing_task` | queries about workers and runs |
//! | `watch` | queries about executions of any workflow |
//! | `pending`, `failure`, `times` | parts of the server's answers as plain data |
//! | `operate` | requests to retry an activity now and to cancel a run |
//! | `codec`, `codec_json` | encryption of the server's data, for clients, workers and a codec server |
//! | `profile` | the connection settings of Temporal's own tools |

mod activities;
mod attempt_count;
mod codec;
mod codec_json;
mod connect_error;
mod describe;
mod diagnosis;
mod dial;
mod endpoint;
mod failing_task;
mod failure;
mod link;
mod metrics;
mod open_runs;
mod operate;
mod payload_json;
mod pending;
mod presence;
mod profile;
mod proxy;
mod received;
mod relay;
mod socket;
mod starter;
mod stopped;
mod supply;
mod task_log;
mod times;
mod tls;
pub mod watch;
mod wire;
mod worker;
mod workflow;

/// The version of the SDK that `Cargo.toml` pins.
pub const SDK_VERSION: &str = "1.1.1";

/// Log target of the SDK's call retries. Without a server, a worker's 40 polls would log 127 MB of errors per day; this
/// program logs only that the server is lost.
pub const RETRY_LOG_TARGET: &str = "temporalio_client::retry";

pub use codec::{Codec, DecodeError, EncodeError};
pub use codec_json::{CodecAnswer, CodecDirection, CodecJsonError, codec_json};
pub use connect_error::ConnectError;
pub use describe::{DescribeError, Described, describe};
pub use endpoint::{Endpoint, Transport};
pub use failing_task::{FailingTask, TaskFailure};
pub use link::{CallRetries, Link, backoff};
pub use metrics::{Exporter, MetricsError, PATH as METRICS_PATH, WorkerMetrics};
pub use open_runs::{OpenRun, open_runs};
pub use operate::{OperateError, cancel, retry_now};
pub use presence::{PollerWatch, Pollers, Presence, find_worker};
pub use profile::{PROFILE_FILE, PROFILE_FOLDER, Profile, ProfileError, profiles};
pub use proxy::{Proxy, ProxyError};
pub use starter::{StartError, StartRequest, Started, Watch, WatchError, start, start_limited, watch};
pub use supply::Supplier;
pub use task_log::{FailedTask, failed_tasks, log_failed_tasks};
pub(crate) use tls::is_content;
pub use tls::{
    CertificateError, ClientIdentity, Expiring, KeyKind, Pem, PemProblem, PemSource, ServerCertificate, Tls,
};
pub use wire::{Demo, OrderInput, RetrySettings};
pub use worker::{ATTEMPTS_PER_SDK_WORKER, WorkerError, WorkerSetup, run_worker};
