//! Writes rows in statements of fixed sizes and counts them.

mod batches;
mod culprit;
#[cfg(feature = "fixtures")]
mod files;
mod positions;
mod stage;

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::rc::Rc;

use diesel::QueryResult;
use diesel::connection::TransactionManager;
use diesel::result::{DatabaseErrorKind, Error};

use batches::Batches;
use culprit::another_try;
pub(crate) use positions::RowPositions;

use super::error::SeedError;
use super::insert::{Conflicts, Ignored, IgnoredOrFail, Insert, Refused};
use super::report::{ProgressReport, SeedProgress, SeedSummary, TableSummary};
use super::target::{SeedTarget, unquoted};
use crate::backend::connection::{BackendConnection, Begun};
use crate::backend::engine::Engine;
use crate::backend::row::{SeedRow, TableRow};
use crate::backend::transaction::Transaction;
use crate::seed::engine::{SeedEngine, SeedWay, Stage};

/// A seed inside its transaction.
pub(crate) struct Run<'c, 'a, C: BackendConnection> {
    conn: &'c mut C,
    progress: Option<ProgressReport<'a>>,
    chunk_rows: usize,
    /// The quoted names of the tables that are still to come.
    later: VecDeque<String>,
    summary: SeedSummary,
    finished: Vec<SeedTarget>,
    /// The positions of the rows of each table begun so far, if they come from a file.
    positions: Vec<Option<Rc<dyn RowPositions>>>,
    /// The batches for a connection without transactions.
    batches: Option<Batches<C::Batch>>,
}

impl<'c, 'a, C: BackendConnection<Backend: SeedEngine>> Run<'c, 'a, C> {
    pub(super) fn new(
        conn: &'c mut C,
        progress: Option<ProgressReport<'a>>,
        chunk_rows: Option<NonZeroUsize>,
        tables: impl Iterator<Item = String>,
    ) -> Self {
        let chunk_rows = chunk_rows
            .map(NonZeroUsize::get)
            .or_else(|| conn.chunk_rows())
            .unwrap_or(C::Backend::CHUNK_ROWS);
        let batches = conn.new_batch().map(Batches::new);
        Self {
            conn,
            progress,
            chunk_rows,
            later: tables.collect(),
            summary: SeedSummary::default(),
            finished: Vec::new(),
            positions: Vec::new(),
            batches,
        }
    }

    pub(crate) fn table<T: SeedRow<C::Backend>>(
        &mut self,
        target: SeedTarget,
        positions: Option<Rc<dyn RowPositions>>,
        write: impl FnOnce(&mut TableRun<'_, 'c, 'a, C, T>) -> Result<(), SeedError>,
    ) -> Result<(), SeedError> {
        self.later.pop_front();
        self.positions.push(positions);
        let mut table = TableRun::new(self, target)?;
        if let Err(error) = write(&mut table).and_then(|()| table.finish()) {
            let SeedTarget { table, .. } = table.target;
            if self.batches.is_some() {
                return Err(self.with_what_is_kept(error));
            }
            let later = self.later.drain(..).collect();
            let error = self.wrong_order(&table, later, error);
            return Err(self.located(self.summary.tables.len(), error));
        }
        let TableRun {
            target,
            done,
            inserted,
            progress,
            ..
        } = table;
        self.summary.tables.push(TableSummary {
            table: progress.table,
            attempted: done,
            inserted,
            skipped: done.saturating_sub(inserted),
        });
        if done > 0 {
            self.finished.push(target);
        }
        if self.batches.is_none() {
            // The database has accepted the rows.
            self.positions.pop();
            self.positions.push(None);
        }
        Ok(())
    }

    /// Turns the error into one that says so, if a row of the table refers to one of the tables that
    /// this seed fills later.
    fn wrong_order(
        &mut self,
        sql_name: &str,
        mut later: Vec<String>,
        error: SeedError,
    ) -> SeedError {
        let SeedError::Row {
            table,
            row,
            position,
            source: Error::DatabaseError(DatabaseErrorKind::ForeignKeyViolation, information),
        } = error
        else {
            return error;
        };
        let constraint = information.constraint_name();
        later.retain(|later| later != sql_name);
        let ask = |conn: &mut C| C::Backend::referenced_among(conn, sql_name, constraint, &later);
        let first = match &self.batches {
            Some(_) => ask(self.conn),
            // In a savepoint, so that the first error can still be reported if this query fails.
            None => nested(self.conn, ask),
        };
        let source = Error::DatabaseError(DatabaseErrorKind::ForeignKeyViolation, information);
        match first {
            Ok(Some(first)) => SeedError::TableOrder {
                table,
                row,
                position,
                first: unquoted(&first),
                source,
            },
            _ => SeedError::Row {
                table,
                row,
                position,
                source,
            },
        }
    }

    /// Moves the sequences last, in the same order for all seeds, because their locks are held to
    /// the end.
    pub(super) fn finish(mut self) -> Result<SeedSummary, SeedError> {
        self.send()?;
        self.finished.sort_by(|a, b| a.table.cmp(&b.table));
        for target in &self.finished {
            C::Backend::finish(self.conn, &target.table, &target.columns).map_err(|source| {
                SeedError::Sequence {
                    table: target.name(),
                    source: source.into(),
                }
            })?;
        }
        self.count_batches();
        Ok(self.summary)
    }
}

/// The progress of one table.
pub(crate) struct TableRun<'t, 'c, 'a, C: BackendConnection<Backend: SeedEngine>, T: TableRow> {
    run: &'t mut Run<'c, 'a, C>,
    target: SeedTarget,
    done: usize,
    inserted: usize,
    progress: SeedProgress,
    /// Determined by the engine before the first row.
    way: Option<SeedWay>,
    /// Open when rows wait, or have waited, in the engine's stage.
    stage: Option<Stage>,
    /// Number of rows in the stage, which `done` does not include yet.
    staged: usize,
    /// Maximum number of rows of a statement, by the connection's bind limit.
    most: usize,
    row: std::marker::PhantomData<fn(T)>,
}

