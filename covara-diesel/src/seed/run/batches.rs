//! Seeds over a connection without transactions: rows are gathered into batches, each of which is
//! written completely or not at all.

use super::{Run, TableRun};
use crate::backend::batch::{Batch, BatchError};
use crate::backend::connection::BackendConnection;
use crate::backend::row::SeedRow;
use crate::seed::engine::SeedEngine;
use crate::seed::error::{SeedError, known};
use crate::seed::insert::{Ignored, Insert};
use crate::seed::report::{SeedProgress, TableSummary};
use crate::seed::target::unquoted;

/// Size in bytes at which a batch is sent. D1 gives a batch 30 s
/// (<https://developers.cloudflare.com/d1/platform/limits/>), in which it writes several times as
/// much. If an answer is lost on the way, at most this much is sent again.
const MOST_BYTES: usize = 4 << 20;

/// The batch that is being gathered, and what its statements are about.
pub(super) struct Batches<B> {
    batch: B,
    /// For each statement: its table's position in the seed, its first row and the number of its
    /// rows.
    statements: Vec<(usize, usize, usize)>,
    /// The quoted names of the tables begun so far.
    tables: Vec<String>,
    /// For each table, the number of rows inserted.
    inserted: Vec<usize>,
    /// For each table, the number of rows in batches that were written.
    kept: Vec<usize>,
    sent: usize,
}

impl<B> Batches<B> {
    pub(super) fn new(batch: B) -> Self {
        Self {
            batch,
            statements: Vec::new(),
            tables: Vec::new(),
            inserted: Vec::new(),
            kept: Vec::new(),
            sent: 0,
        }
    }
}

impl<C: BackendConnection<Backend: SeedEngine>> Run<'_, '_, C> {
    /// Sends the gathered statements.
    pub(super) fn send(&mut self) -> Result<(), SeedError> {
        let (Some(batches), Some(next)) = (&mut self.batches, self.conn.new_batch()) else {
            return Ok(());
        };
        let batch = std::mem::replace(&mut batches.batch, next);
        match batch.send(self.conn) {
            Ok(changed) => {
                batches.sent += usize::from(!batches.statements.is_empty());
                let mut first = batches.tables.len();
                for ((table, row, rows), changed) in batches.statements.drain(..).zip(changed) {
                    batches.inserted[table] += changed;
                    batches.kept[table] += rows;
                    if let Some(positions) = &self.positions[table] {
                        positions.forget_before(row + rows);
                    }
                    first = first.min(table);
                }
                self.report_batch(first);
                Ok(())
            }
            Err(error) => {
                let error = self.refused_in_batch(error);
                Err(self.with_what_is_kept(error))
            }
        }
    }

    /// Reports the progress of the tables with rows in a batch, `first` and those after it.
    fn report_batch(&mut self, first: usize) {
        if let (Some(report), Some(batches)) = (&mut self.progress, &self.batches) {
            let tables = batches.tables.iter().zip(&batches.kept).skip(first);
            // A table without rows has an empty name.
            for (table, rows) in tables.filter(|(table, _)| !table.is_empty()) {
                report(&SeedProgress {
                    table: unquoted(table),
                    rows: *rows,
                });
            }
        }
    }

    /// Adds to an error that the rows of earlier batches are kept, if there are any.
    pub(super) fn with_what_is_kept(&self, error: SeedError) -> SeedError {
        let batches = self.batches.as_ref();
        match batches.map_or(0, |batches| batches.kept.iter().sum()) {
            0 => error,
            _ if matches!(error, SeedError::Partial { .. }) => error,
            rows => SeedError::Partial {
                rows,
                source: Box::new(error),
            },
        }
    }

    fn refused_in_batch(&mut self, BatchError { at, source }: BatchError) -> SeedError {
        let source = match known(source) {
            Ok(error) => return error,
            Err(source) => source,
        };
        let found = self.batches.as_ref().zip(at);
        let found = found.and_then(|(batches, (at, row))| {
            let (table, first, rows) = *batches.statements.get(at)?;
            Some((batches.tables.get(table..)?, table, first, rows, row))
        });
        let Some(([sql_name, begun @ ..], position, first, rows, row)) = found else {
            return source.into();
        };
        let (sql_name, table) = (sql_name.clone(), unquoted(sql_name));
        let error = match row {
            Some(row) => SeedError::Row {
                table,
                row: first + row,
                position: None,
                source,
            },
            None => SeedError::Rows {
                table,
                first,
                last: first + rows - 1,
                position: None,
                source,
            },
        };
        // A table without rows has an empty name.
        let begun = begun.iter().filter(|table| !table.is_empty());
        let later = begun.chain(&self.later).cloned().collect();
        let error = self.wrong_order(&sql_name, later, error);
        self.located(position, error)
    }

    /// Fills in the counts that are known only after the last batch was sent.
    pub(super) fn count_batches(&mut self) {
        let Some(batches) = self.batches.take() else {
            self.summary.transactions = 1;
            return;
        };
        self.summary.transactions = batches.sent;
        for (table, inserted) in self.summary.tables.iter_mut().zip(batches.inserted) {
            let TableSummary { attempted, .. } = *table;
            table.inserted = inserted;
            table.skipped = attempted.saturating_sub(inserted);
        }
    }
}

impl<C, T> TableRun<'_, '_, '_, C, T>
where
    C: BackendConnection<Backend: SeedEngine>,
    T: SeedRow<C::Backend>,
{
    /// Adds a statement to the batch, and sends the batch if it is large enough.
    pub(super) fn gather<const N: usize>(&mut self, rows: &[T::Row<'_>]) -> Result<(), SeedError> {
        let position = self.run.summary.tables.len();
        let Some(batches) = &mut self.run.batches else {
            return Ok(());
        };
        let insert = Insert::<T, Ignored, N>::new(&self.target, rows);
        let one = Insert::<T, Ignored, 1>::new(&self.target, &rows[..1]);
        let added = batches.batch.add_rows(self.run.conn, &insert, &one, N);
        if let Err(source) = added {
            let table = self.progress.table.clone();
            let error = SeedError::Rows {
                table,
                first: self.done + 1,
                last: self.done + N,
                position: None,
                source,
            };
            return Err(self.run.located(position, error));
        }
        if batches.tables.len() <= position {
            batches.tables.resize(position + 1, String::new());
            batches.inserted.resize(position + 1, 0);
            batches.kept.resize(position + 1, 0);
            batches.tables[position].clone_from(&self.target.table);
        }
        batches.statements.push((position, self.done + 1, N));
        let is_full = batches.batch.bytes() >= MOST_BYTES;
        self.advance(N, 0);
        if is_full {
            self.run.send()?;
        }
        Ok(())
    }
}
