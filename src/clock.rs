//! The wall clock.

use std::time::SystemTime;

use crate::domain::UnixMillis;

/// Returns the current time, for time stamps only. No order or decision depends on it.
#[must_use]
pub fn now() -> UnixMillis {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    UnixMillis(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
}
