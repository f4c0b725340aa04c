//! Failures with all their causes.

use temporalio_common::protos::temporal::api::{
    common::v1::Payloads,
    enums::v1::NexusHandlerErrorRetryBehavior,
    failure::v1::{Failure, failure::FailureInfo},
};

use super::{name, payload::contents, text};
use crate::{
    domain::{
        FailureCause, FailureKind, FailureReport, TimeoutKind,
        answer_limits::{MAX_CAUSES, MAX_TRACE_LINES, trace_line},
    },
    temporal::{
        codec::{Codec, decode_messages},
        failure::{outer_reason, timeout_kind},
        times::duration,
    },
};

/// Converts a failure, and decodes its messages.
pub(super) fn report(codec: Option<&Codec>, failure: &Failure) -> FailureReport {
    let mut failure = failure.clone();
    decode_messages(codec, &mut failure);
    let chain = std::iter::successors(Some(&failure), |failure| failure.cause.as_deref());
    let causes = chain.take(MAX_CAUSES).map(|failure| cause(codec, failure)).collect();
    FailureReport { causes, ..outer_reason(&failure) }
}

/// The same for a field of a message, which may be missing.
pub(super) fn report_of(codec: Option<&Codec>, failure: Option<&Failure>) -> FailureReport {
    failure.map_or_else(|| report(codec, &Failure::default()), |failure| report(codec, failure))
}

/// A timeout about which the server reports no failure.
pub(super) fn timed_out(message: &str) -> FailureReport {
    let cause = FailureCause {
        kind: FailureKind::Timeout(TimeoutKind::Unspecified),
        message: message.to_owned(),
        stack_trace: Vec::new(),
        details: Vec::new(),
    };
    FailureReport { code: "Timeout".to_owned(), message: message.to_owned(), retryable: false, causes: vec![cause] }
}

fn cause(codec: Option<&Codec>, failure: &Failure) -> FailureCause {
    let lines = failure.stack_trace.lines().map(str::trim_end).filter(|line| !line.is_empty());
    FailureCause {
        kind: failure.failure_info.as_ref().map_or(FailureKind::Other, kind),
        message: text(&failure.message),
        stack_trace: lines.take(MAX_TRACE_LINES).map(trace_line).collect(),
        details: contents(codec, failure.failure_info.as_ref().and_then(details)),
    }
}

