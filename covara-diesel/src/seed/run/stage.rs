//! Rows inserted through the engine's stage.

use diesel::QueryResult;
use diesel::connection::TransactionManager;
use diesel::result::Error;

use super::conflicts::Handling;
use super::culprit::another_try;
use super::savepoint::{execute, nested};
use super::state::{Filled, Staged, TableRun, Writer};
use super::violations::{is_foreign_key, violated};
use crate::backend::connection::BackendConnection;
use crate::backend::row::SeedRow;
use crate::seed::engine::{Insertion, SeedEngine};
use crate::seed::error::SeedError;
use crate::seed::insert::Staging;
use crate::seed::report::Counts;
use crate::seed::stage::{Stage, StageInsert, Stages};
use crate::seed::target::SeedTarget;

/// Chunks that wait in a stage before they are inserted. A join with the table pays off the more,
/// the more rows take part. By default these are a million rows, which wait on the server.
pub(super) const STAGE_CHUNKS: usize = 128;

impl<C, T> TableRun<'_, '_, '_, C, T>
where
    C: BackendConnection<Backend: SeedEngine>,
    T: SeedRow<C::Backend>,
{
    fn create_stage(&mut self, stages: &dyn Stages<C>) -> QueryResult<Box<dyn Stage<C>>> {
        let SeedTarget { table, columns, .. } = &self.target;
        nested(self.run.conn, |conn| stages.open(conn, table, columns))
    }

    /// Opens the stage, and stages the rows of a full chunk.
    pub(super) fn open_stage(
        &mut self,
        stages: &dyn Stages<C>,
        rows: &[T::Row<'_>],
    ) -> Result<(), SeedError> {
        match self.create_stage(stages) {
            Ok(stage) => {
                self.writer = Writer::Staged(Staged {
                    stage,
                    rows: 0,
                    filled: Filled::ByLoader,
                    is_whole: false,
                });
                self.stage_all(rows)
            }
            // A role may lack the right to create temporary tables.
            Err(error) if another_try(self.run.conn, &error) => {
                self.writer = Writer::Statements(Insertion::Ignore);
                self.insert_all(rows)
            }
            Err(error) => Err(self.refused(rows, error)),
        }
    }

    /// Opens the stage for all rows that are still to come, because one of `rows`, which were
    /// refused for it, refers to a later one.
    pub(super) fn open_whole_stage(
        &mut self,
        stages: &dyn Stages<C>,
        rows: &[T::Row<'_>],
        source: Error,
    ) -> Result<(), SeedError> {
        let stage = match self.create_stage(stages) {
            Ok(stage) => stage,
            Err(error) if another_try(self.run.conn, &error) => {
                if self.defer_as_declared(&source)? {
                    return Ok(());
                }
                return Err(match self.refused(rows, source) {
                    SeedError::Row { source, .. } | SeedError::NotDeferrable { source, .. }
                        if is_foreign_key(&source) =>
                    {
                        SeedError::NoStage {
                            table: self.progress.table.clone(),
                            source: error.into(),
                        }
                    }
                    other => other,
                });
            }
            Err(error) => return Err(self.interrupted(error)),
        };
        let filled = match self.writer {
            Writer::BeforeStage(_) => Filled::ByLoader,
            _ => {
                let numbered = stage.number_from(self.run.conn, self.done + 1);
                numbered.map_err(|source| self.interrupted(source))?;
                Filled::ByStatements
            }
        };
        self.writer = Writer::Staged(Staged {
            stage,
            rows: 0,
            filled,
            is_whole: true,
        });
        self.run.keep_positions();
        Ok(())
    }

    /// Defers the violated foreign key if it is INITIALLY DEFERRED, and was not deferred yet. Its
    /// check at the end tells the table only.
    fn defer_as_declared(&mut self, source: &Error) -> Result<bool, SeedError> {
        let table = self.run.position();
        let patient = self.run.patient_keys(table);
        let Some(key) = violated(&patient, source).filter(|key| key.may_outlast) else {
            return Ok(false);
        };
        let deferred = self.run.defer_constraint(table, key);
        deferred.map_err(|source| self.interrupted(source))
    }

    pub(super) fn stage_all(&mut self, rows: &[T::Row<'_>]) -> Result<(), SeedError> {
        let Writer::Staged(staged) = &mut self.writer else {
            return Ok(());
        };
        let conn = &mut *self.run.conn;
        let first = self.done + staged.rows + 1;
        match staged.filled {
            Filled::ByLoader => {
                let SeedTarget { table, columns, .. } = &self.target;
                let load = |conn: &mut C| {
                    C::Backend::bulk_load::<C, T>(conn, table, columns, Some(first), rows)
                };
                match nested(conn, load) {
                    Ok(_) => staged.rows += rows.len(),
                    Err(error) if another_try(conn, &error) => return self.unloadable(rows),
                    Err(error) => return Err(self.interrupted(error)),
                }
            }
            Filled::ByStatements => self.insert_into_stage(rows)?,
        }
        self.report();
        match &self.writer {
            Writer::Staged(staged)
                if !staged.is_whole
                    && staged.rows >= STAGE_CHUNKS.saturating_mul(self.run.chunk_rows) =>
            {
                self.insert_staged(false)
            }
            _ => Ok(()),
        }
    }

    /// Writes rows of which the bulk loader rejects a value. The rows before come first, to keep
    /// the order.
    fn unloadable(&mut self, rows: &[T::Row<'_>]) -> Result<(), SeedError> {
        if matches!(&self.writer, Writer::Staged(staged) if !staged.is_whole) {
            self.insert_staged(false)?;
        }
        match std::mem::replace(&mut self.writer, Writer::Statements(Insertion::Ignore)) {
            Writer::Staged(staged) if staged.is_whole => {
                let first = self.done + staged.rows + 1;
                let numbered = staged.stage.number_from(self.run.conn, first);
                self.writer = Writer::Staged(Staged {
                    filled: Filled::ByStatements,
                    ..staged
                });
                numbered.map_err(|source| self.interrupted(source))?;
                self.stage_all(rows)
            }
            Writer::Staged(staged) => {
                let closed = staged.stage.close(self.run.conn);
                closed.map_err(|source| self.interrupted(source))?;
                self.insert_all(rows)
            }
            _ => self.insert_all(rows),
        }
    }

    fn insert_into_stage(&mut self, mut rest: &[T::Row<'_>]) -> Result<(), SeedError> {
        let Writer::Staged(staged) = &self.writer else {
            return Ok(());
        };
        let target = SeedTarget {
            table: staged.stage.table().to_owned(),
            columns: self.target.columns.clone(),
            conflict: Vec::new(),
        };
        while !rest.is_empty() {
            let conn = &mut *self.run.conn;
            let (taken, inserted) = match rest.len().min(self.most) {
                256.. => (
                    256,
                    execute::<C, T, Staging, 256>(conn, &target, &rest[..256]),
                ),
                16.. => (16, execute::<C, T, Staging, 16>(conn, &target, &rest[..16])),
                _ => (1, execute::<C, T, Staging, 1>(conn, &target, &rest[..1])),
            };
            let (rows, others) = rest.split_at(taken);
            rest = others;
            if let Err(source) = inserted {
                return Err(self.refused(rows, source));
            }
            if let Writer::Staged(staged) = &mut self.writer {
                staged.rows += taken;
            }
        }
        Ok(())
    }

    /// Inserts the staged rows. Unless they are the `last` ones, rows that refer to later ones make
    /// all of them wait.
    pub(super) fn insert_staged(&mut self, last: bool) -> Result<(), SeedError> {
        loop {
            let Writer::Staged(staged) = &mut self.writer else {
                return Ok(());
            };
            if staged.rows == 0 {
                return Ok(());
            }
            let (first, last_row) = (self.done + 1, self.done + staged.rows);
            let (written, culprit) = match &self.handling {
                Handling::Update(_) => self.update_whole_stage(first, last_row)?,
                _ => (self.try_staged().map(Counts::inserted), None),
            };
            let source = match written {
                Ok(counts) => return self.empty_stage(counts),
                Err(source) => source,
            };
            let table = self.run.position();
            let patient = match is_foreign_key(&source) {
                true => self.run.patient_keys(table),
                false => Vec::new(),
            };
            let Some(key) = violated(&patient, &source) else {
                return Err(self.refused_staged(source, culprit));
            };
            if !last {
                if let Writer::Staged(staged) = &mut self.writer {
                    staged.is_whole = true;
                }
                self.run.keep_positions();
                return Ok(());
            }
            let is_new = key.is_deferrable && {
                let deferred = self.run.defer_constraint(table, key);
                deferred.map_err(|source| self.interrupted(source))?
            };
            if !is_new {
                if let Writer::Staged(staged) = &mut self.writer {
                    staged.is_whole = true;
                }
                return Err(self.refused_staged(source, None));
            }
        }
    }

    /// Writes the rows of the stage that have these numbers, or none of them: after an error the whole
    /// stage may be tried again.
    fn update_whole_stage(
        &mut self,
        first: usize,
        last: usize,
    ) -> Result<(QueryResult<Counts>, Option<usize>), SeedError> {
        let begun = C::TransactionManager::begin_transaction(self.run.conn);
        begun.map_err(|source| self.interrupted(source))?;
        match self.update_staged(first, last) {
            Ok(counts) => {
                let ended = C::TransactionManager::commit_transaction(self.run.conn);
                ended.map_err(|source| self.interrupted(source))?;
                Ok((Ok(counts), None))
            }
            Err((row, error)) => {
                let ended = C::TransactionManager::rollback_transaction(self.run.conn);
                ended.map_err(|source| self.interrupted(source))?;
                Ok((Err(error), Some(row)))
            }
        }
    }

    /// Inserts all staged rows.
    fn try_staged(&mut self) -> QueryResult<usize> {
        let Writer::Staged(staged) = &self.writer else {
            return Ok(0);
        };
        let conn = &mut *self.run.conn;
        let stage = &staged.stage;
        let conflicts = match self.handling {
            // Without a filter, conflicts are to be expected.
            Handling::Skip if stage.is_filtered() => StageInsert::Filter,
            Handling::Skip => StageInsert::Ignore,
            _ => StageInsert::Refuse,
        };
        match nested(conn, |conn| stage.insert(conn, None, conflicts)) {
            // Rows of the input may conflict with each other or with those of another writer.
            Err(error)
                if conflicts == StageInsert::Filter
                    && !is_foreign_key(&error)
                    && another_try(conn, &error) =>
            {
                nested(conn, |conn| stage.insert(conn, None, StageInsert::Ignore))
            }
            inserted => inserted,
        }
    }

    /// Counts the rows of the stage as written.
    fn empty_stage(&mut self, counts: Counts) -> Result<(), SeedError> {
        let keep = self.run.keeps_stage(self.run.position());
        let Writer::Staged(staged) = &mut self.writer else {
            return Ok(());
        };
        self.counts.add(counts);
        self.done += std::mem::take(&mut staged.rows);
        if keep {
            return Ok(());
        }
        let cleared = staged.stage.clear(self.run.conn);
        cleared.map_err(|source| self.interrupted(source))
    }

    /// Inserts the rows that are still staged, and drops the stage, unless the end of the seed
    /// needs it.
    pub(super) fn finish(&mut self) -> Result<(), SeedError> {
        self.insert_staged(true)?;
        let Writer::Staged(staged) = std::mem::replace(&mut self.writer, Writer::Unchosen) else {
            return Ok(());
        };
        let table = self.run.position();
        let ended = if self.run.keeps_stage(table) {
            self.run.kept_stage(table);
            staged.stage.keep(self.run.conn, table)
        } else {
            staged.stage.close(self.run.conn)
        };
        ended.map_err(|source| self.interrupted(source))
    }
}
