//! Operations on an execution of any workflow, or on one of its pending activities.

use std::time::Duration;

use temporalio_client::NamespacedClient;
use temporalio_common::protos::temporal::api::{
    activity::v1::ActivityOptions as ProtoOptions,
    common::v1::{Payload, Payloads, RetryPolicy, WorkflowExecution},
    workflowservice::v1::{
        PauseActivityRequest, RequestCancelWorkflowExecutionRequest, ResetActivityRequest,
        SignalWorkflowExecutionRequest, TerminateWorkflowExecutionRequest, UnpauseActivityRequest,
        UpdateActivityOptionsRequest, pause_activity_request, reset_activity_request, unpause_activity_request,
        update_activity_options_request,
    },
};
use tonic::{Code, Status};

use super::{name, request_error::RequestError, text};
use crate::{
    domain::{ActivityOptions, Operation, Run},
    temporal::link::{Link, limited},
};

/// The reason that the server records.
const REASON: &str = "requested with idempotence watch";

/// Why an operation was not executed.
#[expect(missing_docs, reason = "the fields are the values in the messages")]
#[derive(Debug, thiserror::Error)]
pub enum OperationError {
    /// The execution or the activity has ended.
    #[error("{what} was not done: {cause}; it has ended, or was never there")]
    Ended { what: String, cause: String },
    /// The permission is missing.
    #[error("{what} was not done: {cause}; use a key that may write, or --read-only without operations")]
    Denied { what: String, cause: String },
    /// The server does not have the call.
    #[error("{what} was not done: {cause}; version 1.28 or newer does")]
    TooOld { what: String, cause: String },
    /// The server refused the request, or did not answer.
    #[error("{what} was not done: {cause}; try again")]
    Failed { what: String, cause: String },
    /// The activity was paused to start its next attempt, and the pause could not be undone.
    #[error("the activity {activity} is paused, and the pause could not be undone: {cause}; press p to undo it")]
    StillPaused { activity: String, cause: String },
    /// The argument of a signal could not be encrypted.
    #[error("the signal was not sent: {0}")]
    Unencrypted(#[from] crate::temporal::EncodeError),
}

/// Executes an operation. Returns what was done, for a notice.
///
/// # Errors
/// Returns [`OperationError`] if the execution or the activity has ended, the permission is missing, or the server refuses
/// or does not answer.
pub async fn operate(link: &Link, run: &Run, operation: &Operation) -> Result<String, OperationError> {
    let on = On { link, run };
    match operation {
        Operation::RetryNow { activity } => on.retry_now(activity).await,
        Operation::Pause { activity } => {
            on.pause(activity).await.map_err(|status| refused(&status, "the pause"))?;
            Ok(format!("activity {activity} is paused; a running attempt continues"))
        }
        Operation::Unpause { activity } => {
            on.unpause(activity).await.map_err(|status| refused(&status, "undoing the pause"))?;
            Ok(format!("activity {activity} is no longer paused"))
        }
        Operation::Reset { activity } => on.reset(activity).await,
        Operation::UpdateOptions { activity, options } => on.update_options(activity, options).await,
        Operation::Cancel => on.cancel().await,
        Operation::Terminate => on.terminate().await,
        Operation::Signal { name, argument } => on.signal(name, argument.as_deref()).await,
    }
}

/// An execution that is operated on.
struct On<'a> {
    link: &'a Link,
    run: &'a Run,
}

