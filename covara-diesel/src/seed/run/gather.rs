//! Gathers the statements of a table's rows into batches.

use std::iter;

use diesel::QueryResult;

use super::conflicts::Handling;
use super::state::{BatchStatement, BatchStep, TableRun};
use crate::backend::batch::Batch;
use crate::backend::connection::BackendConnection;
use crate::backend::row::SeedRow;
use crate::seed::engine::SeedEngine;
use crate::seed::error::SeedError;
use crate::seed::insert::{Aborted, Conflicts, Ignored, Insert, Refused, RowsBetween};
use crate::seed::report::Counts;
use crate::seed::target::SeedTarget;
use crate::seed::update::Update;

/// Size in bytes at which a batch is sent. D1 gives a batch 30 s
/// (<https://developers.cloudflare.com/d1/platform/limits/>), in which it writes several times as
/// much. If an answer is lost on the way, at most this much is sent again.
const MOST_BYTES: usize = 4 << 20;

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
        let conn = &mut *self.run.conn;
        let mut steps = vec![(BatchStep::Insert, N)];
        let added = match &self.handling {
            Handling::Skip => add::<C, T, Ignored, N>(conn, &mut batches.batch, &self.target, rows),
            Handling::Fail { aborts: false } => {
                add::<C, T, Refused, N>(conn, &mut batches.batch, &self.target, rows)
            }
            Handling::Fail { aborts: true } => {
                add::<C, T, Aborted, N>(conn, &mut batches.batch, &self.target, rows)
            }
            Handling::Update(Update {
                insert,
                update,
                forget,
                ..
            }) => {
                steps.extend(update.iter().map(|_| (BatchStep::Update, N)));
                if forget.is_some() {
                    steps.insert(0, (BatchStep::Forget, 0));
                }
                let forgotten = forget
                    .iter()
                    .try_for_each(|sql| batches.batch.add_script(sql));
                let mut texts = iter::once(insert).chain(update);
                forgotten.and_then(|()| {
                    texts.try_for_each(|texts| {
                        let one = RowsBetween::<T> {
                            texts,
                            rows: &rows[..1],
                        };
                        let rows = RowsBetween::<T> { texts, rows };
                        batches.batch.add_rows(conn, &rows, &one)
                    })
                })
            }
        };
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
        batches.begin_table(position, &self.target.table);
        if batches.columns[position].is_empty() {
            batches.columns[position].clone_from(&self.target.columns);
        }
        batches
            .statements
            .extend(steps.into_iter().map(|(step, rows)| BatchStatement {
                table: position,
                first: self.done + 1,
                rows,
                step,
            }));
        let is_full = batches.batch.bytes() >= MOST_BYTES;
        self.advance(N, Counts::default());
        if is_full && self.run.replaces {
            return Err(SeedError::ReplaceTooLarge);
        }
        if is_full {
            self.run.send(false)?;
        }
        Ok(())
    }
}

/// Adds an insert of rows to a batch.
fn add<C, T, M, const N: usize>(
    conn: &mut C,
    batch: &mut C::Batch,
    target: &SeedTarget,
    rows: &[T::Row<'_>],
) -> QueryResult<()>
where
    C: BackendConnection<Backend: SeedEngine>,
    T: SeedRow<C::Backend>,
    M: Conflicts,
{
    let insert = Insert::<T, M, N>::new(target, rows);
    let one = Insert::<T, M, 1>::new(target, &rows[..1]);
    batch.add_rows(conn, &insert, &one)
}
