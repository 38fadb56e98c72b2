//! Where a store takes the time from.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use chrono::{DateTime, TimeDelta, Utc};

use super::error::AuthError;

/// The operating system's time unless a caller gave another.
#[derive(Clone, Default)]
pub(super) struct Clock(Option<Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>>);

impl Clock {
    pub(super) const SYSTEM: Self = Self(None);

    pub(super) fn new(now: impl Fn() -> DateTime<Utc> + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(now)))
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        match &self.0 {
            Some(now) => now(),
            None => SystemTime::now().into(),
        }
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Some(_) => "the caller's",
            None => "the system's",
        })
    }
}

/// The time `duration` after `time`, where chrono has one.
pub(super) fn after(
    time: DateTime<Utc>,
    duration: Duration,
    what: &'static str,
) -> Result<DateTime<Utc>, AuthError> {
    TimeDelta::from_std(duration)
        .ok()
        .and_then(|delta| time.checked_add_signed(delta))
        .ok_or(AuthError::TimeOutOfRange { what })
}

/// The time `duration` before `time`, or the earliest chrono has.
pub(super) fn before(time: DateTime<Utc>, duration: Duration) -> DateTime<Utc> {
    TimeDelta::from_std(duration)
        .ok()
        .and_then(|delta| time.checked_sub_signed(delta))
        .unwrap_or(DateTime::<Utc>::MIN_UTC)
}
