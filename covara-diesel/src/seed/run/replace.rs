//! Tables that are emptied before the first row.

use super::state::{BatchStatement, BatchStep, Run};
use crate::backend::batch::Batch;
use crate::backend::connection::BackendConnection;
use crate::seed::engine::{Forward, SeedEngine};
use crate::seed::error::SeedError;
use crate::seed::replace;
use crate::seed::report::Counts;

impl<C: BackendConnection<Backend: SeedEngine>> Run<'_, '_, C> {
    /// Empties the tables of the seed, or begins the batch with that.
    pub(in crate::seed) fn empty_tables(&mut self) -> Result<(), SeedError> {
        if self.batches.is_none() {
            self.deleted = replace::empty(self.conn, &self.tables)?;
            return Ok(());
        }
        for group in replace::prepare(self.conn, &self.tables)? {
            for table in &group {
                let restarts = C::Backend::restarts(self.conn, table)?;
                let Some(batches) = &mut self.batches else {
                    return Ok(());
                };
                let position = self.tables.iter().position(|it| it == table);
                let position = position.unwrap_or_default();
                batches.begin_table(position, table);
                batches.batch.add_script(&format!("DELETE FROM {table}"))?;
                let mut note = |step| {
                    batches.statements.push(BatchStatement {
                        table: position,
                        first: 0,
                        rows: 0,
                        step,
                    });
                };
                note(BatchStep::Delete);
                for restart in restarts {
                    batches.batch.add_script(&restart)?;
                    note(BatchStep::Restart);
                }
                if let (2.., Forward::Deferred(by)) = (group.len(), C::Backend::forward::<C>()) {
                    batches.deferral = Some(by);
                }
            }
        }
        Ok(())
    }

    /// Returns the number of rows that the table at the position of the run had, once.
    pub(super) fn take_deleted(&mut self) -> usize {
        let table = &self.tables[self.summary.tables.len()];
        let mut all = self.deleted.iter_mut();
        let deleted = all.find(|(emptied, _)| emptied == table);
        deleted.map_or(0, |(_, deleted)| std::mem::take(deleted))
    }
}

impl<C: BackendConnection> super::state::Batches<C> {
    /// Makes room for what is known of a table at this position in the seed.
    pub(super) fn begin_table(&mut self, position: usize, table: &str) {
        if self.tables.len() <= position {
            self.tables.resize(position + 1, String::new());
            self.counts.resize(position + 1, Counts::default());
            self.deleted.resize(position + 1, 0);
            self.kept.resize(position + 1, 0);
        }
        table.clone_into(&mut self.tables[position]);
    }
}
