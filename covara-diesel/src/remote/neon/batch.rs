//! Batches of statements, each of which is one transaction.

use std::borrow::Cow;
use std::sync::Arc;

use diesel::migration::Migration;
use diesel::pg::Pg;
use diesel::query_builder::QueryFragment;
use diesel::result::QueryResult;

use super::NeonHttpConnection;
use super::api::Statement;
use super::link::Link;
use super::options::NeonBatchOptions;
use super::recorder::scripts_of;
use super::sql::statements;
use super::statement::checked;
use crate::backend::batch::{Batch, Probe};
use crate::backend::error::Source;
use crate::remote::batch::{SentStatement, Statements, Together};
use crate::remote::error::unsupported;

/// Statements for Neon's HTTP, which has no transactions that span several requests.
#[derive(Debug, Default)]
pub struct NeonBatch {
    /// The statements that precede the others.
    pub(super) begin: Vec<Statement>,
    pub(super) statements: Statements<Statement>,
}

/// The size of a statement, in bytes, up to which inserts are joined: less than the open-source
/// proxy takes in a request, 10 MiB.
const MOST_JOINED: usize = 9 << 20;

impl NeonBatch {
    pub(super) fn of(statements: Vec<Statement>) -> Self {
        let mut batch = Self::default();
        batch.push_all(statements);
        batch
    }

    fn push_all(&mut self, statements: Vec<Statement>) {
        for statement in statements {
            self.statements.push(statement, None);
        }
    }

    /// Returns all statements, after those that precede them.
    pub(super) fn sent(&self) -> Vec<Cow<'_, Statement>> {
        let all = self.begin.iter().chain(self.statements.all());
        all.map(Cow::Borrowed).collect()
    }

    /// Returns the SQL that is sent for a statement.
    pub(super) fn query(&self, at: usize) -> Option<&str> {
        Some(self.statements.all().get(at)?.sql())
    }

    pub(super) fn together(&self) -> Together<'_> {
        self.statements.together()
    }

    pub(super) fn run(
        &self,
        link: &mut Link,
        options: NeonBatchOptions,
    ) -> QueryResult<Vec<usize>> {
        let mut counts = link.batch(self.sent(), options, options.only_reads())?;
        counts.drain(..self.begin.len().min(counts.len()));
        Ok(counts)
    }

    /// Returns inserts into one table as one statement; `None` if that cannot be done.
    fn joined(&self, inserts: &[usize]) -> Option<(Statement, &Arc<str>)> {
        let first = *inserts.first()?;
        let one = self.statements.one(first)?;
        let all = self.statements.all();
        let values = inserts.iter().flat_map(|at| all[*at].values());
        let statement = all[first].about(one, values.cloned().collect())?;
        (statement.size() <= MOST_JOINED).then_some((statement, one))
    }
}

impl Batch<NeonHttpConnection> for NeonBatch {
    fn add<T>(&mut self, conn: &mut NeonHttpConnection, statement: &T) -> QueryResult<()>
    where
        T: QueryFragment<Pg>,
    {
        self.statements
            .push(conn.statement(statement, true)?.0, None);
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
        let (statement, one) = conn.statement_of_rows(insert, one)?;
        self.statements.push_rows(statement, one);
        Ok(())
    }

    fn add_script(&mut self, sql: &str) -> QueryResult<()> {
        self.push_all(scripted(sql)?);
        Ok(())
    }

    fn add_migration(&mut self, migration: &dyn Migration<Pg>) -> Result<(), Source> {
        for script in scripts_of(migration)? {
            self.push_all(scripted(&script)?);
        }
        Ok(())
    }

    fn statements(&self) -> usize {
        self.statements.all().len()
    }

    fn bytes(&self) -> usize {
        self.statements.bytes()
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
        self.statements.take_apart(groups)
    }

    fn first(&self, conn: &mut NeonHttpConnection, probe: Probe<'_>) -> Option<usize> {
        self.first_statement(&mut conn.link, NeonBatchOptions::default(), probe)
    }

    fn first_row(
        &self,
        conn: &mut NeonHttpConnection,
        at: usize,
        rows: usize,
        probe: Probe<'_>,
    ) -> Option<usize> {
        match rows {
            1 => Some(0),
            _ => self.first_row_of(&mut conn.link, at, rows, probe),
        }
    }

    fn join(&mut self, begin: &str, groups: &[Vec<usize>]) -> QueryResult<bool> {
        let mut joined = Self {
            begin: scripted(begin)?,
            ..Self::default()
        };
        for group in groups {
            if let [at] = group[..] {
                let one = self.statements.one(at).cloned();
                let alone = self.statements.all()[at].clone();
                joined.statements.push(alone, one);
                continue;
            }
            let Some((statement, one)) = self.joined(group) else {
                return Ok(false);
            };
            joined.statements.push(statement, Some(Arc::clone(one)));
        }
        *self = joined;
        Ok(true)
    }

    fn row_with(&self, at: usize, rows: usize, columns: &[usize], details: &str) -> Option<usize> {
        let (values, width) = self.statements.values(at, rows)?;
        values.chunks_exact(width).position(|row| {
            let named = columns.iter().map(|column| row.get(*column)?.as_deref());
            let named = named.collect::<Option<Vec<&str>>>();
            named.is_some_and(|named| details.contains(&format!(")=({})", named.join(", "))))
        })
    }

    fn answer(&self, conn: &mut NeonHttpConnection, expression: &str) -> Option<String> {
        self.value_at_end(&mut conn.link, expression)
    }
}

/// Returns the statements of a script, all of which a batch can have.
pub(super) fn scripted(sql: &str) -> QueryResult<Vec<Statement>> {
    let statements = statements(sql).into_iter().map(|query| {
        checked(query, true)?;
        Ok(Statement::of_sql(query))
    });
    statements.collect()
}
