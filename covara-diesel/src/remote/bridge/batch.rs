//! Batches of statements that are sent together.

use std::fmt;

use diesel::connection::DebugQuery;
use diesel::result::{DatabaseErrorKind, Error, QueryResult};

use super::Driver;
use crate::backend::connection::{BatchError, message};
use crate::remote::sql::rows_apart;
use crate::remote::value::Statement;

#[derive(Default)]
pub(super) struct Batch {
    statements: Vec<Statement>,
    pub(super) bytes: usize,
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

impl Batch {
    pub(super) fn add(&mut self, statement: Statement) {
        self.bytes += statement.bytes();
        self.statements.push(statement);
    }

    pub(super) fn statements(&self) -> usize {
        self.statements.len()
    }

    /// Returns the batch in the form that observers see.
    pub(super) fn shown(&self) -> Together<'_> {
        Together(&self.statements)
    }

    pub(super) fn send<D: Driver>(&self, driver: &mut D) -> QueryResult<Vec<usize>> {
        driver.execute_atomically(&self.statements)
    }

    /// Determines why the batch failed. Observers are not told of the statements sent for this.
    pub(super) fn explained<D: Driver>(
        &self,
        driver: &mut D,
        rows: &[usize],
        source: Error,
    ) -> BatchError {
        let at = is_of_a_statement(&source)
            .then(|| self.culprit(driver, rows))
            .flatten();
        BatchError { at, source }
    }

    /// Finds the first statement that fails, and the row in it. Servers do not report it, so parts
    /// of the batch are sent and always rolled back.
    fn culprit<D: Driver>(&self, driver: &mut D, rows: &[usize]) -> Option<(usize, Option<usize>)> {
        let all: Vec<&Statement> = self.statements.iter().collect();
        let statement = first_failing(driver, &[], &all)?;
        let count = rows.get(statement).copied().unwrap_or(1);
        if count == 1 {
            return Some((statement, Some(0)));
        }
        let row = rows_apart(all.get(statement)?, count).and_then(|single| {
            let single: Vec<&Statement> = single.iter().collect();
            first_failing(driver, &all[..statement], &single)
        });
        Some((statement, row))
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
    match driver.execute_atomically(&tried) {
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
