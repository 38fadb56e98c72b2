//! Batches of statements, each of which is one transaction.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use data_encoding::HEXLOWER;
use diesel::connection::DebugQuery;
use diesel::migration::Migration;
use diesel::pg::Pg;
use diesel::query_builder::QueryFragment;
use diesel::result::{Error, QueryResult};

use super::api::Statement;
use super::link::Link;
use super::options::NeonBatchOptions;
use super::recorder::scripts_of;
use super::sql::statements;
use super::{NeonHttpConnection, checked};
use crate::backend::batch::{Batch, Probe, is_of_a_statement};
use crate::backend::connection::message;
use crate::backend::error::Source;
use crate::remote::error::unsupported;

/// The error of a batch, of which nothing was kept.
///
/// It converts into Diesel's error, which does not tell the statement.
#[derive(Debug)]
pub struct NeonBatchError {
    /// Position of the statement that the database rejected, from 0; `None` if it is unknown, as for
    /// constraints that are checked at the end of the transaction, and errors of the network.
    pub statement: Option<usize>,
    /// The database's own error.
    pub source: Error,
}

impl fmt::Display for NeonBatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.statement {
            Some(at) => write!(f, "statement {} of the batch failed", at.saturating_add(1)),
            None => f.write_str("the batch failed"),
        }
    }
}

impl std::error::Error for NeonBatchError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

impl From<NeonBatchError> for Error {
    fn from(error: NeonBatchError) -> Self {
        error.source
    }
}

impl From<Error> for NeonBatchError {
    fn from(source: Error) -> Self {
        Self {
            statement: None,
            source,
        }
    }
}

/// Statements for Neon's HTTP, which has no transactions that span several requests.
#[derive(Debug, Default)]
pub struct NeonBatch {
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
            write!(f, "{between}{}", statement.query)?;
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
const TAKE_BACK: &str = "SELECT CAST('covara_take_back' AS integer)";
const TAKEN_BACK: &str = "covara_take_back";
/// The message if the condition looked for holds.
const FOUND: &str = "covara_found";

impl NeonBatch {
    pub(super) fn of(statements: Vec<Statement>) -> Self {
        let mut batch = Self::default();
        for statement in statements {
            batch.push(statement, None);
        }
        batch
    }

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

    pub(super) fn all(&self) -> Together<'_> {
        Together(&self.statements)
    }

    pub(super) fn run(
        &self,
        link: &mut Link,
        options: NeonBatchOptions,
    ) -> QueryResult<Vec<usize>> {
        let queries: Vec<_> = self.statements.iter().map(Cow::Borrowed).collect();
        link.batch(&queries, options, options.only_reads())
    }

    /// Returns an insert for each of the `rows` rows of the statement.
    fn rows_apart(&self, at: usize, rows: usize) -> Option<Vec<Statement>> {
        let params = &self.statements.get(at)?.params;
        let query = self.ones.get(at)?.as_ref()?;
        let width = params.len().checked_div(rows)?;
        (width > 0 && width * rows == params.len()).then(|| {
            let rows = params.chunks_exact(width).map(|row| Statement {
                query: query.to_string(),
                params: row.to_vec(),
            });
            rows.collect()
        })
    }

    /// Finds the first of `statements` after which the probe succeeds, by sending parts that are
    /// always taken back, as Neon does not tell. Observers are not told of that. The first `before`
    /// statements of the batch come before.
    fn search(
        &self,
        link: &mut Link,
        options: NeonBatchOptions,
        before: usize,
        statements: &[Statement],
        probe: Probe<'_>,
    ) -> Option<usize> {
        let (mut first, mut end) = (0, statements.len());
        // The first statement looked for is one of first..end, if any.
        while first < end {
            let middle = first + (end - first) / 2;
            let tried = self.statements[..before]
                .iter()
                .chain(&statements[..=middle]);
            if succeeds(link, options, tried, probe).ok()? {
                end = middle;
            } else {
                first = middle + 1;
            }
        }
        (first < statements.len()).then_some(first)
    }

    /// Finds the statement that the database rejected.
    pub(super) fn culprit(&self, link: &mut Link, options: NeonBatchOptions) -> Option<usize> {
        self.search(link, options, 0, &self.statements, Probe::Fails)
    }
}

impl Batch<NeonHttpConnection> for NeonBatch {
    fn add<T>(&mut self, conn: &mut NeonHttpConnection, statement: &T) -> QueryResult<()>
    where
        T: QueryFragment<Pg>,
    {
        self.push(conn.statement(statement)?, None);
        Ok(())
    }

