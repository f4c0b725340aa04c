//! Local activities, which SDKs record as markers of their own form.

use std::time::Duration;

use serde_json::Value;
use temporalio_common::protos::temporal::api::{
    common::v1::Payload, failure::v1::failure::FailureInfo, history::v1::MarkerRecordedEventAttributes,
};

use super::{failure::report, name, payload::contents};
use crate::{
    domain::{EventKind, ItemEnd, UnixMillis},
    temporal::codec::Codec,
};

/// Names of the markers: of the SDKs that are based on Temporal's core library, and of the SDKs for Go and Java.
const MARKERS: [&str; 2] = ["core_local_activity", "LocalActivity"];

/// Reads the marker of a local activity; `None` if it is another marker.
///
/// The core library records one JSON object `data`, and so does Go with other names of the fields. Java records `activityId`
/// and `type`, and an object `meta`.
pub(super) fn local_activity(codec: Option<&Codec>, marker: &MarkerRecordedEventAttributes) -> Option<EventKind> {
    if !MARKERS.contains(&marker.marker_name.as_str()) {
        return None;
    }
    let detail = |key: &str| marker.details.get(key).and_then(|payloads| payloads.payloads.first());
    let json = |key: &str| detail(key).and_then(|payload| json(codec, payload)).unwrap_or_default();
    let (data, meta) = (json("data"), json("meta"));
    let text = |value: &Value| name(value.as_str().unwrap_or_default());
    let first = |values: [&Value; 3]| values.into_iter().find(|value| !value.is_null()).cloned().unwrap_or_default();
    let attempt = first([&data["attempt"], &data["Attempt"], &meta["atpt"]]);
    Some(EventKind::LocalActivity {
        id: text(&first([&data["activity_id"], &data["ActivityID"], &json("activityId")])),
        activity: text(&first([&data["activity_type"], &data["ActivityType"], &json("type")])),
        attempt: attempt.as_u64().and_then(|attempt| u32::try_from(attempt).ok()).unwrap_or_default(),
        started: core_time(&data["original_schedule_time"])
            .or_else(|| meta["firstSkd"].as_u64())
            .filter(|millis| *millis > 0)
            .map(UnixMillis),
        end: end(codec, marker),
        backoff: core_time(&data["backoff"])
            .or_else(|| data["Backoff"].as_u64().map(|nanos| nanos / 1_000_000))
            .or_else(|| meta["backoff"].as_u64())
            .filter(|millis| *millis > 0)
            .map(Duration::from_millis),
    })
}

fn end(codec: Option<&Codec>, marker: &MarkerRecordedEventAttributes) -> ItemEnd {
    match &marker.failure {
        Some(failure) if matches!(failure.failure_info, Some(FailureInfo::CanceledFailureInfo(_))) => {
            ItemEnd::Cancelled
        }
        Some(failure) => match report(codec, failure) {
            timeout if timeout.timeout().is_some() => ItemEnd::TimedOut(timeout),
            failure => ItemEnd::Failed(failure),
        },
        None => ItemEnd::Completed { result: contents(codec, marker.details.get("result")) },
    }
}

/// Reads a JSON payload. Some SDKs do not encrypt their own data, so a payload that the codec refuses is read as it is.
fn json(codec: Option<&Codec>, payload: &Payload) -> Option<Value> {
    let decoded = codec.and_then(|codec| codec.decode_one(payload.clone()).ok());
    serde_json::from_slice(&decoded.as_ref().unwrap_or(payload).data).ok()
}

