//! Rows inserted through the engine's stage.

use super::culprit::another_try;
use super::{TableRun, nested};
use crate::backend::connection::BackendConnection;
use crate::backend::row::SeedRow;
use crate::seed::engine::{SeedEngine, SeedWay};
use crate::seed::error::SeedError;

/// Chunks that wait in a stage before they are inserted. A join with the table pays off the more,
/// the more rows take part. By default these are a million rows, which wait on the server.
pub(super) const STAGE_CHUNKS: usize = 128;

impl<C, T> TableRun<'_, '_, '_, C, T>
where
    C: BackendConnection<Backend: SeedEngine>,
    T: SeedRow<C::Backend>,
{
    pub(super) fn stage_all(&mut self, rows: &[T::Row<'_>]) -> Result<(), SeedError> {
        let conn = &mut *self.run.conn;
        if self.stage.is_none() {
            let open = |conn: &mut C| {
                C::Backend::open_stage(conn, &self.target.table, &self.target.columns)
            };
            match nested(conn, open) {
                Ok(stage) => self.stage = Some(stage),
                // A role may lack the right to create temporary tables.
                Err(error) if another_try(conn, &error) => {
                    self.way = Some(SeedWay::Ignore);
                    return self.insert_all(rows);
                }
                Err(error) => return Err(self.refused(rows, error)),
            }
        }
        let first = self.done + self.staged + 1;
        let load = |conn: &mut C| C::Backend::bulk_load::<C, T>(conn, Some(first), rows);
        match nested(conn, load) {
            Ok(_) => self.staged += rows.len(),
            // COPY rejects one of the values. The rows before come first, to keep the order.
            Err(error) if another_try(conn, &error) => {
                self.insert_staged()?;
                self.way = Some(SeedWay::Ignore);
                return self.insert_all(rows);
            }
            Err(error) => return Err(self.interrupted(error)),
        }
        self.report();
        if self.staged >= STAGE_CHUNKS.saturating_mul(self.run.chunk_rows) {
            self.insert_staged()?;
        }
        Ok(())
    }

    pub(super) fn insert_staged(&mut self) -> Result<(), SeedError> {
        let Some(stage) = self.stage.as_ref().filter(|_| self.staged > 0) else {
            return Ok(());
        };
        let conn = &mut *self.run.conn;
        let insert =
            |ignore| move |conn: &mut C| C::Backend::insert_staged(conn, stage, None, ignore);
        // Without a filter, conflicts are to be expected.
        let ignore = stage.filter.is_empty();
        let mut inserted = nested(conn, insert(ignore));
        if let Err(error) = &inserted {
            // Rows of the input may conflict with each other or with those of another writer.
            if !ignore && another_try(conn, error) {
                inserted = nested(conn, insert(true));
            }
        }
        let cleared = inserted.and_then(|inserted| {
            C::Backend::clear_stage(conn)?;
            Ok(inserted)
        });
        match cleared {
            Ok(inserted) => {
                self.inserted += inserted;
                self.done += self.staged;
                self.staged = 0;
                Ok(())
            }
            Err(source) => Err(self.refused_staged(source)),
        }
    }

    /// Inserts the rows that are still staged, and drops the stage.
    pub(super) fn finish(&mut self) -> Result<(), SeedError> {
        self.insert_staged()?;
        match self.stage.take() {
            Some(_) => {
                C::Backend::close_stage(self.run.conn).map_err(|source| self.interrupted(source))
            }
            None => Ok(()),
        }
    }
}
