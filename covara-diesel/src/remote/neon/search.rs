//! Finds what in a batch the database rejected, as Neon does not tell: by sending parts of it that
//! are always taken back. Observers are not told of that.

use std::borrow::Cow;

use diesel::result::{DatabaseErrorKind, Error, QueryResult};

use super::api::Statement;
use super::batch::NeonBatch;
use super::link::Link;
use super::options::NeonBatchOptions;
use crate::backend::batch::Probe;
use crate::backend::connection::message;
use crate::remote::batch::{first_part, probed, probing_text, telling_text, told};

impl NeonBatch {
    /// Finds the first statement after which the probe succeeds.
    pub(super) fn first_statement(
        &self,
        link: &mut Link,
        options: NeonBatchOptions,
        probe: Probe<'_>,
    ) -> Option<usize> {
        let all = self.statements.all();
        first_part(all.len(), |last| {
            let part = self.begin.iter().chain(&all[..=last]);
            let part = part.map(Cow::Borrowed).collect();
            probed(taken_back(link, options, part, probe), probe)
        })
    }

    /// Returns whether the batch up to a statement fails with the same message.
    pub(super) fn fails_alike(
        &self,
        link: &mut Link,
        options: NeonBatchOptions,
        last: usize,
        error: &Error,
    ) -> bool {
        let part = self.begin.iter().chain(&self.statements.all()[..=last]);
        let part = part.map(Cow::Borrowed).collect();
        let failed = taken_back(link, options, part, Probe::Fails);
        failed.is_err_and(|found| message(&found) == message(error))
    }

    /// Finds the first row of a statement that inserts rows after which the probe succeeds.
    pub(super) fn first_row_of(
        &self,
        link: &mut Link,
        at: usize,
        rows: usize,
        probe: Probe<'_>,
    ) -> Option<usize> {
        let (values, width) = self.statements.values(at, rows)?;
        let (before, statement) = (&self.statements.all()[..at], &self.statements.all()[at]);
        let one = self.statements.one(at)?;
        first_part(rows, |last| {
            // One statement, as in the batch, so that rows may refer to later ones.
            let part = statement.about(one, values[..(last + 1) * width].to_vec());
            let part = part.ok_or(Error::RollbackTransaction)?;
            let before = self.begin.iter().chain(before).map(Cow::Borrowed);
            let part = before.chain([Cow::Owned(part)]).collect();
            match taken_back(link, NeonBatchOptions::default(), part, probe) {
                // The part leaves out what a row refers to, which is no fault of the row.
                Err(error) if is_foreign_key(&error) => Ok(false),
                result => probed(result, probe),
            }
        })
    }

    /// Returns the value, a text, that an SQL expression has after all statements.
    pub(super) fn value_at_end(&self, link: &mut Link, expression: &str) -> Option<String> {
        let digits = format!(
            "pg_catalog.encode(pg_catalog.convert_to(\
                coalesce(CAST(({expression}) AS text), ''), 'UTF8'), 'hex')"
        );
        let mut asked = self.sent();
        asked.push(failing(&telling_text(&digits)));
        // It is undone, so it may be sent again.
        told(&link.batch(asked, NeonBatchOptions::default(), true).err()?)
    }
}

/// Returns a statement that fails, whatever the database contains, with this text in its message.
fn failing(text: &str) -> Cow<'static, Statement> {
    Cow::Owned(Statement::of_sql(format!("SELECT CAST({text} AS integer)")))
}

/// Runs statements, and then one that fails.
fn taken_back<'s>(
    link: &mut Link,
    options: NeonBatchOptions,
    mut statements: Vec<Cow<'s, Statement>>,
    probe: Probe<'_>,
) -> QueryResult<Vec<usize>> {
    statements.push(failing(&probing_text(probe)));
    // It is undone, so it may be sent again.
    link.batch(statements, options, true)
}

fn is_foreign_key(error: &Error) -> bool {
    matches!(
        error,
        Error::DatabaseError(DatabaseErrorKind::ForeignKeyViolation, _)
    )
}
