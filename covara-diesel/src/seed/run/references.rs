//! Rows that refer to rows which the same seed writes after them.
//!
//! Foreign keys are left as they are until a row violates one that a later row may satisfy. So a
//! seed whose rows are in order pays nothing.

use std::collections::BTreeMap;

use diesel::QueryResult;
use diesel::result::{DatabaseErrorKind, Error};

use super::savepoint::nested;
use super::state::{Constraints, References, Run, TableRun, Waiting, WaitingRow, WaitingRows};
use super::violations::{details, is_foreign_key, violated};
use crate::backend::connection::BackendConnection;
use crate::backend::row::SeedRow;
use crate::seed::conflict::OnConflict;
use crate::seed::deferral::{Dangling, Deferral};
use crate::seed::engine::{Forward, SeedEngine};
use crate::seed::error::SeedError;
use crate::seed::foreign_key::ForeignKey;
use crate::seed::insert::NumberedRows;
use crate::seed::report::Counts;
use crate::seed::target::unquoted;

/// Waiting rows after which the seed looks whether they have been satisfied. Each takes some 60
/// bytes and the text of its values.
const WAITING_ROWS: usize = 1 << 16;

/// Values of a foreign key that one statement looks up.
const VALUES: usize = 500;

impl<C: BackendConnection<Backend: SeedEngine>> Run<'_, '_, C> {
    /// Returns the foreign keys of a table. If they cannot be found out there are none, so that the
    /// violation is reported as the database's.
    pub(super) fn foreign_keys(&mut self, table: usize) -> &[ForeignKey] {
        if self.references.keys.is_none() {
            let tables = &self.tables;
            let ask = |conn: &mut C| C::Backend::foreign_keys(conn, tables);
            let found = match self.batches {
                Some(_) => ask(self.conn),
                None => nested(self.conn, ask),
            };
            self.references.keys = Some(found.unwrap_or_default());
        }
        self.references.known(table)
    }

    /// Returns the foreign keys of a table whose violation need not be an error yet.
    pub(super) fn patient_keys(&mut self, table: usize) -> Vec<ForeignKey> {
        let forward = C::Backend::forward::<C>();
        if matches!(self.references.waiting, Waiting::Rows(_)) {
            return Vec::new();
        }
        let keys = self.foreign_keys(table).to_vec();
        let is_own = |position: usize| self.tables[position] == self.tables[table];
        let can_wait = |key: &ForeignKey| match forward {
            Forward::Deferred(_) => key.is_forward(table),
            Forward::Staged(_) => {
                key.is_forward(table) && (key.is_deferrable || key.position.is_some_and(is_own))
            }
        };
        keys.into_iter().filter(can_wait).collect()
    }

    /// Keeps the positions of rows in their files that the database may reject at the end.
    pub(super) fn keep_positions(&self) {
        if let Some(Some(positions)) = self.positions.last() {
            positions.keep();
        }
    }

    /// Defers the checks before the first row of the table that is begun, if the database needs that.
    pub(super) fn defer_first(&mut self) -> QueryResult<()> {
        let table = self.position();
        if let Forward::Deferred(by) = C::Backend::forward::<C>()
            && !self.references.is_waiting()
            && by.miscounts(self.conn, &self.tables[table])?
        {
            self.foreign_keys(table);
            self.defer_all(by, None)?;
        }
        Ok(())
    }

    /// Defers the checks of all foreign keys, at first or because of a violation.
    pub(super) fn defer_all(
        &mut self,
        by: &'static dyn Deferral<C>,
        source: Option<Error>,
    ) -> QueryResult<()> {
        self.references.is_deferred.set(true);
        self.conn.batch_execute(by.begin())?;
        self.references.waiting = Waiting::Rows(WaitingRows {
            by,
            source,
            rows: Vec::new(),
            limit: WAITING_ROWS,
        });
        self.keep_positions();
        Ok(())
    }

