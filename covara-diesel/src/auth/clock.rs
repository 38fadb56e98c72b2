//! The clock that a store reads the time from.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use chrono::{DateTime, TimeDelta, Utc};

use super::error::AuthError;

/// The operating system's clock, or the one that the caller supplied.
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

/// Returns the time `duration` after `time`, or an error if chrono cannot represent it.
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

/// Returns the time `duration` before `time`, or chrono's earliest time.
pub(super) fn before(time: DateTime<Utc>, duration: Duration) -> DateTime<Utc> {
    TimeDelta::from_std(duration)
        .ok()
        .and_then(|delta| time.checked_sub_signed(delta))
        .unwrap_or(DateTime::<Utc>::MIN_UTC)
}
