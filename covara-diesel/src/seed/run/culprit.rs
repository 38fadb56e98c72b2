//! Finds the row that made a statement fail.

use diesel::result::Error;

use super::{TableRun, execute, nested};
use crate::backend::connection::BackendConnection;
use crate::backend::error::ErrorKind;
use crate::backend::row::SeedRow;
use crate::backend::transaction::transaction_depth;
use crate::seed::engine::SeedEngine;
use crate::seed::error::{SeedError, known};
use crate::seed::insert::Ignored;

impl<C, T> TableRun<'_, '_, '_, C, T>
where
    C: BackendConnection<Backend: SeedEngine>,
    T: SeedRow<C::Backend>,
{
    /// Finds the row that made a statement fail, by trying the rows one by one.
    pub(super) fn refused(&mut self, rows: &[T::Row<'_>], source: Error) -> SeedError {
        let source = match known(source) {
            Ok(error) => return error,
            Err(source) if !concerns_rows(&source) => {
                return self.interrupted(source);
            }
            Err(source) => source,
        };
        let table = self.progress.table.clone();
        let done = self.done;
        let target = &self.target;
        let mut culprit = None;
        // Always rolled back, so that nothing of this search is kept.
        let search = nested(self.run.conn, |conn| {
            for (row, position) in rows.chunks(1).zip(done + 1..) {
                if let Err(error) = execute::<C, T, Ignored, 1>(conn, target, row) {
                    culprit = Some((position, error));
                    break;
                }
            }
            Err::<(), _>(Error::RollbackTransaction)
        });
        match (culprit, search) {
            (Some((row, source)), _) if concerns_rows(&source) => SeedError::Row {
                table,
                row,
                position: None,
                source,
            },
            (None, Err(Error::RollbackTransaction)) if concerns_rows(&source) => SeedError::Rows {
                table,
                first: done + 1,
                last: done + rows.len(),
                position: None,
                source,
            },
            _ => self.interrupted(source),
        }
    }

    /// Finds the staged row that made a statement fail, by repeatedly halving the range.
    pub(super) fn refused_staged(&mut self, source: Error) -> SeedError {
        let source = match known(source) {
            Ok(error) => return error,
            Err(source) if !concerns_rows(&source) => {
                return self.interrupted(source);
            }
            Err(source) => source,
        };
        let Some(stage) = &self.stage else {
            return self.interrupted(source);
        };
        let table = self.progress.table.clone();
        let (mut first, mut last) = (self.done + 1, self.done + self.staged);
        let mut culprit = None;
        // Always rolled back, so that nothing of this search is kept.
        let search = nested(self.run.conn, |conn| {
            while first <= last {
                let middle = first + (last - first) / 2;
                let half = |conn: &mut C| {
                    C::Backend::insert_staged(conn, stage, Some((first, middle)), true)
                };
                match nested(conn, half) {
                    Ok(_) => first = middle + 1,
                    Err(error) if first == middle => {
                        culprit = Some(error);
                        break;
                    }
                    Err(_) => last = middle,
                }
            }
            Err::<(), _>(Error::RollbackTransaction)
        });
        match (culprit, search) {
            (Some(source), _) if concerns_rows(&source) => SeedError::Row {
                table,
                row: first,
                position: None,
                source,
            },
            (None, Err(Error::RollbackTransaction)) if concerns_rows(&source) => SeedError::Rows {
                table,
                first: self.done + 1,
                last: self.done + self.staged,
                position: None,
                source,
            },
            _ => self.interrupted(source),
        }
    }

    pub(super) fn interrupted(&self, source: Error) -> SeedError {
        SeedError::Interrupted {
            table: self.progress.table.clone(),
            done: self.done,
            source: source.into(),
        }
    }
}

/// Tells whether the rows can be at fault.
fn concerns_rows(error: &Error) -> bool {
    match error {
        Error::DatabaseError(..) => !matches!(
            ErrorKind::of(error),
            ErrorKind::Cancelled
                | ErrorKind::Conflict
                | ErrorKind::ConnectionLost
                | ErrorKind::SharedSession
        ),
        Error::SerializationError(_) | Error::QueryBuilderError(_) => true,
        _ => false,
    }
}

/// Returns whether to retry a statement that failed in a savepoint, with `ON CONFLICT`.
pub(super) fn another_try<C: BackendConnection<Backend: SeedEngine>>(
    conn: &mut C,
    error: &Error,
) -> bool {
    concerns_rows(error) && transaction_depth(conn).is_ok()
}
