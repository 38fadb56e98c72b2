//! Batches of statements that are sent together.

use std::sync::Arc;
use std::{fmt, iter};

use data_encoding::HEXUPPER;
use diesel::connection::DebugQuery;
use diesel::migration::Migration;
use diesel::query_builder::{QueryBuilder, QueryFragment};
use diesel::result::{Error, QueryResult};
use diesel::sqlite::{Sqlite, SqliteQueryBuilder};

use super::recorder::statements_of;
use super::{Driver, RemoteConnection};
use crate::backend::batch::{Batch, Probe, is_of_a_statement};
use crate::backend::connection::message;
use crate::backend::error::Source;
use crate::remote::sql::statement_error;
use crate::remote::value::Statement;

/// Statements for a database over HTTP that has no transactions.
#[derive(Debug, Default)]
pub struct RemoteBatch {
    /// A statement before all others, which defers the checks of foreign keys.
    head: Option<Statement>,
    /// A statement after all others, which fails if a foreign key is violated. D1 does not answer
    /// if it finds that out itself, at the end of the transaction.
    check: Option<Statement>,
    statements: Vec<Statement>,
    /// Of each statement that inserts rows: the SQL for one of them.
    ones: Vec<Option<Arc<str>>>,
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
/// The message if a foreign key is violated.
const VIOLATED: &str = "covara_violated";
/// The message if the condition looked for holds.
const FOUND: &str = "covara_found";

impl RemoteBatch {
    fn push(&mut self, statement: Statement, one: Option<Arc<str>>) {
        self.bytes += statement.bytes();
        self.statements.push(statement);
        self.ones.push(one);
    }

    /// The SQL for one row, which is the same for each statement of a table.
    fn shared(&self, sql: String) -> Arc<str> {
        // An update has two statements for the same rows.
        let mut last = self.ones.iter().rev().take(2).flatten();
        match last.find(|last| ***last == *sql) {
            Some(last) => Arc::clone(last),
            None => sql.into(),
        }
    }

    /// Returns an insert for each of the `rows` rows of the statement.
    fn rows_apart(&self, at: usize, rows: usize) -> Option<Vec<Statement>> {
        let arguments = &self.statements.get(at)?.arguments;
        let sql = self.ones.get(at)?.as_ref()?;
        let width = arguments.len().checked_div(rows)?;
        (width > 0 && width * rows == arguments.len()).then(|| {
            let rows = arguments.chunks_exact(width);
            rows.map(|row| Statement::new(&**sql, row.to_vec()))
                .collect()
        })
    }