impl On<'_> {
    fn execution(&self) -> WorkflowExecution {
        let Run { workflow, run } = self.run.clone();
        WorkflowExecution { workflow_id: workflow, run_id: run }
    }

    async fn pause(&self, activity: &str) -> Result<(), Status> {
        let request = PauseActivityRequest {
            namespace: self.link.client().namespace(),
            execution: Some(self.execution()),
            identity: self.link.client().identity(),
            reason: REASON.to_owned(),
            activity: Some(pause_activity_request::Activity::Id(activity.to_owned())),
            ..Default::default()
        };
        self.link.service().pause_activity(limited(request)).await.map(drop)
    }

    async fn unpause(&self, activity: &str) -> Result<(), Status> {
        let request = UnpauseActivityRequest {
            namespace: self.link.client().namespace(),
            execution: Some(self.execution()),
            identity: self.link.client().identity(),
            activity: Some(unpause_activity_request::Activity::Id(activity.to_owned())),
            ..Default::default()
        };
        self.link.service().unpause_activity(limited(request)).await.map(drop)
    }

    /// Pauses the activity and undoes the pause, which starts a waiting attempt at once and keeps its number. Temporal has
    /// no call for this alone; a reset would count from 1 again.
    async fn retry_now(&self, activity: &str) -> Result<String, OperationError> {
        let paused = self.pause(activity).await;
        if let Err(status) = &paused
            && !may_be_executed(status)
        {
            return Err(refused(status, "the retry"));
        }
        let mut undone = self.unpause(activity).await;
        for _ in 0..2 {
            if undone.is_ok() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
            undone = self.unpause(activity).await;
        }
        undone
            .map_err(|status| OperationError::StillPaused { activity: activity.to_owned(), cause: cause(&status) })?;
        paused.map_err(|status| refused(&status, "the retry"))?;
        Ok(format!("the next attempt of activity {activity} starts now"))
    }

    async fn reset(&self, activity: &str) -> Result<String, OperationError> {
        let request = ResetActivityRequest {
            namespace: self.link.client().namespace(),
            execution: Some(self.execution()),
            identity: self.link.client().identity(),
            activity: Some(reset_activity_request::Activity::Id(activity.to_owned())),
            ..Default::default()
        };
        let answer = self.link.service().reset_activity(limited(request)).await;
        answer.map_err(|status| refused(&status, "the reset"))?;
        Ok(format!("activity {activity} is reset; its attempts count from 1 again"))
    }

    async fn update_options(&self, activity: &str, options: &ActivityOptions) -> Result<String, OperationError> {
        let paths = [
            "schedule_to_close_timeout",
            "schedule_to_start_timeout",
            "start_to_close_timeout",
            "heartbeat_timeout",
            "retry_policy.initial_interval",
            "retry_policy.backoff_coefficient",
            "retry_policy.maximum_interval",
            "retry_policy.maximum_attempts",
        ];
        let mut request = UpdateActivityOptionsRequest {
            namespace: self.link.client().namespace(),
            execution: Some(self.execution()),
            identity: self.link.client().identity(),
            activity_options: Some(proto(options)),
            activity: Some(update_activity_options_request::Activity::Id(activity.to_owned())),
            ..Default::default()
        };
        request.update_mask.get_or_insert_default().paths = paths.map(str::to_owned).to_vec();
        let answer = self.link.service().update_activity_options(limited(request)).await;
        answer.map_err(|status| refused(&status, "the change of options"))?;
        Ok(format!("the options of activity {activity} are changed"))
    }

    async fn cancel(&self) -> Result<String, OperationError> {
        let request = RequestCancelWorkflowExecutionRequest {
            namespace: self.link.client().namespace(),
            workflow_execution: Some(self.execution()),
            identity: self.link.client().identity(),
            request_id: uuid::Uuid::new_v4().to_string(),
            reason: REASON.to_owned(),
            ..Default::default()
        };
        let answer = self.link.service().request_cancel_workflow_execution(limited(request)).await;
        answer.map_err(|status| refused(&status, "the cancellation"))?;
        Ok(format!("cancellation of {} requested", self.workflow()))
    }

    async fn terminate(&self) -> Result<String, OperationError> {
        let request = TerminateWorkflowExecutionRequest {
            namespace: self.link.client().namespace(),
            workflow_execution: Some(self.execution()),
            identity: self.link.client().identity(),
            reason: REASON.to_owned(),
            ..Default::default()
        };
        let answer = self.link.service().terminate_workflow_execution(limited(request)).await;
        answer.map_err(|status| refused(&status, "the termination"))?;
        Ok(format!("{} is terminated", self.workflow()))
    }

    async fn signal(&self, name: &str, argument: Option<&str>) -> Result<String, OperationError> {
        let request = SignalWorkflowExecutionRequest {
            namespace: self.link.client().namespace(),
            workflow_execution: Some(self.execution()),
            identity: self.link.client().identity(),
            request_id: uuid::Uuid::new_v4().to_string(),
            signal_name: name.to_owned(),
            input: argument.map(|json| self.json(json)).transpose()?,
            ..Default::default()
        };
        let answer = self.link.service().signal_workflow_execution(limited(request)).await;
        answer.map_err(|status| refused(&status, "the signal"))?;
        Ok(format!("signal {} sent to {}", super::name(name), self.workflow()))
    }

    /// JSON as the argument of a call, encrypted if the connection encrypts.
    fn json(&self, json: &str) -> Result<Payloads, OperationError> {
        let metadata = [("encoding".to_owned(), b"json/plain".to_vec())].into();
        let plain = Payload { metadata, data: json.as_bytes().to_vec(), ..Payload::default() };
        let payload = match self.link.codec() {
            Some(codec) => codec.encode_one(&plain)?,
            None => plain,
        };
        Ok(Payloads { payloads: vec![payload] })
    }

    fn workflow(&self) -> String {
        name(&self.run.workflow)
    }
}

