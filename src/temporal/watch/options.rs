//! The options of an activity, in both directions.

use std::time::Duration;

use temporalio_common::protos::temporal::api::{
    activity::v1::ActivityOptions as ProtoOptions, common::v1::RetryPolicy as ProtoPolicy,
    history::v1::ActivityTaskScheduledEventAttributes,
};

use super::{attempts, name};
use crate::{
    domain::{ActivityOptions, Coefficient, RetryPolicy, answer_limits::MAX_TYPES},
    temporal::times::duration,
};

/// The options with which an activity was scheduled.
pub(super) fn scheduled_options(event: &ActivityTaskScheduledEventAttributes) -> ActivityOptions {
    ActivityOptions {
        task_queue: event.task_queue.as_ref().map(|queue| name(&queue.name)).unwrap_or_default(),
        schedule_to_close: duration(event.schedule_to_close_timeout),
        schedule_to_start: duration(event.schedule_to_start_timeout),
        start_to_close: duration(event.start_to_close_timeout),
        heartbeat: duration(event.heartbeat_timeout),
        retry: event.retry_policy.as_ref().map(policy).unwrap_or_default(),
    }
}

/// The current options of an activity.
pub(super) fn current_options(options: &ProtoOptions) -> ActivityOptions {
    ActivityOptions {
        task_queue: options.task_queue.as_ref().map(|queue| name(&queue.name)).unwrap_or_default(),
        schedule_to_close: duration(options.schedule_to_close_timeout),
        schedule_to_start: duration(options.schedule_to_start_timeout),
        start_to_close: duration(options.start_to_close_timeout),
        heartbeat: duration(options.heartbeat_timeout),
        retry: options.retry_policy.as_ref().map(policy).unwrap_or_default(),
    }
}

fn policy(policy: &ProtoPolicy) -> RetryPolicy {
    RetryPolicy {
        initial: duration(policy.initial_interval).unwrap_or(RetryPolicy::default().initial),
        coefficient: coefficient(policy.backoff_coefficient),
        maximum: duration(policy.maximum_interval),
        maximum_attempts: attempts(policy.maximum_attempts),
        non_retryable: policy.non_retryable_error_types.iter().take(MAX_TYPES).map(|kind| name(kind)).collect(),
    }
}

/// Converts a factor to thousandths. The server accepts none below 1, and sends 0 for the default.
fn coefficient(factor: f64) -> Coefficient {
    if factor < 1.0 {
        return RetryPolicy::default().coefficient;
    }
    // The largest factor that is shown; no policy needs it.
    let millis = Duration::try_from_secs_f64(factor).unwrap_or(Duration::MAX).as_millis();
    Coefficient(u32::try_from(millis).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use temporalio_common::protos::temporal::api::taskqueue::v1::TaskQueue;

    use super::*;

    #[test]
    fn options_that_are_0_are_not_set() {
        let seconds = |seconds| Duration::from_secs(seconds).try_into().ok();
        let options = ProtoOptions {
            task_queue: Some(TaskQueue { name: "shop".to_owned(), ..Default::default() }),
            schedule_to_close_timeout: seconds(0),
            start_to_close_timeout: seconds(10),
            heartbeat_timeout: seconds(0),
            retry_policy: Some(ProtoPolicy {
                initial_interval: Duration::from_millis(250).try_into().ok(),
                backoff_coefficient: 1.05,
                maximum_interval: seconds(4),
                maximum_attempts: 3,
                non_retryable_error_types: vec!["Bad\u{7}".to_owned()],
            }),
            ..Default::default()
        };
        let wanted = ActivityOptions {
            task_queue: "shop".to_owned(),
            start_to_close: Some(Duration::from_secs(10)),
            retry: RetryPolicy {
                initial: Duration::from_millis(250),
                coefficient: Coefficient(1_050),
                maximum: Some(Duration::from_secs(4)),
                maximum_attempts: 3,
                non_retryable: vec!["Bad\\u{7}".to_owned()],
            },
            ..Default::default()
        };
        assert_eq!(current_options(&options), wanted);
        let event = ActivityTaskScheduledEventAttributes {
            task_queue: options.task_queue,
            start_to_close_timeout: options.start_to_close_timeout,
            retry_policy: options.retry_policy,
            ..Default::default()
        };
        assert_eq!(scheduled_options(&event), wanted);
    }

    #[test]
    fn a_coefficient_that_is_not_set_is_the_default() {
        assert_eq!(
            [0.0, 1.0, 2.5, 1e300, f64::NAN].map(coefficient),
            [2_000, 1_000, 2_500, u32::MAX, u32::MAX].map(Coefficient)
        );
    }
}
