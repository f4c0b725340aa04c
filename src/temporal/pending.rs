//! A pending activity, as the server describes it.

use std::time::Duration;

use temporalio_common::protos::temporal::api::{
    enums::v1::PendingActivityState, failure::v1::failure::FailureInfo, workflow::v1::PendingActivityInfo,
};

use super::{failure::reason, times::millis};
use crate::domain::{self, ActivityType, PendingActivity, PendingState, UnixMillis, sanitize};

/// Source of the failures that the server itself reports.
const SERVER: &str = "Server";

/// Maximum length of a name from the server.
const MAX_NAME_CHARS: usize = 300;

/// Describes an activity; `None` if the server sent no type.
pub(super) fn pending(info: &PendingActivityInfo) -> Option<PendingActivity> {
    let name = &info.activity_type.as_ref()?.name;
    let activity = ActivityType::from(sanitize(name, MAX_NAME_CHARS));
    Some(PendingActivity {
        activity,
        id: info.activity_id.clone(),
        attempt: u32::try_from(info.attempt).unwrap_or_default().max(1),
        maximum: u32::try_from(info.maximum_attempts).unwrap_or_default(),
        state: state(info),
        started: millis(info.last_started_time),
        completed: completed(info),
        next: millis(info.next_attempt_schedule_time),
        interval: interval(info),
        failure: info.last_failure.as_ref().map(reason),
        worker: sanitize(&info.last_worker_identity, MAX_NAME_CHARS),
    })
}

/// The end of the latest attempt that has ended. Unknown after a timeout: the server (1.32.0) then reports the end of the
/// latest attempt that a worker ended, or none.
fn completed(info: &PendingActivityInfo) -> Option<UnixMillis> {
    millis(info.last_attempt_complete_time).filter(|_| !has_timed_out(info))
}

/// Whether the server itself ended the latest attempt that has ended.
fn has_timed_out(info: &PendingActivityInfo) -> bool {
    info.last_failure.as_ref().is_some_and(|failure| {
        failure.source == SERVER && matches!(failure.failure_info, Some(FailureInfo::TimeoutFailureInfo(_)))
    })
}

/// The delay before the next attempt. Unknown if the end of the latest attempt is not known, because the server counts
/// the delay from that time, or from the epoch.
fn interval(info: &PendingActivityInfo) -> Option<Duration> {
    completed(info)?;
    let interval = Duration::try_from(info.current_retry_interval?).ok()?;
    // As precise as in a recording.
    Some(Duration::from_millis(domain::millis::whole(interval)))
}

fn state(info: &PendingActivityInfo) -> PendingState {
    match info.state() {
        _ if info.paused => PendingState::Paused,
        PendingActivityState::Paused | PendingActivityState::PauseRequested => PendingState::Paused,
        PendingActivityState::Started => PendingState::Started,
        PendingActivityState::CancelRequested => PendingState::CancelRequested,
        PendingActivityState::Scheduled | PendingActivityState::Unspecified => PendingState::Scheduled,
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use temporalio_common::protos::temporal::api::{
        common::v1 as proto,
        failure::v1::{Failure, TimeoutFailureInfo},
    };

    use super::*;
    use crate::domain::Activity;

    #[test]
    fn a_delay_that_the_server_counts_from_the_epoch_is_unknown() {
        let time = Duration::from_secs(1_795_559_014);
        let info = PendingActivityInfo { current_retry_interval: time.try_into().ok(), ..Default::default() };
        assert_eq!(interval(&info), None);
        let info = PendingActivityInfo {
            last_attempt_complete_time: Some((SystemTime::UNIX_EPOCH + time).into()),
            current_retry_interval: Duration::from_secs(1).try_into().ok(),
            ..Default::default()
        };
        assert_eq!(interval(&info), Some(Duration::from_secs(1)));
    }

    #[test]
    fn after_a_timeout_the_end_of_an_earlier_attempt_is_not_that_of_the_latest() {
        let failure = |source: &str| Failure {
            source: source.to_owned(),
            failure_info: Some(FailureInfo::TimeoutFailureInfo(TimeoutFailureInfo::default())),
            ..Default::default()
        };
        let info = |source: &str| PendingActivityInfo {
            last_attempt_complete_time: Some((SystemTime::UNIX_EPOCH + Duration::from_secs(9)).into()),
            current_retry_interval: Duration::from_secs(2).try_into().ok(),
            last_failure: Some(failure(source)),
            ..Default::default()
        };
        assert_eq!((completed(&info(SERVER)), interval(&info(SERVER))), (None, None));
        // A worker reported that a timeout of its own expired.
        let (by_worker, two) = (info(""), Duration::from_secs(2));
        assert_eq!((completed(&by_worker), interval(&by_worker)), (Some(UnixMillis(9_000)), Some(two)));
    }

    #[test]
    fn an_activity_of_any_type_is_pending() {
        let info = |name: &str| PendingActivityInfo {
            activity_id: "7".to_owned(),
            activity_type: Some(proto::ActivityType { name: name.to_owned() }),
            ..Default::default()
        };
        for name in ["SomethingElse", Activity::UpdateInventory.name()] {
            let found = pending(&info(name)).unwrap();
            assert_eq!((found.activity, found.id.as_str()), (name.into(), "7"));
            assert_eq!((found.attempt, found.next, found.failure), (1, None, None));
        }
        assert_eq!(pending(&PendingActivityInfo::default()), None);
    }

    #[test]
    fn a_pause_takes_precedence_over_a_running_attempt() {
        let info = |state: PendingActivityState, paused| {
            super::state(&PendingActivityInfo { state: state.into(), paused, ..Default::default() })
        };
        assert_eq!(info(PendingActivityState::Started, false), PendingState::Started);
        assert_eq!(info(PendingActivityState::Started, true), PendingState::Paused);
        assert_eq!(info(PendingActivityState::PauseRequested, false), PendingState::Paused);
        assert_eq!(info(PendingActivityState::Unspecified, false), PendingState::Scheduled);
    }
}
