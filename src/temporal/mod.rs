//! Everything that speaks to Temporal, and the only place that names its wire types. Never draws.
//!
//! | file | role |
//! | --- | --- |
//! | `wire`, `received`, `payload_json`, `unique_json` | the JSON that travels: the original's order, our `Demo` field, results; and how input is read |
//! | `workflow`, `activities`, `worker`, `task_log` | the worker's side |
//! | `link`, `proxy`, `tls`, `connect_error` | the connection, what it goes through, what secures it, and why there is none |
//! | `starter`, `presence`, `open_runs` | the client's side |
//! | `metrics` | what a worker counts, for Prometheus |
//! | `codec`, `codec_json` | encryption of what the server stores, for our clients and workers and for a codec server |
//! | `describe`, `failing_task`, `operate` | what the server says of a run, and what it can be asked to do to it |
//! | `profile` | the file in which Temporal's own tools keep how to connect |

mod activities;
mod codec;
mod codec_json;
mod connect_error;
mod describe;
mod dial;
mod failing_task;
mod link;
mod metrics;
mod open_runs;
mod operate;
mod payload_json;
mod presence;
mod profile;
mod proxy;
mod received;
mod starter;
mod task_log;
mod tls;
mod unique_json;
mod wire;
mod worker;
mod workflow;

/// The version of the SDK that `Cargo.toml` pins.
pub const SDK_VERSION: &str = "1.1.1";

/// Where the SDK logs retries of its calls. Each of a worker's 40 polls logs an error for each: 127 MB a day without a
/// server, whose loss is in a line of ours.
pub const RETRY_LOG_TARGET: &str = "temporalio_client::retry";

pub use codec::{Codec, DecodeError, EncodeError};
pub use codec_json::{CodecAnswer, CodecDirection, CodecJsonError, codec_json};
pub use connect_error::ConnectError;
pub use describe::{DescribeError, Described, OtherActivity, PendingActivity, PendingFailure, PendingState, describe};
pub use failing_task::{FailingTask, TaskFailure};
pub use link::{Endpoint, Link, Patience, Transport, backoff};
pub use metrics::{Exporter, Figures, MetricsError, PATH as METRICS_PATH};
pub use open_runs::{OpenRun, open_runs};
pub use operate::{OperateError, cancel, retry_now};
pub use presence::{PollerWatch, Pollers, Presence, look_for_worker};
pub use profile::{PROFILE_FILE, PROFILE_FOLDER, Profile, ProfileError, profiles};
pub use proxy::{Proxy, ProxyError};
pub use starter::{
    End, StartError, StartRequest, Started, Watch, WatchError, order_workflow_id, start, start_limited, watch,
};
pub use task_log::{FailedTask, failed_tasks, log_failed_tasks};
pub(crate) use tls::is_content;
pub use tls::{
    CertificateError, ClientIdentity, Expiring, KeyKind, Pem, PemProblem, PemSource, ServerCertificate, Tls,
};
pub use wire::{Demo, OrderInput, RetrySettings};
pub use worker::{ATTEMPTS_PER_SDK_WORKER, WorkerError, WorkerSetup, run_worker};