/// Milliseconds of a time or a duration in the form of the core library: `{"seconds": 1, "nanos": 0}`.
fn core_time(value: &Value) -> Option<u64> {
    let nanos = value["nanos"].as_u64().unwrap_or_default();
    value["seconds"].as_u64()?.checked_mul(1_000)?.checked_add(nanos / 1_000_000)
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, sync::Arc};

    use temporalio_common::protos::temporal::api::{
        common::v1::Payloads,
        failure::v1::{CanceledFailureInfo, Failure},
    };

    use super::*;
    use crate::{
        domain::PayloadContent,
        encryption::{KeyRing, sample_key},
    };

    fn payload(data: &str) -> Payload {
        let metadata = [("encoding".to_owned(), b"json/plain".to_vec())].into();
        Payload { metadata, data: data.as_bytes().to_vec(), ..Default::default() }
    }

    fn marker(name: &str, details: &[(&str, &str)]) -> MarkerRecordedEventAttributes {
        let details: HashMap<_, _> =
            details.iter().map(|(key, data)| ((*key).to_owned(), Payloads { payloads: vec![payload(data)] })).collect();
        MarkerRecordedEventAttributes { marker_name: name.to_owned(), details, ..Default::default() }
    }

    fn seven() -> ItemEnd {
        ItemEnd::Completed { result: vec![PayloadContent::Json { text: "7".to_owned(), bytes: 1 }] }
    }

    #[test]
    fn the_marker_of_the_core_library_is_read() {
        let data = r#"{"seq":1,"attempt":3,"activity_id":"2","activity_type":"check","complete_time":{"seconds":1000,"nanos":0},
            "backoff":null,"original_schedule_time":{"seconds":999,"nanos":500000000}}"#;
        let found = local_activity(None, &marker("core_local_activity", &[("data", data), ("result", "7")]));
        let wanted = EventKind::LocalActivity {
            id: "2".to_owned(),
            activity: "check".to_owned(),
            attempt: 3,
            started: Some(UnixMillis(999_500)),
            end: seven(),
            backoff: None,
        };
        assert_eq!(found, Some(wanted));
    }

    #[test]
    fn a_failure_that_is_retried_after_a_timer_has_its_wait() {
        let data = r#"{"attempt":2,"activity_type":"check","backoff":{"seconds":61,"nanos":500000000}}"#;
        let mut marker = marker("core_local_activity", &[("data", data)]);
        marker.failure = Some(Failure { message: "down".to_owned(), ..Default::default() });
        let Some(EventKind::LocalActivity { end, backoff, .. }) = local_activity(None, &marker) else { panic!() };
        assert_eq!(backoff, Some(Duration::from_millis(61_500)));
        assert!(matches!(end, ItemEnd::Failed(failure) if failure.message == "down"));
    }

    #[test]
    fn the_markers_of_go_and_java_are_read() {
        let data = r#"{"ActivityID":"5","ActivityType":"check","ReplayTime":"2026-01-01T00:00:00Z","Attempt":2,"Backoff":1500000000}"#;
        let go = local_activity(None, &marker("LocalActivity", &[("data", data), ("result", "7")]));
        let wanted = |started, backoff| EventKind::LocalActivity {
            id: "5".to_owned(),
            activity: "check".to_owned(),
            attempt: 2,
            started,
            end: seven(),
            backoff,
        };
        assert_eq!(go, Some(wanted(None, Some(Duration::from_millis(1_500)))));
        let meta = r#"{"firstSkd":1000,"atpt":2,"backoff":null}"#;
        let details =
            [("activityId", "\"5\""), ("type", "\"check\""), ("meta", meta), ("result", "7"), ("time", "5000")];
        let java = local_activity(None, &marker("LocalActivity", &details));
        assert_eq!(java, Some(wanted(Some(UnixMillis(1_000)), None)));
    }

    #[test]
    fn markers_without_known_details_and_other_markers_are_not_invented() {
        let wanted = EventKind::LocalActivity {
            id: String::new(),
            activity: String::new(),
            attempt: 0,
            started: None,
            end: ItemEnd::Completed { result: Vec::new() },
            backoff: None,
        };
        assert_eq!(local_activity(None, &marker("LocalActivity", &[("data", "[]")])), Some(wanted));
        assert_eq!(local_activity(None, &marker("Version", &[])), None);
    }

    #[test]
    fn a_cancelled_local_activity_is_not_a_failed_one_and_plain_data_is_read_with_a_strict_codec() {
        let keys = [("shop".parse().unwrap(), sample_key())].into();
        let codec = Codec::new(Arc::new(KeyRing::new("shop", keys).unwrap()), true);
        let mut marker = marker("core_local_activity", &[("data", r#"{"attempt":1,"activity_type":"check"}"#)]);
        let failure_info = Some(FailureInfo::CanceledFailureInfo(CanceledFailureInfo::default()));
        marker.failure = Some(Failure { failure_info, ..Default::default() });
        let found = local_activity(Some(&codec), &marker);
        let Some(EventKind::LocalActivity { activity, end, .. }) = found else { panic!() };
        assert_eq!((activity.as_str(), end), ("check", ItemEnd::Cancelled));
    }
}