    /// Finds the first of `statements` after which the probe succeeds, by sending parts that are
    /// always taken back, as D1 does not tell. Observers are not told of that. The first `before`
    /// statements of the batch come before.
    fn search<D: Driver>(
        &self,
        driver: &mut D,
        before: usize,
        statements: &[Statement],
        probe: Probe<'_>,
    ) -> Option<usize> {
        let before: Vec<&Statement> = self.head.iter().chain(&self.statements[..before]).collect();
        let (mut first, mut end) = (0, statements.len());
        // The first statement looked for is one of first..end, if any.
        while first < end {
            let middle = first + (end - first) / 2;
            let tried = before.iter().copied().chain(&statements[..=middle]);
            if succeeds(driver, tried, probe).ok()? {
                end = middle;
            } else {
                first = middle + 1;
            }
        }
        (first < statements.len()).then_some(first)
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
    ) -> QueryResult<()>
    where
        T: QueryFragment<Sqlite>,
        S: QueryFragment<Sqlite>,
    {
        let mut sql = SqliteQueryBuilder::new();
        one.to_sql(&mut sql, &Sqlite)?;
        let one = self.shared(sql.finish());
        self.push(conn.statement(insert)?, Some(one));
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

    fn defer(&mut self, begin: &str, is_violated: &str) -> QueryResult<()> {
        self.head = Statement::all_of(begin)?.into_iter().next();
        let check = format!("SELECT json_extract('{{}}', '{VIOLATED}') WHERE {is_violated}");
        self.check = Some(Statement::new(check, Vec::new()));
        Ok(())
    }

    fn try_send(&self, conn: &mut RemoteConnection<D>) -> QueryResult<Vec<usize>> {
        if self.statements.is_empty() {
            return Ok(Vec::new());
        }
        let (Some(head), Some(check)) = (&self.head, &self.check) else {
            return conn.watched(&Together(&self.statements), |conn| {
                conn.driver.atomically(&self.statements)
            });
        };
        let all = iter::once(head).chain(&self.statements);
        let all: Vec<Statement> = all.chain(iter::once(check)).cloned().collect();
        let mut changed = conn.watched(&Together(&all), |conn| {
            conn.driver.atomically(&all).map_err(|error| {
                if message(&error).contains(VIOLATED) {
                    statement_error("FOREIGN KEY constraint failed")
                } else {
                    error
                }
            })
        })?;
        changed.pop();
        Ok(changed.into_iter().skip(1).collect())
    }

    fn take_apart(&mut self, groups: &[(usize, usize)]) -> bool {
        let mut apart = Self {
            head: self.head.clone(),
            check: self.check.clone(),
            ..Self::default()
        };
        let mut at = 0;
        for &(statements, rows) in groups {
            let together = at..at + statements;
            at += statements;
            if rows == 0 {
                for at in together {
                    apart.push(self.statements[at].clone(), None);
                }
                continue;
            }
            let of_rows = together.clone().map(|at| self.rows_apart(at, rows));
            let Some(of_rows) = of_rows.collect::<Option<Vec<_>>>() else {
                return false;
            };
            for row in 0..rows {
                for (at, statements) in together.clone().zip(&of_rows) {
                    apart.push(statements[row].clone(), self.ones[at].clone());
                }
            }
        }
        *self = apart;
        true
    }

    fn first(&self, conn: &mut RemoteConnection<D>, probe: Probe<'_>) -> Option<usize> {
        self.search(&mut *conn.driver, 0, &self.statements, probe)
    }

    fn first_row(
        &self,
        conn: &mut RemoteConnection<D>,
        at: usize,
        rows: usize,
        probe: Probe<'_>,
    ) -> Option<usize> {
        if rows == 1 {
            return Some(0);
        }
        let rows = self.rows_apart(at, rows)?;
        self.search(&mut *conn.driver, at, &rows, probe)
    }

    fn answer(&self, conn: &mut RemoteConnection<D>, expression: &str) -> Option<String> {
        // In hexadecimal digits, as the message quotes the text.
        let question = format!(
            "SELECT json_extract('{{}}', '{TAKEN_BACK}<' || hex(coalesce({expression}, '')) || '>')"
        );
        let mut asked: Vec<Statement> = self.head.iter().chain(&self.statements).cloned().collect();
        asked.push(Statement::new(question, Vec::new()));
        let error = conn.driver.atomically(&asked).err()?;
        let text = message(&error);
        let (_, text) = text.split_once(&format!("{TAKEN_BACK}<"))?;
        let (digits, _) = text.split_once('>')?;
        let bytes = HEXUPPER.decode(digits.as_bytes()).ok()?;
        String::from_utf8(bytes).ok()
    }
}

/// Returns whether the probe succeeds after the statements.
fn succeeds<'s, D: Driver>(
    driver: &mut D,
    statements: impl Iterator<Item = &'s Statement>,
    probe: Probe<'_>,
) -> QueryResult<bool> {
    let mut tried: Vec<Statement> = statements.cloned().collect();
    let (last, is_found): (_, fn(&Error) -> bool) = match probe {
        Probe::Fails => (TAKE_BACK.to_owned(), is_of_a_statement),
        Probe::Holds(condition) => (
            format!(
                "SELECT json_extract('{{}}', CASE WHEN {condition} THEN '{FOUND}' \
                 ELSE '{TAKEN_BACK}' END)"
            ),
            |error| message(error).contains(FOUND),
        ),
    };
    tried.push(Statement::new(last, Vec::new()));
    match driver.atomically(&tried) {
        Err(error) if message(&error).contains(TAKEN_BACK) => Ok(false),
        Err(error) if is_found(&error) => Ok(true),
        Err(error) => Err(error),
        // Nothing was rolled back, so the search stops.
        Ok(_) => Err(Error::RollbackTransaction),
    }
}
