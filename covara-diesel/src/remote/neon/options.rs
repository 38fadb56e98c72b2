//! How a batch is run.

/// The isolation level of a batch.
///
/// See PostgreSQL's [documentation](https://www.postgresql.org/docs/current/transaction-iso.html).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NeonIsolation {
    /// `READ UNCOMMITTED`, which PostgreSQL treats as the next.
    ReadUncommitted,
    /// `READ COMMITTED`.
    ReadCommitted,
    /// `REPEATABLE READ`.
    RepeatableRead,
    /// `SERIALIZABLE`.
    Serializable,
}

/// Options of [`NeonHttpConnection::batch_with`](super::NeonHttpConnection::batch_with).
///
/// By default the batch has the isolation level of the database, `READ COMMITTED` unless changed, and
/// may write.
///
/// ```
/// use covara_diesel::remote::{NeonBatchOptions, NeonIsolation};
///
/// let report = NeonBatchOptions::new()
///     .isolation(NeonIsolation::Serializable)
///     .read_only(true)
///     .deferrable(true);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NeonBatchOptions {
    isolation: Option<NeonIsolation>,
    read_only: bool,
    deferrable: bool,
}

impl NeonBatchOptions {
    /// Returns the default options.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the isolation level.
    #[must_use]
    pub fn isolation(mut self, level: NeonIsolation) -> Self {
        self.isolation = Some(level);
        self
    }

    /// Sets whether writing is an error. A batch that only reads is sent again if its answer is lost.
    #[must_use]
    pub fn read_only(mut self, yes: bool) -> Self {
        self.read_only = yes;
        self
    }

    /// Sets whether a serializable batch that only reads waits until it cannot fail.
    #[must_use]
    pub fn deferrable(mut self, yes: bool) -> Self {
        self.deferrable = yes;
        self
    }

    pub(super) fn only_reads(self) -> bool {
        self.read_only
    }

    pub(super) fn headers(self) -> Vec<(&'static str, &'static str)> {
        let level = self.isolation.map(|level| match level {
            NeonIsolation::ReadUncommitted => "ReadUncommitted",
            NeonIsolation::ReadCommitted => "ReadCommitted",
            NeonIsolation::RepeatableRead => "RepeatableRead",
            NeonIsolation::Serializable => "Serializable",
        });
        let level = level.map(|level| ("neon-batch-isolation-level", level));
        let read_only = self.read_only.then_some(("neon-batch-read-only", "true"));
        let deferrable = self.deferrable.then_some(("neon-batch-deferrable", "true"));
        [level, read_only, deferrable]
            .into_iter()
            .flatten()
            .collect()
    }
}
