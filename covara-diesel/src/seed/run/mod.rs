//! Writes rows in statements of fixed sizes and counts them.

mod culprit;
mod stage;

use std::num::NonZeroUsize;

use diesel::QueryResult;
use diesel::connection::TransactionManager;
use diesel::query_builder::{QueryBuilder, QueryFragment};

use culprit::another_try;

use super::error::{SeedError, outside};
use super::insert::{Conflicts, Ignored, IgnoredOrFail, Insert, Refused};
use super::report::{Report, SeedProgress, SeedSummary, TableSummary};
use super::row::{SeedRow, Seedable};
use crate::connection::DatabaseConnection;
use crate::engine::{Engine, SeedWay, Stage};

/// A seed inside its transaction.
pub(super) struct Run<'c, 'a, C> {
    conn: &'c mut C,
    progress: Option<Report<'a>>,
    chunk_rows: usize,
    summary: SeedSummary,
    finished: Vec<FinishedTable>,
}

/// What is still to be done for a table when all rows are in.
struct FinishedTable {
    /// As SQL.
    table: String,
    columns: Vec<&'static str>,
}

impl<'c, 'a, C: DatabaseConnection> Run<'c, 'a, C> {
    pub(super) fn new(
        conn: &'c mut C,
        progress: Option<Report<'a>>,
        chunk_rows: Option<NonZeroUsize>,
    ) -> Self {
        Self {
            conn,
            progress,
            chunk_rows: chunk_rows.map_or(C::Backend::SEED_ROWS, NonZeroUsize::get),
            summary: SeedSummary::default(),
            finished: Vec::new(),
        }
    }

    pub(super) fn table<T: SeedRow<C::Backend>>(
        &mut self,
        write: impl FnOnce(&mut TableRun<'_, 'c, 'a, C, T>) -> Result<(), SeedError>,
    ) -> Result<(), SeedError> {
        let mut table = TableRun::new(self)?;
        write(&mut table)?;
        table.finish()?;
        let TableRun {
            sql_name,
            columns,
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
            self.finished.push(FinishedTable {
                table: sql_name,
                columns,
            });
        }
        Ok(())
    }

    /// The sequences last, in one order for all seeds: their locks are held to the end.
    pub(super) fn finish(mut self) -> Result<SeedSummary, SeedError> {
        self.finished.sort_by(|a, b| a.table.cmp(&b.table));
        for FinishedTable { table, columns } in &self.finished {
            C::Backend::finish_seed(self.conn, table, columns).map_err(|source| {
                SeedError::Sequence {
                    table: unquoted(table),
                    source,
                }
            })?;
        }
        Ok(self.summary)
    }
}

/// One table's rows on their way in.
pub(super) struct TableRun<'t, 'c, 'a, C: DatabaseConnection, T: Seedable> {
    run: &'t mut Run<'c, 'a, C>,
    columns: Vec<&'static str>,
    sql_name: String,
    done: usize,
    inserted: usize,
    progress: SeedProgress,
    /// Asked of the engine before the first row.
    way: Option<SeedWay>,
    /// Open when rows wait, or have waited, in the engine's stage.
    stage: Option<Stage>,
    /// How many wait there; not yet `done`.
    staged: usize,
    /// Most rows a statement may have, by the connection's bind limit.
    most: usize,
    row: std::marker::PhantomData<fn(T)>,
}

