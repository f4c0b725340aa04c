//! Everything that speaks to Temporal, and the only place that names its wire types. Never draws.
//!
//! | file | role |
//! | --- | --- |
//! | `wire` | the JSON that travels: the original's order, our `Demo` field, results |
//! | `workflow`, `activities`, `worker` | the worker's side |
//! | `link`, `starter`, `presence` | the client's side |
//! | `codec`, `codec_json` | encryption of what the server stores, for our clients and workers and for a codec server |
//! | `describe`, `operate` | what the server says of a run, and what it can be asked to do to it |

mod activities;
mod codec;
mod codec_json;
mod describe;
mod link;
mod operate;
mod presence;
mod starter;
mod wire;
mod worker;
mod workflow;

pub use codec::{Codec, DecodeError, EncodeError};
pub use codec_json::{CodecAnswer, CodecDirection, CodecJsonError, codec_json};
pub use describe::{DescribeError, Described, PendingActivity, PendingFailure, PendingState, describe};
pub use link::{ConnectError, Endpoint, Link, Patience, backoff};
pub use operate::{OperateError, cancel, retry_now};
pub use presence::{Presence, look_for_worker};
pub use starter::{End, StartError, StartRequest, Started, Watch, order_workflow_id, start, start_limited, watch};
pub use wire::{Demo, OrderInput, RetrySettings};
pub use worker::{WorkerError, WorkerSetup, run_worker};