fn cause(status: &Status) -> String {
    RequestError::of(status).to_string()
}

/// Whether the server may have executed a failed request, because it did not answer.
fn may_be_executed(status: &Status) -> bool {
    matches!(
        status.code(),
        Code::DeadlineExceeded | Code::Cancelled | Code::Unavailable | Code::Unknown | Code::Internal
    )
}

fn refused(status: &Status, what: &str) -> OperationError {
    let (what, cause) = (what.to_owned(), cause(status));
    match status.code() {
        // The server's message says whether the execution or the activity has ended.
        Code::NotFound | Code::FailedPrecondition => OperationError::Ended { what, cause: text(status.message()) },
        Code::PermissionDenied | Code::Unauthenticated => OperationError::Denied { what, cause },
        Code::Unimplemented => OperationError::TooOld { what, cause },
        _ => OperationError::Failed { what, cause },
    }
}

fn proto(options: &ActivityOptions) -> ProtoOptions {
    let some = |duration: Option<Duration>| duration.unwrap_or_default().try_into().ok();
    let retry = &options.retry;
    ProtoOptions {
        schedule_to_close_timeout: some(options.schedule_to_close),
        schedule_to_start_timeout: some(options.schedule_to_start),
        start_to_close_timeout: some(options.start_to_close),
        heartbeat_timeout: some(options.heartbeat),
        retry_policy: Some(RetryPolicy {
            initial_interval: retry.initial.try_into().ok(),
            backoff_coefficient: f64::from(retry.coefficient.0) / 1_000.0,
            maximum_interval: retry.maximum_wait().try_into().ok(),
            maximum_attempts: i32::try_from(retry.maximum_attempts).unwrap_or(i32::MAX),
            ..Default::default()
        }),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_its_cause_once_and_what_to_do() {
        for (code, message, shown) in [
            (
                Code::PermissionDenied,
                "no claims",
                "the pause was not done: permission denied: no claims; use a key that may write, or --read-only without operations",
            ),
            (
                Code::Unimplemented,
                "unknown method",
                "the pause was not done: this server does not support the request: unknown method; version 1.28 or newer does",
            ),
            (
                Code::NotFound,
                "activity not found",
                "the pause was not done: activity not found; it has ended, or was never there",
            ),
            (
                Code::FailedPrecondition,
                "workflow is closed",
                "the pause was not done: workflow is closed; it has ended, or was never there",
            ),
            (Code::ResourceExhausted, "limit", "the pause was not done: the server is busy: limit; try again"),
        ] {
            assert_eq!(refused(&Status::new(code, message), "the pause").to_string(), shown);
        }
    }
}
