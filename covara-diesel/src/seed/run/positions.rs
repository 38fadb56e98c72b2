//! The positions of rows in their files.

use super::state::Run;
use crate::backend::connection::BackendConnection;
use crate::seed::conflict::{OnConflict, as_conflict};
use crate::seed::engine::SeedEngine;
use crate::seed::error::SeedError;

impl<C: BackendConnection<Backend: SeedEngine>> Run<'_, '_, C> {
    /// Fills in the position in its file of the row that an error names. `table` is the position
    /// in the seed of the table that has the row.
    pub(super) fn located(&self, table: usize, error: SeedError) -> SeedError {
        let mut error = match self.on_conflict {
            OnConflict::Skip => error,
            OnConflict::Update | OnConflict::Fail => as_conflict(error),
        };
        let found = match &mut error {
            SeedError::Row { row, position, .. }
            | SeedError::TableOrder { row, position, .. }
            | SeedError::NotDeferrable { row, position, .. }
            | SeedError::Conflict { row, position, .. }
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
