//! Batches of statements that are sent together.

use std::iter;

use diesel::migration::Migration;
use diesel::query_builder::{QueryBuilder, QueryFragment};
use diesel::result::QueryResult;
use diesel::sqlite::{Sqlite, SqliteQueryBuilder};

use super::recorder::statements_of;
use super::{Driver, RemoteConnection};
use crate::backend::batch::{Batch, Probe};
use crate::backend::connection::message;
use crate::backend::error::Source;
use crate::remote::batch::{
    SentStatement, Statements, Together, first_part, probed, probing_text, telling_text, told,
};
use crate::remote::observed::watched;
use crate::remote::sql::statement_error;
use crate::remote::value::{BoundValue, Statement};

/// Statements for a database over HTTP that has no transactions.
#[derive(Debug, Default)]
pub struct RemoteBatch {
    /// A statement before all others, which defers the checks of foreign keys.
    head: Option<Statement>,
    /// A statement after all others, which fails if a foreign key is violated. D1 does not answer
    /// if it finds that out itself, at the end of the transaction.
    check: Option<Statement>,
    statements: Statements<Statement>,
}

impl SentStatement for Statement {
    type Value = BoundValue;

    fn with_values(sql: &str, values: &[BoundValue]) -> Self {
        Self::new(sql, values.to_vec())
    }

    fn sql(&self) -> &str {
        &self.sql
    }

    fn values(&self) -> &[BoundValue] {
        &self.arguments
    }

    fn size(&self) -> usize {
        self.bytes()
    }
}

/// The message if a foreign key is violated.
const VIOLATED: &str = "covara_violated";

/// Returns a statement that fails, whatever the database contains, with this text in its message.
fn failing(text: &str) -> Statement {
    Statement::new(format!("SELECT json_extract('{{}}', {text})"), Vec::new())
}

impl RemoteBatch {
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
        let before = self.head.iter().chain(&self.statements.all()[..before]);
        let before: Vec<&Statement> = before.collect();
        first_part(statements.len(), |last| {
            let tried = before.iter().copied().chain(&statements[..=last]).cloned();
            let tried: Vec<Statement> = tried.chain([failing(&probing_text(probe))]).collect();
            probed(driver.atomically(&tried), probe)
        })
    }
}

impl<D: Driver> Batch<RemoteConnection<D>> for RemoteBatch {
    fn add<T>(&mut self, conn: &mut RemoteConnection<D>, statement: &T) -> QueryResult<()>
    where
        T: QueryFragment<Sqlite>,
    {
        self.statements.push(conn.statement(statement)?, None);
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
        self.statements
            .push_rows(conn.statement(insert)?, sql.finish());
        Ok(())
    }

    fn add_script(&mut self, sql: &str) -> QueryResult<()> {
        let statements = Statement::all_of(sql)?.into_iter();
        statements.for_each(|statement| self.statements.push(statement, None));
        Ok(())
    }

    fn add_migration(&mut self, migration: &dyn Migration<Sqlite>) -> Result<(), Source> {
        let statements = statements_of(migration)?.into_iter();
        statements.for_each(|statement| self.statements.push(statement, None));
        Ok(())
    }

    fn statements(&self) -> usize {
        self.statements.all().len()
    }

    fn bytes(&self) -> usize {
        self.statements.bytes()
    }

    fn defer(&mut self, begin: &str, is_violated: &str) -> QueryResult<()> {
        self.head = Statement::all_of(begin)?.into_iter().next();
        let check = format!("SELECT json_extract('{{}}', '{VIOLATED}') WHERE {is_violated}");
        self.check = Some(Statement::new(check, Vec::new()));
        Ok(())
    }

    fn try_send(&self, conn: &mut RemoteConnection<D>) -> QueryResult<Vec<usize>> {
        let statements = self.statements.all();
        if statements.is_empty() {
            return Ok(Vec::new());
        }
        let (Some(head), Some(check)) = (&self.head, &self.check) else {
            return watched(conn, &self.statements.together(), |conn| {
                conn.driver.atomically(statements)
            });
        };
        let all = iter::once(head).chain(statements);
        let all: Vec<Statement> = all.chain(iter::once(check)).cloned().collect();
        let shown = Together::of(all.iter().map(|statement| statement.sql.as_str()));
        let mut changed = watched(conn, &shown, |conn| {
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
        self.statements.take_apart(groups)
    }

    fn first(&self, conn: &mut RemoteConnection<D>, probe: Probe<'_>) -> Option<usize> {
        self.search(&mut *conn.driver, 0, self.statements.all(), probe)
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
        let rows = self.statements.rows_apart(at, rows)?;
        self.search(&mut *conn.driver, at, &rows, probe)
    }

    fn answer(&self, conn: &mut RemoteConnection<D>, expression: &str) -> Option<String> {
        let digits = format!("hex(coalesce({expression}, ''))");
        let asked = self.head.iter().chain(self.statements.all()).cloned();
        let asked: Vec<Statement> = asked.chain([failing(&telling_text(&digits))]).collect();
        told(&conn.driver.atomically(&asked).err()?)
    }
}
