//! Times and durations from the server.

use std::time::{Duration, SystemTime};

use crate::domain::{UnixMillis, millis::whole};

/// Converts a time. Some server versions send the epoch for "none".
pub(super) fn millis<T>(time: Option<T>) -> Option<UnixMillis>
where
    SystemTime: TryFrom<T>,
{
    let time = SystemTime::try_from(time?).ok()?;
    let since = time.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    u64::try_from(since.as_millis()).ok().filter(|millis| *millis > 0).map(UnixMillis)
}

/// Converts a duration, as precise as in a recording. The server sends 0 for "none".
pub(super) fn duration<T>(duration: Option<T>) -> Option<Duration>
where
    Duration: TryFrom<T>,
{
    let millis = whole(Duration::try_from(duration?).ok()?);
    (millis > 0).then(|| Duration::from_millis(millis))
}