    /// Defers the check of a foreign key of the table at this position. Returns whether it was not
    /// deferred before.
    pub(super) fn defer_constraint(&mut self, table: usize, key: &ForeignKey) -> QueryResult<bool> {
        let same = |known: &ForeignKey| known.sql_name == key.sql_name;
        let Some(at) = self.references.known(table).iter().position(same) else {
            return Ok(false);
        };
        if !matches!(self.references.waiting, Waiting::Constraints(_)) {
            self.references.waiting = Waiting::Constraints(Constraints::default());
        }
        let Waiting::Constraints(Constraints { deferred, .. }) = &mut self.references.waiting
        else {
            return Ok(false);
        };
        if deferred.contains(&(table, at)) {
            return Ok(false);
        }
        deferred.push((table, at));
        let sql = format!("SET CONSTRAINTS {} DEFERRED", key.sql_name);
        self.conn.batch_execute(&sql)?;
        Ok(true)
    }

    /// Returns whether the stage of a table is needed until the end of the seed.
    pub(super) fn keeps_stage(&self, table: usize) -> bool {
        self.references.has_deferred(table)
    }

    pub(super) fn kept_stage(&mut self, table: usize) {
        if let Waiting::Constraints(Constraints { kept, .. }) = &mut self.references.waiting {
            kept.push(table);
        }
    }

    /// Checks what was deferred. A transaction of the caller's gets its own way of checking back.
    pub(super) fn settle(&mut self) -> Result<(), SeedError> {
        self.forget_satisfied()?;
        match std::mem::replace(&mut self.references.waiting, Waiting::Nothing) {
            Waiting::Nothing => Ok(()),
            Waiting::Rows(waiting) => {
                let by = waiting.by;
                self.blame_waiting(waiting)?;
                if self.references.is_savepoint {
                    by.end(self.conn, &self.tables, self.changes_rows())?;
                    self.references.is_deferred.set(false);
                }
                Ok(())
            }
            Waiting::Constraints(constraints) => self.check_constraints(&constraints),
        }
    }

    /// Returns whether the seed may violate the foreign keys of tables that it does not fill.
    fn changes_rows(&self) -> bool {
        self.on_conflict == OnConflict::Update
    }

    /// Forgets the waiting rows whose references have been satisfied.
    fn forget_satisfied(&mut self) -> QueryResult<()> {
        let References { keys, waiting, .. } = &mut self.references;
        let (Some(keys), Waiting::Rows(waiting)) = (keys, waiting) else {
            return Ok(());
        };
        let mut of_keys = BTreeMap::<(usize, usize), Vec<usize>>::new();
        for (at, row) in waiting.rows.iter().enumerate() {
            of_keys.entry((row.table, row.key)).or_default().push(at);
        }
        let mut left = Vec::new();
        for ((table, key), rows) in of_keys {
            let Some(key) = keys.get(table).and_then(|keys| keys.get(key)) else {
                continue;
            };
            for rows in rows.chunks(VALUES) {
                let values = rows.iter().map(|at| waiting.rows[*at].values.as_str());
                let values: Vec<&str> = values.collect();
                let unsatisfied = waiting.by.unsatisfied(self.conn, key, &values)?;
                left.extend(unsatisfied.into_iter().filter_map(|at| rows.get(at)));
            }
        }
        left.sort_unstable();
        let mut at = 0;
        waiting.rows.retain(|_| {
            at += 1;
            left.binary_search(&(at - 1)).is_ok()
        });
        waiting.limit = WAITING_ROWS.max(2 * waiting.rows.len());
        Ok(())
    }

    /// Returns the first of the rows that still refer to nothing as an error.
    fn blame_waiting(&mut self, waiting: WaitingRows<C>) -> Result<(), SeedError> {
        let WaitingRows {
            by, source, rows, ..
        } = waiting;
        for row in rows {
            let table = &self.tables[row.table];
            let Some(key) = self.references.known(row.table).get(row.key) else {
                continue;
            };
            // The row may have been skipped because of a conflict.
            if by.is_stored(self.conn, table, key, &row.values)? {
                let error = SeedError::Row {
                    table: unquoted(table),
                    row: row.row,
                    position: None,
                    source: source.unwrap_or_else(dangling),
                };
                return Err(self.located(row.table, error));
            }
        }
        Ok(())
    }

    /// Returns the number of rows given for the table at this position, wherever it is in the seed.
    pub(super) fn attempted(&self, table: usize) -> usize {
        let name = &self.tables[table];
        let tables = self.tables.iter().zip(&self.summary.tables);
        let same = tables.filter(|(other, _)| *other == name);
        same.map(|(_, summary)| summary.attempted).sum()
    }

