//! Why a failure happened, in short.

use temporalio_common::protos::temporal::api::{
    enums::v1::TimeoutType,
    failure::v1::{Failure, failure::FailureInfo},
};

use crate::domain::{FailureReport, TimeoutKind, sanitize};

/// Maximum length of a text of a failure.
const MAX_TEXT_CHARS: usize = 300;

/// Returns the reason without the causes: the message of the innermost failure that has one. The outermost failure
/// decides whether the activity is retried, as on the server.
pub(super) fn reason(outermost: &Failure) -> FailureReport {
    let mut innermost = outermost;
    let mut current = Some(outermost);
    while let Some(failure) = current {
        if has_reason(failure) {
            innermost = failure;
        }
        current = failure.cause.as_deref();
    }
    in_short(innermost, outermost)
}

/// The same with the message of the outermost failure that has a reason, for a reader who sees the causes too.
pub(super) fn outer_reason(outermost: &Failure) -> FailureReport {
    let mut chain = std::iter::successors(Some(outermost), |failure| failure.cause.as_deref());
    in_short(chain.find(|failure| has_reason(failure)).unwrap_or(outermost), outermost)
}

fn in_short(failure: &Failure, outermost: &Failure) -> FailureReport {
    FailureReport {
        code: sanitize(&code(failure), MAX_TEXT_CHARS),
        message: sanitize(&message(failure), MAX_TEXT_CHARS),
        retryable: is_retryable(outermost),
        causes: Vec::new(),
    }
}

/// Whether a failure has its own reason and does not only wrap its cause.
fn has_reason(failure: &Failure) -> bool {
    match &failure.failure_info {
        Some(FailureInfo::ApplicationFailureInfo(info)) => !(info.r#type.is_empty() && failure.message.is_empty()),
        Some(
            FailureInfo::TimeoutFailureInfo(_)
            | FailureInfo::CanceledFailureInfo(_)
            | FailureInfo::TerminatedFailureInfo(_)
            | FailureInfo::ServerFailureInfo(_),
        ) => true,
        _ => false,
    }
}

fn code(failure: &Failure) -> String {
    match &failure.failure_info {
        Some(FailureInfo::ApplicationFailureInfo(info)) => info.r#type.clone(),
        Some(FailureInfo::TimeoutFailureInfo(_)) => "Timeout".to_owned(),
        Some(FailureInfo::CanceledFailureInfo(_)) => "Cancelled".to_owned(),
        Some(FailureInfo::TerminatedFailureInfo(_)) => "Terminated".to_owned(),
        Some(FailureInfo::ServerFailureInfo(_)) => "Server".to_owned(),
        _ => String::new(),
    }
}

fn message(failure: &Failure) -> String {
    let Some(FailureInfo::TimeoutFailureInfo(info)) = &failure.failure_info else { return failure.message.clone() };
    match timeout_kind(info.timeout_type()) {
        TimeoutKind::Unspecified => failure.message.clone(),
        kind => kind.sentence(None),
    }
}

/// Converts the kind of a timeout.
pub(super) const fn timeout_kind(kind: TimeoutType) -> TimeoutKind {
    match kind {
        TimeoutType::StartToClose => TimeoutKind::StartToClose,
        TimeoutType::ScheduleToStart => TimeoutKind::ScheduleToStart,
        TimeoutType::ScheduleToClose => TimeoutKind::ScheduleToClose,
        TimeoutType::Heartbeat => TimeoutKind::Heartbeat,
        TimeoutType::Unspecified => TimeoutKind::Unspecified,
    }
}

/// Whether the failure allows a retry.
pub(super) fn is_retryable(failure: &Failure) -> bool {
    match &failure.failure_info {
        Some(FailureInfo::ApplicationFailureInfo(info)) => !info.non_retryable,
        Some(FailureInfo::ServerFailureInfo(info)) => !info.non_retryable,
        Some(FailureInfo::TimeoutFailureInfo(info)) => {
            matches!(info.timeout_type(), TimeoutType::StartToClose | TimeoutType::Heartbeat)
        }
        Some(FailureInfo::CanceledFailureInfo(_) | FailureInfo::TerminatedFailureInfo(_)) => false,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use temporalio_common::protos::temporal::api::failure::v1::{
        ActivityFailureInfo, ApplicationFailureInfo, TimeoutFailureInfo,
    };

    use super::*;

    fn application(code: &str, message: &str, non_retryable: bool) -> Failure {
        let info = ApplicationFailureInfo { r#type: code.to_owned(), non_retryable, ..Default::default() };
        let failure_info = Some(FailureInfo::ApplicationFailureInfo(info));
        Failure { message: message.to_owned(), failure_info, ..Default::default() }
    }

    fn around(cause: Failure) -> Failure {
        let failure_info = Some(FailureInfo::ActivityFailureInfo(ActivityFailureInfo::default()));
        let message = "activity failed".to_owned();
        Failure { message, failure_info, cause: Some(Box::new(cause)), ..Default::default() }
    }

    fn report(code: &str, message: &str, retryable: bool) -> FailureReport {
        FailureReport { code: code.to_owned(), message: message.to_owned(), retryable, causes: Vec::new() }
    }

    #[test]
    fn the_innermost_failure_with_a_reason_is_reported() {
        let inner = application("RandomError", "RANDOM ERROR", false);
        assert_eq!(reason(&around(inner.clone())), report("RandomError", "RANDOM ERROR", true));
        let mut silent = inner;
        silent.cause = Some(Box::new(application("", "", false)));
        assert_eq!(reason(&silent), report("RandomError", "RANDOM ERROR", true));
        assert_eq!(reason(&application("Conflict", "another order", true)), report("Conflict", "another order", false));
        let bare = Failure { message: "something".to_owned(), ..Default::default() };
        assert_eq!(reason(&bare), report("", "something", true));
    }

    #[test]
    fn a_timeout_has_its_kind() {
        let info = TimeoutFailureInfo { timeout_type: TimeoutType::StartToClose.into(), ..Default::default() };
        let failure_info = Some(FailureInfo::TimeoutFailureInfo(info));
        let timeout =
            Failure { message: "activity StartToClose timeout".to_owned(), failure_info, ..Default::default() };
        let expected = report("Timeout", "no answer within the start-to-close timeout", true);
        assert_eq!(reason(&around(timeout)), expected);
    }
}