impl<'t, 'c, 'a, C, T> TableRun<'t, 'c, 'a, C, T>
where
    C: DatabaseConnection,
    T: SeedRow<C::Backend>,
{
    fn new(run: &'t mut Run<'c, 'a, C>) -> Result<Self, SeedError> {
        let mut columns = Vec::new();
        T::columns(&mut columns);
        let sql_name = sql_name::<C::Backend, T>().map_err(outside::<C>)?;
        let table = unquoted(&sql_name);
        // The derive cannot see into embedded structs; SQLite would take the first value.
        let twice = (1..columns.len()).find(|&at| columns[..at].contains(&columns[at]));
        if let Some(at) = twice {
            return Err(SeedError::ColumnTwice {
                table,
                column: columns[at].to_owned(),
            });
        }
        let limit = run.conn.bind_limit();
        let most = limit / columns.len().max(1);
        if most == 0 {
            return Err(SeedError::TooManyColumns {
                table,
                columns: columns.len(),
                limit,
            });
        }
        Ok(Self {
            run,
            columns,
            sql_name,
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
            .try_for_each(|chunk| self.write(chunk))
    }

    pub(super) fn write_iter(
        &mut self,
        rows: impl IntoIterator<Item = T>,
    ) -> Result<(), SeedError> {
        let most = self.run.chunk_rows;
        let mut chunk = Vec::new();
        let mut rows = rows.into_iter().fuse();
        loop {
            chunk.extend(rows.by_ref().take(most));
            if chunk.is_empty() {
                return Ok(());
            }
            self.write(&chunk)?;
            chunk.clear();
        }
    }

    fn write(&mut self, chunk: &[T]) -> Result<(), SeedError> {
        let rows: Vec<T::Row<'_>> = chunk.iter().map(T::row).collect();
        if self.way.is_none() {
            let Some(first) = rows.first() else {
                return Ok(());
            };
            let (table, columns) = (&self.sql_name, &self.columns);
            let way = C::Backend::seed_way::<C, T>(self.run.conn, table, columns, first);
            self.way = Some(way.map_err(|source| self.refused(&rows, source))?);
        }
        if self.way == Some(SeedWay::BulkFirst) {
            let load = |conn: &mut C| C::Backend::bulk_load::<C, T>(conn, None, &rows);
            match nested(self.run.conn, load) {
                Ok(inserted) => {
                    self.advance(rows.len(), inserted);
                    return Ok(());
                }
                // Whatever it was: the other ways skip it, or tell it better.
                Err(error) if another_try(self.run.conn, &error) => {
                    self.way = Some(SeedWay::Stage);
                }
                Err(error) => return Err(self.refused(&rows, error)),
            }
        }
        // Below a full chunk, making the stage costs more than it saves.
        let enough = self.stage.is_some() || rows.len() == self.run.chunk_rows;
        if self.way == Some(SeedWay::Stage) && enough {
            return self.stage_all(&rows);
        }
        self.insert_all(&rows)
    }

    /// Statements come in a few sizes only, so that each is prepared once per connection.
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
        if let Some(report) = &mut self.run.progress {
            self.progress.rows = self.done + self.staged;
            report(&self.progress);
        }
    }

    fn insert<const N: usize>(&mut self, rows: &[T::Row<'_>]) -> QueryResult<usize> {
        let conn = &mut *self.run.conn;
        let columns = &self.columns;
        match self.way {
            Some(SeedWay::IgnoreOrFail) => execute::<C, T, IgnoredOrFail, N>(conn, columns, rows),
            Some(SeedWay::PlainFirst) => match execute::<C, T, Refused, N>(conn, columns, rows) {
                Err(error) if another_try(conn, &error) => {
                    self.way = Some(SeedWay::Ignore);
                    execute::<C, T, Ignored, N>(conn, columns, rows)
                }
                result => result,
            },
            _ => execute::<C, T, Ignored, N>(conn, columns, rows),
        }
    }
}

/// Sends one statement; in a savepoint where its failure would end the transaction.
fn execute<'r, C, T, M, const N: usize>(
    conn: &mut C,
    columns: &[&'static str],
    rows: &[T::Row<'r>],
) -> QueryResult<usize>
where
    C: DatabaseConnection,
    T: SeedRow<C::Backend> + 'r,
    M: Conflicts,
{
    let insert = Insert::<T, M, N>::new(columns, rows);
    if C::Backend::ERROR_ENDS_TRANSACTION {
        nested(conn, |conn| conn.execute_returning_count(&insert))
    } else {
        conn.execute_returning_count(&insert)
    }
}

/// Runs `work` in a savepoint.
fn nested<C: DatabaseConnection, R>(
    conn: &mut C,
    work: impl FnOnce(&mut C) -> QueryResult<R>,
) -> QueryResult<R> {
    C::TransactionManager::begin_transaction(conn)?;
    let result = work(conn);
    match result {
        Ok(value) => C::TransactionManager::commit_transaction(conn).map(|()| value),
        Err(error) => {
            // The first failure is the one to tell; this one leaves the transaction
            // manager broken, which the outer transaction's end finds.
            let _ = C::TransactionManager::rollback_transaction(conn);
            Err(error)
        }
    }
}

/// The table's name as the backend writes it in SQL, quoted.
fn sql_name<DB: Engine, T: SeedRow<DB>>() -> QueryResult<String> {
    let mut sql = DB::QueryBuilder::default();
    T::Table::default().to_sql(&mut sql, &DB::backend())?;
    Ok(sql.finish())
}

/// `"app"."users"` and `` `users` `` as people write them.
fn unquoted(sql_name: &str) -> String {
    sql_name.replace(['"', '`'], "")
}
