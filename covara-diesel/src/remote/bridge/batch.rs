//! Batches of statements that are sent together.

use std::fmt;
use std::sync::Arc;

use diesel::connection::DebugQuery;
use diesel::migration::Migration;
use diesel::query_builder::{QueryBuilder, QueryFragment};
use diesel::result::{DatabaseErrorKind, Error, QueryResult};
use diesel::sqlite::{Sqlite, SqliteQueryBuilder};

use super::recorder::statements_of;
use super::{Driver, RemoteConnection};
use crate::backend::batch::{Batch, BatchError};
use crate::backend::connection::message;
use crate::backend::error::Source;
use crate::remote::value::Statement;

/// Statements for a database over HTTP that has no transactions.
#[derive(Debug, Default)]
pub struct RemoteBatch {
    statements: Vec<Statement>,
    /// For each statement that inserts rows, their number and the SQL for one of them.
    rows: Vec<Option<(usize, Arc<str>)>>,
    bytes: usize,
}

/// The statements of one request, shown as their SQL without their values, which may be many.
pub(super) struct Together<'s>(pub(super) &'s [Statement]);

impl fmt::Display for Together<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, statement) in self.0.iter().enumerate() {
            let between = if position == 0 { "" } else { "; " };
            write!(f, "{between}{}", statement.sql.trim_end_matches(';'))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Together<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.to_string(), f)
    }
}

impl DebugQuery for Together<'_> {}

/// A statement that fails whatever the database contains, with a message that nothing else
/// produces.
const TAKE_BACK: &str = "SELECT json_extract('{}', 'covara_take_back')";
const TAKEN_BACK: &str = "covara_take_back";

impl RemoteBatch {
    fn push(&mut self, statement: Statement, rows: Option<(usize, Arc<str>)>) {
        self.bytes += statement.bytes();
        self.statements.push(statement);
        self.rows.push(rows);
    }

    /// The SQL for one row, which is the same for each statement of a table.
    fn shared(&self, sql: String) -> Arc<str> {
        match self.rows.last() {
            Some(Some((_, last))) if **last == *sql => Arc::clone(last),
            _ => sql.into(),
        }
    }

    /// Finds the first statement that fails, and the row in it, by sending parts that are always
    /// taken back, as D1 does not tell. Observers are not told of that.
    fn culprit<D: Driver>(&self, driver: &mut D) -> Option<(usize, Option<usize>)> {
        let all: Vec<&Statement> = self.statements.iter().collect();
        let at = first_failing(driver, &[], &all)?;
        if self
            .rows
            .get(at)?
            .as_ref()
            .is_none_or(|(rows, _)| *rows == 1)
        {
            return Some((at, Some(0)));
        }
        let row = self.rows_apart(at).and_then(|rows| {
            let rows: Vec<&Statement> = rows.iter().collect();
            first_failing(driver, &all[..at], &rows)
        });
        Some((at, row))
    }

    /// Returns an insert for each row of the statement.
    fn rows_apart(&self, at: usize) -> Option<Vec<Statement>> {
        let arguments = &self.statements.get(at)?.arguments;
        let (rows, sql) = self.rows.get(at)?.as_ref()?;
        let width = arguments.len().checked_div(*rows)?;
        (width > 0 && width * rows == arguments.len()).then(|| {
            let rows = arguments.chunks_exact(width);
            rows.map(|row| Statement::new(&**sql, row.to_vec()))
                .collect()
        })
    }
}

impl<D: Driver> Batch<RemoteConnection<D>> for RemoteBatch {
    fn add<T>(&mut self, conn: &mut RemoteConnection<D>, statement: &T) -> QueryResult<()>
    where
        T: QueryFragment<Sqlite>,
    {
        self.push(conn.statement(statement)?, None);
        Ok(())
    }

    fn add_rows<T, S>(
        &mut self,
        conn: &mut RemoteConnection<D>,
        insert: &T,
        one: &S,
        rows: usize,
    ) -> QueryResult<()>
    where
        T: QueryFragment<Sqlite>,
        S: QueryFragment<Sqlite>,
    {
        let mut sql = SqliteQueryBuilder::new();
        one.to_sql(&mut sql, &Sqlite)?;
        let one = self.shared(sql.finish());
        self.push(conn.statement(insert)?, Some((rows, one)));
        Ok(())
    }

    fn add_script(&mut self, sql: &str) -> QueryResult<()> {
        let statements = Statement::all_of(sql)?.into_iter();
        statements.for_each(|statement| self.push(statement, None));
        Ok(())
    }

    fn add_migration(&mut self, migration: &dyn Migration<Sqlite>) -> Result<(), Source> {
        let statements = statements_of(migration)?.into_iter();
        statements.for_each(|statement| self.push(statement, None));
        Ok(())
    }

    fn statements(&self) -> usize {
        self.statements.len()
    }

    fn bytes(&self) -> usize {
        self.bytes
    }

    fn send(self, conn: &mut RemoteConnection<D>) -> Result<Vec<usize>, BatchError> {
        if self.statements.is_empty() {
            return Ok(Vec::new());
        }
        let sent = conn.watched(&Together(&self.statements), |conn| {
            conn.driver.atomically(&self.statements)
        });
        sent.map_err(|source| {
            let at = is_of_a_statement(&source)
                .then(|| self.culprit(&mut *conn.driver))
                .flatten();
            BatchError { at, source }
        })
    }
}

fn first_failing<D: Driver>(
    driver: &mut D,
    before: &[&Statement],
    statements: &[&Statement],
) -> Option<usize> {
    let (mut first, mut end) = (0, statements.len());
    // The first failing statement is one of first..end, if any.
    while first < end {
        let middle = first + (end - first) / 2;
        let tried = before.iter().chain(&statements[..=middle]).copied();
        if fails(driver, tried).ok()? {
            end = middle;
        } else {
            first = middle + 1;
        }
    }
    (first < statements.len()).then_some(first)
}

fn fails<'s, D: Driver>(
    driver: &mut D,
    statements: impl Iterator<Item = &'s Statement>,
) -> QueryResult<bool> {
    let mut tried: Vec<Statement> = statements.cloned().collect();
    tried.push(Statement::new(TAKE_BACK, Vec::new()));
    match driver.atomically(&tried) {
        Err(error) if message(&error).contains(TAKEN_BACK) => Ok(false),
        Err(error) if is_of_a_statement(&error) => Ok(true),
        Err(error) => Err(error),
        // Nothing was rolled back, so the search stops.
        Ok(_) => Err(Error::RollbackTransaction),
    }
}

/// Returns whether the database itself rejected a statement.
fn is_of_a_statement(error: &Error) -> bool {
    match error {
        Error::DatabaseError(kind, _) => !matches!(
            kind,
            DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::UnableToSendCommand
        ),
        _ => false,
    }
}