impl<'t, 'c, 'a, C, T> TableRun<'t, 'c, 'a, C, T>
where
    C: BackendConnection<Backend: SeedEngine>,
    T: SeedRow<C::Backend>,
{
    fn new(run: &'t mut Run<'c, 'a, C>, target: SeedTarget) -> Result<Self, SeedError> {
        let limit = run.conn.most_binds();
        let most = limit / target.columns.len().max(1);
        let table = target.name();
        if most == 0 {
            return Err(SeedError::TooManyColumns {
                table,
                columns: target.columns.len(),
                limit,
            });
        }
        Ok(Self {
            run,
            target,
            done: 0,
            inserted: 0,
            progress: SeedProgress { table, rows: 0 },
            way: None,
            stage: None,
            staged: 0,
            most,
            row: std::marker::PhantomData,
        })
    }

    pub(super) fn write_slice(&mut self, rows: &[T]) -> Result<(), SeedError> {
        rows.chunks(self.run.chunk_rows)
            .try_for_each(|chunk| self.write(chunk, chunk.len() == self.run.chunk_rows))
    }

    pub(super) fn write_iter(
        &mut self,
        rows: impl IntoIterator<Item = T>,
    ) -> Result<(), SeedError> {
        let mut rows = rows.into_iter().fuse();
        self.write_chunks(|chunk, most| {
            chunk.extend(rows.by_ref().take(most));
            Ok(chunk.len() == most)
        })
    }

    /// Writes rows in chunks. `fill` returns whether it filled the chunk, by rows or bytes.
    fn write_chunks(
        &mut self,
        mut fill: impl FnMut(&mut Vec<T>, usize) -> Result<bool, SeedError>,
    ) -> Result<(), SeedError> {
        let mut chunk = Vec::new();
        loop {
            let full = fill(&mut chunk, self.run.chunk_rows)?;
            if chunk.is_empty() {
                return Ok(());
            }
            self.write(&chunk, full)?;
            chunk.clear();
        }
    }

    fn write(&mut self, chunk: &[T], full: bool) -> Result<(), SeedError> {
        let rows: Vec<T::Row<'_>> = chunk.iter().map(T::row).collect();
        if self.run.batches.is_some() {
            return self.insert_all(&rows);
        }
        if self.way.is_none() {
            let Some(first) = rows.first() else {
                return Ok(());
            };
            let SeedTarget { table, columns } = &self.target;
            let way = C::Backend::way::<C, T>(self.run.conn, table, columns, first);
            let way = way.map_err(|source| self.refused(&rows, source))?;
            self.way = Some(match way {
                // Diesel's COPY identifies its columns by type alone, unless it fills a stage.
                SeedWay::BulkFirst if !T::STATIC => SeedWay::Stage,
                way => way,
            });
        }
        if self.way == Some(SeedWay::BulkFirst) {
            let load = |conn: &mut C| C::Backend::bulk_load::<C, T>(conn, None, &rows);
            match nested(self.run.conn, load) {
                Ok(inserted) => {
                    self.advance(rows.len(), inserted);
                    return Ok(());
                }
                // Whatever the reason, the other ways skip the row or report the error better.
                Err(error) if another_try(self.run.conn, &error) => {
                    self.way = Some(SeedWay::Stage);
                }
                Err(error) => return Err(self.refused(&rows, error)),
            }
        }
        // For less than a full chunk, creating the stage costs more than it saves.
        let enough = self.stage.is_some() || full;
        if self.way == Some(SeedWay::Stage) && enough {
            return self.stage_all(&rows);
        }
        self.insert_all(&rows)
    }

    /// Inserts the rows in statements of a few sizes only, so that each is prepared once per
    /// connection.
    fn insert_all(&mut self, mut rest: &[T::Row<'_>]) -> Result<(), SeedError> {
        while !rest.is_empty() {
            let taken = match rest.len().min(self.most) {
                1024.. => self.statement::<1024>(rest)?,
                256.. => self.statement::<256>(rest)?,
                64.. => self.statement::<64>(rest)?,
                16.. => self.statement::<16>(rest)?,
                4.. => self.statement::<4>(rest)?,
                _ => self.statement::<1>(rest)?,
            };
            rest = &rest[taken..];
        }
        Ok(())
    }

    fn statement<const N: usize>(&mut self, rest: &[T::Row<'_>]) -> Result<usize, SeedError> {
        let rows = &rest[..N];
        if self.run.batches.is_some() {
            self.gather::<N>(rows)?;
            return Ok(N);
        }
        match self.insert::<N>(rows) {
            Ok(inserted) => self.advance(N, inserted),
            Err(source) => return Err(self.refused(rows, source)),
        }
        Ok(N)
    }

    fn advance(&mut self, rows: usize, inserted: usize) {
        self.inserted += inserted;
        self.done += rows;
        self.report();
    }

    fn report(&mut self) {
        // Batches report their progress when they have been sent.
        if self.run.batches.is_some() {
            return;
        }
        if let Some(report) = &mut self.run.progress {
            self.progress.rows = self.done + self.staged;
            report(&self.progress);
        }
    }

    fn insert<const N: usize>(&mut self, rows: &[T::Row<'_>]) -> QueryResult<usize> {
        let conn = &mut *self.run.conn;
        let target = &self.target;
        match self.way {
            Some(SeedWay::IgnoreOrFail) => execute::<C, T, IgnoredOrFail, N>(conn, target, rows),
            Some(SeedWay::PlainFirst) => match execute::<C, T, Refused, N>(conn, target, rows) {
                Err(error) if another_try(conn, &error) => {
                    self.way = Some(SeedWay::Ignore);
                    execute::<C, T, Ignored, N>(conn, target, rows)
                }
                result => result,
            },
            _ => execute::<C, T, Ignored, N>(conn, target, rows),
        }
    }
}

/// Executes one statement, in a savepoint if its failure would end the transaction.
fn execute<'r, C, T, M, const N: usize>(
    conn: &mut C,
    target: &SeedTarget,
    rows: &[T::Row<'r>],
) -> QueryResult<usize>
where
    C: BackendConnection<Backend: SeedEngine>,
    T: SeedRow<C::Backend> + 'r,
    M: Conflicts,
{
    let insert = Insert::<T, M, N>::new(target, rows);
    if C::Backend::ERROR_ENDS_TRANSACTION {
        nested(conn, |conn| conn.execute_returning_count(&insert))
    } else {
        conn.execute_returning_count(&insert)
    }
}

/// Runs `work` in a savepoint.
fn nested<C: BackendConnection<Backend: SeedEngine>, R>(
    conn: &mut C,
    work: impl FnOnce(&mut C) -> QueryResult<R>,
) -> QueryResult<R> {
    // If rolling back to the savepoint fails, the transaction manager is left broken, which the end
    // of the outer transaction detects. The first failure is the one to report.
    let mut savepoint = Transaction::begin(conn, |conn| {
        C::TransactionManager::begin_transaction(conn).map(|()| Begun::default())
    })?;
    let value = work(savepoint.conn())?;
    savepoint.commit()?;
    Ok(value)
}
