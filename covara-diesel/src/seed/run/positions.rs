//! The positions of rows in their files.

use super::Run;
use crate::backend::connection::BackendConnection;
use crate::seed::engine::SeedEngine;
use crate::seed::error::SeedError;
use crate::seed::fixture_error::FixturePosition;

/// The positions of a table's rows in the file that they come from.
pub(crate) trait RowPositions {
    /// Returns the position of a row, counted from 1, if it is still known.
    fn position(&self, row: usize) -> Option<FixturePosition>;

    /// Forgets the rows before this one, which the database has accepted.
    fn forget_before(&self, row: usize);

    /// Forgets no more rows by itself, because the database may reject any of them at the end.
    fn keep(&self);
}

impl<C: BackendConnection<Backend: SeedEngine>> Run<'_, '_, C> {
    /// Fills in the position in its file of the row that an error names. `table` is the position
    /// in the seed of the table that has the row.
    pub(super) fn located(&self, table: usize, mut error: SeedError) -> SeedError {
        let found = match &mut error {
            SeedError::Row { row, position, .. }
            | SeedError::TableOrder { row, position, .. }
            | SeedError::NotDeferrable { row, position, .. }
            | SeedError::RowOrder { row, position, .. } => Some((*row, position)),
            SeedError::Rows {
                first, position, ..
            } => Some((*first, position)),
            _ => None,
        };
        if let (Some((row, position)), Some(Some(rows))) = (found, self.positions.get(table)) {
            *position = rows.position(row);
        }
        error
    }
}
