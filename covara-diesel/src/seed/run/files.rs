//! The part of a run that only seeds from files use.

use super::stage::STAGE_CHUNKS;
use super::state::Run;
use crate::backend::connection::BackendConnection;
use crate::seed::engine::SeedEngine;

impl<C: BackendConnection<Backend: SeedEngine>> Run<'_, '_, C> {
    /// Returns the maximum number of rows of a chunk.
    pub(crate) fn chunk_rows(&self) -> usize {
        self.chunk_rows
    }

    /// Returns the maximum number of rows taken from a stream before the database has accepted
    /// them. With batches only their size is limited.
    pub(crate) fn rows_in_flight(&self) -> usize {
        match self.batches {
            Some(_) => usize::MAX,
            None if self.references.is_waiting() => usize::MAX,
            None => self.chunk_rows.saturating_mul(STAGE_CHUNKS + 1),
        }
    }
}