fn kind(info: &FailureInfo) -> FailureKind {
    match info {
        FailureInfo::ApplicationFailureInfo(info) => FailureKind::Application {
            code: name(&info.r#type),
            retryable: !info.non_retryable,
            next_retry_delay: duration(info.next_retry_delay),
        },
        FailureInfo::TimeoutFailureInfo(info) => FailureKind::Timeout(timeout_kind(info.timeout_type())),
        FailureInfo::CanceledFailureInfo(_) => FailureKind::Cancelled,
        FailureInfo::TerminatedFailureInfo(_) => FailureKind::Terminated,
        FailureInfo::ServerFailureInfo(info) => FailureKind::Server { retryable: !info.non_retryable },
        FailureInfo::ActivityFailureInfo(info) => FailureKind::Activity {
            activity: info.activity_type.as_ref().map(|kind| name(&kind.name)).unwrap_or_default(),
            id: name(&info.activity_id),
        },
        FailureInfo::ChildWorkflowExecutionFailureInfo(info) => FailureKind::Child {
            workflow_type: info.workflow_type.as_ref().map(|kind| name(&kind.name)).unwrap_or_default(),
            workflow: info.workflow_execution.as_ref().map(|run| name(&run.workflow_id)).unwrap_or_default(),
        },
        FailureInfo::NexusOperationExecutionFailureInfo(info) => {
            FailureKind::Nexus { operation: operation(&info.endpoint, &info.service, &info.operation) }
        }
        FailureInfo::NexusHandlerFailureInfo(info) => FailureKind::Application {
            code: name(&info.r#type),
            retryable: info.retry_behavior() != NexusHandlerErrorRetryBehavior::NonRetryable,
            next_retry_delay: None,
        },
        FailureInfo::ResetWorkflowFailureInfo(_) => FailureKind::Other,
    }
}

fn details(info: &FailureInfo) -> Option<&Payloads> {
    match info {
        FailureInfo::ApplicationFailureInfo(info) => info.details.as_ref(),
        FailureInfo::CanceledFailureInfo(info) => info.details.as_ref(),
        FailureInfo::TimeoutFailureInfo(info) => info.last_heartbeat_details.as_ref(),
        FailureInfo::ResetWorkflowFailureInfo(info) => info.last_heartbeat_details.as_ref(),
        _ => None,
    }
}

/// The name of a Nexus operation: `ENDPOINT/SERVICE/OPERATION`.
pub(super) fn operation(endpoint: &str, service: &str, operation: &str) -> String {
    [endpoint, service, operation].map(name).join("/")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use temporalio_common::protos::temporal::api::{
        common::v1::{ActivityType, Payload},
        enums::v1::TimeoutType,
        failure::v1::{ActivityFailureInfo, ApplicationFailureInfo, TimeoutFailureInfo},
    };

    use super::*;
    use crate::domain::{PayloadContent, answer_limits::MAX_TRACE_CHARS};

    fn failure(message: &str, info: FailureInfo) -> Failure {
        Failure { message: message.to_owned(), failure_info: Some(info), ..Default::default() }
    }

    fn plain(kind: FailureKind, message: &str) -> FailureCause {
        FailureCause { kind, message: message.to_owned(), stack_trace: Vec::new(), details: Vec::new() }
    }

    #[test]
    fn the_causes_are_in_order_with_their_kinds() {
        let inner = failure(
            "card declined\u{1b}",
            FailureInfo::ApplicationFailureInfo(ApplicationFailureInfo {
                r#type: "CardError".to_owned(),
                non_retryable: true,
                next_retry_delay: Duration::from_millis(1_500).try_into().ok(),
                details: Some(Payloads { payloads: vec![Payload::default()] }),
                ..Default::default()
            }),
        );
        let info = ActivityFailureInfo {
            activity_id: "5".to_owned(),
            activity_type: Some(ActivityType { name: "charge".to_owned() }),
            ..Default::default()
        };
        let mut outer = failure("activity error", FailureInfo::ActivityFailureInfo(info));
        outer.cause = Some(Box::new(inner));
        let report = report(None, &outer);
        assert_eq!((report.code.as_str(), report.message.as_str()), ("CardError", "card declined\\u{1b}"));
        assert_eq!(report.next_retry_delay(), Some(Duration::from_millis(1_500)));
        let application = FailureKind::Application {
            code: "CardError".to_owned(),
            retryable: false,
            next_retry_delay: Some(Duration::from_millis(1_500)),
        };
        let wanted = [
            plain(FailureKind::Activity { activity: "charge".to_owned(), id: "5".to_owned() }, "activity error"),
            FailureCause { details: vec![PayloadContent::Null], ..plain(application, "card declined\\u{1b}") },
        ];
        assert_eq!(report.causes, wanted);
    }

    #[test]
    fn a_timeout_has_its_kind_and_the_last_heartbeat() {
        let info = TimeoutFailureInfo {
            timeout_type: TimeoutType::Heartbeat.into(),
            last_heartbeat_details: Some(Payloads { payloads: vec![Payload::default()] }),
        };
        let report = report(None, &failure("activity Heartbeat timeout", FailureInfo::TimeoutFailureInfo(info)));
        assert_eq!(report.timeout(), Some(TimeoutKind::Heartbeat));
        assert_eq!(report.causes[0].details, [PayloadContent::Null]);
        assert_eq!(timed_out("late").timeout(), Some(TimeoutKind::Unspecified));
    }

    #[test]
    fn a_hostile_failure_is_bounded() {
        let mut failure = Failure { message: "x".repeat(10_000), ..Default::default() };
        failure.stack_trace = format!("at {}\r\n\n", "y".repeat(1_000)).repeat(1_000);
        for _ in 0..100 {
            failure = Failure { cause: Some(Box::new(failure.clone())), ..failure };
        }
        let report = report(None, &failure);
        assert_eq!(report.causes.len(), MAX_CAUSES);
        let cause = &report.causes[0];
        assert_eq!((cause.message.len(), cause.stack_trace.len()), (2_003, MAX_TRACE_LINES));
        assert_eq!(cause.stack_trace[0].len(), MAX_TRACE_CHARS + "...".len());
    }

    #[test]
    fn encoded_attributes_are_decoded() {
        let data = br#"{"message":"real","stack_trace":"line 1\nline 2"}"#.to_vec();
        let failure = Failure {
            message: "Encoded failure".to_owned(),
            encoded_attributes: Some(Payload { data, ..Default::default() }),
            ..Default::default()
        };
        let report = report_of(None, Some(&failure));
        assert_eq!((report.message.as_str(), report.causes[0].message.as_str()), ("real", "real"));
        assert_eq!(report.causes[0].stack_trace, ["line 1", "line 2"]);
    }
}
