//! Batches of statements where there are no transactions that span several requests.

use std::fmt;
use std::sync::Arc;

use data_encoding::HEXLOWER_PERMISSIVE;
use diesel::connection::DebugQuery;
use diesel::result::{Error, QueryResult};

use crate::backend::batch::{Probe, is_of_a_statement};
use crate::backend::connection::message;

/// A statement in the form that is sent.
pub(super) trait SentStatement: Clone {
    type Value: Clone;

    /// Creates a statement of these values.
    fn with_values(sql: &str, values: &[Self::Value]) -> Self;

    fn sql(&self) -> &str;

    fn values(&self) -> &[Self::Value];

    /// Returns the approximate size of the statement as JSON.
    fn size(&self) -> usize;

    /// Returns whether its SQL contains the values. Default: no.
    fn is_literal(&self) -> bool {
        false
    }
}

/// The statements of a batch, some of which insert rows.
#[derive(Debug)]
pub(super) struct Statements<S> {
    all: Vec<S>,
    /// Of each statement that inserts rows: the SQL for one of them.
    ones: Vec<Option<Arc<str>>>,
    bytes: usize,
}

impl<S> Default for Statements<S> {
    fn default() -> Self {
        Self {
            all: Vec::new(),
            ones: Vec::new(),
            bytes: 0,
        }
    }
}

impl<S: SentStatement> Statements<S> {
    pub(super) fn all(&self) -> &[S] {
        &self.all
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn push(&mut self, statement: S, one: Option<Arc<str>>) {
        self.bytes += statement.size();
        self.all.push(statement);
        self.ones.push(one);
    }

    /// Adds an insert of rows. `one` is the SQL for one of them.
    pub(super) fn push_rows(&mut self, statement: S, one: String) {
        // It is the same for each statement of a table, and an update has two for the same rows.
        let mut last = self.ones.iter().rev().take(2).flatten();
        let one = match last.find(|last| ***last == *one) {
            Some(last) => Arc::clone(last),
            None => one.into(),
        };
        self.push(statement, Some(one));
    }

    /// Returns the SQL for one row of a statement that inserts rows.
    pub(super) fn one(&self, at: usize) -> Option<&Arc<str>> {
        self.ones.get(at)?.as_ref()
    }

    /// Returns the values of the rows that a statement inserts, and of how many columns they are.
    pub(super) fn values(&self, at: usize, rows: usize) -> Option<(&[S::Value], usize)> {
        let values = self.all.get(at)?.values();
        let width = values.len().checked_div(rows)?;
        (width > 0 && width * rows == values.len()).then_some((values, width))
    }

    /// Returns an insert for each of the `rows` rows of a statement.
    pub(super) fn rows_apart(&self, at: usize, rows: usize) -> Option<Vec<S>> {
        let (values, width) = self.values(at, rows)?;
        let sql = self.one(at)?;
        let rows = values.chunks_exact(width);
        Some(rows.map(|row| S::with_values(sql, row)).collect())
    }

    /// Puts statements for single rows in the place of those for several, as
    /// [`Batch::take_apart`](crate::backend::batch::Batch::take_apart) says.
    pub(super) fn take_apart(&mut self, groups: &[(usize, usize)]) -> bool {
        let mut apart = Self::default();
        let mut at = 0;
        for &(statements, rows) in groups {
            let together = at..at + statements;
            at += statements;
            if rows == 0 {
                for at in together {
                    apart.push(self.all[at].clone(), None);
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

    /// Returns the statements as observers are told of them.
    pub(super) fn together(&self) -> Together<'_> {
        let statements = self.all.iter().zip(&self.ones);
        Together::of(statements.map(|(statement, one)| match one {
            Some(one) if statement.is_literal() => &**one,
            _ => statement.sql(),
        }))
    }
}

/// The statements of one request, shown as their SQL without their values, which may be many.
pub(super) struct Together<'s>(Vec<&'s str>);

impl<'s> Together<'s> {
    pub(super) fn of(statements: impl Iterator<Item = &'s str>) -> Self {
        Self(statements.collect())
    }
}

impl fmt::Display for Together<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, sql) in self.0.iter().enumerate() {
            let between = if position == 0 { "" } else { "; " };
            write!(f, "{between}{}", sql.trim_end_matches(';'))?;
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

/// The text in the error that takes statements back, which nothing else produces.
const TAKEN_BACK: &str = "covara_take_back";
/// The same if the condition looked for holds.
const FOUND: &str = "covara_found";

/// Returns the first of `parts`, each of which contains the one before, for which the probe
/// succeeds.
pub(super) fn first_part(
    parts: usize,
    mut succeeds: impl FnMut(usize) -> QueryResult<bool>,
) -> Option<usize> {
    let (mut first, mut end) = (0, parts);
    // The part looked for is one of first..end, if any.
    while first < end {
        let middle = first + (end - first) / 2;
        if succeeds(middle).ok()? {
            end = middle;
        } else {
            first = middle + 1;
        }
    }
    (first < parts).then_some(first)
}

/// Returns the SQL of a text that is to be in the error of the statement after those that are probed.
pub(super) fn probing_text(probe: Probe<'_>) -> String {
    match probe {
        Probe::Fails => format!("'{TAKEN_BACK}'"),
        Probe::Holds(condition) => {
            format!("CASE WHEN {condition} THEN '{FOUND}' ELSE '{TAKEN_BACK}' END")
        }
    }
}

/// Returns whether the probe succeeds, given the result of the statements and of one that fails with
/// the [text](probing_text).
pub(super) fn probed<T>(result: QueryResult<T>, probe: Probe<'_>) -> QueryResult<bool> {
    let is_found = |error: &Error| match probe {
        Probe::Fails => is_of_a_statement(error),
        Probe::Holds(_) => message(error).contains(FOUND),
    };
    match result {
        Err(error) if message(&error).contains(TAKEN_BACK) => Ok(false),
        Err(error) if is_found(&error) => Ok(true),
        Err(error) => Err(error),
        // Nothing was rolled back, so the search stops.
        Ok(_) => Err(Error::RollbackTransaction),
    }
}

/// Returns the SQL of a text that tells the value of an SQL expression, given in hexadecimal digits as
/// messages quote texts.
pub(super) fn telling_text(digits: &str) -> String {
    format!("'{TAKEN_BACK}<' || {digits} || '>'")
}

/// Returns the value that an error [tells](telling_text).
pub(super) fn told(error: &Error) -> Option<String> {
    let (_, text) = message(error).split_once(&format!("{TAKEN_BACK}<"))?;
    let (digits, _) = text.split_once('>')?;
    String::from_utf8(HEXLOWER_PERMISSIVE.decode(digits.as_bytes()).ok()?).ok()
}
