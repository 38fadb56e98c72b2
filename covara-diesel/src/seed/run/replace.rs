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
        let groups = replace::prepare(self.conn, &self.tables)?;
        for group in &groups {
            let emptying = C::Backend::emptying(self.conn, group)?;
            for (sql, counted) in emptying {
                let step = match counted {
                    Some(_) => BatchStep::Delete,
                    None => BatchStep::Prepare,
                };
                self.add_to_batch(&group[counted.unwrap_or(0)], &sql, step)?;
            }
            for table in group {
                for restart in C::Backend::restarts(self.conn, table)? {
                    self.add_to_batch(table, &restart, BatchStep::Prepare)?;
                }
            }
            if let (Some(batches), 2.., Forward::Deferred(by)) =
                (&mut self.batches, group.len(), C::Backend::forward::<C>())
            {
                batches.deferral = Some(by);
            }
            self.check_empty(group)?;
        }
        // Once more, as a trigger of one table may add rows to another.
        self.check_empty(&groups.concat())
    }

    /// Adds statements to the batch that fail if the tables have rows.
    fn check_empty(&mut self, tables: &[String]) -> Result<(), SeedError> {
        for table in tables {
            let own_rows = C::Backend::own_rows(self.conn, table)?;
            let fails = replace::fails_with_rows::<C::Backend>(&own_rows);
            self.add_to_batch(table, &fails, BatchStep::CheckEmpty)?;
        }
        Ok(())
    }

    /// Adds a statement about a table (quoted) to the batch, if there is one.
    fn add_to_batch(&mut self, table: &str, sql: &str, step: BatchStep) -> Result<(), SeedError> {
        let position = position_of(&self.tables, table);
        if let Some(batches) = &mut self.batches {
            batches.begin_table(position, table);
            batches.batch.add_script(sql)?;
            batches.note(position, step);
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

/// Returns the first position in the seed of a table.
fn position_of(tables: &[String], table: &str) -> usize {
    let position = tables.iter().position(|it| it == table);
    position.unwrap_or_default()
}

impl<C: BackendConnection> super::state::Batches<C> {
    /// Notes that a statement was added that has no rows of the seed.
    fn note(&mut self, table: usize, step: BatchStep) {
        self.statements.push(BatchStatement {
            table,
            first: 0,
            rows: 0,
            step,
        });
    }

    /// Makes room for what is known of a table at this position in the seed.
    pub(super) fn begin_table(&mut self, position: usize, table: &str) {
        if self.tables.len() <= position {
            self.tables.resize(position + 1, String::new());
            self.columns.resize(position + 1, Vec::new());
            self.counts.resize(position + 1, Counts::default());
            self.deleted.resize(position + 1, 0);
            self.kept.resize(position + 1, 0);
        }
        table.clone_into(&mut self.tables[position]);
    }
}
