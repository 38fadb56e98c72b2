//! Finds the row that made a statement fail.

use diesel::result::{DatabaseErrorKind, Error};

use super::conflicts::Handling;
use super::faultless::{error_without_rows, is_faultless};
use super::savepoint::nested;
use super::state::{TableRun, Writer};
use super::violations::{details, is_foreign_key, violated};
use crate::backend::connection::BackendConnection;
use crate::backend::error::ErrorKind;
use crate::backend::row::SeedRow;
use crate::backend::transaction::transaction_depth;
use crate::seed::engine::SeedEngine;
use crate::seed::error::{SeedError, known};
use crate::seed::foreign_key::ForeignKey;

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
        if let Some(error) = self.error_without_rows(&source) {
            return self.interrupted(error);
        }
        let position = self.run.position();
        let patient = self.run.patient_keys(position);
        let table = self.progress.table.clone();
        // The rows of a stage come before these.
        let done = self.done + self.staged_rows();
        let (target, handling) = (&self.target, &self.handling);
        let (mut culprit, mut waiting) = (None, None);
        // Always rolled back, so that nothing of this search is kept.
        let search = nested(self.run.conn, |conn| {
            for (row, position) in rows.chunks(1).zip(done + 1..) {
                if let Err(error) = handling.try_row::<C, T>(conn, target, row) {
                    // Later rows may satisfy it, so the culprit is another row if there is one.
                    if violated(&patient, &error).is_some() {
                        waiting.get_or_insert((position, error));
                        continue;
                    }
                    culprit = Some((position, error));
                    break;
                }
            }
            Err::<(), _>(Error::RollbackTransaction)
        });
        let culprit = culprit.or(waiting.filter(|_| is_foreign_key(&source)));
        let error = match (culprit, search) {
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
            _ => return self.interrupted(source),
        };
        self.run.judged(position, error, false)
    }

    fn staged_rows(&self) -> usize {
        match &self.writer {
            Writer::Staged(staged) => staged.rows,
            _ => 0,
        }
    }

    /// Finds the staged row that made a statement fail, unless it is known.
    pub(super) fn refused_staged(&mut self, source: Error, known_row: Option<usize>) -> SeedError {
        let source = match known(source) {
            Ok(error) => return error,
            Err(source) if !concerns_rows(&source) => {
                return self.interrupted(source);
            }
            Err(source) => source,
        };
        if let Some(error) = self.error_without_rows(&source) {
            return self.interrupted(error);
        }
        let position = self.run.position();
        let patient = self.run.patient_keys(position);
        let is_whole = matches!(&self.writer, Writer::Staged(staged) if staged.is_whole);
        let row = match is_foreign_key(&source) && !patient.is_empty() {
            // Parts of the rows would be refused because they refer to others.
            true => self.staged_row(&source),
            false => known_row,
        };
        let error = match row {
            Some(row) => SeedError::Row {
                table: self.progress.table.clone(),
                row,
                position: None,
                source,
            },
            // Parts of an update are tried where it is made.
            None if matches!(self.handling, Handling::Update(_)) => SeedError::Rows {
                table: self.progress.table.clone(),
                first: self.done + 1,
                last: self.done + self.staged_rows(),
                position: None,
                source,
            },
            None => match self.halved(&patient, source) {
                Ok(error) => error,
                Err(source) => return self.interrupted(source),
            },
        };
        self.run.judged(position, error, is_whole)
    }

    /// Returns the staged row with the values that the violation of a foreign key is about.
    fn staged_row(&mut self, source: &Error) -> Option<usize> {
        let details = details(source)?;
        let position = self.run.position();
        let key = violated(self.run.foreign_keys(position), source)?.clone();
        let Writer::Staged(staged) = &self.writer else {
            return None;
        };
        let stage = &staged.stage;
        let is_new = matches!(self.handling, Handling::Skip);
        let find = |conn: &mut C| stage.row(conn, &key, &details, is_new);
        let row = nested(self.run.conn, find);
        row.ok().flatten()
    }

    /// Finds the staged row by repeatedly halving the range.
    fn halved(&mut self, patient: &[ForeignKey], source: Error) -> Result<SeedError, Error> {
        let Writer::Staged(staged) = &self.writer else {
            return Err(source);
        };
        let stage = &staged.stage;
        let conflicts = self.handling.staged_search();
        let table = self.progress.table.clone();
        let (mut first, mut last) = (self.done + 1, self.done + staged.rows);
        let mut culprit = None;
        // Always rolled back, so that nothing of this search is kept.
        let search = nested(self.run.conn, |conn| {
            while first <= last {
                let middle = first + (last - first) / 2;
                let half = |conn: &mut C| stage.insert(conn, Some((first, middle)), conflicts);
                match nested(conn, half) {
                    Ok(_) => first = middle + 1,
                    // Rows refer to later ones, which comes after all other checks.
                    Err(error) if violated(patient, &error).is_some() => first = middle + 1,
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
            (Some(source), _) if concerns_rows(&source) => Ok(SeedError::Row {
                table,
                row: first,
                position: None,
                source,
            }),
            (None, Err(Error::RollbackTransaction)) if concerns_rows(&source) => {
                Ok(SeedError::Rows {
                    table,
                    first: self.done + 1,
                    last: self.done + staged.rows,
                    position: None,
                    source,
                })
            }
            _ => Err(source),
        }
    }

    /// Returns the error of an insert of no rows, after one of rows that may be at fault.
    fn error_without_rows(&mut self, source: &Error) -> Option<Error> {
        // The database knows the constraint, the value or the type that is at fault.
        let is_unknown = matches!(
            source,
            Error::DatabaseError(DatabaseErrorKind::Unknown, _) | Error::QueryBuilderError(_)
        );
        if !is_unknown {
            return None;
        }
        error_without_rows(self.run.conn, &self.target)
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
        Error::DatabaseError(..) => {
            let is_of_database = matches!(
                ErrorKind::of(error),
                ErrorKind::Cancelled
                    | ErrorKind::Conflict
                    | ErrorKind::ConnectionLost
                    | ErrorKind::SharedSession
            );
            !is_of_database && !is_faultless(error)
        }
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
