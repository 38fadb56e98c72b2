//! The part of a run that only seeds from files use.

use super::stage::STAGE_CHUNKS;
use super::state::{Run, TableRun};
use crate::backend::connection::BackendConnection;
use crate::seed::engine::SeedEngine;
use crate::seed::{SeedError, SeedRow};

/// Bytes of a file after which a chunk takes no further row.
const CHUNK_BYTES: usize = 4 << 20;

impl<C: BackendConnection<Backend: SeedEngine>> Run<'_, '_, C> {
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

impl<C, T> TableRun<'_, '_, '_, C, T>
where
    C: BackendConnection<Backend: SeedEngine>,
    T: SeedRow<C::Backend>,
{
    /// Writes rows given with their sizes in bytes, each of which may turn out to be unreadable.
    pub(crate) fn write_results(
        &mut self,
        rows: impl Iterator<Item = Result<(T, usize), SeedError>>,
    ) -> Result<(), SeedError> {
        let mut rows = rows.fuse();
        self.write_chunks(|chunk, most| {
            let mut bytes = 0;
            while chunk.len() < most && bytes < CHUNK_BYTES {
                let Some(row) = rows.next() else {
                    return Ok(false);
                };
                let (row, length) = row?;
                chunk.push(row);
                bytes += length;
            }
            Ok(true)
        })
    }
}