    fn check_constraints(&mut self, constraints: &Constraints) -> Result<(), SeedError> {
        let Forward::Staged(stages) = C::Backend::forward::<C>() else {
            return Ok(());
        };
        for (table, key) in &constraints.deferred {
            let Some(key) = self.references.known(*table).get(*key) else {
                continue;
            };
            let sql = format!("SET CONSTRAINTS {} IMMEDIATE", key.sql_name);
            let Err(source) = nested(self.conn, |conn| conn.batch_execute(&sql)) else {
                continue;
            };
            let row = match details(&source) {
                Some(details) if constraints.kept.contains(table) => {
                    let find = |conn: &mut C| stages.kept_row(conn, *table, key, &details);
                    nested(self.conn, find).ok().flatten()
                }
                _ => None,
            };
            let name = unquoted(&self.tables[*table]);
            let error = match row {
                Some(row) => SeedError::Row {
                    table: name,
                    row,
                    position: None,
                    source,
                },
                // For example one of a table that the seed has twice.
                None => SeedError::Rows {
                    first: 1,
                    last: self.attempted(*table),
                    table: name,
                    position: None,
                    source,
                },
            };
            return Err(self.located(*table, error));
        }
        for table in &constraints.kept {
            stages.drop_kept(self.conn, *table)?;
        }
        Ok(())
    }
}

impl<C, T> TableRun<'_, '_, '_, C, T>
where
    C: BackendConnection<Backend: SeedEngine>,
    T: SeedRow<C::Backend>,
{
    /// Prepares for rows that refer to later ones, if that is why the statement failed.
    pub(super) fn let_references_wait(
        &mut self,
        rows: &[T::Row<'_>],
        source: Error,
    ) -> Result<(), SeedError> {
        let table = self.run.position();
        if !is_foreign_key(&source) || violated(&self.run.patient_keys(table), &source).is_none() {
            return Err(self.refused(rows, source));
        }
        match C::Backend::forward::<C>() {
            Forward::Deferred(by) => {
                let deferred = self.run.defer_all(by, Some(source));
                deferred.map_err(|source| self.interrupted(source))
            }
            Forward::Staged(stages) => self.open_whole_stage(stages, rows, source),
        }
    }

    /// Notes which of the rows, just inserted, refer to rows that are not there, if the database
    /// does not check that before the end.
    pub(super) fn note_dangling(
        &mut self,
        rows: &[T::Row<'_>],
        counts: Counts,
    ) -> Result<(), SeedError> {
        let table = self.run.position();
        let Run {
            conn, references, ..
        } = &mut *self.run;
        let References {
            keys,
            waiting,
            is_savepoint,
            ..
        } = references;
        let Waiting::Rows(waiting) = waiting else {
            return Ok(());
        };
        let keys = keys.as_ref().and_then(|keys| keys.get(table));
        let keys = keys.map_or(&[][..], Vec::as_slice);
        if counts.changed() == 0 || keys.is_empty() {
            return Ok(());
        }
        let all_inserted = counts.inserted == rows.len();
        let (name, columns) = (&self.target.table, &self.target.columns);
        let by = waiting.by;
        let rows = NumberedRows::<T>(rows);
        let found = by.dangling(conn, name, columns, keys, &rows, all_inserted);
        let found = match found {
            Ok(found) => found,
            Err(source) => return Err(self.interrupted(source)),
        };
        for Dangling { row, key, values } in found {
            let row = self.done + row + 1;
            // The caller may still satisfy it.
            if *is_savepoint && keys.get(key).is_some_and(|key| key.may_outlast) {
                continue;
            }
            if keys.get(key).is_some_and(|key| key.is_forward(table)) {
                waiting.rows.push(WaitingRow {
                    table,
                    key,
                    row,
                    values,
                });
                continue;
            }
            // No row that is still to come can satisfy it.
            return Err(SeedError::Row {
                table: self.progress.table.clone(),
                row,
                position: None,
                source: waiting.source.take().unwrap_or_else(dangling),
            });
        }
        if waiting.rows.len() >= waiting.limit {
            let forgotten = self.run.forget_satisfied();
            forgotten.map_err(|source| self.interrupted(source))?;
        }
        Ok(())
    }
}

/// Returns SQLite's error for a row that refers to nothing.
pub(in crate::seed) fn dangling() -> Error {
    let words = "FOREIGN KEY constraint failed".to_owned();
    Error::DatabaseError(DatabaseErrorKind::ForeignKeyViolation, Box::new(words))
}
