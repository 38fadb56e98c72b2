//! Batches of statements, each of which is one transaction.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use data_encoding::HEXLOWER;
use diesel::connection::DebugQuery;
use diesel::migration::Migration;
use diesel::pg::Pg;
use diesel::query_builder::QueryFragment;
use diesel::result::{DatabaseErrorKind, Error, QueryResult};

use super::api::Statement;
use super::link::Link;
use super::options::NeonBatchOptions;
use super::recorder::scripts_of;
use super::sql::{RowInsert, statements};
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
    /// The statements that precede the others.
    begin: Vec<Statement>,
    statements: Vec<Statement>,
    /// Of each statement that inserts rows: the SQL for one of them.
    ones: Vec<Option<Arc<str>>>,
    /// Of each statement that has the values of its rows in its text: these values.
    joined: Vec<Vec<Option<String>>>,
    bytes: usize,
}

/// The size of a statement, in bytes, up to which inserts are joined: less than the open-source
/// proxy takes in a request, 10 MiB.
const MOST_JOINED: usize = 9 << 20;

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
        self.joined.push(Vec::new());
    }

    /// Returns the values of the rows that a statement inserts, and of how many columns they are.
    fn values(&self, at: usize, rows: usize) -> Option<(&[Option<String>], usize)> {
        let values = match self.joined.get(at)?.as_slice() {
            [] => &self.statements.get(at)?.params,
            joined => joined,
        };
        let width = values.len().checked_div(rows)?;
        (width > 0 && width * rows == values.len()).then_some((values, width))
    }

    /// Returns all statements, after those that precede them.
    fn sent(&self) -> Vec<Cow<'_, Statement>> {
        let all = self.begin.iter().chain(&self.statements);
        all.map(Cow::Borrowed).collect()
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
        let queries = self.sent();
        let mut counts = link.batch(&queries, options, options.only_reads())?;
        counts.drain(..self.begin.len());
        Ok(counts)
    }

    /// Returns an insert for each of the `rows` rows of the statement.
    fn rows_apart(&self, at: usize, rows: usize) -> Option<Vec<Statement>> {
        let (values, width) = self.values(at, rows)?;
        let query = self.ones.get(at)?.as_ref()?;
        let rows = values.chunks_exact(width).map(|row| Statement {
            query: query.to_string(),
            params: row.to_vec(),
        });
        Some(rows.collect())
    }

    /// Finds the smallest part of the batch after which the probe succeeds, of `parts` that each
    /// begin with the one before, by sending parts that are always taken back, as Neon does not tell.
    /// Observers are not told of that. `part` returns the last statements of a part; the first
    /// `before` statements of the batch come before.
    fn search<'s>(
        &'s self,
        link: &mut Link,
        before: usize,
        parts: usize,
        part: impl Fn(usize) -> Vec<Cow<'s, Statement>>,
        succeeds: impl Fn(&mut Link, Vec<Cow<'s, Statement>>) -> QueryResult<bool>,
    ) -> Option<usize> {
        let (mut first, mut end) = (0, parts);
        // The first part looked for is one of first..end, if any.
        while first < end {
            let middle = first + (end - first) / 2;
            let tried = self.begin.iter().chain(&self.statements[..before]);
            let mut tried: Vec<_> = tried.map(Cow::Borrowed).collect();
            tried.extend(part(middle));
            if succeeds(link, tried).ok()? {
                end = middle;
            } else {
                first = middle + 1;
            }
        }
        (first < parts).then_some(first)
    }

    /// Finds the first statement after which the probe succeeds.
    fn search_statements(
        &self,
        link: &mut Link,
        options: NeonBatchOptions,
        probe: Probe<'_>,
    ) -> Option<usize> {
        let part = |last: usize| {
            let statements = self.statements[..=last].iter();
            statements.map(Cow::Borrowed).collect()
        };
        let succeeds = |link: &mut Link, tried| succeeds(link, options, tried, probe, |_| false);
        self.search(link, 0, self.statements.len(), part, succeeds)
    }

    /// Finds the statement that the database rejected.
    pub(super) fn culprit(&self, link: &mut Link, options: NeonBatchOptions) -> Option<usize> {
        self.search_statements(link, options, Probe::Fails)
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
        Err(unsupported(
            "PostgreSQL does not defer all foreign keys at once",
        ))
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
        self.search_statements(&mut conn.link, NeonBatchOptions::default(), probe)
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
        let (values, width) = self.values(at, rows)?;
        let insert = RowInsert::of(self.ones.get(at)?.as_ref()?)?;
        // One statement, as in the batch, so that rows may refer to later ones. Those that the part
        // leaves out are missing, which is no fault of a row.
        let part = |last: usize| {
            let values = &values[..(last + 1) * width];
            vec![Cow::Owned(of_sql(insert.all(values)))]
        };
        let succeeds = |link: &mut Link, tried| {
            let options = NeonBatchOptions::default();
            succeeds(link, options, tried, probe, is_foreign_key)
        };
        self.search(&mut conn.link, at, rows, part, succeeds)
    }

    fn join(&mut self, begin: &str, groups: &[usize]) -> QueryResult<bool> {
        let mut joined = Self {
            begin: scripted(begin)?,
            ..Self::default()
        };
        let mut at = 0;
        for &count in groups {
            let together = at..at + count;
            at += count;
            if count == 1 {
                joined.push(
                    self.statements[together.start].clone(),
                    self.ones[together.start].clone(),
                );
                continue;
            }
            let Some(one) = &self.ones[together.start] else {
                return Ok(false);
            };
            let Some(insert) = RowInsert::of(one) else {
                return Ok(false);
            };
            let values: Vec<_> = self.statements[together]
                .iter()
                .flat_map(|statement| statement.params.iter().cloned())
                .collect();
            let statement = of_sql(insert.all(&values));
            if statement.bytes() > MOST_JOINED {
                return Ok(false);
            }
            joined.push(statement, Some(Arc::clone(one)));
            if let Some(last) = joined.joined.last_mut() {
                *last = values;
            }
        }
        *self = joined;
        Ok(true)
    }

    fn row_with(&self, at: usize, rows: usize, columns: &[usize], details: &str) -> Option<usize> {
        let (values, width) = self.values(at, rows)?;
        values.chunks_exact(width).position(|row| {
            let named = columns.iter().map(|column| row.get(*column)?.as_deref());
            let named = named.collect::<Option<Vec<&str>>>();
            named.is_some_and(|named| details.contains(&format!(")=({})", named.join(", "))))
        })
    }

    fn answer(&self, conn: &mut NeonHttpConnection, expression: &str) -> Option<String> {
        // In hexadecimal digits, as the message quotes the text.
        let question = format!(
            "SELECT CAST('{TAKEN_BACK}<' || pg_catalog.encode(pg_catalog.convert_to(\
             coalesce(CAST(({expression}) AS text), ''), 'UTF8'), 'hex') || '>' AS integer)"
        );
        let mut asked = self.sent();
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

fn is_foreign_key(error: &Error) -> bool {
    matches!(
        error,
        Error::DatabaseError(DatabaseErrorKind::ForeignKeyViolation, _)
    )
}

/// Returns whether the probe succeeds after the statements. An error that it `overlooks` is none.
fn succeeds(
    link: &mut Link,
    options: NeonBatchOptions,
    mut tried: Vec<Cow<'_, Statement>>,
    probe: Probe<'_>,
    overlooks: fn(&Error) -> bool,
) -> QueryResult<bool> {
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
        Err(error) if message(&error).contains(TAKEN_BACK) || overlooks(&error) => Ok(false),
        Err(error) if is_found(&error) => Ok(true),
        Err(error) => Err(error),
        // Nothing was rolled back, so the search stops.
        Ok(_) => Err(Error::RollbackTransaction),
    }
}