    fn add_rows<T, S>(
        &mut self,
        conn: &mut NeonHttpConnection,
        insert: &T,
        one: &S,
    ) -> QueryResult<()>
    where
        T: QueryFragment<Pg>,
        S: QueryFragment<Pg>,
    {
        let statement = conn.statement(insert)?;
        // The values of the first row.
        let one = self.shared(conn.statement(one)?.query);
        self.push(statement, Some(one));
        Ok(())
    }

    fn add_script(&mut self, sql: &str) -> QueryResult<()> {
        for statement in scripted(sql)? {
            self.push(statement, None);
        }
        Ok(())
    }

    fn add_migration(&mut self, migration: &dyn Migration<Pg>) -> Result<(), Source> {
        for script in scripts_of(migration)? {
            self.add_script(&script)?;
        }
        Ok(())
    }

    fn statements(&self) -> usize {
        self.statements.len()
    }

    fn bytes(&self) -> usize {
        self.bytes
    }

    fn defer(&mut self, _: &str, _: &str) -> QueryResult<()> {
        Err(unsupported("PostgreSQL defers foreign keys one by one"))
    }

    fn try_send(&self, conn: &mut NeonHttpConnection) -> QueryResult<Vec<usize>> {
        conn.run_batch(self, NeonBatchOptions::default())
    }

    fn take_apart(&mut self, groups: &[(usize, usize)]) -> bool {
        let mut apart = Self::default();
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

    fn first(&self, conn: &mut NeonHttpConnection, probe: Probe<'_>) -> Option<usize> {
        let options = NeonBatchOptions::default();
        self.search(&mut conn.link, options, 0, &self.statements, probe)
    }

    fn first_row(
        &self,
        conn: &mut NeonHttpConnection,
        at: usize,
        rows: usize,
        probe: Probe<'_>,
    ) -> Option<usize> {
        if rows == 1 {
            return Some(0);
        }
        let rows = self.rows_apart(at, rows)?;
        self.search(
            &mut conn.link,
            NeonBatchOptions::default(),
            at,
            &rows,
            probe,
        )
    }

    fn answer(&self, conn: &mut NeonHttpConnection, expression: &str) -> Option<String> {
        // In hexadecimal digits, as the message quotes the text.
        let question = format!(
            "SELECT CAST('{TAKEN_BACK}<' || pg_catalog.encode(pg_catalog.convert_to(\
             coalesce(CAST(({expression}) AS text), ''), 'UTF8'), 'hex') || '>' AS integer)"
        );
        let mut asked: Vec<_> = self.statements.iter().map(Cow::Borrowed).collect();
        asked.push(Cow::Owned(of_sql(question)));
        let error = conn
            .link
            .batch(&asked, NeonBatchOptions::default(), false)
            .err()?;
        let text = message(&error);
        let (_, text) = text.split_once(&format!("{TAKEN_BACK}<"))?;
        let (digits, _) = text.split_once('>')?;
        String::from_utf8(HEXLOWER.decode(digits.as_bytes()).ok()?).ok()
    }
}

/// Returns the statements of a script, all of which a batch can have.
pub(super) fn scripted(sql: &str) -> QueryResult<Vec<Statement>> {
    let statements = statements(sql).into_iter().map(|query| {
        checked(query, true)?;
        Ok(of_sql(query.to_owned()))
    });
    statements.collect()
}

pub(super) fn of_sql(query: String) -> Statement {
    let params = Vec::new();
    Statement { query, params }
}

/// Returns whether the probe succeeds after the statements.
fn succeeds<'s>(
    link: &mut Link,
    options: NeonBatchOptions,
    statements: impl Iterator<Item = &'s Statement>,
    probe: Probe<'_>,
) -> QueryResult<bool> {
    let mut tried: Vec<_> = statements.map(Cow::Borrowed).collect();
    let (last, is_found): (_, fn(&Error) -> bool) = match probe {
        Probe::Fails => (TAKE_BACK.to_owned(), is_of_a_statement),
        Probe::Holds(condition) => (
            format!(
                "SELECT CAST(CASE WHEN {condition} THEN '{FOUND}' ELSE '{TAKEN_BACK}' END \
                 AS integer)"
            ),
            |error| message(error).contains(FOUND),
        ),
    };
    tried.push(Cow::Owned(of_sql(last)));
    // It is undone, so it may be sent again.
    match link.batch(&tried, options, true) {
        Err(error) if message(&error).contains(TAKEN_BACK) => Ok(false),
        Err(error) if is_found(&error) => Ok(true),
        Err(error) => Err(error),
        // Nothing was rolled back, so the search stops.
        Ok(_) => Err(Error::RollbackTransaction),
    }
}
