//! Short waits for answers to optional writes.

use std::time::Duration;

/// The wait for the answer to an optional write.
pub(super) const BRIEF_ANSWER: Duration = Duration::from_secs(2);

/// A connection whose wait for answers can be limited.
pub(super) trait Limit {
    /// Limits how long statements may take; `None` restores the limit of the URL.
    fn limit(&mut self, limit: Option<Duration>);
}

/// A short limit on waiting for answers, removed on drop, because an observer may panic.
pub(super) struct Limited<'c, C: Limit>(pub(super) &'c mut C);

impl<'c, C: Limit> Limited<'c, C> {
    pub(super) fn new(conn: &'c mut C, limit: Duration) -> Self {
        conn.limit(Some(limit));
        Self(conn)
    }
}

impl<C: Limit> Drop for Limited<'_, C> {
    fn drop(&mut self) {
        self.0.limit(None);
    }
}
